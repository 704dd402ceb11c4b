//! A backup while the server goes on, and a server on what was restored from it.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::server::TestServer;

#[tokio::test]
async fn a_backup_is_restored_and_what_waited_waits_on() {
    let server = TestServer::start().await;
    server
        .apply("kind: Runbook\nname: look\ninputs: {token: {type: secret}}\nsteps: [{name: look, manual: Look.}]\n")
        .await;
    let run = server.start_run("look", json!({"token": "hunter22"})).await;
    server.reach(&run, &["waiting"]).await;
    let answer =
        server.with(&server.admin, Method::GET, "/api/v1/platform/backup").send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/zstd");
    let bytes = answer.bytes().await.expect("all of it");
    let admin = server.admin.clone();
    let directory = server.stop().await;
    let left: Vec<String> = std::fs::read_dir(directory.path().join("data"))
        .expect("the directory")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.contains("backup"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "nothing of it stays");

    let other = tempfile::tempdir().expect("a temporary directory");
    let file = other.path().join("backup");
    std::fs::write(&file, &bytes).expect("it can be written");
    let (data, key) = (other.path().join("data"), directory.path().join("data/key"));
    let restored =
        server::restore(&file, &data, &[server::KeySource::File(key.clone())]).await.expect("it is restored");
    assert_eq!(restored.secrets_lost, 0);
    assert!(!data.join("admin.token").exists());
    std::fs::write(data.join("admin.token"), &admin).expect("the token that was known before");
    let again = TestServer::start_in(other).await;
    let view = again.show(&run).await;
    assert_eq!(
        (&view["state"], &view["steps"][0]["state"]),
        (&json!("waiting"), &json!("waiting")),
        "{view:#}"
    );
    let path = format!("/api/v1/projects/default/runs/{run}/steps/look/answer");
    assert_eq!(again.post(&path, json!({"done": true})).await.1["state"], "succeeded");

    // Without the key the rest is there, and what was sealed is said to be lost.
    let third = tempfile::tempdir().expect("a temporary directory");
    let file = third.path().join("backup");
    std::fs::write(&file, &bytes).expect("it can be written");
    let restored = server::restore(&file, &third.path().join("data"), &[]).await.expect("it is restored");
    assert_eq!(restored.secrets_lost, 1);
    std::fs::write(third.path().join("data/admin.token"), &admin).expect("the token that was known before");
    let again = TestServer::start_in(third).await;
    assert_eq!(again.show(&run).await["state"], "waiting");

    let wrong = tempfile::tempdir().expect("a temporary directory");
    let file = wrong.path().join("backup");
    std::fs::write(&file, &bytes).expect("it can be written");
    let stopped = again.stop().await;
    let key = stopped.path().join("data/key");
    let refused =
        server::restore(&file, &wrong.path().join("data"), &[server::KeySource::File(key.clone())]).await;
    assert!(refused.is_err() && !wrong.path().join("data").exists(), "another server's key");
}
