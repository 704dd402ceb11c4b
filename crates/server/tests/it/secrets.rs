//! Secret inputs: sealed, delivered as files, handed on to called runbooks, and shown nowhere.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::TestServer;

const SECRET: &str = "hunter22-canary";

/// Everything that the API says of a run.
async fn all_of(server: &TestServer, run: &str) -> String {
    let mut all = String::from_utf8_lossy(&server.log(run).await).into_owned();
    for rest in ["", "/events"] {
        let (status, told) = server.get(&format!("/api/v1/projects/default/runs/{run}{rest}")).await;
        assert_eq!(status, StatusCode::OK, "{told:#}");
        all.push_str(&told.to_string());
    }
    for (_, _, data) in server.follow(run, "", None).await {
        all.push_str(&data.to_string());
    }
    all
}

fn step<'v>(view: &'v Value, path: &str) -> &'v Value {
    let found = view["steps"].as_array().into_iter().flatten().find(|step| step["path"] == path);
    found.unwrap_or_else(|| panic!("there is no step {path}: {view:#}"))
}

#[tokio::test]
async fn a_secret_is_handed_on_from_call_to_call_as_a_file_that_output_does_not_show() {
    let server = TestServer::start().await;
    server
        .apply(
            r#"
kind: Runbook
name: outer
inputs: {token: {type: secret, required: true}, other: {type: secret}}
steps:
  - {name: call, runbook: middle, inputs: {pass: {input: token}, spare: {input: other}}}
---
kind: Runbook
name: middle
inputs: {pass: {type: secret, required: true}, spare: {type: secret}}
steps:
  - {name: each, for_each: [a, b], runbook: inner, inputs: {who: '{{ item }}', other: {input: pass}, spare: {input: spare}}}
---
kind: Runbook
name: inner
inputs: {who: {type: string}, other: {type: secret, required: true}, token: {type: secret}, spare: {type: secret}}
steps:
  - name: use
    run: |
      echo "$INPUT_WHO: $(cat "$SECRET_OTHER_FILE"), $(wc -c < "$SECRET_OTHER_FILE") bytes"
      echo "not given: ${SECRET_TOKEN_FILE-none} ${SECRET_SPARE_FILE-none} ${SECRET_PASS_FILE-none}"
    shell: bash -eu
"#,
        )
        .await;
    // Only `token` is given: `other` is nobody's, and the inner runbook's `token` is not the run's.
    let path = "/api/v1/projects/default/runbooks/outer/plan";
    let (status, plan) = server.post(path, json!({"inputs": {"token": SECRET}})).await;
    assert_eq!(status, StatusCode::OK, "{plan:#}");
    let run = server.start_run("outer", json!({"token": SECRET})).await;
    let view = server.ended(&run).await;
    assert_eq!(view["state"], "succeeded", "{view:#}");
    for item in ["a", "b"] {
        let path = format!("/api/v1/projects/default/runs/{run}/log?step=call.each[{item}]");
        let log = server.with(&server.admin, reqwest::Method::GET, &path).send().await.expect("an answer");
        let log = log.text().await.expect("text");
        let expected = format!("{item}: ***, {} bytes\nnot given: none none none\n", SECRET.len());
        assert_eq!(log, expected);
    }
    let sealed = json!({"sealed": true});
    assert_eq!(step(&view, "call")["inputs"], json!({"pass": sealed}));
    assert_eq!(step(&view, "call.each[a]")["inputs"], json!({"who": "a", "other": sealed}));
    let all = all_of(&server, &run).await;
    assert!(!all.contains("hunter22") && !plan.to_string().contains("hunter22"), "{all}");
}

#[tokio::test]
async fn a_secret_goes_to_a_secret_and_nothing_else_does() {
    let server = TestServer::start().await;
    let remarks = server
        .apply(
            r#"
kind: Runbook
name: shows
inputs: {token: {type: secret}}
steps: [{name: call, runbook: inner, inputs: {plain: {input: token}}}]
---
kind: Runbook
name: makes
inputs: {token: {type: secret}}
steps: [{name: call, runbook: inner, inputs: {token: told to everybody}}]
"#,
        )
        .await;
    assert!(remarks.to_string().contains("There is no runbook"), "{remarks:#}");
    server
        .apply("kind: Runbook\nname: inner\ninputs: {plain: {type: json}, token: {type: secret}}\nsteps: [{run: cat \"$SECRET_TOKEN_FILE\"; echo \"$INPUT_PLAIN\"}]\n")
        .await;
    for (runbook, said) in [("shows", "`plain` is no secret"), ("makes", "`token` is a secret")] {
        let run = server.start_run(runbook, json!({"token": SECRET})).await;
        let view = server.ended(&run).await;
        let call = step(&view, "call");
        assert_eq!((&view["state"], &call["state"]), (&json!("failed"), &json!("failed")), "{view:#}");
        assert!(call["message"].as_str().is_some_and(|message| message.contains(said)), "{call:#}");
        assert!(!all_of(&server, &run).await.contains("hunter22"));
    }
}
