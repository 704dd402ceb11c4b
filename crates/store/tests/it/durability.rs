//! SQLite: what was acknowledged survives `kill -9`, at any moment.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use model::{
    id::RunId,
    run::{RunState, StepOutcome},
};
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use store::Store;

use crate::samples::{apply, cancel, definition, finished, now, project, queued, started, whole};

/// Names the file that the child writes to.
const VICTIM: &str = "SIGNALBOX_TEST_VICTIM";

/// This very program, as a child that runs one test and is given the file.
pub fn child(test: &str, variable: &str, file: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(variable, file);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// What a child prints: a word and a run's id, and its revision.
pub fn told(line: &str) -> Option<(&str, RunId, u64)> {
    // The first line also holds what the test harness says of the test.
    let mut words = line.split_whitespace().rev();
    let revision = words.next()?.parse().ok()?;
    let id = words.next()?.parse().ok()?;
    Some((words.next()?, id, revision))
}

/// Runs are acknowledged by several tasks at once, until the kill comes. Does nothing unless it is the child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_victim() {
    let Ok(file) = std::env::var(VICTIM) else { return };
    let store = Store::open_sqlite(Path::new(&file), crate::bed::evaluator()).await.unwrap();
    let project = project(&store, "default").await;
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            for round in 0.. {
                let run = queued(&store, project, 2).await;
                println!("told {} {}", run.id, run.revision);
                let events = match (n + round) % 3 {
                    0 => vec![cancel()],
                    1 => vec![
                        started(0),
                        finished(0, StepOutcome::Succeeded),
                        finished(1, StepOutcome::Failed),
                    ],
                    _ => vec![started(0), cancel()],
                };
                for event in events {
                    let moved = store.advance(run.id, now(), event, 1).await.unwrap();
                    println!("told {} {}", run.id, moved.run.revision);
                }
                if round % 16 == 0 {
                    let new = definition(&format!("w{n}"), &round.to_string(), &[("a.sh", b"x")]);
                    store.apply(apply("default", vec![new], &[b"x"])).await.unwrap();
                }
            }
        });
    }
    writers.join_all().await;
}

fn kill_after(mut child: Child, after: Duration) -> Vec<(RunId, u64)> {
    let (send, receive) = mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(("told", id, revision)) = told(&line) {
                let _ = send.send((id, revision));
            }
        }
    });
    let first = receive.recv_timeout(Duration::from_secs(60)).expect("the child writes");
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    std::iter::once(first).chain(receive.try_iter()).collect()
}

async fn sqlite_says(file: &Path, pragma: &'static str) -> Vec<String> {
    let mut connection =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await.unwrap();
    let rows = sqlx::query(pragma).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signalbox.db");
    let mut all = std::collections::BTreeMap::new();
    for round in 0_u64..6 {
        // At a moment that nobody chose: before the first checkpoint, after many.
        let nanos = u64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs());
        let after = Duration::from_millis(round * 60 + nanos % 90);
        let child = child("durability::the_victim", VICTIM, &file).spawn().unwrap();
        for (id, revision) in kill_after(child, after) {
            let known = all.entry(id).or_insert(revision);
            *known = revision.max(*known);
        }

        assert_eq!(sqlite_says(&file, "PRAGMA integrity_check").await, ["ok"]);
        assert!(sqlite_says(&file, "PRAGMA foreign_key_check").await.is_empty());
        let store = Store::open_sqlite(&file, crate::bed::evaluator()).await.unwrap();
        for (id, revision) in &all {
            let run = whole(&store, "default", *id).await;
            assert!(run.revision >= *revision, "told {revision}, found {}", run.revision);
        }
        // What was not told may be there too, but never in part.
        let unfinished = store.unfinished_runs(None, 100_000).await.unwrap();
        let mut may_start = 0;
        for run in &unfinished {
            let run = whole(&store, "default", run.id).await;
            may_start += run.queued_steps().count() as u64;
        }
        assert_eq!(store.waiting_tasks().await.unwrap(), may_start, "a task for what may start, no other");
        store.close().await;
    }
    assert!(all.len() > 20, "only {} runs were told", all.len());
}

#[tokio::test]
async fn after_a_clean_end_the_file_is_the_whole_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signalbox.db");
    let store = Store::open_sqlite(&file, crate::bed::evaluator()).await.unwrap();
    let id = project(&store, "default").await;
    let run = queued(&store, id, 1).await;
    store.ping().await.unwrap();
    store.close().await;
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["signalbox.db"], "no write-ahead log is left beside it");

    let copy = folder.path().join("copy.db");
    std::fs::copy(&file, &copy).unwrap();
    let store = Store::open_sqlite(&copy, crate::bed::evaluator()).await.unwrap();
    assert_eq!(whole(&store, "default", run.id).await.state, RunState::Queued);
    store.close().await;
}

/// As a backup by hand does. Whoever waits too long hears why, and the store goes on afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_another_program_holds_up_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signalbox.db");
    let store = Store::open_sqlite(&file, crate::bed::evaluator()).await.unwrap();
    let id = project(&store, "default").await;
    let mut holder =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&file)).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut holder).await.unwrap();

    let begun = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let store = store.clone();
        let requested = crate::samples::requested_of("default", "deploy", 1);
        writers.spawn(async move { store.request_run(id, requested, now(), None, 0).await });
    }
    // Reads go on meanwhile.
    assert!(store.project("default").await.unwrap().is_some());
    assert!(begun.elapsed() < Duration::from_secs(4));
    // One waits the five seconds; the others may have been gathered behind it, and get in when the lock is gone.
    let first = writers.join_next().await.unwrap().unwrap();
    let error = first.expect_err("it was locked out").to_string();
    assert!(error.contains("could not commit") && error.contains("locked"), "{error}");
    sqlx::query("ROLLBACK").execute(&mut holder).await.unwrap();
    for answer in writers.join_all().await {
        assert!(!matches!(answer, Err(store::StoreError::Closed)), "{answer:?}");
    }
    queued(&store, id, 1).await;
    store.close().await;
}
