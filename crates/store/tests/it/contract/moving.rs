//! Trees of steps: rows of their own, written when they change; tasks by the thousand; moments that come.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use model::{
    id::{RunId, Uuid},
    run::{
        Answer, AnswerVerdict, Branch, PlannedAction, RunEffect, RunEvent, RunState, StepOutcome, StepState,
        WaitReason,
    },
    runbook::{Effect, ForEach, InputValue, Items, OnLost, Retry, Template, Wait},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use store::{RunningAttempt, StoreError};

use crate::{
    bed::contract,
    samples::{
        bob, cancel, finished, key, now, parallel, project, queued, requested_with, scope, sequence, started,
        task, whole,
    },
};

fn manual(name: &str) -> model::run::PlannedStep {
    let mut step = task(name);
    step.kind = "manual".into();
    step.action = PlannedAction::Manual {
        instructions: Template("Look".into()),
        fields: Vec::new(),
        evidence: model::runbook::Evidence::None,
    };
    step
}

fn wait_for(name: &str, duration: &str) -> model::run::PlannedStep {
    let mut step = task(name);
    step.kind = "wait".into();
    step.action = PlannedAction::Wait(Wait::For(Template(duration.into())));
    step
}

fn answer(verdict: AnswerVerdict) -> Answer {
    Answer { by: bob(), at: now(), verdict, comment: Some("seen".into()), evidence: None }
}

