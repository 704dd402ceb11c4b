//! Retries: a new run of the same version with the same inputs.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{TestServer, answer};

const RELEASE: &str = "\
kind: Runbook
name: release
inputs:
  region: {type: choice, options: [eu, us], required: true}
  pause: {type: duration, default: 90s}
  token: {type: secret}
steps:
  - name: build
    manual: Build it.
    fields: {version: {type: string, required: true}}
  - name: ship
    manual: Ship it.
";

async fn say(server: &TestServer, run: &str, step: &str, body: Value) -> Value {
    let (status, view) =
        server.post(&format!("/api/v1/projects/default/runs/{run}/steps/{step}/answer"), body).await;
    assert_eq!(status, StatusCode::OK, "{view:#}");
    view
}

/// A run whose second step failed.
async fn failed(server: &TestServer, inputs: Value) -> String {
    let run = server.start_run("release", inputs).await;
    server.reach(&run, &["waiting"]).await;
    say(server, &run, "build", json!({"done": true, "fields": {"version": "1.2"}})).await;
    let view = say(server, &run, "ship", json!({"done": false, "comment": "no"})).await;
    assert_eq!(view["state"], "failed", "{view:#}");
    run
}

fn path(run: &str) -> String {
    format!("/api/v1/projects/default/runs/{run}/retry")
}

#[tokio::test]
async fn a_retry_is_a_new_run_of_the_old_version_with_the_old_inputs() {
    let server = TestServer::start().await;
    server.apply(RELEASE).await;
    let old = failed(&server, json!({"region": "eu"})).await;
    let before = server.show(&old).await;
    server.apply(&RELEASE.replace("Build it.", "Build it anew.")).await;
    let retry = |key: &str, body: Value| {
        answer(
            server.with(&server.admin, Method::POST, &path(&old)).header("idempotency-key", key).json(&body),
        )
    };
    let (status, run) = retry("one", json!({"reason": "again"})).await;
    assert_eq!(status, StatusCode::CREATED, "{run:#}");
    assert_ne!(run["id"], before["id"]);
    assert_eq!(
        (&run["digest"], &run["inputs"]),
        (&before["digest"], &before["inputs"]),
        "the pinned version"
    );
    assert_eq!((&run["retry_of"]["run"], &run["reason"]), (&before["id"], &json!("again")));
    assert_eq!(retry("one", json!({"reason": "again"})).await.1["id"], run["id"], "one key, one run");
    assert_eq!(server.show(&old).await["state"], "failed", "the old one stays as it is");
}

#[tokio::test]
async fn from_a_step_on_the_earlier_ones_are_skipped_with_their_outputs() {
    let server = TestServer::start().await;
    server.apply(RELEASE).await;
    let old = failed(&server, json!({"region": "eu"})).await;
    let (status, run) = server.post(&path(&old), json!({"from": "ship"})).await;
    assert_eq!(status, StatusCode::CREATED, "{run:#}");
    let view = server.reach(run["id"].as_str().expect("an id"), &["waiting"]).await;
    assert_eq!(
        (&view["steps"][0]["state"], &view["steps"][1]["state"]),
        (&json!("skipped"), &json!("waiting"))
    );
    assert_eq!(view["retry_of"]["taken"]["build"]["outputs"]["version"], "1.2", "{view:#}");
    let (status, problem) = server.post(&path(&old), json!({"from": "nothing"})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("build, ship")), "{problem}");
}

#[tokio::test]
async fn secrets_are_asked_for_again_and_nothing_else() {
    let server = TestServer::start().await;
    server.apply(RELEASE).await;
    let old = failed(&server, json!({"region": "eu", "token": "hunter22"})).await;
    let (status, problem) = server.post(&path(&old), json!({})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let fault = &problem["faults"][0];
    assert_eq!((&fault["path"], &fault["code"]), (&json!("token"), &json!("missing_input")), "{problem:#}");
    let (status, problem) = server.post(&path(&old), json!({"inputs": {"token": "x", "region": "us"}})).await;
    assert_eq!((status, &problem["faults"][0]["path"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("region")));
    let (status, run) = server.post(&path(&old), json!({"inputs": {"token": "hunter23"}})).await;
    assert_eq!((status, &run["inputs"]["token"]), (StatusCode::CREATED, &json!({"sealed": true})), "{run:#}");
}

#[tokio::test]
async fn what_has_not_ended_is_not_tried_again_nor_what_is_retired() {
    let server = TestServer::start().await;
    server.apply(RELEASE).await;
    let run = server.start_run("release", json!({"region": "eu"})).await;
    let (status, problem) = server.post(&path(&run), json!({})).await;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::CONFLICT, &json!("/problems/not-ended")),
        "{problem}"
    );
    let old = failed(&server, json!({"region": "eu"})).await;
    let prune = json!({"documents": [{"path": "a.yaml", "text": "kind: Runbook\nname: x\nsteps: [{manual: Look.}]\n"}], "prune": true});
    server.post("/api/v1/projects/default/apply", prune).await;
    let (status, problem) = server.post(&path(&old), json!({})).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("/problems/retired")), "{problem}");
    let nobody = "01930000-0000-7000-8000-000000000000";
    assert_eq!(server.post(&path(nobody), json!({})).await.0, StatusCode::NOT_FOUND);
}
