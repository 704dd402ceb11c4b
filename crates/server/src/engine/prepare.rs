//! From a stored start to what a runner is given: the step as written, with every template filled in, its variables, its
//! files and its secrets.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};

use model::{
    evaluate::Evaluate as _,
    inventory::{LOCAL, PRODUCTION},
    run::{Cause, PlannedStep, Run, StepEnd, StepRun, UploadedFile, own_secret, values},
    runbook::{
        Check, CheckSubject, HttpBody, HttpRequest, Input, InputKind, InputValue, InputValues, StatusRange,
        Step, StepAction, Template, input_variable, secret_variable,
    },
};
use output::{LogKey, LogWriter};
use runner::{Action, CheckTask, Field, HttpTask, Limits, Probe, Repeat, Secret, Task, TaskFile, Workspace};
use serde_json::Value;

use super::{Attempt, Engine, perform::cannot_start, versions::Version};
use crate::clock;

/// From the signal that asks processes to end to the one that does not ask.
const GRACE_S: u64 = 10;

/// What is performed.
pub(super) enum Prepared {
    /// By a process, under a shim.
    Process(Box<Task>),
    /// By this process itself.
    Http(Box<HttpTask>, LogWriter),
    Check(Box<Checking>, LogWriter),
}

/// A check, and how long it may take whatever it says itself.
pub(super) struct Checking {
    pub check: CheckTask,
    pub timeout: Option<Duration>,
}

type Refusal = Box<StepEnd>;

/// An attempt, and all that is known of it.
struct Preparing<'a> {
    engine: &'a Engine,
    run: &'a Run,
    place: u32,
    attempt: u32,
    step: &'a StepRun,
    planned: &'a PlannedStep,
    version: Arc<Version>,
    /// What its templates may speak of.
    values: Value,
    /// What `env:` says, of the groups around it too.
    env: BTreeMap<String, String>,
    dir: Option<String>,
    /// Stored secrets that it gets as files, of the groups around it too.
    secrets: BTreeSet<String>,
    /// Those that it gets as variables, by the variables' names.
    secret_env: BTreeMap<String, String>,
}

impl Engine {
    /// What an attempt is, with everything that it needs. An end if it cannot even begin.
    pub(super) async fn prepare(&self, attempt: &Attempt) -> Result<Prepared, Refusal> {
        let Attempt { run, step: place, attempt } = attempt;
        let step = run.step(*place).ok_or_else(|| cannot_start(format!("the run has no step {place}")))?;
        let planned =
            run.plan.step(step.planned).ok_or_else(|| cannot_start("the run's plan has no such step"))?;
        let version = self.version(run, planned).await?;
        let steps = version.runbook.written_steps();
        let nothing = || cannot_start(format!("its version has no step {}", planned.written));
        let written =
            *usize::try_from(planned.written).ok().and_then(|at| steps.get(at)).ok_or_else(nothing)?;
        let around = around(run, step, planned, &steps);
        let texts = texts(written, &around);
        let names: Vec<String> = texts.iter().flat_map(|text| self.evaluate().steps(text)).collect();
        let values = values(run, Some(*place), &names);
        let (mut env, mut dir) = (BTreeMap::new(), None);
        let (mut secrets, mut secret_env) = (BTreeSet::new(), BTreeMap::new());
        // From the outside in: what is nearer wins.
        for step in &around {
            secrets.extend(step.secrets.iter().cloned());
            for (variable, name) in &step.secret_env {
                env.remove(variable);
                secret_env.insert(variable.clone(), name.clone());
            }
            for (name, template) in &step.env {
                secret_env.remove(name);
                env.insert(name.clone(), self.text(template, &values, &format!("`env: {name}`"))?);
            }
            if let Some(template) = &step.dir {
                dir = Some(self.text(template, &values, "`dir`")?);
            }
        }
        let action = definition::render(&written.action, &values, self.evaluate())
            .map_err(|message| Box::new(StepEnd::failed(Cause::BadExpression, message)))?;
        let version = Arc::clone(&version);
        let preparing = Preparing {
            engine: self,
            run,
            place: *place,
            attempt: *attempt,
            step,
            planned,
            version,
            values,
            env,
            dir,
            secrets,
            secret_env,
        };
        preparing.prepare(action).await
    }

