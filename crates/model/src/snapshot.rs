//! How the services of a run stood before it and after it, and how the two differ.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    fact::FactState,
    health::Health,
    id::RunId,
    run::{Awaited, Verifying},
};

/// Most bytes of the facts of one snapshot: what is beyond them is counted, not kept.
pub const FACTS_MAX_BYTES: usize = 256 * 1024;

/// How the services of a run stand at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub services: Vec<ServiceSnapshot>,
    /// The collectors that looked for it, of those that the runbook names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collectors: Vec<Collected>,
}

/// How a service stands in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceSnapshot {
    pub service: String,
    pub environment: String,
    pub health: Health,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// In words.
    pub cause: String,
    /// By collector, target and key; those that are gone are not there.
    pub facts: Vec<FactSnapshot>,
    /// Facts that found no room.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

/// A fact as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactSnapshot {
    pub collector: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    pub key: String,
    pub value: String,
    pub state: FactState,
}

/// What became of a collector that was to look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Collected {
    pub collector: String,
    /// The run that looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    pub outcome: CollectOutcome,
    /// Why it did not, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CollectOutcome {
    Collected,
    /// It looked, and did not see all.
    Failed,
    NotBegun,
    OutOfTime,
}

/// What is beside a run: how its services stood, and what became of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PairView {
    /// To which the run belongs.
    pub services: Vec<RunService>,
    /// As they stood right before its first step; none if it has not begun, or nobody wrote it down.
    pub before: Option<Snapshot>,
    /// As they stood when it had ended.
    pub after: Option<Snapshot>,
    /// What is different: after it, or now while it goes on.
    pub changed: Option<Changed>,
    /// What it waits for, if it verifies now.
    pub verify: Option<VerifyView>,
}

/// What a run waits for that verifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifyView {
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When it has failed unless they held.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Seconds for which they must hold without a break.
    pub hold_s: Option<u64>,
    /// All of them hold since then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub held_since: Option<Timestamp>,
    pub signals: Vec<SignalView>,
}

/// A signal that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignalView {
    /// In words.
    pub name: String,
    pub holds: bool,
    /// What was seen of it, in words.
    pub says: String,
}

impl VerifyView {
    pub fn of(since: Timestamp, verifying: &Verifying) -> Self {
        let signal = |awaited: &Awaited| SignalView {
            name: awaited.signal.name(),
            holds: awaited.seen.holds,
            says: awaited.seen.says.clone(),
        };
        Self {
            since,
            until: verifying.deadline,
            hold_s: verifying.hold_s,
            held_since: verifying.held_since,
            signals: verifying.signals.iter().map(signal).collect(),
        }
    }
}

/// A service in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunService {
    pub service: String,
    pub environment: String,
}

/// How two snapshots differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    pub health: Vec<HealthDifference>,
    pub facts: Vec<FactChanged>,
}

/// A service's health is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthDifference {
    pub service: String,
    pub environment: String,
    pub before: Health,
    pub after: Health,
}

/// A fact is another, or is only in one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactChanged {
    pub service: String,
    pub environment: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    pub key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl ServiceSnapshot {
    /// Keeps as many facts as find room.
    pub fn bounded(mut self) -> Self {
        let mut bytes = 0;
        let room = self.facts.iter().take_while(|fact| {
            let target = fact.target.as_ref().map_or(0, String::len);
            bytes += fact.collector.len() + target + fact.key.len() + fact.value.len();
            bytes <= FACTS_MAX_BYTES
        });
        let kept = room.count();
        self.left_out += self.facts.len().saturating_sub(kept) as u64;
        self.facts.truncate(kept);
        self
    }
}

/// How two snapshots differ, by service, environment, target and key. Where facts found no room, only what is in both is compared.
pub fn changed(before: &Snapshot, after: &Snapshot) -> Changed {
    let mut all = Changed::default();
    for was in &before.services {
        let same = |is: &&ServiceSnapshot| (&is.service, &is.environment) == (&was.service, &was.environment);
        let Some(is) = after.services.iter().find(same) else { continue };
        let (service, environment) = (&was.service, &was.environment);
        if was.health != is.health {
            all.health.push(HealthDifference {
                service: service.clone(),
                environment: environment.clone(),
                before: was.health,
                after: is.health,
            });
        }
        let partial = was.left_out > 0 || is.left_out > 0;
        let (was, is) = (values(&was.facts), values(&is.facts));
        let places: BTreeSet<_> = was.keys().chain(is.keys()).copied().collect();
        for place in places {
            let (was, is) = (was.get(&place), is.get(&place));
            if was == is || (partial && (was.is_none() || is.is_none())) {
                continue;
            }
            let (target, key) = place;
            all.facts.push(FactChanged {
                service: service.clone(),
                environment: environment.clone(),
                target: target.map(str::to_owned),
                key: key.to_owned(),
                before: was.map(|value| (*value).to_owned()),
                after: is.map(|value| (*value).to_owned()),
            });
        }
    }
    all
}

/// By target and key.
fn values(facts: &[FactSnapshot]) -> BTreeMap<(Option<&str>, &str), &str> {
    facts.iter().map(|fact| ((fact.target.as_deref(), fact.key.as_str()), fact.value.as_str())).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
