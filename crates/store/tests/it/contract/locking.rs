//! Locks: so many at once, the others in their order, and never a run that waits for nothing.

use model::{
    id::{ProjectId, RunId},
    run::{
        PlannedAction, Requested, RunEffect, RunEvent, RunState, StepEnd, StepOutcome, StepState, WaitReason,
    },
    runbook::{Concurrency, KeyPart, WhenFull},
};
use store::{Store, StoreError};
use tokio::task::JoinSet;

use crate::{
    bed::contract,
    samples::{
        cancel, finished, now, project, requested_with, running, scope, sequence, started, task, whole,
    },
};

fn lock(limit: u32, when_full: WhenFull) -> Option<Concurrency> {
    Some(Concurrency { key: vec![KeyPart::Text("web".into()), KeyPart::Text("eu".into())], limit, when_full })
}

/// A run of one step that needs the lock `web/eu`.
fn locked(limit: u32, when_full: WhenFull) -> Requested {
    let mut plan = sequence("deploy", vec![task("one")]);
    plan.scopes[0].concurrency = lock(limit, when_full);
    requested_with("default", "deploy", plan)
}

/// A run whose second step calls a runbook that needs the lock.
fn calling(when_full: WhenFull) -> Requested {
    let mut call = task("call");
    call.kind = "runbook".into();
    call.action =
        PlannedAction::Runbook { scope: 1, inputs: Default::default(), secrets: Default::default() };
    let mut inner = task("inner");
    inner.scope = 1;
    let mut plan = sequence("deploy", vec![task("before"), call]);
    plan.steps.push(inner);
    let mut called = scope("called", vec![2]);
    called.concurrency = lock(1, when_full);
    plan.scopes.push(called);
    requested_with("default", "deploy", plan)
}

async fn ask(store: &Store, project: ProjectId, requested: Requested) -> RunId {
    let id = requested.id;
    store.request_run(project, requested, now(), None, 1).await.unwrap();
    id
}

