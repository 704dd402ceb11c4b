//! Follow a run: its changes and its output in one order, from any place on.
//!
//! A step's output comes before the news that the step has ended, and everything before the end. The cursor of an event
//! says all that is needed to go on after it: which revision was told, and how far the output was read.

use std::{fmt, str::FromStr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::{
    api::{OutputChunk, OutputStream, RunView},
    id::RunId,
    run::{Run, StepRun},
};
use output::{Frame, LogKey, LogReader, OutputError, Stream};
use store::StoreError;
use tokio::sync::watch;

use super::Engine;

/// How far somebody has followed: `revision.step.attempt.position`. Opaque to clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    revision: u64,
    step: u32,
    attempt: u32,
    position: u64,
    /// The end was told.
    ended: bool,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revision, step, attempt, position, ended } = self;
        write!(f, "{revision}.{step}.{attempt}.{position}{}", if *ended { ".end" } else { "" })
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("`{text}` is not a cursor of this stream");
        let (numbers, ended) = text.strip_suffix(".end").map_or((text, false), |numbers| (numbers, true));
        let parts: Vec<&str> = numbers.split('.').collect();
        let [revision, step, attempt, position] = parts.as_slice() else { return Err(fault()) };
        Ok(Self {
            revision: revision.parse().map_err(|_| fault())?,
            step: step.parse().map_err(|_| fault())?,
            attempt: attempt.parse().map_err(|_| fault())?,
            position: position.parse().map_err(|_| fault())?,
            ended,
        })
    }
}

/// What a follower is told.
#[derive(Clone, Debug)]
pub(crate) enum LiveEvent {
    Run(Box<RunView>),
    Output(OutputChunk),
    End(Box<RunView>),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// A follower of one run.
pub(crate) struct Follow {
    engine: Engine,
    id: RunId,
    run: Arc<Run>,
    changes: watch::Receiver<Option<Arc<Run>>>,
    cursor: Cursor,
    log: Option<LogReader>,
}

impl Engine {
    /// Follow a run from `cursor` on; without one from its beginning, or `tail` bytes before the end of its output.
    /// None if the project has no such run.
    pub(crate) async fn follow(
        &self,
        project: &str,
        id: RunId,
        cursor: Option<Cursor>,
        tail: Option<u64>,
    ) -> Result<Option<Follow>, StoreError> {
        let changes = self.changes().of_run(id);
        let Some(run) = self.0.store.run(project, id).await? else { return Ok(None) };
        let cursor = match (cursor, tail) {
            (Some(cursor), _) => cursor,
            (None, Some(bytes)) => self.cursor_before_end(&run, bytes),
            (None, None) => Cursor::default(),
        };
        Ok(Some(Follow { engine: self.clone(), id, run: Arc::new(run), changes, cursor, log: None }))
    }

    /// The place about `bytes` before the end of what the steps have written so far.
    fn cursor_before_end(&self, run: &Run, bytes: u64) -> Cursor {
        let mut left = bytes;
        let mut cursor = Cursor::default();
        for (place, step) in run.steps.iter().enumerate().rev().filter(|(_, step)| step.attempt > 0) {
            let key = key(run.id, place, step);
            let Ok(size) = self.outputs().size(&key) else { continue };
            let position = self.outputs().position_before_end(&key, left);
            cursor = Cursor { step: key.step, attempt: key.attempt, position, ..Cursor::default() };
            left = left.saturating_sub(size.bytes);
            if left == 0 {
                break;
            }
        }
        cursor
    }
}

impl Follow {
    /// The next event and the cursor after it; none once the end was told.
    pub(crate) async fn next(&mut self) -> Result<Option<(Cursor, LiveEvent)>, FollowError> {
        loop {
            if self.cursor.ended {
                return Ok(None);
            }
            // The first thing that anybody is told is the run as it is.
            if self.cursor.revision == 0 {
                return Ok(Some(self.tell_run()));
            }
            if let Some(event) = self.output().await? {
                return Ok(Some(event));
            }
            if self.run.revision > self.cursor.revision && !self.run.state.is_end() {
                return Ok(Some(self.tell_run()));
            }
            if self.run.state.is_end() {
                self.cursor.ended = true;
                let end = LiveEvent::End(Box::new(self.engine.view((*self.run).clone())));
                return Ok(Some((self.cursor, end)));
            }
            if let Some(event) = self.wait().await? {
                return Ok(Some(event));
            }
        }
    }

