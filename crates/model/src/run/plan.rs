//! What a run will do, as it is pinned when it is asked for: the steps of the runbook and of all that it calls, without
//! their scripts, which stay in the versions that the digests name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    inventory::PinnedInventory,
    name::Digest,
    runbook::{
        CheckSubject, Concurrency, Effect, Evidence, Expression, ForEach, Input, InputValues, KeyPart,
        Manual, On, OnLost, Retry, Runbook, Step, StepAction, Template, Wait,
    },
    watch::Verify,
};

/// Calls inside of calls that are followed.
pub const DEPTH_MAX: usize = 8;
/// Planned steps of one run, those of called runbooks included.
pub const STEPS_MAX: usize = 20_000;

/// The name and kind of the step that a runbook's `snapshot` makes.
pub const SNAPSHOT: &str = "snapshot";
/// The name and kind of the step that a runbook's `verify` makes.
pub const VERIFY: &str = "verify";

/// The plan of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The run's own runbook comes first; then one for each call.
    pub scopes: Vec<Scope>,
    pub steps: Vec<PlannedStep>,
    /// By name: those that steps act on.
    #[serde(default)]
    pub inventories: BTreeMap<String, PinnedInventory>,
}

/// A runbook where it is performed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    pub runbook: String,
    pub digest: Digest,
    /// Planned steps.
    pub children: Vec<u32>,
    pub on_failure: Vec<u32>,
    pub cleanup: Vec<u32>,
    #[serde(default)]
    pub inputs: Vec<Input>,
    #[serde(default)]
    pub outputs: BTreeMap<String, Template>,
    #[serde(default)]
    pub timeout_s: Option<u64>,
    #[serde(default)]
    pub concurrency: Option<Concurrency>,
    #[serde(default)]
    pub on_lost: OnLost,
}

/// A step as the run will have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    pub name: String,
    /// The scope that it is written in.
    pub scope: u32,
    /// Its place among its runbook's [`written_steps`](Runbook::written_steps); behind them all if it comes of a key of the
    /// runbook.
    pub written: u32,
    /// As it is written: `run`, `manual`; `snapshot` and `verify` come of the runbook's own keys.
    pub kind: String,
    pub action: PlannedAction,
    pub effect: Effect,
    /// It may be tried again when nobody knows how an attempt ended.
    pub safe: bool,
    #[serde(default)]
    pub condition: Option<Expression>,
    #[serde(default)]
    pub for_each: Option<ForEach>,
    #[serde(default)]
    pub on: Option<On>,
    #[serde(default)]
    pub retry: Option<Retry>,
    #[serde(default)]
    pub timeout_s: Option<u64>,
    #[serde(default)]
    pub continue_on_failure: bool,
    /// Stored secrets that its processes get, those of the groups around it too, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Planned steps in it.
    #[serde(default)]
    pub children: Vec<u32>,
    #[serde(default)]
    pub on_failure: Vec<u32>,
}

/// What the state machine has to know of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedAction {
    /// A runner performs it.
    Task,
    Manual {
        instructions: Template,
        fields: Vec<Input>,
        evidence: Evidence,
    },
    Approve {
        message: Template,
    },
    Wait(Wait),
    /// Comes before the steps of the outermost runbook: collectors look.
    Snapshot {
        collectors: Vec<String>,
    },
    /// Comes after a runbook's steps: what must hold then.
    Verify(Verify),
    Parallel,
    Steps,
    /// Another runbook: its scope, what it is given, and which secret inputs are handed on to which of its own.
    Runbook {
        scope: u32,
        inputs: BTreeMap<String, Template>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        secrets: BTreeMap<String, String>,
    },
}

/// A runbook that may be called, as published now.
#[derive(Clone, Debug, PartialEq)]
pub struct CalledRunbook {
    pub digest: Digest,
    pub runbook: Runbook,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    #[error("step `{step}` of runbook `{runbook}` calls runbook `{called}`, which is not published")]
    NoRunbook { runbook: String, step: String, called: String },
    #[error("step `{step}` of runbook `{runbook}` acts on inventory `{inventory}`, which is not published")]
    NoInventory { runbook: String, step: String, inventory: String },
    #[error("runbooks call each other more than {DEPTH_MAX} deep: {0}")]
    TooDeep(String),
    #[error("the run would have more than {STEPS_MAX} steps")]
    TooManySteps,
}

impl Plan {
    /// The plan of `runbook`, with all that it calls.
    ///
    /// # Errors
    /// [`PlanFault`] if something that it names is not there, or calls do not end.
    pub fn of(
        runbook: &CalledRunbook,
        callees: &BTreeMap<String, CalledRunbook>,
        inventories: &BTreeMap<String, PinnedInventory>,
    ) -> Result<Self, PlanFault> {
        let mut planning = Planning {
            plan: Self::default(),
            callees,
            inventories,
            calls: Vec::new(),
            secrets: BTreeSet::new(),
        };
        planning.scope(runbook)?;
        Ok(planning.plan)
    }