    fn text(&self, template: &Template, values: &Value, what: &str) -> Result<String, Refusal> {
        let fault = |message| Box::new(StepEnd::failed(Cause::BadExpression, format!("{what}: {message}")));
        self.evaluate().text(template, values).map_err(fault)
    }

    /// The version that a step is written in.
    async fn version(&self, run: &Run, planned: &PlannedStep) -> Result<Arc<Version>, Refusal> {
        let scope = run
            .plan
            .scope(planned.scope)
            .ok_or_else(|| cannot_start("the run's plan has no such runbook"))?;
        let version = self.0.versions.of(&self.0.store, &run.project, &scope.runbook, &scope.digest).await;
        version.map_err(|error| cannot_start(format!("its version cannot be read: {error}")))
    }
}

impl Preparing<'_> {
    async fn prepare(self, action: StepAction) -> Result<Prepared, Refusal> {
        match action {
            StepAction::Run { interpreter, script } => {
                self.process(Action::Run { interpreter, script }, None).await
            }
            StepAction::Command { argv } => {
                let argv = argv.into_iter().map(|argument| argument.0).collect();
                self.process(Action::Command { argv }, None).await
            }
            StepAction::Http(request) => self.http(request),
            StepAction::Check(Check { subject, every_s, within_s }) => {
                let (every, within) = (Duration::from_secs(every_s), Duration::from_secs(within_s));
                let statuses = |status: Vec<StatusRange>| {
                    status.into_iter().map(|range| (range.from, range.to)).collect()
                };
                let probe = match subject {
                    CheckSubject::Script { interpreter, script } => {
                        let repeat = Repeat { interval: every, within };
                        return self.process(Action::Run { interpreter, script }, Some(repeat)).await;
                    }
                    CheckSubject::Http { url, status, contains } => {
                        let (status, contains) = (statuses(status), contains.map(|text| text.0));
                        Probe::Http { url: url.0, headers: Vec::new(), status, contains }
                    }
                    CheckSubject::Tcp { address } => Probe::Tcp { address: address.0 },
                };
                let check = CheckTask { probe, interval: every, within, mask: Vec::new() };
                let checking = Checking { check, timeout: self.time_left() };
                Ok(Prepared::Check(Box::new(checking), self.log()?))
            }
            other => Err(cannot_start(format!("`{}` is nothing that a runner performs", other.name()))),
        }
    }

    fn http(&self, request: HttpRequest) -> Result<Prepared, Refusal> {
        let mut headers: Vec<(String, String)> =
            request.headers.into_iter().map(|(name, value)| (name, value.0)).collect();
        let body = request.body.map(|body| match body {
            HttpBody::Json(value) => {
                if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                    headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
                }
                value.to_string().into_bytes()
            }
            HttpBody::Raw(text) => text.0.into_bytes(),
        });
        let task = HttpTask {
            method: request.method,
            url: request.url.0,
            headers,
            body,
            status: request.status.into_iter().map(|range| (range.from, range.to)).collect(),
            outputs: request
                .outputs
                .into_iter()
                .map(|(name, pointer)| (name, Field::Json(pointer)))
                .collect(),
            timeout: self.time_left(),
            mask: Vec::new(),
        };
        Ok(Prepared::Http(Box::new(task), self.log()?))
    }

    fn key(&self) -> LogKey {
        LogKey { run: self.run.id.to_string(), step: self.place, attempt: self.attempt }
    }

    fn log(&self) -> Result<LogWriter, Refusal> {
        let log = self.engine.outputs().create(self.key(), self.version.runbook.output_limit);
        log.map_err(|error| cannot_start(format!("its output cannot be kept: {error}")))
    }

    /// What the step may take, and the whole run.
    fn time_left(&self) -> Option<Duration> {
        let own = self.planned.timeout_s.map(Duration::from_secs);
        let limit = self.run.timeout_s.filter(|_| !self.run.body.untimed);
        let of_run = limit.zip(self.run.started_at).map(|(seconds, started)| {
            // A clock that was set back must not give a step more time than the run has.
            let passed = Duration::try_from(clock::now().duration_since(started)).unwrap_or_default();
            Duration::from_secs(seconds).saturating_sub(passed)
        });
        [own, of_run].into_iter().flatten().min()
    }

    async fn process(self, action: Action, repeat: Option<Repeat>) -> Result<Prepared, Refusal> {
        let bundle = format!("files-{}", self.planned.scope);
        if !self.version.files.is_empty() {
            let run = self.run.id.to_string();
            let laid_out = Workspace::lay_out(&self.engine.0.work, &run, &bundle, &self.version.files);
            laid_out
                .map_err(|error| cannot_start(format!("the version's files cannot be laid out: {error}")))?;
        }
        let (inputs, declared) = self.inputs();
        let mut variables = self.variables(inputs);
        let mut files = Vec::new();
        let mut own = None;
        for input in declared {
            match (&input.kind, inputs.get(&input.name)) {
                (InputKind::Secret, Some(value)) if value.is_sealed() => {
                    let secrets = match &mut own {
                        Some(secrets) => secrets,
                        none => none.insert(self.secret_inputs().await?),
                    };
                    // Under the name that the run's own runbook has for it, whatever the called one says.
                    let own = own_secret(self.run, self.place, &input.name);
                    let value = own.and_then(|own| secrets.get(own)).ok_or_else(|| no_secret(&input.name))?;
                    files.push(TaskFile {
                        variable: secret_variable(&input.name),
                        name: input.name.clone(),
                        bytes: Secret::new(value.expose()),
                        secret: true,
                    });
                }
                (InputKind::File { .. }, Some(InputValue::Json(value))) => {
                    let file = self.upload(&input.name, value).await?;
                    variables.remove(&file.variable);
                    files.push(file);
                }
                _ => {}
            }
        }
        // What the runbook's author wrote comes last.
        variables.extend(self.env.clone());
        let secret_variables = self.stored_secrets(&mut files).await?;
        let runbook = &self.version.runbook;
        let mut task = Task::new(self.run.id.to_string(), self.place, self.attempt, action);
        task.project.clone_from(&self.run.project);
        task.runbook.clone_from(&runbook.name);
        task.step_name.clone_from(&self.step.path);
        task.variables = variables;
        task.secret_variables = secret_variables;
        task.files = files;
        task.dir.clone_from(&self.dir);
        task.timeout = self.time_left();
        task.grace = Duration::from_secs(runbook.grace_s.unwrap_or(GRACE_S));
        task.limits = Limits {
            memory_bytes: runbook.limits.memory_bytes,
            cpu: runbook.limits.cpu_milli.map(|milli| f64::from(milli) / 1000.0),
            processes: runbook.limits.processes.map(u64::from),
        };
        if runbook.run_as.is_some() {
            let_pass(&self.engine.0.work).map_err(|error| {
                cannot_start(format!("no other user can be let to the working directory: {error}"))
            })?;
        }
        task.run_as.clone_from(&runbook.run_as);
        task.repeat = repeat;
        task.facts = runbook.collects.is_some();
        task.output_limit = runbook.output_limit;
        task.outputs = self.engine.outputs().root().to_path_buf();
        task.runs.clone_from(&self.engine.0.work);
        task.bundle = bundle;
        Ok(Prepared::Process(Box::new(task)))
    }

    /// The stored secrets: those that are files come to `files`, the others are answered by the variables' names.
    async fn stored_secrets(&self, files: &mut Vec<TaskFile>) -> Result<BTreeMap<String, Secret>, Refusal> {
        let names: BTreeSet<String> = self.secrets.iter().chain(self.secret_env.values()).cloned().collect();
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let used = self.engine.use_secrets(self.run, self.step, self.attempt, names).await?;
        let value = |name: &String| used.get(name).map(|used| Secret::new(used.value.expose()));
        for name in &self.secrets {
            let variable = secret_variable(name);
            if files.iter().any(|file| file.variable == variable) {
                return Err(cannot_start(format!(
                    "a secret input and the stored secret `{name}` would both be in `{variable}`"
                )));
            }
            files.extend(value(name).map(|bytes| TaskFile {
                variable,
                name: name.clone(),
                bytes,
                secret: true,
            }));
        }
        let variables = self.secret_env.iter();
        Ok(variables.filter_map(|(variable, name)| Some((variable.clone(), value(name)?))).collect())
    }

    /// The inputs that this step sees: the run's, or those of the called runbook that it is in.
    fn inputs(&self) -> (&InputValues, &[Input]) {
        let mut inner = self.step.parent;
        while let Some(step) = inner.and_then(|place| self.run.step(place)) {
            if let Some(inputs) = &step.inputs {
                return (inputs, &self.version.runbook.inputs);
            }
            inner = step.parent;
        }
        (&self.run.inputs, &self.version.runbook.inputs)
    }

    fn variables(&self, inputs: &InputValues) -> BTreeMap<String, String> {
        let shown = inputs.iter().filter(|(_, value)| !value.is_sealed());
        let mut variables: BTreeMap<String, String> =
            shown.map(|(name, value)| (input_variable(name), value.to_variable())).collect();
        let plain = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if let Some(item) = self.values.get("item") {
            variables.insert("ITEM".to_owned(), plain(item));
            variables
                .insert("ITEM_INDEX".to_owned(), self.values.get("index").map(plain).unwrap_or_default());
        }
        let target = self.values.get("target");
        let of = |key: &str, otherwise: &str| {
            target.and_then(|target| target.get(key)).map_or_else(|| otherwise.to_owned(), plain)
        };
        let environment = self.run.environment.as_deref().unwrap_or(PRODUCTION);
        variables.insert("TARGET_NAME".to_owned(), of("name", LOCAL));
        variables.insert("TARGET_ADDRESS".to_owned(), of("address", ""));
        variables.insert("TARGET_ENVIRONMENT".to_owned(), of("environment", environment));
        variables.insert("TARGET_LABELS".to_owned(), of("labels", "{}"));
        variables
    }

    async fn secret_inputs(&self) -> Result<store::Secrets, Refusal> {
        let fault = |error: store::StoreError| cannot_start(format!("its secrets cannot be opened: {error}"));
        let store = &self.engine.0.store;
        let project = store.project(&self.run.project).await.map_err(fault)?;
        let project = project.ok_or_else(|| cannot_start("its project is gone"))?;
        let secrets = store.secrets(project, self.run.id).await.map_err(fault)?;
        self.engine.mask_inputs(self.run.id, &secrets);
        Ok(secrets)
    }

    async fn upload(&self, input: &str, value: &Value) -> Result<TaskFile, Refusal> {
        let fault = |why: String| cannot_start(format!("the file of input `{input}` cannot be read: {why}"));
        let file: UploadedFile =
            serde_json::from_value(value.clone()).map_err(|error| fault(error.to_string()))?;
        let store = &self.engine.0.store;
        let found = match store.project(&self.run.project).await {
            Ok(Some(project)) => store.uploaded(project, &file.sha256).await,
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let found = found.map_err(|error| fault(error.to_string()))?;
        let (_, bytes) = found.ok_or_else(|| fault("it is not kept any more".to_owned()))?;
        let name = input.to_owned();
        Ok(TaskFile { variable: input_variable(input), name, bytes: Secret::new(bytes), secret: false })
    }
}

