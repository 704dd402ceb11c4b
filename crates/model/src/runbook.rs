//! A runbook as the engine performs it: checked, with its defaults filled in, free of the text it was written in.
//!
//! The whole language by example: section 4 of the design, and `docs/runbooks.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::watch::{Collects, Probe, Verify};

/// Most bytes that one input value may hold.
pub const INPUT_MAX: usize = 64 * 1024;
/// Most bytes that all input values of one run may hold together.
pub const INPUTS_MAX: usize = 1024 * 1024;
/// Bytes of output kept of one step unless the runbook says otherwise.
pub const OUTPUT_LIMIT_DEFAULT: u64 = 256 * 1024 * 1024;

/// A definition of a procedure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Runbook {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The service that it acts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Where the built-in target `local` counts as being; production unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_class: Option<ChangeClass>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    pub inputs: Vec<Input>,
    /// What must be true of the inputs together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    pub steps: Vec<Step>,
    /// Performed when a step has failed for good, before `cleanup`; not for an attempt of a call that is tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_failure: Vec<Step>,
    /// Begun exactly once, after success, failure or cancel; of a called runbook once for each attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleanup: Vec<Step>,
    /// What a runbook that calls this one reads as `steps.NAME.outputs.KEY`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Template>,
    /// The strongest effect of all steps that are written here; those of called runbooks come to it in a run's plan.
    pub effect: Effect,
    /// Seconds that the whole run may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u64>,
    /// Bytes of output kept of each step.
    pub output_limit: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    #[serde(default, skip_serializing_if = "OnLost::is_default")]
    pub on_lost: OnLost,
    /// More targets than this are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_targets: Option<u32>,
    /// Seconds from SIGTERM to SIGKILL; 10 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// The local user as whom its processes run; the server's own unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as: Option<String>,
    /// It is a probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// It is a collector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collects: Option<Collects>,
    /// The collectors that are run before it begins and after it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshot: Vec<String>,
    /// What must hold after the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
}

impl Runbook {
    /// All steps in the order in which they are written, groups before what is in them, handlers after it; `steps`, then
    /// `on_failure`, then `cleanup`. A step's place here names it within its version.
    pub fn written_steps(&self) -> Vec<&Step> {
        fn visit<'s>(steps: &'s [Step], into: &mut Vec<&'s Step>) {
            for step in steps {
                into.push(step);
                visit(step.action.inner_steps(), into);
                visit(&step.on_failure, into);
            }
        }
        let mut all = Vec::new();
        for list in [&self.steps, &self.on_failure, &self.cleanup] {
            visit(list, &mut all);
        }
        all
    }
}

/// An expression of the small language of `if:`, `show_if:` and rules: `inputs.region == 'eu'`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Expression(pub String);

/// Text in which `{{ expression }}` stands for a value. Only where nothing interprets the result (law 2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Template(pub String);

impl Template {
    /// Nothing in it has to be filled in.
    pub fn is_plain(&self) -> bool {
        !self.0.contains("{{") && !self.0.contains("{%") && !self.0.contains("{#")
    }
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// What kind of change a runbook makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeClass {
    Feature,
    Config,
    Data,
    Capacity,
    ReliabilityFix,
    SecurityFix,
    Rollback,
    Diagnostic,
}

impl ChangeClass {
    pub const ALL: [Self; 8] = [
        Self::Feature,
        Self::Config,
        Self::Data,
        Self::Capacity,
        Self::ReliabilityFix,
        Self::SecurityFix,
        Self::Rollback,
        Self::Diagnostic,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Config => "config",
            Self::Data => "data",
            Self::Capacity => "capacity",
            Self::ReliabilityFix => "reliability_fix",
            Self::SecurityFix => "security_fix",
            Self::Rollback => "rollback",
            Self::Diagnostic => "diagnostic",
        }
    }
}

/// Something that must be true of the inputs together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    pub check: Expression,
    /// Said when it is not.
    pub message: String,
}

/// How many runs with the same key may be under way at once in a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Concurrency {
    pub key: Vec<KeyPart>,
    pub limit: u32,
    pub when_full: WhenFull,
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyPart {
    Text(String),
    /// The value of this input.
    Input(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    Queue,
    Refuse,
}

/// What becomes of an attempt whose end nobody can learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLost {
    /// A person says how it ended; after this many seconds without an answer it is `unknown`.
    Ask { for_s: u64 },
    /// It is `unknown` at once.
    Unknown,
    /// It is tried again, whatever it did. Only a runbook whose steps are all safe to repeat may say so.
    Retry,
}

impl OnLost {
    /// 24 hours.
    pub const ASK_DEFAULT_S: u64 = 24 * 60 * 60;

    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for OnLost {
    fn default() -> Self {
        Self::Ask { for_s: Self::ASK_DEFAULT_S }
    }
}

/// What the processes of one attempt may use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Thousandths of one core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_milli: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
}

