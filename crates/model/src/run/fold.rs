//! A run is the fold of its events: what each of them changes, and nothing else changes a run.
//!
//! Nothing is evaluated or decided here: an event says all that followed from it when it happened.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Answer, Body, Branch, Counts, Layer, Phase, Plan, PlannedAction, Requested, Run, RunEvent, RunState,
    Stamped, StepEnd, StepOutcome, StepRun, StepState, Stopping, Wait, WaitReason, number,
};

/// Steps that one run may come to have.
pub(super) const STEPS_MAX: usize = 200_000;

/// The run that these events make; none without a request among them.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Stamped>) -> Option<Run> {
    let mut run = None;
    for Stamped { at, event } in events {
        match (&mut run, event) {
            (None, RunEvent::Requested(requested)) => run = Some(requested_run(requested, *at)),
            // Total: what comes before the request is passed over.
            (None, _) => {}
            (Some(run), event) => apply(run, *at, event),
        }
    }
    run
}

/// The run right after its request.
pub(super) fn requested_run(requested: &Requested, at: Timestamp) -> Run {
    let mut run = Run {
        id: requested.id,
        project: requested.project.clone(),
        runbook: requested.runbook.clone(),
        digest: requested.digest.clone(),
        bundle: requested.bundle.clone(),
        title: requested.title.clone(),
        service: requested.service.clone(),
        environment: requested.environment.clone(),
        environments: requested.environments.clone(),
        change_class: requested.change_class,
        via: requested.via.clone(),
        labels: requested.labels.clone(),
        effect: requested.effect,
        state: RunState::Queued,
        revision: 1,
        reason: requested.reason.clone(),
        requested_by: requested.by.clone(),
        inputs: requested.inputs.clone(),
        timeout_s: requested.timeout_s,
        retry_of: requested.retry_of.clone(),
        steps: Vec::new(),
        body: Body::default(),
        counts: Counts::default(),
        wait: None,
        requested_at: at,
        started_at: None,
        finished_at: None,
        cause: None,
        message: None,
        cancel_requested_by: None,
        plan: Arc::new(requested.plan.clone()),
    };
    let plan = Arc::clone(&run.plan);
    let outermost = plan.scopes.first().map(|scope| scope.children.as_slice()).unwrap_or_default();
    run.body.children = instantiate_all(&mut run, &plan, None, outermost);
    take_over(&mut run, at);
    run
}

/// A run that goes on from a step of an earlier one: the steps before it are skipped.
fn take_over(run: &mut Run, at: Timestamp) {
    let Some((from, earlier)) = run.retry_of.as_ref().and_then(|of| Some((of.from.clone()?, of.run))) else {
        return;
    };
    let skipped: Vec<u32> = run
        .body
        .children
        .iter()
        .copied()
        .take_while(|place| run.step(*place).is_some_and(|step| step.name != from))
        .collect();
    for place in skipped {
        end_pending(run, place, at, StepState::Skipped);
        if let Some(step) = run.step_mut(place) {
            step.message = Some(format!("taken over from run {earlier}"));
        }
    }
}

