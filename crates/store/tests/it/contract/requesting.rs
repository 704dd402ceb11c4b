//! Asking for runs, and listing them.

use model::{
    api::RunSummary,
    run::{RunEffect, RunState, StepOutcome},
};
use store::{RunFilter, StoreError};

use crate::{
    bed::contract,
    samples::{cancel, finished, now, project, queued, requested_of, running, started, whole},
};

contract! {
    async fn a_run_is_stored_with_its_event_and_its_task(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let requested = requested_of("default", "deploy", 2);
        let id = requested.id;
        let answered = bed.store.request_run(project, requested.clone(), now(), None, 0).await.unwrap();
        assert!(!answered.replayed);
        let run = whole(&bed.store, "default", id).await;
        assert_eq!(answered.answer.run, run, "the answer is what is stored");
        assert_eq!((run.state, run.revision, &run.inputs), (RunState::Queued, 2, &requested.inputs));
        assert_eq!(&run.reason, &requested.reason);
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 1);
    }

    async fn a_run_that_starts_at_once_queues_nothing(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let requested = requested_of("default", "deploy", 2);
        let id = requested.id;
        let answered = bed.store.request_run(project, requested, now(), None, 1).await.unwrap();
        let run = whole(&bed.store, "default", id).await;
        assert_eq!(answered.answer.run, run);
        assert_eq!(answered.answer.effects, [RunEffect::Began, RunEffect::Started { step: 0, attempt: 1 }]);
        assert_eq!((run.state, running(&run)), (RunState::Running, Some(0)));
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
        assert_eq!(bed.store.claim(now(), 9).await.unwrap(), [], "nobody else starts it");
        let events = bed.store.run_events(id).await.unwrap();
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["run.requested", "run.started", "step.started"]);
    }

    async fn a_run_in_no_project_or_twice_is_refused(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let requested = requested_of("default", "deploy", 1);
        let nowhere = model::id::ProjectId(model::id::Uuid::now_v7());
        assert!(bed.store.request_run(nowhere, requested.clone(), now(), None, 0).await.is_err());
        bed.store.request_run(project, requested.clone(), now(), None, 0).await.unwrap();
        assert!(bed.store.request_run(project, requested.clone(), now(), None, 0).await.is_err());
        whole(&bed.store, "default", requested.id).await;
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 1);
    }

    async fn a_request_with_a_nul_is_refused_by_either_engine(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let mut requested = requested_of("default", "deploy", 1);
        requested.reason = Some("a\0b".into());
        let error = bed.store.request_run(project, requested, now(), None, 0).await.unwrap_err();
        assert!(matches!(error, StoreError::HasNul), "{error}");
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
    }

    async fn a_run_of_one_project_is_not_seen_in_another(bed: &Bed) {
        let one = project(&bed.store, "default").await;
        project(&bed.store, "other").await;
        let run = queued(&bed.store, one, 1).await;
        assert!(bed.store.run("default", run.id).await.unwrap().is_some());
        assert_eq!(bed.store.run("other", run.id).await.unwrap(), None);
        assert_eq!(bed.store.run("nowhere", run.id).await.unwrap(), None);
        let all = RunFilter { limit: 9, ..RunFilter::default() };
        assert_eq!(bed.store.runs("other", all.clone()).await.unwrap().runs, []);
        assert_eq!(bed.store.runs("default", all).await.unwrap().runs, [RunSummary { waits_for: Some("step `step_1`: a free place on a runner".into()), ..RunSummary::from(&*run) }]);
    }

    async fn runs_come_newest_first_in_pages_and_filtered(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let mut ids = Vec::new();
        for n in 0..7 {
            let runbook = if n % 2 == 0 { "deploy" } else { "other" };
            let requested = requested_of("default", runbook, 1);
            ids.push(requested.id);
            bed.store.request_run(project, requested, now(), None, 0).await.unwrap();
        }
        bed.store.advance(ids[0], now(), started(0), 0).await.unwrap();
        bed.store.advance(ids[1], now(), cancel(), 0).await.unwrap();
        let list = async |filter: RunFilter| {
            let runs = bed.store.runs("default", filter).await.unwrap().runs;
            runs.iter().map(|run| ids.iter().position(|id| *id == run.id).unwrap()).collect::<Vec<_>>()
        };
        let all = RunFilter { limit: 50, ..RunFilter::default() };
        assert_eq!(list(all.clone()).await, [6, 5, 4, 3, 2, 1, 0]);
        assert_eq!(list(RunFilter { limit: 3, ..all.clone() }).await, [6, 5, 4]);
        assert_eq!(list(RunFilter { limit: 3, after: Some(ids[4]), ..all.clone() }).await, [3, 2, 1]);
        let other = RunFilter { runbook: Some("other".into()), ..all.clone() };
        assert_eq!(list(other.clone()).await, [5, 3, 1]);
        assert_eq!(list(RunFilter { after: Some(ids[3]), ..other.clone() }).await, [1]);
        let states = vec![RunState::Running, RunState::Canceled];
        assert_eq!(list(RunFilter { states: states.clone(), ..all.clone() }).await, [1, 0]);
        assert_eq!(list(RunFilter { states, limit: 1, ..other }).await, [1]);
        assert_eq!(list(RunFilter { states: vec![RunState::Unknown], ..all.clone() }).await, [0; 0]);
        assert_eq!(list(RunFilter { limit: 0, ..all }).await, [0; 0]);
    }

    async fn the_newest_run_of_each_runbook_is_found(bed: &Bed) {
        let one = project(&bed.store, "default").await;
        let two = project(&bed.store, "other").await;
        let mut newest = Vec::new();
        for runbook in ["a", "b", "a", "c", "a"] {
            let requested = requested_of("default", runbook, 1);
            newest.push((runbook, requested.id));
            bed.store.request_run(one, requested, now(), None, 0).await.unwrap();
        }
        bed.store.request_run(two, requested_of("other", "a", 1), now(), None, 0).await.unwrap();
        let mut names: Vec<String> = ["a", "b", "never"].map(String::from).to_vec();
        let found = bed.store.newest_runs(one, names.clone()).await.unwrap();
        let mut found: Vec<_> = found.iter().map(|run| (run.runbook.as_str(), run.id)).collect();
        found.sort_unstable();
        assert_eq!(found, [newest[4], newest[1]]);
        assert!(bed.store.newest_runs(one, Vec::new()).await.unwrap().is_empty());
        // A whole page of runbooks.
        names.extend((0..200).map(|n| format!("r{n}")));
        assert_eq!(bed.store.newest_runs(one, names).await.unwrap().len(), 2);
    }

    async fn unfinished_runs_are_those_that_have_not_ended_oldest_first(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let mut runs = Vec::new();
        for _ in 0..5 {
            runs.push(queued(&bed.store, project, 1).await.id);
        }
        for id in &runs[1..4] {
            bed.store.advance(*id, now(), started(0), 0).await.unwrap();
        }
        bed.store.advance(runs[2], now(), cancel(), 0).await.unwrap();
        bed.store.advance(runs[3], now(), finished(0, StepOutcome::Unknown), 0).await.unwrap();
        bed.store.advance(runs[4], now(), cancel(), 0).await.unwrap();
        let left: Vec<_> = bed.store.unfinished_runs(None, 9).await.unwrap().iter().map(|run| (run.id, run.state)).collect();
        let expected =
            [(runs[0], RunState::Queued), (runs[1], RunState::Running), (runs[2], RunState::Canceling)];
        assert_eq!(left, expected);
    }
}
