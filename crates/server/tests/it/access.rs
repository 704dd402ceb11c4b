//! Law 1, from the router itself: every route that there is, against nobody and against each role.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{TestServer, answer};

/// What anybody may call. A route that is missing here and declares no action fails the test below.
const PUBLIC: &[(&str, &str)] = &[("get", "/healthz"), ("get", "/readyz"), ("post", "/api/v1/session")];

/// Actions of administrators alone.
const ADMIN_ONLY: &[&str] = &[
    "definition.apply",
    "definition.rollback",
    "token.read",
    "token.create",
    "token.revoke",
    "platform.read",
    "metrics.read",
    "platform.backup",
    "schedule.pause",
    "secret.list",
    "secret.write",
    "secret.rewrap",
];

/// Actions that Cedar policies speak of and no route asks for yet: what these would do is not there, or an action of before Cedar
/// stands for it. As soon as a route declares one, it does not belong here any more.
const WITHOUT_ROUTE: &[(&str, &str)] = &[
    ("project.read", "`project.list` stands for it"),
    ("fact.read", "`service.read` stands for it"),
    ("inventory.read", "`definition.read` stands for it"),
    ("definition.propose", "there are no proposals: `definition.apply` publishes at once"),
    ("definition.publish", "`definition.apply` and `definition.rollback` stand for it"),
    ("definition.retire", "`definition.apply` stands for it"),
    ("definition.review", "there are no reviews"),
    ("policy.publish", "no policy is stored: the built-in one is in force"),
    ("policy.enforce", "no policy is stored: the built-in one is in force"),
    ("binding.read", "there are no bindings"),
    ("bind", "there are no bindings"),
    ("grant.read", "there are no grants: roles are those of tokens"),
    ("grant.create", "there are no grants: roles are those of tokens"),
    ("grant.revoke", "there are no grants: roles are those of tokens"),
    ("register.read", "the register has no route"),
    ("decision.read", "decisions are not kept"),
    ("principal.read", "there are no users and groups: `token.read` shows whoever has a token"),
    ("user.manage", "there are no users: `token.create` makes a principal with its token"),
    ("group.manage", "there are no groups"),
    ("service-account.manage", "`token.create` makes a principal with its token"),
    ("token.manage", "`token.read` and `token.revoke` stand for it"),
    ("self.manage", "nobody has a password, a second factor or tokens of their own to manage"),
    ("project.create", "the first `definition.apply` to a project makes it"),
    ("target.use", "not asked: a runbook that may be started has its targets"),
    ("secret.use", "not asked: a published runbook has the secrets of its project"),
    ("run.breakglass", "no policy that is in force could be passed by"),
];

struct Route {
    method: Method,
    path: String,
    action: Option<String>,
}

fn routes() -> Vec<Route> {
    let document = serde_json::to_value(server::openapi()).expect("JSON");
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let action = operation["x-action"].as_str().map(ToOwned::to_owned);
            let method = method.to_uppercase().parse().expect("a method");
            routes.push(Route { method, path: path.clone(), action });
        }
    }
    routes
}

/// A path with something in each place.
fn filled(path: &str) -> String {
    let id = "01930000-0000-7000-8000-000000000000";
    path.replace("{project}", "default")
        .replace("{runbook}", "hello")
        .replace("{run}", id)
        .replace("{token}", id)
        .replace("{step}", "look")
        .replace("{inventory}", "shop")
        .replace("{preset}", "nightly")
        .replace("{input}", "region")
        .replace("{service}", "shop")
        .replace("{schedule}", "nightly")
        .replace("{team}", "web")
        .replace("{secret}", "db-root")
        .replace("{digest}", &"0".repeat(64))
        .replace("{sha256}", &"0".repeat(64))
}