/// What one event changes.
pub(super) fn apply(run: &mut Run, at: Timestamp, event: &RunEvent) {
    run.revision += 1;
    match event {
        RunEvent::Requested(_)
        | RunEvent::Due {}
        | RunEvent::SignalsSeen { .. }
        | RunEvent::Collected { .. } => {}
        RunEvent::LockRefused { step: place, .. } => {
            if let Some(step) = run.step_mut(*place) {
                step.inputs = None;
            }
        }
        RunEvent::Restored { .. } => restored(run),
        RunEvent::Started {} => run.started_at = Some(at),
        RunEvent::Waiting { wait } => run.wait = Some(wait.clone()),
        RunEvent::LockGranted { step: None } => run.wait = None,
        RunEvent::LockGranted { step: Some(place) } => {
            set_state(run, *place, StepState::Running);
            if let Some(step) = run.step_mut(*place) {
                // Its time begins now.
                step.started_at = Some(at);
            }
        }
        RunEvent::StepStarted { step: place, attempt } => started(run, at, *place, *attempt),
        RunEvent::StepWaiting { step: place, attempt, wait } => waiting(run, *place, *attempt, wait),
        RunEvent::StepExpanded { step: place, branches } => expanded(run, at, *place, branches),
        RunEvent::StepCalled { step: place, inputs } => {
            begin(run, at, *place);
            if let Some(step) = run.step_mut(*place) {
                step.inputs = Some(inputs.clone());
            }
        }
        RunEvent::StepLost { step: place, cause, message, .. } => {
            if let Some(step) = run.step_mut(*place) {
                step.cause = Some(*cause);
                step.message = Some(message.clone());
            }
        }
        RunEvent::StepParked { step: place, policy, reason, .. } => {
            parked(run, at, *place, policy.as_deref(), reason)
        }
        // What it does next says the event that follows.
        RunEvent::StepUnparked { .. } => {}
        RunEvent::StepAnswered { step: place, answer, outputs } => {
            answered(run, *place, answer, Some(outputs))
        }
        RunEvent::StepResolved { step: place, answer, .. } => answered(run, *place, answer, None),
        RunEvent::StepSkipped { step: place, message } => {
            end_pending(run, *place, at, StepState::Skipped);
            if let Some(step) = run.step_mut(*place) {
                step.message = Some(message.clone());
            }
        }
        RunEvent::AttemptFinished { step: place, end, .. } => {
            set_state(run, *place, StepState::Running);
            if let Some(step) = run.step_mut(*place) {
                keep_end(step, end);
                // The runbook that it calls is not under way: not yet, or not any more.
                step.inputs = None;
            }
        }
        RunEvent::StepFinished { step: place, end, .. } => finished(run, at, *place, end),
        RunEvent::CancelRequested { by } => {
            if run.body.phase == Phase::Cleanup {
                run.body.cleanup_stopping = true;
            } else if run.body.stopping != Some(Stopping::Canceled) {
                run.body.stopping = Some(Stopping::Canceled);
            } else {
                // A second time: what called runbooks clean up ends too.
                for step in run.steps.iter_mut().filter(|step| step.cleans_up()) {
                    Arc::make_mut(step).body.cleanup_stopping = true;
                }
            }
            run.cancel_requested_by = Some(by.clone());
            run.state = RunState::Canceling;
        }
        RunEvent::StoppingBegan { step, why } => {
            if let Some(body) = body_mut(run, *step) {
                body.stopping = Some(*why);
            }
        }
        RunEvent::PhaseEntered { step, phase, verdict } => entered(run, at, *step, *phase, verdict),
        RunEvent::Finished { state, cause, message } => {
            run.state = *state;
            run.finished_at = Some(at);
            run.cause = *cause;
            run.message.clone_from(message);
            run.wait = None;
            let rest = if *state == RunState::Canceled { StepState::Canceled } else { StepState::Skipped };
            for place in 0..run.steps.len() {
                end_one(run, number(place), at, rest);
            }
        }
    }
    restate(run);
}

/// The run's own state, from what its steps do.
fn restate(run: &mut Run) {
    if run.state.is_end() || run.state == RunState::Canceling {
        return;
    }
    run.state = if run.started_at.is_none() {
        RunState::Queued
    } else if run.counts.running == 0 && run.counts.waiting > 0 {
        RunState::Waiting
    } else {
        RunState::Running
    };
}

/// The one way in which a step's state changes, so that the counts stay right.
fn set_state(run: &mut Run, place: u32, state: StepState) {
    change(run, place, |step| {
        step.state = state;
        if state != StepState::Waiting {
            step.wait = None;
        }
    });
}

fn change(run: &mut Run, place: u32, change: impl FnOnce(&mut StepRun)) {
    let Some((performed, waited)) = counted(run, place) else { return };
    if let Some(step) = run.step_mut(place) {
        change(step);
    }
    let Some((performs, waits)) = counted(run, place) else { return };
    let Counts { running, waiting } = &mut run.counts;
    *running = (*running + u32::from(performs)).saturating_sub(u32::from(performed));
    *waiting = (*waiting + u32::from(waits)).saturating_sub(u32::from(waited));
}

fn counted(run: &Run, place: u32) -> Option<(bool, bool)> {
    let step = run.step(place)?;
    Some((run.is_performed(step), step.state == StepState::Waiting))
}

