//! What the API says of the view: services, how they are, what is known of them and what changed, and what starts by time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::RunSummary,
    fact::{FactDifference, FactState},
    firing::{Firing, Pause, TimedKind},
    health::{Health, ServiceHealth},
    id::RunId,
    name::Digest,
    runbook::Effect,
    schedule::Schedule,
    service::{Lifecycle, Service, Team},
};

/// A service in a list, as it is in the environment where it is worst.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceSummary {
    pub project: String,
    pub name: String,
    pub title: Option<String>,
    pub owner: Option<String>,
    pub operator: Option<String>,
    pub tier: Option<u8>,
    pub lifecycle: Lifecycle,
    /// The worst of its environments.
    pub health: Health,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// In its own order.
    pub environments: Vec<EnvironmentHealth>,
}

/// How a service is in one environment, in a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EnvironmentHealth {
    pub environment: String,
    pub health: Health,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// In words.
    pub cause: String,
    /// Services that it depends on and that are ill there: the likely cause, if it is ill itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ill_dependencies: Vec<Neighbour>,
}

/// A service beside another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Neighbour {
    pub service: String,
    pub health: Health,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// In words.
    pub cause: String,
}

/// A service, and all that is known of it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceView {
    pub project: String,
    pub digest: Digest,
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    pub published_by: String,
    pub service: Service,
    pub environments: Vec<EnvironmentView>,
    /// Services that depend on it, by name.
    pub dependents: Vec<String>,
    /// What may be done about it.
    pub runbooks: Vec<ServiceRunbook>,
    pub schedules: Vec<ScheduleSummary>,
}

/// A service in one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EnvironmentView {
    pub environment: String,
    pub health: ServiceHealth,
    /// Those that it depends on, as they are there; the ill ones first.
    pub dependencies: Vec<Neighbour>,
}

/// A runbook of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceRunbook {
    pub name: String,
    pub title: Option<String>,
    pub effect: Effect,
    /// `probe` or `collector`, if it is one.
    pub watches: Option<TimedKind>,
}

/// How a service was: a strip for each probe, and each change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthHistory {
    pub strips: Vec<UptimeStrip>,
    /// Newest first.
    pub changes: Vec<HealthChangeView>,
}

/// What one probe said, day by day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UptimeStrip {
    pub probe: String,
    pub environment: String,
    /// One for each day (of UTC), oldest first; days without a slice have only zeros.
    pub days: Vec<UptimeDay>,
}

/// What a probe said on one day. A stretch of slices that goes over midnight is shared out by time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UptimeDay {
    /// As `2026-11-26`.
    pub day: String,
    pub good: u64,
    pub bad: u64,
    /// It could not look, or could not tell.
    pub no_sample: u64,
}

/// A service's health became another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthChangeView {
    pub environment: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub before: Health,
    pub health: Health,
    pub cause: String,
    /// The run that showed it, if it is kept.
    pub run: Option<RunId>,
    /// What changed of the service and of those that it depends on in the minutes before; newest first. For what became ill.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preceded_by: Vec<Happening>,
}

/// Something that happened to a service, for its time axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Happening {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub service: String,
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A run that may change something, from when it was asked for.
    Run {
        run: Box<RunSummary>,
    },
    Health {
        environment: String,
        before: Health,
        health: Health,
        cause: String,
    },
    Fact {
        environment: String,
        target: Option<String>,
        key: String,
        /// None if it is gone.
        value: Option<String>,
        previous: Option<String>,
        run: RunId,
    },
    /// An instant of a schedule without a run.
    Firing {
        schedule: String,
        reason: String,
    },
}

/// Something of a service is not as it was: whoever shows it reads it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceChange {
    pub service: String,
    pub environment: String,
    pub what: Aspect,
}

/// What of a service changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    Health,
    /// Facts, whether they still hold, or whether their collector fails.
    Facts,
    /// A schedule of its runbooks fired, or did not, or it pauses or goes on.
    Firing,
}

/// The facts of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FactsView {
    /// By environment and name.
    pub collectors: Vec<CollectorView>,
    /// By environment, target and key.
    pub facts: Vec<FactView>,
}

/// A collector of facts, and how it fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CollectorView {
    pub collector: String,
    pub environment: String,
    pub every_s: u64,
    pub expire_s: u64,
    /// When it looked last with success.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub observed_at: Option<Timestamp>,
    /// Why its newest run did not succeed.
    pub failure: Option<String>,
}

/// A fact, and whether it still holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FactView {
    pub environment: String,
    pub collector: String,
    pub target: Option<String>,
    pub key: String,
    pub value: String,
    pub state: FactState,
    #[schema(value_type = String, format = DateTime)]
    pub observed_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    pub previous: Option<String>,
    pub run: RunId,
}

/// How the facts of a service in an environment differ from others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FactsDiff {
    pub service: String,
    pub environment: String,
    /// Against what: these facts at an earlier moment, or those of another environment now.
    pub against: String,
    pub differences: Vec<FactDifference>,
    /// Facts that are the same in both.
    pub same: u64,
}

/// A team, and its services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TeamView {
    pub project: String,
    pub digest: Digest,
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    pub published_by: String,
    pub team: Team,
    pub owns: Vec<String>,
    pub operates: Vec<String>,
}

/// A schedule in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleSummary {
    pub project: String,
    pub kind: TimedKind,
    pub name: String,
    pub title: Option<String>,
    pub runbook: String,
    /// When, in the words of its definition.
    pub when: String,
    /// When it is due next; none while it pauses, or if it has no further instant.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
    pub paused: Option<Pause>,
    pub last_run: Option<RunId>,
}

/// A schedule, with what comes and what came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleView {
    #[serde(flatten)]
    pub summary: ScheduleSummary,
    pub digest: Digest,
    pub schedule: Schedule,
    /// The next instants, as if it did not pause.
    #[schema(value_type = Vec<String>)]
    pub next: Vec<Timestamp>,
    /// An instant whose run starts when the one before has ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub waiting: Option<Timestamp>,
    /// What became of the newest instants, newest first.
    pub firings: Vec<Firing>,
}

/// Let a schedule pause.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    #[serde(default)]
    pub reason: Option<String>,
}
