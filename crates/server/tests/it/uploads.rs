//! Uploaded files: kept by their bytes, given back as bytes and never as a page.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::server::{TestServer, answer};

const UPLOADS: &str = "/api/v1/projects/default/uploads";
const LOOK: &str = "kind: Runbook\nname: look\nsteps: [{manual: Look.}]\n";

#[tokio::test]
async fn a_file_comes_back_byte_for_byte_and_is_never_a_page() {
    let server = TestServer::start().await;
    server.apply(LOOK).await;
    let page = b"<script>alert(1)</script>\0\xff";
    let uploaded = server.upload("%22%3Bevil%20%C3%A9.html", page).await;
    assert_eq!((&uploaded["name"], &uploaded["size"]), (&json!("\";evil é.html"), &json!(page.len())));
    let path = format!("{UPLOADS}/{}", uploaded["file"].as_str().expect("a digest"));
    let answer = server.with(&server.admin, Method::GET, &path).send().await.expect("an answer");
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(header("content-disposition"), "attachment; filename*=UTF-8''%22%3Bevil%20%C3%A9.html");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").contains("sandbox"));
    assert_eq!(answer.bytes().await.expect("bytes").to_vec(), page);
}

#[tokio::test]
async fn names_and_sizes_are_bounded() {
    let server = TestServer::start().await;
    server.apply(LOOK).await;
    let give = |name: &str, bytes: Vec<u8>| {
        let request = server.with(&server.admin, Method::POST, &format!("{UPLOADS}?name={name}"));
        answer(request.body(bytes))
    };
    for bad in ["", "a%2Fb", "..", "a%0Ab", &"x".repeat(256)] {
        assert_eq!(give(bad, vec![1]).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    assert_eq!(give("a%00b", vec![1]).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(give("big", vec![7; 8 << 20]).await.0, StatusCode::CREATED, "8 MiB pass");
    assert_eq!(give("big", vec![7; (8 << 20) + 1]).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(give("empty", Vec::new()).await.0, StatusCode::CREATED);
    let nowhere = server.with(&server.admin, Method::POST, "/api/v1/projects/other/uploads?name=x");
    assert_eq!(answer(nowhere.body("x")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_is_seen_in_its_own_project_alone() {
    let server = TestServer::start().await;
    server.apply(LOOK).await;
    server.apply_to("other", LOOK).await;
    let uploaded = server.upload("x", b"mine").await;
    let sha256 = uploaded["file"].as_str().expect("a digest");
    assert_eq!(server.get(&format!("{UPLOADS}/{sha256}")).await.1, json!("mine"));
    assert_eq!(
        server.get(&format!("/api/v1/projects/other/uploads/{sha256}")).await.0,
        StatusCode::NOT_FOUND
    );
    for bad in ["x", &"0".repeat(64), "..%2F..%2Fkey"] {
        assert_eq!(server.get(&format!("{UPLOADS}/{bad}")).await.0, StatusCode::NOT_FOUND, "{bad}");
    }
}
