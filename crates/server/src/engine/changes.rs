//! Who wants to know when a run changes. Hints only: whoever follows reads the store first, then waits here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use model::{id::RunId, run::Run};
use tokio::sync::{broadcast, watch};

/// Changes that a slow list may fall behind before it is told to read again.
const BEHIND: usize = 1024;

/// Runs of which it is remembered what was told last.
const REMEMBERED: usize = 8192;

pub(crate) struct Changes {
    runs: Mutex<HashMap<RunId, watch::Sender<Option<Arc<Run>>>>>,
    /// The newest revision that was told of each run. Transitions are stored in order, and told by whoever made them, in any
    /// order.
    told: Mutex<HashMap<RunId, u64>>,
    all: broadcast::Sender<Arc<Run>>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { runs: Mutex::default(), told: Mutex::default(), all: broadcast::channel(BEHIND).0 }
    }
}

impl Changes {
    /// Tell everybody who follows this run, or all, unless something newer was told before.
    pub(crate) fn publish(&self, run: &Arc<Run>) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = runs.get(&run.id);
        if followed.is_none() && self.all.receiver_count() == 0 {
            return;
        }
        if let Some(sender) = followed {
            if sender.receiver_count() == 0 {
                runs.remove(&run.id);
            } else {
                sender.send_if_modified(|known| {
                    let newer = known.as_ref().is_none_or(|known| known.revision < run.revision);
                    if newer {
                        *known = Some(Arc::clone(run));
                    }
                    newer
                });
            }
        }
        drop(runs);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED {
            told.clear();
        }
        let last = told.entry(run.id).or_default();
        if *last < run.revision {
            *last = run.revision;
            // Nobody listening is no fault.
            let _ = self.all.send(Arc::clone(run));
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{
        id::{PrincipalId, Uuid},
        name::Digest,
        run::{Plan, Requested, Requester, RunEvent, Stamped, fold},
        runbook::Effect,
    };

    use super::*;

    fn run(revision: u64) -> Arc<Run> {
        let digest = Digest::from_bytes(&[0; 32]);
        let requested = Requested {
            id: RunId(Uuid::nil()),
            project: "default".into(),
            digest: digest.clone(),
            bundle: None,
            inputs_digest: digest,
            inputs: BTreeMap::new(),
            reason: None,
            by: Requester { id: PrincipalId(Uuid::nil()), name: "ann".into() },
            via: "api".into(),
            runbook: "one".into(),
            title: None,
            service: None,
            environment: None,
            environments: Vec::new(),
            change_class: None,
            labels: BTreeMap::new(),
            effect: Effect::Read,
            timeout_s: None,
            retry_of: None,
            plan: Plan::default(),
        };
        let event = RunEvent::Requested(Box::new(requested));
        let mut run = fold(&[Stamped { at: jiff::Timestamp::UNIX_EPOCH, event }]).unwrap();
        run.revision = revision;
        Arc::new(run)
    }

    #[tokio::test]
    async fn what_is_told_late_hides_nothing_newer() {
        let changes = Changes::default();
        let (mut one, mut all) = (changes.of_run(run(1).id), changes.of_all());
        for revision in [2, 7, 5, 6] {
            changes.publish(&run(revision));
        }
        one.changed().await.unwrap();
        assert_eq!(one.borrow_and_update().as_ref().unwrap().revision, 7);
        let told = [all.recv().await.unwrap().revision, all.recv().await.unwrap().revision];
        assert_eq!(told, [2, 7]);
        assert!(all.try_recv().is_err(), "nothing older follows");
    }
}