impl Limits {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A value that whoever starts a run gives; also a field of a manual step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Input {
    pub name: String,
    #[serde(flatten)]
    pub kind: InputKind,
    #[serde(default)]
    pub required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<InputValue>,
    /// A default that is found when the run is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_from: Option<ComputedDefault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Asked for, and taken, only if this is true of the inputs before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show_if: Option<Expression>,
    /// Policies may see its value, and decide by it. Never of a secret.
    #[serde(default, skip_serializing_if = "is_false")]
    pub policy_visible: bool,
}

impl Input {
    /// The environment variable in which a step finds the value: `INPUT_` and the name in capitals.
    pub fn variable(&self) -> String {
        input_variable(&self.name)
    }
}

/// See [`Input::variable`].
pub fn input_variable(name: &str) -> String {
    format!("INPUT_{}", name.to_ascii_uppercase())
}

/// The environment variable that holds the path of the file of a secret, input or stored.
pub fn secret_variable(name: &str) -> String {
    format!("SECRET_{}_FILE", name.to_ascii_uppercase().replace('-', "_"))
}

/// What a default is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComputedDefault {
    /// The day, in UTC, as `2026-11-26`.
    Today,
    /// The moment, in UTC, as RFC 3339 has it.
    Now,
    /// The name of whoever asks.
    Caller,
}

impl ComputedDefault {
    pub const ALL: [Self; 3] = [Self::Today, Self::Now, Self::Caller];

    pub fn name(self) -> &'static str {
        match self {
            Self::Today => "today",
            Self::Now => "now",
            Self::Caller => "caller",
        }
    }
}

/// The type of an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InputKind {
    /// One line.
    String {
        /// A regular expression that the whole value must match.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pattern: Option<String>,
        /// In characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min_length: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_length: Option<u32>,
    },
    /// Any number of lines.
    Text {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min_length: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_length: Option<u32>,
    },
    Integer {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<i64>,
    },
    Number {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
    },
    Boolean,
    Choice {
        /// What can be chosen; with `from`, what stands there until it is fetched, mostly nothing.
        #[serde(default)]
        options: Vec<String>,
        /// Several may be chosen: the value is a list.
        #[serde(default, skip_serializing_if = "is_false")]
        multiple: bool,
        /// Something else may be typed.
        #[serde(default, skip_serializing_if = "is_false")]
        free: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<ChoicesFrom>,
    },
    /// `2026-11-26`.
    Date,
    /// RFC 3339, as `2026-11-26T10:00:00+01:00`; kept in UTC.
    Datetime,
    /// `90s`, `1h30m`; kept as seconds.
    Duration {
        /// Seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min_s: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_s: Option<u64>,
    },
    /// 0 to 100, as `25` or `25%`; kept as a number.
    Percentage,
    /// A list of texts.
    List {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min_items: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_items: Option<u32>,
    },
    /// Any JSON.
    Json,
    /// An uploaded file: steps find its path in the variable.
    File {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_bytes: Option<u64>,
    },
    /// Typed in by whoever asks, sealed, never shown; steps find the path of a file in `SECRET_NAME_FILE`.
    Secret,
}

impl InputKind {
    /// Every type, as it is written.
    pub const NAMES: [&str; 14] = [
        "string",
        "text",
        "integer",
        "number",
        "boolean",
        "choice",
        "date",
        "datetime",
        "duration",
        "percentage",
        "list",
        "json",
        "file",
        "secret",
    ];

    pub fn name(&self) -> &'static str {
        match self {
            Self::String { .. } => "string",
            Self::Text { .. } => "text",
            Self::Integer { .. } => "integer",
            Self::Number { .. } => "number",
            Self::Boolean => "boolean",
            Self::Choice { .. } => "choice",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Duration { .. } => "duration",
            Self::Percentage => "percentage",
            Self::List { .. } => "list",
            Self::Json => "json",
            Self::File { .. } => "file",
            Self::Secret => "secret",
        }
    }
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// Where the options of a choice are fetched when the form opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChoicesFrom {
    /// JSON from a URL: a list of texts, or of objects with `value` and perhaps `label`.
    Url {
        url: Template,
        /// Where the list stands in the answer, as a JSON Pointer (RFC 6901); the whole unless said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pointer: Option<String>,
    },
    /// An output of a runbook that only reads: a JSON list, or one option a line.
    Runbook {
        name: String,
        output: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        inputs: BTreeMap<String, Template>,
    },
}