    pub fn step(&self, planned: u32) -> Option<&PlannedStep> {
        self.steps.get(usize::try_from(planned).ok()?)
    }

    pub fn scope(&self, scope: u32) -> Option<&Scope> {
        self.scopes.get(usize::try_from(scope).ok()?)
    }

    /// The strongest effect of all steps.
    pub fn effect(&self) -> Effect {
        // Groups and calls have the strongest inside, which is planned too.
        self.steps.iter().map(|step| step.effect).max().unwrap_or(Effect::Read)
    }
}

impl Concurrency {
    /// The key with these inputs, its parts with `/` between.
    pub fn key(&self, inputs: &InputValues) -> String {
        let part = |part: &KeyPart| match part {
            KeyPart::Text(text) => text.clone(),
            KeyPart::Input(input) => {
                inputs.get(input).map(crate::runbook::InputValue::to_variable).unwrap_or_default()
            }
        };
        self.key.iter().map(part).collect::<Vec<_>>().join("/")
    }
}

struct Planning<'p> {
    plan: Plan,
    callees: &'p BTreeMap<String, CalledRunbook>,
    inventories: &'p BTreeMap<String, PinnedInventory>,
    /// The runbooks that the one being planned is inside of.
    calls: Vec<String>,
    /// Stored secrets of the groups that the step being planned is in.
    secrets: BTreeSet<String>,
}

