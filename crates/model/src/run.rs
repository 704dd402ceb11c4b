//! Runs, their states, and what can happen to them; [`transition`] moves them.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    firing::TimedKind,
    id::{PrincipalId, RunId},
    inventory::Target,
    name::Digest,
    runbook::{ChangeClass, Effect, InputValues},
};

mod address;
mod event;
mod fold;
mod machine;
mod plan;
mod values;
mod wait;

pub use address::is_within;
pub use event::{Requested, RunEvent, Stamped, StepEnd, StepOutcome};
pub use fold::fold;
pub use machine::{Refused, RunEffect, Transition, transition};
pub use plan::{CalledRunbook, Plan, PlanFault, PlannedAction, PlannedStep, SNAPSHOT, Scope, VERIFY};
pub use values::{own_secret, values, values_before};
pub use wait::{Awaited, Expected, Seen, Verifying, Wait, WaitReason};

/// Where a run stands.
///
/// ```text
/// queued ──► running ⇄ waiting ──► succeeded | failed | unknown
///    │          └─► canceling ──► canceled | succeeded | failed | unknown
///    └─► canceled
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Queued,
    Running,
    Waiting,
    Canceling,
    Succeeded,
    Failed,
    Canceled,
    Unknown,
}

impl RunState {
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
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
            Self::Waiting => "waiting",
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
    /// It does not move: `wait` names what for.
    Waiting,
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
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
        }
    }

    pub fn is_end(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Waiting)
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
    /// Nobody can learn how an attempt ended, and nobody said it in time.
    Lost,
    /// An expression or a template had no value.
    BadExpression,
    /// A person said that it failed, or said no.
    Declined,
    /// The check did not become true, or the answer was not the one expected.
    NotAsExpected,
    /// A lock that is full refuses instead of waiting.
    Busy,
    /// The signals of its `verify` did not come to hold in time.
    Verify,
    /// A step in it failed.
    StepFailed,
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
            Self::Lost => "lost",
            Self::BadExpression => "bad_expression",
            Self::Declined => "declined",
            Self::NotAsExpected => "not_as_expected",
            Self::Busy => "busy",
            Self::Verify => "verify",
            Self::StepFailed => "step_failed",
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
    /// SHA-256 over all versions that it is pinned to: its own, those of the runbooks that it calls, the inventories. Runs of
    /// before it was written down have none.
    #[serde(default)]
    pub bundle: Option<Digest>,
    pub title: Option<String>,
    pub service: Option<String>,
    /// Where its target `local` counts as being.
    #[serde(default)]
    pub environment: Option<String>,
    /// Where its targets count as being, as far as its inputs tell; by name.
    #[serde(default)]
    pub environments: Vec<String>,
    #[serde(default)]
    pub change_class: Option<ChangeClass>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    pub effect: Effect,
    pub state: RunState,
    /// Counts the events folded in; grows with every change.
    pub revision: u64,
    pub reason: Option<String>,
    /// How it was asked for: `api`, `cli`, `console`, or by time, as a `schedule`, `probe` or `collector`.
    #[serde(default)]
    pub via: String,
    pub requested_by: Requester,
    pub inputs: InputValues,
    /// Seconds that the whole run may take.
    pub timeout_s: Option<u64>,
    /// The run that this one tries again.
    #[serde(default)]
    pub retry_of: Option<RetryOf>,
    /// Every step there is so far, by place; loops and targets add theirs when they begin. Shared, so that a change copies
    /// only the steps that it touches.
    pub steps: Vec<Arc<StepRun>>,
    /// Places of the outermost steps, and which part of the runbook is performed.
    #[serde(flatten)]
    pub body: Body,
    #[serde(default)]
    pub counts: Counts,
    /// What it waits for before its first step: a lock.
    #[serde(default)]
    pub wait: Option<Wait>,
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
    /// What it was pinned to. Kept beside the run, not in it.
    #[serde(skip)]
    pub plan: Arc<Plan>,
}

/// How many steps there are of which it is said what the run does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Attempts that a runner performs now.
    pub running: u32,
    /// Steps that wait.
    pub waiting: u32,
}

