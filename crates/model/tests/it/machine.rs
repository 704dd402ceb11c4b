//! The run state machine, by the hundred thousand histories: whatever comes in whatever order, its laws hold.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use model::run::{
    Cause, Refused, Requested, Requester, Run, RunEffect, RunEvent, RunState, Stamped, StepEnd, StepOutcome,
    StepState, fold, transition,
};
use proptest::{prelude::*, strategy::ValueTree};

use crate::generators::{end, event, requested, requester};

/// What somebody sends to a run.
#[derive(Clone, Debug)]
enum Move {
    /// Start what is next.
    Start,
    /// End what runs.
    Finish(StepEnd),
    Cancel(Requester),
    /// Send again what was sent before: doubled, late, out of order.
    Again(prop::sample::Index),
    /// Anything else, foreign steps and attempts included.
    Any(RunEvent),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        8 => Just(Move::Start),
        8 => end().prop_map(Move::Finish),
        1 => requester().prop_map(Move::Cancel),
        3 => any::<prop::sample::Index>().prop_map(Move::Again),
        3 => event().prop_map(Move::Any),
    ];
    prop::collection::vec(one, 0..48)
}

/// A run, everything that was ever emitted about it, and everything that was ever sent to it.
struct History {
    run: Run,
    emitted: Vec<Stamped>,
    effects: Vec<RunEffect>,
    sent: Vec<RunEvent>,
    at: Timestamp,
}

impl History {
    fn begin(requested: Requested) -> Self {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let event = RunEvent::Requested(Box::new(requested));
        let begun = transition(None, at, event.clone()).unwrap();
        let emitted = begun.events.into_iter().map(|event| Stamped { at, event }).collect();
        let history = Self { run: begun.run, emitted, effects: begun.effects, sent: vec![event], at };
        history.holds();
        history
    }

    /// The event that a move stands for now; nothing if there is none.
    fn event(&self, step: Move) -> Option<RunEvent> {
        match step {
            Move::Start => {
                let step = self.run.next_step()?;
                Some(RunEvent::StepStarted { step, attempt: self.run.steps[step as usize].attempt + 1 })
            }
            Move::Finish(end) => {
                let step = self.run.running_step()?;
                Some(RunEvent::StepFinished { step, attempt: self.run.steps[step as usize].attempt, end })
            }
            Move::Cancel(by) => Some(RunEvent::CancelRequested { by }),
            Move::Again(index) => Some(index.get(&self.sent).clone()),
            Move::Any(event) => Some(event),
        }
    }

    fn send(&mut self, event: RunEvent) -> Result<(), Refused> {
        self.at += SignedDuration::from_millis(7);
        self.sent.push(event.clone());
        let before = self.run.clone();
        let answer = transition(Some(&self.run), self.at, event.clone());
        assert_eq!(self.run, before, "a transition changes nothing in place");
        let moved = answer?;

        assert!(!before.state.is_end(), "an end state never changes: {event:?}");
        assert_eq!(
            moved.events[0].kind() == "run.started",
            before.state == RunState::Queued && event.step().is_some()
        );
        if let RunEvent::StepStarted { step, .. } = &event {
            assert!(
                before.steps.iter().all(|s| matches!(s.state, StepState::Pending | StepState::Succeeded))
            );
            assert_eq!(before.running_step(), None);
            assert!(matches!(before.state, RunState::Queued | RunState::Running));
            assert!(
                before.steps[..*step as usize].iter().all(|s| s.state == StepState::Succeeded),
                "in order"
            );
        }
        for (one, other) in before.steps.iter().zip(&moved.run.steps) {
            assert!(!one.state.is_end() || one == other, "a step that has ended stays as it is");
        }
        let stops = moved.effects.iter().filter_map(|effect| match effect {
            RunEffect::Stop { step, attempt } => Some((*step, *attempt)),
            _ => None,
        });
        let canceling = matches!(event, RunEvent::CancelRequested { .. });
        let expected = before.running_step().filter(|_| canceling);
        let expected = expected.map(|step| (step, before.steps[step as usize].attempt));
        assert_eq!(
            stops.collect::<Vec<_>>(),
            Vec::from_iter(expected),
            "a cancel stops what runs, nothing else does"
        );

        let at = self.at;
        self.emitted.extend(moved.events.into_iter().map(|event| Stamped { at, event }));
        self.effects.extend(moved.effects.iter().cloned());
        self.run = moved.run;
        let ready = moved.effects.iter().any(|effect| matches!(effect, RunEffect::Ready { .. }));
        assert_eq!(ready, self.run.next_step().is_some(), "what may start next is said");
        self.holds();
        Ok(())
    }

