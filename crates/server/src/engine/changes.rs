//! Who wants to know when a run changes. Hints only: whoever follows reads the store first, then waits here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use model::{id::RunId, run::Run};
use tokio::sync::{broadcast, watch};

/// Changes that a slow list may fall behind before it is told to read again.
const BEHIND: usize = 1024;

pub(crate) struct Changes {
    runs: Mutex<HashMap<RunId, watch::Sender<Option<Arc<Run>>>>>,
    all: broadcast::Sender<Arc<Run>>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { runs: Mutex::default(), all: broadcast::channel(BEHIND).0 }
    }
}

impl Changes {
    /// Tell everybody who follows this run, or all.
    pub(crate) fn publish(&self, run: &Run) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = runs.get(&run.id);
        if followed.is_none() && self.all.receiver_count() == 0 {
            return;
        }
        let run = Arc::new(run.clone());
        if let Some(sender) = followed {
            if sender.receiver_count() == 0 {
                runs.remove(&run.id);
            } else {
                sender.send_replace(Some(run.clone()));
            }
        }
        // Nobody listening is no fault.
        let _ = self.all.send(run);
    }

    /// Wake whoever follows this run: its output has begun.
    pub(crate) fn nudge(&self, run: RunId) {
        if let Some(sender) = self.runs.lock().unwrap_or_else(PoisonError::into_inner).get(&run) {
            sender.send_modify(|_| {});
        }
    }

    /// Follow one run. Subscribe first, read the store afterwards: nothing falls between.
    pub(crate) fn of_run(&self, run: RunId) -> watch::Receiver<Option<Arc<Run>>> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|id, sender| *id == run || sender.receiver_count() > 0);
        runs.entry(run).or_insert_with(|| watch::channel(None).0).subscribe()
    }

    /// Follow all runs.
    pub(crate) fn of_all(&self) -> broadcast::Receiver<Arc<Run>> {
        self.all.subscribe()
    }
}
