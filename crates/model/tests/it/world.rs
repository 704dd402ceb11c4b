//! A world around one run: a queue, a runner, locks, people and a clock. After every transition all laws are held against it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use model::run::{
    Answer, AnswerVerdict, Cause, Counts, Layer, Phase, Plan, PlannedAction, Refused, Requester, Run,
    RunEffect, RunEvent, RunState, Seen, Stamped, StepEnd, StepOutcome, StepRun, StepState, Stopping, Wait,
    WaitReason, fold, transition,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    language::Tiny,
    programs::{Program, ann, bob},
};

type Attempt = (u32, u32);

#[derive(Clone)]
pub struct World {
    pub run: Run,
    pub at: Timestamp,
    pub stored: Vec<Stamped>,
    /// Tasks that wait for a runner.
    pub queue: BTreeSet<Attempt>,
    /// Attempts that a runner performs, and whether it was told to end them.
    pub performed: BTreeMap<Attempt, bool>,
    started: BTreeSet<Attempt>,
    /// Attempts of which anything was done. Whoever performs asks first, since a policy may forbid it now.
    begun: BTreeSet<Attempt>,
    /// Attempts that it did not let begin.
    refused: BTreeSet<Attempt>,
    /// The policy that forbids everything now.
    pub policy: Option<String>,
    /// By who waits or holds: the key, and whether it is held.
    pub locks: BTreeMap<Option<u32>, (String, bool)>,
    /// Attempts of which it is known that they are over, or of which a person said so.
    over: BTreeSet<Attempt>,
    /// The last of each step.
    attempts: BTreeMap<u32, u32>,
    /// Of called runbooks, by step: does the attempt have its lock, if it needs one? How often did it clean up?
    calls: BTreeMap<u32, (bool, u32)>,
    run_cleanups: u32,
    ended: u32,
}

/// The end that a runner reports.
pub fn end(outcome: StepOutcome) -> StepEnd {
    let exit_code = match outcome {
        StepOutcome::Succeeded => Some(0),
        StepOutcome::Failed => Some(1),
        _ => None,
    };
    StepEnd { outcome, exit_code, ..StepEnd::succeeded() }
}

/// A person said how it ended: of a group that waited to be tried again when it was restored, whatever became of what is in it.
fn is_resolved(step: &StepRun) -> bool {
    step.answer.as_ref().is_some_and(|answer| answer.verdict == AnswerVerdict::ResolvedSucceeded)
}

