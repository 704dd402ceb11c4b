//! What a run waits for, in words: nobody should ever have to ask why one hangs.

use std::fmt::Write as _;

use model::{
    api::{RunChange, RunView},
    run::{Run, RunState, StepRun, Wait, WaitReason},
};
use store::{LockHolders, StoreError};

use super::Engine;

/// Waiting steps that are named one by one.
const NAMED: usize = 3;

impl Engine {
    /// The run as the API shows it.
    pub(crate) async fn view(&self, run: Run) -> RunView {
        let waits_for = self.waits_for(&run).await;
        RunView::new(run, waits_for)
    }

    /// What has changed between two revisions of a run.
    pub(crate) async fn change(&self, before: &Run, after: &Run) -> RunChange {
        let changed = |(place, step): &(usize, &std::sync::Arc<StepRun>)| {
            before.steps.get(*place).is_none_or(|old| !std::sync::Arc::ptr_eq(old, step) && old != *step)
        };
        let changed: Vec<_> = after.steps.iter().enumerate().filter(changed).collect();
        let places = changed.iter().filter_map(|(place, _)| u32::try_from(*place).ok()).collect();
        let steps = changed.into_iter().map(|(_, step)| std::sync::Arc::clone(step)).collect();
        let waits_for = self.waits_for(after).await;
        RunChange { run: Run { steps, ..after.without_steps() }, waits_for, places }
    }

    /// What a run waits for, while it does not move.
    pub(crate) async fn waits_for(&self, run: &Run) -> Option<String> {
        if run.state.is_end() {
            return None;
        }
        if let Some(wait) = &run.wait {
            return Some(self.words(run, None, wait).await);
        }
        if run.counts.running > 0 {
            return (run.state == RunState::Canceling).then(|| ending(run));
        }
        let waiting: Vec<(&StepRun, &Wait)> =
            run.steps.iter().filter_map(|step| Some((&**step, step.wait.as_ref()?))).collect();
        let mut words = String::new();
        for (step, wait) in waiting.iter().take(NAMED) {
            if !words.is_empty() {
                words.push_str("; ");
            }
            words.push_str(&self.words(run, Some(step), wait).await);
        }
        if waiting.len() > NAMED {
            let _ = write!(words, "; and {} more", waiting.len() - NAMED);
        }
        (!words.is_empty()).then_some(words)
    }

    async fn words(&self, run: &Run, step: Option<&StepRun>, wait: &Wait) -> String {
        let of = step.map(|step| format!(" of step `{}`", step.path)).unwrap_or_default();
        let at = step.map(|step| format!(" at step `{}`", step.path)).unwrap_or_default();
        let moment = |word: &str| wait.until.map(|at| format!(" {word} {}", moment(at))).unwrap_or_default();
        let (until, then) = (moment("until"), moment("at"));
        match &wait.reason {
            WaitReason::Runner => self.words_for_a_place(),
            WaitReason::Person { .. } => format!("a person, who does what is asked{at}{until}"),
            WaitReason::Approval { .. } => {
                format!("somebody's approval{at}{until}; not of whoever asked for the run")
            }
            WaitReason::Time => format!("the time{at}: it goes on{then}"),
            WaitReason::Retry { message } => {
                format!("the next attempt{of}{then}, after this: {message}")
            }
            WaitReason::Lock { key, limit } => {
                let held = match self.lock_holders(&run.project, key).await {
                    Ok(holders) if !holders.held_by.is_empty() => {
                        let runs: Vec<String> =
                            holders.held_by.iter().map(|(run, _)| run.to_string()).collect();
                        format!(", held by run {}", runs.join(", "))
                    }
                    Ok(_) => ", which is about to be given".to_owned(),
                    Err(error) => format!("; by whom it is held cannot be read: {error}"),
                };
                let limit = if *limit == 1 { String::new() } else { format!(" (room for {limit})") };
                format!("lock `{key}`{limit}{at}{held}")
            }
            WaitReason::Verify(verifying) => match verifying.missing() {
                missing if missing.is_empty() => {
                    let hold = verifying.hold_s.unwrap_or(0);
                    format!(
                        "what must hold{at}: all of it holds, and must for {hold} s without a break{until}"
                    )
                }
                missing => format!("what must hold{at}{until}: {missing}"),
            },
            WaitReason::Snapshot { collectors } => {
                format!("collectors that look before anything changes: {}{until}", collectors.join(", "))
            }
            WaitReason::Policy { policy, reason } => {
                let words = WaitReason::policy_words(policy.as_deref(), reason);
                step.map_or_else(|| words.clone(), |step| format!("{words} (step `{}`)", step.path))
            }
            WaitReason::Lost { attempt, message } => {
                format!(
                    "a person who says how attempt {attempt}{of} ended, since nobody else can: {message}{until}"
                )
            }
        }
    }

    /// Who has a lock of a project.
    pub(crate) async fn lock_holders(&self, project: &str, key: &str) -> Result<LockHolders, StoreError> {
        match self.0.store.project(project).await? {
            Some(project) => self.0.store.lock_holders(project, key).await,
            None => Ok(LockHolders::default()),
        }
    }

    fn words_for_a_place(&self) -> String {
        let (used, all) = self.slots();
        if self.is_draining() {
            "the server's next start: this one is stopping".to_owned()
        } else if used < all {
            "the runner, which is about to take it".to_owned()
        } else {
            format!("a free place on the runner: all {all} are taken")
        }
    }
}

fn ending(run: &Run) -> String {
    let names: Vec<String> = run
        .running_steps()
        .filter_map(|place| run.step(place))
        .take(NAMED)
        .map(|step| format!("`{}`", step.path))
        .collect();
    format!("the processes of step {} to end", names.join(", "))
}

/// As lists write it.
fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
