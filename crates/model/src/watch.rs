//! What runbooks say of the view: that they are probes or collectors, what is collected around them, and what must hold after them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::runbook::Template;

/// A runbook that reads, and whose result makes the health of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Probe {
    pub service: String,
    pub environment: String,
    /// Seconds between two firings.
    pub every_s: u64,
    /// So many bad slices in a row make it bad.
    pub bad_after: u32,
    /// Seconds after which the newest slice says nothing any more; longer than `every_s`.
    pub stale_after_s: u64,
}

impl Probe {
    /// Intervals until a probe is stale, unless it says.
    pub const STALE_INTERVALS: u64 = 3;
}

/// A runbook that reads, and writes facts of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Collects {
    pub service: String,
    pub environment: String,
    /// Seconds between two firings.
    pub every_s: u64,
    /// Seconds after which a fact that was not seen again is stale; longer than `every_s`.
    pub expire_s: u64,
}

impl Collects {
    /// For how long a fact counts that is not seen again.
    pub fn expire(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::try_from(self.expire_s).unwrap_or(i64::MAX))
    }

    /// What was seen at a moment is stale right after this, if it is not seen again.
    pub fn stale_at(&self, seen_at: Timestamp) -> Option<Timestamp> {
        seen_at.checked_add(self.expire()).ok()
    }
}

/// What must hold after the last step, before `cleanup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verify {
    /// Seconds in which it must come to hold.
    pub within_s: u64,
    /// Seconds for which it must have held without a break; shorter than `within_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_s: Option<u64>,
    /// Every one of them.
    pub all: Vec<Signal>,
}

/// Something that the view knows. Unknown is never a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// The probe of this name is ok, by a sample that was taken after the last step.
    Probe(String),
    /// A fact has this value, as observed after the last step.
    Fact { service: String, environment: String, key: String, equals: Template },
}
