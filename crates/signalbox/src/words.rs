//! Runs and steps in words.

use model::{
    api::RunView,
    run::{StepRun, StepState},
};

use crate::times;

/// `build: failed (exit code 3) after 1.2 s`.
pub fn step(step: &StepRun) -> String {
    let mut line = format!("{}: {}", step.name, step.state.name());
    if let Some(how) = how(step.exit_code, step.signal, step.cause.map(|cause| cause.name())) {
        line.push_str(&format!(" ({how})"));
    }
    if let (Some(started), true) = (step.started_at, step.state.is_end()) {
        line.push_str(&format!(" after {}", times::between(started, step.finished_at)));
    }
    if let Some(message) = step.message.as_deref().filter(|_| step.state != StepState::Succeeded) {
        line.push_str(&format!(": {message}"));
    }
    line
}

fn how(exit_code: Option<i32>, signal: Option<i32>, cause: Option<&str>) -> Option<String> {
    match (exit_code, signal, cause) {
        (_, _, None) => None,
        (Some(code), _, Some("exit")) => Some(format!("exit code {code}")),
        (_, Some(number), Some("signal")) => Some(format!("signal {number}")),
        (_, _, Some(cause)) => Some(cause.replace('_', " ")),
    }
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
