//! Versions and inventories: shown, compared, published again.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{TestServer, answer};

const OLD: &str = "kind: Runbook\nname: look\nsteps: [{name: one, manual: Look.}]\n";
const NEW: &str = "kind: Runbook\nname: look\nsteps: [{name: one, manual: Look twice.}]\n";
const RUNBOOK: &str = "/api/v1/projects/default/runbooks/look";

async fn digests(server: &TestServer) -> Vec<String> {
    let (_, versions) = server.get(&format!("{RUNBOOK}/versions")).await;
    let items = versions["items"].as_array().expect("items");
    items.iter().map(|version| version["digest"].as_str().expect("a digest").to_owned()).collect()
}

#[tokio::test]
async fn versions_are_shown_compared_and_published_again() {
    let server = TestServer::start().await;
    server.apply(OLD).await;
    server.apply(NEW).await;
    let known = digests(&server).await;
    let [new, old] = known.as_slice() else { panic!("two versions: {known:?}") };
    let (status, view) = server.get(&format!("{RUNBOOK}/versions/{old}")).await;
    assert_eq!((status, &view["text"]), (StatusCode::OK, &json!(OLD)), "{view:#}");
    let (status, diff) = server.get(&format!("{RUNBOOK}/diff?from={old}&to={new}")).await;
    assert_eq!(status, StatusCode::OK, "{diff:#}");
    let text = diff["files"][0]["text"].as_str().expect("text");
    assert!(text.contains("-steps: [{name: one, manual: Look.}]") && text.contains("+steps:"), "{text}");
    let (_, same) = server.get(&format!("{RUNBOOK}/diff?from={old}&to={old}")).await;
    assert_eq!(same["files"], json!([]));

    let back = format!("{RUNBOOK}/rollback");
    let mia = server.token("mia", "member").await;
    let refused = answer(server.with(&mia, Method::POST, &back).json(&json!({"digest": old}))).await;
    assert_eq!((refused.0, &refused.1["action"]), (StatusCode::FORBIDDEN, &json!("definition.rollback")));
    let (status, applied) = server.post(&back, json!({"digest": old})).await;
    assert_eq!((status, &applied["outcome"]), (StatusCode::OK, &json!("published")), "{applied}");
    assert_eq!(server.post(&back, json!({"digest": old})).await.1["outcome"], "unchanged");
    assert_eq!(server.get(RUNBOOK).await.1["digest"], json!(old));
    let run = server.start_run("look", json!({})).await;
    assert_eq!(server.show(&run).await["digest"], json!(old));
}

