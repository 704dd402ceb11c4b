//! Definitions, requests, ends and keys to test with, and what must be true of every stored run.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use model::{
    event::Event,
    id::{PrincipalId, ProjectId, RunId, Uuid},
    name::Digest,
    run::{
        Plan, PlannedAction, PlannedStep, Requested, Requester, Run, RunEvent, Scope, Stamped, StepEnd,
        StepOutcome, fold,
    },
    runbook::{Effect, FileMode, Runbook, Script, Step, StepAction, VersionFile},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::{Apply, Key, NewDefinition, Store};

/// With nanoseconds, as a clock gives them.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::new(now.as_second(), now.subsec_nanosecond() / 1000 * 1000 + 789).unwrap()
}

pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(&Sha256::digest(bytes).into())
}

pub fn ann() -> Requester {
    Requester { id: PrincipalId(Uuid::from_u128(0xa22)), name: "ann".into() }
}

pub fn bob() -> Requester {
    Requester { id: PrincipalId(Uuid::from_u128(0xb0b)), name: "bob".into() }
}

pub fn runbook(name: &str, script: &str) -> Runbook {
    let action = StepAction::Run { interpreter: vec!["/bin/sh".into()], script: Script::Body(script.into()) };
    Runbook {
        name: name.into(),
        title: Some(format!("Title of {name}")),
        description: None,
        service: Some("storefront".into()),
        environment: None,
        change_class: None,
        labels: BTreeMap::new(),
        inputs: Vec::new(),
        rules: Vec::new(),
        steps: vec![Step::new("one", action, Effect::Change)],
        on_failure: Vec::new(),
        cleanup: Vec::new(),
        outputs: BTreeMap::new(),
        effect: Effect::Change,
        timeout_s: None,
        output_limit: 1024,
        concurrency: None,
        on_lost: model::runbook::OnLost::default(),
        max_targets: None,
        grace_s: None,
        limits: model::runbook::Limits::default(),
        run_as: None,
        probe: None,
        collects: None,
        snapshot: Vec::new(),
        verify: None,
    }
}

/// A runbook whose version depends on its script and its files.
pub fn definition(name: &str, script: &str, files: &[(&str, &[u8])]) -> NewDefinition {
    let files: Vec<_> = files
        .iter()
        .map(|(path, bytes)| VersionFile {
            path: (*path).into(),
            mode: if path.ends_with(".sh") { FileMode::Executable } else { FileMode::Plain },
            size: bytes.len() as u64,
            sha256: sha256(bytes),
        })
        .collect();
    let of_files: String = files.iter().map(|file| format!("{}{}", file.path, file.sha256)).collect();
    NewDefinition {
        kind: "Runbook".into(),
        name: name.into(),
        path: format!("runbooks/{name}.yaml"),
        digest: sha256(format!("{name}\n{script}\n{of_files}").as_bytes()),
        text: format!("name: {name}\n# {script}\n"),
        document: json!({"kind": "Runbook", "name": name, "script": script, "n": 1.5, "none": null}),
        compiled: serde_json::to_value(runbook(name, script)).unwrap(),
        service: Some("storefront".into()),
        effect: Some(Effect::Change),
        files,
    }
}

pub fn apply(project: &str, definitions: Vec<NewDefinition>, files: &[&[u8]]) -> Apply {
    Apply {
        project: project.into(),
        definitions,
        files: files.iter().map(|bytes| (sha256(bytes), bytes.to_vec())).collect(),
        dry_run: false,
        prune: false,
        by: ann().id,
        by_name: "ann".into(),
        at: now(),
    }
}

/// A project with a runbook `deploy` in it.
pub async fn project(store: &Store, name: &str) -> ProjectId {
    store.apply(apply(name, vec![definition("deploy", "true", &[])], &[])).await.unwrap();
    store.project(name).await.unwrap().unwrap()
}

/// A step that a runner performs.
pub fn task(name: &str) -> PlannedStep {
    PlannedStep {
        name: name.into(),
        scope: 0,
        written: 0,
        kind: "run".into(),
        action: PlannedAction::Task,
        effect: Effect::Change,
        safe: false,
        condition: None,
        for_each: None,
        on: None,
        retry: None,
        timeout_s: None,
        continue_on_failure: false,
        secrets: Vec::new(),
        children: Vec::new(),
        on_failure: Vec::new(),
    }
}

/// The scope of a runbook whose outermost steps are these.
pub fn scope(runbook: &str, children: Vec<u32>) -> Scope {
    Scope {
        runbook: runbook.into(),
        digest: definition(runbook, "true", &[]).digest,
        children,
        on_failure: Vec::new(),
        cleanup: Vec::new(),
        inputs: Vec::new(),
        outputs: BTreeMap::new(),
        timeout_s: None,
        concurrency: None,
        on_lost: model::runbook::OnLost::Unknown,
    }
}

