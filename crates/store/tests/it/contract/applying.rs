//! What becomes of an operations repository.

use model::api::{Applied, ApplyOutcome};
use store::{Apply, StoreError};

use crate::{
    bed::contract,
    samples::{apply, definition, sha256},
};

const LIB: &[u8] = b"def shop(): pass\n";
const RUN: &[u8] = b"#!/bin/sh\nexit 0\n\0\xff";

fn outcomes(results: &[Applied]) -> Vec<(&str, ApplyOutcome)> {
    results.iter().map(|applied| (applied.name.as_str(), applied.outcome)).collect()
}

contract! {
    async fn a_new_document_is_published_and_the_same_again_is_unchanged(bed: &Bed) {
        let one = || apply("default", vec![definition("deploy", "true", &[("a.sh", RUN)])], &[RUN]);
        let first = bed.store.apply(one()).await.unwrap();
        assert_eq!(outcomes(&first), [("deploy", ApplyOutcome::Published)]);
        assert_eq!(first[0].path.as_deref(), Some("runbooks/deploy.yaml"));
        assert_eq!(first[0].digest, definition("deploy", "true", &[("a.sh", RUN)]).digest);
        let events = bed.number("SELECT count(*) FROM events").await;
        assert_eq!(events, 2, "project.created, definition.published");

        let again = bed.store.apply(one()).await.unwrap();
        assert_eq!(outcomes(&again), [("deploy", ApplyOutcome::Unchanged)]);
        assert_eq!(bed.number("SELECT count(*) FROM versions").await, 1);
        assert_eq!(bed.number("SELECT count(*) FROM events").await, events, "nothing happened");
    }

    async fn a_changed_document_makes_a_version_and_the_older_text_makes_it_current_again(bed: &Bed) {
        let with = |script: &str| apply("default", vec![definition("deploy", script, &[])], &[]);
        bed.store.apply(with("one")).await.unwrap();
        let second = bed.store.apply(with("two")).await.unwrap();
        assert_eq!(outcomes(&second), [("deploy", ApplyOutcome::Published)]);
        let versions = bed.store.versions("default", "Runbook", "deploy").await.unwrap();
        let two = definition("deploy", "two", &[]).digest;
        let one = definition("deploy", "one", &[]).digest;
        let shown: Vec<_> = versions.iter().map(|v| (v.digest.clone(), v.current)).collect();
        assert_eq!(shown, [(two.clone(), true), (one.clone(), false)], "newest first");

        let back = bed.store.apply(with("one")).await.unwrap();
        assert_eq!(outcomes(&back), [("deploy", ApplyOutcome::Published)]);
        let versions = bed.store.versions("default", "Runbook", "deploy").await.unwrap();
        let shown: Vec<_> = versions.iter().map(|v| (v.digest.clone(), v.current)).collect();
        assert_eq!(shown, [(two.clone(), false), (one.clone(), true)], "no new version, another is current");
        let row = bed.store.runbook("default", "deploy").await.unwrap().unwrap();
        assert_eq!((row.digest, row.text.as_str()), (one.clone(), "name: deploy\n# one\n"));

        let event = bed.store.newest_events(1).await.unwrap().remove(0);
        assert_eq!((event.kind.as_str(), event.subject.as_str()), ("definition.published", "runbook/deploy"));
        assert_eq!(event.data["digest"], one.as_str());
        assert_eq!(event.data["previous"], two.as_str());
    }

    async fn an_older_version_comes_back_with_its_files_though_they_are_not_sent(bed: &Bed) {
        let with_file = definition("deploy", "one", &[("a.sh", RUN)]);
        bed.store.apply(apply("default", vec![with_file.clone()], &[RUN])).await.unwrap();
        bed.store.apply(apply("default", vec![definition("deploy", "two", &[])], &[])).await.unwrap();
        bed.store.apply(apply("default", vec![with_file.clone()], &[])).await.unwrap();
        let loaded = bed.store.load_version("default", "deploy", &with_file.digest).await.unwrap();
        assert_eq!(loaded.files[0].bytes, RUN);
    }

    async fn prune_retires_what_is_not_there_and_applying_it_again_brings_it_back(bed: &Bed) {
        let both = || vec![definition("a", "true", &[]), definition("b", "true", &[])];
        bed.store.apply(apply("default", both(), &[])).await.unwrap();
        let kept = bed.store.apply(apply("default", vec![definition("a", "true", &[])], &[])).await.unwrap();
        assert_eq!(outcomes(&kept), [("a", ApplyOutcome::Unchanged)], "what is not there stays without prune");

        let prune = || Apply { prune: true, ..apply("default", vec![definition("a", "true", &[])], &[]) };
        let pruned = bed.store.apply(prune()).await.unwrap();
        assert_eq!(outcomes(&pruned), [("a", ApplyOutcome::Unchanged), ("b", ApplyOutcome::Retired)]);
        assert_eq!(pruned[1].path, None);
        assert_eq!(pruned[1].digest, definition("b", "true", &[]).digest);
        assert!(bed.store.runbook("default", "b").await.unwrap().unwrap().retired_at.is_some());
        let event = bed.store.newest_events(1).await.unwrap().remove(0);
        assert_eq!((event.kind.as_str(), event.subject.as_str()), ("definition.retired", "runbook/b"));
        assert_eq!(outcomes(&bed.store.apply(prune()).await.unwrap()), [("a", ApplyOutcome::Unchanged)], "once");

        let back = bed.store.apply(apply("default", both(), &[])).await.unwrap();
        assert_eq!(outcomes(&back), [("a", ApplyOutcome::Unchanged), ("b", ApplyOutcome::Published)]);
        assert_eq!(bed.store.runbook("default", "b").await.unwrap().unwrap().retired_at, None);
        assert_eq!(bed.store.versions("default", "Runbook", "b").await.unwrap().len(), 1, "it is the version that it was");
    }

    async fn a_dry_run_answers_and_stores_nothing(bed: &Bed) {
        let dry = |definitions| Apply { dry_run: true, prune: true, ..apply("default", definitions, &[]) };
        let planned = bed.store.apply(dry(vec![definition("a", "true", &[])])).await.unwrap();
        assert_eq!(outcomes(&planned), [("a", ApplyOutcome::Published)]);
        assert_eq!(bed.store.project("default").await.unwrap(), None, "no project either");
        assert!(bed.store.projects().await.unwrap().is_empty());

        bed.store.apply(apply("default", vec![definition("a", "true", &[])], &[])).await.unwrap();
        let events = bed.number("SELECT count(*) FROM events").await;
        let planned = bed.store.apply(dry(vec![definition("b", "true", &[])])).await.unwrap();
        assert_eq!(outcomes(&planned), [("b", ApplyOutcome::Published), ("a", ApplyOutcome::Retired)]);
        assert_eq!(bed.store.runbook("default", "b").await.unwrap(), None);
        assert_eq!(bed.store.runbook("default", "a").await.unwrap().unwrap().retired_at, None);
        assert_eq!(bed.number("SELECT count(*) FROM events").await, events);
    }

    async fn the_bytes_of_a_shared_file_are_stored_once(bed: &Bed) {
        let files: &[(&str, &[u8])] = &[("lib/shop.py", LIB), ("copy.py", LIB), ("a.sh", RUN)];
        let definitions = vec![definition("a", "1", files), definition("b", "1", files)];
        bed.store.apply(apply("default", definitions.clone(), &[LIB, RUN])).await.unwrap();
        bed.store.apply(apply("other", definitions, &[LIB, RUN])).await.unwrap();
        assert_eq!(bed.number("SELECT count(*) FROM files").await, 2);
        assert_eq!(bed.number("SELECT count(*) FROM version_files").await, 12);
    }

    async fn a_missing_file_stores_nothing_at_all(bed: &Bed) {
        let definitions = vec![definition("a", "1", &[]), definition("b", "1", &[("a.sh", RUN), ("l.py", LIB)])];
        let error = bed.store.apply(apply("default", definitions, &[LIB])).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound("file")), "{error}");
        assert_eq!(bed.store.project("default").await.unwrap(), None);
        for count in ["SELECT count(*) FROM definitions", "SELECT count(*) FROM files", "SELECT count(*) FROM events"] {
            assert_eq!(bed.number(count).await, 0, "{count}");
        }
    }

    async fn bytes_under_a_foreign_digest_are_refused(bed: &Bed) {
        let mut forged = apply("default", vec![definition("a", "1", &[("a.sh", RUN)])], &[]);
        forged.files.insert(sha256(RUN), b"something else".to_vec());
        let error = bed.store.apply(forged).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
        assert_eq!(bed.number("SELECT count(*) FROM files").await, 0);
    }

    async fn a_document_with_a_nul_is_refused_by_either_engine(bed: &Bed) {
        let mut text = definition("a", "1", &[]);
        text.text.push('\0');
        let mut value = definition("a", "1", &[]);
        value.document["deep"] = serde_json::json!([{"a\0": 1}]);
        let path = definition("a", "1", &[("a\0.sh", RUN)]);
        for bad in [text, value, path] {
            let error = bed.store.apply(apply("default", vec![bad], &[RUN])).await.unwrap_err();
            assert!(matches!(error, StoreError::HasNul), "{error}");
        }
        let mut looks_like_one = definition("a", "1", &[]);
        looks_like_one.document["text"] = serde_json::json!("\\u0000");
        bed.store.apply(apply("default", vec![looks_like_one], &[])).await.unwrap();
    }

    /// More values than one statement takes on either engine.
    async fn thousands_of_definitions_go_in_at_once(bed: &Bed) {
        let many: Vec<_> = (0..4200).map(|n| definition(&format!("r{n:04}"), "true", &[])).collect();
        let results = bed.store.apply(apply("default", many, &[])).await.unwrap();
        assert_eq!(results.len(), 4200);
        assert_eq!(bed.number("SELECT count(*) FROM events").await, 4201);
        assert_eq!(bed.store.apply(Apply { prune: true, ..apply("default", vec![], &[]) }).await.unwrap().len(), 4200);
    }
}
