//! What a server does first: take up again what was running when the last one went away.
//!
//! An attempt whose shim lives is followed on; one whose shim has written how it ended is stored so. Of any other nobody
//! can say how it ended (law 4): it is lost, and the state machine says what that means.

use std::collections::HashMap;

use model::{
    id::RunId,
    run::{Cause, RunEvent},
};
use runner::{Found, FoundState, Workspace};
use store::{RunningAttempt, StoreError};

use super::{Attempt, Engine};
use crate::clock;

/// What became of the attempts that were running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// They run on.
    pub taken_up: usize,
    /// They had ended meanwhile.
    pub ended: usize,
    /// Nobody knows.
    pub lost: usize,
}

impl Engine {
    /// Bring store and shims together again. Before this, nothing may be started.
    pub(crate) async fn recover(&self, found: Vec<Found>) -> Result<Recovered, StoreError> {
        let mut recovered = Recovered::default();
        let mut found: HashMap<(String, u32, u32), Found> =
            found.into_iter().map(|found| ((found.run.clone(), found.step, found.attempt), found)).collect();
        for RunningAttempt { run: id, step, attempt } in self.0.store.running_attempts().await? {
            let Some(run) = self.0.store.run_by_id(id).await? else { continue };
            let found = found.remove(&(id.to_string(), step, attempt)).map(|found| found.state);
            let known = Attempt { run, step, attempt };
            match found {
                Some(FoundState::Running(running)) => {
                    recovered.taken_up += 1;
                    self.take_up(known, running);
                }
                Some(FoundState::Ended(end)) => {
                    recovered.ended += 1;
                    if let Some(next) = self.over(&known, end).await {
                        self.perform_beyond(next);
                    }
                }
                Some(FoundState::Lost(why)) => {
                    recovered.lost += 1;
                    self.lost(&known, format!("its supervisor was lost with the server: {why}")).await?;
                }
                None => {
                    recovered.lost += 1;
                    let why = "the server went away while it ran, and nothing is left that says how it ended";
                    self.lost(&known, why.to_owned()).await?;
                }
            }
        }
        // The store knows nothing of these, or has their end already.
        for (_, stray) in found {
            tracing::warn!(run = stray.run, step = stray.step, attempt = stray.attempt, "a stray attempt is ended");
            if let FoundState::Running(running) = stray.state {
                running.kill().await;
            }
            self.0.shims.acknowledge(&stray.run, stray.step, stray.attempt);
        }
        self.clear_work().await?;
        Ok(recovered)
    }

    async fn lost(&self, Attempt { run, step, attempt }: &Attempt, message: String) -> Result<(), StoreError> {
        tracing::warn!(run = %run.id, runbook = run.runbook, step, attempt, message, "an attempt was lost");
        let event = RunEvent::StepLost { step: *step, attempt: *attempt, cause: Cause::ServerLost, message };
        let advanced = self.0.store.advance(run.id, clock::now(), event, 0).await?;
        self.0.shims.acknowledge(&run.id.to_string(), *step, *attempt);
        self.follow_up(advanced, None);
        Ok(())
    }

    /// Working directories of runs that have ended go. Those of others stay: their steps work in them.
    async fn clear_work(&self) -> Result<(), StoreError> {
        let entries = match std::fs::read_dir(&self.0.work) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                tracing::warn!(%error, "working directories of ended runs could not be looked for");
                return Ok(());
            }
        };
        let mut keep = Vec::new();
        for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            let Ok(id) = name.parse::<RunId>() else { continue };
            if self.0.store.run_by_id(id).await?.is_some_and(|run| !run.state.is_end()) {
                keep.push(name);
            }
        }
        if let Err(error) = Workspace::remove_all_but(&self.0.work, &keep) {
            tracing::warn!(%error, "working directories of ended runs could not be removed");
        }
        Ok(())
    }
}
