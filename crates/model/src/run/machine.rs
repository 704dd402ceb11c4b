//! The run state machine: `(run, event) -> (run', events, effects)`.
//!
//! A run is the [`fold`](super::fold()) of its events. [`transition`] takes one thing that happened, refuses it if it
//! cannot be (late, doubled, foreign), and answers with every event that follows from it and what the world must now do.
//! Whoever calls stores run, events and effects in **one** transaction.
//!
//! It goes by the tree of steps: whatever may go on goes on ([`drive`]), until all that is left waits for the world.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Answer, AnswerVerdict, Awaited, Cause, Expected, Layer, Phase, Plan, PlannedAction, PlannedStep, Run,
    RunEvent, RunState, Scope, Seen, StepEnd, StepOutcome, StepRun, StepState, Stopping, Verifying, Wait,
    WaitReason, fold,
};
use crate::{
    evaluate::Evaluate,
    runbook::{OnLost, WhenFull},
};

mod begin;
mod drive;
mod given;
mod verify;

/// So many times an attempt of a safe step is made again by itself when nobody knows how the last one ended.
const LOST_AGAIN: u32 = 3;
/// Items that a loop may go over.
pub const ITEMS_MAX: usize = 10_000;

/// What the world must do after a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEffect {
    /// Queue a task: this attempt may start.
    Ready { step: u32, attempt: u32 },
    /// Take the task back: it must not start any more.
    Unready { step: u32, attempt: u32 },
    /// Perform this attempt: its start is stored.
    Started { step: u32, attempt: u32 },
    /// End the processes of this attempt.
    Stop { step: u32, attempt: u32 },
    /// The run of a service begins: how that stands is written down.
    Began,
    /// This step waits for signals or collectors: look, and say what was seen ([`RunEvent::SignalsSeen`],
    /// [`RunEvent::Collected`]) until it does not wait any more.
    Watch { step: u32 },
    /// Get the lock for the run, or for this step of it; then [`RunEvent::LockGranted`], at once if there is room.
    AcquireLock { step: Option<u32>, key: String, limit: u32, when_full: WhenFull },
    /// Give the lock back, or no longer wait for it: the next one gets it.
    ReleaseLock { step: Option<u32>, key: String },
    /// The run is over: its working directory goes, its locks are free, its secrets are destroyed, whoever follows is told.
    Ended,
}

/// The answer of [`transition`].
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub run: Run,
    /// The event given and all that follow from it, in order.
    pub events: Vec<RunEvent>,
    pub effects: Vec<RunEffect>,
}

/// Why an event cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("a run begins with a request")]
    NoRun,
    #[error("the run has been requested already")]
    AlreadyRequested,
    #[error("the run has ended: {}", .0.name())]
    Ended(RunState),
    #[error("the run is being canceled already")]
    AlreadyCanceling,
    #[error("the run has no step {step}")]
    NoStep { step: u32 },
    #[error("step {step} cannot start now")]
    NotReady { step: u32 },
    #[error("attempt {attempt} of step {step} is not running")]
    NotRunning { step: u32, attempt: u32 },
    #[error("step `{step}` does not wait for that: it is {}", .state.name())]
    NotAsked { step: String, state: StepState },
    #[error("whoever asked for a run does not decide at its gates")]
    OwnRequest,
    #[error("the run is ending, so nothing is tried again")]
    Stopping,
    #[error("nothing waits for that lock")]
    NoLock,
    #[error("step {step} waits for nothing that is watched")]
    NotWatching { step: u32 },
    #[error("attempt {attempt} of step {step} does not wait for a policy")]
    NotParked { step: u32, attempt: u32 },
    #[error("nothing is due yet")]
    NothingDue,
    #[error("only the state machine itself says that")]
    Derived,
}

/// Take one event that happened at `at`; answer with the run after it, every event that follows, and the effects.
///
/// `places` is how many attempts whoever calls can perform at once from now on: so many that become ready start in this
/// transition ([`RunEffect::Started`]) and are not queued.
///
/// # Errors
/// [`Refused`] if the event cannot happen to this run now; nothing has changed then.
pub fn transition(
    run: Option<&Run>,
    at: Timestamp,
    event: RunEvent,
    places: u32,
    evaluate: &dyn Evaluate,
) -> Result<Transition, Refused> {
    let now = match (run, &event) {
        (None, RunEvent::Requested(requested)) => fold::requested_run(requested, at),
        (Some(_), RunEvent::Requested(_)) => return Err(Refused::AlreadyRequested),
        (None, _) => return Err(Refused::NoRun),
        (Some(run), _) if run.state.is_end() => return Err(Refused::Ended(run.state)),
        (Some(run), _) => run.clone(),
    };
    let plan = Arc::clone(&now.plan);
    let mut machine =
        Machine { run: now, plan: &plan, at, places, evaluate, events: Vec::new(), effects: Vec::new() };
    if run.is_none() {
        machine.events.push(event);
        machine.lock_run();
    } else {
        machine.take(event)?;
    }
    if !machine.run.state.is_end() {
        machine.drive_run();
    }
    if machine.events.is_empty() {
        return Err(Refused::NothingDue);
    }
    let Machine { run, events, effects, .. } = machine;
    Ok(Transition { run, events, effects })
}

