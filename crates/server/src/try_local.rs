//! Perform a local file with the same engine, and no server: in a temporary data directory that goes afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use definition::{Asking, Expressions};
use model::{
    api::{ApplyRequest, Fault, OutputChunk, RunChange, RunView},
    definition::Compiled,
    id::{PrincipalId, RunId, Uuid},
    inventory::PinnedInventory,
    run::{CalledRunbook, Plan, PlanFault, Requested, Requester, RunEvent},
    runbook::InputValues,
};
use output::Outputs;
use runner::{Program, RunnerError};
use store::{Apply, KeyFile, NewSecret, SecretText, Store, StoreError};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    clock,
    engine::{Deciding, Engine, LiveEvent, Parts},
    planning, serve, source,
};

const PROJECT: &str = "local";

/// Why nothing was tried.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    #[error("the documents have faults")]
    Faulty(Vec<Fault>),
    #[error("the inputs are not what the runbook takes")]
    Inputs(Vec<Fault>),
    #[error("there is no runbook `{0}` in what was given")]
    NoRunbook(String),
    #[error("there is no value for the stored secret {}", .0.join(", "))]
    NoSecrets(Vec<String>),
    #[error("{0}")]
    Plan(#[from] PlanFault),
    #[error("a temporary directory cannot be used: {0}")]
    Directory(std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Shims(#[from] RunnerError),
    #[error("the run cannot be followed: {0}")]
    Follow(String),
}

/// What happens while a file is tried.
#[derive(Clone, Debug)]
pub enum TryEvent {
    Run(Box<RunView>),
    Change(Box<RunChange>),
    Output(OutputChunk),
}

/// What is tried.
pub struct Trying<'a> {
    /// The documents and their files; what the runbook calls must be among them.
    pub source: ApplyRequest,
    pub runbook: &'a str,
    pub inputs: &'a BTreeMap<String, serde_json::Value>,
    /// Files that inputs name by their digest: each its name and its bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// Stored secrets that its steps may use, by name.
    pub secrets: BTreeMap<String, SecretText>,
    /// The program that becomes the shims under which steps live: this very one.
    pub program: Program,
    /// What the person at the terminal says to manual steps, gates and lost attempts; an end says that nobody is there.
    pub answers: UnboundedReceiver<RunEvent>,
}

/// Check the source, perform its runbook, and tell `events` what happens; the run as it ended is the answer. When `cancel` is
/// done first, the run is canceled.
///
/// # Errors
/// If nothing could be started.
pub async fn try_local(
    trying: Trying<'_>,
    mut events: impl FnMut(TryEvent) + Send,
    cancel: impl Future<Output = ()> + Send,
) -> Result<RunView, TryError> {
    let Trying { source, runbook, inputs, files, secrets: stored, program, mut answers } = trying;
    let checked = source::check(&source).map_err(TryError::Faulty)?;
    let mut callees = BTreeMap::new();
    let mut inventories = BTreeMap::new();
    for (definition, compiled) in checked.definitions.iter().zip(&checked.compiled) {
        let (name, digest) = (definition.name.clone(), definition.digest.clone());
        match compiled {
            Compiled::Runbook(runbook) => {
                callees.insert(name, CalledRunbook { digest, runbook: runbook.clone() });
            }
            Compiled::Inventory(inventory) => {
                inventories.insert(name, PinnedInventory { digest, targets: inventory.targets.clone() });
            }
            // Nothing that one run is pinned to.
            Compiled::Team(_) | Compiled::Service(_) | Compiled::Schedule(_) => {}
        }
    }
    let Some(chosen) = callees.get(runbook) else { return Err(TryError::NoRunbook(runbook.to_owned())) };
    let by = Requester { id: PrincipalId(Uuid::nil()), name: "you".to_owned() };
    let asking = Asking { now: clock::now(), caller: &by.name };
    let read = definition::read_inputs(&chosen.runbook.inputs, &chosen.runbook.rules, inputs, &asking)
        .map_err(TryError::Inputs)?;
    let plan = Plan::of(chosen, &callees, &inventories)?;
    let named: BTreeSet<&String> = plan.steps.iter().flat_map(|step| &step.secrets).collect();
    let missing: Vec<String> =
        named.into_iter().filter(|name| !stored.contains_key(*name)).cloned().collect();
    if !missing.is_empty() {
        return Err(TryError::NoSecrets(missing));
    }

    let directory = Directory::new().map_err(TryError::Directory)?;
    let evaluate = Arc::new(Expressions::default());
    let store = Store::open_sqlite(&directory.0.join("signalbox.db"), evaluate.clone()).await?;
    store.unlock(KeyFile::open_or_make(&directory.0.join("key"))?).await?;
    let outputs = Outputs::open(directory.0.join("output")).map_err(TryError::Directory)?;
    let (shims, _) = serve::open_shims(&directory.0.join("shims"), program).await?;
    let engine = Engine::new(Parts {
        store: store.clone(),
        outputs,
        shims,
        evaluate,
        work: directory.0.join("work"),
        forbidden: Vec::new(),
        slots: serve::slots(),
        deciding: Deciding::Nothing,
    });
    let requested = requested(chosen, read.values, plan, &by);
    let id = requested.id;
    let apply = Apply {
        project: PROJECT.to_owned(),
        definitions: checked.definitions,
        files: checked.files,
        dry_run: false,
        prune: false,
        by: by.id,
        by_name: by.name.clone(),
        at: clock::now(),
    };
    store.apply(apply).await?;
    let project = store.project(PROJECT).await?.ok_or(StoreError::NotFound("project"))?;
    // Probes and collectors of the same documents look when the runbook asks for it; by time, nothing starts.
    engine.sync_timetable(project, PROJECT).await?;
    for (name, bytes) in files {
        store.upload(project, &name, bytes, by.id, clock::now()).await?;
    }
    for (name, value) in stored {
        let new = NewSecret {
            project,
            project_name: PROJECT.to_owned(),
            name,
            description: None,
            value,
            keep: false,
            rotate: false,
            by: by.id,
            by_name: by.name.clone(),
            at: clock::now(),
        };
        store.set_secret(new).await?;
    }
    let secrets = read
        .secrets
        .into_iter()
        .map(|(name, value)| (name, store::SecretText::from(value.expose().to_owned())));
    let secrets = secrets.collect();
    let working = [
        tokio::spawn({
            let engine = engine.clone();
            async move { engine.run().await }
        }),
        tokio::spawn({
            let engine = engine.clone();
            async move { engine.keep_time().await }
        }),
    ];
    engine.request(project, requested, secrets, None).await?;
    let mut follow = engine.follow(PROJECT, id, None, None).await?.ok_or(StoreError::NotFound("run"))?;
    let mut cancel = Box::pin(cancel);
    let mut canceled = false;
    let ended = loop {
        let next = tokio::select! {
            next = follow.next() => next,
            Some(answer) = answers.recv() => {
                advance(&engine, id, answer).await?;
                continue;
            }
            () = &mut cancel, if !canceled => {
                canceled = true;
                advance(&engine, id, RunEvent::CancelRequested { by: by.clone() }).await?;
                continue;
            }
        };
        match next.map_err(|error| TryError::Follow(error.to_string()))? {
            Some((_, LiveEvent::Run(run))) => events(TryEvent::Run(run)),
            Some((_, LiveEvent::Change(change))) => events(TryEvent::Change(change)),
            Some((_, LiveEvent::Output(chunk))) => events(TryEvent::Output(chunk)),
            Some((_, LiveEvent::End(run))) => break *run,
            None => return Err(TryError::Follow("it ended without an end".to_owned())),
        }
    };
    engine.end(std::time::Duration::from_secs(10)).await;
    for task in working {
        task.abort();
    }
    store.close().await;
    Ok(ended)
}

/// What somebody said; it may have ended at the same moment, and the follower says how.
async fn advance(engine: &Engine, run: RunId, event: RunEvent) -> Result<(), TryError> {
    match engine.advance(run, event, None).await {
        Ok(_) | Err(StoreError::Refused(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn requested(chosen: &CalledRunbook, inputs: InputValues, plan: Plan, by: &Requester) -> Requested {
    let runbook = &chosen.runbook;
    Requested {
        id: RunId(Uuid::now_v7()),
        project: PROJECT.to_owned(),
        digest: chosen.digest.clone(),
        bundle: Some(planning::bundle(&plan)),
        inputs_digest: definition::inputs_digest(&inputs),
        inputs,
        reason: None,
        by: by.clone(),
        via: "cli".to_owned(),
        runbook: runbook.name.clone(),
        title: runbook.title.clone(),
        service: runbook.service.clone(),
        environment: runbook.environment.clone(),
        environments: Vec::new(),
        change_class: runbook.change_class,
        labels: runbook.labels.clone(),
        effect: plan.effect(),
        timeout_s: runbook.timeout_s,
        retry_of: None,
        plan,
    }
}

/// A directory that only this user may read, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let path = std::env::temp_dir().join(format!("signalbox-try-{}", Uuid::now_v7()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the temporary directory could not be removed");
        }
    }
}
