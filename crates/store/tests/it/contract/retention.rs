//! What the view remembers: rolled up without a day saying something else, gone when its time is over, and the disk given back.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use model::{
    health::Outcome,
    id::ScheduleId,
    uptime::{Counts, Day},
};
use store::{FactChangeFilter, HealthChangeFilter, History, Retention, Store};

use super::observing::{at, bad, collector, look, probe, row};
use crate::{bed::contract, samples::project};

/// A thousand stretches of the one schedule, of all outcomes, most within a day and some over several, with gaps.
const STRETCHES: &str = "INSERT INTO slices (schedule, from_at, to_at, outcome, count) \
    WITH RECURSIVE n(i, at) AS (SELECT 1, 1800000000000000 UNION ALL \
    SELECT i + 1, at + CAST(60000000 AS BIGINT) * (1 + (i * 7919) % 97) + CASE i % 50 WHEN 0 THEN 200000000000 ELSE 0 END \
    FROM n WHERE i < 1000) \
    SELECT s.id, at, at + CASE i % 50 WHEN 0 THEN 190000000000 ELSE 30000000 * ((i * 31) % 3) END, \
    CASE i % 3 WHEN 0 THEN 'bad' WHEN 1 THEN 'good' ELSE 'no_sample' END, 1 + (i * 13) % 29 FROM n CROSS JOIN schedules s";

const SLICES: &str = "SELECT count(*) FROM slices";

/// A change of health each minute, each with a piece of evidence, and the event that says so.
const CHANGES: &str = "INSERT INTO health_changes (project, service, environment, at, before, health) \
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
    SELECT h.project, h.service, h.environment, 1800000000000000 + 60000000 * CAST(i AS BIGINT), 'ok', h.health \
    FROM n CROSS JOIN health h";

