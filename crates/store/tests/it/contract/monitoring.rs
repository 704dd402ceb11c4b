//! What a monitoring system is told.

use model::health::{Health, Outcome};
use serde_json::json;
use store::NewDefinition;

use super::observing::{at, collector, look, probe, row};
use crate::{
    bed::contract,
    samples::{apply, definition, project, queued, sha256},
};

fn service(name: &str, environments: &[&str]) -> NewDefinition {
    NewDefinition {
        kind: "Service".into(),
        digest: sha256(name.as_bytes()),
        compiled: json!({"name": name, "lifecycle": "production", "environments": environments}),
        effect: None,
        ..definition(name, "", &[])
    }
}

contract! {
    async fn everything_that_is_monitored_comes_in_one_read(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        let services = vec![service("shop", &["production", "staging"]), service("db", &["production"])];
        store.apply(apply("default", services, &[])).await.unwrap();
        store.sync_schedules(project, vec![probe("watch", "shop"), collector("facts"), probe("blind", "shop")], at(0))
            .await
            .unwrap();
        look(store, project, "watch", 10, Outcome::Good, &[]).await;
        look(store, project, "facts", 20, Outcome::Good, &[("nodes", "3"), ("version", "1.2"), ("old", "x")]).await;
        look(store, project, "facts", 30, Outcome::Good, &[("nodes", "4"), ("version", "1.2")]).await;
        queued(store, project, 1).await;

        let before = store.transactions();
        let all = store.monitored(at(40), 99).await.unwrap();
        assert_eq!(store.transactions(), before + 1);
        assert_eq!((all.runs, all.waiting_tasks), (vec![("queued".to_owned(), 1)], 1), "not the runs of probes");
        let services: Vec<_> = all
            .services
            .iter()
            .map(|known| (known.place.service.as_str(), known.place.environment.as_str(), known.health, known.since))
            .collect();
        let expected = [
            ("db", "production", Health::Unknown, None),
            // One of its probes has said nothing yet.
            ("shop", "production", Health::Unknown, services[1].3),
            ("shop", "staging", Health::Unknown, None),
        ];
        assert_eq!(services, expected);
        let probes: Vec<_> = all.probes.iter().map(|probe| (probe.name.as_str(), probe.newest)).collect();
        assert_eq!(probes, [("blind", None), ("watch", Some(at(10)))]);
        let collectors: Vec<_> =
            all.collectors.iter().map(|known| (known.name.as_str(), known.observed_at, known.failed)).collect();
        assert_eq!(collectors, [("facts", Some(at(30)), false)]);
        let facts: Vec<_> = all.facts.iter().map(|fact| (fact.key.as_str(), fact.value.as_str())).collect();
        assert_eq!(facts, [("nodes", "4"), ("version", "1.2")], "what is gone is none");
        assert_eq!(all.facts_left_out, 0);

        let few = store.monitored(at(40), 1).await.unwrap();
        assert_eq!((few.facts.len(), few.facts_left_out), (1, 1));
        // It expires after 60 seconds.
        assert_eq!(store.monitored(at(90), 99).await.unwrap().facts.len(), 2);
        assert!(store.monitored(at(91), 99).await.unwrap().facts.is_empty(), "what is stale is not how it is");

        let id = row(store, project, "blind").await.id;
        store.did_not_look(id, "default", "it may not start", at(91)).await.unwrap();
        store.sync_schedules(project, vec![probe("watch", "shop")], at(92)).await.unwrap();
        look(store, project, "watch", 100, Outcome::Good, &[]).await;
        let all = store.monitored(at(101), 99).await.unwrap();
        let shop = &all.services[1];
        assert_eq!((shop.health, shop.since.is_some()), (Health::Ok, true));
        assert!(all.collectors.is_empty() && all.facts.is_empty(), "what nobody collects any more");
    }
}
