//! Lists: every filter, pages that end, and no scan of the table.

use jiff::SignedDuration;
use model::{
    id::{RunId, Uuid},
    run::{RunState, StepOutcome},
};
use sqlx::Row;
use store::{LOOKED_AT_MAX, RunFilter};

use crate::{
    bed::contract,
    samples::{bob, finished, now, project, requested_of},
};

fn all() -> RunFilter {
    RunFilter { limit: 50, ..RunFilter::default() }
}

contract! {
    async fn every_filter_finds_what_it_says(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let mut ids = Vec::new();
        for n in 0..8 {
            let mut requested = requested_of("default", if n % 2 == 0 { "deploy-web" } else { "restart" }, 1);
            requested.service = (n % 3 == 0).then(|| "shop".into());
            requested.reason = Some(format!("Because of OPS-{n}"));
            requested.title = Some("The Title".into());
            if n >= 6 {
                requested.by = bob();
            }
            ids.push(requested.id);
            bed.store.request_run(project, requested, now(), None, 1).await.unwrap();
        }
        for n in [1, 2] {
            bed.store.advance(ids[n], now(), finished(0, StepOutcome::Failed), 0).await.unwrap();
        }
        let list = async |filter: RunFilter| {
            let page = bed.store.runs("default", filter).await.unwrap();
            page.runs.iter().map(|run| ids.iter().position(|id| *id == run.id).unwrap()).collect::<Vec<_>>()
        };
        let text = |text: &str| RunFilter { text: Some(text.into()), ..all() };
        assert_eq!(list(RunFilter { service: Some("shop".into()), ..all() }).await, [6, 3, 0]);
        assert_eq!(list(RunFilter { requested_by: Some("bob".into()), ..all() }).await, [7, 6]);
        assert_eq!(list(RunFilter { runbook: Some("restart".into()), ..all() }).await, [7, 5, 3, 1]);
        assert_eq!(list(RunFilter { states: vec![RunState::Failed], ..all() }).await, [2, 1]);
        let both = vec![RunState::Failed, RunState::Running];
        assert_eq!(list(RunFilter { states: both.clone(), limit: 7, ..all() }).await, [7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(list(RunFilter { states: both, service: Some("shop".into()), runbook: Some("restart".into()), ..all() }).await, [3]);
        assert_eq!(list(text("ops-3")).await, [3]);
        assert_eq!(list(text("WEB title")).await, [6, 4, 2, 0]);
        assert_eq!(list(text("web nothing")).await, [0; 0]);
        assert_eq!(list(text("%")).await, [0; 0], "what is sought is text, not a pattern");
        assert_eq!(list(RunFilter { from: Some(now() - SignedDuration::from_mins(1)), ..all() }).await.len(), 8);
        assert_eq!(list(RunFilter { from: Some(now() + SignedDuration::from_mins(1)), ..all() }).await, [0; 0]);
        assert_eq!(list(RunFilter { to: Some(now() - SignedDuration::from_mins(1)), ..all() }).await, [0; 0]);
    }

    async fn pages_follow_each_other_to_the_end(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let mut ids = Vec::new();
        for _ in 0..7 {
            let requested = requested_of("default", "deploy", 1);
            ids.push(requested.id);
            bed.store.request_run(project, requested, now(), None, 0).await.unwrap();
        }
        for filter in [all(), RunFilter { text: Some("deploy".into()), ..all() }, RunFilter { states: vec![RunState::Queued], ..all() }] {
            let mut seen = Vec::new();
            let mut after = None;
            let mut pages = 0;
            loop {
                let page = bed.store.runs("default", RunFilter { limit: 3, after, ..filter.clone() }).await.unwrap();
                pages += 1;
                seen.extend(page.runs.iter().map(|run| run.id));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            seen.reverse();
            assert_eq!((seen, pages), (ids.clone(), 3), "the last page knows that it is");
        }
    }

    async fn a_search_says_how_far_it_came(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let mut requested = requested_of("default", "rare", 1);
        requested.reason = Some("needle".into());
        let needle = requested.id;
        bed.store.request_run(id, requested, now(), None, 0).await.unwrap();
        // Many newer ones, past the store.
        bed.execute(if bed.is_postgres() {
            "INSERT INTO runs (id, project, runbook, digest, state, revision, run, requested_by, requested_at) \
             SELECT ('ffffffff-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, project, 'many', digest, 'queued', 1, run, \
             'ann', requested_at FROM runs, generate_series(1, 6000) n"
        } else {
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 6000) \
             INSERT INTO runs (id, project, runbook, digest, state, revision, run, requested_by, requested_at) \
             SELECT unhex('ffffffff000070008000' || printf('%012x', n)), project, 'many', digest, 'queued', 1, run, 'ann', \
             requested_at FROM runs, c"
        })
        .await;
        let filter = RunFilter { text: Some("needle".into()), ..all() };
        let first = bed.store.runs("default", filter.clone()).await.unwrap();
        assert!(first.runs.is_empty() && first.next.is_some(), "{first:?}");
        const { assert!(LOOKED_AT_MAX < 6000) };
        let second = bed.store.runs("default", RunFilter { after: first.next, ..filter }).await.unwrap();
        assert_eq!(second.runs.iter().map(|run| run.id).collect::<Vec<_>>(), [needle]);
        assert_eq!(second.next, None);
        // Unfinished ones come in pages too.
        let some = bed.store.unfinished_runs(None, 2).await.unwrap();
        assert_eq!(some[0].id, needle);
        let more = bed.store.unfinished_runs(Some(RunId(Uuid::from_u128(u128::MAX))), 2).await.unwrap();
        assert!(more.is_empty());
    }

    /// `EXPLAIN QUERY PLAN` of what lists and starts ask: an index each, never the table from end to end.
    async fn no_list_scans_the_table(bed: &Bed) {
        if bed.is_postgres() {
            return;
        }
        project(&bed.store, "default").await;
        let mut connection = bed.sqlite_connection().await;
        let inner = "SELECT id FROM runs WHERE project = x'00' AND background = 0";
        let of_runbook = "SELECT id FROM runs WHERE project = x'00'";
        let queries = [
            format!("{inner} AND id < x'01' ORDER BY id DESC LIMIT 50"),
            format!("{of_runbook} AND runbook = 'a' AND state = 'failed' AND id < x'01' ORDER BY id DESC LIMIT 50"),
            format!("{of_runbook} AND runbook = 'a' AND id < x'01' ORDER BY id DESC LIMIT 50"),
            format!("{inner} AND service = 'a' AND state = 'failed' AND id < x'01' ORDER BY id DESC LIMIT 50"),
            format!("{inner} AND requested_by = 'a' AND state = 'failed' AND id < x'01' ORDER BY id DESC LIMIT 50"),
            format!("{inner} AND state = 'failed' AND id < x'01' ORDER BY id DESC LIMIT 50"),
            "SELECT id FROM runs WHERE wake_at IS NOT NULL AND wake_at <= 1 ORDER BY wake_at LIMIT 9".into(),
            "SELECT min(wake_at) AS next FROM runs WHERE wake_at IS NOT NULL".into(),
            "SELECT id FROM runs r WHERE r.finished_at IS NULL AND r.id > x'00' ORDER BY r.id LIMIT 9".into(),
            "SELECT run, place, running FROM run_steps WHERE running IS NOT NULL ORDER BY run, place".into(),
            "SELECT r.id, t.step FROM tasks t JOIN runs r ON r.id = t.run ORDER BY t.line, t.run, t.step LIMIT 9".into(),
        ];
        for query in queries {
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"));
            let rows = sqlx::query(explain).fetch_all(&mut connection).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            let plan = plan.join("; ");
            assert!(plan.contains("INDEX") && !plan.contains("TEMP B-TREE"), "{query}: {plan}");
            assert!(!plan.contains("SCAN runs") || plan.contains("runs_unfinished"), "{query}: {plan}");
        }
    }
}
