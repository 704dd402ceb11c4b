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
         kind: Service\nname: shop\ntitle: The shop\ntier: 1\nowner: web\nenvironments: [production, staging]\n\
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

fn names(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["name"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn a_service_falls_ill_with_what_it_depends_on_and_recovers() {
    let (server, folder) = watched().await;
    remove(&folder, "shop");
    remove(&folder, "payments");
    health(&server, "payments", "bad").await;
    let ill = health(&server, "shop", "bad").await;
    let production = &ill["environments"][0];
    assert_eq!(production["health"]["evidence"][0]["probe"], "check-shop");
    let why = production["health"]["cause"].as_str().expect("a cause");
    assert!(why.contains("check-shop") && why.contains("exit code 1"), "{why}");
    assert!(production["health"]["since"].is_string());
    let run = production["health"]["evidence"][0]["run"].as_str().expect("the run that showed it is kept");
    assert_eq!(server.show(run).await["state"], "failed");
    assert_eq!(production["dependencies"][0]["service"], "payments");
    assert_eq!(production["dependencies"][0]["health"], "bad");
    assert_eq!(ill["environments"][1]["health"]["health"], "unknown", "nothing watches staging");
    let of: Vec<_> = ill["runbooks"].as_array().expect("runbooks").iter().collect();
    let watches =
        |name: &str| of.iter().find(|runbook| runbook["name"] == name).expect("it is its")["watches"].clone();
    assert_eq!((watches("check-shop"), watches("look-at-shop")), (json!("probe"), json!("collector")));
    assert_eq!(watches("mend"), Value::Null, "the service names it");
    assert_eq!(view(&server, "/payments").await["dependents"], json!(["shop"]));

    let listed = view(&server, "").await;
    assert_eq!(names(&listed), ["shop", "payments"], "equally ill ones by tier and name: {listed:#}");
    assert_eq!(listed["items"][0]["environments"][0]["ill_dependencies"][0]["service"], "payments");

    let mend = server.start_run("mend", json!({})).await;
    server.ended(&mend).await;
    health(&server, "shop", "ok").await;
    let listed = view(&server, "").await;
    assert_eq!(
        listed["items"][0]["environments"][0].get("ill_dependencies"),
        None,
        "of what is well nothing is told"
    );

    let history = view(&server, "/shop/health?environment=production").await;
    let days = history["strips"][0]["days"].as_array().expect("days");
    let today = days.last().expect("today");
    assert_eq!(days.len(), 90);
    assert!(today["good"].as_u64() >= Some(2) && today["bad"].as_u64() >= Some(1), "{today}");
    assert_eq!((&days[0]["good"], &days[0]["bad"], &days[0]["no_sample"]), (&json!(0), &json!(0), &json!(0)));
    let changes: Vec<_> =
        history["changes"].as_array().expect("changes").iter().map(|it| it["health"].clone()).collect();
    assert_eq!(changes, ["ok", "bad", "ok"], "newest first: {:#}", history["changes"]);
    assert!(history["changes"][0].get("preceded_by").is_none(), "recovery needs no culprit");
    let happenings = view(&server, "/shop/happenings").await;
    let what: Vec<_> =
        happenings["items"].as_array().expect("items").iter().map(|it| it["what"].clone()).collect();
    assert!(what.contains(&json!("health")) && what.contains(&json!("fact")), "{happenings:#}");
    let long_ago = view(&server, "/shop/happenings?to=2020-01-01T00:00:00Z").await;
    assert_eq!(long_ago["items"], json!([]));
}

#[tokio::test]
async fn services_are_filtered_and_come_in_pages() {
    let (server, _folder) = watched().await;
    for (query, expected) in [
        ("?health=ok", &["shop", "payments"][..]),
        ("?health=unknown", &["shop"]),
        ("?health=bad", &[]),
        ("?team=web", &["shop"]),
        ("?text=THE%20SHOP", &["shop"]),
        ("?text=pay", &["payments"]),
        ("?limit=1", &["shop"]),
        ("?limit=1&after=1", &["payments"]),
    ] {
        assert_eq!(names(&view(&server, query).await), expected, "{query}");
    }
    assert_eq!(view(&server, "?limit=1").await["next"], "1");
    assert_eq!(view(&server, "?limit=1&after=1").await["next"], Value::Null);
    for bad in ["?health=fine", "?limit=0", "?limit=201", "?after=x", "?colour=red"] {
        let (status, problem) = server.get(&format!("/api/v1/projects/default/services{bad}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}: {problem}");
    }
}

#[tokio::test]
async fn facts_keep_what_was_and_are_compared() {
    let (server, folder) = watched().await;
    let before = jiff_now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    put(&folder, "facts", "version=2\ncolour=red\n");
    let changed =
        seen(&server, "/shop/facts", |view| view["facts"].as_array().is_some_and(|facts| facts.len() == 3))
            .await;
    let fact = |key: &str| {
        let found = changed["facts"].as_array().expect("facts").iter().find(|fact| fact["key"] == key);
        found.expect("it is there").clone()
    };
    let version = fact("version");
    assert_eq!(
        (&version["value"], &version["previous"], &version["state"]),
        (&json!("2"), &json!("1"), &json!("current"))
    );
    assert_eq!(fact("nodes")["state"], "gone");
    assert_eq!(changed["collectors"][0]["expire_s"], 3);
    let diff = view(&server, &format!("/shop/facts/diff?at={before}")).await;
    assert_eq!(
        diff["differences"],
        json!([{"key": "colour", "after": "red"}, {"key": "nodes", "before": "3"}, {"key": "version", "before": "1", "after": "2"}])
    );
    assert_eq!(diff["environment"], "production", "the first of its environments");
    let diff = view(&server, "/shop/facts/diff?environment=staging&against=production").await;
    assert_eq!((&diff["same"], diff["differences"].as_array().map(Vec::len)), (&json!(0), Some(2)));
    for bad in ["", "?at=2026-01-01T00:00:00Z&against=staging", "?at=yesterday"] {
        let (status, problem) =
            server.get(&format!("/api/v1/projects/default/services/shop/facts/diff{bad}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}: {problem}");
    }
}

fn jiff_now() -> String {
    jiff::Timestamp::now().to_string()
}

#[tokio::test]
async fn a_probe_that_cannot_tell_proves_nothing() {
    let server = TestServer::start().await;
    server
        .apply(
            "kind: Service\nname: blind\n---\nkind: Service\nname: slow\n---\n\
             kind: Runbook\nname: check-blind\nprobe: {service: blind, every: 1s}\n\
             steps: [{run: 'echo I see nothing; exit 75', effect: read}]\n---\n\
             kind: Runbook\nname: check-slow\nprobe: {service: slow, every: 1s}\n\
             steps: [{run: sleep 60, effect: read, timeout: 1s}]\n",
        )
        .await;
    // A step that runs out of its time did look, and did not find what it should.
    health(&server, "slow", "bad").await;
    let blind = view(&server, "/blind").await;
    assert_eq!(blind["environments"][0]["health"]["health"], "unknown");
    let cause = blind["environments"][0]["health"]["cause"].as_str().expect("a cause");
    assert!(cause.contains("could not look"), "{cause}");
    let history = view(&server, "/blind/health").await;
    let today = history["strips"][0]["days"][89].clone();
    assert_eq!((&today["good"], &today["bad"]), (&json!(0), &json!(0)));
    assert!(today["no_sample"].as_u64() >= Some(1), "{today}");
}

#[tokio::test]
async fn what_is_not_there_is_told_with_the_way_on() {
    let (server, _folder) = watched().await;
    for (path, hint) in [
        ("services/nope", "services list"),
        ("services/nope/health", "services list"),
        ("services/nope/facts", "services list"),
        ("services/nope/facts/diff?against=x", "services list"),
        ("services/nope/happenings", "services list"),
        ("services/shop/facts?environment=dev", "production, staging"),
        ("services/shop/health?environment=dev", "production, staging"),
        ("services/shop/facts/diff?environment=dev&against=staging", "production, staging"),
        ("services/shop/facts/diff?against=dev", "production, staging"),
        ("teams/nope", "teams list"),
        ("schedules/nope", "schedules list"),
        ("schedules/check-shop", "schedules list"),
        ("schedules/nope/firings", "schedules list"),
    ] {
        let (status, problem) = server.get(&format!("/api/v1/projects/default/{path}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {problem}");
        assert!(problem["hint"].as_str().is_some_and(|told| told.contains(hint)), "{path}: {problem}");
    }
    for path in ["services", "teams", "schedules"] {
        let (status, _) = server.get(&format!("/api/v1/projects/nowhere/{path}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
    let (status, teams) = server.get("/api/v1/projects/default/teams").await;
    assert_eq!((status, &teams["items"][0]["owns"]), (StatusCode::OK, &json!(["shop"])), "{teams:#}");
    let (_, team) = server.get("/api/v1/projects/default/teams/web").await;
    assert_eq!((&team["team"]["members"], &team["operates"]), (&json!(["ada"]), &json!(["shop"])));
}
