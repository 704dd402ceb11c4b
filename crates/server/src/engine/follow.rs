//! Follow a run: its changes and its output in one stream, from any place on.
//!
//! An attempt's output comes before the news that it has ended, and everything before the end. The cursor of an event
//! says all that is needed to go on after it: up to which revision everything was told, and how far the output of the
//! attempts was read that ran then. What ended since is found in the stored events, so nothing is told twice or never.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::{
    api::{OutputChunk, OutputStream, RunChange, RunView},
    id::RunId,
    run::{Run, StepRun, Wait, WaitReason},
};
use output::{Frame, LogKey, LogReader, OutputError, Stream};
use store::{EndedAttempt, StoreError};
use tokio::sync::watch;

use super::Engine;

/// Whoever follows looks this often at output of which nobody told that it grew.
const BACKSTOP: Duration = Duration::from_millis(250);
/// Attempts that a cursor may name.
const OPEN_MAX: usize = 10_000;

/// How far somebody has followed: `revision`, then `;place.attempt.position` for each attempt of which only a part was
/// told. Opaque to clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// All output of attempts that ended up to this revision was told.
    revision: u64,
    open: BTreeMap<Attempt, u64>,
    /// The end was told.
    ended: bool,
}

/// Place and number of an attempt.
type Attempt = (u32, u32);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.revision)?;
        for ((place, attempt), position) in &self.open {
            write!(f, ";{place}.{attempt}.{position}")?;
        }
        if self.ended { write!(f, ";end") } else { Ok(()) }
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault =
            || format!("`{}` is not a cursor of this stream", text.chars().take(100).collect::<String>());
        let (numbers, ended) = text.strip_suffix(";end").map_or((text, false), |numbers| (numbers, true));
        let mut parts = numbers.split(';');
        let revision = parts.next().and_then(|part| part.parse().ok()).ok_or_else(fault)?;
        let mut open = BTreeMap::new();
        for part in parts {
            let mut numbers = part.splitn(3, '.');
            let mut next = || numbers.next().ok_or_else(fault);
            let (place, attempt, position) = (next()?, next()?, next()?);
            let attempt = (place.parse().map_err(|_| fault())?, attempt.parse().map_err(|_| fault())?);
            open.insert(attempt, position.parse().map_err(|_| fault())?);
            if open.len() > OPEN_MAX {
                return Err(fault());
            }
        }
        Ok(Self { revision, open, ended })
    }
}

