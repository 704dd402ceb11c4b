//! Runs from request to end, with real processes.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{TestServer, answer};

const START: &str = "/api/v1/projects/default/runbooks";

#[tokio::test]
async fn steps_run_in_order_share_a_directory_and_give_outputs() {
    let server = TestServer::start().await;
    server
        .apply(
            "kind: Runbook\nname: build\nservice: shop\nsteps:\n  - name: make\n    run: |\n      echo made > it\n      \
             echo 'size=5' >> \"$SIGNALBOX_OUTPUT\"\n  - name: use\n    effect: read\n    command: [cat, it]\n",
        )
        .await;
    let run = server.start_run("build", json!({})).await;
    let view = server.ended(&run).await;
    assert_eq!(view["state"], "succeeded", "{view:#}");
    assert_eq!(view["outputs"], json!({"make": {"size": "5"}}));
    let states: Vec<&str> =
        view["steps"].as_array().expect("steps").iter().filter_map(|s| s["state"].as_str()).collect();
    assert_eq!(states, ["succeeded", "succeeded"]);
    assert!(view["steps"][0]["started_at"].is_string() && view["steps"][0]["finished_at"].is_string());
    assert_eq!(server.log(&run).await, b"made\n");

    let (_, events) = server.get(&format!("/api/v1/projects/default/runs/{run}/events")).await;
    let kinds: Vec<&str> =
        events["items"].as_array().expect("events").iter().filter_map(|e| e["type"].as_str()).collect();
    let expected = [
        "run.requested",
        "run.started",
        "step.started",
        "step.finished",
        "step.started",
        "step.finished",
        "run.finished",
    ];
    assert_eq!(kinds, expected);
    for event in events["items"].as_array().expect("events") {
        assert_eq!((&event["project"], &event["service"]), (&json!("default"), &json!("shop")));
        assert_eq!(event["correlation"], json!(run));
        for field in
            ["acting_team", "requesting_team", "environment", "cause", "principal", "recorded_at", "subject"]
        {
            assert!(event.as_object().expect("an object").contains_key(field), "{field} is never missing");
        }
    }
}

#[tokio::test]
async fn a_failed_step_names_its_cause_and_the_rest_is_skipped() {
    let server = TestServer::start().await;
    server.apply("kind: Runbook\nname: bad\nsteps:\n  - {name: one, run: exit 3}\n  - {name: two, run: echo never}\n").await;
    let run = server.start_run("bad", json!({})).await;
    let view = server.ended(&run).await;
    assert_eq!((view["state"].as_str(), view["cause"].as_str()), (Some("failed"), Some("exit")));
    assert_eq!(view["steps"][0]["exit_code"], 3);
    assert_eq!(view["steps"][1]["state"], "skipped");
    assert!(view["message"].as_str().is_some_and(|message| message.contains("`one`")), "{view:#}");
    assert_eq!(server.log(&run).await, b"");
}

#[tokio::test]
async fn times_are_kept_for_steps_and_for_the_run() {
    let server = TestServer::start().await;
    server
        .apply(
            "kind: Runbook\nname: step-time\nsteps: [{run: sleep 60, timeout: 1s}]\n---\n\
             kind: Runbook\nname: run-time\ntimeout: 1s\nsteps: [{run: sleep 60}]\n",
        )
        .await;
    for name in ["step-time", "run-time"] {
        let run = server.start_run(name, json!({})).await;
        let view = server.ended(&run).await;
        assert_eq!(
            (view["state"].as_str(), view["cause"].as_str()),
            (Some("failed"), Some("timeout")),
            "{view:#}"
        );
    }
}

