//! The queue: oldest first, each task to one claimer.

use std::collections::BTreeSet;

use model::run::{RunEffect, RunState, StepOutcome, StepState};

use crate::{
    bed::contract,
    samples::{cancel, finished, now, project, queued, requested_of, running, whole},
};

contract! {
    async fn tasks_are_claimed_oldest_first_up_to_the_limit(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        assert!(bed.store.claim(now(), 5).await.unwrap().is_empty());
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(queued(&bed.store, project, 2).await.id);
        }
        assert!(bed.store.claim(now(), 0).await.unwrap().is_empty());
        let first = bed.store.claim(now(), 2).await.unwrap();
        assert_eq!(first.iter().map(|task| task.run.id).collect::<Vec<_>>(), ids[..2]);
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 3);
        for task in &first {
            assert_eq!(task.effects, [RunEffect::Began, RunEffect::Started { step: 0, attempt: 1 }]);
            assert_eq!(whole(&bed.store, "default", task.run.id).await, task.run, "its start is stored");
            assert_eq!((task.run.state, task.run.steps[0].state), (RunState::Running, StepState::Running));
        }
        // The next step of the oldest run stands behind the first ones of the others, which were queued before it.
        bed.store.advance(ids[0], now(), finished(0, StepOutcome::Succeeded), 0).await.unwrap();
        let next = bed.store.claim(now(), 2).await.unwrap();
        let taken: Vec<_> = next.iter().map(|task| (task.run.id, running(&task.run).unwrap())).collect();
        assert_eq!(taken, [(ids[2], 0), (ids[3], 0)]);
        assert_eq!(bed.store.claim(now(), 50).await.unwrap().len(), 2);
        assert!(bed.store.claim(now(), 50).await.unwrap().is_empty());
    }

    async fn many_claimers_at_once_never_get_the_same_task(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let mut ids = BTreeSet::new();
        for _ in 0..60 {
            ids.insert(queued(&bed.store, project, 1).await.id);
        }
        let servers = [bed.store.clone(), bed.second_server().await];
        let mut claimers = tokio::task::JoinSet::new();
        for n in 0..12_u32 {
            let store = servers[n as usize % 2].clone();
            claimers.spawn(async move {
                let mut mine = Vec::new();
                // Another may hold what is left for a moment: nothing to take does not mean nothing waits.
                while store.waiting_tasks().await.unwrap() > 0 {
                    let claimed = store.claim(now(), 1 + n % 4).await.unwrap();
                    assert!(claimed.len() <= 1 + n as usize % 4);
                    mine.extend(claimed.into_iter().map(|task| task.run.id));
                }
                mine
            });
        }
        let taken = claimers.join_all().await.concat();
        assert_eq!(taken.len(), 60, "each task once");
        assert_eq!(BTreeSet::from_iter(taken), ids);
        for id in ids {
            whole(&bed.store, "default", id).await;
        }
        servers[1].close().await;
    }

    async fn a_cancel_that_meets_a_claim_wins_or_loses_whole(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let server = bed.second_server().await;
        for _ in 0..12 {
            let id = queued(&bed.store, project, 1).await.id;
            let (store, other) = (bed.store.clone(), server.clone());
            let claim = tokio::spawn(async move { store.claim(now(), 1).await.unwrap() });
            let canceled = tokio::spawn(async move { other.advance(id, now(), cancel(), 0).await.unwrap() });
            let (claimed, canceled) = (claim.await.unwrap(), canceled.await.unwrap());
            let run = whole(&bed.store, "default", id).await;
            assert_eq!(run, canceled.run);
            match run.state {
                RunState::Canceling => assert_eq!(claimed[0].run.id, id),
                RunState::Canceled => assert!(claimed.is_empty() && run.started_at.is_none()),
                other => panic!("{other:?}"),
            }
            assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
        }
        server.close().await;
    }

    /// Damage to one run must not stop all others.
    async fn a_task_that_cannot_start_is_dropped_and_the_others_go_on(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let stale = queued(&bed.store, project, 2).await.id;
        bed.execute("UPDATE tasks SET step = 1").await;
        let requested = requested_of("default", "broken", 1);
        let unreadable = requested.id;
        bed.store.request_run(project, requested, now(), None, 0).await.unwrap();
        bed.execute("UPDATE runs SET run = '{}', last_event = NULL WHERE runbook = 'broken'").await;
        let good = queued(&bed.store, project, 1).await.id;
        let claimed = bed.store.claim(now(), 9).await.unwrap();
        assert_eq!(claimed.iter().map(|task| task.run.id).collect::<Vec<_>>(), [good]);
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
        assert_eq!(whole(&bed.store, "default", stale).await.revision, 2, "nothing was written about it");
        assert!(bed.store.run("default", unreadable).await.is_err());
    }
}
