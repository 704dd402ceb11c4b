//! How long large runs take, in memory. Printed, and held to bounds that only something quadratic would break.

#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use jiff::Timestamp;
use model::{
    run::{Run, RunEvent, StepEnd, transition},
    runbook::{Batch, Step},
};

use crate::{
    language::Tiny,
    programs::{Program, on, parallel, runbook, script, targets},
};

/// Performs all of it; says how many transitions that took, how long, and how large what was stored is.
fn perform(what: &str, program: &Program) -> Duration {
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let requested = RunEvent::Requested(Box::new(program.requested()));
    let begin = Instant::now();
    let mut run = transition(None, at, requested, 16, &Tiny).unwrap().run;
    let mut transitions = 1;
    while !run.state.is_end() {
        let running: Vec<u32> = run.running_steps().collect();
        for step in running {
            let event = RunEvent::StepFinished { step, attempt: 1, end: StepEnd::succeeded() };
            run = transition(Some(&run), at, event, 1, &Tiny).unwrap().run;
            transitions += 1;
        }
        let queued = run.queued_steps().next();
        if let Some(step) = queued.filter(|_| run.counts.running == 0) {
            run = transition(Some(&run), at, RunEvent::StepStarted { step, attempt: 1 }, 15, &Tiny)
                .unwrap()
                .run;
            transitions += 1;
        }
    }
    let took = begin.elapsed();
    let header = serde_json::to_string(&Run { steps: Vec::new(), ..run.clone() }).unwrap().len();
    println!(
        "{what}: {} steps, {transitions} transitions, {took:.1?}, {:.1?} each, header {header} bytes",
        run.steps.len(),
        took / transitions
    );
    took
}

#[test]
fn a_thousand_steps_one_after_the_other() {
    let steps = (0..1_000).map(|n| script(&format!("s{n}"))).collect();
    assert!(perform("1,000 in a row", &Program::new(runbook("main", steps))) < Duration::from_secs(20));
}

#[test]
fn a_thousand_steps_at_once() {
    let steps = (0..1_000).map(|n| script(&format!("s{n}"))).collect();
    let program = Program::new(runbook("main", vec![parallel("all", steps)]));
    assert!(perform("1,000 at once", &program) < Duration::from_secs(20));
}

fn many_targets(count: usize) -> Program {
    let roll = Step { on: on(Some(Batch::Count(100)), None), ..script("roll") };
    Program { targets: targets(count), ..Program::new(runbook("main", vec![roll])) }
}

#[test]
fn a_thousand_targets_a_hundred_at_once() {
    assert!(perform("1,000 targets", &many_targets(1_000)) < Duration::from_secs(20));
}

#[test]
fn ten_thousand_targets_a_hundred_at_once() {
    assert!(perform("10,000 targets", &many_targets(10_000)) < Duration::from_secs(120));
}
