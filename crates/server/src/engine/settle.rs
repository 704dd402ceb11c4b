//! What a server does first: say what became of the steps that were running when the last one went away.

use model::run::{Cause, RunEffect, RunEvent, StepEnd};
use store::StoreError;

use super::Engine;
use crate::clock;

impl Engine {
    /// End every step that was running as `unknown` (law 4: nothing is guessed, nothing is started again), and clear the
    /// working directories of runs that have ended. Answers how many steps were settled.
    pub(crate) async fn settle(&self) -> Result<usize, StoreError> {
        let mut settled = 0;
        for run in self.0.store.unfinished_runs().await? {
            let Some(step) = run.running_step() else { continue };
            let running = usize::try_from(step).ok().and_then(|place| run.steps.get(place));
            let Some(attempt) = running.map(|step| step.attempt) else { continue };
            let message = "the server went away while it ran: nobody can say how it ended";
            let end = StepEnd::unknown(Cause::ServerLost, message);
            let event = RunEvent::StepFinished { step, attempt, end };
            let advanced = self.0.store.advance(run.id, clock::now(), event, false).await?;
            debug_assert!(advanced.effects.contains(&RunEffect::Ended));
            tracing::warn!(run = %run.id, runbook = run.runbook, "a step was running when the server went away: unknown");
            settled += 1;
        }
        // Only runs between two steps keep their working directory, and those are made anew if it is lost.
        let unfinished = self.0.store.unfinished_runs().await?;
        let keep: Vec<String> = unfinished.iter().map(|run| run.id.to_string()).collect();
        if let Err(error) = runner::Workspace::remove_all_but(&self.0.work, &keep) {
            tracing::warn!(%error, "working directories of ended runs could not be removed");
        }
        Ok(settled)
    }
}
