//! Schedules: when a runbook is run without anybody asking. When that is, exactly, is for the crate `schedule` to say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A definition of when a runbook is run, and with what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The runbook's name.
    pub runbook: String,
    /// What it is given, as written; read as the runbook's inputs at each firing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, serde_json::Value>,
    /// The reason of the runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub when: When,
    /// Each firing is performed up to so many seconds after it is due, always the same for the same firing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_s: Option<u64>,
    pub catch_up: CatchUp,
    pub overlap: Overlap,
    /// Nothing is due before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Nothing is due from this on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// What makes a schedule fire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Local times.
    Cron {
        /// Of 5 fields, or 6 with seconds first. What any of them names fires, once.
        expressions: Vec<String>,
        /// As IANA names it.
        zone: String,
    },
    /// Absolute time, in seconds: no clock change moves it.
    Every { every_s: u64 },
}

/// What becomes of firings that were due while nobody was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    #[default]
    None,
    /// The newest of them fires.
    Latest,
    /// All of them fire, as far as they are not too many and not too old.
    All,
}

impl CatchUp {
    pub const ALL: [Self; 3] = [Self::None, Self::Latest, Self::All];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Latest => "latest",
            Self::All => "all",
        }
    }
}

/// What becomes of a firing while the run of the one before has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is skipped.
    #[default]
    Forbid,
    /// It waits until that run has ended; further ones are skipped while one waits.
    QueueOne,
    /// It starts beside it.
    Allow,
    /// That run is canceled, and it starts.
    CancelPrevious,
}

impl Overlap {
    pub const ALL: [Self; 4] = [Self::Forbid, Self::QueueOne, Self::Allow, Self::CancelPrevious];

    pub fn name(self) -> &'static str {
        match self {
            Self::Forbid => "forbid",
            Self::QueueOne => "queue_one",
            Self::Allow => "allow",
            Self::CancelPrevious => "cancel_previous",
        }
    }
}
