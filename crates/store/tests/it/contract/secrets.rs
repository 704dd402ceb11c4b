//! Stored secrets: given to steps alone, each use an event, under keys that can be replaced.

use std::{collections::BTreeSet, path::Path};

use model::{
    id::{ProjectId, RunId, Uuid},
    secret::SecretView,
};
use serde_json::json;
use store::{KeyFile, KeySource, Keys, NewSecret, RetiredSecret, SecretText, SecretUse, StoreError};

use crate::{
    bed::{Bed, contract},
    samples::{ann, bob, now, project},
};

const CANARY: &str = "canary-5d1e8b40-do-not-tell";

fn keys(folder: &Path, names: &[&str]) -> Keys {
    let sources: Vec<_> = names.iter().map(|name| KeySource::File(folder.join(name))).collect();
    Keys::open(&sources).unwrap()
}

fn new(project: ProjectId, name: &str, value: &str) -> NewSecret {
    NewSecret {
        project,
        project_name: "default".into(),
        name: name.into(),
        description: None,
        value: SecretText::new(value.into()),
        keep: false,
        rotate: false,
        by: ann().id,
        by_name: "ann".into(),
        at: now(),
    }
}

fn retired(project: ProjectId, name: &str) -> RetiredSecret {
    RetiredSecret { project, project_name: "default".into(), name: name.into(), by: bob().id, at: now() }
}

fn using(project: ProjectId, run: RunId, names: &[&str]) -> SecretUse {
    SecretUse {
        project,
        project_name: "default".into(),
        service: Some("shop".into()),
        environment: Some("staging".into()),
        run,
        by: bob().id,
        step: "deploy[eu]".into(),
        attempt: 2,
        names: names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(),
        at: now(),
    }
}

/// The value and version that a step gets.
async fn used(bed: &Bed, project: ProjectId, name: &str) -> (String, u64) {
    let run = RunId(Uuid::now_v7());
    let secret = bed.store.use_secrets(using(project, run, &[name])).await.unwrap().remove(name).unwrap();
    (String::from_utf8(secret.value.expose().to_vec()).unwrap(), secret.version)
}

fn versions(secret: &SecretView) -> Vec<(u64, bool)> {
    secret.versions.iter().map(|version| (version.version, version.destroyed_at.is_some())).collect()
}

