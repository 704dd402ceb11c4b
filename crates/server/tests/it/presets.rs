//! Presets: inputs of a runbook under a name; never secrets, never files.

use reqwest::StatusCode;
use serde_json::json;

use crate::server::TestServer;

const TYPED: &str = "\
kind: Runbook
name: typed
inputs:
  region: {type: choice, options: [eu, us], required: true}
  token: {type: secret}
  motd: {type: file}
steps: [{manual: Look.}]
";
const PRESETS: &str = "/api/v1/projects/default/runbooks/typed/presets";

#[tokio::test]
async fn a_preset_is_saved_shown_replaced_and_deleted() {
    let server = TestServer::start().await;
    server.apply(TYPED).await;
    let (status, saved) = server.put(&format!("{PRESETS}/europe"), json!({"inputs": {"region": "eu"}})).await;
    assert_eq!(status, StatusCode::OK, "{saved}");
    assert_eq!((&saved["saved_by"], &saved["inputs"]), (&json!("admin"), &json!({"region": "eu"})));
    let (_, replaced) = server.put(&format!("{PRESETS}/europe"), json!({"inputs": {"region": "us"}})).await;
    assert_eq!(replaced["inputs"]["region"], "us");
    let (_, list) = server.get(PRESETS).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(server.get(&format!("{PRESETS}/europe")).await.1["inputs"]["region"], "us");
    assert_eq!(server.delete(&format!("{PRESETS}/europe")).await.0, StatusCode::NO_CONTENT);
    assert_eq!(server.delete(&format!("{PRESETS}/europe")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.get(&format!("{PRESETS}/europe")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn secrets_files_strangers_and_bad_names_are_refused() {
    let server = TestServer::start().await;
    server.apply(TYPED).await;
    let inputs = json!({"inputs": {"token": "hunter22", "motd": {"file": "0".repeat(64), "name": "x", "size": 1}, "conut": 1}});
    let (status, problem) = server.put(&format!("{PRESETS}/europe"), inputs).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let codes: Vec<&str> =
        problem["faults"].as_array().expect("faults").iter().filter_map(|f| f["code"].as_str()).collect();
    assert_eq!(codes, ["unknown_input", "file_in_preset", "secret_in_preset"], "{problem:#}");
    assert!(!problem.to_string().contains("hunter22"), "no message repeats a value");
    for bad in ["Not%20a%20Name", "..%2Fx", "-x"] {
        let (status, _) = server.put(&format!("{PRESETS}/{bad}"), json!({"inputs": {}})).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    let big = json!({"inputs": {"region": "x".repeat(70_000)}});
    assert_eq!(server.put(&format!("{PRESETS}/europe"), big).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let nowhere = "/api/v1/projects/default/runbooks/nothing/presets";
    assert_eq!(server.get(nowhere).await.0, StatusCode::NOT_FOUND);
}
