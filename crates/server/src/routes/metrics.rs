//! Figures for a monitoring system, in the text format of Prometheus: how the server is, and how the services are.

use axum::{http::header, response::IntoResponse};
use jiff::Timestamp;
use model::{api::Problem, health::Health};
use nix::{
    sys::statvfs::statvfs,
    time::{ClockId, clock_gettime},
};
use policy::MetricsRead;
use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{counter::ConstCounter, family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};
use store::{Monitored, StoreSize, Whereabouts};

use crate::{access::Allowed, clock, metrics::Figure, problem::ApiError};

/// Facts of all services together. Each is a series, and a monitoring system pays for each.
const FACTS_MOST: u32 = 5000;
/// Characters of a fact that is no number.
const TEXT_MOST: usize = 120;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    project: String,
    service: String,
    environment: String,
}

impl From<Whereabouts> for Place {
    fn from(Whereabouts { project, service, environment }: Whereabouts) -> Self {
        Self { project, service, environment }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    #[prometheus(flatten)]
    place: Place,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProbe {
    #[prometheus(flatten)]
    place: Place,
    probe: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCollector {
    #[prometheus(flatten)]
    place: Place,
    collector: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfFact {
    #[prometheus(flatten)]
    place: Place,
    collector: String,
    target: String,
    key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FactText {
    #[prometheus(flatten)]
    fact: OfFact,
    value: String,
}

/// Figures of the server, and of the services that it watches, in the text format 0.0.4 of Prometheus.
///
/// For a token of the role `monitor`. docs/metrics.md names them all.
#[utoipa::path(get, path = "/metrics", tag = "platform", responses(
    (status = 200, description = "Figures", body = String, content_type = "text/plain"),
    (status = 403, description = "Not for this principal", body = Problem),
))]
pub(super) async fn metrics(allowed: Allowed<MetricsRead>) -> Result<impl IntoResponse, ApiError> {
    let now = clock::now();
    let monitored = allowed.store().monitored(now, FACTS_MOST).await?;
    let size = allowed.store().size().await?;
    let metrics = allowed.engine().metrics();
    let mut registry = Registry::with_prefix("signalbox");
    server(&mut registry, &allowed, &monitored, size);
    services(&mut registry, monitored);
    let mut process = Registry::with_prefix("process");
    of_process(&mut process, metrics.started);
    let mut text = String::new();
    for registry in [&process, metrics.registry(), &registry] {
        prometheus_text::encode(&mut text, registry)
            .map_err(|error| ApiError::internal(format!("the figures cannot be written: {error}")))?;
    }
    Ok(([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text))
}

fn server(registry: &mut Registry, allowed: &Allowed<MetricsRead>, monitored: &Monitored, size: StoreSize) {
    let whole = |registry: &mut Registry, name: &str, help: &str, value: u64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    let store = allowed.store();
    registry.register(
        "build",
        "What the server is",
        Info::new(vec![("version", env!("CARGO_PKG_VERSION")), ("database", store.engine_name())]),
    );
    let runs = Family::<Vec<(&'static str, String)>, Gauge>::default();
    for state in ["queued", "running", "waiting", "canceling"] {
        let count = monitored.runs.iter().find(|(known, _)| known == state).map_or(0, |(_, count)| *count);
        runs.get_or_create_owned(&vec![("state", state.to_owned())])
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("runs", "Runs that have not ended, but for those of probes and collectors", runs);
    let (running, places) = allowed.engine().slots();
    whole(registry, "steps_waiting", "Steps that wait for a place", monitored.waiting_tasks);
    whole(registry, "steps_running", "Steps that run", running as u64);
    whole(registry, "step_places", "Steps that may run at once", places as u64);
    registry.register(
        "store_transactions",
        "Transactions of the store, reads included",
        ConstCounter::new(store.transactions()),
    );
    let bytes = |registry: &mut Registry, name: &str, help: &str, value: u64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register_with_unit(name, help, Unit::Bytes, gauge);
    };
    bytes(registry, "store_used", "What the store holds", size.used);
    bytes(registry, "store_free", "Room within the file of the store", size.free);
    bytes(registry, "store_wal", "The write-ahead log of the store", size.wal);
    match statvfs(allowed.data_dir()) {
        Ok(disk) => {
            let block = disk.fragment_size();
            bytes(
                registry,
                "disk_free",
                "Free on the disk of the data directory",
                disk.blocks_available() * block,
            );
            bytes(registry, "disk_size", "The disk of the data directory", disk.blocks() * block);
        }
        Err(error) => tracing::warn!(%error, "how much of the disk is free is not known"),
    }
    let off = Figure::default();
    off.set(clock::doubted().map_or(0.0, |off| off.as_secs_f64()));
    registry.register_with_unit(
        "clock_off",
        "By how much the machine's clock was set and is not believed; 0 as a rule",
        Unit::Seconds,
        off,
    );
    let out = monitored.facts_left_out;
    whole(
        registry,
        "facts_left_out",
        "Facts that are not among these figures because there are too many",
        out,
    );
}

fn services(registry: &mut Registry, monitored: Monitored) {
    let (health, since) = (Family::<InState, Gauge>::default(), Family::<Place, Figure>::default());
    for service in monitored.services {
        let place = Place::from(service.place);
        for state in Health::ALL {
            let in_state = InState { place: place.clone(), state: state.name() };
            health.get_or_create_owned(&in_state).set(i64::from(state == service.health));
        }
        if let Some(at) = service.since {
            since.get_or_create_owned(&place).set(seconds(at));
        }
    }
    registry.register(
        "service_health",
        "1 for the state that the service is in there, 0 for each other",
        health,
    );
    registry.register("service_health_since_timestamp_seconds", "Since when it is in that state", since);

    let newest = Family::<OfProbe, Figure>::default();
    for probe in monitored.probes {
        if let Some(at) = probe.newest {
            let of = OfProbe { place: probe.place.into(), probe: probe.name };
            newest.get_or_create_owned(&of).set(seconds(at));
        }
    }
    registry.register("probe_last_sample_timestamp_seconds", "When the probe was good or bad last", newest);

    let (observed, failed) =
        (Family::<OfCollector, Figure>::default(), Family::<OfCollector, Gauge>::default());
    for collector in monitored.collectors {
        let of = OfCollector { place: collector.place.into(), collector: collector.name };
        failed.get_or_create_owned(&of).set(i64::from(collector.failed));
        if let Some(at) = collector.observed_at {
            observed.get_or_create_owned(&of).set(seconds(at));
        }
    }
    registry.register("collector_failed", "1 if the collector's newest run did not succeed", failed);
    registry.register(
        "collector_last_success_timestamp_seconds",
        "When the collector looked last with success",
        observed,
    );

    let (numbers, texts) = (Family::<OfFact, Figure>::default(), Family::<FactText, Gauge>::default());
    for fact in monitored.facts {
        let of = OfFact {
            place: fact.place.into(),
            collector: fact.collector,
            target: fact.target,
            key: fact.key,
        };
        match number(&fact.value) {
            Some(number) => {
                numbers.get_or_create_owned(&of).set(number);
            }
            None => {
                let text = FactText { fact: of, value: cut(&fact.value) };
                texts.get_or_create_owned(&text).set(1);
            }
        }
    }
    registry.register("fact", "Facts that are numbers, as long as they are current", numbers);
    registry.register(
        "fact_info",
        "1 for each current fact that is no number, with its first characters",
        texts,
    );
}

/// What the kernel knows of this process: its children, the shims and steps, are none of it.
fn of_process(registry: &mut Registry, started: Timestamp) {
    if let Ok(used) = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID) {
        let used = std::time::Duration::from(used).as_secs_f64();
        registry.register("cpu_seconds", "What the server has computed", ConstCounter::new(used));
    }
    if let Some(bytes) = resident() {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        registry.register("resident_memory_bytes", "Memory that the server has", gauge);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(open.count()).unwrap_or(i64::MAX));
        registry.register("open_fds", "Files and sockets that the server has open", gauge);
    }
    let begun = Figure::default();
    begun.set(seconds(started));
    registry.register("start_time_seconds", "When the server started", begun);
}

/// Bytes of memory that are this process's own or mapped.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilo| kilo * 1024)
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

/// A fact that is a number as people write one: nothing like `nan` or `infinity`.
fn number(value: &str) -> Option<f64> {
    let value = value.trim();
    let digit = value.bytes().any(|byte| byte.is_ascii_digit());
    value.parse::<f64>().ok().filter(|number| digit && number.is_finite())
}

fn cut(value: &str) -> String {
    match value.char_indices().nth(TEXT_MOST) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_people_write_as_such() {
        for (text, expected) in [("42", Some(42.0)), (" -1.5 ", Some(-1.5)), ("1e3", Some(1000.0))] {
            assert_eq!(number(text), expected, "{text}");
        }
        for text in ["", "nan", "inf", "-infinity", "1e999", "1.2.3", "12 GB", "0x10", "true"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("Debian 12"), "Debian 12");
        let long = cut(&"ä".repeat(500));
        assert_eq!(long.chars().count(), TEXT_MOST + 1);
        assert!(long.ends_with('…'));
    }
}
