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
    let kind = choices.below(26);
    // What cannot be now gives way to the plainest thing that can.
    let Some(event) = possible(world, choices, kind, places).or_else(|| world.plain()) else { return };
    let what = format!("{event:?}");
    let retry = |event: &RunEvent| matches!(event, RunEvent::StepResolved { answer, .. } if answer.verdict == AnswerVerdict::ResolvedRetry);
    let (canceled, again) = (matches!(event, RunEvent::CancelRequested { .. }), retry(&event));
    match world.send(event, places) {
        Ok(()) => {}
        Err(Refused::AlreadyCanceling) if canceled => {}
        Err(Refused::Stopping) if again => {}
        Err(refused) => panic!("{what} is refused: {refused}"),
    }
    match choices.below(12) {
        10 => world.crash(),
        11 => {
            let event = odd(world, choices);
            let before = world.run.clone();
            // If it can be, late or early as it is, the world takes it.
            if event.is_none_or(|event| world.send(event, places).is_err()) {
                assert_eq!(world.run, before);
            }
        }
        _ => {}
    }
}

fn possible(world: &mut World, choices: &mut Choices, kind: usize, places: u32) -> Option<RunEvent> {
    let pick = |choices: &mut Choices, all: &[u32]| (!all.is_empty()).then(|| *choices.pick(all));
    let running: Vec<(u32, u32)> = world.performed.keys().copied().collect();
    let queued: Vec<(u32, u32)> = world.queue.iter().copied().collect();
    let lost = world.waiting(|reason| matches!(reason, WaitReason::Lost { .. }));
    match kind {
        0..=5 if !running.is_empty() => {
            let (step, attempt) = *choices.pick(&running);
            if let Some(refusal) = world.ask((step, attempt)) {
                return Some(refusal);
            }
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
                end.exit_code = None;
            }
            Some(RunEvent::StepFinished { step, attempt, end })
        }
        6..=8 if !queued.is_empty() => {
            let (step, attempt) = *choices.pick(&queued);
            Some(RunEvent::StepStarted { step, attempt })
        }
        9 | 10 => {
            world.gates_refuse_the_requester();
            let asked = world.waiting(|reason| {
                matches!(
                    reason,
                    WaitReason::Person { .. } | WaitReason::Approval { .. } | WaitReason::Lost { .. }
                )
            });
            let place = pick(choices, &asked)?;
            if lost.contains(&place) && choices.percent(40) {
                return Some(world.say(place, bob(), AnswerVerdict::ResolvedRetry));
            }
            world.answer(place, choices.percent(40))
        }
        11 | 12 => {
            let waiting: Vec<Option<u32>> =
                world.locks.iter().filter(|(_, (_, held))| !held).map(|(who, _)| *who).collect();
            if waiting.is_empty() {
                return None;
            }
            match *choices.pick(&waiting) {
                Some(step) if choices.percent(40) => Some(world.refuse(step)),
                who => Some(world.grant(who)),
            }
        }
        13 => {
            world.at = world.run.wake_at()?;
            Some(RunEvent::Due {})
        }
        14 => running.first().map(|attempt| world.lose(*attempt)),
        15 => {
            // The runner that was silent comes back.
            let step = pick(choices, &lost)?;
            let outcome =
                *choices.pick(&[StepOutcome::Succeeded, StepOutcome::Failed, StepOutcome::Canceled]);
            Some(RunEvent::StepFinished { step, attempt: world.step(step).attempt, end: end(outcome) })
        }
        16 => choices.percent(50).then(|| RunEvent::CancelRequested { by: bob() }),
        18 | 19 => {
            let watching =
                world.waiting(|reason| matches!(reason, WaitReason::Verify(_) | WaitReason::Snapshot { .. }));
            let place = pick(choices, &watching)?;
            let mut holds = || *choices.pick(&[None, Some(1), Some(60), Some(60)]);
            let seen = world.see(place, &[holds(), holds()])?;
            // What is seen again as it was changes nothing.
            let moves = transition(Some(&world.run), world.at, seen.clone(), places, &Tiny);
            moves.is_ok().then_some(seen)
        }
        17 => {
            world.pass(*choices.pick(&[-3_600_000, 1_000, 60_000, 90_000_000]));
            _ = world.send(RunEvent::Due {}, places);
            None
        }
        20 | 21 => {
            // A policy comes, or another one, and those that are parked hear of it; or it goes, in silence.
            world.policy = choices.pick(&[None, Some("1.freeze"), Some("1.hours")]).map(str::to_owned);
            let place = pick(choices, &world.parked())?;
            let refusal = world.refusal((place, world.step(place).attempt));
            let same = |refusal: &RunEvent| transition(Some(&world.run), world.at, refusal.clone(), 0, &Tiny);
            refusal.filter(|refusal| same(refusal).is_ok())
        }
        22 => {
            let place = pick(choices, &world.parked())?;
            Some(world.permit(place))
        }
        23 => {
            let watching =
                world.waiting(|reason| matches!(reason, WaitReason::Verify(_) | WaitReason::Snapshot { .. }));
            let place = pick(choices, &watching)?;
            world.refusal((place, world.step(place).attempt))
        }
        _ => None,
    }
}