fn begin(run: &mut Run, at: Timestamp, place: u32) {
    set_state(run, place, StepState::Running);
    if let Some(step) = run.step_mut(place) {
        step.started_at = step.started_at.or(Some(at));
        step.attempt = step.attempt.max(1);
    }
}

fn started(run: &mut Run, at: Timestamp, place: u32, attempt: u32) {
    let Some(step) = run.step(place) else { return };
    let group = step.layer == Layer::One && !run.is_task(step);
    let again = attempt > 1;
    change(run, place, |step| {
        step.state = StepState::Running;
        step.wait = None;
        step.attempt = attempt;
        step.started_at = Some(at);
        step.exit_code = None;
        step.signal = None;
        step.cause = None;
        step.message = None;
        step.outputs = BTreeMap::new();
        step.facts = BTreeMap::new();
        step.body.phase = Phase::Main;
        step.body.verdict = None;
        step.body.stopping = None;
        step.body.untimed = false;
    });
    if group && again {
        // Its steps are tried again from the first: those of the last attempt stay as they ended.
        let Some(step) = run.step(place).cloned() else { return };
        let plan = Arc::clone(&run.plan);
        let children = instantiate_all(run, &plan, Some((place, &step.path)), inner(&plan, step.planned));
        if let Some(step) = run.step_mut(place) {
            step.body.children = children;
            step.body.on_failure = Vec::new();
            step.body.cleanup = Vec::new();
        }
    }
}

/// Its clock stood still while the world went on: what is under way has no limits any more.
fn restored(run: &mut Run) {
    run.body.untimed = true;
    for place in 0..run.steps.len() {
        let Some(step) = run.step_mut(number(place)) else { continue };
        if matches!(step.state, StepState::Running | StepState::Waiting) {
            step.body.untimed = true;
        }
        if matches!(&step.wait, Some(Wait { reason: WaitReason::Lock { .. }, .. })) {
            // It never got its lock, so it has none to give back.
            step.inputs = None;
        }
    }
}

fn waiting(run: &mut Run, place: u32, attempt: u32, wait: &Wait) {
    // An attempt begins when a runner takes it; all else begins by waiting.
    let of_attempt =
        matches!(wait.reason, WaitReason::Runner | WaitReason::Lost { .. } | WaitReason::Retry { .. });
    change(run, place, |step| {
        step.state = StepState::Waiting;
        step.wait = Some(wait.clone());
        step.attempt = attempt;
        if !of_attempt {
            step.started_at = step.started_at.or(Some(wait.since));
        }
    });
}

fn parked(run: &mut Run, at: Timestamp, place: u32, policy: Option<&str>, reason: &str) {
    let performed = run.step(place).is_some_and(|step| run.is_performed(step));
    change(run, place, |step| {
        let reason = WaitReason::Policy { policy: policy.map(str::to_owned), reason: reason.to_owned() };
        let known = step.wait.take().filter(|wait| matches!(wait.reason, WaitReason::Policy { .. }));
        let since = known.map_or(at, |wait| wait.since);
        step.state = StepState::Waiting;
        step.wait = Some(Wait { reason, since, until: None });
        if performed {
            step.parked = step.parked.saturating_add(1);
            if step.tries() == 0 {
                step.started_at = None;
            }
        }
    });
}

fn answered(run: &mut Run, place: u32, answer: &Answer, outputs: Option<&BTreeMap<String, String>>) {
    if let Some(step) = run.step_mut(place) {
        step.answer = Some(answer.clone());
        if let Some(outputs) = outputs {
            step.outputs.clone_from(outputs);
        }
    }
}

fn keep_end(step: &mut StepRun, end: &StepEnd) {
    step.exit_code = end.exit_code;
    step.signal = end.signal;
    step.cause = end.cause;
    step.message.clone_from(&end.message);
    step.outputs.clone_from(&end.outputs);
    step.facts.clone_from(&end.facts);
}

fn finished(run: &mut Run, at: Timestamp, place: u32, end: &StepEnd) {
    let (state, rest) = match end.outcome {
        StepOutcome::Succeeded => (StepState::Succeeded, StepState::Skipped),
        StepOutcome::Failed => (StepState::Failed, StepState::Skipped),
        StepOutcome::Canceled => (StepState::Canceled, StepState::Canceled),
        StepOutcome::Unknown => (StepState::Unknown, StepState::Skipped),
    };
    set_state(run, place, state);
    let Some(step) = run.step_mut(place) else { return };
    step.finished_at = Some(at);
    keep_end(step, end);
    let inside: Vec<u32> = parts(&step.body).collect();
    for place in inside {
        end_pending(run, place, at, rest);
    }
}

