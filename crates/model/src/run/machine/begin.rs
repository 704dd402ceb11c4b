//! How a step begins.

use super::{
    super::{Branch, values::scope_inputs},
    *,
};
use crate::{
    duration,
    runbook::{Expression, Items, Template, Wait as WaitFor},
};

impl Machine<'_> {
    /// Begin a step that may.
    pub(super) fn begin(&mut self, place: u32) {
        let Ok(step) = self.step(place) else { return };
        let Some(planned) = self.planned(&step) else { return };
        if let Some(condition) = &planned.condition
            && self.asks_here(&step, condition)
        {
            match self.condition(place, condition) {
                Ok(true) => {}
                Ok(false) => {
                    let message = format!("`if: {}` is false", condition.0);
                    self.happen(RunEvent::StepSkipped { step: place, message });
                    return;
                }
                Err(message) => return self.fail(place, format!("`if`: {message}")),
            }
        }
        match step.layer {
            Layer::Items => self.begin_items(place, planned),
            Layer::Targets => self.begin_targets(place, planned),
            Layer::One => self.begin_one(place, planned),
        }
    }

    /// A condition is asked once, before a loop; if it speaks of the item or the target, then for each.
    fn asks_here(&self, step: &StepRun, condition: &Expression) -> bool {
        let of_each =
            ["item", "index", "target"].iter().any(|name| self.evaluate.mentions(&condition.0, name));
        if of_each { step.layer == Layer::One } else { step.branch.is_none() }
    }

    fn condition(&self, place: u32, condition: &Expression) -> Result<bool, String> {
        match self.evaluate.value(condition, &self.values(Some(place), &[&condition.0]))? {
            Value::Bool(value) => Ok(value),
            other => Err(format!("`{}` is {other}, neither true nor false", condition.0)),
        }
    }

    fn begin_items(&mut self, place: u32, planned: &PlannedStep) {
        let Some(for_each) = &planned.for_each else { return };
        let items = match &for_each.items {
            Items::List(items) => Ok(items.clone()),
            Items::Of(expression) => {
                match self.evaluate.value(expression, &self.values(Some(place), &[&expression.0])) {
                    Ok(Value::Array(items)) => Ok(items),
                    Ok(other) => Err(format!("`{}` is {other}, not a list", expression.0)),
                    Err(message) => Err(message),
                }
            }
        };
        let items = match items {
            Ok(items) if items.len() > ITEMS_MAX => {
                return self.fail(
                    place,
                    format!("`for_each` has {} items; at most {ITEMS_MAX} are taken", items.len()),
                );
            }
            Ok(items) => items,
            Err(message) => return self.fail(place, format!("`for_each`: {message}")),
        };
        let branches =
            items.into_iter().zip(0..).map(|(value, index)| Branch::Item { index, value }).collect();
        self.expand(place, branches);
    }

    fn begin_targets(&mut self, place: u32, planned: &PlannedStep) {
        let Some(on) = &planned.on else { return };
        let Some(inventory) = self.plan.inventories.get(&on.inventory) else {
            return self.fail(place, format!("the run is not pinned to an inventory `{}`", on.inventory));
        };
        let selected = on.select(&inventory.targets, scope_inputs(&self.run, place));
        if selected.is_empty() {
            return self
                .fail(place, format!("no target of inventory `{}` is meant by `where`", on.inventory));
        }
        let branches = selected.into_iter().cloned().map(Branch::Target).collect();
        self.expand(place, branches);
    }

    fn expand(&mut self, place: u32, branches: Vec<Branch>) {
        let each = self.run.step(place).map_or(1, |step| fold::size(self.plan, step.planned));
        if self.run.steps.len() + branches.len() * each > fold::STEPS_MAX {
            return self.fail(place, format!("the run would have more than {} steps", fold::STEPS_MAX));
        }
        self.ensure_started();
        self.happen(RunEvent::StepExpanded { step: place, branches });
    }

    pub(super) fn begin_one(&mut self, place: u32, planned: &PlannedStep) {
        match &planned.action {
            PlannedAction::Task => self.queue(place),
            PlannedAction::Manual { instructions, fields, evidence } => {
                self.ask(place, planned, instructions, |instructions| WaitReason::Person {
                    instructions,
                    fields: fields.clone(),
                    evidence: *evidence,
                });
            }
            PlannedAction::Approve { message } => {
                self.ask(place, planned, message, |message| WaitReason::Approval { message });
            }
            PlannedAction::Wait(wait) => self.begin_wait(place, planned, wait),
            PlannedAction::Snapshot { collectors } => self.begin_snapshot(place, collectors),
            PlannedAction::Verify(verify) => self.begin_verify(place, verify),
            PlannedAction::Steps | PlannedAction::Parallel => self.start_group(place, 1),
            PlannedAction::Runbook { .. } => self.call(place, planned),
        }
    }

    fn ask(
        &mut self,
        place: u32,
        planned: &PlannedStep,
        template: &Template,
        reason: impl FnOnce(String) -> WaitReason,
    ) {
        match self.evaluate.text(template, &self.values(Some(place), &[&template.0])) {
            Ok(text) => {
                self.ensure_started();
                let until = planned.timeout_s.and_then(|seconds| due(self.at, seconds));
                self.wait(place, 1, reason(text), until);
            }
            Err(message) => self.fail(place, message),
        }
    }

    fn begin_wait(&mut self, place: u32, planned: &PlannedStep, wait: &WaitFor) {
        let (WaitFor::For(template) | WaitFor::Until(template)) = wait;
        let text = match self.evaluate.text(template, &self.values(Some(place), &[&template.0])) {
            Ok(text) => text,
            Err(message) => return self.fail(place, message),
        };
        let text = text.trim();
        let until = match wait {
            WaitFor::For(_) => {
                // A duration input is kept as seconds.
                let seconds = duration::seconds(text).or_else(|| text.parse().ok());
                seconds
                    .and_then(|seconds| due(self.at, seconds))
                    .ok_or_else(|| format!("`{text}` is not a duration"))
            }
            WaitFor::Until(_) => {
                text.parse().map_err(|_| format!("`{text}` is not a moment as RFC 3339 has it"))
            }
        };
        match until {
            Ok(until) => {
                self.ensure_started();
                if until > self.at {
                    // If its limit comes first it ends then, and has failed.
                    let limit = planned.timeout_s.and_then(|seconds| due(self.at, seconds));
                    let until = limit.map_or(until, |limit| limit.min(until));
                    self.wait(place, 1, WaitReason::Time, Some(until));
                } else {
                    self.finish(place, StepEnd::succeeded());
                }
            }
            Err(message) => self.fail(place, message),
        }
    }

    /// A called runbook begins: with inputs of its own, and perhaps a lock.
    fn call(&mut self, place: u32, planned: &PlannedStep) {
        let PlannedAction::Runbook { scope, inputs, secrets } = &planned.action else { return };
        let Some(scope) = self.plan.scope(*scope) else { return };
        // A secret stays sealed where it is: what is handed on says that there is one.
        let own = scope_inputs(&self.run, place);
        let sealed = |own_name: &String| own.get(own_name).filter(|value| value.is_sealed());
        let mut given: BTreeMap<String, Value> = secrets
            .iter()
            .filter_map(|(name, own_name)| Some((name.clone(), sealed(own_name)?.to_json())))
            .collect();
        for (name, template) in inputs {
            match self.evaluate.text(template, &self.values(Some(place), &[&template.0])) {
                Ok(text) => given.insert(name.clone(), Value::String(text)),
                Err(message) => return self.fail(place, format!("input `{name}`: {message}")),
            };
        }
        match self.evaluate.inputs(&scope.inputs, &given) {
            Ok(inputs) => {
                self.ensure_started();
                let lock =
                    scope.concurrency.as_ref().map(|lock| (lock.key(&inputs), lock.limit, lock.when_full));
                self.happen(RunEvent::StepCalled { step: place, inputs });
                if let Some((key, limit, when_full)) = lock {
                    let attempt = self.run.step(place).map_or(1, |step| step.attempt);
                    self.wait(place, attempt, WaitReason::Lock { key: key.clone(), limit }, None);
                    self.effects.push(RunEffect::AcquireLock { step: Some(place), key, limit, when_full });
                }
            }
            Err(message) => self.fail(place, message),
        }
    }

    /// A group begins, or all that is in it begins again.
    pub(super) fn start_group(&mut self, place: u32, attempt: u32) {
        self.ensure_started();
        self.happen(RunEvent::StepStarted { step: place, attempt });
        let planned = self.run.step(place).and_then(|step| self.planned(step));
        if let Some(planned) = planned.filter(|it| matches!(it.action, PlannedAction::Runbook { .. })) {
            self.call(place, planned);
        }
    }

    /// Let a runner perform the next attempt: at once, if whoever calls has a place for it.
    pub(super) fn queue(&mut self, place: u32) {
        let Some(tries) = self.run.step(place).map(|step| step.attempt) else { return };
        if self.places > 0 {
            self.places -= 1;
            self.start(place, tries + 1);
        } else {
            self.wait(place, tries, WaitReason::Runner, None);
            self.effects.push(RunEffect::Ready { step: place, attempt: tries + 1 });
        }
    }

    pub(super) fn start(&mut self, place: u32, attempt: u32) {
        self.ensure_started();
        self.happen(RunEvent::StepStarted { step: place, attempt });
        self.effects.push(RunEffect::Started { step: place, attempt });
    }

    pub(super) fn wait(&mut self, place: u32, attempt: u32, reason: WaitReason, until: Option<Timestamp>) {
        let wait = Wait { reason, since: self.at, until };
        self.happen(RunEvent::StepWaiting { step: place, attempt, wait });
    }

    /// The run waits for its lock before its first step.
    pub(super) fn lock_run(&mut self) {
        let Some(lock) = self.plan.scopes.first().and_then(|scope| scope.concurrency.as_ref()) else {
            return;
        };
        let key = lock.key(&self.run.inputs);
        let reason = WaitReason::Lock { key: key.clone(), limit: lock.limit };
        self.happen(RunEvent::Waiting { wait: Wait { reason, since: self.at, until: None } });
        self.effects.push(RunEffect::AcquireLock {
            step: None,
            key,
            limit: lock.limit,
            when_full: lock.when_full,
        });
    }

    /// A step that cannot even begin, since something in it has no value.
    pub(super) fn fail(&mut self, place: u32, message: String) {
        self.ensure_started();
        self.failed_or_over(place, StepEnd::failed(Cause::BadExpression, message));
    }
}
