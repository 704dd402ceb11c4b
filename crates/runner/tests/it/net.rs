//! Requests and checks, against a small server of our own.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use ::output::{LogKey, Outputs, Stream};
use model::run::{Cause, StepEnd, StepOutcome};
use runner::{CheckTask, Field, HttpTask, Network, Probe, Secret, Stop};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::scene::RUN;

/// Answers by path, and counts.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicU32>,
}

async fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicU32::new(0)));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut text = Vec::new();
                loop {
                    let Ok(len) = stream.read_buf(&mut text).await else { return };
                    let whole = String::from_utf8_lossy(&text).into_owned();
                    let Some((head, body)) = whole.split_once("\r\n\r\n") else {
                        if len == 0 {
                            return;
                        }
                        continue;
                    };
                    let length = head.lines().find_map(|line| {
                        line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned)
                    });
                    if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
                        continue;
                    }
                    let asked = counter.fetch_add(1, Ordering::SeqCst) + 1;
                    let path = head.split(' ').nth(1).unwrap().to_owned();
                    let (status, more, answer) = match path.as_str() {
                        "/hang" => {
                            tokio::time::sleep(Duration::from_secs(100)).await;
                            return;
                        }
                        "/break" => return,
                        "/json" => (
                            "200 OK",
                            "X-Version: 7\r\n".to_owned(),
                            r#"{"items": [{"name": "a/b", "count": 3}], "key": "canary-secret"}"#.to_owned(),
                        ),
                        "/echo" => ("201 Created", String::new(), format!("{head}\n{body}")),
                        "/here" => ("302 Found", "Location: /json\r\n".to_owned(), String::new()),
                        "/away" => {
                            ("302 Found", "Location: http://127.0.0.1:1/\r\n".to_owned(), String::new())
                        }
                        "/large" => ("200 OK", String::new(), "x".repeat(3 << 20)),
                        "/third" if asked >= 3 => ("200 OK", String::new(), "all well".to_owned()),
                        _ => ("503 Service Unavailable", String::new(), "not yet".to_owned()),
                    };
                    let head = format!("HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\n\r\n", answer.len());
                    let _ = stream.write_all(format!("{head}{answer}").as_bytes()).await;
                    text.clear();
                }
            });
        }
    });
    Server { address, asked }
}

impl Server {
    fn get(&self, path: &str) -> HttpTask {
        HttpTask {
            method: "GET".to_owned(),
            url: format!("http://{}{path}", self.address),
            ..HttpTask::default()
        }
    }

    fn check(&self, path: &str) -> CheckTask {
        CheckTask {
            probe: Probe::Http {
                url: format!("http://{}{path}", self.address),
                headers: Vec::new(),
                status: Vec::new(),
                contains: None,
            },
            interval: Duration::from_millis(20),
            within: Duration::from_secs(10),
            mask: Vec::new(),
        }
    }
}

struct Scene {
    outputs: Outputs,
    _folder: tempfile::TempDir,
    attempt: AtomicU32,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { outputs: Outputs::open(folder.path()).unwrap(), _folder: folder, attempt: AtomicU32::new(0) }
    }

    fn log(&self) -> ::output::LogWriter {
        let attempt = self.attempt.fetch_add(1, Ordering::SeqCst) + 1;
        self.outputs.create(LogKey { run: RUN.to_owned(), step: 0, attempt }, 1 << 20).unwrap()
    }

    async fn http(&self, network: &Network, task: HttpTask) -> (StepEnd, String) {
        let end = network.http(&task, self.log(), Stop::new()).await;
        (end, self.text())
    }

    async fn check(&self, network: &Network, task: CheckTask) -> (StepEnd, String) {
        let end = network.check(&task, self.log(), Stop::new()).await;
        (end, self.text())
    }

    /// The last log.
    fn text(&self) -> String {
        let key = LogKey { run: RUN.to_owned(), step: 0, attempt: self.attempt.load(Ordering::SeqCst) };
        let mut reader = self.outputs.read(&key, 0).unwrap();
        let mut text = String::new();
        while let Some(frame) = reader.try_next().unwrap() {
            let line = String::from_utf8(frame.bytes).unwrap();
            text += &if frame.stream == Stream::Note { format!("{line}\n") } else { line };
        }
        text
    }
}

