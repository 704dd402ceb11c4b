//! From a stored start to what a runner is given: the step as written, with every template filled in, its variables, its
//! files and its secrets.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::Duration,
};

use model::{
    evaluate::Evaluate as _,
    inventory::LOCAL,
    run::{Branch, PlannedStep, Run, StepEnd, StepRun, values},
    runbook::{
        Check, CheckSubject, Input, InputKind, InputValue, InputValues, Limits, Script, Step, StepAction, input_variable,
        secret_variable,
    },
};
use output::{LogKey, LogWriter};
use runner::{CheckTask, HttpTask, Task, TaskFile, Workspace};
use serde_json::Value;

use super::{Engine, perform::cannot_start, versions::Version};
use crate::clock;

/// From the signal that asks processes to end to the one that does not ask.
const GRACE_S: u64 = 10;

/// What is performed.
pub(super) enum Prepared {
    /// By a process, under a shim.
    Process(Box<Task>),
    /// By this process itself.
    Http(Box<HttpTask>, LogWriter),
    Check(Box<CheckTask>, LogWriter),
}

type Refusal = Box<StepEnd>;
