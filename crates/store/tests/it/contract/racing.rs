//! Several servers and callers at once on the same things.

use std::collections::BTreeMap;

use model::api::{ApplyOutcome, Role};
use store::{Apply, NewDefinition, StoreError};
use tokio::task::JoinSet;

use crate::{
    bed::contract,
    samples::{ann, apply, cancel, definition, now, project, queued, requested_of, started, whole},
};

contract! {
    /// In turned orders, with shared new files: nothing waits in a circle, nothing is doubled.
    async fn applies_at_once_into_a_new_project_all_succeed(bed: &Bed) {
        let servers = [bed.store.clone(), bed.second_server().await];
        let files: Vec<Vec<u8>> = (0..12_u8).map(|n| vec![n; 2000]).collect();
        let mut applies = JoinSet::new();
        for n in 0..12_usize {
            let (store, files) = (servers[n % 2].clone(), files.clone());
            let script = format!("version {}", n % 3);
            applies.spawn(async move {
                let paths: Vec<String> = (0..files.len()).map(|n| format!("{n}.sh")).collect();
                let mut named: Vec<(&str, &[u8])> =
                    paths.iter().map(String::as_str).zip(files.iter().map(Vec::as_slice)).collect();
                named.rotate_left(n);
                let mut all: Vec<NewDefinition> =
                    (0..6).map(|place| definition(&format!("r{place}"), &script, &named[place..place + 4])).collect();
                all.rotate_left(n % 6);
                // Some into another project: files are shared by all.
                let project = if n % 4 == 3 { "other" } else { "default" };
                let bytes: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
                store.apply(Apply { prune: true, ..apply(project, all, &bytes) }).await.unwrap().len()
            });
        }
        assert_eq!(applies.join_all().await, [6; 12]);
        assert_eq!(bed.store.projects().await.unwrap().len(), 2);
        assert_eq!(bed.number("SELECT count(*) FROM events WHERE type = 'project.created'").await, 2);
        assert_eq!(bed.number("SELECT count(*) FROM definitions").await, 12);
        for row in bed.store.runbooks("default", false, None, 50).await.unwrap() {
            let loaded = bed.store.load_version("default", &row.name, &row.digest).await.unwrap();
            assert_eq!(loaded.files.len(), 4);
            let current = bed.store.versions("default", "Runbook", &row.name).await.unwrap();
            assert_eq!(current.iter().filter(|version| version.current).count(), 1);
        }
        servers[1].close().await;
    }

    /// The previous digest that each event names is the one that its transaction replaced.
    async fn applies_at_once_of_one_definition_are_a_chain(bed: &Bed) {
        project(&bed.store, "default").await;
        let servers = [bed.store.clone(), bed.second_server().await];
        let mut applies = JoinSet::new();
        for n in 0..10_usize {
            let store = servers[n % 2].clone();
            applies.spawn(async move {
                let new = definition("deploy", &format!("version {n}"), &[]);
                store.apply(apply("default", vec![new], &[])).await.unwrap().remove(0).outcome
            });
        }
        assert_eq!(applies.join_all().await, [ApplyOutcome::Published; 10]);
        let events = bed.store.newest_events(50).await.unwrap();
        let published = events.iter().filter(|event| event.kind == "definition.published");
        let next: BTreeMap<String, String> = published
            .map(|event| {
                let text = |key: &str| event.data[key].as_str().unwrap_or_default().to_owned();
                (text("previous"), text("digest"))
            })
            .collect();
        assert_eq!(next.len(), 11, "nobody replaced the same version as somebody else");
        let mut at = String::new();
        for _ in 0..11 {
            at.clone_from(&next[&at]);
        }
        assert_eq!(bed.store.runbook("default", "deploy").await.unwrap().unwrap().digest.as_str(), at);
        servers[1].close().await;
    }

    async fn runs_are_stored_while_others_apply(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let server = bed.second_server().await;
        let applying = tokio::spawn(async move {
            for n in 0..10 {
                let all = (0..10).map(|r| definition(&format!("r{r}"), &format!("v{n}"), &[])).collect();
                server.apply(apply("default", all, &[])).await.unwrap();
            }
            server
        });
        for _ in 0..20 {
            queued(&bed.store, id, 1).await;
        }
        applying.await.unwrap();
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 20);
    }

    async fn a_name_asked_for_by_many_at_once_goes_to_one(bed: &Bed) {
        let servers = [bed.store.clone(), bed.second_server().await];
        for round in 0..4 {
            let mut calls = JoinSet::new();
            for n in 0..8 {
                let store = servers[n % 2].clone();
                calls.spawn(async move {
                    let name = format!("robot-{round}");
                    store.create_token(&name, Role::Member, &format!("{round}-{n}"), now(), None).await
                });
            }
            let answers = calls.join_all().await;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
            for answer in answers.into_iter().filter_map(Result::err) {
                assert!(matches!(answer, StoreError::NameTaken(_)), "{answer}");
            }
        }
        assert_eq!(bed.store.tokens().await.unwrap().len(), 4);
        servers[1].close().await;
    }

    async fn a_token_revoked_by_many_at_once_is_revoked_once(bed: &Bed) {
        let servers = [bed.store.clone(), bed.second_server().await];
        let token = bed.store.create_token("ann", Role::Member, "h", now(), None).await.unwrap().id;
        let mut calls = JoinSet::new();
        for n in 0..8 {
            let store = servers[n % 2].clone();
            calls.spawn(async move { store.revoke_token(token, now(), ann().id).await.unwrap() });
        }
        calls.join_all().await;
        assert_eq!(bed.number("SELECT count(*) FROM events WHERE type = 'token.revoked'").await, 1);
        servers[1].close().await;
    }

    async fn of_the_same_event_sent_by_many_one_is_taken(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let servers = [bed.store.clone(), bed.second_server().await];
        for event in [started(0), cancel()] {
            let run = queued(&bed.store, id, 3).await.id;
            let mut calls = JoinSet::new();
            for n in 0..10 {
                let (store, event) = (servers[n % 2].clone(), event.clone());
                calls.spawn(async move { store.advance(run, now(), event, u32::from(n % 3 == 0)).await });
            }
            let answers = calls.join_all().await;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
            for answer in answers.into_iter().filter_map(Result::err) {
                assert!(matches!(answer, StoreError::Refused(_)), "{answer}");
            }
            whole(&bed.store, "default", run).await;
        }
        servers[1].close().await;
    }

    /// Writes share transactions on SQLite: one that fails takes nothing with it, and leaves nothing.
    async fn among_many_writers_those_that_fail_take_nothing_with_them(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        bed.store.create_token("taken", Role::Member, "taken", now(), None).await.unwrap();
        let before = bed.store.transactions();
        let mut writers = JoinSet::new();
        for n in 0..200_usize {
            let store = bed.store.clone();
            writers.spawn(async move {
                match n % 5 {
                    0 => {
                        // Half of it is written before it fails.
                        let definitions = vec![definition("lost", "1", &[]), definition("lost-2", "1", &[("a", b"?")])];
                        assert!(store.apply(apply("lost", definitions, &[])).await.is_err());
                        None
                    }
                    1 => {
                        assert!(store.create_token("taken", Role::Admin, &n.to_string(), now(), None).await.is_err());
                        None
                    }
                    2 => {
                        let nobody = model::id::RunId(model::id::Uuid::now_v7());
                        assert!(store.advance(nobody, now(), cancel(), 0).await.is_err());
                        None
                    }
                    _ => {
                        let requested = requested_of("default", "deploy", 1);
                        Some(store.request_run(id, requested, now(), None, 0).await.unwrap().answer.run.id)
                    }
                }
            });
        }
        let stored: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
        assert_eq!(stored.len(), 80);
        if !bed.is_postgres() {
            let used = bed.store.transactions() - before;
            assert!(used < 150, "200 writes shared {used} transactions");
        }
        for run in stored {
            whole(&bed.store, "default", run).await;
        }
        assert_eq!(bed.number("SELECT count(*) FROM runs").await, 80);
        assert_eq!(bed.store.project("lost").await.unwrap(), None);
        assert_eq!(bed.store.tokens().await.unwrap().len(), 1);
        assert_eq!(bed.number("SELECT count(*) FROM events WHERE project = 'lost'").await, 0);
    }
}
