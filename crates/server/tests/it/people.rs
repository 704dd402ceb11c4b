//! What people say to a run that waits for them: manual steps, gates.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{TestServer, answer};

const STEPS: &str = "\
kind: Runbook
name: release
steps:
  - name: look
    manual: Is the error rate back to normal?
    fields:
      error_rate: {type: number, required: true}
      note: {type: string}
  - name: sign
    manual: Have it signed.
    evidence: required
  - name: gate
    approve: Ship it?
";

fn path(run: &str, step: &str, what: &str) -> String {
    format!("/api/v1/projects/default/runs/{run}/steps/{step}/{what}")
}

async fn waits(server: &TestServer, run: &str, step: &str) -> Value {
    let view = server.reach(run, &["waiting"]).await;
    let step = view["steps"].as_array().expect("steps").iter().find(|found| found["name"] == step).cloned();
    let step = step.expect("the step");
    assert_eq!(step["state"], "waiting", "{view:#}");
    step
}

#[tokio::test]
async fn a_manual_step_takes_its_fields_and_evidence_and_gives_outputs() {
    let server = TestServer::start().await;
    server.apply(STEPS).await;
    let run = server.start_run("release", json!({})).await;
    let step = waits(&server, &run, "look").await;
    assert_eq!(step["wait"]["for"], "person");
    let (_, runs) = server.get("/api/v1/projects/default/runs").await;
    assert!(runs["items"][0]["waits_for"].as_str().is_some_and(|what| what.contains("person")), "{runs:#}");

    let look = path(&run, "look", "answer");
    let wrong = json!({"done": true, "fields": {"error_rate": "high", "other": 1}});
    let (status, problem) = server.post(&look, wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut named: Vec<&str> =
        problem["faults"].as_array().expect("faults").iter().filter_map(|f| f["path"].as_str()).collect();
    named.sort_unstable();
    assert_eq!(named, ["error_rate", "other"], "{problem:#}");
    let (status, problem) = server.post(&path(&run, "look", "decision"), json!({"approve": true})).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("/problems/not-in-this-state")));
    let (status, _) = server.post(&path(&run, "nothing", "answer"), json!({"done": true})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, problem) = server.post(&look, json!({"done": true, "evidence": {"file": "0".repeat(64), "name": "x", "size": 1}, "fields": {"error_rate": 1}})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "it asks for no file: {problem}");

    let good = json!({"done": true, "fields": {"error_rate": "0.2"}, "comment": "fine"});
    let say = |key: &str, body: &Value| {
        answer(server.with(&server.admin, Method::POST, &look).header("idempotency-key", key).json(body))
    };
    let (status, view) = say("one", &good).await;
    assert_eq!(status, StatusCode::OK, "{view:#}");
    assert_eq!(view["outputs"]["look"], json!({"error_rate": "0.2"}));
    assert_eq!(view["steps"][0]["answer"]["by"]["name"], "admin");
    let (status, again) = say("one", &good).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &view["id"]), "the same call gets the same answer");
    assert_eq!(say("one", &json!({"done": false})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(say("two", &good).await.0, StatusCode::CONFLICT, "what has been answered is not asked");

    waits(&server, &run, "sign").await;
    let sign = path(&run, "sign", "answer");
    let (status, problem) = server.post(&sign, json!({"done": true})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("evidence")));
    let unknown = json!({"file": "0".repeat(64), "name": "x.pdf", "size": 1});
    let (status, _) = server.post(&sign, json!({"done": true, "evidence": unknown})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let uploaded = server.upload("x.pdf", b"signed").await;
    let (status, view) = server.post(&sign, json!({"done": true, "evidence": uploaded})).await;
    assert_eq!(status, StatusCode::OK, "{view:#}");
    assert_eq!(view["steps"][1]["answer"]["evidence"], uploaded);
}

#[tokio::test]
async fn a_gate_is_decided_by_somebody_else_and_a_no_says_why() {
    let server = TestServer::start().await;
    server.apply("kind: Runbook\nname: ship\nsteps: [{name: gate, approve: Ship it?}]\n").await;
    let mia = server.token("mia", "member").await;
    let run = server.start_run("ship", json!({})).await;
    waits(&server, &run, "gate").await;
    let gate = path(&run, "gate", "decision");
    let (status, problem) = server.post(&gate, json!({"approve": true})).await;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::FORBIDDEN, &json!("/problems/own-request")),
        "{problem}"
    );
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("somebody else")));
    let decide = |body: Value| answer(server.with(&mia, Method::POST, &gate).json(&body));
    assert_eq!(decide(json!({"approve": false})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        decide(json!({"approve": true, "comment": "x".repeat(5000)})).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let (status, view) = decide(json!({"approve": true, "comment": "go"})).await;
    assert_eq!((status, view["state"].as_str()), (StatusCode::OK, Some("succeeded")), "{view:#}");

    let run = server.start_run("ship", json!({})).await;
    waits(&server, &run, "gate").await;
    let request = server.with(&mia, Method::POST, &path(&run, "gate", "decision"));
    let (_, view) = answer(request.json(&json!({"approve": false, "comment": "not on a Friday"}))).await;
    assert_eq!(
        (view["state"].as_str(), view["steps"][0]["cause"].as_str()),
        (Some("failed"), Some("declined")),
        "{view:#}"
    );
    assert!(view["steps"][0]["message"].as_str().is_some_and(|message| message.contains("not on a Friday")));
}

#[tokio::test]
async fn what_is_not_lost_is_not_resolved() {
    let server = TestServer::start().await;
    server.apply("kind: Runbook\nname: ship\nsteps: [{name: gate, approve: Ship it?}]\n").await;
    let run = server.start_run("ship", json!({})).await;
    waits(&server, &run, "gate").await;
    let resolve = path(&run, "gate", "resolve");
    let (status, problem) = server.post(&resolve, json!({"as": "succeeded", "reason": "seen"})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("`gate`")));
    for bad in [json!({"as": "perhaps", "reason": "x"}), json!({"as": "failed"}), json!([])] {
        assert_eq!(server.post(&resolve, bad).await.0, StatusCode::BAD_REQUEST);
    }
}
