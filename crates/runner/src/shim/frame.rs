//! What server and shim say to each other.

use model::run::StepEnd;
use serde::{Deserialize, Serialize};

use crate::{AttemptId, Cgroups, Task, launch::Launch};

/// Grows with every change that an older shim would misunderstand: after an upgrade, steps still live under those.
pub(crate) const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToShim {
    Task(Box<Order>),
    Stop(How),
}

/// A task and the means to perform it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Order {
    pub task: Task,
    pub launch: Launch,
    pub cgroups: Option<Cgroups>,
    pub always_cgroup: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    Cancel,
    Kill,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromShim {
    /// To whoever connects: what is under way.
    Hello {
        version: u32,
        pid: u32,
        running: Option<AttemptId>,
    },
    Started {
        pid: u32,
    },
    Grew,
    /// The record of it is written.
    Ended(Box<StepEnd>),
}

/// What is seen of an attempt on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Its process runs.
    Started { pid: u32 },
    /// Readers of its log see more than before.
    Grew,
}
