//! What probes and collectors saw: slices, health, facts, and which of their runs are kept.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use model::{
    firing::TimedKind,
    health::{Health, Outcome},
    id::{ProjectId, RunId},
    run::{RunEvent, StepEnd, StepOutcome},
    watch::{Collects, Probe},
};
use serde_json::json;
use store::{
    Decided, FactChangeFilter, Fired, HealthChangeFilter, ScheduleRow, Start, Store, TakenIn, WantedSchedule,
    Watch,
};

use crate::{
    bed::contract,
    samples::{project, requested_of},
};

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn probe(name: &str, service: &str) -> WantedSchedule {
    let probe = Probe {
        service: service.into(),
        environment: "production".into(),
        every_s: 10,
        bad_after: 1,
        stale_after_s: 30,
    };
    wanted(TimedKind::Probe, name, Watch::Probe(probe))
}

pub(super) fn collector(name: &str) -> WantedSchedule {
    let collects =
        Collects { service: "shop".into(), environment: "production".into(), every_s: 10, expire_s: 60 };
    wanted(TimedKind::Collector, name, Watch::Collects(collects))
}

fn wanted(kind: TimedKind, name: &str, watch: Watch) -> WantedSchedule {
    let (name, runbook) = (name.to_owned(), "deploy".to_owned());
    WantedSchedule { kind, name, runbook, times: json!(10), next_at: Some(at(10)), watch: Some(watch) }
}

/// One look: the run is started, ends at that second as the outcome says, with these facts, and is taken in.
pub(super) async fn look(
    store: &Store,
    project: ProjectId,
    name: &str,
    second: i64,
    outcome: Outcome,
    facts: &[(&str, &str)],
) -> (RunId, TakenIn) {
    let row = row(store, project, name).await;
    let mut requested = requested_of("default", "deploy", 1);
    requested.via = row.kind.name().to_owned();
    let start = Start { due_at: at(second), run: requested.into(), observed: true, places: 1 };
    let decided = Decided {
        schedule: row.id,
        generation: row.generation,
        seen_to: row.seen_to,
        waiting: None,
        now_seen_to: at(second),
        next_at: Some(at(second + 10)),
        now_waiting: None,
        records: Vec::new(),
        start: Some(start),
    };
    let Fired::Stored(Some(begun)) = store.fire(decided, at(second)).await.unwrap() else { panic!() };
    let mut end = StepEnd::succeeded();
    if outcome != Outcome::Good {
        end.outcome = StepOutcome::Failed;
    }
    end.facts =
        facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>();
    let event = RunEvent::StepFinished { step: 0, attempt: 1, end };
    let ended = store.advance(begun.run.id, at(second), event, 0).await.unwrap().run;
    assert_eq!(store.ended_observations(9).await.unwrap(), [ended.id]);
    let taken = store.take_in(&ended, outcome.clone(), at(second)).await.unwrap();
    assert_eq!(
        store.take_in(&ended, outcome, at(second)).await.unwrap(),
        TakenIn::default(),
        "once is enough"
    );
    (ended.id, taken)
}

pub(super) async fn row(store: &Store, project: ProjectId, name: &str) -> ScheduleRow {
    let rows = store.schedules(project).await.unwrap();
    rows.into_iter().find(|row| row.name == name).unwrap()
}

pub(super) fn bad() -> Outcome {
    Outcome::Bad { why: "exit code 1".into() }
}

fn blind() -> Outcome {
    Outcome::NoSample { why: "it could not start".into() }
}

async fn health(store: &Store, project: ProjectId) -> Health {
    store
        .health(project, Some("shop".into()))
        .await
        .unwrap()
        .first()
        .map_or(Health::Unknown, |row| row.health.health)
}

