//! A result as it is kept: a cause wherever there must be one, no NUL, no contradiction.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::run::{Cause, Run, RunEvent, RunState, StepEnd, StepOutcome, transition};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::generators::requested;

/// A run of one step that ends so.
fn ended(end: StepEnd) -> Run {
    let at = Timestamp::UNIX_EPOCH;
    let requested = requested(1..=1).new_tree(&mut TestRunner::deterministic()).unwrap().current();
    let begun = transition(None, at, RunEvent::Requested(Box::new(requested))).unwrap();
    let started = transition(Some(&begun.run), at, RunEvent::StepStarted { step: 0, attempt: 1 }).unwrap();
    transition(Some(&started.run), at, RunEvent::StepFinished { step: 0, attempt: 1, end }).unwrap().run
}

fn end(outcome: StepOutcome, cause: Option<Cause>) -> StepEnd {
    StepEnd { outcome, cause, message: None, exit_code: None, signal: None, outputs: BTreeMap::new() }
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