/// The steps inside of something, and how far it is with them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Body {
    /// Places of the steps in it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<u32>,
    /// Places of the steps performed when it has failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_failure: Vec<u32>,
    /// Places of the steps performed at its end, whatever it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleanup: Vec<u32>,
    #[serde(default)]
    pub phase: Phase,
    /// How the part before handlers and cleanup ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<StepEnd>,
    /// Why what is in it must end before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping: Option<Stopping>,
    /// The cleanup itself was canceled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cleanup_stopping: bool,
    /// Its time limit does not hold any more: it was under way when the backup was made that it was restored from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untimed: bool,
}

/// Which part is performed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Main,
    OnFailure,
    Cleanup,
}

/// Why something must end before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stopping {
    Canceled,
    Timeout,
}

/// The run that another one tries again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RetryOf {
    pub run: RunId,
    /// The outermost step that it goes on from: those before it are skipped, with their outputs taken over.
    pub from: Option<String>,
    /// What expressions see of the steps that were skipped, by name.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub taken: BTreeMap<String, serde_json::Value>,
}

/// A step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepRun {
    /// As written.
    pub name: String,
    /// Its address in the run: the names from the outermost step, with dots between and `[item]` or `[target]` behind the
    /// name of a loop. `roll[web1].drain`.
    #[serde(default)]
    pub path: String,
    /// The place of the step that it is in.
    #[serde(default)]
    pub parent: Option<u32>,
    /// Its place in the plan.
    #[serde(default)]
    pub planned: u32,
    #[serde(default)]
    pub layer: Layer,
    /// The item or target that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<Branch>,
    /// As it is written in a runbook: `run`, `http`, `manual`.
    pub action: String,
    pub effect: Effect,
    pub state: StepState,
    /// The number of the last attempt; 0 before the first.
    pub attempt: u32,
    /// Attempts that a policy did not let begin: no tries, as far as `retry` counts them.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub parked: u32,
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
    /// What it observed, if its runbook collects facts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    #[serde(flatten)]
    pub body: Body,
    /// What it waits for, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// The inputs of a called runbook, while it is under way and after its last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<InputValues>,
    /// Who answered: a manual step, a gate, an attempt that was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// A step that is performed more than once stands for all of its times, which are in it: first the items, then the targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Once for each item.
    Items,
    /// Once for each target.
    Targets,
    /// Itself.
    #[default]
    One,
}

/// What one time of a repeated step is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Branch {
    Item {
        /// From 0.
        index: u32,
        value: serde_json::Value,
    },
    Target(Target),
}

/// Who said what about a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    pub by: Requester,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub verdict: AnswerVerdict,
    /// A comment or a reason.
    pub comment: Option<String>,
    /// A file that proves it.
    #[serde(default)]
    pub evidence: Option<UploadedFile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerVerdict {
    Done,
    Failed,
    Approved,
    Declined,
    ResolvedSucceeded,
    ResolvedFailed,
    ResolvedRetry,
}

impl AnswerVerdict {
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::Failed,
        Self::Approved,
        Self::Declined,
        Self::ResolvedSucceeded,
        Self::ResolvedFailed,
        Self::ResolvedRetry,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::ResolvedSucceeded => "resolved_succeeded",
            Self::ResolvedFailed => "resolved_failed",
            Self::ResolvedRetry => "resolved_retry",
        }
    }
}

/// A file that somebody gave, kept by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadedFile {
    #[serde(rename = "file")]
    pub sha256: Digest,
    pub name: String,
    /// Bytes.
    pub size: u64,
}

impl StepRun {
    /// Attempts that were performed, or may have been.
    fn tries(&self) -> u32 {
        self.attempt.saturating_sub(self.parked)
    }

    /// Is a called runbook's cleanup under way, and not to end before its time?
    fn cleans_up(&self) -> bool {
        self.state == StepState::Running && self.body.phase == Phase::Cleanup && !self.body.cleanup_stopping
    }
}