/// Let other users pass through the data directory to the runs' folders. They can neither list nor read anything on the
/// way: what is in there has rights of its own.
fn let_pass(work: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(work)?;
    for folder in work.parent().into_iter().chain([work]) {
        let mode = fs::metadata(folder)?.permissions().mode();
        if mode & 0o011 != 0o011 {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode & 0o7777 | 0o011))?;
        }
    }
    Ok(())
}

fn no_secret(name: &str) -> Refusal {
    cannot_start(format!("the secret input `{name}` is not kept any more; ask for the run again"))
}

/// The step and the groups around it in its own runbook, as written, from the outside in.
fn around<'v>(run: &Run, step: &StepRun, planned: &PlannedStep, steps: &[&'v Step]) -> Vec<&'v Step> {
    let mut found: Vec<(u32, &'v Step)> = Vec::new();
    let (mut step, mut of) = (Some(step), Some(planned));
    while let (Some(inner), Some(planned_inner)) = (step, of) {
        if planned_inner.scope != planned.scope {
            break;
        }
        // A loop and each time of it are the same step.
        if found.last().is_none_or(|(written, _)| *written != planned_inner.written)
            && let Some(written) = usize::try_from(planned_inner.written).ok().and_then(|at| steps.get(at))
        {
            found.push((planned_inner.written, written));
        }
        step = inner.parent.and_then(|place| run.step(place));
        of = step.and_then(|step| run.plan.step(step.planned));
    }
    found.into_iter().rev().map(|(_, step)| step).collect()
}

/// All templates that are filled in for a step.
fn texts<'s>(step: &'s Step, around: &[&'s Step]) -> Vec<&'s str> {
    let own = definition::templates(&step.action);
    let outer =
        around.iter().flat_map(|step| step.env.values().chain(&step.dir)).map(|template| template.0.as_str());
    own.into_iter().chain(outer).collect()
}
