//! The envelope that every event carries, from the first migration on.
//!
//! Fields that nothing fills yet (teams, environment) are empty, never missing: later views are projections over events
//! (`design/management.md` section 7), and what was not recorded can never be shown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::id::{EventId, PrincipalId, RunId};

/// An append-only statement of what happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub id: EventId,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Timestamp,
    /// Noun and participle, as `run.requested`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who acted; nobody for what the platform found by itself.
    pub principal: Option<PrincipalId>,
    /// The principal's team at that moment.
    pub acting_team: Option<String>,
    /// The team that asked.
    pub requesting_team: Option<String>,
    /// The project's name; none for events of the whole platform.
    pub project: Option<String>,
    pub service: Option<String>,
    pub environment: Option<String>,
    /// What it is about: `runbook/restart-web`, `run/0198…`, `run/0198…/step/build`.
    pub subject: String,
    pub run: Option<RunId>,
    /// One id from the request to everything that follows from it.
    #[schema(value_type = String, format = Uuid)]
    pub correlation: Uuid,
    /// The event that led to this one.
    pub cause: Option<EventId>,
    /// What the type says: see `docs/events.md`.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}