#[tokio::test]
async fn an_answer_is_judged_and_its_fields_become_outputs() {
    let (server, scene, network) = (server().await, Scene::new(), Network::new([]));
    let field = |name: &str, field: Field| (name.to_owned(), field);
    let mut task = server.get("/json");
    task.mask = vec![Secret::new(*b"canary-secret")];
    task.outputs = [
        field("status", Field::Status),
        field("name", Field::Json("items.0.name".to_owned())),
        field("count", Field::Json("/items/0/count".to_owned())),
        field("version", Field::Header("x-version".to_owned())),
        field("key", Field::Json("key".to_owned())),
    ]
    .into();
    let (end, text) = scene.http(&network, task.clone()).await;
    assert_eq!(end.outcome, StepOutcome::Succeeded, "{end:?}");
    let outputs: Vec<_> = end.outputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        outputs,
        [("count", "3"), ("key", "***"), ("name", "a/b"), ("status", "200"), ("version", "7")]
    );
    assert!(text.starts_with(&format!("GET http://{}/json\n200 after ", server.address)), "{text}");

    task.outputs = [field("x", Field::Json("items.1.name".to_owned()))].into();
    let (end, _) = scene.http(&network, task).await;
    assert_eq!((end.outcome, end.cause), (StepOutcome::Failed, Some(Cause::BadOutput)));

    let mut post = server.get("/echo");
    post.method = "POST".to_owned();
    post.headers = vec![("X-Token".to_owned(), "canary-secret".to_owned())];
    post.body = Some(b"{\"a\": 1}".to_vec());
    post.mask = vec![Secret::new(*b"canary-secret")];
    post.outputs = [field("body", Field::Body)].into();
    post.status = vec![(201, 201)];
    let (end, _) = scene.http(&network, post.clone()).await;
    assert!(
        end.outputs["body"].contains("x-token: ***") && end.outputs["body"].ends_with("{\"a\": 1}"),
        "{end:?}"
    );

    post.status = vec![(200, 200), (400, 499)];
    let (end, text) = scene.http(&network, post).await;
    assert_eq!((end.outcome, end.cause), (StepOutcome::Failed, Some(Cause::NotAsExpected)));
    assert_eq!(end.message.unwrap(), "the status is 201; expected: 200, 400 to 499");
    assert!(text.contains("***") && !text.contains("canary"), "{text}");

    let mut large = server.get("/large");
    large.outputs = [field("body", Field::Body)].into();
    let (end, text) = scene.http(&network, large).await;
    assert!(end.message.unwrap().contains("longer than 1048576 bytes"));
    assert!(text.contains("1048576 bytes and more"), "{text}");
}

#[tokio::test]
async fn redirects_stay_where_they_were_asked() {
    let (server, scene, network) = (server().await, Scene::new(), Network::new([]));
    let (end, _) = scene.http(&network, server.get("/here")).await;
    assert_eq!(end.outcome, StepOutcome::Succeeded, "{end:?}");
    let (end, _) = scene.http(&network, server.get("/away")).await;
    let message = end.message.unwrap();
    assert!(
        message.starts_with("the status is 302, to http://127.0.0.1:1/: other places are not followed"),
        "{message}"
    );
}