contract! {
    async fn a_thousand_steps_at_once_are_a_thousand_tasks_in_one_transaction(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let requested = requested_with("default", "deploy", parallel("deploy", 1000));
        let id = requested.id;
        let before = bed.store.transactions();
        let answered = bed.store.request_run(project, requested, now(), None, 3).await.unwrap();
        assert_eq!(bed.store.transactions(), before + 1);
        let started = answered.answer.effects.iter().filter(|effect| matches!(effect, RunEffect::Started { .. }));
        assert_eq!(started.count(), 3);
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 997);
        let run = whole(&bed.store, "default", id).await;
        assert_eq!((run.steps.len(), run.counts.running, run.counts.waiting), (1001, 3, 997));
        let steps = bed.store.run_steps(id, &[1000, 0, 5, 7000]).await.unwrap();
        assert_eq!(steps.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0, 5, 1000]);
        assert_eq!(steps[2].1, *run.steps[1000]);
        let attempts = bed.store.running_attempts().await.unwrap();
        let expected = [1, 2, 3].map(|step| RunningAttempt { run: id, step, attempt: 1 });
        assert_eq!(attempts, expected);
    }

    /// What a transition writes is what changed.
    async fn only_the_rows_of_changed_steps_are_written(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let requested = requested_with("default", "deploy", parallel("deploy", 200));
        let id = requested.id;
        bed.store.request_run(project, requested, now(), None, 2).await.unwrap();
        bed.execute("UPDATE run_steps SET step = '{}' WHERE place > 2").await;
        let moved = bed.store.advance(id, now(), finished(1, StepOutcome::Succeeded), 0).await.unwrap();
        assert_eq!(moved.changed, [1], "the group around it does not change");
        assert_eq!(bed.number("SELECT count(*) FROM run_steps WHERE length(CAST(step AS TEXT)) > 2").await, 4);
        // Nor is anything read but the header: the run is in memory.
        assert_eq!(moved.run.steps.len(), 201);
        assert_eq!(moved.run.steps[200].state, StepState::Waiting);
    }

    async fn a_server_that_did_not_see_the_run_reads_it_whole(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let requested = requested_with("default", "deploy", parallel("deploy", 20));
        let id = requested.id;
        bed.store.request_run(project, requested, now(), None, 2).await.unwrap();
        if !bed.is_postgres() {
            bed.store.close().await;
        }
        let other = bed.open().await.unwrap();
        other.advance(id, now(), finished(1, StepOutcome::Succeeded), 1).await.unwrap();
        whole(&other, "default", id).await;
        if bed.is_postgres() {
            // The first server's copy is old now, and it notices.
            bed.store.advance(id, now(), finished(2, StepOutcome::Succeeded), 1).await.unwrap();
            whole(&bed.store, "default", id).await;
            let run = whole(&other, "default", id).await;
            assert_eq!(run.steps.iter().filter(|step| step.state == StepState::Succeeded).count(), 2);
        }
        other.close().await;
    }

    /// A transition that was rolled back leaves nothing behind in memory.
    async fn what_fails_after_the_transition_is_forgotten(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let id = queued(&bed.store, project, 2).await.id;
        bed.store.advance(id, now(), started(0), 0).await.unwrap();
        bed.execute("ALTER TABLE idempotency_keys RENAME TO elsewhere").await;
        assert!(bed.store.advance_once(id, now(), cancel(), 0, key("k", "b")).await.is_err());
        bed.execute("ALTER TABLE tasks RENAME TO tasks_elsewhere").await;
        assert!(bed.store.advance(id, now(), finished(0, StepOutcome::Succeeded), 0).await.is_err());
        bed.execute("ALTER TABLE tasks_elsewhere RENAME TO tasks").await;
        assert_eq!(whole(&bed.store, "default", id).await.steps[0].state, StepState::Running);
        bed.store.advance(id, now(), finished(0, StepOutcome::Failed), 0).await.unwrap();
        assert_eq!(whole(&bed.store, "default", id).await.state, RunState::Failed);
    }

    async fn a_run_with_many_tasks_lets_others_in_between(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let requested = requested_with("default", "big", parallel("big", 300));
        let big = requested.id;
        bed.store.request_run(project, requested, now(), None, 0).await.unwrap();
        let mut small = BTreeSet::new();
        for _ in 0..5 {
            small.insert(queued(&bed.store, project, 1).await.id);
        }
        let claimed = bed.store.claim(now(), 10).await.unwrap();
        let is_start = |effect: &&RunEffect| matches!(effect, RunEffect::Started { .. });
        let started: usize = claimed.iter().map(|advanced| advanced.effects.iter().filter(is_start).count()).sum();
        assert_eq!(started, 10);
        let ids: BTreeSet<RunId> = claimed.iter().map(|advanced| advanced.run.id).collect();
        assert!(small.is_subset(&ids), "each small run got a place");
        assert!(ids.contains(&big), "and the big one the others, in one answer");
        assert_eq!(claimed.len(), 6);
        for id in ids {
            whole(&bed.store, "default", id).await;
        }
        // Nobody starves for ever either: all of it is taken in the end.
        while bed.store.waiting_tasks().await.unwrap() > 0 {
            assert!(!bed.store.claim(now(), 100).await.unwrap().is_empty());
        }
        assert_eq!(whole(&bed.store, "default", big).await.counts.running, 300);
    }

    async fn a_run_goes_on_when_its_time_has_come(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        assert_eq!(bed.store.next_wake().await.unwrap(), None);
        let plan = sequence("deploy", vec![wait_for("pause", "10m"), task("after")]);
        let requested = requested_with("default", "deploy", plan);
        let id = requested.id;
        let at: Timestamp = "2026-11-26T01:00:00Z".parse().unwrap();
        bed.store.request_run(project, requested, at, None, 0).await.unwrap();
        let due: Timestamp = "2026-11-26T01:10:00Z".parse().unwrap();
        assert_eq!(bed.store.next_wake().await.unwrap(), Some(due));
        let early = due - Duration::from_millis(1);
        assert!(bed.store.due_runs(early, 9).await.unwrap().is_empty());
        let refused = bed.store.advance(id, early, RunEvent::Due {}, 0).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(model::run::Refused::NothingDue)), "{refused}");
        assert_eq!(bed.store.due_runs(due, 9).await.unwrap(), [id]);
        assert!(bed.store.due_runs(due, 0).await.unwrap().is_empty());
        bed.store.advance(id, due, RunEvent::Due {}, 0).await.unwrap();
        assert_eq!(bed.store.next_wake().await.unwrap(), None);
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 1);
        whole(&bed.store, "default", id).await;
    }

    async fn a_parked_run_holds_no_task_and_a_person_moves_it(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let requested = requested_with("default", "deploy", sequence("deploy", vec![manual("look"), task("after")]));
        let id = requested.id;
        bed.store.request_run(project, requested, now(), None, 5).await.unwrap();
        assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
        assert!(bed.store.running_attempts().await.unwrap().is_empty());
        let filter = store::RunFilter { limit: 1, ..Default::default() };
        let listed = bed.store.runs("default", filter).await.unwrap().runs.remove(0);
        assert_eq!(listed.waits_for.as_deref(), Some("step `look`: a person"));
        let event = RunEvent::StepAnswered { step: 0, answer: answer(AnswerVerdict::Done), outputs: Default::default() };
        let first = bed.store.advance_once(id, now(), event.clone(), 1, key("k", "b")).await.unwrap();
        assert_eq!(first.answer.effects, [RunEffect::Started { step: 1, attempt: 1 }]);
        let again = bed.store.advance_once(id, now(), event, 1, key("k", "b")).await.unwrap();
        assert!(again.replayed && again.answer.effects.is_empty());
        let run = whole(&bed.store, "default", id).await;
        assert_eq!(run.steps[0].answer.as_ref().unwrap().by, bob());
    }

    /// A clock that jumps by a day: nothing is lost, nothing stands still, lists go by id.
    async fn a_clock_that_jumps_changes_no_order(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let day = SignedDuration::from_hours(24);
        let mut ids = Vec::new();
        for at in [now(), now() - day, now() + day, now()] {
            let requested = requested_with("default", "deploy", parallel("deploy", 2));
            ids.push(requested.id);
            bed.store.request_run(project, requested, at, None, 1).await.unwrap();
        }
        let filter = store::RunFilter { limit: 9, ..Default::default() };
        let listed = bed.store.runs("default", filter).await.unwrap().runs;
        let listed: Vec<RunId> = listed.iter().rev().map(|run| run.id).collect();
        assert_eq!(listed, ids);
        for (id, at) in ids.iter().zip([now() - day, now() + day, now() - day, now()]) {
            bed.store.advance(*id, at, finished(1, StepOutcome::Succeeded), 0).await.unwrap();
        }
        assert_eq!(bed.store.claim(now() - day, 9).await.unwrap().len(), 4);
        for id in ids {
            let run = bed.store.advance(id, now(), finished(2, StepOutcome::Succeeded), 0).await.unwrap().run;
            assert_eq!(run.state, RunState::Succeeded);
        }
    }

    /// Groups, loops, retries, people, moments, handlers and cleanup in any order: fold, rows and queue agree after each.
    async fn random_histories_of_trees_keep_everything_together(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let mut runner = TestRunner::deterministic();
        for _ in 0..24 {
            let shape = prop::collection::vec(0..7_u8, 1..5);
            let history = (shape, prop::collection::vec((0..10_u8, any::<u16>(), 0..3_u32), 4..40));
            let (shape, moves) = history.new_tree(&mut runner).unwrap().current();
            let requested = requested_with("default", "deploy", tree(&shape));
            let id = requested.id;
            // In the past, so that there is time for whatever takes days.
            let mut at = now() - SignedDuration::from_hours(24 * 500);
            bed.store.request_run(project, requested, at, None, 1).await.unwrap();
            for (kind, pick, places) in moves {
                let run = bed.store.run("default", id).await.unwrap().unwrap();
                if run.state.is_end() {
                    break;
                }
                let pick_of = |places: Vec<u32>| places.get(usize::from(pick) % places.len().max(1)).copied();
                let waiting = |wanted: fn(&WaitReason) -> bool| {
                    let places = run.steps.iter().enumerate();
                    let waits = places.filter(|(_, step)| step.wait.as_ref().is_some_and(|wait| wanted(&wait.reason)));
                    waits.map(|(place, _)| u32::try_from(place).unwrap()).collect::<Vec<_>>()
                };
                let attempt = |place: u32| run.step(place).unwrap().attempt;
                at += SignedDuration::from_millis(i64::from(pick % 97));
                let event = match kind {
                    0..=3 => pick_of(run.running_steps().collect()).map(|step| {
                        let outcome = [StepOutcome::Succeeded, StepOutcome::Succeeded, StepOutcome::Failed][usize::from(pick % 3)];
                        match finished(step, outcome) {
                            RunEvent::StepFinished { step, end, .. } =>
                                RunEvent::StepFinished { step, attempt: attempt(step), end },
                            other => other,
                        }
                    }),
                    4 => pick_of(run.running_steps().collect()).map(|step| RunEvent::StepLost {
                        step,
                        attempt: attempt(step),
                        cause: model::run::Cause::ServerLost,
                        message: "gone".into(),
                    }),
                    5 => pick_of(waiting(|reason| matches!(reason, WaitReason::Person { .. }))).map(|step| {
                        RunEvent::StepAnswered { step, answer: answer(AnswerVerdict::Done), outputs: Default::default() }
                    }),
                    6 => pick_of(waiting(|reason| matches!(reason, WaitReason::Lost { .. }))).map(|step| {
                        RunEvent::StepResolved { step, attempt: attempt(step), answer: answer(AnswerVerdict::ResolvedRetry) }
                    }),
                    7 => {
                        bed.store.claim(at, 1 + places).await.unwrap();
                        None
                    }
                    8 => {
                        at += SignedDuration::from_secs(30);
                        Some(RunEvent::Due {})
                    }
                    _ if pick % 5 == 0 => Some(cancel()),
                    _ => None,
                };
                if let Some(event) = event {
                    let _ = bed.store.advance(id, at, event, places).await;
                }
                let run = whole(&bed.store, "default", id).await;
                assert_eq!(bed.store.waiting_tasks().await.unwrap(), run.queued_steps().count() as u64);
                let running: Vec<u32> = bed.store.running_attempts().await.unwrap().iter().map(|a| a.step).collect();
                assert_eq!(running, run.running_steps().collect::<Vec<_>>());
                let wake = run.wake_at().map(|at| at.as_microsecond());
                assert_eq!(bed.store.next_wake().await.unwrap().map(|at| at.as_microsecond()), wake);
            }
            // To its end, so that the next one is alone.
            for _ in 0..200 {
                let run = bed.store.run("default", id).await.unwrap().unwrap();
                if run.state.is_end() {
                    break;
                }
                at += SignedDuration::from_hours(30);
                let _ = bed.store.advance(id, at, cancel(), 0).await;
                let _ = bed.store.advance(id, at, RunEvent::Due {}, 0).await;
                bed.store.claim(at, 50).await.unwrap();
                let run = bed.store.run("default", id).await.unwrap().unwrap();
                for step in run.running_steps() {
                    let attempt = run.step(step).unwrap().attempt;
                    let end = model::run::StepEnd::canceled("stopped");
                    let _ = bed.store.advance(id, at, RunEvent::StepFinished { step, attempt, end }, 0).await;
                }
            }
            let run = whole(&bed.store, "default", id).await;
            assert!(run.state.is_end(), "{run:#?}");
            assert_eq!(bed.store.waiting_tasks().await.unwrap(), 0);
        }
        assert_eq!(bed.number("SELECT count(*) FROM run_steps WHERE running IS NOT NULL").await, 0);
    }
}

