//! Opening, asking whether it answers, closing.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use model::{api::Role, run::Run};
use store::StoreError;

use crate::{
    bed::{Place, contract},
    samples::{now, project, queued, requested_of, whole},
};

contract! {
    async fn a_store_answers_and_counts_its_transactions(bed: &Bed) {
        assert_eq!(bed.store.engine_name(), if bed.is_postgres() { "postgres" } else { "sqlite" });
        let before = bed.store.transactions();
        bed.store.ping().await.unwrap();
        assert_eq!(bed.store.transactions(), before + 1);
        bed.store.create_token("a", Role::Member, "a", now(), None).await.unwrap();
        assert_eq!(bed.store.transactions(), before + 2);
        let _ = bed.store.create_token("a", Role::Member, "b", now(), None).await.unwrap_err();
        assert_eq!(bed.store.clone().transactions(), before + 3, "a failure is one too, and clones count together");
    }

    async fn a_new_store_has_changed_no_rights(bed: &Bed) {
        assert_eq!(bed.store.rights_revision().await.unwrap(), 0);
    }

    async fn a_reader_sees_what_was_just_acknowledged(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        for _ in 0..50 {
            let run = queued(&bed.store, project, 1).await;
            let store = bed.store.clone();
            let read = tokio::spawn(async move { store.run("default", run.id).await.unwrap() });
            assert!(read.await.unwrap().is_some());
        }
    }

    /// A reader that is given up must not go on showing others what it saw.
    async fn a_reader_that_was_given_up_leaves_no_old_view(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        for _ in 0..40 {
            for _ in 0..6 {
                let store = bed.store.clone();
                let read = async move { store.unfinished_runs(None, 9).await };
                let _ = tokio::time::timeout(std::time::Duration::from_micros(150), read).await;
            }
            let run = queued(&bed.store, project, 1).await;
            assert!(bed.store.run("default", run.id).await.unwrap().is_some());
        }
    }

    async fn what_was_acknowledged_is_there_after_opening_again(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let run = queued(&bed.store, project, 2).await;
        bed.store.close().await;
        let again = bed.open().await.unwrap();
        assert_eq!(whole(&again, "default", run.id).await, run);
        assert_eq!(again.waiting_tasks().await.unwrap(), 1);
        assert_eq!(again.runbooks("default", true, None, 9).await.unwrap().len(), 1);
        again.close().await;
    }

    async fn closing_waits_for_what_was_asked_for_before(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        type Write = Pin<Box<dyn Future<Output = Result<Arc<Run>, StoreError>> + Send>>;
        let mut writes: Vec<Write> = (0..40)
            .map(|_| {
                let store = bed.store.clone();
                let write = async move {
                    let requested = requested_of("default", "deploy", 1);
                    Ok(store.request_run(project, requested, now(), None, 0).await?.answer.run)
                };
                Box::pin(write) as Write
            })
            .collect();
        // Each is begun; more than there are connections.
        poll_fn(|context| {
            for write in &mut writes {
                assert!(write.as_mut().poll(context).is_pending());
            }
            Poll::Ready(())
        })
        .await;
        let store = bed.store.clone();
        let closing = tokio::spawn(async move { store.close().await });
        let mut waiting = tokio::task::JoinSet::new();
        for write in writes {
            waiting.spawn(write);
        }
        let runs: Vec<Arc<Run>> = waiting.join_all().await.into_iter().map(Result::unwrap).collect();
        closing.await.unwrap();

        let late = bed.store.request_run(project, requested_of("default", "deploy", 1), now(), None, 0).await;
        assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
        assert!(matches!(bed.store.ping().await, Err(StoreError::Closed)));
        bed.store.close().await;

        let again = bed.open().await.unwrap();
        for run in runs {
            whole(&again, "default", run.id).await;
        }
        again.close().await;
    }

    async fn data_of_a_newer_version_is_refused_with_a_sentence(bed: &Bed) {
        bed.store.close().await;
        bed.execute(if bed.is_postgres() {
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (999, 'what comes later', true, '\\x00', 1)"
        } else {
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (999, 'what comes later', true, X'00', 1)"
        })
        .await;
        let error = bed.open().await.err().expect("it is refused");
        assert!(matches!(error, StoreError::Newer { found: 999, known: 1.. }), "{error:?}");
        let sentence = error.to_string();
        assert!(sentence.contains("newer version of Signalbox (schema 999"), "{sentence}");
        assert!(sentence.contains("start that version or a newer one"), "{sentence}");
    }

    async fn opening_again_changes_nothing(bed: &Bed) {
        let applied = bed.number("SELECT count(*) FROM _sqlx_migrations").await;
        let again = bed.open().await.unwrap();
        assert_eq!(bed.number("SELECT count(*) FROM _sqlx_migrations").await, applied);
        again.close().await;
    }

    async fn a_database_that_acknowledges_too_early_is_refused(bed: &Bed) {
        let Place::Schema(schema) = &bed.place else { return };
        let error = store::Store::open_postgres(&schema.url_with("synchronous_commit%3Doff"), crate::bed::evaluator()).await.err();
        assert!(matches!(error, Some(StoreError::NotDurable)), "{error:?}");
        let local = store::Store::open_postgres(&schema.url_with("synchronous_commit%3Dlocal"), crate::bed::evaluator()).await.unwrap();
        local.close().await;
    }

    /// Two servers that start at once on an empty database.
    async fn servers_that_start_at_once_agree_on_the_schema(bed: &Bed) {
        let Place::Schema(schema) = &bed.place else { return };
        bed.store.close().await;
        bed.execute("DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = \
                     current_schema() LOOP EXECUTE 'DROP TABLE ' || quote_ident(t) || ' CASCADE'; END LOOP; END $$")
            .await;
        let mut starts = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let url = schema.url.clone();
            starts.spawn(async move { store::Store::open_postgres(&url, crate::bed::evaluator()).await.unwrap() });
        }
        for store in starts.join_all().await {
            store.ping().await.unwrap();
            store.close().await;
        }
    }
}
