//! What a run would do, as people read it before they press the button.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    api::PlanStepView,
    evaluate::Evaluate,
    inventory::PinnedInventory,
    run::{CalledRunbook, Phase, SNAPSHOT, VERIFY},
    runbook::{
        CheckSubject, Effect, Input, InputValues, Items, Runbook, Script, Step, StepAction, Template, Wait,
    },
    watch::{Signal, Verify},
};
use serde_json::{Value, json};

use crate::{
    expression::engine::Expressions,
    limits::{CALLS_MAX, PLANNED_MAX},
};

/// Every step of a runbook and of all that it calls, in the order in which they are written; with the values of conditions,
/// items and summaries as far as they depend on inputs alone.
pub fn plan_steps(
    runbook: &CalledRunbook,
    callees: &BTreeMap<String, CalledRunbook>,
    inventories: &BTreeMap<String, PinnedInventory>,
    inputs: &InputValues,
) -> Vec<PlanStepView> {
    let mut planner = Planner { callees, inventories, views: Vec::new(), expressions: Expressions::new() };
    planner.runbook(
        &runbook.runbook,
        &At { values: Some(inputs), path: "", depth: 0, phase: Phase::Main, calls: 1 },
    );
    planner.views
}

struct Planner<'p> {
    callees: &'p BTreeMap<String, CalledRunbook>,
    inventories: &'p BTreeMap<String, PinnedInventory>,
    views: Vec<PlanStepView>,
    expressions: Expressions,
}

#[derive(Clone, Copy)]
struct At<'a> {
    /// None where nobody knows yet with what a runbook is called.
    values: Option<&'a InputValues>,
    path: &'a str,
    depth: u32,
    phase: Phase,
    calls: usize,
}