/// A plan of steps of these kinds, with a handler and a cleanup.
fn tree(shape: &[u8]) -> model::run::Plan {
    let mut steps: Vec<model::run::PlannedStep> = Vec::new();
    let mut outermost = Vec::new();
    let place = |steps: &Vec<model::run::PlannedStep>| u32::try_from(steps.len()).unwrap();
    for (at, kind) in shape.iter().enumerate() {
        let name = format!("s{at}");
        outermost.push(place(&steps));
        match kind {
            0 => steps.push(task(&name)),
            1 => steps.push(manual(&name)),
            2 => steps.push(wait_for(&name, "20s")),
            3 => {
                let mut step = task(&name);
                step.retry = Some(Retry { attempts: 3, wait_s: 5, backoff: 2.0, on_exit: Vec::new() });
                step.timeout_s = Some(60);
                steps.push(step);
            }
            4 => {
                let mut step = task(&name);
                let items = (0..4).map(|n| serde_json::json!(n)).collect();
                step.for_each = Some(ForEach { items: Items::List(items), width: 2 });
                step.effect = Effect::Read;
                step.safe = true;
                steps.push(step);
            }
            _ => {
                let group = place(&steps);
                let mut step = task(&name);
                step.action = if *kind == 5 { PlannedAction::Parallel } else { PlannedAction::Steps };
                step.children = (group + 1..=group + 3).collect();
                step.timeout_s = Some(600);
                steps.push(step);
                steps.extend((0..3).map(|n| task(&format!("{name}_{n}"))));
            }
        }
    }
    let mut outer = scope("deploy", outermost);
    outer.on_failure.push(place(&steps));
    steps.push(task("handler"));
    outer.cleanup.push(place(&steps));
    steps.push(task("cleaner"));
    outer.on_lost = OnLost::Ask { for_s: 3600 };
    model::run::Plan { scopes: vec![outer], steps, inventories: Default::default() }
}

/// Items of a loop are kept with the steps that are for them.
#[test]
fn branches_are_json() {
    let branch = Branch::Item { index: 0, value: serde_json::json!({"a": 1}) };
    let text = serde_json::to_string(&branch).unwrap();
    assert_eq!(serde_json::from_str::<Branch>(&text).unwrap(), branch);
    assert_eq!(InputValue::sealed().to_variable(), r#"{"sealed":true}"#);
    assert_ne!(Uuid::now_v7(), Uuid::now_v7());
}
