//! Runs, their states, and what can happen to them; [`transition`] moves them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    id::{PrincipalId, RunId},
    name::Digest,
    runbook::{Effect, InputValues, Runbook, Step},
};

mod machine;

pub use machine::{Refused, RunEffect, Transition, fold, transition};

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
    /// It used more memory than it may.
    OutOfMemory,
    /// The check did not become true, or the answer was not the one expected.
    NotAsExpected,
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
            Self::OutOfMemory => "out_of_memory",
            Self::NotAsExpected => "not_as_expected",
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
