//! What starts by time: each instant is seen to once, and has its run or a record of why there is none.

use jiff::{SignedDuration, Timestamp};
use model::{
    firing::{FiringState, Pause, TimedKind},
    id::ProjectId,
    run::{RunEffect, StepOutcome},
};
use serde_json::json;
use store::{Decided, Fired, NoRun, ScheduleRow, Start, Store, StoreError, WantedSchedule};

use crate::{
    bed::contract,
    samples::{ann, finished, project, requested_of},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn wanted(name: &str, every_s: u64, next: i64) -> WantedSchedule {
    WantedSchedule {
        kind: TimedKind::Schedule,
        name: name.into(),
        runbook: "deploy".into(),
        times: json!(every_s),
        next_at: Some(at(next)),
        watch: None,
    }
}

async fn nightly(store: &Store, project: ProjectId) -> ScheduleRow {
    store.sync_schedules(project, vec![wanted("nightly", 60, 60)], at(0)).await.unwrap();
    store.schedule(project, TimedKind::Schedule, "nightly").await.unwrap().unwrap()
}

/// This instant starts a run, and the next one comes a minute later.
fn start(row: &ScheduleRow, due: i64) -> Decided {
    let run = requested_of("default", "deploy", 1).into();
    Decided {
        start: Some(Start { due_at: at(due), run, observed: false, places: 1 }),
        ..skip(row, due, Vec::new())
    }
}

fn skip(row: &ScheduleRow, due: i64, records: Vec<NoRun>) -> Decided {
    Decided {
        schedule: row.id,
        generation: row.generation,
        seen_to: row.seen_to,
        waiting: row.waiting,
        now_seen_to: at(due),
        next_at: Some(at(due + 60)),
        now_waiting: row.waiting,
        records,
        start: None,
    }
}

fn no_run(due: i64, state: FiringState, count: u64) -> NoRun {
    let after = (count > 1).then(|| at(due) - SignedDuration::from_mins(i64::try_from(count).unwrap()));
    NoRun { due_at: at(due), state, reason: "because".into(), after, count }
}

contract! {
    async fn what_is_wanted_begins_now_changes_as_a_new_generation_and_rests_when_it_is_gone(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let row = nightly(&bed.store, project).await;
        assert_eq!((row.generation, row.seen_to, row.next_at), (1, at(0), Some(at(60))));
        assert_eq!((row.project, row.project_name.as_str(), row.runbook.as_str()), (project, "default", "deploy"));
        assert_eq!(bed.store.next_firing().await.unwrap(), Some(at(60)));

        bed.store.sync_schedules(project, vec![wanted("nightly", 60, 999)], at(10)).await.unwrap();
        let same = bed.store.schedule(project, TimedKind::Schedule, "nightly").await.unwrap().unwrap();
        assert_eq!(same, row, "the same times go on as they were");

        bed.store.sync_schedules(project, vec![wanted("nightly", 90, 110)], at(20)).await.unwrap();
        let other = bed.store.schedule(project, TimedKind::Schedule, "nightly").await.unwrap().unwrap();
        assert_eq!((other.id, other.generation, other.seen_to), (row.id, 2, at(20)));
        assert_eq!((other.next_at, &other.times), (Some(at(110)), &json!(90)));

        bed.store.sync_schedules(project, Vec::new(), at(30)).await.unwrap();
        assert!(bed.store.schedules(project).await.unwrap().is_empty());
        assert!(bed.store.due_schedules(at(9999), 9).await.unwrap().is_empty());
        assert_eq!(bed.store.next_firing().await.unwrap(), None);
        bed.store.sync_schedules(project, vec![wanted("nightly", 90, 110)], at(40)).await.unwrap();
        let back = bed.store.schedules(project).await.unwrap().remove(0);
        assert_eq!((back.id, back.generation), (row.id, 3), "its instants before have nothing to do with it");
    }

    async fn an_instant_is_seen_to_once_whoever_comes(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let row = nightly(&bed.store, project).await;
        assert_eq!(bed.store.due_schedules(at(60), 9).await.unwrap(), std::slice::from_ref(&row));
        assert!(bed.store.due_schedules(at(59), 9).await.unwrap().is_empty());

        let other = bed.second_server().await;
        let both = [bed.store.clone(), other.clone()].map(|store| {
            let row = row.clone();
            tokio::spawn(async move { store.fire(start(&row, 60), at(60)).await.unwrap() })
        });
        let mut stored = 0;
        for fired in both {
            if let Fired::Stored(advanced) = fired.await.unwrap() {
                stored += 1;
                let started = RunEffect::Started { step: 0, attempt: 1 };
                assert_eq!(advanced.unwrap().effects.last(), Some(&started), "its first step starts in the same transaction");
            }
        }
        assert_eq!(stored, 1);
        let runs = bed.store.runs("default", store::RunFilter { limit: 9, ..Default::default() }).await.unwrap();
        assert_eq!(runs.runs.len(), 1);
        let firings = bed.store.firings(row.id, None, 9).await.unwrap();
        assert_eq!(firings.len(), 1);
        assert_eq!((firings[0].due_at, firings[0].state, firings[0].run), (at(60), FiringState::Fired, Some(runs.runs[0].id)));
        let after = bed.store.schedules(project).await.unwrap().remove(0);
        assert_eq!((after.seen_to, after.next_at, after.last_run), (at(60), Some(at(120)), Some(runs.runs[0].id)));
        if bed.is_postgres() {
            other.close().await;
        }
    }

    async fn what_has_no_run_has_a_record(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let row = nightly(&bed.store, project).await;
        let records = vec![no_run(600, FiringState::Missed, 10), no_run(660, FiringState::Skipped, 1)];
        let fired = bed.store.fire(skip(&row, 660, records), at(661)).await.unwrap();
        assert!(matches!(fired, Fired::Stored(None)));
        let firings = bed.store.firings(row.id, None, 9).await.unwrap();
        let shown: Vec<_> = firings.iter().map(|one| (one.due_at, one.state, one.count, one.after)).collect();
        assert_eq!(shown, [(at(660), FiringState::Skipped, 1, None), (at(600), FiringState::Missed, 10, Some(at(0)))]);
        assert_eq!(firings[0].reason.as_deref(), Some("because"));
        assert_eq!(bed.store.firings(row.id, Some(at(660)), 9).await.unwrap().len(), 1);
        let kinds: Vec<_> = bed.store.newest_events(2).await.unwrap().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["schedule.skipped", "schedule.missed"]);
    }

    async fn nothing_starts_while_it_pauses_and_the_pause_is_on_record(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let row = nightly(&bed.store, project).await;
        let pause = Pause { at: at(30), by: "ann".into(), reason: Some("audit".into()) };
        bed.store.pause_schedule(row.id, ann().id, pause.clone()).await.unwrap();
        bed.store.pause_schedule(row.id, ann().id, Pause { by: "bob".into(), ..pause.clone() }).await.unwrap();
        let paused = bed.store.schedules(project).await.unwrap().remove(0);
        assert_eq!((paused.paused.as_ref(), paused.next_at), (Some(&pause), None), "the first one counts");
        assert!(matches!(bed.store.fire(start(&row, 60), at(60)).await.unwrap(), Fired::Passed));
        bed.store.sync_schedules(project, vec![wanted("nightly", 90, 70)], at(65)).await.unwrap();
        assert_eq!(bed.store.next_firing().await.unwrap(), None, "other times end no pause");

        let paused = bed.store.schedules(project).await.unwrap().remove(0);
        let skipped = Some(no_run(120, FiringState::Skipped, 2));
        bed.store.resume_schedule(&paused, ann().id, skipped, Some(at(180)), at(130)).await.unwrap();
        bed.store.resume_schedule(&paused, ann().id, None, Some(at(999)), at(131)).await.unwrap();
        let on = bed.store.schedules(project).await.unwrap().remove(0);
        assert_eq!((on.paused, on.seen_to, on.next_at), (None, at(130), Some(at(180))));
        assert_eq!(bed.store.firings(row.id, None, 9).await.unwrap()[0].count, 2);
        let kinds: Vec<_> = bed.store.newest_events(2).await.unwrap().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["schedule.resumed", "schedule.paused"]);
        let nobody = model::id::ScheduleId(model::id::Uuid::nil());
        let unknown = bed.store.pause_schedule(nobody, ann().id, pause).await;
        assert!(matches!(unknown, Err(StoreError::NotFound("schedule"))));
    }

    async fn an_instant_that_waits_has_its_turn_when_the_run_before_has_ended(bed: &Bed) {
        let project = project(&bed.store, "default").await;
        let row = nightly(&bed.store, project).await;
        let Fired::Stored(Some(first)) = bed.store.fire(start(&row, 60), at(60)).await.unwrap() else { panic!() };
        let row = bed.store.schedules(project).await.unwrap().remove(0);
        let queued = Decided { now_waiting: Some(at(120)), ..skip(&row, 120, Vec::new()) };
        bed.store.fire(queued, at(120)).await.unwrap();
        assert!(bed.store.schedules_free_again().await.unwrap().is_empty(), "the run before goes on");
        bed.store.advance(first.run.id, at(130), finished(0, StepOutcome::Succeeded), 0).await.unwrap();
        let free = bed.store.schedules_free_again().await.unwrap().remove(0);
        assert_eq!(free.waiting, Some(at(120)));
        let turn = Decided { now_seen_to: free.seen_to, now_waiting: None, ..start(&free, 120) };
        assert!(matches!(bed.store.fire(turn, at(131)).await.unwrap(), Fired::Stored(Some(_))));
        let again = Decided { now_seen_to: free.seen_to, now_waiting: None, ..start(&free, 120) };
        assert!(matches!(bed.store.fire(again, at(131)).await.unwrap(), Fired::Passed));
        assert_eq!(bed.store.firings(row.id, None, 9).await.unwrap().len(), 2);
    }
}
