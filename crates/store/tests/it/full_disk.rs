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
                    Err(StoreError::Database(_) | StoreError::Commit(_) | StoreError::DiskFull { .. }) => {
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

/// A file system of its own, gone afterwards; none where this user may not mount one.
struct Mount(tempfile::TempDir);

impl Mount {
    fn small() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            let line =
                "a full disk and a read-only one: no file system can be mounted here, so this was not run\n";
            std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
        }
        mounted.then_some(Self(folder))
    }

    fn remount(&self, how: &str) {
        let option = format!("remount,{how}");
        let status = Command::new("mount").args(["-o", &option]).arg(self.0.path()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// The real thing: the disk fills, everything says so and where, and all goes on when there is room again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_is_named_and_work_goes_on_when_there_is_room() {
    let Some(mount) = Mount::small() else { return };
    let file = mount.0.path().join("signalbox.db");
    let store = Store::open_sqlite(&file, crate::bed::evaluator()).await.unwrap();
    let id = project(&store, "default").await;
    let run = crate::samples::queued(&store, id, 2).await.id;
    store.advance(run, now(), crate::samples::started(0), 0).await.unwrap();

    let ballast = mount.0.path().join("ballast");
    let mut rest = std::fs::File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut rest, &[0; 4096]).is_ok() {}
    let mut stored = Vec::new();
    let full = loop {
        let mut requested = requested_of("default", "deploy", 1);
        requested.reason = Some("x".repeat(3000));
        let asked = requested.id;
        match store.request_run(id, requested, now(), None, 0).await {
            Ok(_) => stored.push(asked),
            Err(error) => break error,
        }
        assert!(stored.len() < 5000);
    };
    let StoreError::DiskFull { place, .. } = &full else { panic!("{full:?}") };
    assert!(place.contains("signalbox.db"));
    let sentence = full.to_string();
    assert!(sentence.contains("is full: nothing was stored") && sentence.contains("Make room"), "{sentence}");
    let end = || crate::samples::finished(0, model::run::StepOutcome::Succeeded);
    let refused = store.advance(run, now(), end(), 1).await;
    if let Err(error) = &refused {
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    }
    whole(&store, "default", run).await;
    let backup = store.backup_to(&mount.0.path().join("copy"), now()).await.unwrap_err();
    assert!(matches!(backup, StoreError::Backup(_)), "{backup}");
    assert!(!mount.0.path().join("copy").exists());

    drop(rest);
    std::fs::remove_file(&ballast).unwrap();
    if refused.is_err() {
        store.advance(run, now(), end(), 1).await.unwrap();
    }
    for asked in stored {
        whole(&store, "default", asked).await;
    }
    whole(&store, "default", crate::samples::queued(&store, id, 1).await.id).await;
    store.close().await;
}

/// As a file system that the kernel has made read-only after an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_read_only_is_named_too() {
    let Some(mount) = Mount::small() else { return };
    let file = mount.0.path().join("signalbox.db");
    let store = Store::open_sqlite(&file, crate::bed::evaluator()).await.unwrap();
    project(&store, "default").await;
    store.close().await;
    mount.remount("ro");
    let error = Store::open_sqlite(&file, crate::bed::evaluator()).await.err().unwrap();
    assert!(
        matches!(&error, StoreError::ReadOnly { place, .. } if place.contains("signalbox.db")),
        "{error:?}"
    );
    let key = store::KeyFile::open_or_make(&mount.0.path().join("key")).err().unwrap();
    assert!(key.to_string().contains("cannot be made"), "{key}");
    mount.remount("rw");
    let store = Store::open_sqlite(&file, crate::bed::evaluator()).await.unwrap();
    assert!(store.project("default").await.unwrap().is_some());
    store.close().await;
}
