//! Backups, and the first start of a store that was made from one.

use std::os::unix::fs::PermissionsExt;

use model::run::{Cause, RunState, WaitReason};
use store::{Store, StoreError};

use crate::{
    bed::{contract, evaluator},
    samples::{cancel, key, now, parallel, project, queued, requested_with, scope, whole},
};

contract! {
    async fn a_backup_is_whole_and_private_while_the_store_goes_on(bed: &Bed) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.db");
        if bed.is_postgres() {
            let error = bed.store.backup_to(&file, now()).await.err().unwrap().to_string();
            assert!(error.contains("pg_dump"), "{error}");
            return;
        }
        let id = project(&bed.store, "default").await;
        let before = queued(&bed.store, id, 1).await.id;
        let store = bed.store.clone();
        let writing = tokio::spawn(async move {
            for _ in 0..50 {
                queued(&store, id, 1).await;
            }
        });
        let at = now();
        bed.store.backup_to(&file, at).await.unwrap();
        writing.await.unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        let again = bed.store.backup_to(&file, at).await.err().unwrap();
        assert!(matches!(&again, StoreError::Backup(why) if why.contains("there already")), "{again}");
        let nowhere = bed.store.backup_to(&folder.path().join("no/file"), at).await.err().unwrap();
        assert!(nowhere.to_string().contains("cannot be written"), "{nowhere}");

        let copy = Store::open_sqlite(&file, evaluator()).await.unwrap();
        whole(&copy, "default", before).await;
        let restored = copy.after_restore(now()).await.unwrap().expect("a copy says that it is one");
        assert_eq!(restored.backup_of, at);
        copy.close().await;
        assert!(bed.store.after_restore(now()).await.unwrap().is_none(), "the store itself was not restored");
    }

    /// Whatever was on its way when the backup was made may have been performed since.
    async fn a_restored_store_starts_nothing_by_itself(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let ask = async |plan, places| {
            let requested = requested_with("default", "deploy", plan);
            let run = requested.id;
            bed.store.request_run(id, requested, now(), None, places).await.unwrap();
            run
        };
        let running = ask(parallel("deploy", 3), 2).await;
        let mut asks = parallel("deploy", 2);
        asks.scopes[0].on_lost = model::runbook::OnLost::default();
        let asking = ask(asks, 1).await;
        let mut safe = parallel("deploy", 1);
        safe.steps[1].safe = true;
        let safe = ask(safe, 1).await;
        let mut locks = parallel("deploy", 1);
        locks.scopes[0].concurrency = Some(model::runbook::Concurrency {
            key: vec![model::runbook::KeyPart::Text("web".into())],
            limit: 1,
            when_full: model::runbook::WhenFull::Queue,
        });
        locks.scopes[0].on_lost = model::runbook::OnLost::default();
        let holder = ask(locks.clone(), 1).await;
        let waiter = ask(locks, 1).await;
        let ended = queued(&bed.store, id, 1).await.id;
        bed.store.advance_once(ended, now(), cancel(), 0, key("k", "b")).await.unwrap();

        let at = now();
        bed.store.mark_restored(at).await.unwrap();
        let restored = bed.store.after_restore(now()).await.unwrap().unwrap();
        assert_eq!((restored.backup_of, restored.runs), (at, 5));
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
        assert!(bed.store.running_attempts().await.unwrap().is_empty());
        assert!(bed.store.claim(now(), 9).await.unwrap().is_empty());
        assert_eq!(bed.store.next_wake().await.unwrap(), None);
        for run in [running, asking, safe, holder] {
            let asked = whole(&bed.store, "default", run).await;
            assert_eq!(asked.state, RunState::Waiting);
            for step in &asked.steps[1..] {
                let WaitReason::Lost { attempt, message } = &step.wait.as_ref().unwrap().reason else { panic!("{step:?}") };
                assert_eq!((*attempt, step.attempt), (1, 1), "a safe step is not tried again by itself either");
                assert!(message.contains("restored from a backup of"), "{message}");
            }
        }
        let holders = bed.store.lock_holders(id, "web").await.unwrap();
        assert_eq!((holders.held_by, holders.waiting), (vec![(holder, None)], 0), "locks stay with their runs");
        let waited = whole(&bed.store, "default", waiter).await;
        assert_eq!((waited.state, waited.cause), (RunState::Unknown, Some(Cause::Lost)));
        assert!(bed.store.advance_once(ended, now(), cancel(), 0, key("k", "b")).await.unwrap().replayed);
        let again = bed.store.after_restore(now()).await.unwrap().unwrap();
        assert_eq!(again.runs, 0, "a server that died in the middle does what is left");
        bed.store.restore_is_over().await.unwrap();
        assert!(bed.store.after_restore(now()).await.unwrap().is_none(), "once");
        assert_eq!(scope("deploy", vec![]).children, [0_u32; 0]);
    }
}
