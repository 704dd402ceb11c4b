//! One run, from the claim to its end: each step performed, each end stored.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use model::{
    id::RunId,
    run::{Cause, Run, RunEffect, RunEvent, StepEnd, StepOutcome},
    runbook::{InputValue, StepAction, input_variable},
};
use output::LogKey;
use runner::{Action, Task, Workspace};
use store::{Advanced, Claimed, StoreError};

use super::{Engine, versions::Version};
use crate::clock;

/// From the signal that asks processes to end to the one that does not ask.
const GRACE: Duration = Duration::from_secs(10);
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(10);

impl Engine {
    pub(super) async fn perform_run(&self, task: Claimed) {
        let Claimed { mut run, mut step, mut attempt } = task;
        let began = began(&run);
        let mut workspace = None;
        loop {
            let end = self.perform_step(&run, step, attempt, began, &mut workspace).await;
            if self.0.abandoned.load(Ordering::Relaxed) {
                return;
            }
            let Some(advanced) = self.store_end(run.id, step, attempt, end).await else { return };
            self.0.changes.publish(&advanced.run);
            run = advanced.run;
            match next(&advanced.effects) {
                Some(started) => (step, attempt) = started,
                None => break,
            }
        }
        // A run that a stopping server leaves between two steps keeps its directory for the next.
        if run.state.is_end() {
            self.forget_stop(run.id);
            if let Some(workspace) = workspace {
                // A large checkout takes long to remove: the place is free for another run meanwhile.
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = workspace.remove() {
                        tracing::warn!(run = %run.id, %error, "the working directory could not be removed");
                    }
                });
            }
        }
    }

    async fn perform_step(
        &self,
        run: &Run,
        place: u32,
        attempt: u32,
        began: Instant,
        workspace: &mut Option<Workspace>,
    ) -> StepEnd {
        let version = match self.0.versions.of(&self.0.store, run).await {
            Ok(version) => version,
            Err(error) => return cannot_start(format!("its version cannot be read: {error}")),
        };
        let Some(step) = usize::try_from(place).ok().and_then(|place| version.runbook.steps.get(place))
        else {
            return cannot_start(format!("its version has no step {place}"));
        };
        let workspace = match self.workspace(run, &version, workspace) {
            Ok(workspace) => workspace,
            Err(message) => return cannot_start(message),
        };
        let key = LogKey { run: run.id.to_string(), step: place, attempt };
        let log = match self.0.outputs.create(key, version.runbook.output_limit) {
            Ok(log) => log,
            Err(error) => return cannot_start(format!("its output cannot be kept: {error}")),
        };
        self.0.changes.nudge(run.id);
        let left = run.timeout_s.map(|seconds| Duration::from_secs(seconds).saturating_sub(began.elapsed()));
        let own = step.timeout_s.map(Duration::from_secs);
        let action = match &step.action {
            StepAction::Run { interpreter, script } => {
                Action::Run { interpreter: interpreter.clone(), script: script.clone() }
            }
            StepAction::Command { argv } => Action::Command { argv: argv.clone() },
        };
        let variable = |(name, value): (&String, &InputValue)| (input_variable(name), value.to_variable());
        let task = Task {
            project: run.project.clone(),
            runbook: run.runbook.clone(),
            step_name: step.name.clone(),
            variables: run.inputs.iter().map(variable).collect(),
            timeout: [own, left].into_iter().flatten().min(),
            grace: GRACE,
            ..Task::new(run.id.to_string(), place, attempt, action)
        };
        runner::perform(&task, workspace, log, self.stop_of(run.id)).await
    }

    fn workspace<'w>(
        &self,
        run: &Run,
        version: &Version,
        workspace: &'w mut Option<Workspace>,
    ) -> Result<&'w Workspace, String> {
        if workspace.is_none() {
            let id = run.id.to_string();
            // A run that went on after a restart has one; a new run has not.
            let resumed = run.steps.iter().any(|step| step.state.is_end());
            let opened = if resumed { Workspace::open(&self.0.work, &id).ok() } else { None };
            let made = match opened {
                Some(workspace) => Ok(workspace),
                None => Workspace::create(&self.0.work, &id, &version.files),
            };
            let fault = |error| format!("its working directory cannot be made: {error}");
            *workspace = Some(made.map_err(fault)?);
        }
        workspace.as_ref().ok_or_else(|| "its working directory is gone".to_owned())
    }

    /// Store how a step ended. A result is never lost while this process lives: the store is asked until it answers.
    async fn store_end(&self, run: RunId, step: u32, attempt: u32, end: StepEnd) -> Option<Advanced> {
        let mut wait = RETRY_FIRST;
        loop {
            let event = RunEvent::StepFinished { step, attempt, end: end.clone() };
            let go_on = !self.0.draining.load(Ordering::Relaxed);
            match self.0.store.advance(run, clock::now(), event, go_on).await {
                Ok(advanced) => return Some(advanced),
                // Stored before, though the answer was lost; or somebody else has settled it.
                Err(StoreError::Refused(refused)) => {
                    tracing::error!(%run, step, %refused, "the end of a step came too late");
                    return None;
                }
                Err(error) => {
                    tracing::error!(%run, step, %error, "the end of a step could not be stored; trying again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RETRY_LONGEST);
                }
            }
        }
    }
}

/// When the run began, on the clock that never jumps.
fn began(run: &Run) -> Instant {
    let elapsed = run.started_at.map_or(Duration::ZERO, |at| {
        Duration::try_from(clock::now().duration_since(at)).unwrap_or(Duration::ZERO)
    });
    let now = Instant::now();
    now.checked_sub(elapsed).unwrap_or(now)
}

/// The step that was started with the end of the one before.
fn next(effects: &[RunEffect]) -> Option<(u32, u32)> {
    effects.iter().find_map(|effect| match effect {
        RunEffect::Started { step, attempt } => Some((*step, *attempt)),
        _ => None,
    })
}

fn cannot_start(message: String) -> StepEnd {
    StepEnd {
        outcome: StepOutcome::Failed,
        cause: Some(Cause::CannotStart),
        message: Some(message),
        exit_code: None,
        signal: None,
        outputs: std::collections::BTreeMap::new(),
    }
}
