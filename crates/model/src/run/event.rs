//! What happens to a run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, Branch, Cause, Phase, Plan, Requester, RetryOf, RunState, Seen, Stopping, Wait};
use crate::{
    id::RunId,
    name::Digest,
    runbook::{ChangeClass, Effect, InputValues},
};

/// Something that happened to a run.
///
/// Some come from outside and are given to [`transition`](super::transition); the others follow from them, and only the
/// state machine itself makes those.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum RunEvent {
    // ---- given
    #[serde(rename = "run.requested")]
    Requested(Box<Requested>),
    /// A free place was found: the attempt begins.
    #[serde(rename = "step.started")]
    StepStarted { step: u32, attempt: u32 },
    /// The runner says how an attempt ended, even if the attempt was thought lost; also how a step ended that has none.
    #[serde(rename = "step.finished")]
    StepFinished { step: u32, attempt: u32, end: StepEnd },
    /// Nobody can learn how this attempt ended.
    #[serde(rename = "step.lost")]
    StepLost { step: u32, attempt: u32, cause: Cause, message: String },
    /// A policy forbids what was about to be performed: nothing of this attempt was. Said again when it is another policy.
    #[serde(rename = "step.parked")]
    StepParked { step: u32, attempt: u32, policy: Option<String>, reason: String },
    /// The policy permits it again.
    #[serde(rename = "step.unparked")]
    StepUnparked { step: u32, attempt: u32 },
    /// A person did what a manual step says, or decided at a gate.
    #[serde(rename = "step.answered")]
    StepAnswered { step: u32, answer: Answer, outputs: BTreeMap<String, String> },
    /// A person said how a lost attempt ended.
    #[serde(rename = "step.resolved")]
    StepResolved { step: u32, attempt: u32, answer: Answer },
    /// What is under way ends; cleanup is performed. While the run or a called runbook cleans up: that ends too.
    #[serde(rename = "run.cancel_requested")]
    CancelRequested { by: Requester },
    /// The lock that the run, or this step of it, waited for is its own now. Whoever keeps the locks says it, once for each
    /// [`AcquireLock`](super::RunEffect::AcquireLock).
    #[serde(rename = "lock.granted")]
    LockGranted { step: Option<u32> },
    /// The lock that this step needs is full, and it does not wait for it.
    #[serde(rename = "lock.refused")]
    LockRefused { step: u32, message: String },
    /// What is seen now of the signals that this step waits for, in their order. It is not stored; what follows from it is.
    #[serde(rename = "step.signals_seen")]
    SignalsSeen { step: u32, seen: Vec<Seen> },
    /// The collectors that this step waits for have looked, or could not: in words, if any of them could not.
    #[serde(rename = "step.collected")]
    Collected { step: u32, message: Option<String> },
    /// The store was restored from a backup of that moment, and nobody knows what happened since: nothing of the run goes
    /// on without a person's word.
    #[serde(rename = "run.restored")]
    Restored { backup_of: Timestamp },
    /// Time has passed: whatever is due by now happens. It is not stored; what follows from it is.
    #[serde(rename = "run.due")]
    Due {},

    // ---- derived
    #[serde(rename = "run.started")]
    Started {},
    /// It does not move, and this is why.
    #[serde(rename = "step.waiting")]
    StepWaiting { step: u32, attempt: u32, wait: Wait },
    /// The run waits before its first step.
    #[serde(rename = "run.waiting")]
    Waiting { wait: Wait },
    /// A loop begins: it is performed once for each of these.
    #[serde(rename = "step.expanded")]
    StepExpanded { step: u32, branches: Vec<Branch> },
    /// A called runbook begins with these inputs.
    #[serde(rename = "step.called")]
    StepCalled { step: u32, inputs: InputValues },
    #[serde(rename = "step.skipped")]
    StepSkipped { step: u32, message: String },
    /// An attempt ended, and that is not the end of the step.
    #[serde(rename = "step.attempt_finished")]
    AttemptFinished { step: u32, attempt: u32, end: StepEnd },
    /// Handlers or cleanup begin: of this step, or of the run.
    #[serde(rename = "run.phase_entered")]
    PhaseEntered { step: Option<u32>, phase: Phase, verdict: StepEnd },
    /// What is in this step, or in the run, must end before its time.
    #[serde(rename = "run.stopping")]
    StoppingBegan { step: Option<u32>, why: Stopping },
    #[serde(rename = "run.finished")]
    Finished { state: RunState, cause: Option<Cause>, message: Option<String> },
}

