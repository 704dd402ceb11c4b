//! The run state machine, by the thousand programs and histories: whatever comes in whatever order, its laws hold.

use std::collections::BTreeMap;

use model::run::{
    AnswerVerdict, Refused, RunEvent, RunState, Stamped, StepEnd, StepOutcome, WaitReason, fold, transition,
};
use proptest::prelude::*;

use crate::{
    generators::event,
    language::Tiny,
    programs::{Choices, Program, bob, program, runbook, script},
    world::{World, end},
};

/// One random thing that happens, or is only tried.
fn step(world: &mut World, choices: &mut Choices) {
    let places = choices.below(4) as u32;
    world.pass(7);
    let pick = |choices: &mut Choices, all: &[u32]| (!all.is_empty()).then(|| *choices.pick(all));
    let running: Vec<(u32, u32)> = world.performed.keys().copied().collect();
    let queued: Vec<(u32, u32)> = world.queue.iter().copied().collect();
    let event = match choices.below(20) {
        0..=4 if !running.is_empty() => {
            let (step, attempt) = *choices.pick(&running);
            let outcome = *choices.pick(&[
                StepOutcome::Succeeded,
                StepOutcome::Succeeded,
                StepOutcome::Failed,
                StepOutcome::Failed,
                StepOutcome::Canceled,
                StepOutcome::Unknown,
            ]);
            let mut end = end(outcome);
            if choices.percent(30) {
                end.outputs.insert("list".into(), choices.pick(&["a,b", "", "x\0"]).to_string());
            }
            if choices.percent(10) {
                end = StepEnd { exit_code: None, ..end };
            }
            RunEvent::StepFinished { step, attempt, end }
        }
        5..=8 if !queued.is_empty() => {
            let (step, attempt) = *choices.pick(&queued);
            RunEvent::StepStarted { step, attempt }
        }
        9 | 10 => {
            world.gates_refuse_the_requester();
            let asked = world.waiting(|reason| {
                matches!(
                    reason,
                    WaitReason::Person { .. } | WaitReason::Approval { .. } | WaitReason::Lost { .. }
                )
            });
            let Some(place) = pick(choices, &asked) else { return };
            let lost = world.waiting(|reason| matches!(reason, WaitReason::Lost { .. })).contains(&place);
            let again = lost && choices.percent(40);
            let event = if again {
                world.say(place, bob(), AnswerVerdict::ResolvedRetry)
            } else {
                world.answer(place, choices.percent(40)).unwrap()
            };
            match world.send(event, places) {
                Err(Refused::Stopping) if again => return,
                answer => return answer.unwrap(),
            }
        }
        11 | 12 => {
            let waiting: Vec<Option<u32>> =
                world.locks.iter().filter(|(_, (_, held))| !held).map(|(who, _)| *who).collect();
            if waiting.is_empty() {
                return;
            }
            match *choices.pick(&waiting) {
                Some(step) if choices.percent(40) => world.refuse(step),
                who => world.grant(who),
            }
        }
        13 => {
            let Some(wake) = world.run.wake_at() else { return };
            world.at = wake;
            RunEvent::Due {}
        }
        14 => {
            // A runner is silent, or comes back.
            let lost = world.waiting(|reason| matches!(reason, WaitReason::Lost { .. }));
            match (pick(choices, &lost), running.first()) {
                (Some(step), _) if choices.percent(60) => {
                    let attempt = world.step(step).attempt;
                    let outcome =
                        *choices.pick(&[StepOutcome::Succeeded, StepOutcome::Failed, StepOutcome::Canceled]);
                    RunEvent::StepFinished { step, attempt, end: end(outcome) }
                }
                (_, Some(attempt)) => world.lose(*attempt),
                _ => return,
            }
        }
        15 => {
            let by = bob();
            match world.send(RunEvent::CancelRequested { by }, places) {
                Ok(()) | Err(Refused::AlreadyCanceling | Refused::Ended(_)) => return,
                Err(refused) => panic!("{refused}"),
            }
        }
        16 => {
            world.pass(*choices.pick(&[-3_600_000, 1_000, 60_000, 90_000_000]));
            _ = world.send(RunEvent::Due {}, places);
            return;
        }
        17 => return world.crash(),
        // Late, doubled, foreign, out of order.
        18 => {
            let at = choices.below(world.stored.len());
            let event = world.stored[at].event.clone();
            return odd(world, event, places);
        }
        _ => {
            let place = choices.below(world.run.steps.len() + 1) as u32;
            let attempt = choices.below(4) as u32;
            let outputs = BTreeMap::new();
            let said =
                *choices.pick(&[AnswerVerdict::Done, AnswerVerdict::Declined, AnswerVerdict::ResolvedRetry]);
            let answer = crate::world::answer(bob(), world.at, said);
            let event = match choices.below(6) {
                0 => RunEvent::StepFinished { step: place, attempt, end: StepEnd::succeeded() },
                1 => RunEvent::StepStarted { step: place, attempt },
                2 => world.lose((place, attempt)),
                3 => RunEvent::StepAnswered { step: place, answer, outputs },
                4 => RunEvent::StepResolved { step: place, attempt, answer },
                _ => RunEvent::Due {},
            };
            return odd(world, event, places);
        }
    };
    let what = format!("{event:?}");
    match world.send(event, places) {
        Ok(()) | Err(Refused::Ended(_)) => {}
        Err(refused) => panic!("{what} is refused: {refused}"),
    }
}

