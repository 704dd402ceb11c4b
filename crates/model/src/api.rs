//! What the API says and hears: the JSON bodies of `/api/v1`, shared by server and client.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    event::Event,
    id::{PrincipalId, RunId, TokenId},
    inventory::Inventory,
    name::Digest,
    run::{Run, StepRun, UploadedFile},
    runbook::{Effect, InputValues, Runbook, VersionFile},
};

/// What is wrong, as RFC 9457 has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A stable name: `/problems/` and a slug, listed in `docs/api.md`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, for a person.
    pub detail: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The action that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The policy that determined a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Every fault in what was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// To be found in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A fault in a document, at its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    pub severity: Severity,
    /// A stable name of the kind of fault, as `unknown_key`.
    pub code: String,
    /// The document's path from the root; for an input of a run its name.
    pub path: String,
    /// From 1; 0 if the fault has no place in a text.
    pub line: usize,
    /// In characters, from 1; 0 if the fault has no place in a text.
    pub column: usize,
    /// In bytes of the document's text: where the marked part begins, and how long it is.
    pub offset: usize,
    pub length: usize,
    /// One sentence.
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Fault {
    /// An error that has no place in a text.
    pub fn without_place(code: &str, path: &str, message: &str) -> Self {
        Self {
            severity: Severity::Error,
            code: code.to_owned(),
            path: path.to_owned(),
            line: 0,
            column: 0,
            offset: 0,
            length: 0,
            message: message.to_owned(),
            hint: None,
        }
    }
}

/// Does a fault stop the document?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    /// Said, and carried on.
    Remark,
}

/// A list, and how to get more of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Give it as `after` to get the next page; none on the last.
    pub next: Option<String>,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    pub name: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// The documents and files of an operations repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    pub documents: Vec<SourceDocument>,
    /// The script and other files that the documents name.
    #[serde(default)]
    pub files: Vec<SourceFile>,
    /// Check and answer, store nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Retire what the project has and `documents` lacks.
    #[serde(default)]
    pub prune: bool,
}

/// A file of documents, byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceDocument {
    /// From the root, with `/`.
    pub path: String,
    pub text: String,
}

/// A file that belongs to a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// From the root, with `/`.
    pub path: String,
    pub mode: crate::runbook::FileMode,
    /// The bytes in standard base64 (RFC 4648 section 4).
    pub content_base64: String,
}

/// What became of each document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApplyAnswer {
    pub project: String,
    pub dry_run: bool,
    pub results: Vec<Applied>,
    /// Documents passed over, and other things worth knowing.
    pub remarks: Vec<Fault>,
}

/// What became of one definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// `Runbook`.
    pub kind: String,
    pub name: String,
    /// Where it was written; none for what was retired.
    pub path: Option<String>,
    pub digest: Digest,
    pub outcome: ApplyOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplyOutcome {
    Proposed,
    Published,
    Unchanged,
    Retired,
}

impl ApplyOutcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Published => "published",
            Self::Unchanged => "unchanged",
            Self::Retired => "retired",
        }
    }
}

/// A runbook in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunbookSummary {
    pub project: String,
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub service: Option<String>,
    pub effect: Effect,
    /// Of the published version.
    pub digest: Digest,
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retired_at: Option<Timestamp>,
    /// The newest run.
    pub last_run: Option<RunSummary>,
}

/// A runbook as published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunbookView {
    pub project: String,
    pub digest: Digest,
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    pub published_by: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retired_at: Option<Timestamp>,
    /// Where it was written.
    pub path: String,
    /// The document, byte for byte.
    pub text: String,
    pub files: Vec<VersionFile>,
    pub runbook: Runbook,
}

/// An immutable version of a definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionSummary {
    pub digest: Digest,
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    pub published_by: String,
    /// Is it the one that a run would perform?
    pub current: bool,
}

/// An inventory in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InventorySummary {
    pub project: String,
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    /// How many targets it has.
    pub targets: usize,
    /// Of the published version.
    pub digest: Digest,
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retired_at: Option<Timestamp>,
}

/// An inventory as published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InventoryView {
    pub project: String,
    pub digest: Digest,
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    pub published_by: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retired_at: Option<Timestamp>,
    /// Where it was written.
    pub path: String,
    /// The document, byte for byte.
    pub text: String,
    pub inventory: Inventory,
}

