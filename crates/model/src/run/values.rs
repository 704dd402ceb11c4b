//! What expressions see of a run: `inputs`, `steps`, `item`, `index`, `target`, `run`.

use serde_json::{Map, Value, json};

use super::{Body, Branch, Layer, Phase, Plan, PlannedAction, PlannedStep, Run, StepState, fold::list};
use crate::runbook::InputValues;

/// The values for a step, or for the run's outermost level. Of the steps only those named in `names` are gathered.
///
/// `steps.NAME` has `state`, `outputs`, `exit_code` and `message`. Of a step that is performed for items, seen from outside, `outputs.KEY`
/// is a list in the order of the items and `items` has each; for targets, `targets['NAME']` has each. From inside of the same
/// item or target it is that one time of it. Secrets are not among the inputs.
pub fn values(run: &Run, place: Option<u32>, names: &[String]) -> Value {
    let mut values = Map::new();
    let around = ancestors(run, place);
    let owner = scope_owner(run, &around);
    let inputs = match owner.and_then(|owner| run.step(owner)) {
        Some(step) => step.inputs.as_ref(),
        None => Some(&run.inputs),
    };
    let shown = inputs.into_iter().flatten().filter(|(_, value)| !value.is_sealed());
    values.insert("inputs".into(), shown.map(|(name, value)| (name.clone(), value.to_json())).collect());

    let mut steps = Map::new();
    for name in names {
        let taken = run.retry_of.as_ref().filter(|_| owner.is_none()).and_then(|of| of.taken.get(name));
        let value = taken.cloned().or_else(|| step_value(run, owner, &around, name));
        if let Some(value) = value {
            steps.insert(name.clone(), value);
        }
    }
    values.insert("steps".into(), Value::Object(steps));

    // The nearest first, so that an inner loop's item hides an outer one's.
    for step in around.iter().filter_map(|place| run.step(*place)) {
        match &step.branch {
            Some(Branch::Item { index, value }) if !values.contains_key("item") => {
                values.insert("item".into(), value.clone());
                values.insert("index".into(), (*index).into());
            }
            Some(Branch::Target(target)) if !values.contains_key("target") => {
                values.insert(
                    "target".into(),
                    json!({
                        "name": target.name,
                        "address": target.address.clone().unwrap_or_default(),
                        "environment": target.environment(),
                        "labels": target.labels,
                    }),
                );
            }
            _ => {}
        }
    }
    values.insert(
        "run".into(),
        json!({
            "id": run.id,
            "runbook": run.runbook,
            "reason": run.reason,
            "requested_by": run.requested_by.name,
        }),
    );
    Value::Object(values)
}

/// The step itself and all around it, from the inside out.
fn ancestors(run: &Run, place: Option<u32>) -> Vec<u32> {
    let mut all = Vec::new();
    let mut next = place;
    while let Some(place) = next {
        all.push(place);
        next = run.step(place).and_then(|step| step.parent);
    }
    all
}

/// The step that calls the runbook in which the first of `around` is written; none in the run's own.
fn scope_owner(run: &Run, around: &[u32]) -> Option<u32> {
    let scope = planned(run, *around.first()?)?.scope;
    around.iter().skip(1).copied().find(|place| called_scope(run, *place) == Some(scope))
}

/// The inputs of the runbook in which a step is written.
pub(super) fn scope_inputs(run: &Run, place: u32) -> &InputValues {
    let owner = scope_owner(run, &ancestors(run, Some(place))).and_then(|owner| run.step(owner));
    owner.and_then(|owner| owner.inputs.as_ref()).unwrap_or(&run.inputs)
}

/// Which of the run's own secret inputs a secret input is of the runbook in which this step is written, by way of the calls
/// that it is inside of. None if nobody handed one on.
pub fn own_secret<'r>(run: &'r Run, place: u32, input: &'r str) -> Option<&'r str> {
    let (mut place, mut name) = (place, input);
    while let Some(owner) = scope_owner(run, &ancestors(run, Some(place))) {
        let PlannedAction::Runbook { secrets, .. } = &planned(run, owner)?.action else { return None };
        name = secrets.get(name)?;
        place = owner;
    }
    Some(name)
}

fn planned(run: &Run, place: u32) -> Option<&PlannedStep> {
    run.plan.step(run.step(place)?.planned)
}

fn called_scope(run: &Run, place: u32) -> Option<u32> {
    match (&planned(run, place)?.action, run.step(place)?.layer) {
        (PlannedAction::Runbook { scope, .. }, Layer::One) => Some(*scope),
        _ => None,
    }
}

/// The value of the step with this name in the scope of `owner`.
fn step_value(run: &Run, owner: Option<u32>, around: &[u32], name: &str) -> Option<Value> {
    let scope = match owner {
        None => 0,
        Some(owner) => called_scope(run, owner)?,
    };
    let way = way_to(&run.plan, scope, name)?;
    Some(find(run, around, run.body_of(owner)?, &way))
}