#[tokio::test]
async fn versions_that_never_were_are_not_there() {
    let server = TestServer::start().await;
    server.apply(OLD).await;
    let zeros = "0".repeat(64);
    let known = digests(&server).await.remove(0);
    for path in [
        format!("{RUNBOOK}/versions/{zeros}"),
        format!("{RUNBOOK}/versions/x"),
        format!("{RUNBOOK}/diff?from={zeros}&to={known}"),
        format!("{RUNBOOK}/diff?from={known}&to=x"),
        "/api/v1/projects/default/runbooks/nothing/versions".to_owned(),
    ] {
        assert_eq!(server.get(&path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let back = format!("{RUNBOOK}/rollback");
    assert_eq!(server.post(&back, json!({"digest": zeros})).await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.post(&back, json!({"digest": "x"})).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(server.get(&format!("{RUNBOOK}/diff?from={known}")).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn inventories_are_applied_listed_and_shown() {
    let server = TestServer::start().await;
    let shop = "kind: Inventory\nname: shop\ntargets:\n  - {name: web1, address: 10.0.0.1, environment: production, labels: {role: web}}\n  - {name: web2}\n";
    server.apply(&format!("{shop}---\n{OLD}")).await;
    let (_, list) = server.get("/api/v1/projects/default/inventories").await;
    assert_eq!(
        (&list["items"][0]["name"], &list["items"][0]["targets"]),
        (&json!("shop"), &json!(2)),
        "{list:#}"
    );
    let (status, view) = server.get("/api/v1/projects/default/inventories/shop").await;
    assert_eq!(
        (status, &view["inventory"]["targets"][0]["name"]),
        (StatusCode::OK, &json!("web1")),
        "{view:#}"
    );
    assert!(view["text"].as_str().is_some_and(|text| text.starts_with("kind: Inventory")));
    assert_eq!(server.get("/api/v1/projects/default/inventories/other").await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/api/v1/projects/other/inventories").await.0, StatusCode::NOT_FOUND);
    let (_, runbooks) = server.get("/api/v1/projects/default/runbooks").await;
    assert_eq!(runbooks["items"].as_array().map(Vec::len), Some(1), "an inventory is no runbook");
}

#[tokio::test]
async fn what_is_spoken_of_and_nowhere_to_be_found_is_remarked_and_does_not_start() {
    let server = TestServer::start().await;
    let text = "kind: Runbook\nname: outer\nsteps:\n  - {name: call, runbook: inner}\n  - {name: act, on: {inventory: shop}, manual: Act.}\n";
    let applied: Value = server.apply(text).await;
    let said: Vec<&str> =
        applied["remarks"].as_array().expect("remarks").iter().filter_map(|r| r["code"].as_str()).collect();
    assert_eq!(said, ["unknown_runbook", "unknown_inventory"], "{applied:#}");
    let (status, problem) = server.post("/api/v1/projects/default/runbooks/outer/runs", json!({})).await;
    assert_eq!((status, &problem["type"]), (StatusCode::CONFLICT, &json!("/problems/no-plan")), "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("`inner`")));
}

#[tokio::test]
async fn services_teams_and_schedules_are_kept_and_held_against_all_that_there_is() {
    let server = TestServer::start().await;
    let codes = |applied: &Value| -> Vec<String> {
        let remarks = applied["remarks"].as_array().expect("remarks");
        remarks.iter().filter_map(|remark| Some(remark["code"].as_str()?.to_owned())).collect()
    };
    let job = "kind: Runbook\nname: job\nservice: shop\ninputs: {region: {type: string, required: true}}\nsteps: [{run: echo}]\n";
    let applied = server.apply(job).await;
    assert_eq!(codes(&applied), [""; 0], "a project without services may name them: {applied:#}");

    let all = "kind: Team\nname: web\n---\nkind: Service\nname: payments\nowner: web\n---\n\
               kind: Schedule\nname: hourly\nrunbook: job\nevery: 1h\ninputs: {region: eu}\n";
    let applied = server.apply(all).await;
    assert_eq!(codes(&applied), [""; 0], "{applied:#}");
    let kinds: Vec<_> =
        applied["results"].as_array().expect("results").iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, ["Team", "Service", "Schedule"]);
    let again = server.apply(all).await;
    assert!(
        again["results"].as_array().expect("results").iter().all(|it| it["outcome"] == "unchanged"),
        "{again:#}"
    );

    // What is sent is held against what is there: the service of the runbook is none, now that there are some.
    assert_eq!(codes(&server.apply(job).await), ["unknown_service"]);
    let shop = "kind: Service\nname: shop\nowner: wbe\ndepends_on: [payments]\nrunbooks: [job]\n";
    assert_eq!(codes(&server.apply(shop).await), ["unknown_team"]);
    assert_eq!(codes(&server.apply(job).await), [""; 0]);
    let schedule = "kind: Schedule\nname: nightly\nrunbook: job\ncron: 0 3 * * *\n";
    let applied = server.apply(schedule).await;
    assert_eq!(codes(&applied), ["missing_input"], "{applied:#}");
    assert!(
        applied["remarks"][0]["message"].as_str().is_some_and(|it| it.starts_with("Schedule `nightly`: "))
    );
    let probe = "kind: Runbook\nname: check-shop\nprobe: {service: shop, environment: staging, every: 30s}\nsteps: [{run: echo, effect: read}]\n";
    assert_eq!(codes(&server.apply(probe).await), ["unknown_environment"]);
    let (_, runbooks) = server.get("/api/v1/projects/default/runbooks").await;
    assert_eq!(runbooks["items"].as_array().map(Vec::len), Some(2), "only runbooks among them");
}
