//! Health: what the end of a run says, and what slices make of a probe and probes of a service.

use jiff::{SignedDuration, Timestamp};
use model::{
    health::{
        CANNOT_TELL, Evidence, Health, NOTHING_WATCHES, Outcome, Rules, Slice, Watched, outcome,
        service_health,
    },
    run::{Cause, Run, RunEvent, RunState, StepEnd, StepOutcome, StepState, transition},
    runbook::{OnLost, Runbook, Step},
};
use proptest::prelude::*;

use crate::{
    language::Tiny,
    programs::{Program, group, parallel, runbook, script},
};

/// A run whose steps end as told by their names.
fn ended(runbook: Runbook, end: impl Fn(&str) -> StepEnd) -> Run {
    let at = Timestamp::UNIX_EPOCH;
    let mut program = Program::new(runbook);
    program.runbook.on_lost = OnLost::Unknown;
    let requested = RunEvent::Requested(Box::new(program.requested()));
    let mut run = transition(None, at, requested, 9, &Tiny).unwrap().run;
    while !run.state.is_end() {
        let place =
            run.steps.iter().position(|step| step.state == StepState::Running && step.action == "run");
        let place = place.expect("a step runs");
        let (step, attempt) = (u32::try_from(place).unwrap(), run.steps[place].attempt);
        let end = end(&run.steps[place].name);
        run =
            transition(Some(&run), at, RunEvent::StepFinished { step, attempt, end }, 9, &Tiny).unwrap().run;
    }
    run
}

fn exit(code: i32) -> StepEnd {
    let outcome = if code == 0 { StepOutcome::Succeeded } else { StepOutcome::Failed };
    let cause = (code != 0).then_some(Cause::Exit);
    StepEnd {
        outcome,
        cause,
        message: None,
        exit_code: Some(code),
        signal: None,
        outputs: Default::default(),
        facts: Default::default(),
    }
}

fn said(run: &Run) -> &'static str {
    match outcome(run) {
        None => "nothing yet",
        Some(Outcome::Good) => "good",
        Some(Outcome::Bad { .. }) => "bad",
        Some(Outcome::NoSample { .. }) => "no sample",
    }
}

#[test]
fn only_a_step_that_looked_makes_a_sample() {
    let one = |end: StepEnd| said(&ended(runbook("probe", vec![script("look")]), |_| end.clone()));
    assert_eq!(one(exit(0)), "good");
    assert_eq!(one(exit(1)), "bad");
    assert_eq!(one(exit(CANNOT_TELL)), "no sample");
    for (cause, expected) in [
        (Cause::Timeout, "bad"),
        (Cause::Signal, "bad"),
        (Cause::OutOfMemory, "bad"),
        (Cause::NotAsExpected, "bad"),
        (Cause::CannotStart, "no sample"),
        (Cause::BadOutput, "no sample"),
        (Cause::BadExpression, "no sample"),
        (Cause::Declined, "no sample"),
        (Cause::Busy, "no sample"),
    ] {
        assert_eq!(one(StepEnd { exit_code: None, ..StepEnd::failed(cause, "why") }), expected, "{cause:?}");
    }
    assert_eq!(one(StepEnd::unknown(Cause::ServerLost, "gone")), "no sample");
}

#[test]
fn what_has_not_ended_says_nothing_and_what_was_canceled_proves_nothing() {
    let mut run = ended(runbook("probe", vec![script("look")]), |_| exit(1));
    for (state, expected) in [
        (RunState::Queued, "nothing yet"),
        (RunState::Running, "nothing yet"),
        (RunState::Waiting, "nothing yet"),
        (RunState::Canceling, "nothing yet"),
        (RunState::Canceled, "no sample"),
        (RunState::Unknown, "no sample"),
        (RunState::Failed, "bad"),
    ] {
        run.state = state;
        assert_eq!(said(&run), expected, "{state:?}");
    }
}

