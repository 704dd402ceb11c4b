//! What expressions see of a run: `inputs`, `steps`, `item`, `index`, `target`, `run`.

use serde_json::{Map, Value, json};

use super::{Branch, Layer, Phase, Run, StepRun, fold::list};

/// The values for a step, or for the run's outermost level. Of the steps only those named in `names` are gathered.
///
/// `steps.NAME` has `state`, `outputs` and `exit_code`. Of a step that is performed for items, seen from outside, `outputs.KEY`
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
pub(super) fn ancestors(run: &Run, place: Option<u32>) -> Vec<u32> {
    let mut all = Vec::new();
    let mut next = place;
    while let Some(place) = next {
        all.push(place);
        next = run.step(place).and_then(|step| step.parent);
    }
    all
}

/// The called runbook that a step is in; the step that calls is not in it itself.
fn scope_owner(run: &Run, around: &[u32]) -> Option<u32> {
    around.iter().skip(1).copied().find(|place| is_call(run, *place))
}

fn is_call(run: &Run, place: u32) -> bool {
    run.step(place).is_some_and(|step| step.inputs.is_some() && step.layer == Layer::One)
}

/// The value of the step with this name in the scope of `owner`.
fn step_value(run: &Run, owner: Option<u32>, around: &[u32], name: &str) -> Option<Value> {
    let places: Vec<u32> = match owner {
        None => {
            run.body.children.iter().chain(&run.body.on_failure).chain(&run.body.cleanup).copied().collect()
        }
        Some(owner) => {
            let body = &run.step(owner)?.body;
            body.children.iter().chain(&body.on_failure).chain(&body.cleanup).copied().collect()
        }
    };
    places.into_iter().find_map(|place| find(run, around, place, name))
}

/// Look for a name in a step and in what is in it, but not in called runbooks, which have names of their own.
fn find(run: &Run, around: &[u32], place: u32, name: &str) -> Option<Value> {
    let step = run.step(place)?;
    let own = around.iter().find(|at| run.step(**at).is_some_and(|inner| inner.parent == Some(place)));
    if step.layer != Layer::One {
        // Inside of the same item or target: this one time of it.
        if let Some(own) = own {
            return find(run, around, *own, name);
        }
        return if step.name == name { Some(value_of(run, place)) } else { spread(run, step, name) };
    }
    if step.name == name {
        return Some(value_of(run, place));
    }
    if step.inputs.is_some() {
        // Its handlers are written by whoever calls.
        return step.body.on_failure.iter().find_map(|inner| find(run, around, *inner, name));
    }
    let inside = step.body.children.iter().chain(&step.body.on_failure);
    inside.copied().find_map(|inner| find(run, around, inner, name))
}

/// A step in a loop, seen from outside of it: all of its times.
fn spread(run: &Run, step: &StepRun, name: &str) -> Option<Value> {
    let times: Vec<(u32, Value)> =
        step.body.children.iter().filter_map(|child| Some((*child, find(run, &[], *child, name)?))).collect();
    (!times.is_empty()).then(|| together(run, step.layer, &times, None))
}

/// What is seen of a step as a whole.
fn value_of(run: &Run, place: u32) -> Value {
    let Some(step) = run.step(place) else { return Value::Null };
    if step.layer == Layer::One {
        return json!({
            "state": step.state.name(),
            "outputs": step.outputs,
            "exit_code": step.exit_code,
            "message": step.message,
        });
    }
    let times: Vec<(u32, Value)> =
        step.body.children.iter().map(|child| (*child, value_of(run, *child))).collect();
    together(run, step.layer, &times, Some(step.state.name()))
}

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
    for planned in list(&run.plan, None, Phase::Main) {
        if run.plan.step(planned).is_some_and(|step| step.name == from) {
            break;
        }
        names(run, &[planned], &mut before);
    }
    let known = values(run, None, &before);
    let steps = known.get("steps").and_then(Value::as_object).cloned().unwrap_or_default();
    steps.into_iter().collect()
}
