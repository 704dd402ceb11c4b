//! A result as it is kept: a cause wherever there must be one, no NUL, no contradiction.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{
    run::{Cause, Run, RunEvent, RunState, StepEnd, StepOutcome, StepState, transition},
    runbook::OnLost,
};

use crate::{
    language::Tiny,
    programs::{Program, runbook, script},
};

/// A run of one step that ends so.
fn ended(end: StepEnd) -> Run {
    let at = Timestamp::UNIX_EPOCH;
    let mut program = Program::new(runbook("main", vec![script("a")]));
    program.runbook.on_lost = OnLost::Unknown;
    let requested = RunEvent::Requested(Box::new(program.requested()));
    let begun = transition(None, at, requested, 1, &Tiny).unwrap().run;
    transition(Some(&begun), at, RunEvent::StepFinished { step: 0, attempt: 1, end }, 0, &Tiny).unwrap().run
}

fn end(outcome: StepOutcome, cause: Option<Cause>) -> StepEnd {
    StepEnd {
        outcome,
        cause,
        message: None,
        exit_code: None,
        signal: None,
        outputs: BTreeMap::new(),
        facts: BTreeMap::new(),
    }
}

#[test]
fn a_cause_that_was_not_reported_is_read_from_the_result() {
    assert_eq!(ended(end(StepOutcome::Failed, None)).cause, Some(Cause::Exit));
    assert_eq!(
        ended(StepEnd { signal: Some(9), ..end(StepOutcome::Failed, None) }).cause,
        Some(Cause::Signal)
    );
    assert_eq!(ended(end(StepOutcome::Canceled, None)).cause, Some(Cause::Canceled));
    assert_eq!(ended(end(StepOutcome::Unknown, None)).cause, Some(Cause::ServerLost));
}

#[test]
fn a_cause_that_was_reported_stays_unless_the_step_succeeded() {
    assert_eq!(ended(end(StepOutcome::Failed, Some(Cause::Timeout))).cause, Some(Cause::Timeout));
    assert_eq!(
        ended(end(StepOutcome::Unknown, Some(Cause::LeftProcesses))).cause,
        Some(Cause::LeftProcesses)
    );
    let run = ended(end(StepOutcome::Succeeded, Some(Cause::Timeout)));
    assert_eq!((run.state, run.cause, run.steps[0].cause), (RunState::Succeeded, None, None));
}

#[test]
fn an_output_with_a_nul_fails_the_step_and_the_others_are_kept() {
    let outputs = BTreeMap::from([("good".into(), "1".into()), ("bad".into(), "a\0b".into())]);
    let run = ended(StepEnd { outputs, exit_code: Some(0), ..end(StepOutcome::Succeeded, None) });
    assert_eq!((run.state, run.cause), (RunState::Failed, Some(Cause::BadOutput)));
    let step = &run.steps[0];
    assert_eq!(step.message.as_deref(), Some("an output must not hold a NUL character: bad"));
    assert_eq!(step.outputs, BTreeMap::from([("good".into(), "1".into())]));
    assert_eq!(step.exit_code, Some(0));
}

#[test]
fn a_failure_with_a_nul_stays_the_failure_that_it_was() {
    let outputs = BTreeMap::from([("x\0".into(), "y".into())]);
    let message = Some("it said \0".into());
    let run = ended(StepEnd { outputs, message, ..end(StepOutcome::Failed, Some(Cause::Timeout)) });
    assert_eq!((run.state, run.cause), (RunState::Failed, Some(Cause::Timeout)));
    assert_eq!(run.steps[0].message.as_deref(), Some("it said \u{fffd}"));
    assert!(run.steps[0].outputs.is_empty());
}

#[test]
fn an_end_that_nobody_knows_is_lost_and_waits_for_a_person_unless_it_is_said_otherwise() {
    let at = Timestamp::UNIX_EPOCH;
    let requested =
        RunEvent::Requested(Box::new(Program::new(runbook("main", vec![script("a")])).requested()));
    let begun = transition(None, at, requested, 1, &Tiny).unwrap().run;
    let end = StepEnd::unknown(Cause::LeftProcesses, "process 7 is left\0");
    let moved =
        transition(Some(&begun), at, RunEvent::StepFinished { step: 0, attempt: 1, end }, 0, &Tiny).unwrap();
    let step = &moved.run.steps[0];
    assert_eq!(
        (moved.run.state, step.state, step.cause),
        (RunState::Waiting, StepState::Waiting, Some(Cause::LeftProcesses))
    );
    assert_eq!(step.message.as_deref(), Some("process 7 is left\u{fffd}"));
    assert_eq!(moved.events[0].kind(), "step.lost");
}
