//! A runbook as the engine performs it: checked, with its defaults filled in, free of the text it was written in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    pub inputs: Vec<Input>,
    pub steps: Vec<Step>,
    /// The strongest effect of all steps.
    pub effect: Effect,
    /// Seconds that the whole run may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u64>,
    /// Bytes of output kept of each step.
    pub output_limit: u64,
}

/// A value that whoever starts a run gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Input {
    pub name: String,
    #[serde(flatten)]
    pub kind: InputKind,
    #[serde(default)]
    pub required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<InputValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
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

/// The type of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InputKind {
    String,
    Integer,
    Boolean,
    Choice { options: Vec<String> },
}

/// A value of an input, of the type that its [`InputKind`] says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum InputValue {
    Boolean(bool),
    Integer(i64),
    Text(String),
}

impl InputValue {
    /// As it stands in the environment: text as it is, integers in decimal, `true` or `false`.
    pub fn to_variable(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

/// The values of a run, by input name.
pub type InputValues = BTreeMap<String, InputValue>;

/// A part of a runbook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// As written, else `step_` and its place counted from 1.
    pub name: String,
    #[serde(flatten)]
    pub action: StepAction,
    pub effect: Effect,
    /// Seconds that one attempt may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u64>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum StepAction {
    /// A script under an interpreter: `interpreter… script`.
    Run { interpreter: Vec<String>, script: Script },
    /// A program and its arguments; no shell.
    Command { argv: Vec<String> },
}

impl StepAction {
    /// `run` or `command`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Command { .. } => "command",
        }
    }
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