/// What a follower is told.
#[derive(Clone, Debug)]
pub(crate) enum LiveEvent {
    /// The run as it is; comes first.
    Run(Box<RunView>),
    /// What has changed since.
    Change(Box<RunChange>),
    Output(OutputChunk),
    /// The run as it ended; nothing follows.
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
    /// The newest that is known.
    run: Arc<Run>,
    /// What was told last, on this stream.
    told: Option<Arc<Run>>,
    changes: watch::Receiver<Option<Arc<Run>>>,
    cursor: Cursor,
    /// Attempts that have ended and whose output was not told to its end, in the order in which they ended.
    backlog: VecDeque<EndedAttempt>,
    logs: BTreeMap<Attempt, LogReader>,
    /// Whose turn it is among those that run.
    turn: usize,
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
        let begin = cursor.is_none();
        let mut follow = Follow {
            engine: self.clone(),
            id,
            run,
            told: None,
            changes,
            cursor: cursor.unwrap_or_default(),
            backlog: VecDeque::new(),
            logs: BTreeMap::new(),
            turn: 0,
        };
        follow.learn_ended(follow.cursor.revision).await?;
        if let (true, Some(bytes)) = (begin, tail) {
            follow.skip_to_tail(bytes);
        }
        Ok(Some(follow))
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
            let Some(told) = &self.told else {
                self.told = Some(Arc::clone(&self.run));
                let view = self.engine.view((*self.run).clone()).await;
                return Ok(Some((self.cursor.clone(), LiveEvent::Run(Box::new(view)))));
            };
            let told = Arc::clone(told);
            if let Some(event) = self.output()? {
                return Ok(Some(event));
            }
            // Nothing is left of what ended before this revision.
            self.cursor.revision = self.run.revision;
            if self.run.state.is_end() {
                self.cursor.ended = true;
                let view = self.engine.view((*self.run).clone()).await;
                return Ok(Some((self.cursor.clone(), LiveEvent::End(Box::new(view)))));
            }
            if self.run.revision > told.revision {
                let change = self.engine.change(&told, &self.run).await;
                self.told = Some(Arc::clone(&self.run));
                return Ok(Some((self.cursor.clone(), LiveEvent::Change(Box::new(change)))));
            }
            self.wait().await?;
        }
    }

    /// What there is to read: first what has ended, to its end; then of those that run, each in turn.
    fn output(&mut self) -> Result<Option<(Cursor, LiveEvent)>, FollowError> {
        while let Some(&EndedAttempt { revision, step, attempt }) = self.backlog.front() {
            if let Some(frame) = self.reader((step, attempt))?.try_next()? {
                return Ok(Some(self.tell_output((step, attempt), frame)));
            }
            self.backlog.pop_front();
            self.logs.remove(&(step, attempt));
            self.cursor.open.remove(&(step, attempt));
            self.cursor.revision = revision;
        }
        let run = Arc::clone(&self.run);
        let running = open(&run);
        for ahead in 0..running.len() {
            let at = (self.turn + ahead) % running.len();
            let Some(attempt) = running.get(at).copied() else { continue };
            if let Some(frame) = self.reader(attempt)?.try_next()? {
                self.turn = at + 1;
                return Ok(Some(self.tell_output(attempt, frame)));
            }
        }
        Ok(None)
    }

    fn reader(&mut self, attempt: Attempt) -> Result<&mut LogReader, OutputError> {
        match self.logs.entry(attempt) {
            std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let from = self.cursor.open.get(&attempt).copied().unwrap_or(0);
                Ok(entry.insert(self.engine.outputs().read(&key(self.id, attempt), from)?))
            }
        }
    }

    fn tell_output(&mut self, attempt: Attempt, frame: Frame) -> (Cursor, LiveEvent) {
        self.cursor.open.insert(attempt, frame.next);
        let stream = match frame.stream {
            Stream::Stdout => OutputStream::Stdout,
            Stream::Stderr => OutputStream::Stderr,
            Stream::Note => OutputStream::Note,
        };
        let (text, bytes_base64) = match String::from_utf8(frame.bytes) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
        };
        let step = self.run.step(attempt.0).map(|step: &StepRun| step.path.clone()).unwrap_or_default();
        let chunk = OutputChunk { step, attempt: attempt.1, stream, at: frame.at, text, bytes_base64 };
        (self.cursor.clone(), LiveEvent::Output(chunk))
    }

    /// Wait for more output or a change of the run.
    async fn wait(&mut self) -> Result<(), FollowError> {
        let runs = self.run.counts.running > 0;
        let backstop =
            async { if runs { tokio::time::sleep(BACKSTOP).await } else { std::future::pending().await } };
        tokio::select! {
            changed = self.changes.changed() => if changed.is_err() {
                // The engine is gone: the stream ends with the server.
                std::future::pending::<()>().await;
            },
            () = backstop => return Ok(()),
        }
        let newest = self.changes.borrow_and_update().clone();
        if let Some(run) = newest.filter(|run| run.revision > self.run.revision) {
            let known = self.run.revision;
            self.run = run;
            self.learn_ended(known).await?;
        }
        Ok(())
    }

    /// Which attempts ended after `revision`: what is left of their output comes before any other news.
    async fn learn_ended(&mut self, revision: u64) -> Result<(), StoreError> {
        let ended = self.engine.0.store.ended_attempts(self.id, revision, self.run.revision).await?;
        self.backlog.extend(ended);
        Ok(())
    }

    /// Leave out all but about the last `bytes` of what the attempts have written so far.
    fn skip_to_tail(&mut self, bytes: u64) {
        let mut left = bytes;
        for attempt in open(&self.run) {
            left = self.tail_of(attempt, left);
        }
        let mut kept = VecDeque::new();
        while let Some(ended) = self.backlog.pop_back() {
            if left == 0 {
                self.cursor.revision = ended.revision;
                break;
            }
            left = self.tail_of((ended.step, ended.attempt), left);
            kept.push_front(ended);
        }
        self.backlog = kept;
    }

    /// Begin this attempt's output `bytes` before its end; answers how many more bytes are wanted.
    fn tail_of(&mut self, attempt: Attempt, bytes: u64) -> u64 {
        let key = key(self.id, attempt);
        let Ok(size) = self.engine.outputs().size(&key) else { return bytes };
        let position = self.engine.outputs().position_before_end(&key, bytes);
        if position > 0 {
            self.cursor.open.insert(attempt, position);
        }
        bytes.saturating_sub(size.bytes)
    }
}

/// Attempts that have not ended, as far as anybody knows.
fn open(run: &Run) -> Vec<Attempt> {
    let lost = |step: &StepRun| matches!(&step.wait, Some(Wait { reason: WaitReason::Lost { .. }, .. }));
    let running = run.running_steps().chain(run.places_of(lost));
    running.filter_map(|place| Some((place, run.step(place)?.attempt))).collect()
}

fn key(run: RunId, (step, attempt): Attempt) -> LogKey {
    LogKey { run: run.to_string(), step, attempt }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for text in ["0", "7;0.1.300", "12;0.1.5;3.2.99;end", "3;end"] {
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        }
        for text in ["", "x", "1;2", "1;2.3", "1;2.3.x", "1;;", "-1", "1;end;end", "1;1.2.3.4"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
