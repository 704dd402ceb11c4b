//! One place of the runner: an attempt is performed, its end stored, and what that makes ready is performed next.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use model::{
    id::RunId,
    run::{Cause, RunEffect, RunEvent, StepEnd, StepOutcome},
};
use output::LogKey;
use runner::{AttemptId, Progress, Stop, Task};
use store::{Advanced, StoreError};
use tokio::sync::OwnedSemaphorePermit;

use super::{Attempt, Engine, decide_again::Refused, prepare::Prepared};
use crate::clock;

const RETRY_FIRST: Duration = Duration::from_millis(100);
/// While the store does not say whether an attempt may begin. Whoever cancels it waits no longer.
const ASKED_EVERY: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(10);

/// May an attempt begin whose start is stored?
enum May {
    Begin,
    /// A policy forbids it: it waits until it may.
    NotNow(Refused),
    /// Somebody canceled it before anything could be decided.
    NeverMore,
    /// The server stops, and the store does not answer: the next start asks again.
    NobodyKnows,
}

impl Engine {
    /// Perform an attempt whose start is stored, in the place that was kept for it.
    pub(super) fn perform(&self, attempt: Attempt, place: OwnedSemaphorePermit) {
        self.perform_in(attempt, Some(place));
    }

    /// Perform it though no place is free.
    pub(super) fn perform_beyond(&self, attempt: Attempt) {
        self.perform_in(attempt, None);
    }

    fn perform_in(&self, attempt: Attempt, place: Option<OwnedSemaphorePermit>) {
        self.0.running.fetch_add(1, Ordering::Relaxed);
        let engine = self.clone();
        tokio::spawn(async move {
            let mut next = Some(attempt);
            while let Some(attempt) = next {
                next = match engine.may_begin(&attempt).await {
                    May::Begin => {
                        let end = engine.perform_attempt(&attempt).await;
                        engine.over(&attempt, end).await
                    }
                    May::NotNow(refused) => {
                        let parks = refused.parks(attempt.step, attempt.attempt);
                        engine.became(&attempt, parks).await
                    }
                    May::NeverMore => {
                        engine.over(&attempt, StepEnd::canceled("canceled before it started")).await
                    }
                    May::NobodyKnows => None,
                };
            }
            engine.0.running.fetch_sub(1, Ordering::Relaxed);
            drop(place);
        });
    }

