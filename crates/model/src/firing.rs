//! What became of the instants of a schedule: each has one record, whether its run started or not.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::RunId;

/// What starts runs by time. Each is a principal of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimedKind {
    /// A definition of its own.
    Schedule,
    /// A runbook that says `probe:`.
    Probe,
    /// A runbook that says `collects:`.
    Collector,
}

impl TimedKind {
    pub const ALL: [Self; 3] = [Self::Schedule, Self::Probe, Self::Collector];

    pub fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Probe => "probe",
            Self::Collector => "collector",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What became of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FiringState {
    /// Its run was started.
    Fired,
    /// Nobody was there when it was due.
    Missed,
    /// It was due, and the run did not start: the reason says why.
    Skipped,
}

impl FiringState {
    pub const ALL: [Self; 3] = [Self::Fired, Self::Missed, Self::Skipped];

    pub fn name(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Missed => "missed",
            Self::Skipped => "skipped",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What became of an instant, or of a stretch of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Firing {
    /// The instant; the last one of a stretch.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    pub state: FiringState,
    /// Why no run was started, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Of a stretch: all its instants are after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub after: Option<Timestamp>,
    /// So many instants; of a long stretch at least so many.
    pub count: u64,
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Timestamp,
}

/// Somebody made a schedule pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pause {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The name of whoever did.
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