fn entered(run: &mut Run, at: Timestamp, owner: Option<u32>, phase: Phase, verdict: &StepEnd) {
    let plan = Arc::clone(&run.plan);
    let Some(body) = run.body_of(owner) else { return };
    let left: Vec<u32> = parts(body).collect();
    let rest = match verdict.outcome {
        StepOutcome::Canceled => StepState::Canceled,
        _ => StepState::Skipped,
    };
    for place in left {
        end_pending(run, place, at, rest);
    }
    if let Some(place) = owner {
        // A failed attempt whose handlers run is performed by no runner any more.
        change(run, place, |step| {
            step.state = StepState::Running;
            step.wait = None;
            step.body.phase = phase;
        });
    }
    let list = list(run, owner, phase);
    let path = owner.and_then(|place| run.step(place)).map(|step| step.path.clone());
    let parent = owner.zip(path.as_deref());
    let places = instantiate_all(run, &plan, parent, &list);
    let Some(body) = body_mut(run, owner) else { return };
    body.phase = phase;
    body.verdict = Some(verdict.clone());
    match phase {
        Phase::Main => {}
        Phase::OnFailure => body.on_failure = places,
        Phase::Cleanup => body.cleanup = places,
    }
}

fn expanded(run: &mut Run, at: Timestamp, place: u32, branches: &[Branch]) {
    begin(run, at, place);
    let Some(step) = run.step(place).cloned() else { return };
    let plan = Arc::clone(&run.plan);
    let next = match step.layer {
        Layer::Items if plan.step(step.planned).is_some_and(|planned| planned.on.is_some()) => Layer::Targets,
        Layer::Items | Layer::Targets | Layer::One => Layer::One,
    };
    let mut children = Vec::with_capacity(branches.len());
    for (branch, label) in branches.iter().zip(labels(branches)) {
        let path = format!("{}[{label}]", step.path);
        let origin = Origin { parent: Some(place), path, layer: next, branch: Some(branch.clone()) };
        children.push(instantiate(run, &plan, step.planned, origin));
    }
    if let Some(step) = run.step_mut(place) {
        step.body.children = children;
    }
}

/// How the times of a loop are called in addresses: targets by name; items by value if each of them has one that is short,
/// plain and no other's, else all by number.
fn labels(branches: &[Branch]) -> Vec<String> {
    const LONGEST: usize = 40;
    let plain = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
        !text.is_empty() && text.len() <= LONGEST && text.chars().all(plain)
    };
    let name = |branch: &Branch| match branch {
        Branch::Target(target) => Some(target.name.clone()),
        Branch::Item { value: serde_json::Value::String(text), .. } => plain(text).then(|| text.clone()),
        Branch::Item { value, .. } => Some(value.to_string()).filter(|text| plain(text)),
    };
    let names: Option<Vec<String>> = branches.iter().map(name).collect();
    let unlike = |names: &Vec<String>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    names.filter(unlike).unwrap_or_else(|| (0..branches.len()).map(|index| index.to_string()).collect())
}

/// Where a new step comes from.
struct Origin {
    parent: Option<u32>,
    path: String,
    layer: Layer,
    branch: Option<Branch>,
}

fn instantiate_all(run: &mut Run, plan: &Plan, parent: Option<(u32, &str)>, list: &[u32]) -> Vec<u32> {
    list.iter()
        .filter_map(|planned| {
            let step = plan.step(*planned)?;
            let layer = match (&step.for_each, &step.on) {
                (Some(_), _) => Layer::Items,
                (None, Some(_)) => Layer::Targets,
                (None, None) => Layer::One,
            };
            let path = match parent {
                Some((_, path)) => format!("{path}.{}", step.name),
                None => step.name.clone(),
            };
            let origin = Origin { parent: parent.map(|(place, _)| place), path, layer, branch: None };
            Some(instantiate(run, plan, *planned, origin))
        })
        .collect()
}

