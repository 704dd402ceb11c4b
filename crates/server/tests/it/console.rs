//! What browsers get beside the API.

use reqwest::{Method, StatusCode};

use crate::server::{TestServer, answer};

#[tokio::test]
async fn health_needs_no_sign_in_and_every_answer_carries_its_safeguards() {
    let server = TestServer::start().await;
    for path in ["/healthz", "/readyz", "/", "/p/default/runs", "/api/openapi.json"] {
        let answer = server.bare(Method::GET, path).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        assert!(header("content-security-policy").is_some_and(|csp| csp.contains("default-src 'self'")), "{path}");
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert!(header("x-request-id").is_some(), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_route_of_the_api_is_a_problem_and_no_page() {
    let server = TestServer::start().await;
    for path in ["/api/v1/nothing", "/api/v2", "/api/v1/projects/default/nothing"] {
        let (status, problem) = answer(server.bare(Method::GET, path)).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(problem["type"], "/problems/not-found", "{path}: {problem}");
    }
    let (status, _) = answer(server.bare(Method::GET, "/assets/nothing.js")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
