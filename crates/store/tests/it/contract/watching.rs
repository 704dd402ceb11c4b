//! Runs that wait for what others see, and how things stood before and after a run.

use jiff::Timestamp;
use model::{
    fact::FactState,
    health::Health,
    run::{PlannedAction, PlannedStep, RunEffect, RunEvent, Seen, StepEnd, WaitReason},
    snapshot::{FactSnapshot, ServiceSnapshot, Snapshot},
    watch::{Signal, Verify},
};
use store::{Moment, Snapshots};

use crate::{
    bed::contract,
    samples::{now, project, requested_with, sequence, task},
};

fn verify() -> PlannedStep {
    let verify = Verify { within_s: 60, hold_s: None, all: vec![Signal::Probe("check-shop".into())] };
    PlannedStep { kind: "verify".into(), action: PlannedAction::Verify(verify), ..task("verify") }
}

fn snapshot(at: Timestamp, value: &str) -> Snapshot {
    let fact = FactSnapshot {
        collector: "look".into(),
        target: None,
        key: "version".into(),
        value: value.into(),
        state: FactState::Current,
    };
    let service = ServiceSnapshot {
        service: "shop".into(),
        environment: "production".into(),
        health: Health::Ok,
        since: None,
        cause: "All its probes are ok.".into(),
        facts: vec![fact],
        left_out: 0,
    };
    Snapshot { at, services: vec![service], collectors: Vec::new() }
}

contract! {
    async fn a_step_that_is_watched_is_known_to_whoever_starts_next(bed: &Bed) {
        let store = &bed.store;
        let id = project(store, "default").await;
        let plan = sequence("deploy", vec![verify()]);
        let begun = store.request_run(id, requested_with("default", "deploy", plan), now(), None, 0).await.unwrap();
        let run = begun.answer.run.id;
        assert!(begun.answer.effects.contains(&RunEffect::Watch { step: 0 }));
        assert_eq!(store.watching().await.unwrap(), [(run, 0)]);
        let bad = Seen { says: "bad".into(), ..Seen::default() };
        let seen = RunEvent::SignalsSeen { step: 0, seen: vec![bad] };
        let waiting = store.advance(run, now(), seen, 0).await.unwrap().run;
        let reason = &waiting.step(0).unwrap().wait.as_ref().unwrap().reason;
        assert!(matches!(reason, WaitReason::Verify(verifying) if verifying.missing().ends_with("bad")));
        let listed = store.runs("default", store::RunFilter { limit: 9, ..Default::default() }).await.unwrap();
        assert!(listed.runs[0].waits_for.as_ref().unwrap().contains("probe `check-shop`: bad"));
        store.watched(run, 0).await.unwrap();
        assert_eq!(store.watching().await.unwrap(), []);
    }
}

contract! {
    async fn how_things_stood_is_kept_beside_a_run(bed: &Bed) {
        let store = &bed.store;
        let id = project(store, "default").await;
        let plan = sequence("deploy", vec![task("one")]);
        let begun = store.request_run(id, requested_with("default", "deploy", plan), now(), None, 1).await.unwrap();
        let run = begun.answer.run.id;
        assert!(begun.answer.effects.contains(&RunEffect::Began));
        let at = now();
        let snapshot = |value| snapshot(at, value);
        assert_eq!(store.snapshots(run).await.unwrap(), Snapshots::default());
        store.keep_snapshot(run, "default", Moment::Before, snapshot("0")).await.unwrap();
        store.keep_snapshot(run, "default", Moment::Before, snapshot("1")).await.unwrap();
        assert_eq!(store.open_snapshots(9).await.unwrap(), [], "it has not ended");
        let event = RunEvent::StepFinished { step: 0, attempt: 1, end: StepEnd::succeeded() };
        store.advance(run, now(), event, 0).await.unwrap();
        assert_eq!(store.open_snapshots(9).await.unwrap(), [run]);
        store.keep_snapshot(run, "default", Moment::After, snapshot("2")).await.unwrap();
        assert_eq!(store.open_snapshots(9).await.unwrap(), []);
        let kept = store.snapshots(run).await.unwrap();
        assert_eq!((kept.before, kept.after), (Some(snapshot("1")), Some(snapshot("2"))), "the later one counts");
    }
}
