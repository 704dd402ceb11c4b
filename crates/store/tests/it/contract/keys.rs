//! Idempotency keys: once only, and the first answer again.

use std::{collections::BTreeSet, sync::Arc};

use model::{
    api::RunView,
    id::{PrincipalId, RunId, Uuid},
    run::{Refused, Run, RunEffect, RunState},
};
use store::{Key, StoreError};

use crate::{
    bed::contract,
    samples::{cancel, key, now, project, queued, requested_of, started, whole},
};

/// As a kept answer says it: without the plan.
fn unplanned(run: &Run) -> Arc<Run> {
    Arc::new(Run { plan: Arc::default(), ..run.clone() })
}

contract! {
    async fn the_same_key_with_the_same_body_gets_the_first_answer(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let ask = async |key: Key| {
            let requested = requested_of("default", "deploy", 1);
            bed.store.request_run(project, requested, now(), Some(key), 0).await
        };
        let first = ask(key("k", "body")).await.unwrap();
        assert!(!first.replayed);
        let second = ask(key("k", "body")).await.unwrap();
        assert!(second.replayed);
        assert_eq!(second.answer.run, unplanned(&first.answer.run));

        // It can be asked for alone, and asking starts nothing.
        let before: Option<RunView> = bed.store.answered_before(&key("k", "body")).await.unwrap();
        assert_eq!(before.unwrap().run.id, first.answer.run.id);
        assert_eq!(bed.store.answered_before::<RunView>(&key("never", "body")).await.unwrap(), None);
        let reused = bed.store.answered_before::<RunView>(&key("k", "other")).await;
        assert!(matches!(reused.unwrap_err(), StoreError::KeyReused));

        // The answer is the first one, whatever became of the run.
        bed.store.advance(first.answer.run.id, now(), started(0), 0).await.unwrap();
        assert_eq!(ask(key("k", "body")).await.unwrap().answer.run, unplanned(&first.answer.run));
        assert_eq!(bed.number("SELECT count(*) FROM runs").await, 1);
        assert!(matches!(ask(key("k", "other")).await.unwrap_err(), StoreError::KeyReused));
        assert_eq!(bed.number("SELECT count(*) FROM runs").await, 1);
    }

    async fn a_key_belongs_to_its_principal_and_its_route(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let mine = key("k", "body");
        let theirs = Key { principal: PrincipalId(Uuid::now_v7()), ..mine.clone() };
        let elsewhere = Key { route: "POST /other".into(), body: "else".into(), ..mine.clone() };
        for key in [mine, theirs, elsewhere] {
            let requested = requested_of("default", "deploy", 1);
            assert!(!bed.store.request_run(project, requested, now(), Some(key), 0).await.unwrap().replayed);
        }
        assert_eq!(bed.number("SELECT count(*) FROM runs").await, 3);
    }

    async fn a_request_that_fails_leaves_its_key_free(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let nowhere = model::id::ProjectId(Uuid::now_v7());
        let requested = requested_of("default", "deploy", 1);
        assert!(bed.store.request_run(nowhere, requested.clone(), now(), Some(key("k", "b")), 0).await.is_err());
        let again = bed.store.request_run(project, requested, now(), Some(key("k", "b")), 0).await.unwrap();
        assert!(!again.replayed);
    }

    async fn fifty_calls_at_once_with_one_key_make_one_run(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let servers = [bed.store.clone(), bed.second_server().await];
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..50 {
            let store = servers[n % 2].clone();
            calls.spawn(async move {
                let requested = requested_of("default", "deploy", 1);
                store.request_run(project, requested, now(), Some(key("k", "body")), 0).await.unwrap()
            });
        }
        let answers = calls.join_all().await;
        assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
        let ids: BTreeSet<RunId> = answers.iter().map(|answer| answer.answer.run.id).collect();
        assert_eq!(ids.len(), 1, "everybody hears of the same run");
        assert_eq!(bed.number("SELECT count(*) FROM runs").await, 1);
        assert_eq!(bed.number("SELECT count(*) FROM tasks").await, 1);
        whole(&bed.store, "default", *ids.first().unwrap()).await;
        servers[1].close().await;
    }

    async fn an_advance_with_a_key_happens_once_and_is_answered_again(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let run = queued(&bed.store, project, 1).await;
        bed.store.advance(run.id, now(), started(0), 0).await.unwrap();
        let once = async |name: &str, body: &str| bed.store.advance_once(run.id, now(), cancel(), 0, key(name, body)).await;
        let first = once("k", "b").await.unwrap();
        assert!(!first.replayed);
        assert_eq!(first.answer.run.state, RunState::Canceling);
        assert_eq!(first.answer.effects, [RunEffect::Stop { step: 0, attempt: 1 }]);
        let second = once("k", "b").await.unwrap();
        assert!(second.replayed);
        assert_eq!(second.answer.run.revision, first.answer.run.revision);
        assert!(second.answer.effects.is_empty(), "nothing is done twice");
        assert!(matches!(once("k", "c").await.unwrap_err(), StoreError::KeyReused));

        // Refused: nothing is kept, the key neither.
        for _ in 0..2 {
            let refused = once("other", "b").await.unwrap_err();
            assert!(matches!(refused, StoreError::Refused(Refused::AlreadyCanceling)), "{refused}");
        }
        assert_eq!(bed.number("SELECT count(*) FROM idempotency_keys").await, 1);
        assert_eq!(whole(&bed.store, "default", run.id).await.revision, 5);
        let nothing = bed.store.advance_once(RunId(Uuid::now_v7()), now(), cancel(), 0, key("x", "b")).await.unwrap_err();
        assert!(matches!(nothing, StoreError::NotFound("run")));
    }

    async fn keys_are_forgotten_by_age(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let ask = async |name: &str| {
            let requested = requested_of("default", "deploy", 1);
            bed.store.request_run(project, requested, now(), Some(key(name, "b")), 0).await.unwrap().replayed
        };
        assert!(!ask("old").await);
        let border = Uuid::now_v7();
        assert!(!ask("new").await);
        assert_eq!(bed.store.forget_keys_before(border).await.unwrap(), 1);
        assert_eq!(bed.store.forget_keys_before(border).await.unwrap(), 0);
        assert!(ask("new").await);
        assert!(!ask("old").await, "what was forgotten is new");
    }
}
