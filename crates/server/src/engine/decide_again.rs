//! What was allowed when a run was asked for may be no more when something of it is about to be performed: it is decided
//! again, each time (law 3).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use model::{firing::TimedKind, id::PrincipalId, run::Run};
use policy::{Principal, Resource, RunStart};
use store::{Initiator, StoreError};

use super::Engine;

/// What another server changes holds here after this time at the latest.
const KEPT: Duration = Duration::from_secs(1);
/// Whoever asked for runs, of whom is remembered how they stand.
const REMEMBERED: usize = 10_000;
/// The guardrail that speaks of whoever began something.
const CHAIN: &str = "0.chain";

/// Is anything decided again?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deciding {
    /// Each time that something is about to be performed.
    Again,
    /// Never: somebody tries a file on their own machine, where they may do all that it does.
    Nothing,
}

/// What a policy did not let begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// None where no policy permits it.
    pub policy: Option<String>,
    pub reason: String,
}

/// How those stand who asked for runs, for as long as nobody's rights have changed, and a second at most: a run of many steps asks
/// for the same again and again.
#[derive(Default)]
pub(super) struct Standings(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Counts how often all was forgotten: what was read before that is not kept after it.
    changes: u64,
    of: HashMap<PrincipalId, (Instant, Option<Initiator>)>,
}

impl Standings {
    /// How somebody stands, if it is known; else which changes were heard of before it is read.
    fn get(&self, id: PrincipalId) -> Result<Option<Initiator>, u64> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.of.get(&id) {
            Some((since, initiator)) if since.elapsed() < KEPT => Ok(initiator.clone()),
            _ => Err(known.changes),
        }
    }

    fn keep(&self, id: PrincipalId, changes: u64, read_at: Instant, initiator: &Option<Initiator>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.changes != changes {
            return;
        }
        if known.of.len() >= REMEMBERED {
            known.of.clear();
        }
        known.of.insert(id, (read_at, initiator.clone()));
    }

    pub(super) fn forget(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.changes += 1;
        known.of.clear();
    }
}

impl Engine {
    /// May this run go on with what it is about to perform? Whoever asked for it must be somebody still, and be allowed to start
    /// it now.
    ///
    /// # Errors
    /// If the store does not answer: then nobody knows, and nothing is performed.
    pub(super) async fn decide_again(&self, run: &Run) -> Result<Result<(), Refused>, StoreError> {
        if self.0.deciding == Deciding::Nothing {
            return Ok(Ok(()));
        }
        let by = &run.requested_by;
        let Some(initiator) = self.initiator(by.id).await?.filter(|initiator| initiator.enabled) else {
            return Ok(Err(Refused { policy: Some(CHAIN.to_owned()), reason: gone(run) }));
        };
        let principal = Principal { id: by.id, name: initiator.name, role: initiator.role };
        let resource = Resource {
            project: Some(run.project.clone()),
            runbook: Some(run.runbook.clone()),
            ..Resource::default()
        };
        Ok(policy::decide::<RunStart>(&principal, &resource).map(drop).map_err(|denied| Refused {
            policy: denied.policy.map(str::to_owned),
            reason: denied.reason.to_owned(),
        }))
    }

    async fn initiator(&self, id: PrincipalId) -> Result<Option<Initiator>, StoreError> {
        let changes = match self.0.standings.get(id) {
            Ok(known) => return Ok(known),
            Err(changes) => changes,
        };
        let read_at = Instant::now();
        let initiator = self.0.store.initiator(id).await?;
        self.0.standings.keep(id, changes, read_at, &initiator);
        Ok(initiator)
    }
}

/// Why nobody may go on in the name of whoever asked.
fn gone(run: &Run) -> String {
    let name = &run.requested_by.name;
    let timed = [TimedKind::Schedule, TimedKind::Probe, TimedKind::Collector];
    if timed.iter().any(|kind| kind.name() == run.via) {
        format!("`{name}` began this run, and is not published any more.")
    } else {
        format!("`{name}` asked for this run, and has no token in force any more.")
    }
}

#[cfg(test)]
mod tests {
    use model::{api::Role, id::Uuid};

    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let standings = Standings::default();
        let id = PrincipalId(Uuid::nil());
        let ada = Some(Initiator { name: "ada".into(), role: Role::Member, enabled: true });
        let before = standings.get(id).unwrap_err();
        standings.keep(id, before, Instant::now(), &ada);
        assert_eq!(standings.get(id), Ok(ada.clone()));
        standings.forget();
        let after = standings.get(id).unwrap_err();
        standings.keep(id, before, Instant::now(), &ada);
        assert_eq!(standings.get(id), Err(after), "it was read before the change");
        standings.keep(id, after, Instant::now() - KEPT, &ada);
        assert_eq!(standings.get(id), Err(after), "another server may have changed it since");
    }
}
