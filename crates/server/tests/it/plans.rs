//! Plans: what a run would do, and what would be refused; and the same rules when it starts.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{TestServer, answer};

const SHOP: &str = "\
kind: Inventory
name: shop
targets:
  - {name: web1, environment: production, labels: {region: eu}}
  - {name: web2, environment: production, labels: {region: us}}
  - {name: test1, environment: test, labels: {region: us}}
---
kind: Runbook
name: act
inputs:
  region: {type: choice, options: [eu, us], required: true}
max_targets: 1
steps:
  - name: act
    on: {inventory: shop, where: {region: {input: region}}}
    manual: Act on it.
";
const LOCKED: &str = "\
kind: Runbook
name: locked
inputs:
  region: {type: string, default: eu}
concurrency: {key: [web, {input: region}], limit: 1, when_full: refuse}
steps: [{name: look, manual: Look.}]
";

fn at(runbook: &str, what: &str) -> String {
    format!("/api/v1/projects/default/runbooks/{runbook}/{what}")
}

#[tokio::test]
async fn a_plan_names_targets_environments_and_steps_and_does_nothing() {
    let server = TestServer::start().await;
    server.apply(SHOP).await;
    let (status, plan) = server.post(&at("act", "plan"), json!({"inputs": {"region": "eu"}})).await;
    assert_eq!(status, StatusCode::OK, "{plan:#}");
    assert_eq!(
        (&plan["targets"], &plan["environments"]),
        (&json!(["web1"]), &json!(["production"])),
        "{plan:#}"
    );
    assert_eq!(plan["steps"][0]["name"], "act");
    assert_eq!(plan["remarks"], json!([]));
    let (_, runs) = server.get("/api/v1/projects/default/runs").await;
    assert_eq!(runs["items"], json!([]), "nothing was done");
    let (status, problem) = server.post(&at("act", "plan"), json!({"inputs": {"region": "mars"}})).await;
    assert_eq!((status, &problem["faults"][0]["path"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("region")));
    assert_eq!(server.post(&at("nothing", "plan"), json!({})).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn more_targets_than_allowed_are_told_in_the_plan_and_refused_at_the_start() {
    let server = TestServer::start().await;
    server.apply(SHOP).await;
    let (_, plan) = server.post(&at("act", "plan"), json!({"inputs": {"region": "us"}})).await;
    assert!(plan["remarks"][0].as_str().is_some_and(|remark| remark.contains("2 targets")), "{plan:#}");
    let (status, problem) = server.post(&at("act", "runs"), json!({"inputs": {"region": "us"}})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("max_targets")));
    server.start_run("act", json!({"region": "eu"})).await;
}

#[tokio::test]
async fn a_lock_that_is_taken_is_told_by_its_holder() {
    let server = TestServer::start().await;
    server.apply(LOCKED).await;
    let first = server.start_run("locked", json!({})).await;
    let (status, problem) = server.post(&at("locked", "runs"), json!({})).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("/problems/busy")), "{problem}");
    assert!(
        problem["detail"].as_str().is_some_and(|detail| detail.contains(&first) && detail.contains("web/eu"))
    );
    let (_, plan) = server.post(&at("locked", "plan"), json!({})).await;
    assert_eq!(plan["lock"], json!({"key": "web/eu", "limit": 1, "held_by": [first]}), "{plan:#}");
    assert!(plan["remarks"][0].as_str().is_some_and(|remark| remark.contains("refused")));
    server.start_run("locked", json!({"region": "us"})).await;
    server.post(&format!("/api/v1/projects/default/runs/{first}/cancel"), json!({})).await;
    server.ended(&first).await;
    server.start_run("locked", json!({})).await;
}

#[tokio::test]
async fn what_a_runbook_calls_is_pinned_when_it_starts() {
    let server = TestServer::start().await;
    let inner = |text: &str| format!("kind: Runbook\nname: inner\nsteps: [{{name: look, manual: {text}}}]\n");
    let outer = "kind: Runbook\nname: outer\nsteps:\n  - {name: first, manual: Wait.}\n  - {name: call, runbook: inner}\n";
    server.apply(&format!("{}---\n{outer}", inner("Old."))).await;
    let run = server.start_run("outer", json!({})).await;
    server.reach(&run, &["waiting"]).await;
    server.apply(&inner("New.")).await;
    let answered = format!("/api/v1/projects/default/runs/{run}/steps/first/answer");
    let (status, _) = server.post(&answered, json!({"done": true})).await;
    assert_eq!(status, StatusCode::OK);
    let view = server.reach(&run, &["waiting"]).await;
    let look = view["steps"].as_array().expect("steps").iter().find(|step| step["path"] == "call.look");
    assert_eq!(look.expect("the step")["wait"]["instructions"], "Old.", "{view:#}");
}