/// A value of an input, of the type that its [`InputKind`] says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum InputValue {
    Boolean(bool),
    Integer(i64),
    Text(String),
    /// A number with a fraction, a list, JSON, `{"file": SHA-256, "name", "size"}` for a file, or `{"sealed": true}`
    /// for a secret: its value is kept elsewhere.
    Json(serde_json::Value),
}

impl InputValue {
    /// What stands for a secret.
    pub fn sealed() -> Self {
        Self::Json(serde_json::json!({"sealed": true}))
    }

    pub fn is_sealed(&self) -> bool {
        matches!(self, Self::Json(value) if value.get("sealed") == Some(&serde_json::Value::Bool(true)))
    }

    /// As it stands in the environment: text as it is, integers in decimal, `true` or `false`, else JSON.
    pub fn to_variable(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::Json(value) => value.to_string(),
        }
    }

    /// As expressions see it.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Boolean(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Text(value) => value.clone().into(),
            Self::Json(value) => value.clone(),
        }
    }
}

/// The values of a run, by input name.
pub type InputValues = BTreeMap<String, InputValue>;

/// A part of a runbook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// As written, else `step_` and its place counted from 1. Unique in its runbook.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(flatten)]
    pub action: StepAction,
    pub effect: Effect,
    /// Seconds that one attempt may take: of a group all that is in it, of a person or a wait from when it is asked for, of a
    /// called runbook from when it has its lock. Handlers and cleanup come on top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u64>,
    /// It may be done again without harm.
    #[serde(default, skip_serializing_if = "is_false")]
    pub idempotent: bool,
    /// Skipped if this is false.
    #[serde(default, rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Expression>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<ForEach>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<On>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Its failure is not the run's.
    #[serde(default, skip_serializing_if = "is_false")]
    pub continue_on_failure: bool,
    /// Performed when it has failed for good; it has failed all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub on_failure: Vec<Step>,
    /// Variables for its processes; a group's are those of all in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Template>,
    /// Where its processes work, from the run's working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<Template>,
    /// Stored secrets that its processes get as files; a group's are those of all in it. The action stands in the same object, and
    /// `secrets` there are those that a call hands on.
    #[serde(default, rename = "stored_secrets", skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Stored secrets that its processes get as variables, by the variables' names; a group's are those of all in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_env: BTreeMap<String, String>,
}

impl Step {
    /// A step that does this, and nothing else is said of it.
    pub fn new(name: impl Into<String>, action: StepAction, effect: Effect) -> Self {
        Self {
            name: name.into(),
            description: None,
            action,
            effect,
            timeout_s: None,
            idempotent: false,
            condition: None,
            for_each: None,
            on: None,
            retry: None,
            continue_on_failure: false,
            on_failure: Vec::new(),
            env: BTreeMap::new(),
            dir: None,
            secrets: Vec::new(),
            secret_env: BTreeMap::new(),
        }
    }

    /// May an attempt be made again when nobody knows how the last one ended (law 4)?
    pub fn is_safe(&self) -> bool {
        self.idempotent || self.effect == Effect::Read
    }
}

/// A step is performed once for each item of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForEach {
    pub items: Items,
    /// How many at once; 1 is one after the other.
    pub width: u32,
}

/// What a loop goes over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Items {
    List(Vec<serde_json::Value>),
    /// An expression whose value is a list.
    Of(Expression),
}

/// A step is performed once for each of these targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct On {
    /// The inventory's name.
    pub inventory: String,
    /// All of these must hold: `name`, `environment` or a label.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, Match>,
    /// How many at once; all unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
    /// No further batch is begun once so many targets have failed; 1 unless said, any number with `continue_on_failure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after_failures: Option<u32>,
}

/// What a label must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// One of these.
    OneOf(Vec<String>),
    /// The value of this input, or one of its values.
    Input(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Batch {
    Count(u32),
    /// Of the targets, rounded up.
    Percent(u32),
}

impl Batch {
    /// How many of `all` are begun at once: at least 1.
    pub fn size(self, all: usize) -> usize {
        let size = match self {
            Self::Count(count) => count as usize,
            Self::Percent(percent) => (all * percent as usize).div_ceil(100),
        };
        size.max(1)
    }
}

/// When a failed attempt is made again. Only attempts that are known to have ended are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Retry {
    /// All together, the first one too.
    pub attempts: u32,
    /// Seconds before the second attempt.
    pub wait_s: u64,
    /// Each further wait is so many times as long as the one before.
    pub backoff: f64,
    /// Only after these exit codes; after any failure if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_exit: Vec<i32>,
}

impl Retry {
    /// Longest wait between two attempts: a day.
    pub const WAIT_MAX_S: f64 = 86_400.0;

