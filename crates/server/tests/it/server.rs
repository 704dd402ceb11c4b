//! A server for one test, on a free port, with a temporary data directory.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const HISTORY: u64 = 1024 * 1024 * 1024;
const HOUR: Duration = Duration::from_secs(3600);

pub struct TestServer {
    pub url: String,
    pub admin: String,
    http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    served: std::thread::JoinHandle<()>,
    directory: tempfile::TempDir,
}

impl TestServer {
    pub async fn start() -> Self {
        Self::start_allowing(&[]).await
    }

    /// One that may fetch choices from these hosts.
    pub async fn start_allowing(hosts: &[&str]) -> Self {
        Self::start_so(tempfile::tempdir().expect("a temporary directory"), hosts, HISTORY, HOUR).await
    }

    pub async fn start_in(directory: tempfile::TempDir) -> Self {
        Self::start_so(directory, &[], HISTORY, HOUR).await
    }

    /// One whose view may remember so many bytes, which is looked at so often.
    pub async fn start_remembering(directory: tempfile::TempDir, most: u64, every: Duration) -> Self {
        Self::start_so(directory, &[], most, every).await
    }

    async fn start_so(
        directory: tempfile::TempDir,
        hosts: &[&str],
        history_limit: u64,
        history_looked_at_every: Duration,
    ) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = oneshot::channel();
        let settings = server::Settings {
            data_dir: directory.path().join("data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            grace: Duration::from_millis(300),
            program: server::Program::test("helper"),
            secret_keys: Vec::new(),
            choices_hosts: hosts.iter().map(|host| host.parse().expect("a host")).collect(),
            history_limit,
            history_looked_at_every,
        };
        // A thread of its own, as in the program.
        let served = std::thread::spawn(move || {
            let tell = |what: server::Ready| ready.send(what).expect("the test waits");
            let shutdown = async move {
                let _ = stopped.await;
            };
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(server::serve(settings, tell, shutdown)).expect("the server serves");
        });
        let ready = is_ready.await.expect("the server starts");
        let admin = std::fs::read_to_string(&ready.admin_token).expect("the administrator's token");
        Self {
            url: format!("http://{}", ready.address),
            admin: admin.trim().to_owned(),
            http: reqwest::Client::new(),
            stop: Some(stop),
            served,
            directory,
        }
    }

    /// Stop as SIGTERM does, and start again on the same data.
    pub async fn restart(self) -> Self {
        Self::start_in(self.stop().await).await
    }

    pub async fn stop(mut self) -> tempfile::TempDir {
        drop(self.stop.take());
        let served = self.served;
        let joined = tokio::task::spawn_blocking(move || served.join()).await;
        joined.expect("the wait ends").expect("the server stops");
        self.directory
    }

    /// Without a credential.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub fn with(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(token)
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.with(&self.admin, Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.with(&self.admin, Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.with(&self.admin, Method::PUT, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> (StatusCode, Value) {
        answer(self.with(&self.admin, Method::DELETE, path)).await
    }

    /// Keep a file in the project `default`.
    pub async fn upload(&self, name: &str, bytes: &[u8]) -> Value {
        let path = format!("/api/v1/projects/default/uploads?name={name}");
        let request = self.with(&self.admin, Method::POST, &path);
        let (status, uploaded) =
            answer(request.header("content-type", "application/octet-stream").body(bytes.to_vec())).await;
        assert_eq!(status, StatusCode::CREATED, "{uploaded}");
        uploaded
    }

    pub async fn token(&self, name: &str, role: &str) -> String {
        let (status, created) = self.post("/api/v1/tokens", json!({"name": name, "role": role})).await;
        assert_eq!(status, StatusCode::CREATED, "{created}");
        created["secret"].as_str().expect("a secret").to_owned()
    }

    /// Apply one document, without files, to a project.
    pub async fn apply_to(&self, project: &str, text: &str) -> Value {
        let body = json!({"documents": [{"path": "runbooks.yaml", "text": text}]});
        let (status, applied) = self.post(&format!("/api/v1/projects/{project}/apply"), body).await;
        assert_eq!(status, StatusCode::OK, "{applied:#}");
        applied
    }

    pub async fn apply(&self, text: &str) -> Value {
        self.apply_to("default", text).await
    }

    /// Start a run and answer with its id.
    pub async fn start_run(&self, runbook: &str, inputs: Value) -> String {
        let path = format!("/api/v1/projects/default/runbooks/{runbook}/runs");
        let (status, run) = self.post(&path, json!({"inputs": inputs})).await;
        assert_eq!(status, StatusCode::CREATED, "{run:#}");
        run["id"].as_str().expect("an id").to_owned()
    }

    pub async fn show(&self, run: &str) -> Value {
        let (status, view) = self.get(&format!("/api/v1/projects/default/runs/{run}")).await;
        assert_eq!(status, StatusCode::OK, "{view:#}");
        view
    }

    /// Wait until the run's state is one of these.
    pub async fn reach(&self, run: &str, states: &[&str]) -> Value {
        for _ in 0..600 {
            let view = self.show(run).await;
            if view["state"].as_str().is_some_and(|state| states.contains(&state)) {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("run {run} does not reach {states:?}: {:#}", self.show(run).await);
    }

    pub async fn ended(&self, run: &str) -> Value {
        self.reach(run, &["succeeded", "failed", "canceled", "unknown"]).await
    }

    pub async fn log(&self, run: &str) -> Vec<u8> {
        let path = format!("/api/v1/projects/default/runs/{run}/log");
        let answer = self.with(&self.admin, Method::GET, &path).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        answer.bytes().await.expect("all bytes").to_vec()
    }

    /// Follow to the end: `(id, event, data)` of each.
    pub async fn follow(
        &self,
        run: &str,
        query: &str,
        last_event_id: Option<&str>,
    ) -> Vec<(String, String, Value)> {
        let path = format!("/api/v1/projects/default/runs/{run}/live{query}");
        let mut request = self.with(&self.admin, Method::GET, &path);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let text = answer.text().await.expect("the stream ends");
        let mut events = Vec::new();
        for block in text.split("\n\n").filter(|block| block.contains("data:")) {
            let field = |name: &str| {
                let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                lines.map(str::trim).collect::<Vec<_>>().join("\n")
            };
            let data = serde_json::from_str(&field("data")).expect("JSON");
            events.push((field("id"), field("event"), data));
        }
        events
    }
}

pub async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let bytes = answer.bytes().await.expect("a body");
    let value = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
    (status, value)
}