/// When something happens by itself next.
pub(super) fn wake_at(run: &Run) -> Option<Timestamp> {
    if run.state.is_end() {
        return None;
    }
    let waiting = run.steps.iter().filter_map(|step| step.wait.as_ref()?.until);
    let groups = run.steps.iter().zip(0..).filter_map(|(step, place)| {
        // What is ending already ends for that reason.
        group_due(run, step).filter(|_| stop_of(run, place).is_none())
    });
    waiting.chain(groups).chain(run_due(run)).min()
}

/// When the whole run has taken too long.
fn run_due(run: &Run) -> Option<Timestamp> {
    let open = run.body.phase == Phase::Main && run.body.stopping.is_none() && !run.body.untimed;
    due(run.started_at.filter(|_| open)?, run.timeout_s?)
}

/// When a group, a loop or a call has taken too long.
fn group_due(run: &Run, step: &StepRun) -> Option<Timestamp> {
    // A loop's limit is for each time of it, a task's is the runner's business.
    let open = step.state == StepState::Running
        && step.layer == Layer::One
        && step.body.phase == Phase::Main
        && step.body.stopping.is_none()
        && !step.body.untimed;
    if !open {
        return None;
    }
    let planned = run.plan.step(step.planned)?;
    let called = match &planned.action {
        PlannedAction::Task => return None,
        PlannedAction::Runbook { scope, .. } => run.plan.scope(*scope).and_then(|scope| scope.timeout_s),
        _ => None,
    };
    due(step.started_at?, planned.timeout_s.into_iter().chain(called).min()?)
}

fn due(from: Timestamp, seconds: u64) -> Option<Timestamp> {
    from.checked_add(SignedDuration::from_secs(i64::try_from(seconds).ok()?)).ok()
}

/// Why this step must not go on, if it must not: something around it is ending, and this is no part that is performed
/// all the same. Cleanup always is; handlers are when time was up, and not when somebody canceled.
fn stop_of(run: &Run, place: u32) -> Option<Stopping> {
    let mut of_cleanup = false;
    let mut inner = Some(place);
    while let Some(place) = inner {
        let parent = run.step(place)?.parent;
        let body = run.body_of(parent)?;
        if body.cleanup.contains(&place) {
            if body.cleanup_stopping {
                return Some(Stopping::Canceled);
            }
            of_cleanup = true;
        } else if !of_cleanup
            && let Some(why) = body.stopping
            && (why == Stopping::Canceled || !body.on_failure.contains(&place))
        {
            return Some(why);
        }
        inner = parent;
    }
    None
}

/// A transition under way.
struct Machine<'e> {
    run: Run,
    plan: &'e Plan,
    at: Timestamp,
    places: u32,
    evaluate: &'e dyn Evaluate,
    events: Vec<RunEvent>,
    effects: Vec<RunEffect>,
}

impl<'e> Machine<'e> {
    /// The one way in which anything changes.
    fn happen(&mut self, event: RunEvent) {
        fold::apply(&mut self.run, self.at, &event);
        self.events.push(event);
    }

    fn step(&self, place: u32) -> Result<Arc<StepRun>, Refused> {
        let at = usize::try_from(place).ok();
        at.and_then(|at| self.run.steps.get(at)).cloned().ok_or(Refused::NoStep { step: place })
    }

    /// The run begins with the first thing that anybody does for it.
    fn ensure_started(&mut self) {
        if self.run.started_at.is_none() {
            self.happen(RunEvent::Started {});
            if self.run.service.is_some() {
                self.effects.push(RunEffect::Began);
            }
        }
    }

    fn planned(&self, step: &StepRun) -> Option<&'e PlannedStep> {
        self.plan.step(step.planned)
    }

    /// The scope of the runbook that a step calls.
    fn called(&self, step: &StepRun) -> Option<&'e Scope> {
        match (&self.planned(step)?.action, step.layer) {
            (PlannedAction::Runbook { scope, .. }, Layer::One) => self.plan.scope(*scope),
            _ => None,
        }
    }

    fn stop_of(&self, place: u32) -> Option<Stopping> {
        stop_of(&self.run, place)
    }

    /// Something must end before its time: so must the attempts in it.
    fn begin_stopping(&mut self, event: RunEvent) {
        let going_on: Vec<u32> =
            self.run.running_steps().filter(|place| self.stop_of(*place).is_none()).collect();
        self.happen(event);
        for place in going_on {
            if self.stop_of(place).is_some() {
                let attempt = self.run.step(place).map_or(0, |step| step.attempt);
                self.effects.push(RunEffect::Stop { step: place, attempt });
            }
        }
    }

    /// The values that the expressions of a step see, as far as `text` speaks of them.
    fn values(&self, place: Option<u32>, texts: &[&str]) -> Value {
        let names: Vec<String> = texts.iter().flat_map(|text| self.evaluate.steps(text)).collect();
        super::values(&self.run, place, &names)
    }
}
