//! What a definition's text becomes: one type for each kind.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    inventory::Inventory,
    runbook::Runbook,
    schedule::Schedule,
    service::{Service, Team},
};

/// A definition, checked, free of the text it was written in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind")]
#[expect(clippy::large_enum_variant, reason = "one is kept for each version, and none in great numbers")]
pub enum Compiled {
    Runbook(Runbook),
    Inventory(Inventory),
    Team(Team),
    Service(Service),
    Schedule(Schedule),
}

impl Compiled {
    /// The kind, as it is written.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Runbook(_) => "Runbook",
            Self::Inventory(_) => "Inventory",
            Self::Team(_) => "Team",
            Self::Service(_) => "Service",
            Self::Schedule(_) => "Schedule",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Runbook(runbook) => &runbook.name,
            Self::Inventory(inventory) => &inventory.name,
            Self::Team(team) => &team.name,
            Self::Service(service) => &service.name,
            Self::Schedule(schedule) => &schedule.name,
        }
    }

    /// The service that it belongs to, or is.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::Runbook(runbook) => runbook.service.as_deref(),
            Self::Service(service) => Some(&service.name),
            Self::Inventory(_) | Self::Team(_) | Self::Schedule(_) => None,
        }
    }

    pub fn as_runbook(&self) -> Option<&Runbook> {
        if let Self::Runbook(runbook) = self { Some(runbook) } else { None }
    }

    pub fn as_inventory(&self) -> Option<&Inventory> {
        if let Self::Inventory(inventory) = self { Some(inventory) } else { None }
    }

    pub fn as_schedule(&self) -> Option<&Schedule> {
        if let Self::Schedule(schedule) = self { Some(schedule) } else { None }
    }
}
