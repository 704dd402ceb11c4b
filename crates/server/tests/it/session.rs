//! Signing in with a browser.

use reqwest::{Method, StatusCode, header};
use serde_json::json;

use crate::server::{TestServer, answer};

async fn cookie(server: &TestServer, token: &str) -> String {
    let request = server.bare(Method::POST, "/api/v1/session").json(&json!({"token": token}));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let set = answer.headers()[header::SET_COOKIE].to_str().expect("text").to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Path=/"), "{set}");
    set.split(';').next().expect("a pair").to_owned()
}

#[tokio::test]
async fn a_session_reads_and_writes_from_this_servers_own_pages_only() {
    let server = TestServer::start().await;
    let cookie = cookie(&server, &server.admin).await;
    let with = |method, path: &str| server.bare(method, path).header(header::COOKIE, &cookie);

    let (status, who) = answer(with(Method::GET, "/api/v1/session")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((who["name"].as_str(), who["method"].as_str()), (Some("admin"), Some("session")));
    assert!(who["expires_at"].is_string());

    let create = || with(Method::POST, "/api/v1/tokens").json(&json!({"name": "mia", "role": "member"}));
    let (status, problem) = answer(create()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "without an Origin: {problem}");
    assert_eq!(problem["type"], "/problems/foreign-origin");
    for foreign in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        let (status, _) = answer(create().header(header::ORIGIN, foreign)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{foreign}");
    }
    let (status, created) = answer(create().header(header::ORIGIN, &server.url)).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
}

#[tokio::test]
async fn signing_out_ends_the_session_at_once() {
    let server = TestServer::start().await;
    let cookie = cookie(&server, &server.admin).await;
    let end = server.bare(Method::DELETE, "/api/v1/session").header(header::COOKIE, &cookie);
    let (status, _) = answer(end.header(header::ORIGIN, &server.url)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = answer(server.bare(Method::GET, "/api/v1/session").header(header::COOKIE, &cookie)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_wrong_token_and_a_foreign_page_sign_nobody_in() {
    let server = TestServer::start().await;
    let sign_in = |token: &str| server.bare(Method::POST, "/api/v1/session").json(&json!({"token": token}));
    let (status, problem) = answer(sign_in("sbx_wrong")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("admin.token")));
    let (status, _) = answer(sign_in(&server.admin).header(header::ORIGIN, "http://evil.example")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}