/// These steps one after the other.
pub fn sequence(runbook: &str, steps: Vec<PlannedStep>) -> Plan {
    let children = (0..u32::try_from(steps.len()).unwrap()).collect();
    Plan { scopes: vec![scope(runbook, children)], steps, inventories: BTreeMap::new() }
}

/// Steps of a runner, all at once: the group is the place 0.
pub fn parallel(runbook: &str, steps: u32) -> Plan {
    let mut group = task("all");
    group.kind = "parallel".into();
    group.action = PlannedAction::Parallel;
    group.children = (1..=steps).collect();
    let inside = (1..=steps).map(|place| task(&format!("step_{place}")));
    let steps = std::iter::once(group).chain(inside).collect();
    Plan { scopes: vec![scope(runbook, vec![0])], steps, inventories: BTreeMap::new() }
}

pub fn requested_of(project: &str, runbook: &str, steps: usize) -> Requested {
    let steps = (1..=steps).map(|place| task(&format!("step_{place}"))).collect();
    requested_with(project, runbook, sequence(runbook, steps))
}

pub fn requested_with(project: &str, runbook: &str, plan: Plan) -> Requested {
    Requested {
        id: RunId(Uuid::now_v7()),
        project: project.into(),
        digest: definition(runbook, "true", &[]).digest,
        bundle: Some(sha256(b"all that it is pinned to")),
        inputs_digest: sha256(b"{}"),
        inputs: BTreeMap::from([(
            "region".into(),
            model::runbook::InputValue::Text("'; DROP TABLE runs; --".into()),
        )]),
        reason: Some("\"quoted\" \\u0000 \u{1f6a6} \u{1}".into()),
        by: ann(),
        via: "api".into(),
        runbook: runbook.into(),
        title: None,
        service: Some("storefront".into()),
        environment: Some("staging".into()),
        environments: Vec::new(),
        change_class: None,
        labels: BTreeMap::new(),
        effect: Effect::Change,
        timeout_s: None,
        retry_of: None,
        plan,
    }
}

/// A run of `steps` steps in the project `default`, queued.
pub async fn queued(store: &Store, project: ProjectId, steps: usize) -> Arc<Run> {
    let requested = requested_of("default", "deploy", steps);
    store.request_run(project, requested, now(), None, 0).await.unwrap().answer.run
}

pub fn started(step: u32) -> RunEvent {
    RunEvent::StepStarted { step, attempt: 1 }
}

pub fn finished(step: u32, outcome: StepOutcome) -> RunEvent {
    let end = StepEnd {
        outcome,
        cause: None,
        message: Some("it said \"so\" \u{0}".into()),
        exit_code: Some(0),
        signal: None,
        outputs: BTreeMap::from([("url".into(), "https://example.org/\u{1f6a6}".into())]),
        facts: BTreeMap::new(),
    };
    RunEvent::StepFinished { step, attempt: 1, end }
}

pub fn cancel() -> RunEvent {
    RunEvent::CancelRequested { by: ann() }
}

pub fn key(name: &str, body: &str) -> Key {
    Key { principal: ann().id, route: "POST /runs".into(), key: name.into(), body: body.into() }
}

/// The run event that an envelope carries.
pub fn run_event(event: &Event) -> Stamped {
    let tagged = json!({"type": event.kind, "data": event.data});
    Stamped { at: event.at, event: serde_json::from_value(tagged).unwrap() }
}

/// The place of the attempt that runs, if there is one.
pub fn running(run: &Run) -> Option<u32> {
    run.running_steps().next()
}

/// The place of the attempt that may start, if there is one.
pub fn next(run: &Run) -> Option<u32> {
    run.queued_steps().next()
}

/// Row and events agree, and every envelope is complete. Gives the run.
pub async fn whole(store: &Store, project: &str, id: RunId) -> Arc<Run> {
    let run = store.run(project, id).await.unwrap().expect("the run is there");
    let events = store.run_events(id).await.unwrap();
    assert_eq!(events.len() as u64, run.revision, "an event for each revision");
    let stamped: Vec<_> = events.iter().map(run_event).collect();
    assert_eq!(fold(&stamped).as_ref(), Some(&*run), "the row is the fold of the stored events");
    for (event, stamped) in events.iter().zip(&stamped) {
        assert_eq!(event.kind, stamped.event.kind());
        assert_eq!((event.run, event.correlation), (Some(id), id.0));
        assert_eq!(event.project.as_deref(), Some(project));
        assert_eq!(event.service, run.service);
        assert!(event.recorded_at >= event.at, "recorded after it happened");
        let subject = match stamped.event.step() {
            Some(place) => format!("run/{id}/step/{}", run.steps[place as usize].path),
            None => format!("run/{id}"),
        };
        assert_eq!(event.subject, subject);
        assert_eq!(event.environment, run.environment);
        assert_eq!(event.principal, stamped.event.by().map(|by| by.id), "whoever acted, and nobody else");
        if let Some(cause) = event.cause {
            assert!(
                events.iter().any(|other| other.id == cause && other.id < event.id),
                "a cause comes before"
            );
        }
    }
    run
}
