//! What probes and collectors that really run make of services, and what is told of it as it happens.

use std::{path::Path, time::Duration};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::TestServer;

/// A shop that depends on payments. Each is well while a file is there; the shop's facts are the lines of another.
fn shop(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "kind: Team\nname: web\nmembers: [ada]\n---\n\
         kind: Service\nname: shop\ntitle: The shop\nowner: web\nenvironments: [production, staging]\n\
         depends_on: [payments]\nrunbooks: [mend]\n---\n\
         kind: Service\nname: payments\n---\n\
         kind: Runbook\nname: check-shop\nprobe: {{service: shop, every: 1s, stale_after: 4s}}\n\
         steps: [{{name: look, run: 'test -e {folder}/shop', effect: read}}]\n---\n\
         kind: Runbook\nname: check-payments\nprobe: {{service: payments, every: 1s}}\n\
         steps: [{{run: 'test -e {folder}/payments', effect: read}}]\n---\n\
         kind: Runbook\nname: look-at-shop\ncollects: {{service: shop, every: 1s, expire: 3s}}\n\
         steps: [{{run: 'cat {folder}/facts >> $SIGNALBOX_FACTS', effect: read}}]\n---\n\
         kind: Runbook\nname: mend\nsteps: [{{run: 'touch {folder}/shop {folder}/payments'}}]\n"
    )
}

/// A server with the shop, all well and seen to be so.
async fn watched() -> (TestServer, tempfile::TempDir) {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("shop", ""), ("payments", ""), ("facts", "version=1\nnodes=3\n")] {
        put(&folder, name, text);
    }
    server.apply(&shop(folder.path())).await;
    health(&server, "shop", "ok").await;
    health(&server, "payments", "ok").await;
    seen(&server, "/shop/facts", |view| view["facts"].as_array().is_some_and(|facts| facts.len() == 2)).await;
    (server, folder)
}

fn put(folder: &tempfile::TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).expect("it is written");
}

fn remove(folder: &tempfile::TempDir, name: &str) {
    std::fs::remove_file(folder.path().join(name)).expect("it is removed");
}

async fn view(server: &TestServer, rest: &str) -> Value {
    let (status, view) = server.get(&format!("/api/v1/projects/default/services{rest}")).await;
    assert_eq!(status, StatusCode::OK, "{rest}: {view:#}");
    view
}

/// Ask until what is seen fits.
async fn seen(server: &TestServer, rest: &str, fits: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..400 {
        let view = view(server, rest).await;
        if fits(&view) {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{rest} stays {:#}", view(server, rest).await);
}

/// Ask until a service has this health in production.
async fn health(server: &TestServer, service: &str, health: &str) -> Value {
    let is = |view: &Value| view["environments"][0]["health"]["health"] == health;
    seen(server, &format!("/{service}"), is).await
}

/// What is told of the services of a project.
struct Told {
    answer: reqwest::Response,
    rest: String,
}

impl Told {
    async fn of(server: &TestServer) -> Self {
        let path = "/api/v1/projects/default/services/live";
        let answer = server.with(&server.admin, Method::GET, path).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, rest: String::new() }
    }

    /// The next event; none at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((block, rest)) = self.rest.split_once("\n\n") {
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let event = field("event:").map(str::to_owned);
                let data = field("data:").map(|data| serde_json::from_str(data).expect("JSON"));
                self.rest = rest.to_owned();
                match (event, data) {
                    (Some(event), Some(data)) => return Some((event, data)),
                    _ => continue,
                }
            }
            let more = tokio::time::timeout(Duration::from_secs(20), self.answer.chunk());
            match more.await.expect("something is told") {
                Ok(Some(more)) => self.rest.push_str(&String::from_utf8_lossy(&more)),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Wait until exactly this is told; answers what was told before.
    async fn until(&mut self, service: &str, what: &str) -> Vec<Value> {
        let wanted = json!({"service": service, "environment": "production", "what": what});
        let mut before = Vec::new();
        while let Some((event, data)) = self.next().await {
            assert_eq!(event, "changed");
            if data == wanted {
                return before;
            }
            before.push(data);
        }
        panic!("{wanted} was not told, but {before:?}");
    }
}

#[tokio::test]
async fn whatever_changes_of_a_service_is_told_as_it_happens() {
    let (server, folder) = watched().await;
    let mut told = Told::of(&server).await;
    remove(&folder, "shop");
    assert!(told.until("shop", "health").await.is_empty(), "what stays as it was is not told");
    let ill = view(&server, "/shop").await;
    assert_eq!(ill["environments"][0]["health"]["health"], "bad", "it is stored before it is told");
    put(&folder, "facts", "version=2\nnodes=3\n");
    told.until("shop", "facts").await;
    let facts = view(&server, "/shop/facts").await;
    assert!(facts["facts"].as_array().expect("facts").iter().any(|fact| fact["value"] == "2"), "{facts:#}");
    // A collector that breaks off, and facts that nobody sees any more for too long.
    remove(&folder, "facts");
    told.until("shop", "facts").await;
    let facts = view(&server, "/shop/facts").await;
    assert!(facts["collectors"][0]["failure"].is_string(), "{facts:#}");
    told.until("shop", "facts").await;
    let facts = view(&server, "/shop/facts").await;
    assert!(
        facts["facts"].as_array().expect("facts").iter().all(|fact| fact["state"] == "stale"),
        "{facts:#}"
    );
    put(&folder, "shop", "");
    told.until("shop", "health").await;
    assert_eq!(view(&server, "/shop").await["environments"][0]["health"]["health"], "ok");

    let other = server.token("mia", "member").await;
    let path = "/api/v1/projects/nowhere/services/live";
    let (status, problem) = crate::server::answer(server.with(&other, Method::GET, path)).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
    // The stream ends with the server, and not with an error.
    let stopping = tokio::spawn(server.stop());
    while told.next().await.is_some() {}
    stopping.await.expect("it stops");
}

#[tokio::test]
async fn a_probe_that_says_nothing_any_more_is_told_to_be_stale() {
    let (server, _folder) = watched().await;
    let mut told = Told::of(&server).await;
    let (status, paused) = server
        .post("/api/v1/projects/default/schedules/check-shop/pause?kind=probe", json!({"reason": "a test"}))
        .await;
    assert_eq!(status, StatusCode::OK, "{paused:#}");
    told.until("shop", "health").await;
    let stale = view(&server, "/shop").await;
    assert_eq!(stale["environments"][0]["health"]["health"], "stale", "{stale:#}");
}

#[tokio::test]
async fn a_firing_is_told_to_the_services_of_its_runbook() {
    let (server, folder) = watched().await;
    let mut told = Told::of(&server).await;
    let schedule = "---\nkind: Schedule\nname: tidy\nrunbook: mend\nevery: 1s\n";
    server.apply(&(shop(folder.path()) + schedule)).await;
    told.until("shop", "firing").await;
    let (_, tidy) = server.get("/api/v1/projects/default/schedules/tidy").await;
    assert_eq!(tidy["firings"][0]["state"], "fired", "{tidy:#}");
    let (status, _) = server.post("/api/v1/projects/default/schedules/tidy/pause", json!({})).await;
    assert_eq!(status, StatusCode::OK);
    told.until("shop", "firing").await;
}
