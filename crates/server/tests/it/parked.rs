//! What was allowed when a run was asked for may be no more when its next step is about to begin: it parks, says why, and goes
//! on when it may.

use std::{path::Path, time::Duration};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{TestServer, answer};

/// Its first step ends when this file is there; its second one leaves another, so that everybody sees that it was performed.
fn two_steps(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "kind: Runbook\nname: two\nsteps:\n\
         - {{name: first, run: 'while ! test -e {folder}/go; do sleep 0.02; done'}}\n\
         - {{name: second, run: 'echo once >> {folder}/done'}}\n\
         cleanup: [{{name: tidy, run: 'echo once >> {folder}/tidied'}}]\n"
    )
}

fn written(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_default()
}

async fn parks(server: &TestServer, run: &str) -> Value {
    let view = server.reach(run, &["waiting", "succeeded", "failed", "unknown"]).await;
    assert_eq!(view["state"], "waiting", "{view:#}");
    view
}

async fn events(server: &TestServer, run: &str) -> Vec<Value> {
    let (status, page) = server.get(&format!("/api/v1/projects/default/runs/{run}/events")).await;
    assert_eq!(status, StatusCode::OK);
    page["items"].as_array().expect("events").clone()
}

fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["type"] == kind).count()
}

#[tokio::test]
async fn a_run_of_somebody_who_may_nothing_any_more_starts_no_further_step_and_can_be_canceled() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::start().await;
    server.apply(&two_steps(folder.path())).await;
    let ada = server.token("ada", "member").await;
    let path = "/api/v1/projects/default/runbooks/two/runs";
    let (status, run) = answer(server.with(&ada, Method::POST, path).json(&json!({}))).await;
    assert_eq!(status, StatusCode::CREATED, "{run:#}");
    let run = run["id"].as_str().expect("an id").to_owned();
    let (_, tokens) = server.get("/api/v1/tokens").await;
    let token = tokens["items"].as_array().expect("tokens").iter().find(|token| token["name"] == "ada");
    let id = token.expect("her token")["id"].as_str().expect("an id").to_owned();
    assert_eq!(server.delete(&format!("/api/v1/tokens/{id}")).await.0, StatusCode::NO_CONTENT);
    std::fs::write(folder.path().join("go"), "").expect("a file");

    let view = parks(&server, &run).await;
    assert_eq!(view["steps"][0]["state"], "succeeded", "what ran ran to its end: {view:#}");
    let wait = &view["steps"][1]["wait"];
    assert_eq!((&wait["for"], &wait["policy"]), (&json!("policy"), &json!("0.chain")), "{view:#}");
    let waits_for = view["waits_for"].as_str().expect("it says what it waits for");
    assert!(waits_for.starts_with("policy 0.chain: `ada` asked for this run"), "{waits_for}");
    let (_, listed) = server.get("/api/v1/projects/default/runs?state=waiting").await;
    let in_list = listed["items"][0]["waits_for"].as_str().expect("lists say it too");
    assert!(in_list.contains("policy 0.chain: `ada`"), "{in_list}");

    // The next server asks again, and the answer is the same.
    let server = server.restart().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let view = parks(&server, &run).await;
    assert_eq!(view["steps"][1]["wait"]["for"], "policy");
    assert_eq!(count(&events(&server, &run).await, "step.parked"), 1, "nothing new was said");

    // Its cleanup waits as well, and is not left out in silence.
    let cancel = format!("/api/v1/projects/default/runs/{run}/cancel");
    assert_eq!(server.post(&cancel, json!({})).await.0, StatusCode::ACCEPTED);
    let view = loop {
        let view = server.show(&run).await;
        if view["steps"][2]["wait"]["for"] == "policy" {
            break view;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    };
    assert_eq!((&view["state"], &view["steps"][1]["state"]), (&json!("canceling"), &json!("canceled")));
    assert_eq!(server.post(&cancel, json!({})).await.0, StatusCode::ACCEPTED);
    let ended = server.ended(&run).await;
    assert_eq!(ended["state"], "canceled", "{ended:#}");
    let said = ended["steps"][2]["message"].as_str().expect("it says why");
    assert!(said.contains("policy 0.chain"), "{said}");
    assert_eq!(
        written(folder.path(), "done") + &written(folder.path(), "tidied"),
        "",
        "nothing was performed"
    );
}

#[tokio::test]
async fn a_run_of_a_schedule_parks_when_that_is_retired_and_goes_on_when_it_is_published_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::start().await;
    let runbook = two_steps(folder.path());
    let often = format!("{runbook}---\nkind: Schedule\nname: often\nrunbook: two\nevery: 1s\n");
    server.apply(&often).await;
    let mut run = None;
    for _ in 0..400 {
        let (_, runs) = server.get("/api/v1/projects/default/runs?state=running").await;
        run = runs["items"][0]["id"].as_str().map(str::to_owned);
        if run.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let run = run.expect("a run of the schedule");
    let alone = json!({"documents": [{"path": "runbooks.yaml", "text": runbook}], "prune": true});
    assert_eq!(server.post("/api/v1/projects/default/apply", alone).await.0, StatusCode::OK);
    std::fs::write(folder.path().join("go"), "").expect("a file");
    let view = parks(&server, &run).await;
    let waits_for = view["waits_for"].as_str().expect("it says what it waits for");
    assert!(waits_for.starts_with("policy 0.chain: `schedule/often` began this run"), "{waits_for}");
    assert_eq!(written(folder.path(), "done"), "");

    server.apply(&often).await;
    let ended = server.ended(&run).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    assert_eq!((&ended["steps"][1]["attempt"], &ended["steps"][1]["parked"]), (&json!(2), &json!(1)));
    let events = events(&server, &run).await;
    assert_eq!((count(&events, "step.parked"), count(&events, "step.unparked")), (1, 1));
    assert!(written(folder.path(), "done").starts_with("once\n"));
}