    /// Seconds to wait after attempt `attempt` (from 1) has failed.
    pub fn wait_after(&self, attempt: u32) -> f64 {
        let times = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let wait = self.wait_s as f64 * self.backoff.powi(times);
        // Not a number: infinite growth of nothing.
        if wait.is_nan() { 0.0 } else { wait.clamp(0.0, Self::WAIT_MAX_S) }
    }
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum StepAction {
    /// A script under an interpreter: `interpreter… script`.
    Run { interpreter: Vec<String>, script: Script },
    /// A program and its arguments; no shell.
    Command { argv: Vec<Template> },
    /// A request.
    Http(HttpRequest),
    /// Something that must become true.
    Check(Check),
    /// Something that a person does.
    Manual(Manual),
    /// A person says yes or no before anything goes on.
    Approve {
        /// What is asked.
        message: Template,
    },
    /// Another runbook of the project, as a part of this run.
    Runbook {
        #[serde(rename = "runbook")]
        name: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        inputs: BTreeMap<String, Template>,
        /// Secret inputs that are handed on: those of the called runbook, and which of its own each is.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        secrets: BTreeMap<String, String>,
    },
    /// Nothing, for a while.
    Wait(Wait),
    /// All of these at once.
    Parallel {
        #[schema(no_recursion)]
        branches: Vec<Step>,
    },
    /// These, one after the other.
    Steps {
        #[schema(no_recursion)]
        steps: Vec<Step>,
    },
}

impl StepAction {
    /// Every action, as it is written.
    pub const NAMES: [&str; 10] =
        ["run", "command", "http", "check", "manual", "approve", "runbook", "wait", "parallel", "steps"];

    /// As it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Command { .. } => "command",
            Self::Http(_) => "http",
            Self::Check(_) => "check",
            Self::Manual(_) => "manual",
            Self::Approve { .. } => "approve",
            Self::Runbook { .. } => "runbook",
            Self::Wait(_) => "wait",
            Self::Parallel { .. } => "parallel",
            Self::Steps { .. } => "steps",
        }
    }

    /// The steps of a group.
    pub fn inner_steps(&self) -> &[Step] {
        match self {
            Self::Parallel { branches: steps } | Self::Steps { steps } => steps,
            _ => &[],
        }
    }
}

/// An HTTP request and what is made of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HttpRequest {
    /// In capitals.
    pub method: String,
    pub url: Template,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Template>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<HttpBody>,
    /// Which status is a success; 200 to 299 unless said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<StatusRange>,
    /// Outputs from a JSON answer, as JSON Pointers (RFC 6901).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpBody {
    /// Each text in it is a template. A text that is one expression alone becomes that value, with its type.
    Json(serde_json::Value),
    Raw(Template),
}

/// From one HTTP status to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusRange {
    pub from: u16,
    pub to: u16,
}

/// Something that must become true, asked again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    #[serde(flatten)]
    pub subject: CheckSubject,
    /// Seconds between two tries.
    pub every_s: u64,
    /// Seconds in which it must become true; 0: it is tried once.
    pub within_s: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum CheckSubject {
    /// A page answers as it should.
    Http {
        url: Template,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        status: Vec<StatusRange>,
        /// A text that must be in the answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contains: Option<Template>,
    },
    /// A port takes connections: `host:port`.
    Tcp { address: Template },
    /// A script ends with 0.
    Script { interpreter: Vec<String>, script: Script },
}

/// Something that a person does, and says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Manual {
    pub instructions: Template,
    /// What to write down; outputs of the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Input>,
    #[serde(default)]
    pub evidence: Evidence,
}

/// Does a file have to be given with the answer?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    #[default]
    None,
    Optional,
    Required,
}

/// How long nothing happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WaitAction)]
pub enum Wait {
    /// A duration, as `10m`.
    For(Template),
    /// A moment, as RFC 3339 has it.
    Until(Template),
}

/// Where a script's text is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Script {
    /// A file of the version, by its path from the root, without `./`.
    File(String),
    /// The text itself.
    Body(String),
}

/// How strongly a step acts. Ordered: a whole has the strongest of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    Read,
    Change,
    Irreversible,
}

impl Effect {
    pub const ALL: [Self; 3] = [Self::Read, Self::Change, Self::Irreversible];

    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Irreversible => "irreversible",
        }
    }
}

/// A file that belongs to a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionFile {
    /// From the root of the repository, with `/`, without `./`.
    pub path: String,
    pub mode: FileMode,
    /// Bytes.
    pub size: u64,
    pub sha256: crate::name::Digest,
}

/// Git's two modes of a plain file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum FileMode {
    #[serde(rename = "100644")]
    Plain,
    #[serde(rename = "100755")]
    Executable,
}

impl FileMode {
    /// Six octal digits, as Git writes it.
    pub fn octal(self) -> &'static str {
        match self {
            Self::Plain => "100644",
            Self::Executable => "100755",
        }
    }
}
