//! `/metrics`: every line as the text format has it, and what the lines say.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use reqwest::{Method, StatusCode};

use crate::server::TestServer;

/// One line: its labels and its value.
type Sample = (BTreeMap<String, String>, f64);

/// What the text format 0.0.4 allows, and no more: each family has its help and its type before its samples and once, all its
/// samples stand together, and no series comes twice. By name of the sample.
fn parse(text: &str) -> BTreeMap<String, Vec<Sample>> {
    assert!(text.ends_with('\n'), "the last line ends too");
    let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    let (mut families, mut series) = (BTreeSet::new(), BTreeSet::new());
    let (mut family, mut kind) = (String::new(), String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a name and words");
            assert!(families.insert(name.to_owned()), "{name} comes once");
            assert!(!words.is_empty());
            (family, kind) = (name.to_owned(), String::new());
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, of) = of.split_once(' ').expect("a name and a type");
            assert_eq!(name, family, "the type of what the help is of");
            assert!(["counter", "gauge", "histogram"].contains(&of), "{line}");
            kind = of.to_owned();
        } else {
            assert!(!kind.is_empty(), "a type comes before {line}");
            let (name, labels, value) = sample(line);
            let parts = ["_bucket", "_sum", "_count"].map(|part| format!("{family}{part}"));
            assert!(
                if kind == "histogram" { parts.contains(&name) } else { name == family },
                "{line} in {family}"
            );
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(series.insert((name.clone(), labels.clone())), "{line} comes once");
            samples.entry(name).or_default().push((labels, value));
        }
    }
    samples
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).expect("a name");
    let (name, mut rest) = line.split_at(end);
    let plain = |name: &str| {
        let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        letters && !name.is_empty() && !name.as_bytes()[0].is_ascii_digit()
    };
    assert!(plain(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, value) = rest.split_once("=\"").expect("a label");
            assert!(plain(label), "{line}");
            let (mut text, mut characters) = (String::new(), value.char_indices());
            let end = loop {
                match characters.next().expect("the value ends") {
                    (at, '"') => break at,
                    (_, '\\') => text.push(match characters.next().expect("something escaped").1 {
                        'n' => '\n',
                        escaped @ ('"' | '\\') => escaped,
                        other => panic!("\\{other} in {line}"),
                    }),
                    (_, other) => text.push(other),
                }
            };
            assert!(labels.insert(label.to_owned(), text).is_none(), "{line}");
            rest = &value[end + 1..];
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').expect("a space");
    (name.to_owned(), labels, value.parse().expect("a number"))
}