impl Planner<'_> {
    fn runbook(&mut self, runbook: &Runbook, at: &At<'_>) {
        if at.depth == 0 && !runbook.snapshot.is_empty() {
            self.own(SNAPSHOT, runbook.snapshot.join(", "), at);
        }
        self.steps(&runbook.steps, at);
        if let Some(verify) = &runbook.verify {
            self.own(VERIFY, self.signals(verify, at), at);
        }
        for (steps, phase) in [(&runbook.on_failure, Phase::OnFailure), (&runbook.cleanup, Phase::Cleanup)] {
            // What is in a handler is a part of the handler.
            let phase = if at.phase == Phase::Main { phase } else { at.phase };
            self.steps(steps, &At { phase, ..*at });
        }
    }

    /// A step that comes of a key of the runbook.
    fn own(&mut self, kind: &str, summary: String, at: &At<'_>) {
        let path = if at.path.is_empty() { kind.to_owned() } else { format!("{}.{kind}", at.path) };
        self.views.push(PlanStepView {
            path,
            name: kind.to_owned(),
            depth: at.depth,
            phase: at.phase,
            action: kind.to_owned(),
            summary,
            effect: Effect::Read,
            safe: true,
            secrets: Vec::new(),
            condition: None,
            condition_value: None,
            items: None,
            targets: None,
            batch: None,
        });
    }

    /// What must hold, in one line.
    fn signals(&self, verify: &Verify, at: &At<'_>) -> String {
        let values = at.values.map(visible);
        let words = |signal: &Signal| match signal {
            Signal::Probe(probe) => format!("{probe} is ok"),
            Signal::Fact { service, environment, key, equals } => {
                let known = values.as_ref().and_then(|values| self.expressions.text(equals, values).ok());
                let equals = known.unwrap_or_else(|| equals.0.clone());
                format!("{key} of {service} ({environment}) is {equals}")
            }
        };
        verify.all.iter().map(words).collect::<Vec<_>>().join("; ")
    }

    fn steps(&mut self, steps: &[Step], at: &At<'_>) {
        steps.iter().for_each(|step| self.step(step, at));
    }

    fn step(&mut self, step: &Step, at: &At<'_>) {
        if self.views.len() >= PLANNED_MAX {
            return;
        }
        let values = at.values.map(visible);
        let path = if at.path.is_empty() { step.name.clone() } else { format!("{}.{}", at.path, step.name) };
        let condition_value = step
            .condition
            .as_ref()
            .zip(values.as_ref())
            .and_then(|(condition, values)| self.expressions.value(condition, values).ok()?.as_bool());
        let items = step.for_each.as_ref().and_then(|each| match &each.items {
            Items::List(items) => Some(items.clone()),
            Items::Of(expression) => match self.expressions.value(expression, values.as_ref()?).ok()? {
                Value::Array(items) => Some(items),
                _ => None,
            },
        });
        let none = InputValues::new();
        let targets: Option<Vec<String>> = step.on.as_ref().and_then(|on| {
            let inventory = self.inventories.get(&on.inventory)?;
            let selected = on.select(&inventory.targets, at.values.unwrap_or(&none));
            Some(selected.into_iter().map(|target| target.name.clone()).collect())
        });
        let batch = match (&step.on, &targets) {
            (Some(on), Some(targets)) => {
                on.batch.map(|batch| u32::try_from(batch.size(targets.len())).unwrap_or(u32::MAX))
            }
            _ => None,
        };
        let place = self.views.len();
        self.views.push(PlanStepView {
            path: path.clone(),
            name: step.name.clone(),
            depth: at.depth,
            phase: at.phase,
            action: step.action.name().to_owned(),
            summary: self.summary(&step.action, values.as_ref()),
            effect: step.effect,
            safe: step.is_safe(),
            secrets: named(step),
            condition: step.condition.as_ref().map(|condition| condition.0.clone()),
            condition_value,
            items,
            targets,
            batch,
        });
        let repeated = usize::from(step.for_each.is_some()) + usize::from(step.on.is_some());
        let inside = format!("{path}{}", "[…]".repeat(repeated));
        let inner = At { path: &inside, depth: at.depth + 1, ..*at };
        self.steps(step.action.inner_steps(), &inner);
        if let StepAction::Runbook { name, inputs, secrets } = &step.action
            && at.calls < CALLS_MAX
            && let Some(called) = self.callees.get(name)
        {
            let sealed = |own: &String| at.values?.get(own).filter(|value| value.is_sealed());
            let handed =
                secrets.iter().filter_map(|(name, own)| Some((name.clone(), sealed(own)?.to_json())));
            let given = values.as_ref().and_then(|values| self.given(inputs, values));
            let given = given.map(|given| given.into_iter().chain(handed).collect::<BTreeMap<_, _>>());
            // What is only computed when the run is asked for is not known here, and nothing is made of it.
            let read = given.and_then(|given| {
                let known = |input: &&Input| input.default_from.is_none() || given.contains_key(&input.name);
                let declared: Vec<Input> = called.runbook.inputs.iter().filter(known).cloned().collect();
                self.expressions.inputs(&declared, &given).ok()
            });
            let callees = self.callees;
            if let Some(called) = callees.get(name) {
                self.runbook(&called.runbook, &At { values: read.as_ref(), calls: at.calls + 1, ..inner });
            }
        }
        // A group has the strongest effect inside, called runbooks included.
        let strongest = self.views.get(place + 1..).unwrap_or_default().iter().map(|view| view.effect).max();
        if let (Some(view), Some(strongest)) = (self.views.get_mut(place), strongest) {
            view.effect = view.effect.max(strongest);
        }
        self.steps(
            &step.on_failure,
            &At { phase: if at.phase == Phase::Main { Phase::OnFailure } else { at.phase }, ..inner },
        );
    }

    /// What a runbook is called with, if it depends on inputs alone.
    fn given(&self, inputs: &BTreeMap<String, Template>, values: &Value) -> Option<BTreeMap<String, Value>> {
        let text = |(name, template): (&String, &Template)| {
            Some((name.clone(), Value::String(self.expressions.text(template, values).ok()?)))
        };
        inputs.iter().map(text).collect()
    }

    /// What a step does, in one line.
    fn summary(&self, action: &StepAction, values: Option<&Value>) -> String {
        let text = |template: &Template| {
            let known = values.and_then(|values| self.expressions.text(template, values).ok());
            known.unwrap_or_else(|| template.0.clone())
        };
        let line = match action {
            StepAction::Run { script, .. } => script_line(script),
            StepAction::Command { argv } => argv.iter().map(text).collect::<Vec<_>>().join(" "),
            StepAction::Http(request) => format!("{} {}", request.method, text(&request.url)),
            StepAction::Check(check) => match &check.subject {
                CheckSubject::Http { url, .. } => text(url),
                CheckSubject::Tcp { address } => text(address),
                CheckSubject::Script { script, .. } => script_line(script),
            },
            StepAction::Manual(manual) => text(&manual.instructions),
            StepAction::Approve { message } => text(message),
            StepAction::Runbook { name, .. } => name.clone(),
            StepAction::Wait(Wait::For(time)) => format!("for {}", text(time)),
            StepAction::Wait(Wait::Until(time)) => format!("until {}", text(time)),
            StepAction::Parallel { branches } => format!("{} at once", branches.len()),
            StepAction::Steps { steps } => format!("{} one after the other", steps.len()),
        };
        one_line(&line)
    }
}

fn script_line(script: &Script) -> String {
    match script {
        Script::File(path) => format!("./{path}"),
        Script::Body(text) => text
            .lines()
            .find(|line| !line.trim().is_empty() && !line.starts_with("#!"))
            .unwrap_or_default()
            .to_owned(),
    }
}

fn one_line(text: &str) -> String {
    const SHOWN: usize = 200;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut shown: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    if line.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn visible(inputs: &InputValues) -> Value {
    let shown = inputs.iter().filter(|(_, value)| !value.is_sealed());
    let map: serde_json::Map<String, Value> =
        shown.map(|(name, value)| (name.clone(), value.to_json())).collect();
    json!({"inputs": map})
}
/// The stored secrets that a step names, each once.
fn named(step: &Step) -> Vec<String> {
    let names: BTreeSet<&String> = step.secrets.iter().chain(step.secret_env.values()).collect();
    names.into_iter().cloned().collect()
}
