//! Runs and steps in words.

use model::{
    api::RunView,
    run::{Cause, StepRun, StepState},
};

use crate::times;

/// `build: failed (exit code 3) after 1.2 s`.
pub fn step(step: &StepRun) -> String {
    let mut line = format!("{}: {}", step.name, step.state.name());
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
