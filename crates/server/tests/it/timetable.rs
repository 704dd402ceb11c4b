//! Schedules that really fire: each instant has its run, or a record of why there is none.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::server::TestServer;

const OFTEN: &str = "kind: Runbook\nname: tidy\ninputs: {region: {type: string, required: true}}\n\
    steps: [{run: 'echo tidying $INPUT_REGION'}]\n---\n\
    kind: Schedule\nname: often\ntitle: Often\nrunbook: tidy\ninputs: {region: eu}\nreason: It gathers dust\nevery: 1s\n";

async fn schedule(server: &TestServer, rest: &str) -> Value {
    let (status, view) = server.get(&format!("/api/v1/projects/default/schedules{rest}")).await;
    assert_eq!(status, StatusCode::OK, "{rest}: {view:#}");
    view
}

async fn until(server: &TestServer, rest: &str, fits: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..400 {
        let view = schedule(server, rest).await;
        if fits(&view) {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{rest} stays {:#}", schedule(server, rest).await);
}

fn states(firings: &Value) -> Vec<&str> {
    let firings = firings.as_array().expect("firings");
    firings.iter().map(|firing| firing["state"].as_str().expect("a state")).collect()
}

async fn post(server: &TestServer, rest: &str, body: Value) -> Value {
    let (status, answer) = server.post(&format!("/api/v1/projects/default/schedules/{rest}"), body).await;
    assert_eq!(status, StatusCode::OK, "{rest}: {answer:#}");
    answer
}

#[tokio::test]
async fn each_instant_has_its_run_with_what_the_schedule_says() {
    let server = TestServer::start().await;
    server.apply(OFTEN).await;
    let view = until(&server, "/often", |view| states(&view["firings"]).len() >= 3).await;
    assert_eq!(states(&view["firings"])[..3], ["fired"; 3]);
    assert_eq!(
        (&view["when"], &view["title"], view["next"].as_array().map(Vec::len)),
        (&json!("every 1s"), &json!("Often"), Some(10))
    );
    let run = view["firings"][0]["run"].as_str().expect("a run");
    let ended = server.ended(run).await;
    assert_eq!((&ended["state"], &ended["reason"]), (&json!("succeeded"), &json!("It gathers dust")));
    assert_eq!(
        (&ended["requested_by"]["name"], &ended["via"]),
        (&json!("schedule/often"), &json!("schedule"))
    );
    assert_eq!(server.log(run).await, b"tidying eu\n");

    // Pages of two, each instant once, newest first.
    post(&server, "often/pause", json!({})).await;
    let all = schedule(&server, "/often/firings").await["items"].clone();
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = schedule(&server, &format!("/often/firings?limit=2{after}")).await;
        paged.extend(page["items"].as_array().expect("items").clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(json!(paged), all);
}

#[tokio::test]
async fn what_was_due_in_a_pause_is_recorded_and_not_made_up_for() {
    let server = TestServer::start().await;
    server.apply(OFTEN).await;
    until(&server, "/often", |view| !states(&view["firings"]).is_empty()).await;
    let paused = post(&server, "often/pause", json!({"reason": "Inventory week"})).await;
    assert_eq!(
        (&paused["paused"]["by"], &paused["paused"]["reason"], &paused["next_at"]),
        (&json!("admin"), &json!("Inventory week"), &Value::Null)
    );
    let fired = states(&schedule(&server, "/often").await["firings"]).len();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(states(&schedule(&server, "/often").await["firings"]).len(), fired, "it rests");
    let on = post(&server, "often/resume", json!({})).await;
    assert_eq!((&on["paused"], on["next_at"].is_string()), (&Value::Null, true));
    let view = until(&server, "/often", |view| states(&view["firings"]).len() >= fired + 2).await;
    let skipped: Vec<&Value> =
        view["firings"].as_array().expect("firings").iter().filter(|it| it["state"] == "skipped").collect();
    assert_eq!(skipped.len(), 1, "a pause is one record: {view:#}");
    assert!(skipped[0]["count"].as_u64() >= Some(2) && skipped[0]["after"].is_string(), "{}", skipped[0]);
    assert_eq!(skipped[0]["reason"], "It paused, by admin: Inventory week");
    let mia = server.token("mia", "member").await;
    let path = "/api/v1/projects/default/schedules/often/pause";
    let (status, refused) =
        crate::server::answer(server.with(&mia, reqwest::Method::POST, path).json(&json!({}))).await;
    assert_eq!((status, &refused["action"]), (StatusCode::FORBIDDEN, &json!("schedule.pause")));
}

#[tokio::test]
async fn a_firing_that_may_not_or_cannot_run_says_why() {
    let server = TestServer::start().await;
    let slow = "---\nkind: Runbook\nname: slow\nsteps: [{run: sleep 60}]\n---\n\
        kind: Schedule\nname: overlapping\nrunbook: slow\nevery: 1s\n";
    server.apply(&(OFTEN.to_owned() + slow)).await;
    let view = until(&server, "/overlapping", |view| states(&view["firings"]).contains(&"skipped")).await;
    let why = view["firings"][0]["reason"].as_str().expect("a reason");
    assert!(why.contains("has not ended"), "{why}");
    assert_eq!(states(&view["firings"]).iter().filter(|state| **state == "fired").count(), 1);

    // The runbook takes other inputs by now than the schedule gives.
    server
        .apply("kind: Runbook\nname: tidy\ninputs: {region: {type: choice, options: [us], required: true}}\nsteps: [{run: echo}]\n")
        .await;
    let view = until(&server, "/often", |view| view["firings"][0]["state"] == "skipped").await;
    let why = view["firings"][0]["reason"].as_str().expect("a reason");
    assert!(why.starts_with("Its inputs are not what the runbook takes"), "{why}");

    let listed = schedule(&server, "?kind=schedule&runbook=slow").await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed:#}");
    let (status, _) = server.get("/api/v1/projects/default/schedules?kind=cron").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn after_a_restart_none_fires_twice_and_it_goes_on() {
    let server = TestServer::start().await;
    server.apply(OFTEN).await;
    until(&server, "/often", |view| states(&view["firings"]).len() >= 2).await;
    let server = server.restart().await;
    let fired = states(&schedule(&server, "/often").await["firings"]).len();
    let view = until(&server, "/often", |view| states(&view["firings"]).len() >= fired + 2).await;
    let mut due: Vec<&str> =
        view["firings"].as_array().expect("firings").iter().filter_map(|it| it["due_at"].as_str()).collect();
    let all = due.len();
    due.dedup();
    assert_eq!(due.len(), all, "{view:#}");
}
