//! What a runner is given.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use model::runbook::Script;
use output::LogKey;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// How long processes that were asked to end may take, unless the task says otherwise.
pub const GRACE_DEFAULT: Duration = Duration::from_secs(10);
/// Most bytes of output that are kept, unless the task says otherwise.
pub const OUTPUT_LIMIT_DEFAULT: u64 = 256 << 20;

/// Which attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttemptId {
    /// The run's UUID.
    pub run: String,
    /// The step's place.
    pub step: u32,
    pub attempt: u32,
    /// Of the lease under which it is performed; carried along, so that who stores the end can refuse a stale one.
    pub epoch: u64,
}

impl AttemptId {
    /// Where its output is.
    pub fn log_key(&self) -> LogKey {
        LogKey { run: self.run.clone(), step: self.step, attempt: self.attempt }
    }

    /// The same attempt, under whichever lease?
    pub fn is_of(&self, other: &Self) -> bool {
        (&self.run, self.step, self.attempt) == (&other.run, other.step, other.attempt)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {} of step {} of run {}", self.attempt, self.step, self.run)
    }
}

/// One step attempt, with all that performing it needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// The run's UUID.
    pub run: String,
    pub project: String,
    pub runbook: String,
    /// The step's place.
    pub step: u32,
    pub step_name: String,
    pub attempt: u32,
    pub epoch: u64,
    pub action: Action,
    /// `INPUT_*`, `TARGET_*`, `ITEM` and what `env:` says, rendered. `SIGNALBOX_*` and `LD_*` are refused.
    pub variables: BTreeMap<String, String>,
    /// Variables whose values are masked in everything that the step says. All that the step starts has them.
    #[serde(default)]
    pub secret_variables: BTreeMap<String, Secret>,
    /// Given to the step as files that only it can read, gone when it has ended.
    pub files: Vec<TaskFile>,
    /// Masked in everything that the step says. The bytes of secret `files` are masked as well.
    pub mask: Vec<Secret>,
    /// Where the process starts: absolute, or from the working directory and inside it.
    pub dir: Option<String>,
    /// How long the attempt may take.
    pub timeout: Option<Duration>,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    pub limits: Limits,
    /// The local user that it runs as; the server's own if none. The run's folder must lie where that user can reach it.
    pub run_as: Option<String>,
    /// Perform it again and again until it succeeds.
    pub repeat: Option<Repeat>,
    /// It observes facts, and has `$SIGNALBOX_FACTS` for them.
    #[serde(default)]
    pub facts: bool,
    /// Bytes of output that are kept.
    pub output_limit: u64,
    /// The root of all output. For shims; [`perform`](crate::perform) is given a log.
    pub outputs: PathBuf,
    /// The root of the runs' folders, as in [`Workspace::create`](crate::Workspace::create). For shims.
    pub runs: PathBuf,
    /// The name under which [`Workspace::lay_out`](crate::Workspace::lay_out) put the version's files.
    pub bundle: String,
}

impl Task {
    /// A task with nothing but an action.
    pub fn new(run: impl Into<String>, step: u32, attempt: u32, action: Action) -> Self {
        Self {
            run: run.into(),
            project: String::new(),
            runbook: String::new(),
            step,
            step_name: String::new(),
            attempt,
            epoch: 0,
            action,
            variables: BTreeMap::new(),
            secret_variables: BTreeMap::new(),
            files: Vec::new(),
            mask: Vec::new(),
            dir: None,
            timeout: None,
            grace: GRACE_DEFAULT,
            limits: Limits::default(),
            run_as: None,
            repeat: None,
            facts: false,
            output_limit: OUTPUT_LIMIT_DEFAULT,
            outputs: PathBuf::new(),
            runs: PathBuf::new(),
            bundle: "files".to_owned(),
        }
    }

    pub fn id(&self) -> AttemptId {
        AttemptId { run: self.run.clone(), step: self.step, attempt: self.attempt, epoch: self.epoch }
    }

    /// Everything that its output must not show.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let files = self.files.iter().filter(|file| file.secret).map(|file| &file.bytes);
        self.mask.iter().chain(self.secret_variables.values()).chain(files)
    }
}

/// What a process step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A script under an interpreter: `interpreter… script`.
    Run { interpreter: Vec<String>, script: Script },
    /// A program and its arguments; no shell.
    Command { argv: Vec<String> },
}

/// A file for the step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskFile {
    /// Holds its path: `SECRET_<NAME>_FILE`, `INPUT_<NAME>`.
    pub variable: String,
    /// Its name in a folder of its own kind; without `/`.
    pub name: String,
    pub bytes: Secret,
    /// Kept in memory where the system can, and masked in the output.
    pub secret: bool,
}

/// How much an attempt may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    pub memory_bytes: Option<u64>,
    /// In cores: 0.5 is half of one.
    pub cpu: Option<f64>,
    pub processes: Option<u64>,
}

impl Limits {
    pub fn any(&self) -> bool {
        self.memory_bytes.is_some() || self.cpu.is_some() || self.processes.is_some()
    }
}

/// Perform the action again and again in one attempt, until its exit code is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// From the end of a try to the next.
    pub interval: Duration,
    /// After this no further try begins.
    pub within: Duration,
}
