//! What a run waits for, in words, as lists show it: the first thing found in it that does not move.

use model::run::{Run, RunState, Wait, WaitReason};

pub(crate) fn waits_for(run: &Run) -> Option<String> {
    if run.state.is_end() {
        return None;
    }
    if let Some(wait) = &run.wait {
        return Some(words(wait));
    }
    if run.counts.waiting == 0 || (run.counts.running > 0 && run.state != RunState::Waiting) {
        return None;
    }
    let waiting = |found: fn(&WaitReason) -> bool| {
        run.steps.iter().find_map(|step| {
            let wait = step.wait.as_ref().filter(|wait| found(&wait.reason))?;
            Some(format!("step `{}`: {}", step.path, words(wait)))
        })
    };
    // What a person must do is worth more than what comes by itself.
    let people = |reason: &WaitReason| {
        matches!(
            reason,
            WaitReason::Lost { .. }
                | WaitReason::Approval { .. }
                | WaitReason::Person { .. }
                | WaitReason::Policy { .. }
        )
    };
    waiting(people).or_else(|| waiting(|_| true))
}

fn words(wait: &Wait) -> String {
    let what = match &wait.reason {
        WaitReason::Runner => "a free place on a runner".to_owned(),
        WaitReason::Person { .. } => "a person".to_owned(),
        WaitReason::Approval { .. } => "an approval".to_owned(),
        WaitReason::Time => "a moment".to_owned(),
        WaitReason::Retry { .. } => "its next attempt".to_owned(),
        WaitReason::Lock { key, .. } => format!("lock {key}"),
        WaitReason::Verify(verifying) => match verifying.missing() {
            missing if missing.is_empty() => "what holds now to have held for long enough".to_owned(),
            missing => format!("what must hold: {missing}"),
        },
        WaitReason::Snapshot { collectors } => format!("collectors to look: {}", collectors.join(", ")),
        WaitReason::Policy { policy, reason } => WaitReason::policy_words(policy.as_deref(), reason),
        WaitReason::Lost { attempt, .. } => format!("somebody who says how attempt {attempt} ended"),
    };
    match wait.until {
        Some(until) => format!("{what}, until {}", until.strftime("%Y-%m-%dT%H:%M:%SZ")),
        None => what,
    }
}
