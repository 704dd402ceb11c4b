//! What a policy did not let begin is decided on again when rights have changed, and goes on when it may.

use std::time::{Duration, Instant};

use model::{
    id::RunId,
    run::{RunEvent, Wait, WaitReason},
};
use store::StoreError;

use super::{Engine, decide_again::Refused};
use crate::{clock, metrics::Turning};

/// Parked steps that are read at once.
const AT_ONCE: u32 = 100;
/// Another server may have changed a right: its revision is read this often.
const LOOK: Duration = Duration::from_secs(10);
/// What the clock alone changes, a freeze that is over or a grant that ends, has no revision: this often all is decided again.
const ALL: Duration = Duration::from_secs(60);
/// After a fault.
const PAUSE: Duration = Duration::from_secs(1);

impl Engine {
    /// Somebody's rights have changed, or a policy: what is parked may perhaps go on, what goes on perhaps may not.
    pub(crate) fn rights_changed(&self) {
        self.0.standings.forget();
        self.0.rights.notify_one();
    }

    /// Decide again on what is parked, as long as the engine lives.
    pub(crate) async fn keep_parked(&self) {
        let mut decided: Option<(i64, Instant)> = None;
        let mut told = false;
        while !self.is_draining() {
            self.0.metrics.turned(Turning::Rights);
            match self.decide_if_changed(decided, told).await {
                Ok(now) => decided = now,
                Err(error) => {
                    tracing::error!(%error, "what waits for a policy could not be decided on; trying again");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
            told = tokio::time::timeout(LOOK, self.0.rights.notified()).await.is_ok();
        }
    }

    /// Answers what all was decided on: the revision of rights, and when.
    async fn decide_if_changed(
        &self,
        decided: Option<(i64, Instant)>,
        told: bool,
    ) -> Result<Option<(i64, Instant)>, StoreError> {
        // Read before anything is decided: what changes meanwhile has another.
        let (revision, now) = (self.0.store.rights_revision().await?, Instant::now());
        if let Some((known, at)) = decided {
            if known != revision {
                self.0.standings.forget();
            } else if !told && now.duration_since(at) < ALL {
                return Ok(decided);
            }
        }
        self.decide_on_all_parked().await?;
        Ok(Some((revision, now)))
    }

    async fn decide_on_all_parked(&self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let parked = self.0.store.parked_steps(after, AT_ONCE).await?;
            let Some(last) = parked.last().copied() else { return Ok(()) };
            for (run, step) in parked {
                if self.is_draining() {
                    return Ok(());
                }
                match self.decide_on_parked(run, step).await {
                    Err(StoreError::Corrupt(why)) => {
                        tracing::error!(%run, step, why, "a step that waits for a policy cannot be decided on");
                    }
                    decided => decided?,
                }
            }
            after = Some(last);
        }
    }

    async fn decide_on_parked(&self, id: RunId, step: u32) -> Result<(), StoreError> {
        let Some(run) = self.0.store.run_by_id(id).await? else { return Ok(()) };
        let Some(parked) = run.step(step) else { return Ok(()) };
        let Some(Wait { reason: WaitReason::Policy { policy, reason }, .. }) = &parked.wait else {
            return Ok(());
        };
        let attempt = parked.attempt;
        let event = match self.decide_again(&run).await? {
            Ok(()) => RunEvent::StepUnparked { step, attempt },
            Err(refused) if (&refused.policy, &refused.reason) == (policy, reason) => return Ok(()),
            Err(refused) => refused.parks(step, attempt),
        };
        match self.0.store.advance(id, clock::now(), event, 0).await {
            Ok(advanced) => self.follow_up(advanced, None),
            // It moved meanwhile.
            Err(StoreError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Refused {
    /// What a run is told of it.
    pub(super) fn parks(self, step: u32, attempt: u32) -> RunEvent {
        let Self { policy, reason } = self;
        RunEvent::StepParked { step, attempt, policy, reason }
    }
}
