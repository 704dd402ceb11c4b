//! SQLite on a disk that is full: nothing is acknowledged that is not stored, readers go on.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use store::{Store, StoreError};

use crate::{
    durability::{child, told},
    samples::{now, project, requested_of, whole},
};

const CRAMPED: &str = "SIGNALBOX_TEST_CRAMPED";

/// Writes until there is no room, from several tasks. Does nothing unless it is the child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cramped() {
    let Ok(file) = std::env::var(CRAMPED) else { return };
    let store = Store::open_sqlite(Path::new(&file), crate::bed::evaluator()).await.unwrap();
    let id = project(&store, "default").await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let store = store.clone();
        writers.spawn(async move {
            let mut refused = 0;
            for _ in 0..2000 {
                if refused == 5 {
                    break;
                }
                let mut requested = requested_of("default", "deploy", 1);
                requested.reason = Some("x".repeat(3000));
                let run = requested.id;
                match store.request_run(id, requested, now(), None, 0).await {
                    Ok(_) => println!("told {run} 1"),
                    Err(StoreError::Database(_) | StoreError::Commit(_)) => {
                        refused += 1;
                        println!("refused {run} 1");
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
        });
    }
    writers.join_all().await;
    assert!(!store.unfinished_runs(None, 9).await.unwrap().is_empty(), "what was stored can be read");
    println!("read {} 1", model::id::Uuid::nil());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_nothing_is_acknowledged_that_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signalbox.db");
    let inner = child("full_disk::the_cramped", CRAMPED, &file);
    // A limit on the size of each file stands for the full disk; without its signal, writes fail as they do there.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 4000; exec \"$0\" \"$@\""])
        .arg(inner.get_program())
        .args(inner.get_args());
    let mut child = shell.env(CRAMPED, &file).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut stored, mut refused, mut read) = (Vec::new(), Vec::new(), false);
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        match told(&line) {
            Some(("told", id, _)) => stored.push(id),
            Some(("refused", id, _)) => refused.push(id),
            Some(("read", ..)) => read = true,
            _ => {}
        }
    }
    assert!(child.wait().unwrap().success(), "the child came to its end");
    assert!(read);
    assert!(stored.len() > 20 && refused.len() == 30, "{} stored, {} refused", stored.len(), refused.len());

    let store = Store::open_sqlite(&file, crate::bed::evaluator()).await.unwrap();
    for id in stored {
        whole(&store, "default", id).await;
    }
    for id in refused {
        assert_eq!(store.run("default", id).await.unwrap(), None, "what was refused is not there");
    }
    let id = store.project("default").await.unwrap().unwrap();
    crate::samples::queued(&store, id, 1).await;
    store.close().await;
}