contract! {
    async fn slices_make_health_and_only_runs_that_tell_something_are_kept(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![probe("watch", "shop")], at(0)).await.unwrap();
        assert_eq!(health(store, project).await, Health::Unknown);

        let of = async |runbook: &str| store.schedules_of(project, &[runbook.to_owned()]).await.unwrap();
        assert_eq!(of("deploy").await, store.schedules(project).await.unwrap());
        assert!(of("other").await.is_empty() && store.schedules_of(project, &[]).await.unwrap().is_empty());

        let (first, taken) = look(store, project, "watch", 10, Outcome::Good, &[]).await;
        assert_eq!(store.health_of(project, &["shop".into(), "db".into()]).await.unwrap(), store.health(project, None).await.unwrap());
        assert!(store.health_of(project, &["db".into()]).await.unwrap().is_empty());
        let changed = taken.health.unwrap();
        let known = store.probe(project, "watch").await.unwrap().unwrap();
        assert_eq!(known.watched.newest.unwrap().run, Some(first));
        assert_eq!(store.probe(project, "other").await.unwrap(), None);
        assert_eq!((changed.before, changed.health.health), (Health::Unknown, Health::Ok));
        let (second, taken) = look(store, project, "watch", 20, Outcome::Good, &[]).await;
        assert_eq!((taken.health, taken.pruned), (None, None), "the first of its kind stays");
        let (third, taken) = look(store, project, "watch", 30, Outcome::Good, &[]).await;
        assert_eq!(taken.pruned, Some(second), "one that ended as the one before is not kept when another comes");
        let (fourth, taken) = look(store, project, "watch", 40, bad(), &[]).await;
        assert_eq!(taken.health.unwrap().health.health, Health::Bad);
        let (fifth, _) = look(store, project, "watch", 50, bad(), &[]).await;
        let (sixth, taken) = look(store, project, "watch", 60, bad(), &[]).await;
        assert_eq!(taken.pruned, None, "failures are kept");
        for (run, kept) in [(first, true), (second, false), (third, true), (fourth, true), (fifth, true), (sixth, true)] {
            assert_eq!(store.run_by_id(run).await.unwrap().is_some(), kept);
            assert_eq!(store.run_events(run).await.unwrap().is_empty(), !kept);
        }
        // A blind look proves nothing either way.
        let (_, taken) = look(store, project, "watch", 70, blind(), &[]).await;
        assert_eq!(taken.health, None);
        assert_eq!(health(store, project).await, Health::Bad);

        let known = store.probes(project, Some("shop".into())).await.unwrap().remove(0);
        assert_eq!((known.name.as_str(), known.blind.as_deref()), ("watch", Some("it could not start")));
        let spans = store.slice_spans(known.schedule, at(0)).await.unwrap();
        let shown: Vec<_> = spans.iter().map(|span| (span.outcome.as_str(), span.count, span.from, span.to)).collect();
        assert_eq!(shown, [("good", 3, at(10), at(30)), ("bad", 3, at(40), at(60)), ("no_sample", 1, at(70), at(70))]);
        let filter = HealthChangeFilter { service: Some("shop".into()), limit: 9, ..HealthChangeFilter::default() };
        let changes = store.health_changes(project, filter).await.unwrap();
        let shown: Vec<_> = changes.iter().map(|change| (change.at, change.health.health)).collect();
        assert_eq!(shown, [(at(40), Health::Bad), (at(10), Health::Ok)]);
        assert!(changes[0].health.cause.contains("exit code 1"), "{}", changes[0].health.cause);
        let listed = store.runs("default", store::RunFilter { limit: 99, ..Default::default() }).await.unwrap();
        assert!(listed.runs.is_empty(), "what only observes stands in no list of all");
        let filter = store::RunFilter { runbook: Some("deploy".into()), limit: 99, ..Default::default() };
        assert_eq!(store.runs("default", filter).await.unwrap().runs.len(), 6, "but in its runbook's");
    }

    async fn silence_is_stale_and_never_green(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![probe("watch", "shop")], at(0)).await.unwrap();
        look(store, project, "watch", 10, Outcome::Good, &[]).await;
        let silent_at = store.next_silence().await.unwrap().unwrap();
        assert_eq!(silent_at, at(40));
        assert!(store.take_in_silence(silent_at).await.unwrap().is_empty(), "not before it is over");
        let id = row(store, project, "watch").await.id;
        assert_eq!(store.did_not_look(id, "default", "it may not start", at(35)).await.unwrap().health, None);
        let changed = store.take_in_silence(silent_at + SignedDuration::from_micros(1)).await.unwrap();
        assert_eq!(changed[0].health.health, Health::Stale);
        assert!(changed[0].health.cause.contains("it may not start"), "{}", changed[0].health.cause);
        assert_eq!(store.next_silence().await.unwrap(), None, "it is said once");
        let (_, taken) = look(store, project, "watch", 90, Outcome::Good, &[]).await;
        assert_eq!(taken.health.unwrap().health.health, Health::Ok);
    }

    async fn a_probe_that_is_gone_says_nothing_any_more(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![probe("watch", "shop"), probe("other", "shop")], at(0)).await.unwrap();
        look(store, project, "watch", 10, bad(), &[]).await;
        look(store, project, "other", 11, Outcome::Good, &[]).await;
        assert_eq!(health(store, project).await, Health::Bad);
        store.sync_schedules(project, vec![probe("other", "shop")], at(20)).await.unwrap();
        assert_eq!(health(store, project).await, Health::Ok);
        store.sync_schedules(project, vec![probe("other", "db")], at(21)).await.unwrap();
        assert_eq!(health(store, project).await, Health::Unknown, "it watches another service now");
        let changes = store.health_changes(project, HealthChangeFilter { limit: 9, ..Default::default() }).await.unwrap();
        let shown: Vec<_> = changes.iter().map(|change| (change.service.as_str(), change.health.health)).collect();
        assert_eq!(shown[..2], [("shop", Health::Unknown), ("shop", Health::Ok)]);
    }

    async fn facts_become_stale_when_nobody_sees_them_any_more(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![collector("facts")], at(0)).await.unwrap();
        let (_, taken) = look(store, project, "facts", 10, Outcome::Good, &[("version", "1"), ("nodes", "3")]).await;
        assert_eq!(taken.stale_at, Some(at(70)));
        assert_eq!(taken.of, Some(("shop".to_owned(), "production".to_owned())));
        // What breaks off sees only some of them again.
        let (_, taken) = look(store, project, "facts", 20, bad(), &[("version", "1")]).await;
        assert!(taken.failing_changed);
        let (_, taken) = look(store, project, "facts", 25, bad(), &[]).await;
        assert!(!taken.failing_changed, "it failed before");
        let expiring = |from: i64| async move {
            let expiring = store.facts_expiring(at(from)).await.unwrap();
            assert!(expiring.iter().all(|expire| expire.project == "default" && expire.service == "shop"));
            expiring.into_iter().map(|expire| expire.at).collect::<Vec<_>>()
        };
        assert_eq!(expiring(0).await, [at(70), at(80)]);
        assert_eq!(expiring(71).await, [at(80)]);
        let (_, taken) = look(store, project, "facts", 30, Outcome::Good, &[("version", "1")]).await;
        assert!(taken.failing_changed, "it fails no more");
        assert_eq!(expiring(0).await, [at(90)], "of what is gone nothing is expected");
        store.sync_schedules(project, Vec::new(), at(40)).await.unwrap();
        assert!(expiring(0).await.is_empty(), "nobody collects any more");
    }

    async fn facts_keep_their_history_and_what_is_not_seen_any_more_is_gone(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![collector("facts")], at(0)).await.unwrap();
        let (_, taken) = look(store, project, "facts", 10, Outcome::Good, &[("version", "1"), ("nodes", "3")]).await;
        assert!(taken.facts_changed);
        let (same, taken) = look(store, project, "facts", 20, Outcome::Good, &[("version", "1"), ("nodes", "3")]).await;
        assert!(!taken.facts_changed);
        let (changed, taken) = look(store, project, "facts", 30, Outcome::Good, &[("version", "2")]).await;
        assert!(taken.facts_changed);
        assert_eq!(taken.pruned, Some(same));
        // What fails says nothing of what it did not see.
        look(store, project, "facts", 40, bad(), &[("version", "2")]).await;

        let (known, facts) = store.facts(project, "shop").await.unwrap().remove(0);
        assert_eq!(store.collector(project, &known.name).await.unwrap().as_ref(), Some(&known));
        assert_eq!((known.observed_at, known.failure.as_deref()), (Some(at(30)), Some("exit code 1")));
        assert_eq!(known.observed_in, Some(changed));
        let shown: Vec<_> = facts
            .iter()
            .map(|fact| (fact.key.as_str(), fact.value.as_str(), fact.gone, fact.observed_at, fact.changed_at))
            .collect();
        assert_eq!(
            shown,
            [("nodes", "3", true, at(20), at(30)), ("version", "2", false, at(40), at(30))],
            "a failed look saw what it saw"
        );
        assert_eq!(facts[1].previous.as_deref(), Some("1"));
        let filter = FactChangeFilter { service: Some("shop".into()), limit: 9, ..FactChangeFilter::default() };
        let changes = store.fact_changes(project, filter).await.unwrap();
        let shown: Vec<_> =
            changes.iter().map(|change| (change.at, change.key.as_str(), change.value.as_deref())).collect();
        let expected = [
            (at(30), "nodes", None),
            (at(30), "version", Some("2")),
            (at(10), "nodes", Some("3")),
            (at(10), "version", Some("1")),
        ];
        assert_eq!(shown, expected);
        let then = store.facts_at(project, "shop", "production", at(29)).await.unwrap();
        let shown: Vec<_> = then.iter().map(|fact| (fact.key.as_str(), fact.value.as_deref())).collect();
        assert_eq!(shown, [("nodes", Some("3")), ("version", Some("1"))]);
    }

    async fn definitions_are_read_by_their_kind(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        let all = store.published_definitions::<model::runbook::Runbook>(project, "Runbook").await.unwrap();
        assert_eq!(all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["deploy"]);
        let one = store.published_definition::<model::runbook::Runbook>(project, "Runbook", "deploy").await.unwrap();
        assert_eq!(one.unwrap().definition.name, "deploy");
        let none = store.published_definition::<model::runbook::Runbook>(project, "Runbook", "nothing").await.unwrap();
        assert!(none.is_none());
        let around = async |names: &[&str], text: Option<&str>| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let found = store.published_around::<model::runbook::Runbook>(project, "Runbook", &names, text).await.unwrap();
            found.into_iter().map(|one| one.name).collect::<Vec<_>>()
        };
        assert_eq!(around(&["deploy", "nothing"], None).await, ["deploy"]);
        assert_eq!(around(&[], Some("\"name\":\"deploy\"")).await, ["deploy"]);
        assert!(around(&["nothing"], Some("\"name\":\"nothing\"")).await.is_empty());
        assert!(around(&[], None).await.is_empty());
        assert!(store.published_schedules(project).await.unwrap().is_empty());
        assert!(store.published_watchers(project).await.unwrap().is_empty());
    }
}
