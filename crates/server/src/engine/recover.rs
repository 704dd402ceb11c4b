//! What a server does first: take up again what was running when the last one went away.
//!
//! An attempt whose shim lives is followed on; one whose shim has written how it ended is stored so. Of any other nobody
//! can say how it ended (law 4): it is lost, and the state machine says what that means.

use std::{collections::HashMap, sync::atomic::Ordering};

use model::{
    id::RunId,
    run::{Cause, StepEnd},
};
use output::LogKey;
use runner::{Attached, Found, Stop, Workspace};
use store::{RunningAttempt, StoreError};

use super::{Attempt, Engine};

/// What became of the attempts that were running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// They run on.
    pub taken_up: usize,
    /// They had ended meanwhile.
    pub ended: usize,
    /// They had not begun: their start was stored, and no shim had heard of it.
    pub begun: usize,
    /// Nobody knows.
    pub lost: usize,
}

impl Engine {
    /// Bring store and shims together again. Before this, nothing may be started.
    ///
    /// A shim writes down what it was told before it starts anything, and that survives the death of any process. So, as
    /// long as the machine was not started again (`same_boot`), an attempt of which no trace is there has not begun.
    pub(crate) async fn recover(&self, found: Vec<Found>, same_boot: bool) -> Result<Recovered, StoreError> {
        let mut recovered = Recovered::default();
        let mut found: HashMap<(String, u32, u32), Found> = found
            .into_iter()
            .map(|found| {
                let id = found.id();
                ((id.run.clone(), id.step, id.attempt), found)
            })
            .collect();
        for RunningAttempt { run: id, step, attempt } in self.0.store.running_attempts().await? {
            let Some(run) = self.0.store.run_by_id(id).await? else { continue };
            let known = Attempt { run, step, attempt };
            match found.remove(&(id.to_string(), step, attempt)) {
                Some(Found::Running(attached)) => {
                    recovered.taken_up += 1;
                    self.take_up(known, attached);
                }
                Some(Found::Ended { end, .. }) => {
                    recovered.ended += 1;
                    if let Some(next) = self.over(&known, end).await {
                        self.perform_beyond(next);
                    }
                }
                Some(Found::Lost { end, .. }) => {
                    recovered.lost += 1;
                    self.lost(&known, end).await;
                }
                None if same_boot && known.is_process() => {
                    recovered.begun += 1;
                    self.perform_beyond(known);
                }
                None => {
                    recovered.lost += 1;
                    let why = "the server went away while it ran, and nothing is left that says how it ended";
                    self.lost(&known, StepEnd::unknown(Cause::ServerLost, why)).await;
                }
            }
        }
        // The store has their end already, or knows nothing of them.
        for (_, stray) in found {
            let id = stray.id().clone();
            tracing::warn!(attempt = %id, "an attempt that the store does not know is ended");
            if let Found::Running(attached) = stray {
                let stop = Stop::new();
                stop.kill_now();
                attached.follow(stop, |_| {}).await;
            }
            self.acknowledge(&id);
        }
        self.clear_work().await?;
        Ok(recovered)
    }

    /// Follow an attempt on that goes on under its shim.
    fn take_up(&self, known: Attempt, attached: Attached) {
        let key = attached.id().log_key();
        self.outputs().expect(key.clone());
        self.0.running.fetch_add(1, Ordering::Relaxed);
        let engine = self.clone();
        tokio::spawn(async move {
            let stop = engine.stop_of(known.run.id, known.step, known.attempt);
            let end = attached.follow(stop, engine.on_progress(known.run.id, key.clone())).await;
            engine.close_log(&key, &end).await;
            let next = engine.over(&known, end).await;
            engine.0.running.fetch_sub(1, Ordering::Relaxed);
            if let Some(next) = next {
                engine.perform_beyond(next);
            }
        });
    }

    async fn lost(&self, known: &Attempt, end: StepEnd) {
        let Attempt { run, step, attempt } = known;
        let message = end.message.as_deref().unwrap_or_default();
        tracing::warn!(run = %run.id, runbook = run.runbook, step, attempt, message, "an attempt was lost");
        let key = LogKey { run: run.id.to_string(), step: *step, attempt: *attempt };
        self.close_log(&key, &end).await;
        if let Some(next) = self.over(known, end).await {
            self.perform_beyond(next);
        }
    }

    /// Working directories of runs that have ended go. Those of others stay: their steps work in them. Only what was there
    /// at the first look can go: shims make the folders of what begins now meanwhile.
    async fn clear_work(&self) -> Result<(), StoreError> {
        let names = match Workspace::list(&self.0.work) {
            Ok(names) => names,
            Err(error) => {
                tracing::warn!(%error, "working directories of ended runs could not be looked for");
                return Ok(());
            }
        };
        let mut gone = Vec::new();
        for name in names {
            let run = match name.to_str().and_then(|name| name.parse::<RunId>().ok()) {
                Some(id) => self.0.store.run_by_id(id).await?,
                None => None,
            };
            if run.is_none_or(|run| run.state.is_end()) {
                gone.push(name);
            }
        }
        if let Err(error) = Workspace::remove_these(&self.0.work, &gone) {
            tracing::warn!(%error, "working directories of ended runs could not be removed");
        }
        Ok(())
    }
}
