//! What an older version wrote is carried over: lists show it, what had not ended goes on.

use model::{
    id::{RunId, Uuid},
    run::{RunState, StepOutcome, StepState},
};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use store::{RunFilter, Store};

use crate::{
    bed::{Bed, Place, evaluator},
    samples::{finished, now},
};

const QUEUED: u128 = 0x0190_0000_0001_7000_8000_0000_0000_0001;
const RUNNING: u128 = 0x0190_0000_0002_7000_8000_0000_0000_0002;
const ENDED: u128 = 0x0190_0000_0003_7000_8000_0000_0000_0003;

fn step(name: &str, state: &str, attempt: u32) -> serde_json::Value {
    let started = (attempt > 0).then_some("2026-11-01T10:00:00.5Z");
    serde_json::json!({
        "name": name, "action": "run", "effect": "change", "state": state, "attempt": attempt, "started_at": started,
        "finished_at": null, "exit_code": null, "signal": null, "cause": null, "message": null, "outputs": {"a": "b"},
    })
}

fn run(id: u128, state: &str, steps: &[serde_json::Value]) -> String {
    let ended = (state == "succeeded").then_some("2026-11-01T10:00:02Z");
    serde_json::json!({
        "id": Uuid::from_u128(id), "project": "default", "runbook": "deploy", "digest": crate::samples::sha256(b"v"),
        "title": "It's \"quoted\"", "service": "shop", "effect": "change", "state": state, "revision": 3, "reason": "why",
        "requested_by": {"id": Uuid::from_u128(0xa22), "name": "ann"}, "inputs": {"region": "eu", "n": 7},
        "timeout_s": null, "steps": steps, "requested_at": "2026-11-01T09:59:00Z", "started_at": null,
        "finished_at": ended, "cause": null, "message": null, "cancel_requested_by": null,
    })
    .to_string()
}

/// The rows of a store at version 1.
fn old_rows(postgres: bool) -> String {
    let id = |id: u128| {
        let hex = Uuid::from_u128(id).simple().to_string();
        if postgres { format!("'{}'", Uuid::from_u128(id)) } else { format!("X'{hex}'") }
    };
    let digest = crate::samples::sha256(b"v");
    let mut sql = format!(
        "INSERT INTO projects (id, name, created_at) VALUES ({}, 'default', '2026-11-01T00:00:00Z');\n",
        id(1)
    );
    let runs = [
        (QUEUED, "queued", vec![step("one", "pending", 0), step("two", "pending", 0)]),
        (RUNNING, "running", vec![step("one", "succeeded", 1), step("two", "running", 1)]),
        (ENDED, "succeeded", vec![step("one", "succeeded", 1)]),
    ];
    for (run_id, state, steps) in &runs {
        let json = run(*run_id, state, steps).replace('\'', "''");
        sql += &format!(
            "INSERT INTO runs (id, project, runbook, digest, state, revision, run) \
             VALUES ({}, {}, 'deploy', '{digest}', '{state}', 3, '{json}');\n",
            id(*run_id),
            id(1)
        );
        sql += &format!(
            "INSERT INTO events (id, at, recorded_at, type, subject, run, run_seq, correlation, data) VALUES \
             ({0}, '2026-11-01T09:59:00Z', '2026-11-01T09:59:00Z', 'run.requested', 'run/x', {0}, 3, {0}, '{{}}');\n",
            id(*run_id)
        );
    }
    sql += &format!(
        "INSERT INTO tasks (run, step, attempt, queued_at) VALUES ({}, 0, 1, '2026-11-01T09:59:00.25Z');\n",
        id(QUEUED)
    );
    let runbook = serde_json::to_string(&crate::samples::runbook("deploy", "true")).unwrap();
    sql += &format!(
        "INSERT INTO definitions (id, project, kind, name, digest, published_at, published_by) \
         VALUES ({0}, {0}, 'Runbook', 'deploy', '{digest}', '2026-11-01T00:00:00Z', 'ann');\n\
         INSERT INTO versions (id, definition, digest, path, text, document, runbook, published_at, published_by) \
         VALUES ({0}, {0}, '{digest}', 'deploy.yaml', 'text', '{{}}', '{runbook}', '2026-11-01T00:00:00Z', 'ann');\n",
        id(1)
    );
    sql
}

