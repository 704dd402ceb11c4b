//! The do beside the view: what a run verifies, what is looked at around it, and what it changed.

use std::path::Path;

use serde_json::{Value, json};

use crate::server::TestServer;

/// A service with a probe and a collector that look only when they are asked: at a file that says its version.
fn shop(place: &Path, verify: &str) -> String {
    let file = place.join("version").display().to_string();
    format!(
        "\
kind: Service
name: shop
---
kind: Runbook
name: check-shop
probe: {{service: shop, environment: production, every: 1h}}
steps: [{{run: 'test -e {file}', effect: read}}]
---
kind: Runbook
name: look-at-shop
collects: {{service: shop, environment: production, every: 1h, expire: 2h}}
steps: [{{run: 'echo \"version=$(cat {file})\" >> \"$SIGNALBOX_FACTS\"', effect: read}}]
---
kind: Runbook
name: deploy
service: shop
inputs: {{version: {{type: string, required: true}}, installed: {{type: string, required: true}}}}
snapshot: [look-at-shop]
verify: {verify}
steps: [{{name: install, run: 'echo \"$INPUT_INSTALLED\" > {file}'}}]
on_failure: [{{name: roll_back, run: 'true'}}]
cleanup: [{{name: tidy, run: 'true'}}]
"
    )
}

const SOON: &str =
    "{within: 20s, all: [{probe: check-shop}, {fact: version, equals: '{{ inputs.version }}'}]}";

fn state(run: &Value, step: &str) -> String {
    let steps = run["steps"].as_array().expect("steps");
    let found = steps.iter().find(|known| known["name"] == step);
    found.unwrap_or_else(|| panic!("no step {step}: {run:#}"))["state"].as_str().expect("a state").to_owned()
}

