//! Runs that move, kept in memory so that a transition reads one small row instead of a thousand steps.
//!
//! An entry is named by the newest event of its run. Whoever uses one has read that name from the row in the same
//! transaction: what was never committed, or was moved by another server, has another name and is not found.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{
    id::{RunId, Uuid},
    run::Run,
};

/// Runs kept at most.
const RUNS_MAX: usize = 4096;
/// Steps of all of them together.
const STEPS_MAX: usize = 400_000;

/// A run as the store has it.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub project: Uuid,
    /// None only for what an older version wrote without events.
    pub last_event: Option<Uuid>,
    pub run: Arc<Run>,
}

#[derive(Default)]
pub(crate) struct Cache(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    entries: HashMap<RunId, (Kept, u64)>,
    steps: usize,
    clock: u64,
}

impl Cache {
    /// The run, if it is at this event.
    pub(crate) fn at(&self, id: RunId, last_event: Option<Uuid>) -> Option<Kept> {
        last_event?;
        self.any(id).filter(|kept| kept.last_event == last_event)
    }

    /// The run as it was at some moment: good for what never changes of it.
    pub(crate) fn any(&self, id: RunId) -> Option<Kept> {
        let mut inner = self.lock();
        inner.clock += 1;
        let now = inner.clock;
        let (kept, used) = inner.entries.get_mut(&id)?;
        *used = now;
        Some(kept.clone())
    }

    /// Keep it; a run that has ended goes.
    pub(crate) fn put(&self, kept: &Kept) {
        let mut inner = self.lock();
        inner.remove(kept.run.id);
        if kept.run.state.is_end() || kept.last_event.is_none() {
            return;
        }
        inner.clock += 1;
        let now = inner.clock;
        inner.steps += kept.run.steps.len();
        inner.entries.insert(kept.run.id, (kept.clone(), now));
        if inner.entries.len() > RUNS_MAX || inner.steps > STEPS_MAX {
            inner.shrink();
        }
    }

    /// It is gone from the store.
    pub(crate) fn forget(&self, id: RunId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remove(&mut self, id: RunId) {
        if let Some((kept, _)) = self.entries.remove(&id) {
            self.steps -= kept.run.steps.len();
        }
    }

    /// Those that were not used for longest go, until an eighth is free.
    fn shrink(&mut self) {
        let mut by_use: Vec<(u64, RunId)> = self.entries.iter().map(|(id, (_, used))| (*used, *id)).collect();
        by_use.sort_unstable();
        for (_, id) in by_use {
            if self.entries.len() <= RUNS_MAX / 8 * 7 && self.steps <= STEPS_MAX / 8 * 7 {
                break;
            }
            self.remove(id);
        }
    }
}
