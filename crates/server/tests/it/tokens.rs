//! Principals by token: enough for two people to meet on one run.

use std::os::unix::fs::PermissionsExt;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::server::{TestServer, answer};

#[tokio::test]
async fn the_first_start_writes_the_administrators_token_for_its_owner_only() {
    let server = TestServer::start().await;
    let first = server.admin.clone();
    let server = server.restart().await;
    assert_eq!(server.admin, first, "a later start makes no other");
    let directory = server.stop().await;
    let mode = |path: &str| {
        std::fs::metadata(directory.path().join(path)).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!(mode("data"), 0o700);
    assert_eq!(mode("data/admin.token"), 0o600);
    assert_eq!(mode("data/signalbox.db"), 0o600);
}

#[tokio::test]
async fn a_token_is_shown_once_and_revoked_at_once() {
    let server = TestServer::start().await;
    let secret = server.token("mia", "member").await;
    let (_, tokens) = server.get("/api/v1/tokens").await;
    assert!(!tokens.to_string().contains(&secret), "no list shows a secret");
    let id = tokens["items"][1]["id"].as_str().expect("an id").to_owned();

    let (status, taken) = server.post("/api/v1/tokens", json!({"name": "mia", "role": "admin"})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{taken}");

    let revoke = server.with(&server.admin, Method::DELETE, &format!("/api/v1/tokens/{id}"));
    assert_eq!(answer(revoke).await.0, StatusCode::NO_CONTENT);
    let (status, _) = answer(server.with(&secret, Method::GET, "/api/v1/session")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn names_and_roles_are_checked() {
    let server = TestServer::start().await;
    for name in ["", "Mia", "../x", "a b"] {
        let (status, _) = server.post("/api/v1/tokens", json!({"name": name, "role": "member"})).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
    let (status, _) = server.post("/api/v1/tokens", json!({"name": "mia", "role": "root"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = server.post("/api/v1/tokens", json!({"name": "mia", "role": "member", "x": 1})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "unknown fields are refused");
}