pub fn answer(by: Requester, at: Timestamp, verdict: AnswerVerdict) -> Answer {
    Answer { by, at, verdict, comment: Some("so it is".into()), evidence: None }
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(it: &T) -> T {
    let text = serde_json::to_string(it).unwrap();
    let back = serde_json::from_str(&text).unwrap();
    assert_eq!(&back, it, "{text}");
    back
}

impl World {
    pub fn new(program: &Program, places: u32) -> Self {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let requested = RunEvent::Requested(Box::new(program.requested()));
        let begun = transition(None, at, requested, places, &Tiny).unwrap();
        let nothing = Run { steps: Vec::new(), counts: Counts::default(), ..begun.run.clone() };
        let mut world = Self {
            run: nothing,
            at,
            stored: Vec::new(),
            queue: BTreeSet::new(),
            performed: BTreeMap::new(),
            started: BTreeSet::new(),
            begun: BTreeSet::new(),
            refused: BTreeSet::new(),
            policy: None,
            locks: BTreeMap::new(),
            over: BTreeSet::new(),
            attempts: BTreeMap::new(),
            calls: BTreeMap::new(),
            run_cleanups: 0,
            ended: 0,
        };
        let first = begun.events[0].clone();
        world.take(begun.run, &first, begun.events, begun.effects, places);
        world
    }

    pub fn send(&mut self, event: RunEvent, places: u32) -> Result<(), Refused> {
        let moved = transition(Some(&self.run), self.at, event.clone(), places, &Tiny)?;
        assert!(!self.run.state.is_end(), "an end state never changes: {event:?}");
        self.take(moved.run, &event, moved.events, moved.effects, places);
        let once = matches!(
            event,
            RunEvent::StepStarted { .. }
                | RunEvent::StepFinished { .. }
                | RunEvent::StepLost { .. }
                | RunEvent::StepParked { .. }
                | RunEvent::StepUnparked { .. }
                | RunEvent::StepAnswered { .. }
                | RunEvent::StepResolved { .. }
                | RunEvent::LockGranted { .. }
                | RunEvent::Restored { .. }
                | RunEvent::SignalsSeen { .. }
                | RunEvent::Collected { .. }
                | RunEvent::Requested(_)
        );
        // What was called and failed at once may ask for its lock again.
        let asks_again = matches!(event, RunEvent::LockGranted { step } if self.locks.get(&step).is_some_and(|(_, held)| !held));
        if (once || matches!(event, RunEvent::Due {})) && !asks_again {
            let again = transition(Some(&self.run), self.at, event.clone(), places, &Tiny);
            assert!(again.is_err(), "nothing happens twice: {event:?}");
        }
        Ok(())
    }

    /// The server was killed: all there is is what was stored.
    pub fn crash(&mut self) {
        let plan: Plan = comes_back(&self.run.plan);
        let mut run = comes_back(&Run { plan: Arc::default(), ..self.run.clone() });
        run.plan = Arc::new(plan);
        assert_eq!(run, self.run);
        let stored: Vec<Stamped> = self.stored.iter().map(comes_back).collect();
        assert_eq!(fold(&stored).as_ref(), Some(&run), "a run is the fold of its events");
        self.run = run;
    }

    fn take(
        &mut self,
        run: Run,
        given: &RunEvent,
        events: Vec<RunEvent>,
        effects: Vec<RunEffect>,
        places: u32,
    ) {
        let before = std::mem::replace(&mut self.run, run);
        let at = self.at;
        assert!(!events.is_empty());
        assert!(!events.contains(&RunEvent::Due {}), "that time passed is not stored");
        let new = self.stored.len();
        self.stored.extend(events.into_iter().map(|event| Stamped { at, event }));
        assert_eq!(fold(&self.stored).as_ref(), Some(&self.run), "a run is the fold of its events");
        assert_eq!(self.run.revision, self.stored.len() as u64);
        for at in new..self.stored.len() {
            let event = self.stored[at].event.clone();
            self.event(&event, at, given);
        }
        let mut direct = 0;
        for effect in &effects {
            self.effect(effect, given, &mut direct);
        }
        assert!(direct <= places, "no more starts than there are places");
        self.changed(&before);
        self.holds();
    }

    fn event(&mut self, event: &RunEvent, at: usize, given: &RunEvent) {
        match event {
            RunEvent::StepStarted { step, attempt } => {
                assert!(
                    self.attempts.insert(*step, *attempt) < Some(*attempt),
                    "attempts are counted: {event:?}"
                );
            }
            RunEvent::StepWaiting { step, attempt, .. }
            | RunEvent::StepFinished { step, attempt, .. }
            | RunEvent::AttemptFinished { step, attempt, .. } => {
                assert!(
                    self.attempts.insert(*step, *attempt) <= Some(*attempt),
                    "attempts are counted: {event:?}"
                );
            }
            _ => {}
        }
        match event {
            RunEvent::StepStarted { step, attempt } if self.is_task(*step) => {
                let once = !self.run.plan.step(self.step(*step).planned).unwrap().safe;
                if once && *attempt > 1 {
                    assert!(
                        self.over.contains(&(*step, attempt - 1)),
                        "a once step is not begun again without knowing how it ended: {event:?}"
                    );
                }
                if self.run.body.stopping == Some(Stopping::Canceled)
                    && !matches!(given, RunEvent::CancelRequested { .. })
                {
                    assert!(self.in_cleanup(*step), "nothing but cleanup starts after a cancel: {event:?}");
                }
            }
            RunEvent::AttemptFinished { step, attempt, end }
            | RunEvent::StepFinished { step, attempt, end } => {
                if end.outcome != StepOutcome::Unknown {
                    self.over.insert((*step, *attempt));
                }
                if let Some((begun, cleanups)) = self.calls.remove(step) {
                    let scope = self.called_scope(*step).unwrap();
                    let cleans = !self.run.plan.scope(scope).unwrap().cleanup.is_empty();
                    match end.outcome {
                        StepOutcome::Unknown => assert!(cleanups <= 1),
                        _ => assert_eq!(
                            cleanups,
                            u32::from(begun && cleans),
                            "cleanup exactly once: {event:?}"
                        ),
                    }
                }
            }
            RunEvent::StepResolved { step, attempt, .. } => _ = self.over.insert((*step, *attempt)),
            RunEvent::StepParked { step, attempt, .. } if self.is_task(*step) => {
                assert!(!self.begun.contains(&(*step, *attempt)), "what is parked has not begun: {event:?}");
                self.refused.insert((*step, *attempt));
                self.over.insert((*step, *attempt));
            }
            RunEvent::StepCalled { step, .. } => {
                let scope = self.run.plan.scope(self.called_scope(*step).unwrap()).unwrap();
                self.calls.insert(*step, (scope.concurrency.is_none(), 0));
            }
            RunEvent::LockGranted { step: Some(step) } => self.calls.get_mut(step).unwrap().0 = true,
            RunEvent::LockRefused { step, .. } => _ = self.calls.remove(step),
            // Those that wait for their lock never begin.
            RunEvent::Restored { .. } => self.calls.retain(|_, (begun, _)| *begun),
            RunEvent::PhaseEntered { step, phase, verdict } => {
                assert_ne!(verdict.outcome, StepOutcome::Unknown);
                if *phase == Phase::Cleanup {
                    match step {
                        None => self.run_cleanups += 1,
                        Some(step) => self.calls.get_mut(step).unwrap().1 += 1,
                    }
                }
                self.quiescent(*step, *phase, at);
            }
            _ => {}
        }
    }

    /// What comes before handlers and cleanup is over, and it is known how.
    fn quiescent(&self, owner: Option<u32>, phase: Phase, at: usize) {
        let run = fold(&self.stored[..=at]).unwrap();
        let step = |place: u32| run.step(place).unwrap();
        let body = owner.map_or(&run.body, |owner| &step(owner).body);
        let handlers: &[u32] = if phase == Phase::Cleanup { &body.on_failure } else { &[] };
        let mut inside: Vec<u32> = body.children.iter().chain(handlers).copied().collect();
        while let Some(place) = inside.pop() {
            let step = step(place);
            let over = step.state.is_end() && step.state != StepState::Unknown;
            assert!(over, "{phase:?} of {owner:?} begins while {} is {:?}", step.path, step.state);
            inside.extend(step.body.children.iter().chain(&step.body.on_failure).chain(&step.body.cleanup));
        }
    }

    fn effect(&mut self, effect: &RunEffect, given: &RunEvent, direct: &mut u32) {
        assert_eq!(self.ended, 0, "nothing is done after the end");
        match effect {
            RunEffect::Ready { step, attempt } => {
                let one = (*step, *attempt);
                assert!(!self.started.contains(&one) && self.queue.insert(one), "queued twice: {one:?}");
            }
            RunEffect::Unready { step, attempt } => {
                assert!(self.queue.remove(&(*step, *attempt)), "not queued: {effect:?}");
            }
            RunEffect::Started { step, attempt } => {
                let one = (*step, *attempt);
                if *given == (RunEvent::StepStarted { step: *step, attempt: *attempt }) {
                    assert!(self.queue.remove(&one), "claimed, but not queued: {one:?}");
                } else {
                    assert!(!self.queue.contains(&one), "started, but queued: {one:?}");
                    *direct += 1;
                }
                assert!(self.started.insert(one), "started twice: {one:?}");
                let parks = matches!(given, RunEvent::StepParked { step: parked, .. } if parked == step);
                assert!(!parks, "what is parked goes on only when it may: {one:?}");
                self.performed.retain(|(other, _), _| other != step);
                self.performed.insert(one, false);
            }
            RunEffect::Stop { step, attempt } => {
                let told = self.performed.get_mut(&(*step, *attempt)).expect("what is stopped runs");
                assert!(!std::mem::replace(told, true), "told twice to end: {effect:?}");
            }
            RunEffect::Began => assert!(self.run.started_at.is_some()),
            RunEffect::Watch { step } => {
                let begun = self.run.step(*step).is_some_and(|step| step.attempt > 0);
                assert!(begun, "what is watched has begun");
            }
            RunEffect::AcquireLock { step, key, limit, .. } => {
                assert!(*limit > 0);
                let asked = self.locks.insert(*step, (key.clone(), false));
                assert_eq!(asked, None, "a lock is asked for twice");
            }
            RunEffect::ReleaseLock { step, key } => {
                let had = self.locks.remove(step);
                assert_eq!(
                    had.map(|(key, _)| key).as_ref(),
                    Some(key),
                    "a lock that nobody has is given back"
                );
            }
            RunEffect::Ended => {
                self.ended += 1;
                self.locks.remove(&None);
            }
        }
    }

    /// What one transition may change.
    fn changed(&mut self, before: &Run) {
        for (at, one) in before.steps.iter().enumerate() {
            let now = &self.run.steps[at];
            assert!(
                !one.state.is_end() || one == now,
                "a step that has ended stays as it is: {one:?} {now:?}"
            );
            assert!(now.attempt >= one.attempt);
        }
        for (at, step) in self.run.steps.iter().enumerate() {
            if before.steps.get(at).is_none_or(|one| !Arc::ptr_eq(one, step)) {
                comes_back(&**step);
            }
        }
        comes_back(&Run { steps: Vec::new(), plan: Arc::default(), ..self.run.clone() });
        // What was told to end and is over is over.
        let run = &self.run;
        self.performed.retain(|(step, attempt), _| {
            let step = run.step(*step).unwrap();
            step.attempt == *attempt && step.state == StepState::Running && step.body.phase == Phase::Main
        });
    }

    /// What is true of every run at any time.
    fn holds(&self) {
        let run = &self.run;
        let end = run.state.is_end();
        let numbered = || (0..).zip(&run.steps).map(|(place, step): (u32, _)| (place, &**step));

        // The queue and the runner know the same as the run.
        let queued = |place| (place, self.step(place).attempt + 1);
        assert_eq!(self.queue, run.queued_steps().map(queued).collect());
        let performed = |place| (place, self.step(place).attempt);
        let performs: BTreeSet<Attempt> = run.running_steps().map(performed).collect();
        assert_eq!(performs, self.performed.keys().copied().collect());
        let waits_for_lock =
            |wait: &Option<Wait>| matches!(wait, Some(Wait { reason: WaitReason::Lock { .. }, .. }));
        for (who, (_, held)) in &self.locks {
            let wait = who.map_or(&run.wait, |place| &self.step(place).wait);
            assert_eq!(waits_for_lock(wait), !held, "{who:?} waits for its lock, or has it");
        }
        assert_eq!(waits_for_lock(&run.wait), self.locks.get(&None).is_some_and(|(_, held)| !held));

        // Counts and states.
        let waiting = run.steps.iter().filter(|step| step.state == StepState::Waiting).count() as u32;
        assert_eq!(run.counts, Counts { running: performs.len() as u32, waiting });
        for (_, step) in numbered() {
            assert_eq!(
                step.state == StepState::Waiting,
                step.wait.is_some(),
                "what waits says for what: {step:?}"
            );
            assert_eq!(step.state.is_end(), step.finished_at.is_some(), "{step:?}");
            if let Some(WaitReason::Policy { policy, reason }) = step.wait.as_ref().map(|wait| &wait.reason) {
                assert!(policy.is_some() && !reason.is_empty(), "what is parked names the policy: {step:?}");
            }
            let bad = matches!(step.state, StepState::Failed | StepState::Unknown);
            assert!(!bad || step.cause.is_some(), "{step:?}");
            assert!(step.state != StepState::Succeeded || step.cause.is_none(), "{step:?}");
            let within = !run.is_task(step) || step.body.phase != Phase::Main;
            if step.state == StepState::Running && within {
                let inside = [&step.body.children, &step.body.on_failure, &step.body.cleanup];
                let alive = |place: &&u32| {
                    matches!(self.step(**place).state, StepState::Running | StepState::Waiting)
                };
                assert!(
                    inside.into_iter().flatten().any(|place| alive(&place)),
                    "nothing goes on in {step:?}"
                );
            }
            self.holds_for_loop(step);
            self.holds_for_group(step);
        }
        let expected = if end || run.state == RunState::Canceling {
            run.state
        } else if run.started_at.is_none() {
            RunState::Queued
        } else if run.counts.running == 0 {
            RunState::Waiting
        } else {
            RunState::Running
        };
        assert_eq!(run.state, expected);

        if end {
            assert_eq!(self.ended, 1, "the end has its effect, once");
            assert!(run.steps.iter().all(|step| step.state.is_end()), "no step is left hanging");
            assert!(self.locks.is_empty(), "no lock is left held: {:?}", self.locks);
            assert_eq!(run.wake_at(), None);
            assert_eq!(run.wait, None);
            assert!(run.finished_at.is_some());
            let failed = matches!(run.state, RunState::Failed | RunState::Unknown);
            assert!(
                !failed || run.cause.is_some() && run.message.is_some(),
                "a cause is named, and in words"
            );
            assert!(run.state != RunState::Succeeded || run.cause.is_none());
            let cleans = !run.plan.scopes[0].cleanup.is_empty() && run.started_at.is_some();
            match run.state {
                RunState::Unknown => assert!(self.run_cleanups <= 1),
                _ => assert_eq!(self.run_cleanups, u32::from(cleans), "cleanup exactly once"),
            }
            assert!(self.calls.is_empty());
        } else {
            assert_eq!(self.ended, 0);
            let named = run.counts.running + run.counts.waiting > 0 || run.wait.is_some();
            assert!(named, "nothing moves, and nothing says why");
            let for_time = |wait: &Wait| {
                matches!(
                    wait.reason,
                    WaitReason::Time
                        | WaitReason::Retry { .. }
                        | WaitReason::Verify(_)
                        | WaitReason::Snapshot { .. }
                )
            };
            let only_time = run.wait.is_none()
                && run.counts.running == 0
                && run.steps.iter().filter_map(|step| step.wait.as_ref()).all(for_time);
            let wake_at = run.wake_at();
            assert!(!only_time || wake_at.is_some(), "it waits for a moment that never comes");
            assert!(wake_at.is_none_or(|wake| wake > self.at), "what is due has happened");
            if let Some(wake) = wake_at {
                let due = transition(Some(run), wake, RunEvent::Due {}, 0, &Tiny);
                assert!(due.is_ok(), "whoever is woken finds something due");
            }
        }
        // Whatever must end was told so.
        if run.body.stopping == Some(Stopping::Canceled) {
            for ((step, _), told) in &self.performed {
                assert!(*told || self.in_cleanup(*step), "step {step} goes on after a cancel");
            }
        }
    }

    fn holds_for_loop(&self, step: &StepRun) {
        let planned = self.run.plan.step(step.planned).unwrap();
        let children: Vec<&StepRun> = step.body.children.iter().map(|place| self.step(*place)).collect();
        let begun = |child: &&&StepRun| child.started_at.is_some() || child.attempt > 0;
        let alive =
            children.iter().filter(|child| matches!(child.state, StepState::Running | StepState::Waiting));
        match step.layer {
            Layer::One => {}
            Layer::Items => {
                let width = planned.for_each.as_ref().unwrap().width.max(1);
                assert!(alive.count() <= width as usize, "no more at once than {width}");
            }
            Layer::Targets => {
                let on = planned.on.as_ref().unwrap();
                let size = on.batch.map_or(children.len().max(1), |batch| batch.size(children.len()));
                let batches: Vec<&[&StepRun]> = children.chunks(size).collect();
                let moving: Vec<_> = batches
                    .iter()
                    .filter(|batch| {
                        batch.iter().any(|step| matches!(step.state, StepState::Running | StepState::Waiting))
                    })
                    .collect();
                assert!(moving.len() <= 1, "one batch after the other");
                let most = match on.stop_after_failures {
                    Some(most) => most.max(1) as usize,
                    None if planned.continue_on_failure => usize::MAX,
                    None => 1,
                };
                let mut failed = 0;
                for batch in batches {
                    let goes_on = batch.iter().any(|step| begun(&step));
                    assert!(failed < most || !goes_on, "no batch after {failed} failures: {step:?}");
                    failed += batch.iter().filter(|step| step.state == StepState::Failed).count();
                }
            }
        }
        if step.layer != Layer::One && step.state == StepState::Succeeded && !is_resolved(step) {
            let good = |child: &&StepRun| matches!(child.state, StepState::Succeeded | StepState::Skipped);
            assert!(children.iter().all(good), "{step:?}");
        }
    }

    fn holds_for_group(&self, step: &StepRun) {
        let planned = self.run.plan.step(step.planned).unwrap();
        if step.layer != Layer::One {
            return;
        }
        let children: Vec<&StepRun> = step.body.children.iter().map(|place| self.step(*place)).collect();
        let forgiven = |child: &StepRun| {
            let forgives = self.run.plan.step(child.planned).unwrap().continue_on_failure;
            matches!(child.state, StepState::Succeeded | StepState::Skipped)
                || child.state == StepState::Failed && forgives
        };
        if step.state == StepState::Succeeded && !is_resolved(step) {
            assert!(children.iter().all(|child| forgiven(child)), "{step:?}");
        }
        if planned.action != PlannedAction::Parallel {
            let mut goes_on = true;
            for child in children {
                let begun = child.started_at.is_some();
                assert!(goes_on || !begun, "{} began after the end of those before it", child.path);
                goes_on &= forgiven(child);
            }
        }
    }

    pub fn step(&self, place: u32) -> &StepRun {
        self.run.step(place).unwrap()
    }

    fn is_task(&self, place: u32) -> bool {
        self.run.is_task(self.step(place))
    }

    fn called_scope(&self, place: u32) -> Option<u32> {
        match &self.run.plan.step(self.step(place).planned)?.action {
            PlannedAction::Runbook { scope, .. } => Some(*scope),
            _ => None,
        }
    }

    /// Is it in a cleanup that nobody canceled?
    fn in_cleanup(&self, place: u32) -> bool {
        let mut inner = place;
        loop {
            let parent = self.step(inner).parent;
            let body = parent.map_or(&self.run.body, |parent| &self.step(parent).body);
            if body.cleanup.contains(&inner) {
                return !body.cleanup_stopping;
            }
            match parent {
                Some(parent) => inner = parent,
                None => return false,
            }
        }
    }

    /// Steps that wait so.
    pub fn waiting(&self, which: impl Fn(&WaitReason) -> bool) -> Vec<u32> {
        let steps = (0..).zip(&self.run.steps);
        steps
            .filter(|(_, step)| step.wait.as_ref().is_some_and(|wait| which(&wait.reason)))
            .map(|(at, _)| at)
            .collect()
    }

    /// Everybody does what is asked of them until the end.
    pub fn finish(&mut self) {
        for _ in 0..20_000 {
            if self.run.state.is_end() {
                return;
            }
            let event = self.plain().unwrap_or_else(|| panic!("there is no way out of {:#?}", self.run));
            let what = format!("{event:?}");
            if let Err(refused) = self.send(event, 0) {
                panic!("{what} is refused: {refused}");
            }
        }
        panic!("there is no end of {:#?}", self.run);
    }

    /// The plainest thing that can happen next.
    pub fn plain(&mut self) -> Option<RunEvent> {
        if let Some((step, _)) = self.locks.iter().find(|(_, (_, held))| !held) {
            let step = *step;
            return Some(self.grant(step));
        }
        if let Some((step, attempt)) = self.performed.keys().next().copied() {
            if let Some(refusal) = self.ask((step, attempt)) {
                return Some(refusal);
            }
            return Some(RunEvent::StepFinished { step, attempt, end: end(StepOutcome::Succeeded) });
        }
        if let Some((step, attempt)) = self.queue.first().copied() {
            return Some(RunEvent::StepStarted { step, attempt });
        }
        let asked = self.waiting(|_| true).into_iter().find_map(|step| self.answer(step, false));
        if asked.is_some() {
            return asked;
        }
        if let Some(permitted) = self.parked().first() {
            let permitted = self.permit(*permitted);
            return Some(permitted);
        }
        self.at = self.run.wake_at()?;
        Some(RunEvent::Due {})
    }

    /// Whoever is about to perform an attempt asks whether it may: it begins, or this is the refusal.
    pub fn ask(&mut self, (step, attempt): Attempt) -> Option<RunEvent> {
        assert!(!self.refused.contains(&(step, attempt)), "what was refused is never performed");
        if self.begun.contains(&(step, attempt)) {
            return None;
        }
        match self.refusal((step, attempt)) {
            None => {
                self.begun.insert((step, attempt));
                None
            }
            refusal => refusal,
        }
    }

    /// What a policy says of this attempt, if one forbids it now.
    pub fn refusal(&self, (step, attempt): Attempt) -> Option<RunEvent> {
        let policy = Some(self.policy.clone()?);
        Some(RunEvent::StepParked { step, attempt, policy, reason: "it is frozen".into() })
    }

    pub fn parked(&self) -> Vec<u32> {
        self.waiting(|reason| matches!(reason, WaitReason::Policy { .. }))
    }

    /// The policy goes, and this step hears of it.
    pub fn permit(&mut self, place: u32) -> RunEvent {
        self.policy = None;
        RunEvent::StepUnparked { step: place, attempt: self.run.parked(place).unwrap() }
    }

    pub fn grant(&mut self, step: Option<u32>) -> RunEvent {
        self.locks.get_mut(&step).unwrap().1 = true;
        RunEvent::LockGranted { step }
    }

    pub fn refuse(&mut self, step: u32) -> RunEvent {
        self.locks.remove(&Some(step));
        RunEvent::LockRefused { step, message: "lock a, held by run 1".into() }
    }

    /// What a person says of a step that waits for one.
    pub fn answer(&self, place: u32, badly: bool) -> Option<RunEvent> {
        let verdict = match (&self.step(place).wait.as_ref()?.reason, badly) {
            (WaitReason::Person { .. }, false) => AnswerVerdict::Done,
            (WaitReason::Person { .. }, true) => AnswerVerdict::Failed,
            (WaitReason::Approval { .. }, false) => AnswerVerdict::Approved,
            (WaitReason::Approval { .. }, true) => AnswerVerdict::Declined,
            (WaitReason::Lost { .. }, false) => AnswerVerdict::ResolvedSucceeded,
            (WaitReason::Lost { .. }, true) => AnswerVerdict::ResolvedFailed,
            _ => return None,
        };
        Some(self.say(place, bob(), verdict))
    }

    /// What is seen of what a step watches. Each signal holds for so many seconds, or does not.
    pub fn see(&self, place: u32, holds_s: &[Option<i64>]) -> Option<RunEvent> {
        match &self.step(place).wait.as_ref()?.reason {
            WaitReason::Snapshot { .. } => Some(RunEvent::Collected { step: place, message: None }),
            WaitReason::Verify(_) => {
                let seen = holds_s.iter().map(|holds_s| Seen {
                    holds: holds_s.is_some(),
                    says: "it was looked at".into(),
                    holds_until: holds_s.map(|seconds| self.at + SignedDuration::from_secs(seconds)),
                });
                Some(RunEvent::SignalsSeen { step: place, seen: seen.collect() })
            }
            _ => None,
        }
    }

    pub fn say(&self, place: u32, by: Requester, verdict: AnswerVerdict) -> RunEvent {
        let answer = answer(by, self.at, verdict);
        match &self.step(place).wait {
            Some(Wait { reason: WaitReason::Lost { attempt, .. }, .. }) => {
                RunEvent::StepResolved { step: place, attempt: *attempt, answer }
            }
            _ => RunEvent::StepAnswered { step: place, answer, outputs: BTreeMap::new() },
        }
    }

    pub fn lose(&self, (step, attempt): Attempt) -> RunEvent {
        RunEvent::StepLost { step, attempt, cause: Cause::ServerLost, message: "runner r1 is silent".into() }
    }

    /// The store is restored from a backup that was made just now: nothing goes on without a person's word.
    pub fn restore(&mut self) {
        let event = RunEvent::Restored { backup_of: self.at };
        let later = self.at + SignedDuration::from_hours(24 * 365);
        self.at += SignedDuration::from_hours(24);
        let before = self.run.clone();
        let moved = transition(Some(&before), self.at, event.clone(), 9, &Tiny).unwrap();
        for effect in &moved.effects {
            assert!(
                matches!(
                    effect,
                    RunEffect::Unready { .. } | RunEffect::ReleaseLock { .. } | RunEffect::Ended
                ),
                "a restored run does nothing: {effect:?}"
            );
        }
        let begun = |event: &RunEvent| {
            matches!(
                event,
                RunEvent::StepStarted { .. }
                    | RunEvent::StepCalled { .. }
                    | RunEvent::StepExpanded { .. }
                    | RunEvent::PhaseEntered { .. }
                    | RunEvent::StoppingBegan { .. }
                    | RunEvent::StepFinished { .. }
            )
        };
        assert!(!moved.events.iter().any(begun), "nothing begins or ends in it: {:?}", moved.events);
        self.send(event, 9).unwrap();
        assert!(self.queue.is_empty() && self.performed.is_empty());
        if self.run.state.is_end() {
            assert_eq!(self.run.state, RunState::Unknown);
            assert_eq!(before.started_at, None, "only what never began ends");
            return;
        }
        assert_eq!(self.run.wake_at(), None, "no moment is waited for");
        let due = transition(Some(&self.run), later, RunEvent::Due {}, 9, &Tiny);
        assert_eq!(due.unwrap_err(), Refused::NothingDue);
        let performed: BTreeSet<u32> = before.running_steps().collect();
        for (place, (was, is)) in (0..).zip(before.steps.iter().zip(&self.run.steps)) {
            let asked = |step: &StepRun| {
                let reason = step.wait.as_ref().map(|wait| &wait.reason);
                matches!(
                    reason,
                    Some(WaitReason::Lost { .. } | WaitReason::Person { .. } | WaitReason::Approval { .. })
                )
            };
            let moved_by_itself = performed.contains(&place) || was.wait.is_some();
            assert_eq!(moved_by_itself, asked(is), "a person is asked: {was:?} {is:?}");
            assert!(is.attempt <= was.attempt + 1, "one attempt at most is thought of: {was:?} {is:?}");
        }
    }

    /// Nobody who asked for a run decides at its gates.
    pub fn gates_refuse_the_requester(&self) {
        for gate in self.waiting(|reason| matches!(reason, WaitReason::Approval { .. })) {
            let event = self.say(gate, ann(), AnswerVerdict::Approved);
            let refused = transition(Some(&self.run), self.at, event, 0, &Tiny).unwrap_err();
            assert_eq!(refused, Refused::OwnRequest);
        }
    }

    pub fn pass(&mut self, ms: i64) {
        self.at += SignedDuration::from_millis(ms);
    }
}