/// Ask for a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// By input name. A text is read as the input's type, so `"42"` is good for an integer.
    #[serde(default, deserialize_with = "each_once")]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub inputs: BTreeMap<String, serde_json::Value>,
    /// Why, for whoever reads it later.
    #[serde(default)]
    pub reason: Option<String>,
    /// `cli` or `console`; `api` unless said.
    #[serde(default)]
    pub via: Option<String>,
}

/// Inputs by name. Of two values for one name nobody can say which was meant.
fn each_once<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, serde_json::Value>, D::Error> {
    struct Inputs;

    impl<'de> serde::de::Visitor<'de> for Inputs {
        type Value = BTreeMap<String, serde_json::Value>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("inputs by name")
        }

        fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut inputs = BTreeMap::new();
            while let Some((name, value)) = map.next_entry::<String, _>()? {
                if inputs.contains_key(&name) {
                    return Err(serde::de::Error::custom(format_args!("the input `{name}` is given twice")));
                }
                inputs.insert(name, value);
            }
            Ok(inputs)
        }
    }

    deserializer.deserialize_map(Inputs)
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    pub id: RunId,
    pub project: String,
    pub runbook: String,
    pub title: Option<String>,
    pub service: Option<String>,
    pub state: crate::run::RunState,
    /// What it waits for, while it does not move.
    #[serde(default)]
    pub waits_for: Option<String>,
    /// Grows with every change of the run.
    pub revision: u64,
    pub reason: Option<String>,
    pub requested_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

impl From<&Run> for RunSummary {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id,
            project: run.project.clone(),
            runbook: run.runbook.clone(),
            title: run.title.clone(),
            service: run.service.clone(),
            state: run.state,
            waits_for: None,
            revision: run.revision,
            reason: run.reason.clone(),
            requested_by: run.requested_by.name.clone(),
            requested_at: run.requested_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
        }
    }
}

/// A run whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    #[serde(flatten)]
    pub run: Run,
    /// What it waits for, while it does not move.
    pub waits_for: Option<String>,
    /// By the step's address, then by output name.
    pub outputs: BTreeMap<String, BTreeMap<String, String>>,
}

impl RunView {
    pub fn new(run: Run, waits_for: Option<String>) -> Self {
        let of = |step: &StepRun| (step.path.clone(), step.outputs.clone());
        let outputs = run.steps.iter().filter(|step| !step.outputs.is_empty()).map(|step| of(step)).collect();
        Self { run, waits_for, outputs }
    }
}

/// What has changed of a run since its last revision: the run as it is now, with only the steps that changed in `steps`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunChange {
    #[serde(flatten)]
    pub run: Run,
    pub waits_for: Option<String>,
    /// The places of the steps in `run.steps`, in the same order; a place beyond those known is a new step.
    pub places: Vec<u32>,
}

/// What a run would do, without doing anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    pub project: String,
    pub runbook: String,
    pub digest: Digest,
    /// With defaults; secrets as `{"sealed": true}`.
    pub inputs: InputValues,
    pub effect: Effect,
    pub environments: Vec<String>,
    /// Names of all targets, `local` included.
    pub targets: Vec<String>,
    /// The key of its lock, and who has it now.
    pub lock: Option<LockView>,
    pub steps: Vec<PlanStepView>,
    /// What would be refused, and other things worth knowing before the button is pressed.
    pub remarks: Vec<String>,
}

/// A lock, and the runs that have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LockView {
    pub key: String,
    pub limit: u32,
    pub held_by: Vec<RunId>,
}

/// A step of a plan, in the order in which it is written; `depth` says what it is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanStepView {
    /// Its address, with `[…]` where items are not known yet.
    pub path: String,
    pub name: String,
    /// 0 for the outermost.
    pub depth: u32,
    /// `main`, `on_failure` or `cleanup`.
    pub phase: crate::run::Phase,
    pub action: String,
    /// What it does, in one line: the script's name, the command with its values, the URL, the instructions.
    pub summary: String,
    pub effect: Effect,
    pub safe: bool,
    /// Stored secrets that it names, of a group for all that is in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// The condition, and its value if it is known before the run.
    pub condition: Option<String>,
    pub condition_value: Option<bool>,
    /// The items, if they are known before the run.
    #[schema(value_type = Option<Vec<serde_json::Value>>)]
    pub items: Option<Vec<serde_json::Value>>,
    /// The targets, if it is performed on any.
    pub targets: Option<Vec<String>>,
    /// How many targets at once.
    pub batch: Option<u32>,
}

