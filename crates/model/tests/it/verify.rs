//! What must hold after a run's last step: when it has come to hold, and what is no pass.

use model::run::{Cause, RunEvent, RunState, StepState, WaitReason};

use crate::{
    programs::{Program, runbook, script, verify},
    world::World,
};

/// A run that has done its one step and verifies: a probe, and a fact.
fn verifying(within_s: u64, hold_s: Option<u64>) -> World {
    let mut program = Program::new(runbook("main", vec![script("restart")]));
    program.runbook.verify = Some(verify(within_s, hold_s, "1"));
    program.runbook.on_failure = vec![script("roll-back")];
    program.runbook.cleanup = vec![script("tidy")];
    let mut world = World::new(&program, 9);
    let event = world.plain().unwrap();
    world.send(event, 9).unwrap();
    assert_eq!(world.run.state, RunState::Waiting);
    world
}

fn place(world: &World) -> u32 {
    world.run.place_of("verify").unwrap()
}

fn see(world: &mut World, holds_s: [Option<i64>; 2]) {
    let event = world.see(place(world), &holds_s).unwrap();
    world.send(event, 9).unwrap();
}

fn due(world: &mut World) {
    world.at = world.run.wake_at().unwrap();
    world.send(RunEvent::Due {}, 9).unwrap();
}

fn state(world: &World, path: &str) -> StepState {
    world.step(world.run.place_of(path).unwrap()).state
}

#[test]
fn a_run_succeeds_once_all_signals_hold_and_cleans_up_then() {
    let mut world = verifying(600, None);
    see(&mut world, [Some(60), None]);
    assert_eq!(world.run.state, RunState::Waiting, "one of two is not all");
    world.pass(1000);
    see(&mut world, [Some(60), Some(60)]);
    assert_eq!(state(&world, "verify"), StepState::Succeeded);
    assert_eq!(state(&world, "tidy"), StepState::Running);
    world.finish();
    assert_eq!((world.run.state, world.run.cause), (RunState::Succeeded, None));
}

#[test]
fn a_run_whose_time_is_up_fails_for_that_and_names_what_does_not_hold() {
    let mut world = verifying(600, None);
    see(&mut world, [Some(9999), None]);
    due(&mut world);
    assert_eq!(state(&world, "roll-back"), StepState::Running, "its handlers act");
    world.finish();
    assert_eq!((world.run.state, world.run.cause), (RunState::Failed, Some(Cause::Verify)));
    let message = world.run.message.clone().unwrap();
    assert!(message.contains("fact `version` = `1` of shop (production): it was looked at"), "{message}");
    assert!(!message.contains("check-shop"), "{message}");
    assert_eq!(state(&world, "tidy"), StepState::Succeeded);
}

#[test]
fn nobody_looked_is_no_pass() {
    let mut world = verifying(600, Some(60));
    due(&mut world);
    world.finish();
    assert_eq!(world.run.cause, Some(Cause::Verify));
    assert!(world.run.message.clone().unwrap().contains("not seen yet"));
}

#[test]
fn what_must_hold_for_a_while_holds_without_a_break() {
    let mut world = verifying(600, Some(60));
    see(&mut world, [Some(90), Some(90)]);
    assert_eq!(world.run.state, RunState::Waiting);
    world.pass(30_000);
    see(&mut world, [None, Some(90)]);
    world.pass(1_000);
    see(&mut world, [Some(90), Some(90)]);
    world.pass(59_000);
    assert!(world.send(RunEvent::Due {}, 9).is_err(), "it begins anew after a break");
    due(&mut world);
    assert_eq!(state(&world, "verify"), StepState::Succeeded);
}

#[test]
fn what_was_seen_too_long_ago_does_not_hold() {
    let mut world = verifying(600, Some(60));
    see(&mut world, [Some(90), Some(20)]);
    due(&mut world);
    assert_eq!(world.run.state, RunState::Waiting, "silence is no yes");
    // The next look comes after a gap: what was seen before counts for nothing.
    world.pass(5_000);
    see(&mut world, [Some(90), Some(90)]);
    world.pass(59_000);
    assert!(world.send(RunEvent::Due {}, 9).is_err());
    due(&mut world);
    assert_eq!(state(&world, "verify"), StepState::Succeeded);
}

#[test]
fn a_run_is_not_looked_at_that_waits_for_nothing() {
    let mut world = verifying(600, None);
    let restart = world.run.place_of("restart").unwrap();
    let seen = RunEvent::SignalsSeen { step: restart, seen: Vec::new() };
    assert!(world.send(seen, 9).is_err());
    let collected = RunEvent::Collected { step: place(&world), message: None };
    assert!(world.send(collected, 9).is_err());
}

#[test]
fn collectors_look_before_the_first_step_and_hold_nothing_up_for_ever() {
    let mut program = Program::new(runbook("main", vec![script("restart")]));
    program.runbook.snapshot = vec!["look-at-shop".into()];
    let mut world = World::new(&program, 9);
    let waits = |world: &World| !world.waiting(|it| matches!(it, WaitReason::Snapshot { .. })).is_empty();
    assert!(waits(&world) && world.performed.is_empty());
    let mut other = world.clone();
    let snapshot = world.run.place_of("snapshot").unwrap();
    let said = Some("`look-at-shop` could not look".to_owned());
    world.send(RunEvent::Collected { step: snapshot, message: said.clone() }, 9).unwrap();
    assert_eq!(world.step(snapshot).message, said);
    assert_eq!(state(&world, "restart"), StepState::Running);
    due(&mut other);
    assert_eq!(state(&other, "restart"), StepState::Running);
}
