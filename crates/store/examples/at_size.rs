//! How the store does with a million runs, and how many transitions a second it makes:
//! `cargo run --release -p store --example at_size -- [runs]`.
//!
//! Everything is printed beside the same with ten thousand runs.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use model::{
    evaluate::Evaluate,
    id::{PrincipalId, ProjectId, RunId, Uuid},
    name::Digest,
    run::{Plan, PlannedAction, PlannedStep, Requested, Requester, RunEvent, RunState, Scope, StepEnd},
    runbook::{Effect, Expression, Input, InputValues, OnLost, Template},
};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use store::{Apply, RunFilter, Store};

const SMALL: u64 = 10_000;
const PARKED: u64 = 100_000;

struct Nothing;

impl Evaluate for Nothing {
    fn steps(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn mentions(&self, _: &str, _: &str) -> bool {
        false
    }

    fn value(&self, _: &Expression, _: &Value) -> Result<Value, String> {
        Err("nothing".into())
    }

    fn text(&self, template: &Template, _: &Value) -> Result<String, String> {
        Ok(template.0.clone())
    }

    fn inputs(&self, _: &[Input], _: &BTreeMap<String, Value>) -> Result<InputValues, String> {
        Ok(BTreeMap::new())
    }
}

fn requested(steps: u32, parallel: bool) -> Requested {
    let digest = Digest::from_bytes(&[7; 32]);
    let planned = |name: String, action, children| PlannedStep {
        name,
        scope: 0,
        written: 0,
        kind: "run".into(),
        action,
        effect: Effect::Change,
        safe: false,
        condition: None,
        for_each: None,
        on: None,
        retry: None,
        timeout_s: None,
        continue_on_failure: false,
        secrets: Vec::new(),
        children,
        on_failure: Vec::new(),
    };
    let mut all: Vec<PlannedStep> = Vec::new();
    let mut outermost: Vec<u32> = (0..steps).collect();
    if parallel {
        outermost = vec![0];
        all.push(planned("all".into(), PlannedAction::Parallel, (1..=steps).collect()));
    }
    all.extend((0..steps).map(|n| planned(format!("step_{n}"), PlannedAction::Task, Vec::new())));
    let scope = Scope {
        runbook: "deploy".into(),
        digest: digest.clone(),
        children: outermost,
        on_failure: Vec::new(),
        cleanup: Vec::new(),
        inputs: Vec::new(),
        outputs: BTreeMap::new(),
        timeout_s: None,
        concurrency: None,
        on_lost: OnLost::Unknown,
    };
    Requested {
        id: RunId(Uuid::now_v7()),
        project: "default".into(),
        digest: digest.clone(),
        bundle: Some(digest.clone()),
        inputs_digest: digest,
        inputs: BTreeMap::new(),
        reason: Some("a reason of usual length, OPS-1234".into()),
        by: Requester { id: PrincipalId(Uuid::nil()), name: "ann".into() },
        via: "api".into(),
        runbook: "deploy".into(),
        title: Some("Deploy".into()),
        service: Some("storefront".into()),
        environment: None,
        environments: Vec::new(),
        change_class: None,
        labels: BTreeMap::new(),
        effect: Effect::Change,
        timeout_s: None,
        retry_of: None,
        plan: Plan { scopes: vec![scope], steps: all, inventories: BTreeMap::new() },
    }
}

async fn open(path: &Path) -> (Store, ProjectId) {
    let store = Store::open_sqlite(path, Arc::new(Nothing)).await.unwrap();
    let apply = Apply {
        project: "default".into(),
        definitions: Vec::new(),
        files: BTreeMap::new(),
        dry_run: false,
        prune: false,
        by: PrincipalId(Uuid::nil()),
        by_name: "ann".into(),
        at: Timestamp::now(),
    };
    store.apply(apply).await.unwrap();
    let project = store.project("default").await.unwrap().unwrap();
    (store, project)
}

/// Copies of one run: most of them ended, some waiting for a moment years from now.
async fn fill(path: &Path, runs: u64, parked: u64) {
    let mut connection =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap();
    sqlx::query("PRAGMA synchronous = OFF").execute(&mut connection).await.unwrap();
    sqlx::query("PRAGMA cache_size = -400000").execute(&mut connection).await.unwrap();
    sqlx::query("CREATE TEMP TABLE one AS SELECT * FROM runs LIMIT 1")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query(
        "CREATE TEMP TABLE steps AS SELECT s.place, s.step FROM run_steps s JOIN one ON one.id = s.run",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    sqlx::query("BEGIN").execute(&mut connection).await.unwrap();
    let ids = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < $1)";
    let fill = format!(
        "{ids} INSERT INTO runs (id, project, runbook, digest, state, revision, run, title, service, reason, requested_by, \
         requested_at, started_at, finished_at, waits_for, wake_at, last_event) \
         SELECT unhex('0190' || printf('%08x', n) || '70008000000000000000'), project, 'runbook-' || (n % 500), digest, \
         CASE WHEN n <= $2 THEN 'waiting' WHEN n % 100000 = 7 THEN 'unknown' WHEN n % 20 = 0 THEN 'failed' ELSE 'succeeded' END, \
         3, run, title, 'service-' || (n % 50), reason, 'person-' || (n % 200), requested_at, requested_at, \
         CASE WHEN n <= $2 THEN NULL ELSE requested_at END, CASE WHEN n <= $2 THEN 'a person' END, \
         CASE WHEN n <= $2 THEN 4000000000000000 + n END, NULL FROM one, c"
    );
    sqlx::query(sqlx::AssertSqlSafe(fill))
        .bind(runs as i64)
        .bind(parked as i64)
        .execute(&mut connection)
        .await
        .unwrap();
    // The parked ones whole; of the others lists see the headers alone.
    let steps = format!(
        "{ids} INSERT INTO run_steps (run, place, step) \
         SELECT unhex('0190' || printf('%08x', n) || '70008000000000000000'), place, step FROM c, steps"
    );
    sqlx::query(sqlx::AssertSqlSafe(steps)).bind(parked as i64).execute(&mut connection).await.unwrap();
    sqlx::query("COMMIT").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The median of some calls, after one that does not count.
async fn median<F: Future>(call: impl Fn() -> F) -> Duration {
    call().await;
    let mut times = Vec::new();
    for _ in 0..15 {
        let begun = Instant::now();
        call().await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

async fn lists(store: &Store) -> Vec<(&'static str, Duration)> {
    let all = RunFilter { limit: 50, ..RunFilter::default() };
    let of = |filter: RunFilter| async { store.runs("default", filter).await.unwrap() };
    let middle = RunId(Uuid::from_u128(0x0190_0007_0000_7000_8000_0000_0000_0000));
    let filters = [
        ("newest page", all.clone()),
        ("page in the middle", RunFilter { after: Some(middle), ..all.clone() }),
        ("one state, common", RunFilter { states: vec![RunState::Failed], ..all.clone() }),
        ("one state, rare", RunFilter { states: vec![RunState::Unknown], ..all.clone() }),
        (
            "four states",
            RunFilter {
                states: vec![RunState::Failed, RunState::Unknown, RunState::Waiting, RunState::Canceled],
                ..all.clone()
            },
        ),
        ("a runbook", RunFilter { runbook: Some("runbook-77".into()), ..all.clone() }),
        ("a service", RunFilter { service: Some("service-7".into()), ..all.clone() }),
        ("a person", RunFilter { requested_by: Some("person-7".into()), ..all.clone() }),
        (
            "a person and a state",
            RunFilter {
                requested_by: Some("person-7".into()),
                states: vec![RunState::Unknown],
                ..all.clone()
            },
        ),
        ("text that is there", RunFilter { text: Some("OPS-1234".into()), ..all.clone() }),
        ("text that is not there", RunFilter { text: Some("nowhere".into()), ..all }),
    ];
    let mut measured = Vec::new();
    for (name, filter) in filters {
        measured.push((name, median(|| of(filter.clone())).await));
    }
    measured.push((
        "start: running attempts",
        median(|| async { store.running_attempts().await.unwrap() }).await,
    ));
    measured.push(("start: next wake", median(|| async { store.next_wake().await.unwrap() }).await));
    measured.push((
        "start: due runs",
        median(|| async { store.due_runs(Timestamp::now(), 100).await.unwrap() }).await,
    ));
    measured
}

/// Runs of one step each, by many callers at once: two transitions a run after the request.
async fn throughput(store: &Store, project: ProjectId, callers: usize, runs: usize) -> f64 {
    let begun = Instant::now();
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let store = store.clone();
        work.spawn(async move {
            for _ in 0..runs / callers {
                let request = requested(1, false);
                let id = request.id;
                store.request_run(project, request, Timestamp::now(), None, 1).await.unwrap();
                finish(&store, id, 0, 0).await;
            }
        });
    }
    work.join_all().await;
    runs as f64 / begun.elapsed().as_secs_f64()
}

async fn finish(store: &Store, id: RunId, step: u32, places: u32) {
    let event = RunEvent::StepFinished { step, attempt: 1, end: StepEnd::succeeded() };
    store.advance(id, Timestamp::now(), event, places).await.unwrap();
}

#[tokio::main]
async fn main() {
    let runs: u64 = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir_in("target").unwrap();
    let mut tables = Vec::new();
    for (name, runs, parked) in [("small", SMALL, SMALL / 10), ("large", runs, PARKED.min(runs / 2))] {
        let path = folder.path().join(format!("{name}.db"));
        let (store, project) = open(&path).await;
        store.request_run(project, requested(3, false), Timestamp::now(), None, 0).await.unwrap();
        store.close().await;
        let begun = Instant::now();
        fill(&path, runs, parked).await;
        println!("{runs} runs, {parked} of them parked: filled in {:.1} s", begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let store = Store::open_sqlite(&path, Arc::new(Nothing)).await.unwrap();
        println!("  opened in {:.1} ms", begun.elapsed().as_secs_f64() * 1000.0);
        tables.push(lists(&store).await);
        store.close().await;
    }
    println!("{:28} {:>10} {:>10} {:>7}", "", "small ms", "large ms", "ratio");
    for ((name, small), (_, large)) in tables[0].iter().zip(&tables[1]) {
        let (small, large) = (small.as_secs_f64() * 1000.0, large.as_secs_f64() * 1000.0);
        println!("{name:28} {small:10.3} {large:10.3} {:7.2}", large / small);
    }

    let path = folder.path().join("fast.db");
    let (store, project) = open(&path).await;
    for callers in [1, 8, 64] {
        let runs = if callers == 1 { 500 } else { 4000 };
        let rate = throughput(&store, project, callers, runs).await;
        println!("{callers:3} callers: {rate:.0} runs of one step a second, {:.0} transitions", rate * 2.0);
    }
    for parallel in [false, true] {
        let request = requested(1000, parallel);
        let id = request.id;
        let before = store.transactions();
        let begun = Instant::now();
        store.request_run(project, request, Timestamp::now(), None, 1).await.unwrap();
        let first = begun.elapsed();
        let places: Vec<u32> = if parallel { (1..=1000).collect() } else { (0..1000).collect() };
        for place in places {
            finish(&store, id, place, 1).await;
            if parallel {
                // Those that wait already are taken from the queue.
                store.claim(Timestamp::now(), 1).await.unwrap();
            }
        }
        let took = begun.elapsed().as_secs_f64();
        let kind = if parallel { "at once" } else { "in sequence" };
        let transactions = store.transactions() - before;
        println!(
            "1000 steps {kind}: stored in {:.1} ms, ended in {took:.2} s, {:.0} steps a second, {:.2} transactions a step",
            first.as_secs_f64() * 1000.0,
            1000.0 / took,
            transactions as f64 / 1000.0
        );
    }
    store.close().await;
}