#[test]
fn every_route_declares_an_action_or_is_known_to_be_public() {
    let public: BTreeSet<(String, String)> =
        PUBLIC.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    let undeclared: BTreeSet<(String, String)> = routes()
        .into_iter()
        .filter(|route| route.action.is_none())
        .map(|route| (route.method.as_str().to_lowercase(), route.path))
        .collect();
    assert_eq!(undeclared, public);
}

#[test]
fn every_action_is_known_to_the_policy_and_has_a_route_or_is_known_to_have_none() {
    let declared: BTreeSet<String> = routes().into_iter().filter_map(|route| route.action).collect();
    let without: BTreeSet<String> = WITHOUT_ROUTE.iter().map(|(action, _)| (*action).to_owned()).collect();
    let known: BTreeSet<String> = policy::ACTIONS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(declared.intersection(&without).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(declared.union(&without).cloned().collect::<BTreeSet<_>>(), known);
}

#[tokio::test]
async fn nobody_gets_past_a_route_with_an_action() {
    let server = TestServer::start().await;
    for route in routes().into_iter().filter(|route| route.action.is_some()) {
        for credential in [None, Some("sbx_wrong"), Some("")] {
            let mut request = server.bare(route.method.clone(), &filled(&route.path));
            if let Some(token) = credential {
                request = request.bearer_auth(token);
            }
            let (status, problem) = answer(request).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{} {} {credential:?}", route.method, route.path);
            assert_eq!(problem["type"], "/problems/not-signed-in");
            assert!(problem["hint"].is_string());
        }
    }
}

#[tokio::test]
async fn each_route_answers_each_role_as_the_policy_says() {
    let server = TestServer::start().await;
    server.apply("kind: Runbook\nname: hello\nsteps: [{command: [echo, hello]}]\n").await;
    let member = server.token("mia", "member").await;
    for route in routes() {
        let Some(action) = route.action else { continue };
        let path = filled(&route.path);
        let (status, problem) =
            head(server.with(&member, route.method.clone(), &path).json(&json!({}))).await;
        if ADMIN_ONLY.contains(&action.as_str()) {
            assert_eq!(status, StatusCode::FORBIDDEN, "{} {path}: {problem}", route.method);
            assert_eq!(problem["action"], Value::from(action.as_str()), "{} {path}", route.method);
            assert!(problem["hint"].is_string(), "a denial has a way out");
        } else {
            assert_ne!(status, StatusCode::FORBIDDEN, "{} {path}: {problem}", route.method);
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{} {path}: {problem}", route.method);
        }
        let (status, problem) =
            head(server.with(&server.admin, route.method.clone(), &path).json(&json!({}))).await;
        assert_ne!(status, StatusCode::FORBIDDEN, "admin {} {path}: {problem}", route.method);
    }
}

/// The status, and the body where there is a problem: a stream that was let through has no end.
async fn head(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let problem = if status.is_success() { Value::Null } else { answer.json().await.expect("a problem") };
    (status, problem)
}

#[tokio::test]
async fn a_refusal_comes_before_the_body_is_read() {
    let server = TestServer::start().await;
    let member = server.token("mia", "member").await;
    let request = server.with(&member, Method::POST, "/api/v1/projects/default/apply");
    let (status, _) = answer(request.body(vec![b'{'; 1024 * 1024])).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_run_of_another_project_is_not_there() {
    let server = TestServer::start().await;
    let hello = "kind: Runbook\nname: hello\nsteps: [{command: [echo, hello]}]\n";
    server.apply(hello).await;
    server.apply_to("other", hello).await;
    let run = server.start_run("hello", json!({})).await;
    server.ended(&run).await;
    for rest in ["", "/log", "/events", "/live"] {
        let (status, problem) = server.get(&format!("/api/v1/projects/other/runs/{run}{rest}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{rest}: {problem}");
    }
    let (status, _) = server.post(&format!("/api/v1/projects/other/runs/{run}/cancel"), json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, runs) = server.get("/api/v1/projects/other/runs").await;
    assert_eq!(runs["items"], json!([]));
}
