//! Transitions: row, events and tasks in one transaction, or nothing.

use model::{
    id::{RunId, Uuid},
    run::{Refused, RunEffect, RunEvent, RunState, StepOutcome, StepState},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use store::StoreError;

use crate::{
    bed::contract,
    samples::{cancel, finished, next, now, project, queued, running, started, whole},
};

contract! {
    async fn a_run_goes_from_queued_to_succeeded(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let id = queued(&bed.store, project, 2).await.id;
        let mut states = Vec::new();
        for event in [started(0), finished(0, StepOutcome::Succeeded), started(1), finished(1, StepOutcome::Succeeded)] {
            let moved = bed.store.advance(id, now(), event, 0).await.unwrap();
            let run = whole(&bed.store, "default", id).await;
            assert_eq!(run, moved.run, "what is answered is what is stored");
            states.push((run.state, bed.store.waiting_tasks().await.unwrap()));
        }
        let running = RunState::Running;
        assert_eq!(states, [(running, 0), (RunState::Waiting, 1), (running, 0), (RunState::Succeeded, 0)]);
        let kinds: Vec<_> = bed.store.run_events(id).await.unwrap().into_iter().map(|event| event.kind).collect();
        let expected = [
            "run.requested", "step.waiting", "run.started", "step.started", "step.finished", "step.waiting",
            "step.started", "step.finished", "run.finished",
        ];
        assert_eq!(kinds, expected);
    }

    async fn every_end_is_stored_as_it_is(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let ends = [
            (StepOutcome::Failed, RunState::Failed),
            (StepOutcome::Unknown, RunState::Unknown),
            (StepOutcome::Canceled, RunState::Canceled),
        ];
        for (outcome, state) in ends {
            let id = queued(&bed.store, project, 2).await.id;
            bed.store.advance(id, now(), started(0), 0).await.unwrap();
            let moved = bed.store.advance(id, now(), finished(0, outcome), 1).await.unwrap();
            assert_eq!(moved.effects, [RunEffect::Ended]);
            let run = whole(&bed.store, "default", id).await;
            assert_eq!(run.state, state);
            assert!(run.cause.is_some());
        }
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
        assert!(bed.store.unfinished_runs(None, 9).await.unwrap().is_empty());
    }

    async fn going_on_starts_the_next_step_in_the_same_transaction(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let id = queued(&bed.store, project, 2).await.id;
        bed.store.advance(id, now(), started(0), 1).await.unwrap();
        let before = bed.store.transactions();
        let moved = bed.store.advance(id, now(), finished(0, StepOutcome::Succeeded), 1).await.unwrap();
        assert_eq!(bed.store.transactions(), before + 1);
        assert_eq!(moved.effects, [RunEffect::Started { step: 1, attempt: 1 }]);
        let run = whole(&bed.store, "default", id).await;
        assert_eq!(run.steps[1].state, StepState::Running);
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0, "nobody else is offered it");
        let last = bed.store.advance(id, now(), finished(1, StepOutcome::Succeeded), 1).await.unwrap();
        assert_eq!((last.run.state, last.effects), (RunState::Succeeded, vec![RunEffect::Ended]));
    }

    async fn what_is_refused_changes_nothing(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let id = queued(&bed.store, project, 2).await.id;
        bed.store.advance(id, now(), started(0), 0).await.unwrap();
        let before = whole(&bed.store, "default", id).await;
        let refusals = [
            (started(0), Refused::NotReady { step: 0 }),
            (started(1), Refused::NotReady { step: 1 }),
            (started(7), Refused::NoStep { step: 7 }),
            (finished(1, StepOutcome::Succeeded), Refused::NotRunning { step: 1, attempt: 1 }),
            (RunEvent::Started {}, Refused::Derived),
        ];
        for (event, refused) in refusals {
            match bed.store.advance(id, now(), event, 1).await {
                Err(StoreError::Refused(why)) => assert_eq!(why, refused),
                other => panic!("{other:?}"),
            }
            assert_eq!(whole(&bed.store, "default", id).await, before);
        }
        bed.store.advance(id, now(), finished(0, StepOutcome::Failed), 0).await.unwrap();
        let ended = whole(&bed.store, "default", id).await;
        let late = bed.store.advance(id, now(), cancel(), 0).await.unwrap_err();
        assert!(matches!(late, StoreError::Refused(Refused::Ended(RunState::Failed))));
        assert_eq!(whole(&bed.store, "default", id).await, ended);
        let nothing = bed.store.advance(RunId(Uuid::now_v7()), now(), cancel(), 0).await.unwrap_err();
        assert!(matches!(nothing, StoreError::NotFound("run")));
    }

    async fn a_cancel_takes_the_task_of_a_queued_run(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let id = queued(&bed.store, project, 1).await.id;
        let other = queued(&bed.store, project, 1).await.id;
        let moved = bed.store.advance(id, now(), cancel(), 0).await.unwrap();
        let unready = RunEffect::Unready { step: 0, attempt: 1 };
        assert_eq!((moved.run.state, moved.effects), (RunState::Canceled, vec![unready, RunEffect::Ended]));
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 1, "that of the other run stays");
        let claimed = bed.store.claim(now(), 9).await.unwrap();
        assert_eq!(claimed.iter().map(|task| task.run.id).collect::<Vec<_>>(), [other]);
        whole(&bed.store, "default", id).await;
    }

    async fn a_cancel_between_two_steps_takes_the_task_too(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let id = queued(&bed.store, project, 2).await.id;
        bed.store.advance(id, now(), started(0), 0).await.unwrap();
        bed.store.advance(id, now(), finished(0, StepOutcome::Succeeded), 0).await.unwrap();
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 1);
        let moved = bed.store.advance(id, now(), cancel(), 0).await.unwrap();
        assert_eq!(moved.run.state, RunState::Canceled);
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
    }

    /// Whatever is sent in whatever order: row, events and queue agree after each step.
    async fn random_histories_keep_row_events_and_queue_together(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let mut runner = TestRunner::deterministic();
        for _ in 0..16 {
            let history = (1..5_usize, prop::collection::vec((0..9_u8, 0..4_u32, any::<bool>()), 1..20));
            let (steps, moves) = history.new_tree(&mut runner).unwrap().current();
            let id = queued(&bed.store, project, steps).await.id;
            for (kind, step, go_on) in moves {
                let run = bed.store.run("default", id).await.unwrap().unwrap();
                let outcome = match kind {
                    0 => StepOutcome::Failed,
                    1 => StepOutcome::Unknown,
                    _ => StepOutcome::Succeeded,
                };
                let event = match kind {
                    0 | 1 | 5..=7 => finished(running(&run).unwrap_or(step), outcome),
                    2 => cancel(),
                    3 => started(step),
                    _ => started(next(&run).unwrap_or(step)),
                };
                let _ = bed.store.advance(id, now(), event, u32::from(go_on)).await;
                let run = whole(&bed.store, "default", id).await;
                let waits = u64::from(next(&run).is_some());
                assert_eq!(bed.store.waiting_tasks().await.unwrap(), waits, "a task for what may start, no other");
            }
            let _ = bed.store.advance(id, now(), cancel(), 0).await;
            assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
        }
    }
}