    fn tell_run(&mut self) -> (Cursor, LiveEvent) {
        self.cursor.revision = self.run.revision;
        (self.cursor, LiveEvent::Run(Box::new(self.engine.view((*self.run).clone()))))
    }

    /// What there is to read, up to what the run as known has reached.
    async fn output(&mut self) -> Result<Option<(Cursor, LiveEvent)>, FollowError> {
        loop {
            let place = usize::try_from(self.cursor.step).unwrap_or(usize::MAX);
            let Some(step) = self.run.steps.get(place).filter(|step| step.attempt > 0) else {
                return Ok(None);
            };
            if self.log.is_none() {
                if self.cursor.attempt != step.attempt {
                    self.cursor.attempt = step.attempt;
                    self.cursor.position = 0;
                }
                let key = key(self.id, place, step);
                // The start is stored before the log is made, and the log is finished before the end is stored: in between,
                // the news is on its way.
                if !step.state.is_end() && !self.engine.outputs().is_live(&key) {
                    return Ok(None);
                }
                self.log = Some(self.engine.outputs().read(&key, self.cursor.position)?);
            }
            let Some(log) = &mut self.log else { return Ok(None) };
            // A log is finished before the end of its step is stored: what is read then is all.
            if let Some(frame) = log.try_next()? {
                let name = step.name.clone();
                return Ok(Some(self.tell_output(name, frame)));
            }
            if !step.state.is_end() {
                return Ok(None);
            }
            self.next_step();
        }
    }

    fn tell_output(&mut self, step: String, frame: Frame) -> (Cursor, LiveEvent) {
        self.cursor.position = frame.next;
        let stream = match frame.stream {
            Stream::Stdout => OutputStream::Stdout,
            Stream::Stderr => OutputStream::Stderr,
            Stream::Note => OutputStream::Note,
        };
        let (text, bytes_base64) = match String::from_utf8(frame.bytes) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
        };
        let attempt = self.cursor.attempt;
        (
            self.cursor,
            LiveEvent::Output(OutputChunk { step, attempt, stream, at: frame.at, text, bytes_base64 }),
        )
    }

    fn next_step(&mut self) {
        self.log = None;
        self.cursor.step += 1;
        self.cursor.attempt = 0;
        self.cursor.position = 0;
    }

    /// Wait for more output or a change of the run.
    async fn wait(&mut self) -> Result<Option<(Cursor, LiveEvent)>, FollowError> {
        let frame = tokio::select! {
            frame = async {
                match &mut self.log {
                    Some(log) => log.next().await,
                    None => std::future::pending().await,
                }
            } => frame?,
            changed = self.changes.changed() => {
                self.take(changed.is_ok());
                return Ok(None);
            }
        };
        let place = usize::try_from(self.cursor.step).unwrap_or(usize::MAX);
        if let (Some(frame), Some(step)) = (frame, self.run.steps.get(place)) {
            let name = step.name.clone();
            return Ok(Some(self.tell_output(name, frame)));
        }
        // The log is finished; the news of the step's end is on its way.
        let changed = self.changes.changed().await.is_ok();
        self.take(changed);
        Ok(None)
    }

    fn take(&mut self, changed: bool) {
        if changed
            && let Some(run) = self.changes.borrow_and_update().clone()
            && run.revision > self.run.revision
        {
            self.run = run;
        }
    }
}

fn key(run: RunId, place: usize, step: &StepRun) -> LogKey {
    LogKey { run: run.to_string(), step: u32::try_from(place).unwrap_or(u32::MAX), attempt: step.attempt }
}
