//! Secret inputs: sealed at rest, opened for their own run alone, gone with its end.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

use model::{
    run::{Requested, StepOutcome},
    runbook::InputValue,
};
use store::{KeyFile, NewRun, SecretText, StoreError};

use crate::{
    bed::contract,
    samples::{finished, key, now, project, requested_of, whole},
};

/// Found nowhere but in the process that it is for.
const CANARY: &str = "canary-7f3a9c1e-do-not-tell";

fn requested(secrets: &[(&str, &str)]) -> NewRun {
    let mut requested: Requested = requested_of("default", "deploy", 1);
    for (name, _) in secrets {
        requested.inputs.insert((*name).into(), InputValue::sealed());
    }
    let secrets =
        secrets.iter().map(|(name, value)| ((*name).into(), SecretText::new((*value).into()))).collect();
    NewRun { requested, secrets }
}

fn made() -> (tempfile::TempDir, KeyFile) {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyFile::open_or_make(&folder.path().join("key")).unwrap();
    (folder, key)
}

fn exposed(secrets: &BTreeMap<String, SecretText>) -> Vec<(&str, &[u8])> {
    secrets.iter().map(|(name, value)| (name.as_str(), value.expose())).collect()
}

contract! {
    async fn secrets_open_for_their_run_and_are_destroyed_with_its_end(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let (_folder, file) = made();
        bed.store.unlock(file).await.unwrap();
        let new = requested(&[("password", CANARY), ("empty", "")]);
        let run = new.requested.id;
        bed.store.request_run(id, new, now(), Some(key("k", "b")), 1).await.unwrap();
        let secrets = bed.store.secrets(id, run).await.unwrap();
        assert_eq!(exposed(&secrets), [("empty", &b""[..]), ("password", CANARY.as_bytes())]);
        let elsewhere = project(&bed.store, "other").await;
        assert!(bed.store.secrets(elsewhere, run).await.unwrap().is_empty(), "of another project nothing is seen");
        whole(&bed.store, "default", run).await;
        bed.store.advance(run, now(), finished(0, StepOutcome::Succeeded), 0).await.unwrap();
        assert!(bed.store.secrets(id, run).await.unwrap().is_empty());
        assert_eq!(bed.number("SELECT count(*) FROM sealed").await, 0);
        if !bed.is_postgres() {
            bed.store.close().await;
            let bytes = std::fs::read(bed.file()).unwrap();
            assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()), "nowhere in the file");
        }
    }

    async fn a_row_that_is_moved_or_changed_does_not_open(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let (_folder, file) = made();
        bed.store.unlock(file).await.unwrap();
        let (one, two) = (requested(&[("password", "one")]), requested(&[("password", "two")]));
        let (first, second) = (one.requested.id, two.requested.id);
        bed.store.request_run(id, one, now(), None, 0).await.unwrap();
        bed.store.request_run(id, two, now(), None, 0).await.unwrap();
        bed.execute("UPDATE sealed SET sealed = (SELECT s.sealed FROM sealed s WHERE s.run = (SELECT min(id::text)::uuid FROM runs))".replace(
            "min(id::text)::uuid", if bed.is_postgres() { "min(id::text)::uuid" } else { "min(id)" }).leak()).await;
        assert_eq!(bed.store.secrets(id, first).await.unwrap()["password"].expose(), b"one");
        let moved = bed.store.secrets(id, second).await.err().unwrap();
        assert!(matches!(&moved, StoreError::Seal(why) if why.contains("belongs to another run")), "{moved}");
        bed.execute("UPDATE sealed SET name = 'other'").await;
        assert!(bed.store.secrets(id, first).await.is_err(), "nor under another name");
    }

    async fn without_a_key_nothing_is_taken_and_the_wrong_key_is_refused_at_start(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let refused = bed.store.request_run(id, requested(&[("password", CANARY)]), now(), None, 0).await.err().unwrap();
        assert!(matches!(refused, StoreError::NoKey), "{refused}");
        assert_eq!(bed.number("SELECT count(*) FROM runs").await, 0);

        let (folder, file) = made();
        let right = file.id();
        bed.store.unlock(file).await.unwrap();
        bed.store.request_run(id, requested(&[("password", CANARY)]), now(), None, 0).await.unwrap();
        bed.store.unlock(KeyFile::open_or_make(&folder.path().join("key")).unwrap()).await.unwrap();
        let (_other, wrong) = made();
        let error = bed.store.unlock(wrong).await.err().unwrap().to_string();
        assert!(error.contains(&right) && error.contains("Put that key file back"), "{error}");

        bed.execute(if bed.is_postgres() { "UPDATE sealed SET sealed = 'plain'::bytea" } else { "UPDATE sealed SET sealed = X'706c61696e'" }).await;
        let plain = bed.store.unlock(KeyFile::open_or_make(&folder.path().join("key")).unwrap()).await.err().unwrap();
        assert!(plain.to_string().contains("not sealed"), "{plain}");
    }

    async fn secrets_can_be_given_up_and_another_key_begins(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let (_folder, file) = made();
        bed.store.unlock(file).await.unwrap();
        let new = requested(&[("password", CANARY)]);
        let run = new.requested.id;
        bed.store.request_run(id, new, now(), None, 0).await.unwrap();
        let (_other_folder, other) = made();
        assert!(bed.store.unlock(other).await.is_err(), "another key does not open it");
        assert_eq!(bed.store.give_up_secrets().await.unwrap(), 1);
        assert!(bed.store.secrets(id, run).await.unwrap().is_empty());
        let (_third_folder, third) = made();
        bed.store.unlock(third).await.unwrap();
    }
}

#[test]
fn a_key_file_is_made_once_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let made = KeyFile::open_or_make(&path).unwrap().id();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o400);
    assert_eq!(KeyFile::open_or_make(&path).unwrap().id(), made);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440)).unwrap();
    let error = KeyFile::open_or_make(&path).err().unwrap().to_string();
    assert!(error.contains("0440") && error.contains("chmod 0400"), "{error}");
    for text in
        ["", "signalbox-key-1 ", "signalbox-key-1 00ff", &format!("signalbox-key-1 {}", "xy".repeat(32))]
    {
        let broken = folder.path().join("broken");
        let _ = std::fs::remove_file(&broken);
        std::fs::write(&broken, text).unwrap();
        std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o400)).unwrap();
        let error = KeyFile::open_or_make(&broken).err().unwrap().to_string();
        assert!(error.contains("does not hold a key"), "{error}");
    }
    let nowhere = KeyFile::open_or_make(&folder.path().join("no/key")).err().unwrap().to_string();
    assert!(nowhere.contains("cannot be made"), "{nowhere}");
}

#[test]
fn many_that_make_a_key_at_once_get_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let makers: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || KeyFile::open_or_make(&path).unwrap().id())
        })
        .collect();
    let ids: std::collections::BTreeSet<String> =
        makers.into_iter().map(|maker| maker.join().unwrap()).collect();
    assert_eq!(ids.len(), 1);
}
