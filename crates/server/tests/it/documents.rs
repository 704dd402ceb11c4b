//! Apply: all of it, or nothing; every fault at once; and what is hostile does no harm.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{TestServer, answer};

const HELLO: &str = "kind: Runbook\nname: hello\nsteps: [{command: [echo, hello]}]\n";

/// `name outcome` of each result.
fn outcomes(applied: &Value) -> Vec<String> {
    let results = applied["results"].as_array().expect("results");
    let text = |result: &Value, field: &str| result[field].as_str().expect("text").to_owned();
    results.iter().map(|result| format!("{} {}", text(result, "name"), text(result, "outcome"))).collect()
}

#[tokio::test]
async fn an_unchanged_document_makes_no_version_and_prune_retires_what_is_gone() {
    let server = TestServer::start().await;
    let two = format!("{HELLO}---\nkind: Runbook\nname: second\nsteps: [{{command: [date]}}]\n");
    assert_eq!(outcomes(&server.apply(&two).await), ["hello published", "second published"]);
    assert_eq!(outcomes(&server.apply(&format!("# a comment\n{HELLO}")).await), ["hello unchanged"]);
    let (_, versions) = server.get("/api/v1/projects/default/runbooks/hello/versions").await;
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(1));

    let prune = json!({"documents": [{"path": "a.yaml", "text": HELLO}], "prune": true, "dry_run": true});
    let (_, dry) = server.post("/api/v1/projects/default/apply", prune.clone()).await;
    assert_eq!(outcomes(&dry), ["hello unchanged", "second retired"]);
    let (_, still) = server.get("/api/v1/projects/default/runbooks").await;
    assert_eq!(still["items"].as_array().map(Vec::len), Some(2), "a dry run stores nothing");

    let mut really = prune;
    really["dry_run"] = json!(false);
    server.post("/api/v1/projects/default/apply", really).await;
    let (_, left) = server.get("/api/v1/projects/default/runbooks").await;
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1));
    let (status, problem) = server.post("/api/v1/projects/default/runbooks/second/runs", json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert_eq!(problem["type"], "/problems/retired");
}

#[tokio::test]
async fn all_faults_come_at_once_with_their_places_and_nothing_is_stored() {
    let server = TestServer::start().await;
    let bad = "kind: Runbook\nname: ../x\nstesp: []\nsteps:\n  - run: ./missing.sh\n  - command: echo\n";
    let body =
        json!({"documents": [{"path": "good.yaml", "text": HELLO}, {"path": "bad.yaml", "text": bad}]});
    let (status, problem) = server.post("/api/v1/projects/default/apply", body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let faults = problem["faults"].as_array().expect("faults");
    let lines: Vec<u64> = faults.iter().map(|fault| fault["line"].as_u64().expect("a line")).collect();
    assert_eq!(lines, [2, 3, 5, 6], "{faults:#?}");
    assert!(faults.iter().all(|fault| fault["path"] == "bad.yaml" && fault["column"].as_u64() > Some(0)));
    let (_, projects) = server.get("/api/v1/projects").await;
    assert_eq!(projects["items"], json!([]));
}

#[tokio::test]
async fn hostile_documents_are_refused_and_the_server_lives_on() {
    let server = TestServer::start().await;
    let bomb = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1)
    });
    let climbing = "kind: Runbook\nname: x\nsteps: [{run: ./../../etc/passwd}]\n";
    for (what, text) in [
        ("an alias bomb", bomb),
        ("brackets", "[".repeat(40_000)),
        ("a path that climbs out", climbing.to_owned()),
        ("a tag", "kind: !!python/object Runbook\n".to_owned()),
        ("a duplicate key", format!("{HELLO}name: twice\n")),
    ] {
        let body = json!({"documents": [{"path": "bad.yaml", "text": text}]});
        let (status, problem) = server.post("/api/v1/projects/default/apply", body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{what}: {problem}");
        assert!(problem["faults"][0]["line"].as_u64() > Some(0), "{what} has its place: {problem}");
    }
    let huge = server.with(&server.admin, Method::POST, "/api/v1/projects/default/apply");
    let (status, problem) =
        answer(huge.header("content-type", "application/json").body(vec![b' '; 100 << 20])).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{problem}");
    assert_eq!(server.get("/api/v1/projects").await.1["items"], json!([]));
    assert_eq!(outcomes(&server.apply(HELLO).await), ["hello published"]);
}

#[tokio::test]
async fn files_belong_to_the_version_and_a_run_finds_them() {
    let server = TestServer::start().await;
    let text = "kind: Runbook\nname: report\nfiles: ['lib/*.txt']\nsteps:\n  - run: ./bin/report.sh\n";
    let script = "#!/bin/sh\ncat \"$SIGNALBOX_FILES/lib/words.txt\"\n";
    let encoded = |bytes: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let body = |words: &str| {
        json!({
            "documents": [{"path": "report.yaml", "text": text}],
            "files": [
                {"path": "bin/report.sh", "mode": "100755", "content_base64": encoded(script)},
                {"path": "lib/words.txt", "mode": "100644", "content_base64": encoded(words)},
            ],
        })
    };
    let (status, applied) = server.post("/api/v1/projects/default/apply", body("first\n")).await;
    assert_eq!(status, StatusCode::OK, "{applied:#}");
    let run = server.start_run("report", json!({})).await;
    assert_eq!(server.ended(&run).await["state"], "succeeded");
    assert_eq!(server.log(&run).await, b"first\n");

    let (_, changed) = server.post("/api/v1/projects/default/apply", body("second\n")).await;
    assert_eq!(outcomes(&changed), ["report published"], "a changed file is another version");
    let (_, view) = server.get("/api/v1/projects/default/runbooks/report").await;
    assert_eq!(view["text"], text);
    assert_eq!(view["files"].as_array().map(Vec::len), Some(2));
    let run = server.start_run("report", json!({})).await;
    server.ended(&run).await;
    assert_eq!(server.log(&run).await, b"second\n");
}

#[tokio::test]
async fn a_project_needs_a_name() {
    let server = TestServer::start().await;
    let body = json!({"documents": [{"path": "a.yaml", "text": HELLO}]});
    let (status, _) = server.post("/api/v1/projects/Not%20A%20Name/apply", body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, problem) = server.get("/api/v1/projects/nothing/runbooks").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("signalbox")));
}