    /// What is true of every run at any time.
    fn holds(&self) {
        let run = &self.run;
        assert_eq!(fold(&self.emitted).as_ref(), Some(run), "a run is the fold of its events");
        assert_eq!(run.revision, self.emitted.len() as u64, "the revision counts events");

        let count = |kind: &str| self.emitted.iter().filter(|stamped| stamped.event.kind() == kind).count();
        let ended = self.effects.iter().filter(|effect| **effect == RunEffect::Ended).count();
        let end = run.state.is_end();
        assert_eq!(count("run.finished"), usize::from(end), "one end, said once");
        assert_eq!(ended, usize::from(end), "the end has its effect, once");
        assert_eq!(count("run.requested"), 1);
        assert!(count("run.started") <= 1);
        assert_eq!(
            end,
            self.emitted.last().unwrap().event.kind() == "run.finished",
            "nothing comes after the end"
        );
        assert_eq!(end, run.finished_at.is_some());
        assert_eq!(count("run.started") == 1, run.started_at.is_some());

        let running = run.steps.iter().filter(|step| step.state == StepState::Running).count();
        assert!(running <= usize::from(!end), "at most one step runs, none after the end");
        if end {
            assert!(run.steps.iter().all(|step| step.state.is_end()), "no step is left hanging");
        }
        if run.state == RunState::Succeeded {
            assert!(run.steps.iter().all(|step| step.state == StepState::Succeeded));
            assert_eq!((run.cause, &run.message), (None, &None));
        }
        if matches!(run.state, RunState::Failed | RunState::Canceled | RunState::Unknown) {
            assert!(run.cause.is_some(), "a cause is named");
        }
        if matches!(run.state, RunState::Failed | RunState::Unknown) {
            assert!(run.message.is_some(), "and it is said in words");
        }
        if run.state == RunState::Canceled {
            assert_eq!(run.cause, Some(Cause::Canceled));
        }
        for step in &run.steps {
            let ran = step.attempt > 0;
            assert_eq!(ran, step.started_at.is_some());
            if ran && matches!(step.state, StepState::Failed | StepState::Canceled | StepState::Unknown) {
                assert!(step.cause.is_some(), "a cause is named");
            }
            let texts = step.outputs.iter().flat_map(|(name, value)| [name, value]).chain(&step.message);
            assert!(texts.into_iter().all(|text| !text.contains('\0')));
        }

        let mut offered = BTreeSet::new();
        for effect in &self.effects {
            if let RunEffect::Ready { step, attempt } = effect {
                assert!(offered.insert((*step, *attempt)), "no attempt is offered twice");
            }
            if let RunEffect::Started { step, attempt } = effect {
                assert!(offered.contains(&(*step, *attempt)), "nothing starts that was not offered");
            }
        }
    }

    /// Go on in the plainest way until the end.
    fn finish(&mut self) {
        for _ in 0..=2 * self.run.steps.len() {
            if self.run.state.is_end() {
                return;
            }
            let event =
                self.event(Move::Finish(plain(StepOutcome::Succeeded))).or_else(|| self.event(Move::Start));
            self.send(event.expect("something runs or is next")).expect("a plain move is taken");
        }
        assert!(self.run.state.is_end(), "there is no way out of {:?}", self.run);
    }
}

fn plain(outcome: StepOutcome) -> StepEnd {
    StepEnd {
        outcome,
        cause: None,
        message: None,
        exit_code: Some(0),
        signal: None,
        outputs: std::collections::BTreeMap::new(),
    }
}

fn canceler() -> Requester {
    Requester { id: model::id::PrincipalId(model::id::Uuid::from_u128(7)), name: "ann".into() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_sent_the_laws_hold(requested in requested(1..=8), moves in moves()) {
        let mut history = History::begin(requested);
        for step in moves {
            if let Some(event) = history.event(step) {
                let _ = history.send(event);
            }
        }
    }

    /// From each state that can be reached, both ways out: going on, and a cancel.
    #[test]
    fn every_state_that_is_no_end_has_a_way_out(requested in requested(1..=8), moves in moves()) {
        let mut history = History::begin(requested);
        for step in moves {
            if let Some(event) = history.event(step) {
                let _ = history.send(event);
            }
            let (run, effects, at) = (history.run.clone(), history.effects.clone(), history.at);
            let (emitted, sent) = (history.emitted.clone(), history.sent.clone());
            let twin = || History {
                run: run.clone(), emitted: emitted.clone(), effects: effects.clone(), sent: sent.clone(), at,
            };
            twin().finish();

            let mut canceled = twin();
            let by = canceler();
            match canceled.send(RunEvent::CancelRequested { by: by.clone() }) {
                Ok(()) | Err(Refused::AlreadyCanceling) => {}
                Err(refused) => prop_assert_eq!(refused, Refused::Ended(run.state)),
            }
            prop_assert!(canceled.run.state.is_end() || canceled.run.state == RunState::Canceling);
            if let Some(event) = canceled.event(Move::Finish(plain(StepOutcome::Canceled))) {
                canceled.send(event).unwrap();
            }
            prop_assert!(canceled.run.state.is_end(), "one result ends a run that is being canceled");
        }
    }

    /// The fold is total: events in any order, from any runs, make it neither stop nor panic.
    #[test]
    fn the_fold_takes_anything(events in prop::collection::vec(event(), 0..16)) {
        let at = Timestamp::UNIX_EPOCH;
        let stamped: Vec<_> = events.into_iter().map(|event| Stamped { at, event }).collect();
        let begun = stamped.iter().any(|stamped| matches!(stamped.event, RunEvent::Requested(_)));
        prop_assert_eq!(fold(&stamped).is_some(), begun);
    }
}

#[test]
fn a_run_without_steps_ends_at_once() {
    let at = Timestamp::UNIX_EPOCH;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let requested = requested(0..=0).new_tree(&mut runner).unwrap().current();
    let begun = transition(None, at, RunEvent::Requested(Box::new(requested))).unwrap();
    assert_eq!(begun.run.state, RunState::Succeeded);
    assert_eq!(begun.effects, [RunEffect::Ended]);
}

#[test]
fn nothing_but_a_request_begins_a_run() {
    let at = Timestamp::UNIX_EPOCH;
    let refused = |event| transition(None, at, event).unwrap_err();
    assert_eq!(refused(RunEvent::StepStarted { step: 0, attempt: 1 }), Refused::NoRun);
    assert_eq!(refused(RunEvent::CancelRequested { by: canceler() }), Refused::NoRun);
    assert_eq!(refused(RunEvent::Started {}), Refused::Derived);
}
