//! From what somebody asks for to a run that is pinned: runbooks that are called, inventories, inputs, secrets.
//!
//! What is published now is looked up once, all of it is pinned by digest, and the same answer serves a plan that is only
//! looked at and a run that starts: they cannot differ.

use std::collections::{BTreeMap, BTreeSet};

use definition::{Asking, Known, ReadInputs};
use jiff::Timestamp;
use model::{
    api::{Fault, Severity},
    definition::Compiled,
    id::{ProjectId, RunId, Uuid},
    inventory::{LOCAL, PRODUCTION, PinnedInventory, Target},
    name::Digest,
    run::{CalledRunbook, Plan, PlannedAction, Requested, Requester, RetryOf, Run, UploadedFile},
    runbook::{ChoicesFrom, Input, InputKind, InputValue, InputValues, On, Runbook, StepAction},
    service::{Service, Team},
    watch::Signal,
};
use serde_json::Value;
use store::{Store, StoreError};

/// Runbooks that one run may consist of.
const RUNBOOKS_MAX: usize = 200;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanningError {
    #[error("there is no runbook `{0}` here")]
    NoRunbook(String),
    #[error("runbook `{0}` is retired")]
    Retired(String),
    /// Something that it names is not there, or calls do not end.
    #[error("{0}")]
    Broken(String),
    #[error("the inputs are not what the runbook takes")]
    Inputs(Vec<Fault>),
    #[error("the run would act on {found} targets, and runbook `{runbook}` allows {most}")]
    TooManyTargets { runbook: String, found: usize, most: u32 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A runbook with all that it calls and acts on, each in one version.
#[derive(Clone, Debug)]
pub(crate) struct Pinned {
    pub(crate) project: ProjectId,
    pub(crate) runbook: CalledRunbook,
    pub(crate) callees: BTreeMap<String, CalledRunbook>,
    pub(crate) inventories: BTreeMap<String, PinnedInventory>,
    pub(crate) plan: Plan,
}

/// What else is to be said of a run that is asked for.
pub(crate) struct Request {
    pub(crate) reason: Option<String>,
    pub(crate) by: Requester,
    pub(crate) via: String,
    pub(crate) retry_of: Option<RetryOf>,
}

/// A run that may be stored, with the values of its secret inputs.
pub(crate) struct Planned {
    pub(crate) requested: Requested,
    pub(crate) secrets: BTreeMap<String, store::SecretText>,
}

/// What is published now under this name, with all that it calls.
///
/// # Errors
/// [`PlanningError`] of what is not there.
pub(crate) async fn published(store: &Store, project: &str, name: &str) -> Result<Pinned, PlanningError> {
    let row = store.runbook(project, name).await?;
    let row = row.ok_or_else(|| PlanningError::NoRunbook(name.to_owned()))?;
    if row.retired_at.is_some() {
        return Err(PlanningError::Retired(name.to_owned()));
    }
    let project_id = row.project;
    let runbook = CalledRunbook { digest: row.digest, runbook: row.runbook };
    let mut callees: BTreeMap<String, CalledRunbook> = BTreeMap::new();
    let mut wanted: Vec<String> = called_by(&runbook.runbook);
    while !wanted.is_empty() {
        if callees.len() + wanted.len() > RUNBOOKS_MAX {
            return Err(PlanningError::Broken(format!(
                "the run would consist of more than {RUNBOOKS_MAX} runbooks"
            )));
        }
        let found = store.runbooks_by_name(project, &wanted).await?;
        // What is not found is told by the plan, with the step that calls it.
        let mut next = BTreeSet::new();
        for row in found {
            next.extend(called_by(&row.runbook));
            callees.insert(row.name, CalledRunbook { digest: row.digest, runbook: row.runbook });
        }
        wanted = next.into_iter().filter(|name| !callees.contains_key(name)).collect();
    }
    let mut inventories = BTreeMap::new();
    let all = std::iter::once(&runbook).chain(callees.values());
    for name in all.flat_map(|called| inventories_of(&called.runbook)).collect::<BTreeSet<_>>() {
        if let Some(row) = store.inventory(project, &name).await? {
            inventories.insert(name, PinnedInventory { digest: row.digest, targets: row.inventory.targets });
        }
    }
    pin(project_id, runbook, callees, inventories)
}

/// The versions that an earlier run was pinned to.
///
/// # Errors
/// If they cannot be read.
pub(crate) async fn pinned_to(
    store: &Store,
    project: ProjectId,
    name: &str,
    run: &Run,
) -> Result<Pinned, PlanningError> {
    let mut callees = BTreeMap::new();
    for scope in run.plan.scopes.iter().skip(1) {
        if !callees.contains_key(&scope.runbook) {
            let loaded = store.load_version(name, &scope.runbook, &scope.digest).await?;
            let called = CalledRunbook { digest: scope.digest.clone(), runbook: loaded.runbook };
            callees.insert(scope.runbook.clone(), called);
        }
    }
    let loaded = store.load_version(name, &run.runbook, &run.digest).await?;
    let runbook = CalledRunbook { digest: run.digest.clone(), runbook: loaded.runbook };
    pin(project, runbook, callees, run.plan.inventories.clone())
}

fn pin(
    project: ProjectId,
    runbook: CalledRunbook,
    callees: BTreeMap<String, CalledRunbook>,
    inventories: BTreeMap<String, PinnedInventory>,
) -> Result<Pinned, PlanningError> {
    let plan = Plan::of(&runbook, &callees, &inventories)
        .map_err(|fault| PlanningError::Broken(fault.to_string()))?;
    Ok(Pinned { project, runbook, callees, inventories, plan })
}

/// The runbooks that a runbook's own steps call, each once.
fn called_by(runbook: &Runbook) -> Vec<String> {
    let mut names = BTreeSet::new();
    for step in runbook.written_steps() {
        if let StepAction::Runbook { name, .. } = &step.action {
            names.insert(name.clone());
        }
    }
    names.into_iter().collect()
}

fn inventories_of(runbook: &Runbook) -> Vec<String> {
    runbook
        .written_steps()
        .iter()
        .filter_map(|step| step.on.as_ref())
        .map(|on| on.inventory.clone())
        .collect()
}

impl Pinned {
    /// The names of all runbooks that would be performed, its own first.
    pub(crate) fn runbooks(&self) -> impl Iterator<Item = &str> {
        let called: BTreeSet<&str> =
            self.plan.scopes.iter().skip(1).map(|scope| scope.runbook.as_str()).collect();
        let own = self.runbook.runbook.name.as_str();
        std::iter::once(own).chain(called.into_iter().filter(move |name| *name != own))
    }

    /// Read what somebody gave for the inputs.
    pub(crate) async fn read(
        &self,
        store: &Store,
        given: &BTreeMap<String, Value>,
        now: Timestamp,
        caller: &str,
    ) -> Result<ReadInputs, PlanningError> {
        let runbook = &self.runbook.runbook;
        let asking = Asking { now, caller };
        let read = definition::read_inputs(&runbook.inputs, &runbook.rules, given, &asking)
            .map_err(PlanningError::Inputs)?;
        let faults = missing_files(store, self.project, &runbook.inputs, &read.values).await?;
        if faults.is_empty() { Ok(read) } else { Err(PlanningError::Inputs(faults)) }
    }

    /// The targets that may be acted on with these inputs, by name, and the places that they count as being in. What depends
    /// on the inputs of a called runbook, which are not known yet, counts with every target that it may mean.
    pub(crate) fn targets(&self, inputs: &InputValues) -> (Vec<String>, Vec<String>) {
        let mut acted_on = ActedOn::default();
        self.visit_scope(0, false, inputs, &mut acted_on);
        let ActedOn { targets, environments, .. } = acted_on;
        (targets.into_iter().collect(), environments.into_iter().collect())
    }

    /// `covered`: something around it names targets already.
    fn visit_scope(&self, scope: u32, covered: bool, inputs: &InputValues, acted_on: &mut ActedOn) {
        let Some(planned) = self.plan.scope(scope) else { return };
        for step in planned.children.iter().chain(&planned.on_failure).chain(&planned.cleanup) {
            self.visit_step(*step, covered, inputs, acted_on);
        }
    }

    fn visit_step(&self, step: u32, covered: bool, inputs: &InputValues, acted_on: &mut ActedOn) {
        let Some(step) = self.plan.step(step) else { return };
        if let Some(on) = &step.on {
            for target in self.selected(on, step.scope, inputs) {
                acted_on.targets.insert(target.name.clone());
                acted_on.environments.insert(target.environment().to_owned());
                let runbook =
                    self.plan.scope(step.scope).map(|scope| scope.runbook.clone()).unwrap_or_default();
                acted_on.by_runbook.entry(runbook).or_default().insert(target.name.clone());
            }
        }
        let covered = covered || step.on.is_some();
        match &step.action {
            PlannedAction::Task if !covered => {
                acted_on.targets.insert(LOCAL.to_owned());
                acted_on.environments.insert(self.environment_of(step.scope).to_owned());
            }
            PlannedAction::Runbook { scope, .. } => self.visit_scope(*scope, covered, inputs, acted_on),
            _ => {}
        }
        for inner in step.children.iter().chain(&step.on_failure) {
            self.visit_step(*inner, covered, inputs, acted_on);
        }
    }

    /// Where the target `local` counts as being for the steps of this runbook.
    fn environment_of(&self, scope: u32) -> &str {
        let called = self.plan.scope(scope).and_then(|scope| self.callees.get(&scope.runbook));
        let own = called.filter(|_| scope > 0).and_then(|called| called.runbook.environment.as_deref());
        own.or(self.runbook.runbook.environment.as_deref()).unwrap_or(PRODUCTION)
    }

    fn selected(&self, on: &On, scope: u32, inputs: &InputValues) -> Vec<&Target> {
        let Some(inventory) = self.inventories.get(&on.inventory) else { return Vec::new() };
        if scope == 0 {
            return on.select(&inventory.targets, inputs);
        }
        let mut known = on.clone();
        known.selector.retain(|_, wanted| matches!(wanted, model::runbook::Match::OneOf(_)));
        known.select(&inventory.targets, inputs)
    }

    /// Is `max_targets` kept, the runbook's own and those of all that it calls? The runner's own machine does not count: what a
    /// limit guards is how much of an inventory is touched.
    pub(crate) fn check_targets(&self, inputs: &InputValues) -> Result<(), PlanningError> {
        let mut acted_on = ActedOn::default();
        self.visit_scope(0, false, inputs, &mut acted_on);
        let own = &self.runbook.runbook;
        let all = acted_on.targets.iter().filter(|name| *name != LOCAL).count();
        let counted = std::iter::once((own, all)).chain(self.callees.values().map(|called| {
            let found = acted_on.by_runbook.get(&called.runbook.name).map_or(0, BTreeSet::len);
            (&called.runbook, found)
        }));
        for (runbook, found) in counted {
            if let Some(most) = runbook.max_targets.filter(|most| found > *most as usize) {
                return Err(PlanningError::TooManyTargets { runbook: runbook.name.clone(), found, most });
            }
        }
        Ok(())
    }

    /// The run, with inputs that have been read.
    pub(crate) fn run(
        self,
        project: &str,
        read: ReadInputs,
        request: Request,
    ) -> Result<Planned, PlanningError> {
        self.check_targets(&read.values)?;
        let (_, environments) = self.targets(&read.values);
        let Self { runbook: CalledRunbook { digest, runbook }, plan, .. } = self;
        let ReadInputs { values, secrets } = read;
        let secrets = secrets
            .into_iter()
            .map(|(name, secret)| (name, store::SecretText::new(secret.expose().to_owned())))
            .collect();
        let Request { reason, by, via, retry_of } = request;
        let requested = Requested {
            id: RunId(Uuid::now_v7()),
            project: project.to_owned(),
            digest,
            bundle: Some(bundle(&plan)),
            inputs_digest: definition::inputs_digest(&values),
            inputs: values,
            reason,
            by,
            via,
            runbook: runbook.name,
            title: runbook.title,
            service: runbook.service,
            environment: runbook.environment,
            environments,
            change_class: runbook.change_class,
            labels: runbook.labels,
            effect: plan.effect(),
            timeout_s: runbook.timeout_s,
            retry_of,
            plan,
        };
        Ok(Planned { requested, secrets })
    }
}

/// The digest of all that a plan is pinned to.
pub(crate) fn bundle(plan: &Plan) -> Digest {
    let runbooks = plan.scopes.iter().map(|scope| ("Runbook", scope.runbook.as_str(), &scope.digest));
    let inventories =
        plan.inventories.iter().map(|(name, pinned)| ("Inventory", name.as_str(), &pinned.digest));
    definition::bundle_digest(runbooks.chain(inventories))
}

/// What a run may act on.
#[derive(Default)]
struct ActedOn {
    targets: BTreeSet<String>,
    environments: BTreeSet<String>,
    /// The targets that a runbook's own steps name.
    by_runbook: BTreeMap<String, BTreeSet<String>>,
}

/// Faults of the files that nobody gave.
async fn missing_files(
    store: &Store,
    project: ProjectId,
    inputs: &[Input],
    values: &InputValues,
) -> Result<Vec<Fault>, StoreError> {
    let mut faults = Vec::new();
    for input in inputs.iter().filter(|input| matches!(input.kind, InputKind::File { .. })) {
        let Some(InputValue::Json(value)) = values.get(&input.name) else { continue };
        let Ok(file) = serde_json::from_value::<UploadedFile>(value.clone()) else { continue };
        if !is_uploaded(store, project, &file).await? {
            let message = format!("The file of the input `{}` has not been uploaded here.", input.name);
            let mut fault = Fault::without_place("no_such_file", &input.name, &message);
            fault.hint =
                Some("Upload it first: `POST …/uploads?name=NAME`, or `--file NAME=PATH`.".to_owned());
            faults.push(fault);
        }
    }
    Ok(faults)
}

/// Has this very file been given in this project?
pub(crate) async fn is_uploaded(
    store: &Store,
    project: ProjectId,
    file: &UploadedFile,
) -> Result<bool, StoreError> {
    let known = store.uploaded(project, &file.sha256).await?;
    Ok(known.is_some_and(|(known, _)| known.size == file.size))
}

/// What is wrong with what `definitions` say of others, those that are sent with them and those that are published: it is
/// remarked, since what is missing may come, and what does not fit may change.
pub(crate) async fn remarks_on_references<'d>(
    store: &Store,
    project: &str,
    definitions: impl Iterator<Item = (&'d str, &'d Compiled)>,
) -> Result<Vec<Fault>, StoreError> {
    let definitions: Vec<_> = definitions.collect();
    // What is sent stands in the place of what is published, so it is added last.
    let mut known = Known::default();
    let of_services = definitions.iter().any(|(_, compiled)| match compiled {
        Compiled::Runbook(runbook) => speaks_of_services(runbook),
        compiled => matches!(compiled, Compiled::Service(_)),
    });
    if of_services && let Some(id) = store.project(project).await? {
        for service in store.published_definitions::<Service>(id, "Service").await? {
            known.add(&Compiled::Service(service.definition));
        }
        for team in store.published_definitions::<Team>(id, "Team").await? {
            known.add(&Compiled::Team(team.definition));
        }
    }
    let sent: BTreeSet<&str> = runbooks_of(&definitions).map(|runbook| runbook.name.as_str()).collect();
    let named: BTreeSet<String> = definitions.iter().flat_map(|(_, compiled)| spoken_of(compiled)).collect();
    let missing: Vec<String> = named.into_iter().filter(|name| !sent.contains(name.as_str())).collect();
    if !missing.is_empty() {
        for row in store.runbooks_by_name(project, &missing).await? {
            known.runbooks.insert(row.name, row.runbook);
        }
    }
    let inventories = runbooks_of(&definitions).flat_map(inventories_of).collect::<BTreeSet<_>>();
    for (_, compiled) in &definitions {
        known.add(compiled);
    }
    for name in inventories {
        if !known.inventories.contains_key(&name)
            && let Some(row) = store.inventory(project, &name).await?
        {
            known.inventories.insert(name, row.inventory);
        }
    }
    let mut remarks = Vec::new();
    for (path, compiled) in &definitions {
        for mut fault in definition::check_references(compiled, &known) {
            fault.severity = Severity::Remark;
            fault.message = format!("{} `{}`: {}", compiled.kind(), compiled.name(), fault.message);
            (*path).clone_into(&mut fault.path);
            remarks.push(fault);
        }
    }
    Ok(remarks)
}

fn runbooks_of<'d>(definitions: &[(&'d str, &'d Compiled)]) -> impl Iterator<Item = &'d Runbook> {
    definitions.iter().filter_map(|(_, compiled)| compiled.as_runbook())
}

fn speaks_of_services(runbook: &Runbook) -> bool {
    let verifies = runbook.verify.is_some() || runbook.probe.is_some() || runbook.collects.is_some();
    runbook.service.is_some() || verifies
}

/// The runbooks that a definition names.
fn spoken_of(definition: &Compiled) -> Vec<String> {
    match definition {
        Compiled::Runbook(runbook) => spoken_of_by_runbook(runbook),
        Compiled::Service(service) => service.runbooks.clone(),
        Compiled::Schedule(schedule) => vec![schedule.runbook.clone()],
        Compiled::Inventory(_) | Compiled::Team(_) => Vec::new(),
    }
}

/// The runbooks that a runbook calls, asks for choices, takes snapshots with, or looks at as probes.
fn spoken_of_by_runbook(runbook: &Runbook) -> Vec<String> {
    let asked = runbook.inputs.iter().filter_map(|input| match &input.kind {
        InputKind::Choice { from: Some(ChoicesFrom::Runbook { name, .. }), .. } => Some(name.clone()),
        _ => None,
    });
    let watched = runbook.verify.iter().flat_map(|verify| &verify.all).filter_map(|signal| match signal {
        Signal::Probe(name) => Some(name.clone()),
        Signal::Fact { .. } => None,
    });
    let snapshots = runbook.snapshot.iter().cloned();
    called_by(runbook).into_iter().chain(asked).chain(watched).chain(snapshots).collect()
}
