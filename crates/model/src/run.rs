//! The run state machine: `(run, event) -> (run', events, effects)`.
//!
//! A run is the [`fold`] of its events. [`transition`] takes one thing that happened, refuses it if it
//! cannot be (late, doubled, foreign), and answers with every event that follows from it and what the world must now do.
//! Whoever calls stores run, events and effects in **one** transaction.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    id::{PrincipalId, RunId},
    name::Digest,
    runbook::{Effect, InputValues, Runbook, Step},
};

/// Where a run stands.
///
/// ```text
/// queued ──► running ──► succeeded | failed | unknown
///    │          └─► canceling ──► canceled | succeeded | failed | unknown
///    └─► canceled
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Queued,
    Running,
    Canceling,
    Succeeded,
    Failed,
    Canceled,
    Unknown,
}

impl RunState {
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Canceling,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
        Self::Unknown,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Canceling => "canceling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// An end state never changes.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled | Self::Unknown)
    }
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Pending,
    Running,
    Succeeded,
    Failed,
    Skipped,
    Canceled,
    Unknown,
}

impl StepState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
        }
    }

    pub fn is_end(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// Why something did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The process ended with an exit code other than 0.
    Exit,
    /// A signal that nobody here sent ended the process.
    Signal,
    /// Its own or the run's time was up.
    Timeout,
    /// The process could not be started: no such interpreter, no room, no permission.
    CannotStart,
    /// What it wrote to `$SIGNALBOX_OUTPUT` cannot be read.
    BadOutput,
    /// Somebody asked for it.
    Canceled,
    /// The server went away while it ran, so nobody can say how it ended.
    ServerLost,
    /// Processes were left that could not be ended.
    LeftProcesses,
}

impl Cause {
    pub fn name(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Signal => "signal",
            Self::Timeout => "timeout",
            Self::CannotStart => "cannot_start",
            Self::BadOutput => "bad_output",
            Self::Canceled => "canceled",
            Self::ServerLost => "server_lost",
            Self::LeftProcesses => "left_processes",
        }
    }
}

/// Who asked, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Requester {
    pub id: PrincipalId,
    pub name: String,
}

/// One execution of one runbook version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    pub id: RunId,
    /// The project's name.
    pub project: String,
    /// The runbook's name.
    pub runbook: String,
    /// The version that it performs, pinned.
    pub digest: Digest,
    pub title: Option<String>,
    pub service: Option<String>,
    pub effect: Effect,
    pub state: RunState,
    /// Counts the events folded in; grows with every change.
    pub revision: u64,
    pub reason: Option<String>,
    pub requested_by: Requester,
    pub inputs: InputValues,
    /// Seconds that the whole run may take.
    pub timeout_s: Option<u64>,
    pub steps: Vec<StepRun>,
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// Why it did not succeed.
    pub cause: Option<Cause>,
    /// In words, for a person.
    pub message: Option<String>,
    pub cancel_requested_by: Option<Requester>,
}

/// A step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepRun {
    pub name: String,
    /// `run` or `command`.
    pub action: String,
    pub effect: Effect,
    pub state: StepState,
    /// Tries so far; 0 before the first.
    pub attempt: u32,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    pub exit_code: Option<i32>,
    /// The number of the signal that ended it.
    pub signal: Option<i32>,
    pub cause: Option<Cause>,
    pub message: Option<String>,
    pub outputs: BTreeMap<String, String>,
}

impl Run {
    /// The place of the step that runs now.
    pub fn running_step(&self) -> Option<u32> {
        self.place(StepState::Running)
    }

    /// The place of the step to start next, if the run may go on.
    pub fn next_step(&self) -> Option<u32> {
        let may = matches!(self.state, RunState::Queued | RunState::Running);
        let idle = self.running_step().is_none();
        let whole = self.steps.iter().all(|s| matches!(s.state, StepState::Pending | StepState::Succeeded));
        if may && idle && whole { self.place(StepState::Pending) } else { None }
    }

    fn place(&self, state: StepState) -> Option<u32> {
        let at = self.steps.iter().position(|step| step.state == state)?;
        u32::try_from(at).ok()
    }

    fn step(&self, place: u32) -> Option<&StepRun> {
        self.steps.get(usize::try_from(place).ok()?)
    }

    fn step_mut(&mut self, place: u32) -> Option<&mut StepRun> {
        self.steps.get_mut(usize::try_from(place).ok()?)
    }
}

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum RunEvent {
    #[serde(rename = "run.requested")]
    Requested(Box<Requested>),
    #[serde(rename = "run.started")]
    Started {},
    #[serde(rename = "step.started")]
    StepStarted { step: u32, attempt: u32 },
    #[serde(rename = "step.finished")]
    StepFinished { step: u32, attempt: u32, end: StepEnd },
    #[serde(rename = "run.cancel_requested")]
    CancelRequested { by: Requester },
    #[serde(rename = "run.finished")]
    Finished { state: RunState, cause: Option<Cause>, message: Option<String> },
}

