//! The client against a server made of prepared answers: lost connections, repeated calls, problems.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, time::Duration};

use client::{Client, Error, IdempotencyKey, LiveEvent};
use futures_util::StreamExt;
use model::{
    api::{OutputChunk, OutputStream, RunView, StartRequest},
    id::{PrincipalId, RunId},
    run::{Requester, Run, RunState},
    runbook::Effect,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

/// Answers one connection after the other with the given bytes, then hangs up; gives back what was asked.
async fn script(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                let read = socket.read(&mut buffer).await.unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            asked.push(String::from_utf8_lossy(&request).to_lowercase());
            socket.write_all(answer.as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
        }
        asked
    });
    (url, asked)
}

fn run(state: RunState) -> RunView {
    let run = Run {
        id: RunId(uuid::Uuid::from_u128(7)),
        project: "default".into(),
        runbook: "greet".into(),
        digest: model::name::Digest::from_bytes(&[1; 32]),
        bundle: None,
        title: None,
        service: None,
        effect: Effect::Read,
        state,
        revision: 1,
        reason: None,
        requested_by: Requester { id: PrincipalId(uuid::Uuid::from_u128(1)), name: "ada".into() },
        inputs: BTreeMap::new(),
        timeout_s: None,
        steps: Vec::new(),
        environment: None,
        environments: Vec::new(),
        change_class: None,
        via: "api".into(),
        labels: BTreeMap::new(),
        retry_of: None,
        body: model::run::Body::default(),
        counts: model::run::Counts::default(),
        wait: None,
        plan: Default::default(),
        requested_at: jiff::Timestamp::UNIX_EPOCH,
        started_at: None,
        finished_at: None,
        cause: None,
        message: None,
        cancel_requested_by: None,
    };
    RunView::new(run, None)
}

fn chunk(text: &str) -> OutputChunk {
    OutputChunk {
        step: "hello".into(),
        attempt: 1,
        stream: OutputStream::Stdout,
        at: jiff::Timestamp::UNIX_EPOCH,
        text: Some(text.into()),
        bytes_base64: None,
    }
}

fn event(id: u32, name: &str, data: &impl serde::Serialize) -> String {
    format!("id: {id}\nevent: {name}\ndata: {}\n\n", serde_json::to_string(data).unwrap())
}

fn answer(status: &str, kind: &str, body: &str) -> String {
    let length = if kind == "text/event-stream" {
        String::new()
    } else {
        format!("content-length: {}\r\n", body.len())
    };
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{length}connection: close\r\n\r\n{body}")
}

fn problem(status: u16) -> String {
    let body = format!(
        r#"{{"type":"/problems/x","title":"X","status":{status},"detail":"it is so","hint":"do this"}}"#
    );
    answer(&format!("{status} X"), "application/problem+json", &body)
}

#[tokio::test]
async fn a_lost_stream_goes_on_behind_the_last_event() {
    let first = event(1, "run", &run(RunState::Running))
        + &event(2, "output", &chunk("a\n"))
        + "id: 3\ndata: half an ev";
    let then = event(3, "output", &chunk("b\n"))
        + ": still here\n\nevent: later\ndata: ?\n\n"
        + &event(4, "end", &run(RunState::Succeeded));
    let streams = vec![
        answer("200 OK", "text/event-stream", &first),
        problem(503),
        answer("200 OK", "text/event-stream", &then),
    ];
    let (url, asked) = script(streams).await;
    let client = Client::new(&url, Some("sbx_x".into())).unwrap();
    let events: Vec<_> = client
        .follow("default", run(RunState::Running).run.id, None)
        .map(|live| live.unwrap())
        .collect()
        .await;
    let ids: Vec<&str> = events.iter().map(|live| live.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "2", "3", "4"]);
    assert!(matches!(&events[2].event, LiveEvent::Lost(_)));
    assert!(matches!(&events[3].event, LiveEvent::Output(o) if o.text.as_deref() == Some("b\n")));
    assert!(matches!(&events[4].event, LiveEvent::End(r) if r.run.state == RunState::Succeeded));
    let asked = asked.await.unwrap();
    assert!(asked[0].contains("authorization: bearer sbx_x") && !asked[0].contains("last-event-id"));
    assert!(asked[1].contains("last-event-id: 2\r\n") && asked[2].contains("last-event-id: 2\r\n"));
}

#[tokio::test]
async fn who_begins_behind_an_event_says_so_at_once() {
    let end = answer("200 OK", "text/event-stream", &event(9, "end", &run(RunState::Failed)));
    let (url, asked) = script(vec![end]).await;
    let client = Client::new(&url, None).unwrap();
    let count = client.follow("default", run(RunState::Failed).run.id, Some("8".into())).count().await;
    assert_eq!(count, 1);
    assert!(asked.await.unwrap()[0].contains("last-event-id: 8\r\n"));
}

#[tokio::test]
async fn a_server_that_stays_lost_is_given_up() {
    let (url, _) =
        script(vec![answer("200 OK", "text/event-stream", &event(1, "run", &run(RunState::Running)))]).await;
    let client = Client::new(&url, None).unwrap().with_patience(Duration::from_millis(500));
    let mut live = Box::pin(client.follow("default", run(RunState::Running).run.id, None));
    assert!(live.next().await.unwrap().is_ok());
    assert!(matches!(live.next().await.unwrap().unwrap().event, LiveEvent::Lost(_)));
    assert!(matches!(live.next().await, Some(Err(Error::Unreachable { .. }))));
    assert!(live.next().await.is_none());
}

#[tokio::test]
async fn a_refusal_ends_the_stream_at_once() {
    let (url, _) = script(vec![problem(404)]).await;
    let client = Client::new(&url, None).unwrap();
    let mut live = Box::pin(client.follow("default", run(RunState::Running).run.id, None));
    let error = live.next().await.unwrap().unwrap_err();
    assert_eq!(error.problem().unwrap().hint.as_deref(), Some("do this"));
    assert!(live.next().await.is_none());
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_asked_again_under_the_same_key() {
    let created =
        answer("201 Created", "application/json", &serde_json::to_string(&run(RunState::Queued)).unwrap());
    let (url, asked) = script(vec![String::new(), created]).await;
    let client = Client::new(&url, None).unwrap();
    let key = IdempotencyKey::random().unwrap();
    let view = client.start_run("default", "greet", &StartRequest::default(), &key).await.unwrap();
    assert_eq!(view.run.state, RunState::Queued);
    let asked = asked.await.unwrap();
    let line = format!("idempotency-key: {}\r\n", key.as_str());
    assert!(asked.len() == 2 && asked.iter().all(|request| request.contains(&line)));
}

#[tokio::test]
async fn nobody_there_is_unreachable_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&url, None).unwrap();
    assert!(matches!(client.session().await, Err(Error::Unreachable { .. })));
}

#[tokio::test]
async fn what_is_not_this_api_is_unexpected() {
    let page = answer("200 OK", "text/html", "<html>");
    let (url, _) = script(vec![
        page,
        answer("302 Found", "text/plain", "elsewhere"),
        answer("200 OK", "text/html", "hi"),
    ])
    .await;
    let client = Client::new(&url, None).unwrap();
    assert!(matches!(client.session().await, Err(Error::Unexpected { .. })));
    let error = client.session().await.unwrap_err().to_string();
    assert!(error.contains("302 Found: elsewhere"), "{error}");
    let mut live = Box::pin(client.follow("default", run(RunState::Running).run.id, None));
    assert!(matches!(live.next().await, Some(Err(Error::Unexpected { .. }))));
}