async fn check(store: &Store) {
    let page = store.runs("default", RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap();
    let states: Vec<_> = page.runs.iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Succeeded, RunState::Running, RunState::Queued]);
    assert_eq!(page.runs[0].title.as_deref(), Some("It's \"quoted\""));
    assert_eq!((page.runs[0].requested_by.as_str(), page.runs[0].service.as_deref()), ("ann", Some("shop")));
    let ended = store.run("default", RunId(Uuid::from_u128(ENDED))).await.unwrap().unwrap();
    assert_eq!((ended.steps[0].path.as_str(), ended.inputs.len()), ("one", 2));
    let attempts = store.running_attempts().await.unwrap();
    assert_eq!(
        attempts.iter().map(|found| (found.run.0.as_u128(), found.step)).collect::<Vec<_>>(),
        [(RUNNING, 1)]
    );
    let unfinished = store.unfinished_runs(None, 9).await.unwrap();
    assert_eq!(unfinished.len(), 2);

    // What was under way goes on.
    let id = RunId(Uuid::from_u128(RUNNING));
    let moved = store.advance(id, now(), finished(1, StepOutcome::Succeeded), 0).await.unwrap();
    assert_eq!(moved.run.state, RunState::Succeeded);
    let claimed = store.claim(now(), 9).await.unwrap();
    assert_eq!(claimed[0].run.id.0.as_u128(), QUEUED);
    let id = claimed[0].run.id;
    let moved = store.advance(id, now(), finished(0, StepOutcome::Succeeded), 1).await.unwrap();
    assert_eq!(moved.run.steps[1].state, StepState::Running);
    let moved = store.advance(id, now(), finished(1, StepOutcome::Succeeded), 1).await.unwrap();
    assert_eq!(moved.run.state, RunState::Succeeded);
    let row = store.runbook("default", "deploy").await.unwrap().unwrap();
    assert_eq!(row.runbook, crate::samples::runbook("deploy", "true"));
    assert_eq!(store.history("default", "Runbook", "deploy").await.unwrap().len(), 1);
}

fn migration(engine: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    std::fs::read_to_string(folder.join("0001_the_whole_path.sql")).unwrap()
}

const RECORD: &str = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
     installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, \
     execution_time BIGINT NOT NULL)";

/// As sqlx records that the first migration was applied.
fn applied(postgres: bool, text: &str) -> String {
    use sha2::{Digest, Sha384};
    let sum: String = Sha384::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let sum = if postgres { format!("'\\x{sum}'") } else { format!("X'{sum}'") };
    format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (1, 'the whole path', true, {sum}, 1)"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn old_rows_are_carried_over_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signalbox.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let text = migration("sqlite");
    for sql in [RECORD.to_owned(), text.clone(), applied(false, &text), old_rows(false)] {
        connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }
    connection.close().await.unwrap();
    let store = Store::open_sqlite(&file, evaluator()).await.unwrap();
    check(&store).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_rows_are_carried_over_on_postgres() {
    let Some(bed) = Bed::on_postgres().await else { return };
    bed.store.close().await;
    let Place::Schema(schema) = &bed.place else { panic!() };
    bed.execute(
        "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = \
         current_schema() LOOP EXECUTE 'DROP TABLE ' || quote_ident(t) || ' CASCADE'; END LOOP; END $$",
    )
    .await;
    let mut connection = PgConnection::connect(&schema.url).await.unwrap();
    let text = migration("postgres");
    let record = RECORD.replace("BLOB", "BYTEA").replace("TIMESTAMP ", "TIMESTAMPTZ ");
    for sql in [record, text.clone(), applied(true, &text), old_rows(true)] {
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.unwrap();
    }
    let store = Store::open_postgres(&schema.url, evaluator()).await.unwrap();
    check(&store).await;
    store.close().await;
}