#[tokio::test]
async fn inputs_are_checked_and_every_fault_is_told() {
    let server = TestServer::start().await;
    server
        .apply(
            "kind: Runbook\nname: typed\ninputs:\n  count: {type: integer, required: true}\n  \
             region: {type: choice, options: [eu, us], default: eu}\n  dry: {type: boolean}\n  \
             note: {type: string}\nsteps:\n  - run: printf '%s|%s|%s|%s' \"$INPUT_COUNT\" \"$INPUT_REGION\" \
             \"${INPUT_DRY-unset}\" \"${INPUT_NOTE-unset}\"\n",
        )
        .await;
    let wrong = json!({"inputs": {"region": "mars", "dry": "maybe", "conut": 1}});
    let (status, problem) = server.post(&format!("{START}/typed/runs"), wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut named: Vec<&str> =
        problem["faults"].as_array().expect("faults").iter().filter_map(|f| f["path"].as_str()).collect();
    named.sort_unstable();
    assert_eq!(named, ["conut", "count", "dry", "region"], "{problem:#}");
    let (_, runs) = server.get("/api/v1/projects/default/runs").await;
    assert_eq!(runs["items"], json!([]), "nothing was started");

    let run = server.start_run("typed", json!({"count": "7", "dry": true})).await;
    server.ended(&run).await;
    assert_eq!(server.log(&run).await, b"7|eu|true|unset");
}

#[tokio::test]
async fn input_sizes_pass_at_the_limit_and_fail_one_over() {
    let server = TestServer::start().await;
    server
        .apply("kind: Runbook\nname: size\ninputs: {text: {type: string}}\nsteps: [{run: 'printf %s \"$INPUT_TEXT\" | wc -c'}]\n")
        .await;
    let run = server.start_run("size", json!({"text": "x".repeat(64 * 1024)})).await;
    assert_eq!(server.ended(&run).await["state"], "succeeded");
    assert_eq!(String::from_utf8_lossy(&server.log(&run).await).trim(), "65536");
    for bad in ["x".repeat(64 * 1024 + 1), "a\0b".to_owned()] {
        let (status, _) = server.post(&format!("{START}/size/runs"), json!({"inputs": {"text": bad}})).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn one_key_starts_one_run() {
    let server = TestServer::start().await;
    server
        .apply("kind: Runbook\nname: hello\ninputs: {a: {type: string}}\nsteps: [{command: [\"true\"]}]\n")
        .await;
    let start = |key: &str, a: &str| {
        let request = server.with(&server.admin, Method::POST, &format!("{START}/hello/runs"));
        request.header("idempotency-key", key).json(&json!({"inputs": {"a": a}})).send()
    };
    let all = futures_util::future::join_all((0..50).map(|_| start("one", "x"))).await;
    let mut ids = std::collections::BTreeSet::new();
    let mut fresh = 0;
    for answer in all {
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), StatusCode::CREATED);
        fresh += i32::from(!answer.headers().contains_key("idempotency-replayed"));
        let run: Value = answer.json().await.expect("JSON");
        ids.insert(run["id"].as_str().expect("an id").to_owned());
    }
    assert_eq!((ids.len(), fresh), (1, 1));
    assert_eq!(start("one", "y").await.expect("an answer").status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(start("two", "y").await.expect("an answer").status(), StatusCode::CREATED);
    assert_eq!(start("a b", "y").await.expect("an answer").status(), StatusCode::BAD_REQUEST);
    let (_, runs) = server.get("/api/v1/projects/default/runs").await;
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn cancel_ends_the_processes_and_is_said_when_it_is_true() {
    let server = TestServer::start().await;
    server.apply("kind: Runbook\nname: long\nsteps:\n  - run: |\n      echo $$\n      sleep 300 & wait\n  - run: echo never\n").await;
    let run = server.start_run("long", json!({})).await;
    let mut pid = String::new();
    for _ in 0..200 {
        pid = String::from_utf8_lossy(&server.log(&run).await).trim().to_owned();
        if !pid.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let path = format!("/api/v1/projects/default/runs/{run}/cancel");
    let cancel =
        |key: &str| answer(server.with(&server.admin, Method::POST, &path).header("idempotency-key", key));
    let (status, view) = cancel("k").await;
    assert_eq!(status, StatusCode::ACCEPTED, "{view}");
    assert_eq!(cancel("k").await.0, StatusCode::ACCEPTED, "the same call gets the same answer");
    let view = server.ended(&run).await;
    assert_eq!(
        (view["state"].as_str(), view["cause"].as_str()),
        (Some("canceled"), Some("canceled")),
        "{view:#}"
    );
    assert_eq!(view["steps"][1]["state"], "canceled");
    assert_eq!(view["cancel_requested_by"]["name"], "admin");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "process {pid} is gone");
    assert_eq!(cancel("other").await.0, StatusCode::CONFLICT, "what has ended is not canceled");
}

#[tokio::test]
async fn what_waits_names_what_it_waits_for() {
    let server = TestServer::start().await;
    server.apply("kind: Runbook\nname: long\nsteps: [{run: sleep 300}]\n").await;
    let places =
        usize::try_from(server.get("/api/v1/status").await.1["runner_places"].as_u64().expect("places"));
    let mut runs = Vec::new();
    for _ in 0..=places.expect("a number") {
        runs.push(server.start_run("long", json!({})).await);
    }
    let last = runs.last().expect("a run").clone();
    for run in &runs[..runs.len() - 1] {
        server.reach(run, &["running"]).await;
    }
    let view = server.show(&last).await;
    assert_eq!(view["state"], "queued");
    assert!(view["waits_for"].as_str().is_some_and(|what| what.contains("all")), "{view:#}");
    let (_, canceled) = server.post(&format!("/api/v1/projects/default/runs/{last}/cancel"), json!({})).await;
    assert_eq!(canceled["state"], "canceled", "what is queued never starts");
    for run in &runs[..runs.len() - 1] {
        server.post(&format!("/api/v1/projects/default/runs/{run}/cancel"), json!({})).await;
    }
    for run in &runs {
        server.ended(run).await;
    }
}

#[tokio::test]
async fn lists_page_and_filter() {
    let server = TestServer::start().await;
    server
        .apply("kind: Runbook\nname: a\nsteps: [{run: 'true'}]\n---\nkind: Runbook\nname: b\nsteps: [{run: 'false'}]\n")
        .await;
    let mut ids = Vec::new();
    for name in ["a", "b", "a", "b", "a"] {
        ids.push(server.start_run(name, json!({})).await);
    }
    for id in &ids {
        server.ended(id).await;
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let (_, page) = server.get(&format!("/api/v1/projects/default/runs?limit=2{after}")).await;
        seen.extend(
            page["items"]
                .as_array()
                .expect("items")
                .iter()
                .map(|run| run["id"].as_str().expect("id").to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ids);
    let count = |page: &Value| page["items"].as_array().map_or(0, Vec::len);
    assert_eq!(count(&server.get("/api/v1/projects/default/runs?runbook=a").await.1), 3);
    assert_eq!(count(&server.get("/api/v1/projects/default/runs?state=failed").await.1), 2);
    assert_eq!(count(&server.get("/api/v1/projects/default/runs?state=failed,succeeded").await.1), 5);
    for bad in ["?limit=0", "?limit=201", "?state=lost", "?after=x", "?unknown=1"] {
        assert_eq!(
            server.get(&format!("/api/v1/projects/default/runs{bad}")).await.0,
            StatusCode::BAD_REQUEST,
            "{bad}"
        );
    }
    let (_, runbooks) = server.get("/api/v1/projects/default/runbooks").await;
    assert_eq!(runbooks["items"][0]["last_run"]["id"], json!(ids[0]));
}

#[tokio::test]
async fn a_step_that_runs_when_the_server_stops_runs_on_and_never_starts_again() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().expect("a temporary directory");
    let ledger = folder.path().join("ledger");
    let go_on = folder.path().join("go-on");
    server
        .apply(&format!(
            "kind: Runbook\nname: long\nsteps:\n  - run: |\n      echo started >> {}\n      while [ ! -e {} ]; do sleep 0.05; done\n      \
             echo ended >> {}\n",
            ledger.display(),
            go_on.display(),
            ledger.display()
        ))
        .await;
    let run = server.start_run("long", json!({})).await;
    while !ledger.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let server = server.restart().await;
    let view = server.show(&run).await;
    assert_eq!(
        (view["state"].as_str(), view["steps"][0]["attempt"].as_u64()),
        (Some("running"), Some(1)),
        "{view:#}"
    );
    std::fs::write(&go_on, "").expect("it can be written");
    let view = server.ended(&run).await;
    assert_eq!(view["state"], "succeeded", "{view:#}");
    assert_eq!(std::fs::read_to_string(&ledger).expect("the ledger"), "started\nended\n");
}

#[tokio::test]
async fn a_queued_run_and_the_next_step_go_on_after_a_restart() {
    let server = TestServer::start().await;
    server.apply("kind: Runbook\nname: two\nsteps:\n  - run: echo one > it; sleep 0.2\n  - run: cat it; echo two\n").await;
    let run = server.start_run("two", json!({})).await;
    server.reach(&run, &["running"]).await;
    // The first step ends within the grace; the second waits for the next start.
    let server = server.restart().await;
    let view = server.ended(&run).await;
    assert_eq!(view["state"], "succeeded", "{view:#}");
    assert_eq!(server.log(&run).await, b"one\ntwo\n");
}

#[tokio::test]
async fn the_log_of_a_group_is_that_of_all_that_is_in_it() {
    let server = TestServer::start().await;
    server
        .apply(
            "\
kind: Runbook
name: outer
steps:
  - {name: before, run: echo before}
  - name: all
    steps:
      - {name: each, for_each: [a.b, c], run: echo \"each $ITEM\"}
      - name: both
        parallel:
          - {name: left, run: echo left}
          - {name: right, run: sleep 0.3; echo right}
      - {name: call, runbook: inner}
  - {name: allot, run: echo after}
---
kind: Runbook
name: inner
steps: [{name: say, run: echo inner}]
",
        )
        .await;
    let run = server.start_run("outer", json!({})).await;
    assert_eq!(server.ended(&run).await["state"], "succeeded");
    let log = async |step: &str| {
        let path = format!("/api/v1/projects/default/runs/{run}/log");
        let request = server.with(&server.admin, Method::GET, &path).query(&[("step", step)]);
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("text"))
    };
    for (step, expected) in [
        ("all", "each a.b\neach c\nleft\nright\ninner\n"),
        ("each", "each a.b\neach c\n"),
        ("all.each", "each a.b\neach c\n"),
        ("all.each[a.b]", "each a.b\n"),
        ("both", "left\nright\n"),
        ("all.both.left", "left\n"),
        ("call", "inner\n"),
        ("all.call.say", "inner\n"),
        ("allot", "after\n"),
    ] {
        assert_eq!(log(step).await, (StatusCode::OK, expected.to_owned()), "{step}");
    }
    for step in ["al", "a.b", "all.each[a", "both.left", ""] {
        assert_eq!(log(step).await.0, StatusCode::NOT_FOUND, "{step}");
    }
}