    /// Its start is stored, and nothing of it is performed before it has been decided again whether it may be.
    async fn may_begin(&self, attempt: &Attempt) -> May {
        let Attempt { run, step, attempt: number } = attempt;
        let stop = self.stop_of(run.id, *step, *number);
        let mut pause = RETRY_FIRST;
        loop {
            match self.decide_again(run).await {
                Ok(Ok(())) => return May::Begin,
                Ok(Err(refused)) => return May::NotNow(refused),
                Err(error) => {
                    tracing::error!(run = %run.id, step, %error, "whether a step may begin cannot be decided; trying again");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ASKED_EVERY);
            if stop.is_asked() {
                return May::NeverMore;
            }
            if self.0.abandoned.load(Ordering::Relaxed) {
                return May::NobodyKnows;
            }
        }
    }

    async fn perform_attempt(&self, attempt: &Attempt) -> StepEnd {
        let Attempt { run, step, attempt: number } = attempt;
        let stop = self.stop_of(run.id, *step, *number);
        match self.prepare(attempt).await {
            Ok(Prepared::Process(task)) => self.under_shim(run.id, *task, stop).await,
            Ok(Prepared::Http(task, log)) => {
                self.changes().nudge(run.id);
                self.0.network.http(&task, log, stop).await
            }
            Ok(Prepared::Check(task, log)) => {
                self.changes().nudge(run.id);
                let check = self.0.network.check(&task.check, log, stop.clone());
                within(task.timeout, check, &stop).await
            }
            Err(end) => *end,
        }
    }

    /// The shim writes the log; whoever follows is told when it grows.
    async fn under_shim(&self, run: RunId, task: Task, stop: Stop) -> StepEnd {
        let key = task.id().log_key();
        self.outputs().expect(key.clone());
        let end = self.0.shims.perform(&task, stop, self.on_progress(run, key.clone())).await;
        self.close_log(&key, &end).await;
        end
    }

    /// What a shim says while an attempt is under way.
    pub(super) fn on_progress(&self, run: RunId, key: LogKey) -> impl FnMut(Progress) + Send + use<> {
        let engine = self.clone();
        move |progress| {
            if matches!(progress, Progress::Grew) {
                engine.outputs().nudge(&key);
                engine.changes().nudge(run);
            }
        }
    }

    /// The end of an attempt is stored: its shim may forget it.
    pub(super) fn acknowledge(&self, id: &AttemptId) {
        if let Err(error) = self.0.shims.acknowledge(id) {
            tracing::warn!(attempt = %id, %error, "a record of an end could not be removed; the next start does it");
        }
    }

    /// A log whose writer has ended, in good order or not.
    pub(super) async fn close_log(&self, key: &LogKey, end: &StepEnd) {
        if end.outcome != StepOutcome::Unknown {
            self.outputs().finished(key);
            return;
        }
        let (outputs, key) = (self.outputs().clone(), key.clone());
        // It waits for the disk.
        let closed = tokio::task::spawn_blocking(move || outputs.close_abandoned(&key)).await;
        if let Ok(Err(error)) = closed {
            tracing::warn!(%error, "the log of a lost attempt could not be closed");
        }
    }

    /// Store how an attempt ended, and do what follows. Answers what this place performs next.
    pub(super) async fn over(&self, attempt: &Attempt, end: StepEnd) -> Option<Attempt> {
        let (step, number) = (attempt.step, attempt.attempt);
        self.became(attempt, RunEvent::StepFinished { step, attempt: number, end }).await
    }

    /// Store what became of an attempt: it ended, or a policy did not let it begin.
    async fn became(&self, attempt: &Attempt, event: RunEvent) -> Option<Attempt> {
        let Attempt { run, step, attempt: number } = attempt;
        if self.0.abandoned.load(Ordering::Relaxed) {
            return None;
        }
        let places = u32::from(!self.is_draining());
        let mut event = event;
        self.mask_end(run, &mut event).await;
        let advanced = self.store_end(run.id, event, places).await;
        self.forget_stop(run.id, *step, *number);
        // A refused end was stored before.
        if !self.0.abandoned.load(Ordering::Relaxed) || advanced.is_some() {
            let run = run.id.to_string();
            self.acknowledge(&AttemptId { run, step: *step, attempt: *number, epoch: 0 });
        }
        let Advanced { run, mut effects, changed, also } = advanced?;
        let started = effects.iter().position(|effect| matches!(effect, RunEffect::Started { .. }));
        let next = started.map(|at| effects.remove(at));
        let next = match next {
            Some(RunEffect::Started { step, attempt }) => {
                Some(Attempt { run: Arc::clone(&run), step, attempt })
            }
            _ => None,
        };
        self.follow_up(Advanced { run, effects, changed, also }, None);
        next
    }

    /// What became of it is stored, however long the store does not answer: nobody else knows it.
    async fn store_end(&self, run: RunId, event: RunEvent, places: u32) -> Option<Advanced> {
        let mut pause = RETRY_FIRST;
        loop {
            match self.0.store.advance(run, clock::now(), event.clone(), places).await {
                Ok(advanced) => return Some(advanced),
                Err(StoreError::Refused(refused)) => {
                    // Stored by an earlier try whose answer was lost.
                    tracing::warn!(%run, %refused, "what became of an attempt was not taken");
                    return None;
                }
                Err(error) => {
                    tracing::error!(%run, %error, "what became of an attempt could not be stored; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_LONGEST);
                }
            }
            if self.0.abandoned.load(Ordering::Relaxed) {
                return None;
            }
        }
    }
}

/// The end of a check, or that its time was up.
async fn within(timeout: Option<Duration>, check: impl Future<Output = StepEnd>, stop: &Stop) -> StepEnd {
    let Some(timeout) = timeout else { return check.await };
    let mut check = std::pin::pin!(check);
    tokio::select! {
        end = &mut check => end,
        () = tokio::time::sleep(timeout) => {
            // It finishes its log as if it was canceled.
            stop.cancel();
            check.await;
            StepEnd::failed(Cause::Timeout, format!("still not good after {} s", timeout.as_secs()))
        }
    }
}

pub(super) fn cannot_start(message: impl Into<String>) -> Box<StepEnd> {
    Box::new(StepEnd::failed(Cause::CannotStart, message))
}
