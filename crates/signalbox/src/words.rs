//! Runs and steps in words.

use model::{
    api::RunView,
    run::{Cause, StepRun, StepState, Wait, WaitReason},
    runbook::{Evidence, Input},
};

use crate::{context::Context, times};

/// `build: failed (exit code 3) after 1.2 s`.
pub fn step(step: &StepRun) -> String {
    step_named(if step.path.is_empty() { &step.name } else { &step.path }, step)
}

/// As [`step`], under this name.
pub fn step_named(name: &str, step: &StepRun) -> String {
    let mut line = format!("{name}: {}", step.state.name());
    if let (StepState::Waiting, Some(waits)) = (step.state, &step.wait) {
        line.push_str(&format!(" for {}", wait(waits)));
        return line;
    }
    let how = how(step).filter(|how| how != step.state.name());
    if let Some(how) = &how {
        line.push_str(&format!(" ({how})"));
    }
    if let (Some(started), true) = (step.started_at, step.state.is_end()) {
        line.push_str(&format!(" after {}", times::between(started, step.finished_at)));
    }
    let message = step
        .message
        .as_deref()
        .filter(|message| step.state != StepState::Succeeded && how.as_deref() != Some(message));
    if let Some(message) = message {
        line.push_str(&format!(": {message}"));
    }
    line
}

/// What somebody or something waits for: behind `waiting for`.
pub fn wait(wait: &Wait) -> String {
    let until = wait.until.map(|at| format!(" (until {})", times::local(at))).unwrap_or_default();
    match &wait.reason {
        WaitReason::Runner => "a free place on the runner".to_owned(),
        WaitReason::Person { instructions, .. } => format!("a person: {}{until}", first_line(instructions)),
        WaitReason::Approval { message } => format!("approval: {}{until}", first_line(message)),
        WaitReason::Time => wait.until.map_or_else(|| "its time".to_owned(), times::local),
        WaitReason::Retry { message } => {
            let at = wait.until.map(|at| format!(", at {}", times::local(at))).unwrap_or_default();
            let why =
                if message.is_empty() { String::new() } else { format!(", after: {}", first_line(message)) };
            format!("the next attempt{at}{why}")
        }
        WaitReason::Lock { key, limit } => format!("lock `{key}` ({limit} at once)"),
        WaitReason::Verify(verifying) => match verifying.missing() {
            missing if missing.is_empty() => format!("what holds now to have held for long enough{until}"),
            missing => format!("what must hold{until}: {missing}"),
        },
        WaitReason::Snapshot { collectors } => format!("collectors: {}{until}", collectors.join(", ")),
        WaitReason::Policy { policy, reason } => WaitReason::policy_words(policy.as_deref(), reason),
        WaitReason::Lost { attempt, message } => {
            format!("somebody to say how attempt {attempt} ended: {}{until}", first_line(message))
        }
    }
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}

/// The command that ends this wait, if a person's word does.
pub fn way_on(context: &Context, run: &model::run::Run, step: &StepRun) -> Option<String> {
    let (verb, rest) = match &step.wait.as_ref()?.reason {
        WaitReason::Person { fields, evidence, .. } => ("done", answer_of(fields, *evidence)),
        WaitReason::Approval { .. } => ("approve", String::new()),
        WaitReason::Lost { .. } => ("resolve", " --as succeeded|failed|retry --reason TEXT".to_owned()),
        _ => return None,
    };
    let address = quoted(&step.path);
    Some(format!("`{}{rest}`", context.command(&format!("step {verb} {} {address}", run.id))))
}

fn answer_of(fields: &[Input], evidence: Evidence) -> String {
    let required = fields.iter().filter(|field| field.required && field.default.is_none());
    let mut rest: String = required.map(|field| format!(" -f {}=VALUE", field.name)).collect();
    if evidence == Evidence::Required {
        rest.push_str(" --evidence PATH");
    }
    rest
}

/// A word that a shell takes as it stands.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Why it did not succeed, in two words.
fn how(step: &StepRun) -> Option<String> {
    Some(match (step.cause?, step.exit_code, step.signal) {
        (Cause::Exit, Some(code), _) => format!("exit code {code}"),
        (Cause::Signal, _, Some(number)) => format!("signal {number}"),
        (cause, _, _) => cause.name().replace('_', " "),
    })
}

/// `run 0198…: failed after 3.4 s: step build failed`.
pub fn run(view: &RunView) -> String {
    let run = &view.run;
    let mut line = format!("run {}: {}", run.id, run.state.name());
    if let (Some(started), true) = (run.started_at, run.state.is_end()) {
        line.push_str(&format!(" after {}", times::between(started, run.finished_at)));
    }
    if let Some(message) = &run.message {
        line.push_str(&format!(": {message}"));
    }
    if let Some(waits_for) = &view.waits_for {
        line.push_str(&format!(", waits for {waits_for}"));
    }
    line
}

/// `1 fault`, `2 faults`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_quoted_where_a_shell_would_read_them() {
        for (word, shown) in [
            ("roll.drain", "roll.drain"),
            ("roll[web1].drain", "'roll[web1].drain'"),
            ("each[it's]", "'each[it'\\''s]'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }
}