impl RunEvent {
    /// The event's type in the envelope.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Requested(_) => "run.requested",
            Self::Started {} => "run.started",
            Self::StepStarted { .. } => "step.started",
            Self::StepFinished { .. } => "step.finished",
            Self::CancelRequested { .. } => "run.cancel_requested",
            Self::Finished { .. } => "run.finished",
        }
    }

    /// The step that it is about.
    pub fn step(&self) -> Option<u32> {
        match self {
            Self::StepStarted { step, .. } | Self::StepFinished { step, .. } => Some(*step),
            _ => None,
        }
    }
}

/// All that a run is pinned to when it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Requested {
    pub id: RunId,
    pub project: String,
    pub digest: Digest,
    /// SHA-256 of the inputs' RFC 8785 form.
    pub inputs_digest: Digest,
    pub inputs: InputValues,
    pub reason: Option<String>,
    pub by: Requester,
    /// `api`, `cli` or `console`: where the request came from.
    pub via: String,
    pub runbook: String,
    pub title: Option<String>,
    pub service: Option<String>,
    pub effect: Effect,
    pub timeout_s: Option<u64>,
    pub steps: Vec<PlannedStep>,
}

/// A step as the run will have it. Scripts stay in the version, which the digest names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    pub name: String,
    pub action: String,
    pub effect: Effect,
}

impl PlannedStep {
    pub fn of(runbook: &Runbook) -> Vec<Self> {
        let planned = |step: &Step| Self {
            name: step.name.clone(),
            action: step.action.name().to_owned(),
            effect: step.effect,
        };
        runbook.steps.iter().map(planned).collect()
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepEnd {
    pub outcome: StepOutcome,
    pub cause: Option<Cause>,
    pub message: Option<String>,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
}

impl StepEnd {
    /// Nobody can learn how it ended.
    pub fn unknown(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            outcome: StepOutcome::Unknown,
            cause: Some(cause),
            message: Some(message.into()),
            exit_code: None,
            signal: None,
            outputs: BTreeMap::new(),
        }
    }
}

/// The four ends of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    Succeeded,
    Failed,
    Canceled,
    Unknown,
}

/// An event and its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    pub at: Timestamp,
    pub event: RunEvent,
}

/// What the world must do after a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEffect {
    /// Queue a task: this attempt may start.
    Ready { step: u32, attempt: u32 },
    /// Perform this attempt: its start is stored.
    Started { step: u32, attempt: u32 },
    /// End the processes of this attempt.
    Stop { step: u32, attempt: u32 },
    /// The run is over: its working directory goes, whoever follows is told.
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
    #[error("step {step} cannot start now")]
    NotReady { step: u32 },
    #[error("attempt {attempt} of step {step} is not running")]
    NotRunning { step: u32, attempt: u32 },
    #[error("only the state machine itself says that a run starts or finishes")]
    Derived,
}

/// Take one event that happened at `at`; answer with the run after it, every event that follows, and the effects.
///
/// # Errors
/// [`Refused`] if the event cannot happen to this run now; nothing has changed then.
pub fn transition(run: Option<&Run>, at: Timestamp, event: RunEvent) -> Result<Transition, Refused> {
    let mut events = Vec::with_capacity(3);
    let mut effects = Vec::new();
    match (&event, run) {
        (RunEvent::Started {} | RunEvent::Finished { .. }, _) => return Err(Refused::Derived),
        (RunEvent::Requested(_), Some(_)) => return Err(Refused::AlreadyRequested),
        (RunEvent::Requested(_), None) => events.push(event),
        (_, None) => return Err(Refused::NoRun),
        (_, Some(run)) if run.state.is_end() => return Err(Refused::Ended(run.state)),
        (RunEvent::StepStarted { step, attempt }, Some(run)) => {
            let expected = run.step(*step).map(|s| s.attempt + 1);
            if run.next_step() != Some(*step) || expected != Some(*attempt) {
                return Err(Refused::NotReady { step: *step });
            }
            if run.state == RunState::Queued {
                events.push(RunEvent::Started {});
            }
            effects.push(RunEffect::Started { step: *step, attempt: *attempt });
            events.push(event);
        }
        (RunEvent::StepFinished { step, attempt, .. }, Some(run)) => {
            let here =
                run.step(*step).is_some_and(|s| s.state == StepState::Running && s.attempt == *attempt);
            if !here {
                return Err(Refused::NotRunning { step: *step, attempt: *attempt });
            }
            events.push(event);
        }
        (RunEvent::CancelRequested { .. }, Some(run)) => {
            if run.state == RunState::Canceling {
                return Err(Refused::AlreadyCanceling);
            }
            // Whatever is queued must not start any more; what runs is ended.
            if let Some(step) = run.running_step() {
                let attempt = run.step(step).map_or(0, |s| s.attempt);
                effects.push(RunEffect::Stop { step, attempt });
            }
            events.push(event);
        }
    }

    let mut after = None;
    for event in &events {
        after = evolve(after.or_else(|| run.cloned()), at, event);
    }
    let mut after = after.ok_or(Refused::NoRun)?;
    if let Some(finished) = finish(&after) {
        after = apply(after, at, &finished);
        events.push(finished);
        effects.push(RunEffect::Ended);
    } else if let Some(step) = after.next_step() {
        let attempt = after.step(step).map_or(1, |s| s.attempt + 1);
        effects.push(RunEffect::Ready { step, attempt });
    }
    Ok(Transition { run: after, events, effects })
}

