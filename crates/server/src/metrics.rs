//! What the server counts of its own work, for a monitoring system. What it can read from the store when it is asked is not here:
//! see `routes/metrics.rs`.

use std::{
    sync::atomic::AtomicU64,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use model::{firing::TimedKind, run::Run};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// A gauge of seconds, or of anything else that is no whole number.
pub(crate) type Figure = Gauge<f64, AtomicU64>;

/// Bounds in seconds: of answers, most take milliseconds; a firing is late when a second passes.
const ANSWER_SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
const LATE_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0, 600.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Requested {
    by: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    by: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Loop {
    r#loop: &'static str,
}

/// What goes round as long as the server lives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turning {
    /// Takes tasks from the queue.
    Runner,
    /// Lets happen what is due in runs.
    Time,
    /// Starts schedules, probes and collectors.
    Timetable,
    /// Decides again on what waits for a policy.
    Rights,
    /// Removes what the view need not remember; once an hour.
    History,
}

impl Turning {
    fn name(self) -> &'static str {
        match self {
            Self::Runner => "runner",
            Self::Time => "time",
            Self::Timetable => "timetable",
            Self::Rights => "rights",
            Self::History => "history",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) started: Timestamp,
    answers: Family<Answered, Counter>,
    answer_seconds: Family<Route, Histogram>,
    requested: Family<Requested, Counter>,
    ended: Family<Ended, Counter>,
    late_seconds: Family<Requested, Histogram>,
    turns: Family<Loop, Figure>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("signalbox");
        let answers = Family::default();
        registry.register(
            "http_requests",
            "Requests that were answered, by the kind of route and status",
            answers.clone(),
        );
        let answer_seconds = Family::new_with_constructor(answer_histogram as fn() -> Histogram);
        registry.register(
            "http_request_duration_seconds",
            "How long an answer took until it began",
            answer_seconds.clone(),
        );
        let requested = Family::default();
        registry.register("runs_requested", "Runs that were asked for, by what asked", requested.clone());
        let ended = Family::default();
        registry.register("runs_finished", "Runs that ended, by what had asked and how", ended.clone());
        let late_seconds = Family::new_with_constructor(late_histogram as fn() -> Histogram);
        registry.register(
            "firing_lateness_seconds",
            "How late runs of schedules, probes and collectors were started",
            late_seconds.clone(),
        );
        let turns = Family::default();
        registry.register(
            "loop_last_turn_timestamp_seconds",
            "When each loop of the server went round last: all at least every 10 s, history once an hour",
            turns.clone(),
        );
        Self {
            registry,
            started: Timestamp::now(),
            answers,
            answer_seconds,
            requested,
            ended,
            late_seconds,
            turns,
        }
    }
}

fn answer_histogram() -> Histogram {
    Histogram::new(ANSWER_SECONDS)
}

fn late_histogram() -> Histogram {
    Histogram::new(LATE_SECONDS)
}

/// What asks for runs.
fn asks(via: &str) -> &'static str {
    TimedKind::from_name(via).map_or("person", TimedKind::name)
}

impl Metrics {
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A request was answered; `route` is the pattern of its path, none if it was for a file of the console.
    pub(crate) fn answered(&self, route: Option<&str>, status: u16, began: Instant) {
        let route = class(route);
        self.answers.get_or_create_owned(&Answered { route: route.clone(), status }).inc();
        self.answer_seconds.get_or_create_owned(&Route { route }).observe(began.elapsed().as_secs_f64());
    }

    pub(crate) fn run_requested(&self, run: &Run) {
        self.requested.get_or_create_owned(&Requested { by: asks(&run.via) }).inc();
    }

    pub(crate) fn run_ended(&self, run: &Run) {
        let ended = Ended { by: asks(&run.via), state: run.state.name() };
        self.ended.get_or_create_owned(&ended).inc();
    }

    /// A run was started by time, so much later than it was due.
    pub(crate) fn fired(&self, kind: TimedKind, late: Duration) {
        self.late_seconds.get_or_create_owned(&Requested { by: kind.name() }).observe(late.as_secs_f64());
    }

    pub(crate) fn turned(&self, turning: Turning) {
        let now = Timestamp::now().as_duration().as_secs_f64();
        self.turns.get_or_create_owned(&Loop { r#loop: turning.name() }).set(now);
    }
}

/// The kind of a route: what its path is about, below the project.
fn class(route: Option<&str>) -> String {
    let Some(route) = route else { return "console".to_owned() };
    let below = route.strip_prefix("/api/v1").unwrap_or(route);
    let mut parts = below.split('/').filter(|part| !part.is_empty() && !part.starts_with('{'));
    let first = parts.next().unwrap_or("api");
    if first == "projects" { parts.next().unwrap_or(first).to_owned() } else { first.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_told_by_what_they_are_about() {
        for (route, expected) in [
            (None, "console"),
            (Some("/metrics"), "metrics"),
            (Some("/healthz"), "healthz"),
            (Some("/api"), "api"),
            (Some("/api/{*rest}"), "api"),
            (Some("/api/v1/status"), "status"),
            (Some("/api/v1/projects"), "projects"),
            (Some("/api/v1/projects/{project}/apply"), "apply"),
            (Some("/api/v1/projects/{project}/services/{service}/facts"), "services"),
        ] {
            assert_eq!(class(route), expected, "{route:?}");
        }
    }
}