#[tokio::test]
async fn the_bundle_changes_with_every_version_that_a_run_is_pinned_to() {
    let server = TestServer::start().await;
    let inner = |text: &str| format!("kind: Runbook\nname: inner\nsteps: [{{manual: {text}}}]\n");
    let shop = |label: &str| {
        format!("kind: Inventory\nname: shop\ntargets: [{{name: web1, labels: {{tier: {label}}}}}]\n")
    };
    let outer = |text: &str| {
        format!(
            "kind: Runbook\nname: outer\nsteps:\n  - {{manual: {text}, on: {{inventory: shop}}}}\n  - {{runbook: inner}}\n"
        )
    };
    let mut seen = Vec::new();
    for (inner_text, label, outer_text) in
        [("A.", "a", "A."), ("B.", "a", "A."), ("B.", "b", "A."), ("B.", "b", "B."), ("A.", "a", "A.")]
    {
        server.apply(&[inner(inner_text), shop(label), outer(outer_text)].join("---\n")).await;
        let run = server.show(&server.start_run("outer", json!({})).await).await;
        seen.push((run["bundle"].as_str().expect("a digest").to_owned(), run));
    }
    let (bundles, runs): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
    for (at, bundle) in bundles.iter().enumerate().take(4) {
        assert!(bundle.len() == 64 && !bundles[..at].contains(bundle), "{bundles:#?}");
    }
    assert_eq!(bundles[4], bundles[0], "the same versions are the same bundle");

    // What it was pinned to is what it is tried again with, whatever is published now.
    let first = runs[1]["id"].as_str().expect("an id");
    server.post(&format!("/api/v1/projects/default/runs/{first}/cancel"), json!({})).await;
    server.ended(first).await;
    let (status, again) =
        server.post(&format!("/api/v1/projects/default/runs/{first}/retry"), json!({})).await;
    assert_eq!((status, again["bundle"].as_str()), (StatusCode::CREATED, Some(bundles[1].as_str())));

    let (_, listed) = server.get("/api/v1/projects/default/runs").await;
    let listed = listed["items"].as_array().expect("runs").iter().find(|run| run["id"] == first);
    assert_eq!(listed.expect("the run")["revision"], server.show(first).await["revision"]);
}

#[tokio::test]
async fn secrets_are_sealed_and_in_no_answer() {
    let server = TestServer::start().await;
    server
        .apply("kind: Runbook\nname: sealed\ninputs: {token: {type: secret, required: true}, day: {type: date, default: {from: today}}, who: {type: string, default: {from: caller}}}\nsteps: [{manual: Look.}]\n")
        .await;
    let start = |key: &str, secret: &str| {
        let request = server.with(&server.admin, Method::POST, &at("sealed", "runs"));
        answer(request.header("idempotency-key", key).json(&json!({"inputs": {"token": secret}})))
    };
    let (status, run) = start("one", "hunter22-canary").await;
    assert_eq!(status, StatusCode::CREATED, "{run:#}");
    assert_eq!(run["inputs"]["token"], json!({"sealed": true}));
    assert_eq!(run["inputs"]["who"], "admin");
    assert!(run["inputs"]["day"].as_str().is_some_and(|day| day.len() == 10), "{run:#}");
    let id = run["id"].as_str().expect("an id");
    let mut all: Vec<Value> = vec![run.clone()];
    all.push(server.show(id).await);
    all.push(server.get(&format!("/api/v1/projects/default/runs/{id}/events")).await.1);
    all.push(server.get("/api/v1/projects/default/runs").await.1);
    all.push(start("one", "hunter22-canary").await.1);
    for told in all {
        assert!(!told.to_string().contains("canary"), "{told:#}");
    }
    let missing = server.post(&at("sealed", "runs"), json!({})).await;
    assert_eq!(
        (missing.0, &missing.1["faults"][0]["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("missing_input"))
    );
    let directory = server.stop().await;
    for file in ["signalbox.db", "signalbox.db-wal"] {
        let bytes = std::fs::read(directory.path().join("data").join(file)).unwrap_or_default();
        assert!(!bytes.windows(6).any(|window| window == b"canary"), "{file}");
    }
}

#[tokio::test]
async fn lists_are_filtered_by_service_caller_text_and_time() {
    let server = TestServer::start().await;
    server
        .apply("kind: Runbook\nname: a\nservice: shop\nsteps: [{manual: Look.}]\n---\nkind: Runbook\nname: b\ntitle: Deep clean\nsteps: [{manual: Look.}]\n")
        .await;
    let mia = server.token("mia", "member").await;
    server.start_run("a", json!({})).await;
    let request = server.with(&mia, Method::POST, &at("b", "runs")).json(&json!({"reason": "OPS-7"}));
    assert_eq!(answer(request).await.0, StatusCode::CREATED);
    for (query, expected) in [
        ("service=shop", vec!["a"]),
        ("requested_by=mia", vec!["b"]),
        ("text=clean", vec!["b"]),
        ("text=ops-7%20deep", vec!["b"]),
        ("text=nothing", vec![]),
        ("from=2020-01-01T00:00:00Z", vec!["b", "a"]),
        ("from=2999-01-01T00:00:00Z", vec![]),
        ("to=2020-01-01T00:00:00Z", vec![]),
        ("state=waiting&runbook=a", vec!["a"]),
    ] {
        let (status, page) = server.get(&format!("/api/v1/projects/default/runs?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{query}: {page}");
        let found: Vec<&str> = page["items"]
            .as_array()
            .expect("items")
            .iter()
            .filter_map(|run| run["runbook"].as_str())
            .collect();
        assert_eq!(found, expected, "{query}");
    }
    assert_eq!(server.get("/api/v1/projects/default/runs?from=yesterday").await.0, StatusCode::BAD_REQUEST);
}