#[test]
fn a_probe_cannot_tell_only_if_that_is_why_it_failed() {
    let codes = |left: i32, right: i32| {
        move |name: &str| match name {
            "left" => exit(left),
            _ => exit(right),
        }
    };
    let both = |steps: Vec<Step>| runbook("probe", vec![group("all", vec![parallel("both", steps)])]);
    let steps = || vec![script("left"), script("right")];
    assert_eq!(said(&ended(both(steps()), codes(0, CANNOT_TELL))), "no sample");
    assert_eq!(said(&ended(both(steps()), codes(CANNOT_TELL, CANNOT_TELL))), "no sample");
    // One that looked and found it bad counts, whatever another could not see.
    assert_eq!(said(&ended(both(steps()), codes(1, CANNOT_TELL))), "bad");
    assert_eq!(said(&ended(both(steps()), codes(CANNOT_TELL, 1))), "bad");
    // What is forgiven decides nothing.
    let forgiven = |mut steps: Vec<Step>| {
        steps[0].continue_on_failure = true;
        runbook("probe", steps)
    };
    assert_eq!(said(&ended(forgiven(steps()), codes(1, 0))), "good");
    assert_eq!(said(&ended(forgiven(steps()), codes(1, CANNOT_TELL))), "no sample");
    assert_eq!(said(&ended(forgiven(steps()), codes(CANNOT_TELL, 1))), "bad");
}

const STALE: i64 = 90;