impl RunEvent {
    /// The event's type in the envelope.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Requested(_) => "run.requested",
            Self::StepStarted { .. } => "step.started",
            Self::StepFinished { .. } => "step.finished",
            Self::StepLost { .. } => "step.lost",
            Self::StepParked { .. } => "step.parked",
            Self::StepUnparked { .. } => "step.unparked",
            Self::StepAnswered { .. } => "step.answered",
            Self::StepResolved { .. } => "step.resolved",
            Self::CancelRequested { .. } => "run.cancel_requested",
            Self::LockGranted { .. } => "lock.granted",
            Self::LockRefused { .. } => "lock.refused",
            Self::SignalsSeen { .. } => "step.signals_seen",
            Self::Collected { .. } => "step.collected",
            Self::Restored { .. } => "run.restored",
            Self::Due {} => "run.due",
            Self::Started {} => "run.started",
            Self::StepWaiting { .. } => "step.waiting",
            Self::Waiting { .. } => "run.waiting",
            Self::StepExpanded { .. } => "step.expanded",
            Self::StepCalled { .. } => "step.called",
            Self::StepSkipped { .. } => "step.skipped",
            Self::AttemptFinished { .. } => "step.attempt_finished",
            Self::PhaseEntered { .. } => "run.phase_entered",
            Self::StoppingBegan { .. } => "run.stopping",
            Self::Finished { .. } => "run.finished",
        }
    }

    /// The step that it is about.
    pub fn step(&self) -> Option<u32> {
        match self {
            Self::StepStarted { step, .. }
            | Self::StepFinished { step, .. }
            | Self::StepLost { step, .. }
            | Self::StepParked { step, .. }
            | Self::StepUnparked { step, .. }
            | Self::StepAnswered { step, .. }
            | Self::SignalsSeen { step, .. }
            | Self::Collected { step, .. }
            | Self::StepResolved { step, .. }
            | Self::LockRefused { step, .. }
            | Self::StepWaiting { step, .. }
            | Self::StepExpanded { step, .. }
            | Self::StepCalled { step, .. }
            | Self::StepSkipped { step, .. }
            | Self::AttemptFinished { step, .. } => Some(*step),
            Self::LockGranted { step }
            | Self::PhaseEntered { step, .. }
            | Self::StoppingBegan { step, .. } => *step,
            _ => None,
        }
    }

    /// Who acted; nobody for what the platform found by itself.
    pub fn by(&self) -> Option<&Requester> {
        match self {
            Self::Requested(requested) => Some(&requested.by),
            Self::CancelRequested { by } => Some(by),
            Self::StepAnswered { answer, .. } | Self::StepResolved { answer, .. } => Some(&answer.by),
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
    /// SHA-256 over all versions that it is pinned to: its own, those that it calls, the inventories. Runs of before it was
    /// written down have none.
    #[serde(default)]
    pub bundle: Option<Digest>,
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
    pub environment: Option<String>,
    /// Where its targets count as being, as far as its inputs tell; by name.
    #[serde(default)]
    pub environments: Vec<String>,
    pub change_class: Option<ChangeClass>,
    pub labels: BTreeMap<String, String>,
    /// The strongest of all steps, called runbooks included.
    pub effect: Effect,
    pub timeout_s: Option<u64>,
    pub retry_of: Option<RetryOf>,
    pub plan: Plan,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepEnd {
    pub outcome: StepOutcome,
    pub cause: Option<Cause>,
    pub message: Option<String>,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// What a collector's step observed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

impl StepEnd {
    pub fn succeeded() -> Self {
        Self {
            outcome: StepOutcome::Succeeded,
            cause: None,
            message: None,
            exit_code: None,
            signal: None,
            outputs: BTreeMap::new(),
            facts: BTreeMap::new(),
        }
    }

    pub fn failed(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            outcome: StepOutcome::Failed,
            cause: Some(cause),
            message: Some(message.into()),
            ..Self::succeeded()
        }
    }

    pub fn canceled(message: impl Into<String>) -> Self {
        Self {
            outcome: StepOutcome::Canceled,
            cause: Some(Cause::Canceled),
            message: Some(message.into()),
            ..Self::succeeded()
        }
    }

    /// Nobody can learn how it ended.
    pub fn unknown(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            outcome: StepOutcome::Unknown,
            cause: Some(cause),
            message: Some(message.into()),
            ..Self::succeeded()
        }
    }
}

/// The four ends of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
