//! A server of prepared answers.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use model::{
    api::{OutputChunk, OutputStream, RunChange, RunView},
    run::{RunState, StepState},
};

/// A request: `GET /path?query`, its head in lower case, its body.
#[derive(Clone, Debug)]
pub struct Asked {
    pub line: String,
    pub head: String,
    pub body: String,
}

pub enum Answer {
    Json(u16, String),
    Bytes(Vec<u8>),
    /// Server-sent events; then the stream closes, or stays open for ever.
    Events(String, bool),
    Close,
}

pub struct Fake {
    pub url: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    pub fn start(answer: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&asked));
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                thread::spawn(move || serve(&socket.unwrap(), &*answer, &seen));
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self, line: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.line.starts_with(line)).cloned().collect()
    }
}

fn serve(mut socket: &TcpStream, answer: &dyn Fn(&Asked, usize) -> Answer, seen: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let line = head.split(" HTTP/").next().unwrap().to_owned();
    let head = head.to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let asked = Asked { line, head, body: String::from_utf8(body).unwrap() };
    let before = {
        let mut seen = seen.lock().unwrap();
        seen.push(asked.clone());
        seen.iter().filter(|other| other.line == asked.line).count() - 1
    };
    let (status, kind, body, hold) = match answer(&asked, before) {
        Answer::Json(status, body) if status >= 400 => {
            (status, "application/problem+json", body.into_bytes(), false)
        }
        Answer::Json(status, body) => (status, "application/json", body.into_bytes(), false),
        Answer::Bytes(body) => (200, "text/plain", body, false),
        Answer::Events(body, hold) => (200, "text/event-stream", body.into_bytes(), hold),
        Answer::Close => return,
    };
    let _ = write!(socket, "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
    let _ = socket.write_all(&body);
    if hold {
        thread::sleep(Duration::from_secs(3600));
    }
}

pub const RUN: &str = "0198c5d2-8a54-7e11-9c3b-5b1f0e6a7d42";

/// A run with one step, in these states.
pub fn run(state: RunState, step: StepState) -> RunView {
    let at = |second: i64| jiff::Timestamp::from_second(1_795_000_000 + second).unwrap();
    let failed = state == RunState::Failed;
    let run = serde_json::json!({
        "id": RUN,
        "project": "default",
        "runbook": "greet",
        "digest": model::name::Digest::from_bytes(&[0x4f; 32]),
        "bundle": model::name::Digest::from_bytes(&[0xb0; 32]),
        "title": null,
        "service": null,
        "effect": "change",
        "state": state,
        "revision": 1,
        "reason": "OPS-7",
        "requested_by": {"id": "0198c5d2-0000-7000-8000-000000000001", "name": "ada"},
        "inputs": {},
        "timeout_s": null,
        "steps": [{
            "name": "hello",
            "path": "hello",
            "action": "run",
            "effect": "change",
            "state": step,
            "attempt": u32::from(step != StepState::Pending),
            "started_at": (step != StepState::Pending).then(|| at(1)),
            "finished_at": step.is_end().then(|| at(3)),
            "exit_code": step.is_end().then_some(i32::from(failed)),
            "signal": null,
            "cause": failed.then_some("exit"),
            "message": null,
            "outputs": {},
        }],
        "children": [0],
        "requested_at": at(0),
        "started_at": (state != RunState::Queued).then(|| at(1)),
        "finished_at": state.is_end().then(|| at(4)),
        "cause": failed.then_some("exit"),
        "message": failed.then_some("the step hello failed"),
        "cancel_requested_by": null,
    });
    RunView::new(serde_json::from_value(run).unwrap(), None)
}

/// The change that makes that run of one with other states.
pub fn change(state: RunState, step: StepState) -> RunChange {
    let RunView { run, waits_for, .. } = run(state, step);
    RunChange { run, waits_for, places: vec![0] }
}

pub fn output(stream: OutputStream, bytes: &[u8]) -> OutputChunk {
    let text = std::str::from_utf8(bytes).ok().map(str::to_owned);
    let bytes_base64 =
        text.is_none().then(|| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes));
    let at = jiff::Timestamp::from_second(1_795_000_002).unwrap();
    OutputChunk { step: "hello".into(), attempt: 1, stream, at, text, bytes_base64 }
}

pub fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

pub fn event(id: usize, name: &str, value: &impl serde::Serialize) -> String {
    format!("id: {id}\nevent: {name}\ndata: {}\n\n", json(value))
}

pub fn problem(status: u16, detail: &str) -> Answer {
    let body = format!(
        r#"{{"type":"/problems/x","title":"X","status":{status},"detail":"{detail}","hint":"Try another.","action":"run.start","policy":"builtin"}}"#
    );
    Answer::Json(status, body)
}