/// Add a step, and those inside of it that are known already: all but the times of loops, handlers and cleanup.
fn instantiate(run: &mut Run, plan: &Plan, planned: u32, origin: Origin) -> u32 {
    let place = number(run.steps.len());
    let Some(step) = plan.step(planned) else { return place };
    let Origin { parent, path, layer, branch } = origin;
    run.steps.push(Arc::new(StepRun {
        name: step.name.clone(),
        path: path.clone(),
        parent,
        planned,
        layer,
        branch,
        action: step.kind.clone(),
        effect: step.effect,
        state: StepState::Pending,
        attempt: 0,
        parked: 0,
        started_at: None,
        finished_at: None,
        exit_code: None,
        signal: None,
        cause: None,
        message: None,
        outputs: BTreeMap::new(),
        facts: BTreeMap::new(),
        body: Body::default(),
        wait: None,
        inputs: None,
        answer: None,
    }));
    if layer == Layer::One {
        let children = instantiate_all(run, plan, Some((place, &path)), inner(plan, planned));
        if let Some(step) = run.step_mut(place) {
            step.body.children = children;
        }
    }
    place
}

/// The planned steps in a group or a called runbook.
fn inner(plan: &Plan, planned: u32) -> &[u32] {
    let Some(step) = plan.step(planned) else { return &[] };
    match &step.action {
        PlannedAction::Runbook { scope, .. } => {
            plan.scope(*scope).map(|scope| scope.children.as_slice()).unwrap_or_default()
        }
        _ => &step.children,
    }
}

/// Steps that come to be when this one is begun once: itself, and those inside that are known by then.
pub(super) fn size(plan: &Plan, planned: u32) -> usize {
    let looped =
        |planned: u32| plan.step(planned).is_some_and(|step| step.for_each.is_some() || step.on.is_some());
    let inside = inner(plan, planned).iter().map(|inner| if looped(*inner) { 1 } else { size(plan, *inner) });
    1 + inside.sum::<usize>()
}

/// The planned steps of a phase: of the run, or of a step.
pub(super) fn list(run: &Run, owner: Option<u32>, phase: Phase) -> Vec<u32> {
    let of_scope = |scope: u32| {
        let scope = run.plan.scope(scope)?;
        Some(match phase {
            Phase::Main => scope.children.clone(),
            Phase::OnFailure => scope.on_failure.clone(),
            Phase::Cleanup => scope.cleanup.clone(),
        })
    };
    let Some(owner) = owner else { return of_scope(0).unwrap_or_default() };
    let Some(step) = run.step(owner) else { return Vec::new() };
    let Some(planned) = run.plan.step(step.planned) else { return Vec::new() };
    let mut list = match (&planned.action, phase) {
        // What was called and never began, for want of inputs or of its lock, has nothing to handle or to clean up.
        (PlannedAction::Runbook { scope, .. }, _) if step.inputs.is_some() => {
            of_scope(*scope).unwrap_or_default()
        }
        (_, Phase::Main) => planned.children.clone(),
        (_, Phase::OnFailure | Phase::Cleanup) => Vec::new(),
    };
    if phase == Phase::OnFailure {
        // A called runbook's own handlers come before those of the step that calls it.
        list.extend(&planned.on_failure);
    }
    list
}

fn parts(body: &Body) -> impl Iterator<Item = u32> + use<> {
    let all = [body.children.clone(), body.on_failure.clone(), body.cleanup.clone()];
    all.into_iter().flatten()
}

fn body_mut(run: &mut Run, owner: Option<u32>) -> Option<&mut Body> {
    match owner {
        None => Some(&mut run.body),
        Some(place) => run.step_mut(place).map(|step| &mut step.body),
    }
}

/// What has not begun does not begin any more, with all that is in it.
fn end_pending(run: &mut Run, place: u32, at: Timestamp, state: StepState) {
    end_one(run, place, at, state);
    let inside: Vec<u32> = run.step(place).map(|step| parts(&step.body).collect()).unwrap_or_default();
    for place in inside {
        end_pending(run, place, at, state);
    }
}

fn end_one(run: &mut Run, place: u32, at: Timestamp, state: StepState) {
    if run.step(place).is_some_and(|step| step.state == StepState::Pending) {
        set_state(run, place, state);
        if let Some(step) = run.step_mut(place) {
            step.finished_at = Some(at);
        }
    }
}
