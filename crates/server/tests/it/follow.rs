//! Following a run: live, in order, and from any place on again without a gap or a doubled line.

use serde_json::{Value, json};

use crate::server::TestServer;

const CHATTY: &str = "kind: Runbook\nname: chatty\nsteps:\n  - name: one\n    run: |\n      for i in 1 2 3 4 5; do \
    echo \"one $i\"; sleep 0.02; done\n      printf 'no end'\n  - name: silent\n    run: ':'\n  - name: two\n    run: |\n      \
    printf '\\377\\000raw' \n      echo err >&2\n";

fn output(events: &[(String, String, Value)]) -> String {
    let chunks = events.iter().filter(|(_, event, _)| event == "output");
    chunks
        .map(|(_, _, data)| data["text"].as_str().or(data["bytes_base64"].as_str()).expect("content"))
        .collect()
}

#[tokio::test]
async fn output_comes_before_the_news_of_its_end_and_the_end_comes_last() {
    let server = TestServer::start().await;
    server.apply(CHATTY).await;
    let run = server.start_run("chatty", json!({})).await;
    let events = server.follow(&run, "", None).await;
    assert_eq!(events.first().map(|(_, event, _)| event.as_str()), Some("run"));
    let (_, last, end) = events.last().expect("an end");
    assert_eq!((last.as_str(), end["state"].as_str()), ("end", Some("succeeded")));
    assert_eq!(events.iter().filter(|(_, event, _)| event == "end").count(), 1);
    let mut ended = std::collections::BTreeSet::new();
    for (_, event, data) in &events {
        match event.as_str() {
            "run" => ended.extend(
                data["steps"]
                    .as_array()
                    .expect("steps")
                    .iter()
                    .filter(|s| s["state"] == "succeeded")
                    .map(|s| s["name"].to_string()),
            ),
            "output" => assert!(!ended.contains(&data["step"].to_string()), "output after its step's end"),
            _ => {}
        }
    }
    assert!(output(&events).starts_with("one 1\none 2\none 3\none 4\none 5\nno end"));
    let raw: Vec<&Value> = events.iter().filter_map(|(_, _, data)| data.get("bytes_base64")).collect();
    assert_eq!(raw, [&json!("/wByYXc=")], "bytes that are no text come whole");
}

#[tokio::test]
async fn from_every_event_on_the_rest_comes_again_exactly() {
    let server = TestServer::start().await;
    server.apply(CHATTY).await;
    let run = server.start_run("chatty", json!({})).await;
    let live = server.follow(&run, "", None).await;
    for (place, (id, ..)) in live.iter().enumerate() {
        let rest = server.follow(&run, "", Some(id)).await;
        assert_eq!(output(&rest), output(&live[place + 1..]), "after {id}");
        let ended = place + 1 == live.len();
        assert_eq!(
            rest.is_empty(),
            ended,
            "after the end there is nothing; after anything else the end comes"
        );
        let again = server.follow(&run, &format!("?after={id}"), None).await;
        assert_eq!(again, rest, "`after` is the same as Last-Event-ID");
    }
}

#[tokio::test]
async fn a_tail_begins_near_the_end() {
    let server = TestServer::start().await;
    server.apply("kind: Runbook\nname: many\nsteps: [{run: seq 1 20000}, {run: echo last}]\n").await;
    let run = server.start_run("many", json!({})).await;
    server.ended(&run).await;
    let tail = output(&server.follow(&run, "?tail=1", None).await);
    assert!(tail.ends_with("last\n") && tail.len() < 100_000, "{} bytes", tail.len());
    let whole = output(&server.follow(&run, "?tail=10000000", None).await);
    assert_eq!(whole.lines().count(), 20_001);
}

#[tokio::test]
async fn a_cursor_of_elsewhere_is_refused() {
    let server = TestServer::start().await;
    server.apply(CHATTY).await;
    let run = server.start_run("chatty", json!({})).await;
    for bad in ["x", "1.2.3", "1%3B2.3", "1%3B2.3.4.5", "-1", "1%3Bfin"] {
        let (status, _) = server.get(&format!("/api/v1/projects/default/runs/{run}/live?after={bad}")).await;
        assert_eq!(status, reqwest::StatusCode::BAD_REQUEST, "{bad}");
    }
    // One that names places that never were ends all the same.
    let events = server.follow(&run, "?after=999%3B77.1.12345", None).await;
    assert_eq!(events.last().map(|(_, event, _)| event.as_str()), Some("end"));
}
