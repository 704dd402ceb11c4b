//! Choices fetched when the form opens: from a URL that is allowed, and from a runbook that only reads.

use std::{
    io::{Read, Write},
    net::TcpListener,
    time::Duration,
};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::TestServer;

/// Answers each request by its first line; its host and port.
fn web(answer: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let read = socket.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let line = head.lines().next().unwrap_or_default();
            assert!(!head.to_lowercase().contains("authorization:"), "no credential goes along");
            let _ = socket.write_all(answer(line).as_bytes());
        }
    });
    host
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn runbook(from: &str) -> String {
    format!(
        "kind: Runbook\nname: form\ninputs:\n  team: {{type: string, default: web}}\n  host: {{type: choice, from: {from}}}\nsteps: [{{manual: Look.}}]\n"
    )
}

async fn ask(server: &TestServer, inputs: Value) -> (StatusCode, Value) {
    server.post("/api/v1/projects/default/runbooks/form/choices/host", json!({"inputs": inputs})).await
}

#[tokio::test]
async fn a_url_on_the_list_is_fetched_with_its_inputs_escaped() {
    let host = web(|line| {
        match line {
        line if line.contains("/list?team=a%26b") => ok(r#"{"data": {"hosts": ["web1", {"value": "web2", "label": "Web two"}]}}"#),
        line if line.contains("/away") => {
            "HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
        }
        line if line.contains("/near") => {
            "HTTP/1.1 302 X\r\nlocation: /list?team=a%26b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
        }
        line if line.contains("/big") => ok(&format!("[\"{}\"]", "x".repeat(1 << 20))),
        line if line.contains("/text") => ok("hello"),
        line if line.contains("/slow") => {
            std::thread::sleep(Duration::from_secs(20));
            String::new()
        }
        _ => "HTTP/1.1 404 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
    }
    });
    let server = TestServer::start_allowing(&[&host, "127.0.0.1:1"]).await;
    let at = |path: &str| runbook(&format!("{{url: 'http://{host}{path}', pointer: /data/hosts}}"));
    let expected = json!({"options": [{"value": "web1"}, {"value": "web2", "label": "Web two"}]});
    for path in ["/list?team={{ inputs.team }}", "/near"] {
        server.apply(&at(path)).await;
        assert_eq!(ask(&server, json!({"team": "a&b"})).await, (StatusCode::OK, expected.clone()), "{path}");
    }
    for (path, said) in
        [("/nothing", "404"), ("/away", "another host"), ("/big", "more than"), ("/text", "not JSON")]
    {
        server.apply(&at(path)).await;
        let (status, problem) = ask(&server, json!({})).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY, "{path}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(said)), "{path}: {problem}");
    }
    server.apply(&at("/slow")).await;
    let begun = std::time::Instant::now();
    let (status, problem) = ask(&server, json!({})).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{problem}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn hosts_that_are_not_on_the_list_are_not_asked() {
    let server = TestServer::start_allowing(&["127.0.0.1:18480", "169.254.169.254", "unknown.invalid"]).await;
    for address in [
        "http://127.0.0.1:1/",
        "http://127.0.0.1/",
        "https://127.0.0.1:18482/",
        "http://example.com/",
        "http://169.254.169.254/latest/meta-data",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
    ] {
        server.apply(&runbook(&format!("{{url: '{address}'}}"))).await;
        let (status, problem) = ask(&server, json!({})).await;
        assert_eq!(
            (status, &problem["type"]),
            (StatusCode::CONFLICT, &json!("/problems/host-not-allowed")),
            "{address}: {problem}"
        );
    }
    server.apply(&runbook("{url: 'http://unknown.invalid/'}")).await;
    assert_eq!(ask(&server, json!({})).await.0, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn inputs_without_choices_have_none_and_plain_ones_their_own() {
    let server = TestServer::start().await;
    server
        .apply("kind: Runbook\nname: form\ninputs: {host: {type: choice, options: [a, b]}, team: {type: string}}\nsteps: [{manual: Look.}]\n")
        .await;
    assert_eq!(ask(&server, json!({})).await.1, json!({"options": [{"value": "a"}, {"value": "b"}]}));
    for input in ["team", "nothing"] {
        let path = format!("/api/v1/projects/default/runbooks/form/choices/{input}");
        assert_eq!(server.post(&path, json!({})).await.0, StatusCode::NOT_FOUND, "{input}");
    }
}

#[tokio::test]
async fn a_runbook_that_only_reads_is_asked_and_another_is_not() {
    let server = TestServer::start().await;
    let list = |effect: &str| {
        format!(
            "kind: Runbook\nname: hosts\ninputs: {{team: {{type: string, required: true}}}}\noutputs: {{hosts: '{{{{ steps.list.outputs.hosts }}}}'}}\nsteps:\n  - name: list\n    effect: {effect}\n    run: |\n      echo \"hosts=[\\\"$INPUT_TEAM-1\\\", \\\"$INPUT_TEAM-2\\\"]\" >> \"$SIGNALBOX_OUTPUT\"\n"
        )
    };
    let form = runbook("{runbook: hosts, output: hosts, inputs: {team: '{{ inputs.team }}'}}");
    server.apply(&format!("{}---\n{form}", list("read"))).await;
    let (status, choices) = ask(&server, json!({"team": "db"})).await;
    assert_eq!(
        (status, choices),
        (StatusCode::OK, json!({"options": [{"value": "db-1"}, {"value": "db-2"}]}))
    );
    let (_, runs) = server.get("/api/v1/projects/default/runs?runbook=hosts").await;
    assert_eq!(runs["items"][0]["state"], "succeeded", "it is a run like any other: {runs:#}");

    server.apply(&list("change")).await;
    let (status, problem) = ask(&server, json!({})).await;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::CONFLICT, &json!("/problems/not-read-only")),
        "{problem}"
    );
}
