//! Choices fetched when the form opens, and again for every value that is given: from a URL that is allowed, and from a runbook
//! that only reads.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{TestServer, answer};

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

const FORM: &str = "/api/v1/projects/default/runbooks/form";

/// The codes of the faults, by input name.
fn faults(problem: &Value) -> Vec<(String, String)> {
    let text = |fault: &Value, key: &str| fault[key].as_str().unwrap_or_default().to_owned();
    let faults = problem["faults"].as_array().into_iter().flatten();
    faults.map(|fault| (text(fault, "path"), text(fault, "code"))).collect()
}

async fn runs_of(server: &TestServer, runbook: &str) -> usize {
    let (_, runs) = server.get(&format!("/api/v1/projects/default/runs?runbook={runbook}")).await;
    runs["items"].as_array().expect("runs").len()
}

#[tokio::test]
async fn a_value_that_is_not_among_the_fetched_ones_neither_plans_nor_starts_nor_retries() {
    let asked = Arc::new(AtomicUsize::new(0));
    let only_db = Arc::new(AtomicBool::new(false));
    let (count, narrowed) = (Arc::clone(&asked), Arc::clone(&only_db));
    let host = web(move |line| {
        count.fetch_add(1, Ordering::SeqCst);
        // The day as it is kept, and nothing else, whatever way it was given.
        match line {
            line if line.contains("/days/2026-11-26?pause=90 ") && narrowed.load(Ordering::SeqCst) => {
                ok(r#"["db"]"#)
            }
            line if line.contains("/days/2026-11-26?pause=90 ") => {
                ok(r#"["db", {"value": "web", "label": "Web"}]"#)
            }
            _ => ok("[]"),
        }
    });
    let server = TestServer::start_allowing(&[&host]).await;
    let from = format!("{{url: 'http://{host}/days/{{{{ inputs.day }}}}?pause={{{{ inputs.pause }}}}'}}");
    server
        .apply(&format!(
            "kind: Runbook\nname: form\ninputs:\n  day: {{type: date, required: true}}\n  pause: {{type: duration, default: 90s}}\n  one: {{type: choice, from: {from}}}\n  some: {{type: choice, multiple: true, from: {from}}}\n  typed: {{type: choice, free: true, from: {from}}}\nsteps: [{{run: 'true', effect: read}}]\n"
        ))
        .await;
    let good = json!({"inputs": {"day": "2026-11-26", "one": "db", "some": ["web", "db"], "typed": "other"}});
    let (status, choices) = server.post(&format!("{FORM}/choices/one"), good.clone()).await;
    assert_eq!((status, choices["options"].as_array().map(Vec::len)), (StatusCode::OK, Some(2)), "{choices}");

    for route in ["plan", "runs"] {
        for (inputs, path) in [
            (json!({"day": "2026-11-26", "one": "Web"}), "one"),
            (json!({"day": "2026-11-26", "some": ["web", "x"]}), "some"),
            (json!({"day": "2026-11-27", "one": "db"}), "one"),
        ] {
            let (status, problem) = server.post(&format!("{FORM}/{route}"), json!({"inputs": inputs})).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{route} {inputs}: {problem}");
            assert_eq!(faults(&problem), [(path.to_owned(), "not_an_option".to_owned())], "{route} {inputs}");
        }
        asked.store(0, Ordering::SeqCst);
        let (status, answer) = server.post(&format!("{FORM}/{route}"), good.clone()).await;
        assert!(status.is_success(), "{route}: {answer:#}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{route}: what is asked twice is fetched once");
        // Nothing was chosen, or nothing that an answer could refuse.
        for inputs in [json!({"day": "2026-11-26"}), json!({"day": "2026-11-26", "some": [], "typed": "x"})] {
            let (status, answer) = server.post(&format!("{FORM}/{route}"), json!({"inputs": inputs})).await;
            assert!(status.is_success(), "{route} {inputs}: {answer:#}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{route}: nobody was asked");
    }

    let run = server.start_run("form", good["inputs"].clone()).await;
    server.ended(&run).await;
    let retry = format!("/api/v1/projects/default/runs/{run}/retry");
    assert_eq!(server.post(&retry, json!({})).await.0, StatusCode::CREATED);
    only_db.store(true, Ordering::SeqCst);
    let (status, problem) = server.post(&retry, json!({})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(faults(&problem), [("some".to_owned(), "not_an_option".to_owned())]);
}

#[tokio::test]
async fn options_that_cannot_be_fetched_let_no_value_pass() {
    let broken = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&broken);
    let host = web(move |_| {
        if fails.load(Ordering::SeqCst) {
            "HTTP/1.1 503 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
        } else {
            ok(r#"["a"]"#)
        }
    });
    let server = TestServer::start_allowing(&[&host]).await;
    server.apply(&runbook(&format!("{{url: 'http://{host}/'}}"))).await;
    let body = json!({"inputs": {"host": "a"}});
    let keyed = || {
        let request = server.with(&server.admin, Method::POST, &format!("{FORM}/runs"));
        answer(request.header("idempotency-key", "one").json(&body))
    };
    let (status, first) = keyed().await;
    assert_eq!(status, StatusCode::CREATED, "{first:#}");
    let run = first["id"].as_str().expect("an id");
    server.post(&format!("/api/v1/projects/default/runs/{run}/cancel"), json!({})).await;
    server.ended(run).await;

    broken.store(true, Ordering::SeqCst);
    assert_eq!(keyed().await.1["id"], first["id"], "the same call has its answer, whoever is silent now");
    let retry = format!("/api/v1/projects/default/runs/{run}/retry");
    for (path, body) in
        [(format!("{FORM}/plan"), &body), (format!("{FORM}/runs"), &body), (retry, &json!({}))]
    {
        let (status, problem) = server.post(&path, body.clone()).await;
        assert_eq!(
            (status, &problem["type"]),
            (StatusCode::BAD_GATEWAY, &json!("/problems/choices")),
            "{path}"
        );
        let detail = problem["detail"].as_str().unwrap_or_default();
        for said in ["`host`", "status 503", "nobody can say whether the value"] {
            assert!(detail.contains(said), "{path}: {detail}");
        }
        assert!(problem["hint"].is_string(), "{path}: {problem}");
    }
    server.apply(&runbook("{url: 'http://127.0.0.1:1/'}")).await;
    let (status, problem) = server.post(&format!("{FORM}/runs"), body.clone()).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("/problems/host-not-allowed")));
    server
        .apply(&runbook("{url: 'http://127.0.0.1:1/{{ inputs.team }}'}").replace(", default: web", ""))
        .await;
    let (status, problem) = server.post(&format!("{FORM}/runs"), body.clone()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(runs_of(&server, "form").await, 1, "nothing was started");
}

#[tokio::test]
async fn a_runbook_is_asked_again_for_what_was_chosen_from_it() {
    let server = TestServer::start().await;
    server
        .apply(&format!(
            "{}---\nkind: Runbook\nname: hosts\ninputs: {{team: {{type: string, pattern: '[a-z]+'}}}}\noutputs: {{hosts: '{{{{ steps.list.outputs.hosts }}}}'}}\nsteps:\n  - name: list\n    effect: read\n    run: echo \"hosts=[\\\"$INPUT_TEAM-1\\\"]\" >> \"$SIGNALBOX_OUTPUT\"\n",
            runbook("{runbook: hosts, output: hosts, inputs: {team: '{{ inputs.team }}'}}")
        ))
        .await;
    let start = |key: &str, inputs: Value| {
        let request = server.with(&server.admin, Method::POST, &format!("{FORM}/runs"));
        answer(request.header("idempotency-key", key).json(&json!({"inputs": inputs})))
    };
    let (status, problem) = start("wrong", json!({"team": "db", "host": "web-1"})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(faults(&problem), [("host".to_owned(), "not_an_option".to_owned())]);
    assert_eq!((runs_of(&server, "hosts").await, runs_of(&server, "form").await), (1, 0));

    let (status, run) = start("right", json!({"team": "db", "host": "db-1"})).await;
    assert_eq!(status, StatusCode::CREATED, "{run:#}");
    assert_eq!(start("right", json!({"team": "db", "host": "db-1"})).await.1["id"], run["id"]);
    assert_eq!(runs_of(&server, "hosts").await, 2, "the same call again asks no runbook");

    // What the asked runbook finds wrong is said of the choice, and not of the form's own `team`.
    let (status, problem) = start("odd", json!({"team": "9", "host": "9-1"})).await;
    assert_eq!((status, faults(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, Vec::new()), "{problem}");
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("`host`") && detail.contains("runbook `hosts` does not take"), "{detail}");
}
