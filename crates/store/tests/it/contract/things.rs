//! Versions and their history, inventories, presets, uploaded files.

use std::collections::BTreeMap;

use model::{
    api::ApplyOutcome,
    inventory::{Inventory, Target},
    service::Team,
};
use serde_json::json;
use store::{Apply, NewDefinition, NewPreset, Rollback, StoreError, UPLOAD_MAX};

use crate::{
    bed::contract,
    samples::{ann, apply, bob, definition, now, project, sha256},
};

fn rollback(name: &str, digest: model::name::Digest) -> Rollback {
    Rollback {
        project: "default".into(),
        kind: "Runbook".into(),
        name: name.into(),
        digest,
        by: bob().id,
        by_name: "bob".into(),
        at: now(),
    }
}

fn preset(project: model::id::ProjectId, name: &str, region: &str) -> NewPreset {
    NewPreset {
        project,
        project_name: "default".into(),
        runbook: "deploy".into(),
        name: name.into(),
        inputs: BTreeMap::from([("region".into(), json!(region))]),
        by: ann().id,
        by_name: "ann".into(),
        at: now(),
    }
}

contract! {
    async fn an_earlier_version_is_published_again_and_history_says_so(bed: &Bed) {
        let one = definition("deploy", "one", &[("a.sh", b"one")]);
        let two = definition("deploy", "two", &[]);
        bed.store.apply(apply("default", vec![one.clone()], &[b"one"])).await.unwrap();
        bed.store.apply(apply("default", vec![two.clone()], &[])).await.unwrap();
        let back = bed.store.rollback(rollback("deploy", one.digest.clone())).await.unwrap();
        assert_eq!((back.outcome, &back.digest), (ApplyOutcome::Published, &one.digest));
        let row = bed.store.runbook("default", "deploy").await.unwrap().unwrap();
        assert_eq!((&row.digest, row.published_by.as_str()), (&one.digest, "bob"));
        let history = bed.store.history("default", "Runbook", "deploy").await.unwrap();
        let shown: Vec<_> =
            history.iter().map(|p| (&p.digest, p.published_by.as_str(), p.rolled_back)).collect();
        assert_eq!(shown, [(&one.digest, "bob", true), (&two.digest, "ann", false), (&one.digest, "ann", false)]);
        let event = bed.store.newest_events(1).await.unwrap().remove(0);
        assert_eq!((event.kind.as_str(), event.principal), ("definition.rolled_back", Some(bob().id)));
        assert_eq!((&event.data["digest"], &event.data["previous"]), (&json!(one.digest), &json!(two.digest)));

        let same = bed.store.rollback(rollback("deploy", one.digest.clone())).await.unwrap();
        assert_eq!(same.outcome, ApplyOutcome::Unchanged);
        assert_eq!(bed.store.history("default", "Runbook", "deploy").await.unwrap().len(), 3);
        let never = bed.store.rollback(rollback("deploy", sha256(b"?"))).await.unwrap_err();
        assert!(matches!(never, StoreError::NotFound("version")));
        assert!(matches!(bed.store.rollback(rollback("no", one.digest)).await.unwrap_err(), StoreError::NotFound("version")));
    }

    async fn any_version_can_be_compared_with_any_other(bed: &Bed) {
        let one = definition("deploy", "one", &[("b.sh", b"one"), ("a.sh", b"two")]);
        bed.store.apply(apply("default", vec![one.clone()], &[b"one", b"two"])).await.unwrap();
        bed.store.apply(apply("default", vec![definition("deploy", "two", &[])], &[])).await.unwrap();
        let source = bed.store.version_source("default", "Runbook", "deploy", &one.digest).await.unwrap();
        assert_eq!((source.text, source.path), (one.text, one.path));
        let files: Vec<_> = source.files.iter().map(|f| (f.file.path.as_str(), f.bytes.as_slice())).collect();
        assert_eq!(files, [("a.sh", &b"two"[..]), ("b.sh", &b"one"[..])]);
        for (kind, name) in [("Inventory", "deploy"), ("Runbook", "other")] {
            let nothing = bed.store.version_source("default", kind, name, &one.digest).await.unwrap_err();
            assert!(matches!(nothing, StoreError::NotFound("version")));
        }
    }

    async fn a_compiled_form_that_was_changed_is_not_performed(bed: &Bed) {
        let one = definition("deploy", "one", &[]);
        bed.store.apply(apply("default", vec![one.clone()], &[])).await.unwrap();
        bed.execute("UPDATE versions SET compiled = replace(compiled, 'one', 'rm -rf /')").await;
        let error = bed.store.load_version("default", "deploy", &one.digest).await.unwrap_err();
        assert!(error.to_string().contains("not what was stored with it"), "{error}");
        assert!(bed.store.runbook("default", "deploy").await.is_err());
    }

    async fn inventories_are_definitions_of_their_own(bed: &Bed) {
        let target = Target { name: "web1".into(), address: None, environment: None, labels: BTreeMap::new() };
        let inventory = Inventory { name: "shop".into(), title: None, description: None, targets: vec![target] };
        let new = NewDefinition {
            kind: "Inventory".into(),
            compiled: serde_json::to_value(&inventory).unwrap(),
            service: None,
            effect: None,
            ..definition("shop", "x", &[])
        };
        let all = vec![new, definition("shop", "true", &[]), definition("deploy", "true", &[])];
        bed.store.apply(apply("default", all, &[])).await.unwrap();
        assert_eq!(bed.store.inventory("default", "shop").await.unwrap().unwrap().inventory, inventory);
        assert!(bed.store.inventory("default", "deploy").await.unwrap().is_none());
        assert_eq!(bed.store.inventory_names("default", None, 9).await.unwrap(), ["shop"]);
        assert!(bed.store.inventory_names("default", Some("shop".into()), 9).await.unwrap().is_empty());
        assert!(bed.store.inventory_names("other", None, 9).await.unwrap().is_empty());
        assert_eq!(bed.store.runbooks("default", false, None, 9).await.unwrap().len(), 2, "no inventory among them");
        let names = ["deploy", "none", "shop"].map(String::from);
        let found = bed.store.runbooks_by_name("default", &names).await.unwrap();
        assert_eq!(found.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["deploy", "shop"]);
        bed.store.apply(Apply { prune: true, ..apply("default", vec![definition("deploy", "true", &[])], &[]) }).await.unwrap();
        assert!(bed.store.inventory("default", "shop").await.unwrap().is_none(), "what is retired is not acted on");
        assert!(bed.store.inventory_names("default", None, 9).await.unwrap().is_empty());
        assert_eq!(bed.store.runbooks_by_name("default", &names).await.unwrap().len(), 1);
        assert_eq!(bed.store.versions("default", "Inventory", "shop").await.unwrap().len(), 1);
    }

    async fn definitions_of_any_kind_are_kept_as_versions(bed: &Bed) {
        let team = |name: &str| Team { name: name.into(), members: vec!["ada".into()], ..Team::default() };
        let of = |name: &str| NewDefinition {
            kind: "Team".into(),
            compiled: serde_json::to_value(team(name)).unwrap(),
            service: None,
            effect: None,
            ..definition(name, "x", &[])
        };
        let all = vec![of("web"), of("ops"), definition("web", "true", &[])];
        bed.store.apply(apply("default", all, &[])).await.unwrap();
        bed.store.apply(apply("other", vec![of("else")], &[])).await.unwrap();
        let id = bed.store.project("default").await.unwrap().unwrap();
        let published = async |kind| {
            let all = bed.store.published_definitions::<Team>(id, kind).await.unwrap();
            all.into_iter().map(|published| published.definition).collect::<Vec<_>>()
        };
        assert_eq!(published("Team").await, [team("ops"), team("web")], "by name, of this kind, of this project");
        assert_eq!(published("Service").await, []);
        let nowhere = model::id::ProjectId(model::id::Uuid::from_u128(7));
        assert!(bed.store.published_definitions::<Team>(nowhere, "Team").await.unwrap().is_empty());
        bed.store.apply(Apply { prune: true, ..apply("default", vec![of("web")], &[]) }).await.unwrap();
        assert_eq!(published("Team").await, [team("web")], "none that is retired");
    }

    async fn presets_are_saved_listed_and_deleted(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        for (name, region) in [("b", "us"), ("a", "eu"), ("b", "eu")] {
            let new = preset(id, name, region);
            let saved = bed.store.save_preset(new.clone()).await.unwrap();
            assert_eq!((saved.name.as_str(), saved.saved_by.as_str()), (name, "ann"));
        }
        let presets = bed.store.presets(id, "deploy").await.unwrap();
        let shown: Vec<_> = presets.iter().map(|p| (p.name.as_str(), p.inputs["region"].as_str().unwrap())).collect();
        assert_eq!(shown, [("a", "eu"), ("b", "eu")]);
        assert!(bed.store.presets(id, "other").await.unwrap().is_empty());
        assert!(bed.store.delete_preset(preset(id, "a", "")).await.unwrap());
        assert!(!bed.store.delete_preset(preset(id, "a", "")).await.unwrap());
        assert_eq!(bed.store.presets(id, "deploy").await.unwrap().len(), 1);
        assert!(matches!(bed.store.save_preset(preset(id, "a\0", "")).await.unwrap_err(), StoreError::HasNul));
        let kinds: Vec<_> = bed.store.newest_events(4).await.unwrap().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["preset.deleted", "preset.saved", "preset.saved", "preset.saved"]);
    }

    async fn uploads_are_kept_by_digest_and_seen_in_their_project_alone(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let other = project(&bed.store, "other").await;
        let bytes: Vec<u8> = (0..=255).collect();
        let file = bed.store.upload(id, "a b.bin", bytes.clone(), ann().id, now()).await.unwrap();
        assert_eq!((&file.sha256, file.size), (&sha256(&bytes), 256));
        bed.store.upload(id, "second.bin", bytes.clone(), ann().id, now()).await.unwrap();
        assert_eq!(bed.store.uploaded(id, &file.sha256).await.unwrap(), Some((file.clone(), bytes.clone())));
        assert_eq!(bed.store.uploaded(other, &file.sha256).await.unwrap(), None);
        bed.store.upload(other, "mine", bytes.clone(), bob().id, now()).await.unwrap();
        assert_eq!(bed.store.uploaded(other, &file.sha256).await.unwrap().unwrap().0.name, "mine");
        assert_eq!(bed.number("SELECT count(*) FROM files").await, 1);
        bed.store.upload(id, "limit", vec![7; UPLOAD_MAX], ann().id, now()).await.unwrap();
        let over = bed.store.upload(id, "over", vec![7; UPLOAD_MAX + 1], ann().id, now()).await.unwrap_err();
        assert!(matches!(over, StoreError::TooLarge { .. }), "{over}");
    }
}