/// Is the run over? Then with which event.
fn finish(run: &Run) -> Option<RunEvent> {
    if run.running_step().is_some() {
        return None;
    }
    let worst = |state| run.steps.iter().find(|step| step.state == state);
    let (state, step) = if let Some(step) = worst(StepState::Unknown) {
        (RunState::Unknown, Some(step))
    } else if let Some(step) = worst(StepState::Failed) {
        (RunState::Failed, Some(step))
    } else if run.steps.iter().all(|step| step.state == StepState::Succeeded) {
        (RunState::Succeeded, None)
    } else if run.state == RunState::Canceling || worst(StepState::Canceled).is_some() {
        (RunState::Canceled, None)
    } else {
        return None;
    };
    let cause = match state {
        RunState::Canceled => Some(Cause::Canceled),
        _ => step.and_then(|s| s.cause),
    };
    let message = match (state, step) {
        (RunState::Canceled, _) => {
            run.cancel_requested_by.as_ref().map(|by| format!("canceled by {}", by.name))
        }
        (_, Some(step)) => Some(match &step.message {
            Some(message) => format!("step `{}`: {message}", step.name),
            None => format!("step `{}` ended {}", step.name, step.state.name()),
        }),
        _ => None,
    };
    Some(RunEvent::Finished { state, cause, message })
}

/// The run that these events make; none without a request among them.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Stamped>) -> Option<Run> {
    events.into_iter().fold(None, |run, stamped| evolve(run, stamped.at, &stamped.event))
}

/// One step of [`fold`]. Total: what comes before the request is passed over.
fn evolve(run: Option<Run>, at: Timestamp, event: &RunEvent) -> Option<Run> {
    match (run, event) {
        (None, RunEvent::Requested(requested)) => Some(requested_run(requested, at)),
        (None, _) => None,
        (Some(run), event) => Some(apply(run, at, event)),
    }
}

fn apply(mut run: Run, at: Timestamp, event: &RunEvent) -> Run {
    run.revision += 1;
    match event {
        RunEvent::Requested(_) => {}
        RunEvent::Started {} => {
            run.state = RunState::Running;
            run.started_at = Some(at);
        }
        RunEvent::StepStarted { step, attempt } => {
            if let Some(step) = run.step_mut(*step) {
                step.state = StepState::Running;
                step.attempt = *attempt;
                step.started_at = Some(at);
            }
        }
        RunEvent::StepFinished { step, end, .. } => {
            if let Some(step) = run.step_mut(*step) {
                step.state = match end.outcome {
                    StepOutcome::Succeeded => StepState::Succeeded,
                    StepOutcome::Failed => StepState::Failed,
                    StepOutcome::Canceled => StepState::Canceled,
                    StepOutcome::Unknown => StepState::Unknown,
                };
                step.finished_at = Some(at);
                step.exit_code = end.exit_code;
                step.signal = end.signal;
                step.cause = end.cause;
                step.message.clone_from(&end.message);
                step.outputs.clone_from(&end.outputs);
            }
        }
        RunEvent::CancelRequested { by } => {
            run.state = RunState::Canceling;
            run.cancel_requested_by = Some(by.clone());
        }
        RunEvent::Finished { state, cause, message } => {
            run.state = *state;
            run.finished_at = Some(at);
            run.cause = *cause;
            run.message.clone_from(message);
            let rest = if *state == RunState::Canceled { StepState::Canceled } else { StepState::Skipped };
            for step in run.steps.iter_mut().filter(|step| step.state == StepState::Pending) {
                step.state = rest;
            }
        }
    }
    run
}

fn requested_run(requested: &Requested, at: Timestamp) -> Run {
    let pending = |step: &PlannedStep| StepRun {
        name: step.name.clone(),
        action: step.action.clone(),
        effect: step.effect,
        state: StepState::Pending,
        attempt: 0,
        started_at: None,
        finished_at: None,
        exit_code: None,
        signal: None,
        cause: None,
        message: None,
        outputs: BTreeMap::new(),
    };
    Run {
        id: requested.id,
        project: requested.project.clone(),
        runbook: requested.runbook.clone(),
        digest: requested.digest.clone(),
        title: requested.title.clone(),
        service: requested.service.clone(),
        effect: requested.effect,
        state: RunState::Queued,
        revision: 1,
        reason: requested.reason.clone(),
        requested_by: requested.by.clone(),
        inputs: requested.inputs.clone(),
        timeout_s: requested.timeout_s,
        steps: requested.steps.iter().map(pending).collect(),
        requested_at: at,
        started_at: None,
        finished_at: None,
        cause: None,
        message: None,
        cancel_requested_by: None,
    }
}
