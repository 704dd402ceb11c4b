//! Perform a local file with the same engine, and no server: in a temporary data directory that goes afterwards.

use std::{collections::BTreeMap, path::PathBuf};

use model::{
    api::{ApplyRequest, Fault, OutputChunk, RunView},
    id::{PrincipalId, RunId, Uuid},
    run::{PlannedStep, Requested, Requester, RunEvent},
};
use output::Outputs;
use store::{Apply, Store, StoreError};

use crate::{
    clock,
    engine::{Engine, LiveEvent},
    serve, source,
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
    #[error("a temporary directory cannot be used: {0}")]
    Directory(std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the run cannot be followed: {0}")]
    Follow(String),
}

/// What happens while a file is tried.
#[derive(Clone, Debug)]
pub enum TryEvent {
    Run(Box<RunView>),
    Output(OutputChunk),
}

/// Check `source`, perform its runbook of the name given, and tell `events` what happens; the run as it ended is the answer.
/// When `cancel` is done first, the run is canceled.
///
/// # Errors
/// If nothing could be started.
pub async fn try_local(
    source: ApplyRequest,
    runbook: &str,
    inputs: &BTreeMap<String, serde_json::Value>,
    mut events: impl FnMut(TryEvent) + Send,
    cancel: impl Future<Output = ()> + Send,
) -> Result<RunView, TryError> {
    let checked = source::check(&source).map_err(TryError::Faulty)?;
    let Some(chosen) = checked.definitions.iter().find(|definition| definition.name == runbook) else {
        return Err(TryError::NoRunbook(runbook.to_owned()));
    };
    let (digest, chosen) = (chosen.digest.clone(), chosen.runbook.clone());
    let inputs = definition::read_inputs(&chosen.inputs, inputs).map_err(TryError::Inputs)?;

    let directory = Directory::new().map_err(TryError::Directory)?;
    let store = Store::open_sqlite(&directory.0.join("signalbox.db")).await?;
    let outputs = Outputs::open(directory.0.join("output")).map_err(TryError::Directory)?;
    let engine = Engine::new(store.clone(), outputs, directory.0.join("work"), serve::slots());
    let by = Requester { id: PrincipalId(Uuid::nil()), name: "you".to_owned() };
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
    let id = RunId(Uuid::now_v7());
    let requested = Requested {
        id,
        project: PROJECT.to_owned(),
        digest,
        inputs_digest: definition::inputs_digest(&inputs),
        inputs,
        reason: None,
        by: by.clone(),
        via: "cli".to_owned(),
        steps: PlannedStep::of(&chosen),
        runbook: chosen.name,
        title: chosen.title,
        service: chosen.service,
        effect: chosen.effect,
        timeout_s: chosen.timeout_s,
    };
    let performing = tokio::spawn({
        let engine = engine.clone();
        async move { engine.run().await }
    });
    engine.request(project, requested, None).await?;
    let mut follow = engine.follow(PROJECT, id, None, None).await?.ok_or(StoreError::NotFound("run"))?;
    let mut cancel = Box::pin(cancel);
    let mut canceled = false;
    let ended = loop {
        let next = tokio::select! {
            next = follow.next() => next,
            () = &mut cancel, if !canceled => {
                canceled = true;
                let event = RunEvent::CancelRequested { by: by.clone() };
                match engine.cancel(id, event, None).await {
                    // It ended at the same moment: the follower says how.
                    Ok(_) | Err(StoreError::Refused(_)) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        match next.map_err(|error| TryError::Follow(error.to_string()))? {
            Some((_, LiveEvent::Run(run))) => events(TryEvent::Run(run)),
            Some((_, LiveEvent::Output(chunk))) => events(TryEvent::Output(chunk)),
            Some((_, LiveEvent::End(run))) => break *run,
            None => return Err(TryError::Follow("it ended without an end".to_owned())),
        }
    };
    engine.drain(std::time::Duration::from_secs(10)).await;
    performing.abort();
    store.close().await;
    Ok(ended)
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