contract! {
    async fn a_free_lock_is_there_at_once_in_the_same_transaction(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let before = bed.store.transactions();
        let answered = bed.store.request_run(project, locked(1, WhenFull::Queue), now(), None, 1).await.unwrap();
        assert_eq!(bed.store.transactions(), before + 1);
        assert_eq!(answered.answer.effects, [RunEffect::Began, RunEffect::Started { step: 0, attempt: 1 }]);
        let id = answered.answer.run.id;
        whole(&bed.store, "default", id).await;
        let holders = bed.store.lock_holders(project, "web/eu").await.unwrap();
        assert_eq!((holders.held_by, holders.waiting), (vec![(id, None)], 0));
        assert!(bed.store.lock_holders(project, "web/us").await.unwrap().held_by.is_empty());
    }

    async fn a_full_lock_is_waited_for_in_order_and_handed_on(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(ask(&bed.store, project, locked(1, WhenFull::Queue)).await);
        }
        let holders = bed.store.lock_holders(project, "web/eu").await.unwrap();
        assert_eq!((holders.held_by, holders.waiting), (vec![(ids[0], None)], 3));
        let waiting = whole(&bed.store, "default", ids[1]).await;
        assert!(matches!(&waiting.wait.as_ref().unwrap().reason, WaitReason::Lock { key, .. } if key == "web/eu"));
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
        // One that leaves the line does not hold up those behind it.
        let left = bed.store.advance(ids[2], now(), cancel(), 0).await.unwrap();
        assert_eq!((left.run.state, left.also.len()), (RunState::Canceled, 0));

        let ended = bed.store.advance(ids[0], now(), finished(0, StepOutcome::Succeeded), 0).await.unwrap();
        assert_eq!(ended.effects, [RunEffect::Ended]);
        assert_eq!(ended.also.len(), 1, "the next one moved with it");
        assert_eq!((ended.also[0].run.id, &ended.also[0].effects[..]), (ids[1], &[RunEffect::Ready { step: 0, attempt: 1 }][..]));
        for id in &ids {
            whole(&bed.store, "default", *id).await;
        }
        bed.store.claim(now(), 9).await.unwrap();
        let ended = bed.store.advance(ids[1], now(), finished(0, StepOutcome::Failed), 0).await.unwrap();
        assert_eq!(ended.also[0].run.id, ids[3]);
        bed.store.advance(ids[3], now(), cancel(), 0).await.unwrap();
        assert_eq!(bed.number("SELECT count(*) FROM locks").await, 0);
    }

    async fn a_limit_of_two_is_two(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        for _ in 0..3 {
            ask(&bed.store, project, locked(2, WhenFull::Queue)).await;
        }
        let holders = bed.store.lock_holders(project, "web/eu").await.unwrap();
        assert_eq!((holders.held_by.len(), holders.waiting), (2, 1));
    }

    async fn a_run_that_does_not_wait_is_refused_and_nothing_is_stored(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let first = ask(&bed.store, project, locked(1, WhenFull::Queue)).await;
        let key = crate::samples::key("k", "b");
        let refused = bed.store.request_run(project, locked(1, WhenFull::Refuse), now(), Some(key.clone()), 1).await;
        let error = refused.unwrap_err();
        assert!(error.to_string().contains(&first.to_string()), "{error}");
        match error {
            StoreError::Busy { key, held_by } => assert_eq!((key.as_str(), held_by), ("web/eu", vec![first])),
            other => panic!("{other}"),
        }
        assert_eq!(bed.number("SELECT count(*) FROM runs").await, 1);
        bed.store.advance(first, now(), finished(0, StepOutcome::Succeeded), 0).await.unwrap();
        let again = bed.store.request_run(project, locked(1, WhenFull::Refuse), now(), Some(key), 1).await.unwrap();
        assert!(!again.replayed, "the key was not spent");
    }

    async fn a_step_that_does_not_wait_fails_and_says_who_has_it(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let holder = ask(&bed.store, project, locked(1, WhenFull::Queue)).await;
        let id = ask(&bed.store, project, calling(WhenFull::Refuse)).await;
        let moved = bed.store.advance(id, now(), finished(0, StepOutcome::Succeeded), 1).await.unwrap();
        assert_eq!(moved.run.state, RunState::Failed);
        let run = whole(&bed.store, "default", id).await;
        assert_eq!(run.steps[1].cause, Some(model::run::Cause::Busy));
        assert!(run.steps[1].message.as_ref().unwrap().contains(&holder.to_string()));
    }

    async fn a_called_runbook_has_its_lock_only_while_it_runs(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let one = ask(&bed.store, project, calling(WhenFull::Queue)).await;
        let two = ask(&bed.store, project, calling(WhenFull::Queue)).await;
        let moved = bed.store.advance(one, now(), finished(0, StepOutcome::Succeeded), 1).await.unwrap();
        assert_eq!(running(&moved.run), Some(2), "the place goes to the step inside: {:?}", moved.effects);
        let moved = bed.store.advance(two, now(), finished(0, StepOutcome::Succeeded), 1).await.unwrap();
        assert_eq!(moved.run.steps[1].state, StepState::Waiting);
        let holders = bed.store.lock_holders(project, "web/eu").await.unwrap();
        assert_eq!((holders.held_by, holders.waiting), (vec![(one, Some(1))], 1));
        let moved = bed.store.advance(one, now(), finished(2, StepOutcome::Succeeded), 0).await.unwrap();
        assert_eq!(moved.also[0].run.id, two);
        for id in [one, two] {
            whole(&bed.store, "default", id).await;
        }
        assert_eq!(bed.store.claim(now(), 9).await.unwrap()[0].run.id, two);
    }

    /// Many servers, many runs, two locks in turned orders: nobody waits in a circle, never too many hold it, all end.
    async fn races_for_locks_end_with_everybody_served(bed: &Bed) {
        let id = project(&bed.store, "default").await;
        let servers = [bed.store.clone(), bed.second_server().await];
        let mut work = JoinSet::new();
        for n in 0..16_usize {
            let store = servers[n % 2].clone();
            work.spawn(async move {
                let requested = if n % 3 == 0 { calling(WhenFull::Queue) } else { locked(1 + u32::from(n % 4 == 1), WhenFull::Queue) };
                let run = requested.id;
                store.request_run(id, requested, now(), None, 1).await.unwrap();
                for round in 0..2000 {
                    let state = store.run("default", run).await.unwrap().unwrap();
                    if state.state.is_end() {
                        return run;
                    }
                    if n % 5 == 4 && round == 3 {
                        let _ = store.advance(run, now(), cancel(), 0).await;
                    }
                    let at: Vec<(u32, u32)> =
                        state.running_steps().map(|step| (step, state.step(step).unwrap().attempt)).collect();
                    for (step, attempt) in at {
                        let end = if state.state == RunState::Canceling { StepEnd::canceled("x") } else { StepEnd::succeeded() };
                        let event = RunEvent::StepFinished { step, attempt, end };
                        match store.advance(run, now(), event, 1).await {
                            Ok(_) | Err(StoreError::Refused(_)) => {}
                            Err(other) => panic!("{other}"),
                        }
                    }
                    let queued: Vec<u32> = state.queued_steps().collect();
                    for step in queued {
                        match store.advance(run, now(), started(step), 0).await {
                            Ok(_) | Err(StoreError::Refused(_)) => {}
                            Err(other) => panic!("{other}"),
                        }
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
                panic!("run {run} did not end: {:#?}", store.run("default", run).await);
            });
        }
        for run in work.join_all().await {
            whole(&bed.store, "default", run).await;
        }
        assert_eq!(bed.number("SELECT count(*) FROM locks").await, 0);
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
        servers[1].close().await;
    }
}