/// Ask for a run that tries an ended one again: same version, same inputs, a new decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// The outermost step to go on from.
    #[serde(default)]
    pub from: Option<String>,
    /// Secret inputs, which are asked for again; nothing else.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub inputs: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub via: Option<String>,
}

/// Say what became of a manual step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    pub done: bool,
    /// The step's fields.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub fields: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub comment: Option<String>,
    #[serde(default)]
    pub evidence: Option<UploadedFile>,
}

/// Decide at a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    pub approve: bool,
    #[serde(default)]
    pub comment: Option<String>,
}

/// Say how an attempt ended whose end nobody can learn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    #[serde(rename = "as")]
    pub verdict: Resolution,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    Succeeded,
    Failed,
    Retry,
}

/// Ask for the options of a choice, with the values of the inputs before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoicesRequest {
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub inputs: BTreeMap<String, serde_json::Value>,
}

/// What can be chosen now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Choices {
    pub options: Vec<ChoiceOption>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChoiceOption {
    pub value: String,
    /// Shown in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Inputs of a runbook, kept under a name. Secrets and files are never in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Preset {
    pub name: String,
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub inputs: BTreeMap<String, serde_json::Value>,
    pub saved_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub saved_at: Timestamp,
}

/// Keep inputs under a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavePreset {
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub inputs: BTreeMap<String, serde_json::Value>,
}

/// How one version differs from another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionDiff {
    pub from: Digest,
    pub to: Digest,
    /// The document first, then each file that differs, by path.
    pub files: Vec<FileDiff>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FileDiff {
    pub path: String,
    /// A unified diff; empty for bytes that are not text.
    pub text: String,
    pub binary: bool,
    /// It is only in the newer, or only in the older.
    pub added: bool,
    pub removed: bool,
    pub lines_added: u32,
    pub lines_removed: u32,
}

/// Publish an earlier version again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    pub digest: Digest,
}

/// A piece of a run's output, in the order in which it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutputChunk {
    /// The step's address.
    pub step: String,
    pub attempt: u32,
    pub stream: OutputStream,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The bytes, if they are UTF-8 by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Else in standard base64. A character may be cut in two: decode a stream as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_base64: Option<String>,
}

/// Where output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    Stdout,
    Stderr,
    /// The platform's own words about the output, as that it was cut.
    Note,
}

/// The events of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunEvents {
    pub items: Vec<Event>,
}

/// What a principal may do, until the issue on who may do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything.
    Admin,
    /// May see and run.
    Member,
    /// May read metrics: for a monitoring system.
    Monitor,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Monitor => "monitor",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Admin, Self::Member, Self::Monitor].into_iter().find(|role| role.name() == name)
    }
}

/// Whoever is signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    pub principal: PrincipalId,
    pub name: String,
    pub role: Role,
    /// `token` or `session`.
    pub method: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// The server's version.
    pub version: String,
}

/// Sign in.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub token: String,
}

/// Make a principal and its token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    pub name: String,
    pub role: Role,
}

/// A token, never its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    pub id: TokenId,
    pub name: String,
    pub role: Role,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// A new token, with its secret: shown this once.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    pub token: TokenView,
    /// Give it as `Authorization: Bearer …`.
    pub secret: String,
}

/// The server, and what it does now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlatformStatus {
    pub version: String,
    /// `sqlite` or `postgres`.
    pub database: String,
    /// Since the server started, reads included.
    pub database_transactions: u64,
    pub running_steps: usize,
    /// Steps that may run at once.
    pub runner_places: usize,
    /// Steps that wait for a place.
    pub waiting_tasks: u64,
    /// In words, what this machine can do for its steps: how processes are ended, which limits are held.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Hosts from which choices may be fetched.
    #[serde(default)]
    pub choices_hosts: Vec<String>,
    /// Seconds by which the machine's clock was set ahead, or back if negative, and is not believed: for five minutes the
    /// server keeps its own time. 0 as a rule.
    #[serde(default)]
    pub clock_off_s: i64,
}