#[tokio::test]
async fn what_nobody_can_know_is_unknown() {
    let (server, scene, network) = (server().await, Scene::new(), Network::new([]));
    let post = |path: &str| HttpTask { method: "POST".to_owned(), ..server.get(path) };
    for (task, outcome, cause) in [
        (
            HttpTask { timeout: Some(Duration::from_millis(200)), ..server.get("/hang") },
            StepOutcome::Failed,
            Cause::Timeout,
        ),
        (
            HttpTask { timeout: Some(Duration::from_millis(200)), ..post("/hang") },
            StepOutcome::Unknown,
            Cause::Timeout,
        ),
        (server.get("/break"), StepOutcome::Failed, Cause::NotAsExpected),
        (post("/break"), StepOutcome::Unknown, Cause::NotAsExpected),
        // Nobody listens: it surely was not sent.
        (
            HttpTask { url: "http://127.0.0.1:1/".to_owned(), ..post("/") },
            StepOutcome::Failed,
            Cause::CannotStart,
        ),
        (
            HttpTask { url: "ftp://127.0.0.1/".to_owned(), ..post("/") },
            StepOutcome::Failed,
            Cause::CannotStart,
        ),
        (HttpTask { url: "no url".to_owned(), ..post("/") }, StepOutcome::Failed, Cause::CannotStart),
        (HttpTask { method: "G T".to_owned(), ..post("/") }, StepOutcome::Failed, Cause::CannotStart),
    ] {
        let words = format!("{} {}", task.method, task.url);
        let (end, _) = scene.http(&network, task).await;
        assert_eq!((end.outcome, end.cause), (outcome, Some(cause)), "{words}: {end:?}");
    }
    for (method, outcome) in [("GET", StepOutcome::Canceled), ("POST", StepOutcome::Unknown)] {
        let stop = Stop::new();
        let task = HttpTask { method: method.to_owned(), ..server.get("/hang") };
        let began = Instant::now();
        let (end, ()) = tokio::join!(network.http(&task, scene.log(), stop.clone()), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            stop.cancel();
        });
        assert_eq!(end.outcome, outcome);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn what_must_not_be_reached_is_not() {
    let (server, scene) = (server().await, Scene::new());
    let network = Network::new([server.address]);
    let port = server.address.port();
    for url in [
        format!("http://127.0.0.1:{port}/json"),
        format!("http://localhost:{port}/json"),
        format!("http://2130706433:{port}/json"),
        format!("http://0x7f.1:{port}/json"),
        format!("http://[::ffff:127.0.0.1]:{port}/json"),
        format!("http://0.0.0.0:{port}/json"),
        "http://169.254.169.254/latest".to_owned(),
        "http://[fe80::1]/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
    ] {
        let (end, _) = scene.http(&network, HttpTask { url: url.clone(), ..server.get("/") }).await;
        let message = end.message.unwrap();
        assert!(
            message.contains("is the server itself") || message.contains("link-local"),
            "{url}: {message}"
        );
    }
    let tcp = |address: String| CheckTask {
        probe: Probe::Tcp { address },
        within: Duration::ZERO,
        ..server.check("/")
    };
    for address in [format!("localhost:{port}"), "169.254.169.254:80".to_owned(), format!("[::1]:{port}")] {
        let (end, text) = scene.check(&network, tcp(address.clone())).await;
        assert_eq!(end.outcome, StepOutcome::Failed, "{address}: {text}");
        assert!(text.contains("the server itself") || text.contains("link-local"), "{address}: {text}");
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_check_looks_until_it_is_good_or_the_time_is_up() {
    let (server, scene, network) = (server().await, Scene::new(), Network::new([]));
    let (end, text) = scene.check(&network, server.check("/third")).await;
    assert_eq!(end.outcome, StepOutcome::Succeeded, "{text}");
    assert!(text.contains("try 2: the status is 503") && text.contains("try 3: status 200, after"), "{text}");

    let (end, _) = scene
        .check(&network, CheckTask { within: Duration::from_millis(200), ..server.check("/never") })
        .await;
    assert_eq!(end.cause, Some(Cause::NotAsExpected));
    let message = end.message.unwrap();
    assert!(
        message.starts_with("not good within 200ms (") && message.contains("the status is 503"),
        "{message}"
    );

    let mut contains = server.check("/json");
    let Probe::Http { contains: text, .. } = &mut contains.probe else { unreachable!() };
    *text = Some("other".to_owned());
    contains.within = Duration::ZERO;
    let (end, _) = scene.check(&network, contains).await;
    assert!(end.message.unwrap().contains("does not hold `other`"));

    let tcp =
        |address: String, within| CheckTask { probe: Probe::Tcp { address }, within, ..server.check("/") };
    let (end, _) = scene.check(&network, tcp(server.address.to_string(), Duration::ZERO)).await;
    assert_eq!(end.outcome, StepOutcome::Succeeded);
    let (end, _) = scene.check(&network, tcp("127.0.0.1:1".to_owned(), Duration::from_millis(50))).await;
    assert_eq!(end.cause, Some(Cause::NotAsExpected));
    let (end, _) = scene.check(&network, tcp("nonsense".to_owned(), Duration::from_secs(10))).await;
    assert_eq!(end.cause, Some(Cause::CannotStart));

    let stop = Stop::new();
    let task = CheckTask {
        interval: Duration::from_secs(100),
        within: Duration::from_secs(1000),
        ..server.check("/no")
    };
    let (end, ()) = tokio::join!(network.check(&task, scene.log(), stop.clone()), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.cancel();
    });
    assert_eq!(end.outcome, StepOutcome::Canceled);
}

#[test]
fn what_this_machine_has_is_said_in_words() {
    let words = runner::Capabilities::probe().to_string();
    assert!(words.starts_with("cancel and timeout reach every descendant of a step"), "{words}");
    println!("{words}");
}