async fn uptime(store: &Store, id: ScheduleId) -> BTreeMap<Day, Counts> {
    store.uptime(id, at(0)).await.unwrap()
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

contract! {
    async fn rolled_up_days_say_what_their_slices_said(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![probe("watch", "shop"), probe("other", "shop")], at(0)).await.unwrap();
        let (watch, other) = (row(store, project, "watch").await.id, row(store, project, "other").await.id);
        bed.execute(STRETCHES).await;
        let slices = bed.number(SLICES).await;
        assert_eq!(slices, 2000);
        let before = uptime(store, watch).await;
        let all: u64 = before.values().map(|day| day.good + day.bad + day.no_sample).sum();
        let counted = bed.number("SELECT CAST(sum(count) AS BIGINT) FROM slices").await;
        assert_eq!(i64::try_from(2 * all).unwrap(), counted, "each slice is on one day");
        assert!(before.len() > 60, "{} days", before.len());
        let since = store.uptime(watch, at(0) + days(40)).await.unwrap();
        let expected: BTreeMap<_, _> = before.clone().into_iter().filter(|(day, _)| *day >= Day::of(at(0) + days(40))).collect();
        assert_eq!(since, expected, "days from one on");

        for to in [at(0), at(0) + days(3), at(0) + days(30), at(0) + days(31), at(0) + days(1000)] {
            while store.roll_up_slices(to, 37).await.unwrap() > 0 {}
            assert_eq!(uptime(store, watch).await, before, "up to {to}");
            assert_eq!(uptime(store, other).await, before, "up to {to}");
        }
        assert_eq!(bed.number(SLICES).await, 2, "the newest of each may still grow");

        let to = at(0) + days(30);
        while store.forget(History::SliceDays, to, 10).await.unwrap() > 0 {}
        let kept = before.into_iter().filter(|(day, _)| *day >= Day::of(to)).collect::<BTreeMap<_, _>>();
        assert_eq!(uptime(store, watch).await, kept);
    }

    async fn what_the_view_remembers_goes_by_its_age(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![probe("watch", "shop")], at(0)).await.unwrap();
        for (second, outcome) in [(10, Outcome::Good), (20, bad()), (30, Outcome::Good), (40, bad())] {
            look(store, project, "watch", second, outcome, &[]).await;
        }
        bed.execute(
            "INSERT INTO firings (schedule, generation, due_at, state, count, recorded_at) \
             SELECT id, 1, 1800000010000000, 'fired', 1, 0 FROM schedules",
        )
        .await;
        let changes = || async {
            let filter = HealthChangeFilter { limit: 99, ..HealthChangeFilter::default() };
            store.health_changes(project, filter).await.unwrap().len()
        };
        assert_eq!(changes().await, 4);
        let said = "SELECT count(*) FROM events WHERE type = 'health.changed'";
        assert_eq!(bed.number(said).await, 4);
        let others = "SELECT count(*) FROM events WHERE type <> 'health.changed'";
        let others_before = bed.number(others).await;

        assert_eq!(store.forget(History::HealthChanges, at(30), 1).await.unwrap(), 1, "no more than was said");
        assert_eq!(store.forget(History::HealthChanges, at(30), 9).await.unwrap(), 1, "of those before it");
        assert_eq!(changes().await, 2);
        assert_eq!(store.forget(History::Firings, at(10), 9).await.unwrap(), 0);
        assert_eq!(store.forget(History::Firings, at(11), 9).await.unwrap(), 1);
        // Events go by the time in their ids, which is the machine's.
        assert_eq!(store.forget(History::Events, Timestamp::now() - days(1), 9).await.unwrap(), 0);
        assert_eq!(store.forget(History::Events, Timestamp::now() + days(1), 3).await.unwrap(), 3);
        assert_eq!(store.forget(History::Events, Timestamp::now() + days(1), 9).await.unwrap(), 1);
        assert_eq!(bed.number(others).await, others_before, "what is told of runs and people stays");
    }

    async fn facts_are_known_at_every_moment_that_is_kept(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![collector("facts")], at(0)).await.unwrap();
        let looks: [(i64, &[(&str, &str)]); 5] = [
            (10, &[("version", "1"), ("nodes", "3"), ("old", "x")]),
            (20, &[("version", "2"), ("nodes", "3"), ("old", "x")]),
            (30, &[("version", "3"), ("nodes", "3")]),
            (40, &[("version", "4"), ("nodes", "3")]),
            (50, &[("version", "5"), ("nodes", "3")]),
        ];
        for (second, facts) in looks {
            look(store, project, "facts", second, Outcome::Good, facts).await;
        }
        let then = |moment: i64| async move {
            let known = store.facts_at(project, "shop", "production", at(moment)).await.unwrap();
            known.into_iter().filter(|fact| fact.value.is_some()).map(|fact| (fact.key, fact.value)).collect::<Vec<_>>()
        };
        let before = (then(35).await, then(40).await, then(99).await);
        assert_eq!(before.0.len(), 2);
        while store.forget(History::FactChanges, at(35), 1).await.unwrap() > 0 {}
        assert_eq!((then(35).await, then(40).await, then(99).await), before);
        let kept = store.fact_changes(project, FactChangeFilter { limit: 99, ..FactChangeFilter::default() }).await.unwrap();
        let kept: Vec<_> = kept.iter().map(|change| (change.key.as_str(), change.value.as_deref())).collect();
        let expected =
            [("version", Some("5")), ("version", Some("4")), ("version", Some("3")), ("nodes", Some("3"))];
        assert_eq!(kept, expected, "what was gone by then leaves nothing");

        let facts = || async { store.facts(project, "shop").await.unwrap().remove(0).1.len() };
        assert_eq!(facts().await, 3);
        assert_eq!(store.forget(History::GoneFacts, at(30), 9).await.unwrap(), 0);
        assert_eq!(store.forget(History::GoneFacts, at(31), 9).await.unwrap(), 1);
        assert_eq!(facts().await, 2);
    }

    async fn a_fact_that_always_changes_keeps_its_newest_changes(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![collector("facts")], at(0)).await.unwrap();
        look(store, project, "facts", 5000, Outcome::Good, &[("load", "0"), ("version", "1")]).await;
        bed.execute(
            "INSERT INTO fact_changes (project, service, environment, target, key, at, value, run, schedule) \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1098) \
             SELECT c.project, c.service, c.environment, c.target, c.key, c.at - 1000000 * CAST(i AS BIGINT), 'x', c.run, \
             c.schedule FROM n CROSS JOIN fact_changes c WHERE c.key = 'load'",
        )
        .await;
        bed.execute("UPDATE facts SET changes = 1099 WHERE key = 'load'").await;
        look(store, project, "facts", 5010, Outcome::Good, &[("load", "1"), ("version", "1")]).await;
        let filter = FactChangeFilter { limit: 9999, ..FactChangeFilter::default() };
        let kept = store.fact_changes(project, filter).await.unwrap();
        let (load, other): (Vec<_>, Vec<_>) = kept.into_iter().partition(|change| change.key == "load");
        assert_eq!((load.len(), other.len()), (1000, 1));
        assert_eq!(load[0].value.as_deref(), Some("1"));
        assert_eq!(load[999].at, at(5000 - 998));
        assert_eq!(bed.number("SELECT changes FROM facts WHERE key = 'load'").await, 1000);
        assert_eq!(bed.number("SELECT changes FROM facts WHERE key = 'version'").await, 1);
    }

    async fn runs_that_told_something_go_but_for_the_newest(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![probe("watch", "shop")], at(0)).await.unwrap();
        bed.execute("UPDATE schedules SET runbook = 'deploy'").await;
        let mut runs = Vec::new();
        for second in 1..=6 {
            let outcome = if second % 2 == 0 { Outcome::Good } else { bad() };
            runs.push(look(store, project, "watch", second * 10, outcome, &[]).await.0);
        }
        let long_ago = Timestamp::now() - days(1);
        let mut gone = store.observing_runs_to_forget(long_ago, 4, 9).await.unwrap();
        gone.sort();
        assert_eq!(gone, runs[..2], "more than four");
        assert_eq!(store.observing_runs_to_forget(long_ago, 4, 1).await.unwrap().len(), 1);
        store.forget_observing_runs(gone.clone()).await.unwrap();
        assert_eq!(store.runs_kept(&runs).await.unwrap(), runs[2..].iter().copied().collect());
        assert!(store.runs_kept(&[]).await.unwrap().is_empty());
        for run in &gone {
            assert!(store.run_by_id(*run).await.unwrap().is_none());
            assert!(store.run_events(*run).await.unwrap().is_empty());
        }
        assert!(store.observing_runs_to_forget(long_ago, 4, 9).await.unwrap().is_empty());
        let mut gone = store.observing_runs_to_forget(Timestamp::now() + days(1), 9, 9).await.unwrap();
        gone.sort();
        assert_eq!(gone, runs[2..5], "too old, but for the newest");
        // It goes on as if they were there.
        store.forget_observing_runs(gone).await.unwrap();
        look(store, project, "watch", 70, bad(), &[]).await;
        look(store, project, "watch", 80, bad(), &[]).await;
    }

    async fn what_kept_runs_take_is_said_within_reason(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![probe("watch", "shop")], at(0)).await.unwrap();
        let before = (store.size().await.unwrap(), store.history_size(0).await.unwrap().unwrap());
        for second in 1..=60 {
            let outcome = if second % 2 == 0 { Outcome::Good } else { bad() };
            look(store, project, "watch", second * 10, outcome, &[]).await;
        }
        let after = (store.size().await.unwrap(), store.history_size(0).await.unwrap().unwrap());
        // On PostgreSQL others fill and empty the same database meanwhile.
        let (real, said) = (after.0.used.saturating_sub(before.0.used), after.1.bytes - before.1.bytes);
        assert!(bed.is_postgres() || (real..real * 2).contains(&said), "{said} said, {real} taken");
    }

    async fn disk_is_given_back(bed: &Bed) {
        let store = &bed.store;
        let project = project(store, "default").await;
        store.sync_schedules(project, vec![probe("watch", "shop")], at(0)).await.unwrap();
        look(store, project, "watch", 10, Outcome::Good, &[]).await;
        assert_eq!(store.history_size(Retention::default().most).await.unwrap(), None, "the store itself is smaller");
        let empty = store.history_size(0).await.unwrap().unwrap();
        let small = store.size().await.unwrap();
        bed.execute(CHANGES).await;
        let full = store.history_size(0).await.unwrap().unwrap();
        assert_eq!(full.oldest, Some(at(10)));
        let grown = full.bytes - empty.bytes;
        assert!(grown > 20_000 * 300, "{grown} bytes");
        let large = store.size().await.unwrap();
        if !bed.is_postgres() {
            let real = large.used - small.used;
            assert!(real.abs_diff(grown) < real / 20, "{grown} said, and the file grew by {real}");
        }

        let mut pieces = 0;
        while store.forget(History::HealthChanges, at(0) + days(1000), 1000).await.unwrap() > 0 {
            pieces += 1;
        }
        assert_eq!(pieces, 21);
        let after = store.history_size(0).await.unwrap().unwrap();
        assert!(after.bytes < empty.bytes + grown / 20, "{after:?}, {empty:?}");
        if bed.is_postgres() {
            assert!(!store.give_back_pages(100).await.unwrap(), "it sees to that itself");
            return;
        }
        let length = || std::fs::metadata(bed.file()).unwrap().len();
        assert!(store.size().await.unwrap().free > 5_000_000);
        let mut pieces = 0;
        while store.give_back_pages(100).await.unwrap() {
            pieces += 1;
        }
        assert!(pieces > 10, "in {pieces} pieces");
        let end = store.size().await.unwrap();
        assert!(end.shrinks && end.free <= 1_100_000, "{end:?}");
        assert!(length() < small.used + 2_000_000, "{} bytes of a file with {end:?}", length());
        assert_eq!(bed.number("SELECT count(*) FROM health").await, 1);
    }
}