/// Something that mostly cannot be: if it can, the world takes it; locks are not granted so.
fn odd(world: &mut World, event: RunEvent, places: u32) {
    if !matches!(event, RunEvent::LockGranted { .. } | RunEvent::LockRefused { .. }) {
        let before = world.run.clone();
        if world.send(event, places).is_err() {
            assert_eq!(world.run, before);
        }
    }
}

fn numbers(most: usize) -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 0..most)
}

fn cases(cases: u32) -> ProptestConfig {
    let cases = std::env::var("LAWS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn a_run_without_steps_ends_at_once() {
    let world = World::new(&Program::new(runbook("main", vec![])), 0);
    assert_eq!(world.run.state, RunState::Succeeded);
    assert_eq!(world.stored.len(), 2);
}

#[test]
fn nothing_but_a_request_begins_a_run() {
    let at = jiff::Timestamp::UNIX_EPOCH;
    let refused = |event| transition(None, at, event, 0, &Tiny).unwrap_err();
    assert_eq!(refused(RunEvent::StepStarted { step: 0, attempt: 1 }), Refused::NoRun);
    assert_eq!(refused(RunEvent::CancelRequested { by: bob() }), Refused::NoRun);
    assert_eq!(refused(RunEvent::Due {}), Refused::NoRun);
    let requested =
        RunEvent::Requested(Box::new(Program::new(runbook("main", vec![script("a")])).requested()));
    let begun = transition(None, at, requested.clone(), 0, &Tiny).unwrap().run;
    let refused = |event| transition(Some(&begun), at, event, 0, &Tiny).unwrap_err();
    assert_eq!(refused(requested), Refused::AlreadyRequested);
    assert_eq!(refused(RunEvent::Started {}), Refused::Derived);
    assert_eq!(refused(RunEvent::Due {}), Refused::NothingDue);
}

proptest! {
    #![proptest_config(cases(1500))]

    /// In any program whatever is sent the laws hold, and from wherever it got to there is a way out.
    #[test]
    fn whatever_happens_the_laws_hold(written in numbers(80), happens in numbers(200)) {
        let program = program(&mut Choices::new(written));
        let mut choices = Choices::new(happens);
        let mut world = World::new(&program, choices.below(4) as u32);
        while !choices.is_over() && !world.run.state.is_end() {
            step(&mut world, &mut choices);
        }
        let mut canceled = world.clone();
        world.finish();
        // After the end nothing happens.
        for at in 0..world.stored.len() {
            let event = world.stored[at].event.clone();
            prop_assert!(transition(Some(&world.run), world.at, event, 1, &Tiny).is_err());
        }
        if canceled.send(RunEvent::CancelRequested { by: bob() }, 0).is_ok() {
            canceled.finish();
        }
        world.crash();
    }

    /// The fold is total: events in any order, from any runs, make it neither stop nor panic.
    #[test]
    fn the_fold_takes_anything(events in prop::collection::vec(event(), 0..16)) {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let stamped: Vec<_> = events.into_iter().map(|event| Stamped { at, event }).collect();
        let begun = stamped.iter().any(|stamped| matches!(stamped.event, RunEvent::Requested(_)));
        prop_assert_eq!(fold(&stamped).is_some(), begun);
    }
}