impl Planning<'_> {
    fn scope(&mut self, called: &CalledRunbook) -> Result<u32, PlanFault> {
        let runbook = &called.runbook;
        self.calls.push(runbook.name.clone());
        if self.calls.len() > DEPTH_MAX {
            return Err(PlanFault::TooDeep(self.calls.join(" → ")));
        }
        let scope = number(self.plan.scopes.len());
        self.plan.scopes.push(Scope {
            runbook: runbook.name.clone(),
            digest: called.digest.clone(),
            children: Vec::new(),
            on_failure: Vec::new(),
            cleanup: Vec::new(),
            inputs: runbook.inputs.clone(),
            outputs: runbook.outputs.clone(),
            timeout_s: runbook.timeout_s,
            concurrency: runbook.concurrency.clone(),
            on_lost: runbook.on_lost,
        });
        let mut written = 0;
        let mut children = Vec::with_capacity(runbook.steps.len() + 2);
        // What a called runbook changes is within what is compared around the whole run.
        if scope == 0 && !runbook.snapshot.is_empty() {
            let collectors = runbook.snapshot.clone();
            children.push(self.own(scope, runbook, SNAPSHOT, PlannedAction::Snapshot { collectors })?);
        }
        children.extend(self.list(scope, &runbook.steps, &mut written)?);
        if let Some(verify) = &runbook.verify {
            children.push(self.own(scope, runbook, VERIFY, PlannedAction::Verify(verify.clone()))?);
        }
        let on_failure = self.list(scope, &runbook.on_failure, &mut written)?;
        let cleanup = self.list(scope, &runbook.cleanup, &mut written)?;
        if let Some(planned) = self.plan.scopes.get_mut(scope as usize) {
            planned.children = children;
            planned.on_failure = on_failure;
            planned.cleanup = cleanup;
        }
        self.calls.pop();
        Ok(scope)
    }

    /// A step that comes of a key of the runbook.
    fn own(
        &mut self,
        scope: u32,
        runbook: &Runbook,
        kind: &str,
        action: PlannedAction,
    ) -> Result<u32, PlanFault> {
        if self.plan.steps.len() >= STEPS_MAX {
            return Err(PlanFault::TooManySteps);
        }
        let place = number(self.plan.steps.len());
        self.plan.steps.push(PlannedStep {
            name: kind.to_owned(),
            scope,
            written: number(runbook.written_steps().len()),
            kind: kind.to_owned(),
            action,
            effect: Effect::Read,
            safe: true,
            condition: None,
            for_each: None,
            on: None,
            retry: None,
            timeout_s: None,
            continue_on_failure: false,
            secrets: Vec::new(),
            children: Vec::new(),
            on_failure: Vec::new(),
        });
        Ok(place)
    }

    /// In the order of [`Runbook::written_steps`].
    fn list(&mut self, scope: u32, steps: &[Step], written: &mut u32) -> Result<Vec<u32>, PlanFault> {
        steps.iter().map(|step| self.step(scope, step, written)).collect()
    }

    fn step(&mut self, scope: u32, step: &Step, written: &mut u32) -> Result<u32, PlanFault> {
        if self.plan.steps.len() >= STEPS_MAX {
            return Err(PlanFault::TooManySteps);
        }
        let place = number(self.plan.steps.len());
        let action = match &step.action {
            StepAction::Run { .. }
            | StepAction::Command { .. }
            | StepAction::Http(_)
            | StepAction::Check(_) => PlannedAction::Task,
            StepAction::Manual(Manual { instructions, fields, evidence }) => PlannedAction::Manual {
                instructions: instructions.clone(),
                fields: fields.clone(),
                evidence: *evidence,
            },
            StepAction::Approve { message } => PlannedAction::Approve { message: message.clone() },
            StepAction::Wait(wait) => PlannedAction::Wait(wait.clone()),
            StepAction::Parallel { .. } => PlannedAction::Parallel,
            StepAction::Steps { .. } => PlannedAction::Steps,
            // Its scope is known once it is planned, below.
            StepAction::Runbook { inputs, secrets, .. } => {
                PlannedAction::Runbook { scope: 0, inputs: inputs.clone(), secrets: secrets.clone() }
            }
        };
        let outer = self.secrets.clone();
        self.secrets.extend(step.secrets.iter().chain(step.secret_env.values()).cloned());
        let secrets = if is_process(step) { self.secrets.iter().cloned().collect() } else { Vec::new() };
        self.plan.steps.push(PlannedStep {
            name: step.name.clone(),
            scope,
            written: *written,
            kind: step.action.name().to_owned(),
            action,
            effect: step.effect,
            safe: step.is_safe(),
            condition: step.condition.clone(),
            for_each: step.for_each.clone(),
            on: step.on.clone(),
            retry: step.retry.clone(),
            timeout_s: step.timeout_s,
            continue_on_failure: step.continue_on_failure,
            secrets,
            children: Vec::new(),
            on_failure: Vec::new(),
        });
        *written += 1;
        if let Some(on) = &step.on {
            self.pin(scope, step, &on.inventory)?;
        }
        let children = self.list(scope, step.action.inner_steps(), written)?;
        let on_failure = self.list(scope, &step.on_failure, written)?;
        // A group has the strongest effect inside, called runbooks included.
        let inside =
            children.iter().filter_map(|inner| self.plan.step(*inner)).map(|inner| inner.effect).max();
        let called = match &step.action {
            StepAction::Runbook { name, .. } => {
                // A called runbook gets what it names itself.
                self.secrets.clear();
                Some(self.call(scope, step, name)?)
            }
            _ => None,
        };
        self.secrets = outer;
        if let Some(planned) = self.plan.steps.get_mut(place as usize) {
            planned.effect = inside.map_or(planned.effect, |inside| planned.effect.max(inside));
            planned.children = children;
            planned.on_failure = on_failure;
            if let (Some((called, effect)), PlannedAction::Runbook { scope, .. }) =
                (called, &mut planned.action)
            {
                *scope = called;
                planned.effect = planned.effect.max(effect);
            }
        }
        Ok(place)
    }

    /// The scope of a called runbook, and its effect.
    fn call(&mut self, scope: u32, step: &Step, called: &str) -> Result<(u32, Effect), PlanFault> {
        let Some(callee) = self.callees.get(called) else {
            let runbook = self.name_of(scope);
            return Err(PlanFault::NoRunbook { runbook, step: step.name.clone(), called: called.to_owned() });
        };
        let before = self.plan.steps.len();
        let planned = self.scope(callee)?;
        let inside = self.plan.steps.get(before..).unwrap_or_default();
        Ok((planned, inside.iter().map(|step| step.effect).max().unwrap_or(Effect::Read)))
    }

    fn pin(&mut self, scope: u32, step: &Step, inventory: &str) -> Result<(), PlanFault> {
        let Some(pinned) = self.inventories.get(inventory) else {
            let runbook = self.name_of(scope);
            let (step, inventory) = (step.name.clone(), inventory.to_owned());
            return Err(PlanFault::NoInventory { runbook, step, inventory });
        };
        self.plan.inventories.entry(inventory.to_owned()).or_insert_with(|| pinned.clone());
        Ok(())
    }

    fn name_of(&self, scope: u32) -> String {
        self.plan.scope(scope).map(|scope| scope.runbook.clone()).unwrap_or_default()
    }
}

/// Is it performed by a process, which can be given secrets?
fn is_process(step: &Step) -> bool {
    match &step.action {
        StepAction::Run { .. } | StepAction::Command { .. } => true,
        StepAction::Check(check) => matches!(check.subject, CheckSubject::Script { .. }),
        _ => false,
    }
}

/// There are never more than [`STEPS_MAX`].
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