/// The planned steps from the outermost level of a scope to the one with this name. Names are unique in a scope; what is in
/// called runbooks has scopes of its own.
fn way_to(plan: &Plan, scope: u32, name: &str) -> Option<Vec<u32>> {
    fn visit(plan: &Plan, list: &[u32], name: &str, way: &mut Vec<u32>) -> bool {
        list.iter().any(|place| {
            let Some(step) = plan.step(*place) else { return false };
            way.push(*place);
            let found = step.name == name
                || visit(plan, &step.children, name, way)
                || visit(plan, &step.on_failure, name, way);
            if !found {
                way.pop();
            }
            found
        })
    }
    let scope = plan.scope(scope)?;
    let mut way = Vec::new();
    let found = [&scope.children, &scope.on_failure, &scope.cleanup]
        .into_iter()
        .any(|list| visit(plan, list, name, &mut way));
    found.then_some(way)
}

/// Go the way to a step from what it is in.
fn find(run: &Run, around: &[u32], body: &Body, way: &[u32]) -> Value {
    let Some((next, rest)) = way.split_first() else { return Value::Null };
    let mut parts = body.children.iter().chain(&body.on_failure).chain(&body.cleanup).copied();
    match parts.find(|place| run.step(*place).is_some_and(|step| step.planned == *next)) {
        Some(place) => find_in(run, around, place, rest),
        // Handlers that nothing called for, cleanup before its time.
        None => {
            json!({"state": StepState::Pending.name(), "outputs": {}, "exit_code": null, "message": null})
        }
    }
}

fn find_in(run: &Run, around: &[u32], place: u32, way: &[u32]) -> Value {
    let Some(step) = run.step(place) else { return Value::Null };
    let children = &step.body.children;
    match (step.layer, way) {
        (Layer::One, []) => value_of(run, place),
        (Layer::One, _) => find(run, around, &step.body, way),
        (Layer::Items | Layer::Targets, _) => {
            // Inside of the same item or target: this one time of it.
            if let Some(own) =
                around.iter().find(|at| run.step(**at).is_some_and(|at| at.parent == Some(place)))
            {
                return find_in(run, around, *own, way);
            }
            let times: Vec<(u32, Value)> =
                children.iter().map(|child| (*child, find_in(run, &[], *child, way))).collect();
            together(run, step.layer, &times, way.is_empty().then(|| step.state.name()))
        }
    }
}

/// What is seen of one step.
fn value_of(run: &Run, place: u32) -> Value {
    let Some(step) = run.step(place) else { return Value::Null };
    json!({
        "state": step.state.name(),
        "outputs": step.outputs,
        "exit_code": step.exit_code,
        "message": step.message,
    })
}

/// What is seen of a step in or with a loop from outside of it: all of its times.
fn together(run: &Run, layer: Layer, times: &[(u32, Value)], state: Option<&str>) -> Value {
    let mut outputs: Map<String, Value> = Map::new();
    let keys = times.iter().filter_map(|(_, value)| value.get("outputs")?.as_object()).flat_map(Map::keys);
    for key in keys.cloned().collect::<std::collections::BTreeSet<_>>() {
        let of = |value: &Value| {
            value.get("outputs").and_then(|outputs| outputs.get(&key)).cloned().unwrap_or_default()
        };
        outputs.insert(key.clone(), times.iter().map(|(_, value)| of(value)).collect());
    }
    let mut whole = Map::new();
    whole.insert("state".into(), state.into());
    whole.insert("outputs".into(), Value::Object(outputs));
    match layer {
        Layer::Targets => {
            let name = |place: u32| match &run.step(place)?.branch {
                Some(Branch::Target(target)) => Some(target.name.clone()),
                _ => None,
            };
            let named = times.iter().filter_map(|(place, value)| Some((name(*place)?, value.clone())));
            whole.insert("targets".into(), Value::Object(named.collect()));
        }
        Layer::Items | Layer::One => {
            whole.insert("items".into(), times.iter().map(|(_, value)| value.clone()).collect());
        }
    }
    Value::Object(whole)
}

/// The names of a scope's own steps that come before an outermost step: what a retry from that step takes over.
pub fn values_before(run: &Run, from: &str) -> std::collections::BTreeMap<String, Value> {
    fn names(run: &Run, planned: &[u32], into: &mut Vec<String>) {
        for step in planned.iter().filter_map(|planned| run.plan.step(*planned)) {
            into.push(step.name.clone());
            names(run, &step.children, into);
            names(run, &step.on_failure, into);
        }
    }
    let mut before = Vec::new();
    for planned in list(run, None, Phase::Main) {
        if run.plan.step(planned).is_some_and(|step| step.name == from) {
            break;
        }
        names(run, &[planned], &mut before);
    }
    let known = values(run, None, &before);
    let steps = known.get("steps").and_then(Value::as_object).cloned().unwrap_or_default();
    steps.into_iter().collect()
}