fn rules(bad_after: u32) -> Rules {
    Rules { bad_after, stale_after: SignedDuration::from_secs(STALE) }
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn slice(at: i64, good: bool) -> Slice {
    Slice { at: second(at), good, run: None, why: (!good).then(|| "exit code 1".to_owned()) }
}

fn state(slices: &[(i64, bool)], bad_after: u32, now: i64) -> (Health, Option<i64>) {
    let watched = Watched::of(slices.iter().map(|(at, good)| slice(*at, *good)), rules(bad_after));
    let (health, since) = watched.at(second(now), rules(bad_after));
    (health, since.map(Timestamp::as_second))
}

#[test]
fn slices_become_a_state_with_its_beginning() {
    use Health::{Bad, Ok, Stale, Unknown};
    const G: bool = true;
    const B: bool = false;
    for (slices, bad_after, now, expected) in [
        (&[][..], 1, 0, (Unknown, None)),
        (&[(0, G), (30, G)], 1, 40, (Ok, Some(0))),
        (&[(0, G), (30, B)], 1, 40, (Bad, Some(30))),
        (&[(0, G), (30, B)], 2, 40, (Ok, Some(0))),
        (&[(0, G), (30, B), (60, B)], 2, 70, (Bad, Some(60))),
        (&[(0, G), (30, B), (60, G), (90, B)], 2, 100, (Ok, Some(0))),
        (&[(0, B), (30, B), (60, G)], 2, 70, (Ok, Some(60))),
        // Never been good, and not bad often enough: nobody knows.
        (&[(0, B)], 2, 10, (Unknown, Some(0))),
        // Too old, to the second.
        (&[(0, G)], 1, STALE, (Ok, Some(0))),
        (&[(0, G)], 1, STALE + 1, (Stale, Some(STALE))),
        (&[(0, B)], 1, STALE + 1, (Stale, Some(STALE))),
        // Over a gap nothing is in a row, and what was ok is not known to have stayed so.
        (&[(0, G), (100, B)], 2, 100, (Unknown, Some(100))),
        (&[(0, B), (100, B)], 2, 100, (Unknown, Some(100))),
        (&[(0, G), (100, G)], 2, 100, (Ok, Some(100))),
        // What was bad stays so until it is seen good.
        (&[(0, B), (30, B), (200, B)], 2, 200, (Bad, Some(200))),
        // Late and doubled slices turn nothing.
        (&[(0, G), (30, G), (10, B), (30, B)], 1, 40, (Ok, Some(0))),
    ] {
        assert_eq!(state(slices, bad_after, now), expected, "{slices:?} {bad_after} {now}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The fold against what the words mean, read off the whole list.
    #[test]
    fn the_fold_is_what_the_words_mean(
        steps in prop::collection::vec((1..200_i64, any::<bool>()), 0..20),
        bad_after in 1..5_u32,
        wait in 0..200_i64,
    ) {
        let mut at = 0;
        let slices: Vec<(i64, bool)> = steps.into_iter().map(|(step, good)| { at += step; (at, good) }).collect();
        let now = at + wait;
        let near = |pair: &[(i64, bool)]| pair[1].0 - pair[0].0 <= STALE;
        let last_good = slices.iter().rposition(|(_, good)| *good);
        let bad_ones = &slices[last_good.map_or(0, |place| place + 1)..];
        let rows = bad_ones.chunk_by(|a, b| b.0 - a.0 <= STALE);
        let expected = if slices.is_empty() {
            Health::Unknown
        } else if wait > STALE {
            Health::Stale
        } else if rows.into_iter().any(|row| row.len() >= bad_after as usize) {
            Health::Bad
        } else if last_good.is_some_and(|place| slices[place..].windows(2).all(near)) {
            Health::Ok
        } else {
            Health::Unknown
        };
        let (health, since) = state(&slices, bad_after, now);
        prop_assert_eq!(health, expected);
        prop_assert!(since.is_none_or(|since| since <= now));
        prop_assert_eq!(since.is_none(), slices.is_empty());
    }

    /// One that comes late changes nothing, wherever it belongs.
    #[test]
    fn a_late_slice_turns_nothing(goods in prop::collection::vec(any::<bool>(), 1..10), late in 0..300_i64, good in any::<bool>()) {
        let slices = goods.iter().enumerate().map(|(n, good)| slice(i64::try_from(n).unwrap() * 30, *good));
        let watched = Watched::of(slices, rules(2));
        let newest = watched.newest.as_ref().unwrap().at;
        let at = second(late).min(newest);
        prop_assert_eq!(watched.clone().with(Slice { at, ..slice(0, good) }, rules(2)), watched);
    }
}

fn evidence(probe: &str, health: Health, since: Option<i64>) -> Evidence {
    Evidence {
        probe: probe.into(),
        health,
        since: since.map(second),
        run: None,
        why: format!("{probe} says so."),
    }
}

#[test]
fn a_service_is_as_well_as_the_worst_of_its_probes() {
    use Health::{Bad, DataError, Degraded, Ok, Stale, Unknown};
    let order = [Bad, DataError, Stale, Unknown, Degraded, Ok];
    for (place, worse) in order.into_iter().enumerate() {
        for better in &order[place..] {
            let health =
                service_health(vec![evidence("a", *better, Some(1)), evidence("b", worse, Some(2))], None);
            assert_eq!(health.health, worse, "{worse:?} with {better:?}");
        }
    }
    assert_eq!(Health::ALL.map(|health| Health::from_name(health.name())), Health::ALL.map(Some));
}

#[test]
fn nothing_watched_is_unknown_and_says_so() {
    let health = service_health(Vec::new(), None);
    assert_eq!(
        (health.health, health.since, health.cause.as_str()),
        (Health::Unknown, None, NOTHING_WATCHES)
    );
}

#[test]
fn it_is_ill_since_the_first_probe_was_and_well_since_the_last_one_is() {
    use Health::{Bad, Ok};
    let ill = service_health(
        vec![evidence("a", Bad, Some(20)), evidence("b", Bad, Some(10)), evidence("c", Ok, Some(5))],
        None,
    );
    assert_eq!((ill.health, ill.since), (Bad, Some(second(10))));
    assert_eq!(ill.cause, "a says so. And 1 more.");
    assert_eq!(ill.evidence.iter().map(|it| it.probe.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let well = service_health(vec![evidence("a", Ok, Some(20)), evidence("b", Ok, Some(10))], None);
    assert_eq!((well.health, well.since), (Ok, Some(second(20))));
    // One recovers while another falls ill: it was ill all the time.
    let later = service_health(vec![evidence("a", Ok, Some(40)), evidence("b", Bad, Some(30))], Some(&ill));
    assert_eq!((later.health, later.since), (Bad, Some(second(10))));
    // A probe that is new does not make it well anew.
    let more = service_health(vec![evidence("a", Ok, Some(20)), evidence("new", Ok, Some(90))], Some(&well));
    assert_eq!(more.since, Some(second(20)));
}

#[test]
fn evidence_says_why_in_words() {
    let rules = rules(1);
    let of = |slices: &[(i64, bool)], now| {
        let watched = Watched::of(slices.iter().map(|(at, good)| slice(*at, *good)), rules);
        assert_eq!(watched.stale_at(rules), slices.last().map(|(at, _)| second(at + STALE)));
        Evidence::of("check-shop", &watched, rules, second(now)).why
    };
    assert_eq!(of(&[(0, false)], 1), "The probe `check-shop` is bad: exit code 1");
    assert_eq!(of(&[(0, true)], 1), "The probe `check-shop` is ok.");
    assert_eq!(of(&[(0, true)], 1000), "The probe `check-shop` has said nothing for too long.");
    assert_eq!(of(&[], 1), "The probe `check-shop` has said nothing yet.");
}