contract! {
    async fn a_secret_is_set_rotated_and_retired_and_its_name_stays_taken(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(bed.store.set_secret(new(id, "db-root", CANARY)).await, Err(StoreError::NoKey)));
        bed.store.unlock(keys(folder.path(), &["key"])).await.unwrap();
        let rotate = |value| NewSecret { rotate: true, ..new(id, "db-root", value) };
        assert!(matches!(bed.store.set_secret(rotate("x")).await, Err(StoreError::NoSecret(_))), "nothing to rotate");
        let described = NewSecret { description: Some("The root password".into()), ..new(id, "db-root", CANARY) };
        let set = bed.store.set_secret(described).await.unwrap();
        assert_eq!((set.version, set.set_by.as_str(), set.used_at), (1, "ann", None));
        assert_eq!(used(bed, id, "db-root").await, (CANARY.to_owned(), 1));
        let set = bed.store.set_secret(new(id, "db-root", "second-value")).await.unwrap();
        assert_eq!((versions(&set), set.description.as_deref()), (vec![(2, false), (1, true)], Some("The root password")));
        let set = bed.store.set_secret(NewSecret { keep: true, ..rotate("third-value") }).await.unwrap();
        assert_eq!(versions(&set), [(3, false), (2, false), (1, true)]);
        assert_eq!(used(bed, id, "db-root").await, ("third-value".to_owned(), 3));
        assert!(bed.store.stored_secret(id, "db-root").await.unwrap().unwrap().used_at.is_some());
        let event = bed.store.newest_events(2).await.unwrap().remove(1);
        assert_eq!((event.kind.as_str(), event.principal), ("secret.rotated", Some(ann().id)));
        assert_eq!(event.data, json!({"name": "db-root", "version": 3, "kept": true}));

        assert!(bed.store.retire_secret(retired(id, "db-root")).await.unwrap());
        assert!(!bed.store.retire_secret(retired(id, "db-root")).await.unwrap(), "only once");
        let run = RunId(Uuid::now_v7());
        assert!(matches!(bed.store.use_secrets(using(id, run, &["db-root"])).await, Err(StoreError::NoSecret(_))));
        let taken = bed.store.set_secret(new(id, "db-root", "fourth-value")).await.err().unwrap();
        assert!(matches!(taken, StoreError::NameTaken(_)), "{taken}");
        let all = bed.store.stored_secrets(id).await.unwrap();
        assert_eq!(versions(&all[0]), [(3, true), (2, true), (1, true)]);
        assert!(all[0].retired_at.is_some());
        assert_eq!(bed.number("SELECT count(*) FROM secret_versions WHERE sealed IS NOT NULL").await, 0);
        let told = bed.number("SELECT count(*) FROM events WHERE type = 'secret.deleted'").await;
        assert_eq!(told, 1);
        if !bed.is_postgres() {
            bed.store.close().await;
            let bytes = std::fs::read(bed.file()).unwrap();
            assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()), "nowhere in the file");
        }
    }

    async fn each_use_is_an_event_and_all_are_given_or_none(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let folder = tempfile::tempdir().unwrap();
        bed.store.unlock(keys(folder.path(), &["key"])).await.unwrap();
        bed.store.set_secret(new(id, "one", CANARY)).await.unwrap();
        bed.store.set_secret(new(id, "two", "another-value")).await.unwrap();
        let run = RunId(Uuid::now_v7());
        let missing = bed.store.use_secrets(using(id, run, &["one", "three"])).await.err().unwrap();
        assert!(missing.to_string().contains("`three`"), "{missing}");
        assert_eq!(bed.number("SELECT count(*) FROM events WHERE type = 'secret.used'").await, 0, "nothing was used");
        let got = bed.store.use_secrets(using(id, run, &["one", "two"])).await.unwrap();
        assert_eq!(got["one"].value.expose(), CANARY.as_bytes());
        let events = bed.store.newest_events(2).await.unwrap();
        let event = events.iter().find(|event| event.subject == "secret/one").unwrap();
        assert_eq!((event.kind.as_str(), event.principal, event.correlation), ("secret.used", Some(bob().id), run.0));
        assert_eq!((event.service.as_deref(), event.environment.as_deref()), (Some("shop"), Some("staging")));
        let expected = json!({"run": run, "step": "deploy[eu]", "attempt": 2, "secret": "one", "version": 1});
        assert_eq!(event.data, expected);
        let elsewhere = project(&bed.store, "other").await;
        let foreign = bed.store.use_secrets(using(elsewhere, run, &["one"])).await.err().unwrap();
        assert!(matches!(foreign, StoreError::NoSecret(_)), "of another project: {foreign}");
        assert!(bed.store.stored_secrets(elsewhere).await.unwrap().is_empty());
    }

    async fn rows_that_are_swapped_or_changed_do_not_open(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let folder = tempfile::tempdir().unwrap();
        bed.store.unlock(keys(folder.path(), &["key"])).await.unwrap();
        bed.store.set_secret(new(id, "one", "the-first-value")).await.unwrap();
        bed.store.set_secret(new(id, "two", "the-second-value")).await.unwrap();
        bed.execute("UPDATE secret_versions SET sealed = (SELECT v.sealed FROM secret_versions v JOIN secrets s ON s.id = v.secret \
             WHERE s.name = 'one')").await;
        assert_eq!(used(bed, id, "one").await.0, "the-first-value");
        let moved = bed.store.use_secrets(using(id, RunId(Uuid::now_v7()), &["two"])).await.err().unwrap();
        assert!(matches!(&moved, StoreError::Seal(why) if why.contains("another secret")), "{moved}");
        let other = project(&bed.store, "other").await;
        bed.execute("UPDATE secrets SET project = (SELECT id FROM projects WHERE name = 'other')").await;
        assert!(bed.store.use_secrets(using(other, RunId(Uuid::now_v7()), &["one"])).await.is_err(), "in another project");
        bed.execute("UPDATE secrets SET project = (SELECT id FROM projects WHERE name = 'default')").await;
        bed.execute("UPDATE secret_versions SET version = 2").await;
        bed.execute("UPDATE secrets SET version = 2").await;
        assert!(bed.store.use_secrets(using(id, RunId(Uuid::now_v7()), &["one"])).await.is_err(), "as another version");

        bed.execute(if bed.is_postgres() { "UPDATE secret_versions SET sealed = 'plain'::bytea" }
            else { "UPDATE secret_versions SET sealed = X'706c61696e'" }).await;
        let plain = bed.store.unlock(keys(folder.path(), &["key"])).await.err().unwrap();
        assert!(plain.to_string().contains("not sealed"), "{plain}");
    }

    async fn a_key_is_replaced_and_the_old_one_taken_away(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let folder = tempfile::tempdir().unwrap();
        bed.store.unlock(keys(folder.path(), &["old"])).await.unwrap();
        for number in 0..130 {
            bed.store.set_secret(new(id, &format!("secret-{number}"), CANARY)).await.unwrap();
        }
        let old = KeyFile::open_or_make(&folder.path().join("old")).unwrap().id();
        let alone = bed.store.unlock(keys(folder.path(), &["new"])).await.err().unwrap().to_string();
        assert!(alone.contains(&old) && alone.contains("Put that key file back"), "{alone}");
        bed.store.unlock(keys(folder.path(), &["new", "old"])).await.unwrap();
        assert_eq!(used(bed, id, "secret-7").await.0, CANARY);
        let rewrapped = bed.store.rewrap_secrets(false, ann().id, now()).await.unwrap();
        assert_eq!((rewrapped.values, rewrapped.resumed), (130, false));
        assert_eq!(rewrapped.key, KeyFile::open_or_make(&folder.path().join("new")).unwrap().id());
        let event = bed.store.newest_events(1).await.unwrap().remove(0);
        assert_eq!((event.kind.as_str(), &event.data["values"]), ("secrets.rewrapped", &json!(130)));
        assert_eq!(bed.store.rewrap_secrets(false, ann().id, now()).await.unwrap().values, 0, "nothing is left");
        bed.store.unlock(keys(folder.path(), &["new"])).await.unwrap();
        assert_eq!(used(bed, id, "secret-7").await.0, CANARY);
    }

    async fn new_data_keys_go_on_where_they_stopped(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let folder = tempfile::tempdir().unwrap();
        bed.store.unlock(keys(folder.path(), &["key"])).await.unwrap();
        for number in 0..5 {
            bed.store.set_secret(new(id, &format!("secret-{number}"), CANARY)).await.unwrap();
        }
        let rewrapped = bed.store.rewrap_secrets(true, ann().id, now()).await.unwrap();
        assert_eq!((rewrapped.values, rewrapped.resumed, rewrapped.new_data_keys), (5, false, true));
        assert_eq!(used(bed, id, "secret-0").await.0, CANARY);
        // A round that was cut short after three.
        bed.execute("UPDATE revisions SET value = 2 WHERE name = 'data_keys'").await;
        bed.execute("UPDATE secret_versions SET data_keys = 2 WHERE secret IN (SELECT id FROM secrets WHERE name < 'secret-3')").await;
        let rest = bed.store.rewrap_secrets(true, ann().id, now()).await.unwrap();
        assert_eq!((rest.values, rest.resumed), (2, true));
        let all = bed.store.rewrap_secrets(true, ann().id, now()).await.unwrap();
        assert_eq!((all.values, all.resumed), (5, false));
        assert_eq!(bed.store.give_up_secrets().await.unwrap(), 5);
        let lost = bed.store.use_secrets(using(id, RunId(Uuid::now_v7()), &["secret-0"])).await.err().unwrap();
        assert!(matches!(lost, StoreError::NoSecret(_)), "{lost}");
    }
}