async fn figures(server: &TestServer, token: &str) -> BTreeMap<String, Vec<Sample>> {
    let answer = server.with(token, Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    parse(&answer.text().await.unwrap())
}

/// The value of the one sample with these labels among its own.
fn value(figures: &BTreeMap<String, Vec<Sample>>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let has = |known: &BTreeMap<String, String>| {
        labels.iter().all(|(name, value)| known.get(*name).is_some_and(|known| known == value))
    };
    let none = Vec::new();
    let found: Vec<_> = figures.get(name).unwrap_or(&none).iter().filter(|(known, _)| has(known)).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}: {:#?}", figures.get(name));
    found[0].1
}

const SHOP: &str = r#"
kind: Service
name: shop
environments: [production, staging]
---
kind: Runbook
name: check-shop
probe: {service: shop, environment: production, every: 1s, stale_after: 60s}
steps: [{run: 'exit 3', effect: read}]
---
kind: Runbook
name: look-at-shop
collects: {service: shop, environment: production, every: 1s, expire: 1h}
steps:
  - run: |
      printf 'nodes=3\nload=0.25\nos=Debian "12" \\ x\n' >> "$SIGNALBOX_FACTS"
    effect: read
---
kind: Runbook
name: hello
steps: [{run: 'echo hello'}]
"#;

#[tokio::test]
async fn figures_tell_how_the_server_and_the_services_are() {
    let server = TestServer::start().await;
    server.apply(SHOP).await;
    let run = server.start_run("hello", serde_json::json!({})).await;
    server.ended(&run).await;
    let monitor = server.token("prometheus", "monitor").await;

    let production = [("project", "default"), ("service", "shop"), ("environment", "production")];
    let in_state = |state| [&production[..], &[("state", state)]].concat();
    let mut seen = figures(&server, &monitor).await;
    for _ in 0..300 {
        if value(&seen, "signalbox_service_health", &in_state("bad")) == 1.0
            && seen.contains_key("signalbox_fact")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        seen = figures(&server, &monitor).await;
    }
    for state in ["ok", "degraded", "unknown", "stale", "data_error", "bad"] {
        let expected = f64::from(u8::from(state == "bad"));
        assert_eq!(value(&seen, "signalbox_service_health", &in_state(state)), expected, "{state}");
    }
    let staging = [("service", "shop"), ("environment", "staging"), ("state", "unknown")];
    assert_eq!(value(&seen, "signalbox_service_health", &staging), 1.0, "what nobody watches is unknown");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    for name in [
        "signalbox_service_health_since_timestamp_seconds",
        "signalbox_probe_last_sample_timestamp_seconds",
        "signalbox_collector_last_success_timestamp_seconds",
    ] {
        let at = value(&seen, name, &production);
        assert!(now - at < 60.0 && at <= now, "{name} {at}, now {now}");
    }
    assert_eq!(value(&seen, "signalbox_collector_failed", &production), 0.0);
    assert_eq!(value(&seen, "signalbox_fact", &[("key", "nodes"), ("collector", "look-at-shop")]), 3.0);
    assert_eq!(value(&seen, "signalbox_fact", &[("key", "load"), ("target", "")]), 0.25);
    assert_eq!(value(&seen, "signalbox_fact_info", &[("key", "os"), ("value", r#"Debian "12" \ x"#)]), 1.0);

    assert_eq!(value(&seen, "signalbox_build_info", &[("database", "sqlite")]), 1.0);
    assert_eq!(value(&seen, "signalbox_runs", &[("state", "running")]), 0.0);
    assert_eq!(value(&seen, "signalbox_runs_requested_total", &[("by", "person")]), 1.0);
    assert_eq!(
        value(&seen, "signalbox_runs_finished_total", &[("by", "person"), ("state", "succeeded")]),
        1.0
    );
    assert!(value(&seen, "signalbox_runs_finished_total", &[("by", "probe"), ("state", "failed")]) >= 1.0);
    let late = value(&seen, "signalbox_firing_lateness_seconds_count", &[("by", "probe")]);
    let requested = value(&seen, "signalbox_runs_requested_total", &[("by", "probe")]);
    assert!(late >= 1.0 && requested - late <= 1.0, "{late} of {requested}");
    assert!(value(&seen, "signalbox_http_requests_total", &[("route", "runs"), ("status", "200")]) >= 1.0);
    assert!(
        value(&seen, "signalbox_http_request_duration_seconds_bucket", &[("route", "apply"), ("le", "+Inf")])
            >= 1.0
    );
    for name in [
        "signalbox_store_used_bytes",
        "signalbox_store_wal_bytes",
        "signalbox_store_transactions_total",
        "signalbox_disk_free_bytes",
        "signalbox_step_places",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(value(&seen, name, &[]) > 0.0, "{name}");
    }
    for name in ["signalbox_clock_off_seconds", "signalbox_facts_left_out", "signalbox_steps_waiting"] {
        assert_eq!(value(&seen, name, &[]), 0.0, "{name}");
    }
    for turning in ["runner", "time", "timetable"] {
        let at = value(&seen, "signalbox_loop_last_turn_timestamp_seconds", &[("loop", turning)]);
        assert!(now - at < 30.0, "{turning}");
    }
}

#[tokio::test]
async fn a_monitor_reads_figures_and_nothing_else() {
    let server = TestServer::start().await;
    let (monitor, member) =
        (server.token("prometheus", "monitor").await, server.token("mia", "member").await);
    let status =
        async |token: &str, path: &str| server.with(token, Method::GET, path).send().await.unwrap().status();
    assert_eq!(status(&monitor, "/metrics").await, StatusCode::OK);
    for path in ["/api/v1/projects", "/api/v1/status", "/api/v1/projects/default/services", "/api/v1/tokens"]
    {
        assert_eq!(status(&monitor, path).await, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(status(&member, "/metrics").await, StatusCode::FORBIDDEN);
    assert_eq!(server.bare(Method::GET, "/metrics").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}