impl Run {
    /// All but its steps.
    pub fn without_steps(&self) -> Self {
        Self {
            id: self.id,
            project: self.project.clone(),
            runbook: self.runbook.clone(),
            digest: self.digest.clone(),
            bundle: self.bundle.clone(),
            title: self.title.clone(),
            service: self.service.clone(),
            environment: self.environment.clone(),
            environments: self.environments.clone(),
            change_class: self.change_class,
            labels: self.labels.clone(),
            effect: self.effect,
            state: self.state,
            revision: self.revision,
            reason: self.reason.clone(),
            via: self.via.clone(),
            requested_by: self.requested_by.clone(),
            inputs: self.inputs.clone(),
            timeout_s: self.timeout_s,
            retry_of: self.retry_of.clone(),
            steps: Vec::new(),
            body: self.body.clone(),
            counts: self.counts,
            wait: self.wait.clone(),
            requested_at: self.requested_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            cause: self.cause,
            message: self.message.clone(),
            cancel_requested_by: self.cancel_requested_by.clone(),
            plan: Arc::clone(&self.plan),
        }
    }

    /// Does it only observe, again and again? Such runs stand in no list but their runbook's, and few of them are kept.
    pub fn is_background(&self) -> bool {
        [TimedKind::Probe, TimedKind::Collector].iter().any(|kind| kind.name() == self.via)
    }

    pub fn step(&self, place: u32) -> Option<&StepRun> {
        self.steps.get(usize::try_from(place).ok()?).map(Arc::as_ref)
    }

    /// The place of the step with this address; a name alone will do while only one step has it.
    pub fn place_of(&self, address: &str) -> Option<u32> {
        // A group that was tried again has new steps under the old addresses: the last ones count.
        if let Some(at) = self.steps.iter().rposition(|step| step.path == address) {
            return Some(number(at));
        }
        let mut named = self.steps.iter().enumerate().filter(|(_, step)| step.name == address);
        match (named.next(), named.next()) {
            (Some((at, _)), None) => Some(number(at)),
            _ => None,
        }
    }

    /// Places of the attempts that run now: processes and requests, not the groups around them.
    pub fn running_steps(&self) -> impl Iterator<Item = u32> + '_ {
        self.places(Self::is_performed)
    }

    /// Does a runner perform it now?
    fn is_performed(&self, step: &StepRun) -> bool {
        step.state == StepState::Running && step.body.phase == Phase::Main && self.is_task(step)
    }

    /// The attempt of a step that waits for a policy to permit it again.
    pub fn parked(&self, place: u32) -> Option<u32> {
        let step = self.step(place)?;
        matches!(&step.wait, Some(Wait { reason: WaitReason::Policy { .. }, .. })).then_some(step.attempt)
    }

    /// Places of the attempts that wait for a free place on a runner.
    pub fn queued_steps(&self) -> impl Iterator<Item = u32> + '_ {
        self.places(|_, step| matches!(&step.wait, Some(Wait { reason: WaitReason::Runner, .. })))
    }

    /// Places of the steps of which this is true.
    pub fn places_of(&self, which: impl Fn(&StepRun) -> bool) -> impl Iterator<Item = u32> {
        self.places(move |_, step| which(step))
    }

    /// When something happens by itself next: a wait is over, time is up.
    pub fn wake_at(&self) -> Option<Timestamp> {
        machine::wake_at(self)
    }

    /// Is this performed by a runner, and not by people, time or the steps in it?
    pub fn is_task(&self, step: &StepRun) -> bool {
        step.layer == Layer::One
            && self
                .plan
                .step(step.planned)
                .is_some_and(|planned| matches!(planned.action, PlannedAction::Task))
    }

    /// What is in a step, or in the run itself.
    fn body_of(&self, owner: Option<u32>) -> Option<&Body> {
        match owner {
            None => Some(&self.body),
            Some(place) => self.step(place).map(|step| &step.body),
        }
    }

    fn places(&self, which: impl Fn(&Self, &StepRun) -> bool) -> impl Iterator<Item = u32> {
        let numbered = self.steps.iter().enumerate().filter(move |(_, step)| which(self, step));
        numbered.map(|(place, _)| number(place))
    }

    fn step_mut(&mut self, place: u32) -> Option<&mut StepRun> {
        self.steps.get_mut(usize::try_from(place).ok()?).map(Arc::make_mut)
    }
}

fn is_none_of_them(count: &u32) -> bool {
    *count == 0
}

/// A place as it is kept. A run has fewer than [`fold::STEPS_MAX`] steps.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