/// What stands beside a run, once it is written down how things stood after it.
async fn pair(server: &TestServer, run: &str) -> Value {
    for _ in 0..400 {
        let (_, pair) = server.get(&format!("/api/v1/projects/default/runs/{run}/pair")).await;
        if pair["after"].is_object() {
            return pair;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("nobody wrote down how things stood after run {run}");
}

#[tokio::test]
async fn a_run_succeeds_once_what_must_hold_is_seen_and_shows_what_it_changed() {
    let server = TestServer::start().await;
    let place = tempfile::tempdir().expect("a folder");
    std::fs::write(place.path().join("version"), "1").expect("a file");
    server.apply(&shop(place.path(), SOON)).await;
    let run = server.start_run("deploy", json!({"version": "2", "installed": "2"})).await;
    let ended = server.ended(&run).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    assert_eq!((state(&ended, "verify"), state(&ended, "tidy")), ("succeeded".into(), "succeeded".into()));
    let pair = pair(&server, &run).await;
    assert_eq!(pair["services"], json!([{"service": "shop", "environment": "production"}]));
    let facts = json!([{"service": "shop", "environment": "production", "key": "version", "before": "1", "after": "2"}]);
    assert_eq!(pair["changed"]["facts"], facts);
    assert_eq!(pair["before"]["collectors"][0]["outcome"], "collected");
    assert_ne!(
        pair["before"]["collectors"][0]["run"], pair["after"]["collectors"][0]["run"],
        "each looked anew"
    );
}

#[tokio::test]
async fn what_does_not_come_to_hold_fails_the_run_for_that_and_its_handlers_act() {
    let server = TestServer::start().await;
    let place = tempfile::tempdir().expect("a folder");
    std::fs::write(place.path().join("version"), "1").expect("a file");
    server.apply(&shop(place.path(), &SOON.replace("20s", "3s"))).await;
    let run = server.start_run("deploy", json!({"version": "2", "installed": "3"})).await;
    let waiting = server.reach(&run, &["waiting"]).await;
    assert!(waiting["waits_for"].is_string(), "{waiting:#}");
    let ended = server.ended(&run).await;
    assert_eq!((&ended["state"], &ended["cause"]), (&json!("failed"), &json!("verify")), "{ended:#}");
    let message = ended["message"].as_str().expect("words");
    assert!(message.contains("`version` = `2`") && message.contains("`3`"), "{message}");
    assert!(!message.contains("check-shop"), "what holds is not named: {message}");
    assert_eq!((state(&ended, "roll_back"), state(&ended, "tidy")), ("succeeded".into(), "succeeded".into()));
}

#[tokio::test]
async fn what_a_probe_saw_before_the_last_step_is_no_pass() {
    let server = TestServer::start().await;
    let place = tempfile::tempdir().expect("a folder");
    std::fs::write(place.path().join("version"), "1").expect("a file");
    let text = shop(place.path(), "{within: 20s, all: [{probe: check-shop}]}");
    let breaks = text.replace("echo \"$INPUT_INSTALLED\" >", "rm").replace("within: 20s", "within: 3s");
    server.apply(&text).await;
    let good = server.start_run("deploy", json!({"version": "1", "installed": "1"})).await;
    assert_eq!(server.ended(&good).await["state"], "succeeded", "the probe has seen it well");
    server.apply(&breaks).await;
    let run = server.start_run("deploy", json!({"version": "1", "installed": "1"})).await;
    let ended = server.ended(&run).await;
    assert_eq!(ended["cause"], "verify", "{ended:#}");
    let pair = pair(&server, &run).await;
    let health = json!([{"service": "shop", "environment": "production", "before": "ok", "after": "bad"}]);
    assert_eq!(pair["changed"]["health"], health);
}

#[tokio::test]
async fn a_server_that_starts_again_looks_on() {
    let server = TestServer::start().await;
    let place = tempfile::tempdir().expect("a folder");
    std::fs::write(place.path().join("version"), "1").expect("a file");
    server.apply(&shop(place.path(), &SOON.replace("20s", "60s"))).await;
    let run = server.start_run("deploy", json!({"version": "2", "installed": "3"})).await;
    while state(&server.show(&run).await, "install") != "succeeded" {
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    server.reach(&run, &["waiting"]).await;
    let server = server.restart().await;
    assert_eq!(server.show(&run).await["state"], "waiting");
    std::fs::write(place.path().join("version"), "2").expect("a file");
    let ended = server.ended(&run).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    pair(&server, &run).await;
}

#[tokio::test]
async fn a_collector_that_cannot_look_holds_nothing_up_and_is_named() {
    let server = TestServer::start().await;
    let place = tempfile::tempdir().expect("a folder");
    let text = shop(place.path(), "{within: 20s, all: [{probe: check-shop}]}");
    server.apply(&text.replace("echo \"version=", "exit 1; echo \"version=")).await;
    let run = server.start_run("deploy", json!({"version": "1", "installed": "1"})).await;
    let ended = server.ended(&run).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    let snapshot = ended["steps"].as_array().expect("steps").iter().find(|step| step["name"] == "snapshot");
    let message = snapshot.expect("it is a step")["message"].as_str().expect("words");
    assert!(message.contains("look-at-shop") && message.contains("exit code 1"), "{message}");
    assert_eq!(pair(&server, &run).await["before"]["collectors"][0]["outcome"], "failed");
}

#[tokio::test]
async fn a_run_of_no_service_has_nothing_beside_it() {
    let server = TestServer::start().await;
    server.apply("kind: Runbook\nname: hello\nsteps: [{command: [echo, hello]}]\n").await;
    let run = server.start_run("hello", json!({})).await;
    server.ended(&run).await;
    let (status, pair) = server.get(&format!("/api/v1/projects/default/runs/{run}/pair")).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&pair["services"], &pair["before"], &pair["changed"]),
        (&json!([]), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_retry_from_verify_looks_once_more_and_changes_nothing() {
    let server = TestServer::start().await;
    let place = tempfile::tempdir().expect("a folder");
    std::fs::write(place.path().join("version"), "1").expect("a file");
    server.apply(&shop(place.path(), &SOON.replace("20s", "2s"))).await;
    let run = server.start_run("deploy", json!({"version": "2", "installed": "3"})).await;
    assert_eq!(server.ended(&run).await["cause"], "verify");
    std::fs::write(place.path().join("version"), "2").expect("a file");
    let path = format!("/api/v1/projects/default/runs/{run}/retry");
    let (status, retry) = server.post(&path, json!({"from": "verify"})).await;
    assert_eq!(status, 201, "{retry:#}");
    let again = server.ended(retry["id"].as_str().expect("an id")).await;
    assert_eq!(again["state"], "succeeded", "{again:#}");
    assert_eq!((state(&again, "install"), state(&again, "verify")), ("skipped".into(), "succeeded".into()));
}