/// Late, doubled, foreign, out of order: mostly it cannot be. Locks are granted by nobody else.
fn odd(world: &World, choices: &mut Choices) -> Option<RunEvent> {
    let place = choices.below(world.run.steps.len() + 1) as u32;
    let attempt = choices.below(4) as u32;
    let said = *choices.pick(&[AnswerVerdict::Done, AnswerVerdict::Declined, AnswerVerdict::ResolvedRetry]);
    let answer = crate::world::answer(bob(), world.at, said);
    Some(match choices.below(7) {
        0 => RunEvent::StepFinished { step: place, attempt, end: StepEnd::succeeded() },
        1 => RunEvent::StepStarted { step: place, attempt },
        2 => world.lose((place, attempt)),
        3 => RunEvent::StepAnswered { step: place, answer, outputs: BTreeMap::new() },
        4 => RunEvent::StepResolved { step: place, attempt, answer },
        5 => RunEvent::Due {},
        _ => match &world.stored[choices.below(world.stored.len())].event {
            RunEvent::LockGranted { .. } | RunEvent::LockRefused { .. } => return None,
            event => event.clone(),
        },
    })
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
    #![proptest_config(cases(1000))]

    /// In any program whatever is sent the laws hold, and from wherever it got to there is a way out.
    #[test]
    fn whatever_happens_the_laws_hold(
        written in numbers(200), happens in numbers(200), after_a_cancel in numbers(60),
    ) {
        let program = program(&mut Choices::new(written));
        let mut choices = Choices::new(happens);
        let mut world = World::new(&program, choices.below(4) as u32);
        let play = |world: &mut World, choices: &mut Choices| {
            while !choices.is_over() && !world.run.state.is_end() {
                step(world, choices);
            }
        };
        play(&mut world, &mut choices);
        let mut canceled = world.clone();
        if canceled.send(RunEvent::CancelRequested { by: bob() }, 0).is_ok() {
            play(&mut canceled, &mut Choices::new(after_a_cancel));
            canceled.finish();
        }
        world.finish();
        // After the end nothing happens.
        for at in 0..world.stored.len() {
            let event = world.stored[at].event.clone();
            prop_assert!(transition(Some(&world.run), world.at, event, 1, &Tiny).is_err());
        }
        world.crash();
    }

    /// From wherever it got to: a run that was restored from a backup waits for people, and they can bring it to an end.
    #[test]
    fn a_restored_run_does_nothing_without_a_persons_word(
        written in numbers(200), happens in numbers(200), then in numbers(100),
    ) {
        let program = program(&mut Choices::new(written));
        let mut choices = Choices::new(happens);
        let mut world = World::new(&program, choices.below(4) as u32);
        while !choices.is_over() && !world.run.state.is_end() {
            step(&mut world, &mut choices);
        }
        if world.run.state.is_end() {
            return Ok(());
        }
        world.restore();
        let mut choices = Choices::new(then);
        while !choices.is_over() && !world.run.state.is_end() {
            step(&mut world, &mut choices);
        }
        if !world.run.state.is_end() && choices.percent(50) {
            world.at += jiff::SignedDuration::from_hours(24);
            let again = RunEvent::Restored { backup_of: world.at };
            if transition(Some(&world.run), world.at, again, 0, &Tiny).is_ok() {
                world.restore();
            }
        }
        world.finish();
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
