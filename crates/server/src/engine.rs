//! The engine: takes tasks from the queue and performs them, step after step, until each run has ended.
//!
//! It holds no state that is not in the store: what is here (stops, slots, who follows) can be lost with the process.
//! Each transition is stored before the world acts on it: a step's start before its process, its end before the next.

mod changes;
mod follow;
mod perform;
mod settle;
mod versions;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use model::{
    api::RunView,
    id::{ProjectId, RunId},
    run::{Requested, Run, RunEffect, RunEvent},
};
use output::Outputs;
use runner::Stop;
use store::{Answered, Claimed, Key, Store, StoreError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

pub(crate) use changes::Changes;
pub(crate) use follow::{Cursor, Follow, LiveEvent};

use crate::clock;

/// A task that nobody was woken for (which should not happen) waits this long at most.
const BACKSTOP: Duration = Duration::from_secs(10);
/// How long a server that stops waits for processes that it ends.
const KILL_MARGIN: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct Engine(Arc<Inner>);

struct Inner {
    store: Store,
    outputs: Outputs,
    work: PathBuf,
    versions: versions::Versions,
    changes: Changes,
    wake: Notify,
    slots: Arc<Semaphore>,
    slot_count: usize,
    /// Held for a moment by whoever has sent a piece of output and goes on to the next.
    turns: Semaphore,
    /// Steps that run now: fewer than places taken while tasks are being claimed.
    running: AtomicUsize,
    /// How to end the processes of a run. Made by whoever comes first: the runner, or somebody who cancels.
    stops: Mutex<HashMap<RunId, Stop>>,
    /// No new step starts.
    draining: AtomicBool,
    /// Whoever follows is let go.
    closing: watch::Sender<bool>,
    /// Ends are no longer stored: the next start says what became of the steps.
    abandoned: AtomicBool,
}

impl Engine {
    /// An engine that performs up to `slots` steps at once. Nothing moves before [`Engine::run`].
    pub(crate) fn new(store: Store, outputs: Outputs, work: PathBuf, slots: usize) -> Self {
        Self(Arc::new(Inner {
            store,
            outputs,
            work,
            versions: versions::Versions::default(),
            changes: Changes::default(),
            wake: Notify::new(),
            slots: Arc::new(Semaphore::new(slots)),
            slot_count: slots,
            turns: Semaphore::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
            running: AtomicUsize::new(0),
            stops: Mutex::default(),
            draining: AtomicBool::new(false),
            closing: watch::Sender::new(false),
            abandoned: AtomicBool::new(false),
        }))
    }

    pub(crate) fn changes(&self) -> &Changes {
        &self.0.changes
    }

    pub(crate) fn outputs(&self) -> &Outputs {
        &self.0.outputs
    }

    /// Wait for a turn at a long output. There is always more of it at hand, and unpacking it takes time: without turns,
    /// hundreds who read would keep everybody else, the store too, from the threads that all share.
    pub(crate) async fn turn(&self) {
        // An error means that the engine is gone, and nobody is kept from anything.
        let _turn = self.0.turns.acquire().await;
        tokio::task::yield_now().await;
    }

    /// Steps that run now, and how many may.
    pub(crate) fn slots(&self) -> (usize, usize) {
        (self.0.running.load(Ordering::Relaxed), self.0.slot_count)
    }

    /// What a run waits for, while it does not move.
    pub(crate) fn waits_for(&self, run: &Run) -> Option<String> {
        match run.state {
            model::run::RunState::Queued => {
                let (used, all) = self.slots();
                Some(if self.0.draining.load(Ordering::Relaxed) {
                    "the server's next start: this one is stopping".to_owned()
                } else if used < all {
                    "the runner, which is about to take it".to_owned()
                } else {
                    format!("a free place on the runner: all {all} are taken")
                })
            }
            model::run::RunState::Canceling => {
                let step = run.running_step().and_then(|place| run.steps.get(usize::try_from(place).ok()?));
                step.map(|step| format!("the processes of step `{}` to end", step.name))
            }
            _ => None,
        }
    }

    /// The run as the API shows it.
    pub(crate) fn view(&self, run: Run) -> RunView {
        let waits_for = self.waits_for(&run);
        RunView::new(run, waits_for)
    }

    /// Store a run and begin with it: at once if a place is free, else the runner takes it from the queue.
    pub(crate) async fn request(
        &self,
        project: ProjectId,
        requested: Requested,
        key: Option<Key>,
    ) -> Result<Answered<RunView>, StoreError> {
        let engine = self.clone();
        // On a task of its own: whoever asks may go away, and what was stored as started must be performed all the same.
        let requesting = tokio::spawn(async move { engine.request_now(project, requested, key).await });
        requesting.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn request_now(
        &self,
        project: ProjectId,
        requested: Requested,
        key: Option<Key>,
    ) -> Result<Answered<RunView>, StoreError> {
        let draining = self.0.draining.load(Ordering::Relaxed);
        let place = if draining { None } else { self.0.slots.clone().try_acquire_owned().ok() };
        let at = clock::now();
        let Some(place) = place else {
            let answered = self.0.store.request_run(project, requested, at, key).await?;
            if !answered.replayed {
                self.0.changes.publish(&answered.answer.run);
                self.0.wake.notify_one();
            }
            return Ok(answered);
        };
        let answered = self.0.store.start_run(project, requested, at, key).await?;
        if !answered.replayed {
            let run = answered.answer.run.clone();
            self.perform(Claimed { run, step: 0, attempt: 1 }, place);
        }
        Ok(answered)
    }

    /// Perform a task whose start is stored, in the place that was kept for it.
    fn perform(&self, task: Claimed, place: OwnedSemaphorePermit) {
        self.0.changes.publish(&task.run);
        self.0.running.fetch_add(1, Ordering::Relaxed);
        let engine = self.clone();
        tokio::spawn(async move {
            engine.perform_run(task).await;
            engine.0.running.fetch_sub(1, Ordering::Relaxed);
            drop(place);
        });
    }

    /// Cancel a run: what is queued never starts, what runs is ended.
    pub(crate) async fn cancel(
        &self,
        run: RunId,
        event: RunEvent,
        key: Option<Key>,
    ) -> Result<Answered<RunView>, StoreError> {
        let at = clock::now();
        let (answer, effects, replayed) = match key {
            Some(key) => {
                let answered = self.0.store.advance_once(run, at, event, key).await?;
                let (view, effects) = answered.answer;
                (view, effects, answered.replayed)
            }
            None => {
                let advanced = self.0.store.advance(run, at, event, false).await?;
                (RunView::new(advanced.run, None), advanced.effects, false)
            }
        };
        if !replayed {
            if effects.iter().any(|effect| matches!(effect, RunEffect::Stop { .. })) {
                self.stop_of(run).cancel();
            }
            self.0.changes.publish(&answer.run);
        }
        let view = self.view(answer.run);
        Ok(Answered { answer: view, replayed })
    }

    /// Take tasks and perform them, until [`Engine::drain`].
    pub(crate) async fn run(&self) {
        while !self.0.draining.load(Ordering::Relaxed) {
            // At least one place must be free before anything is claimed; then as many as there are.
            let Ok(first) = self.0.slots.clone().acquire_owned().await else { return };
            if self.0.draining.load(Ordering::Relaxed) {
                return;
            }
            let mut places = vec![first];
            while let Ok(place) = self.0.slots.clone().try_acquire_owned() {
                places.push(place);
            }
            let limit = u32::try_from(places.len()).unwrap_or(u32::MAX);
            let claimed = match self.0.store.claim(clock::now(), limit).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::error!(%error, "no task could be claimed; trying again");
                    drop(places);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            if claimed.is_empty() {
                drop(places);
                let _ = tokio::time::timeout(BACKSTOP, self.0.wake.notified()).await;
                continue;
            }
            for (task, place) in claimed.into_iter().zip(places) {
                self.perform(task, place);
            }
        }
    }

    /// The server stops: let go of whoever follows, and start nothing more.
    pub(crate) fn close_followers(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
        self.0.closing.send_replace(true);
    }

    /// Done when the server stops.
    pub(crate) fn closing(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut closing = self.0.closing.subscribe();
        async move {
            // An error means that the engine is gone, which is as good.
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }

    /// Start nothing more; wait `grace` for the steps that run, then end their processes without saying how they ended:
    /// the next start finds them `unknown`.
    pub(crate) async fn drain(&self, grace: Duration) {
        self.0.draining.store(true, Ordering::Relaxed);
        self.0.wake.notify_one();
        let all = u32::try_from(self.0.slot_count).unwrap_or(u32::MAX);
        if tokio::time::timeout(grace, self.0.slots.acquire_many(all)).await.is_ok() {
            return;
        }
        let (left, _) = self.slots();
        tracing::warn!(
            steps = left,
            "steps are still running; their processes are ended, the next start says `unknown`"
        );
        self.0.abandoned.store(true, Ordering::Relaxed);
        for stop in self.0.stops.lock().unwrap_or_else(PoisonError::into_inner).values() {
            stop.kill_now();
        }
        let _ = tokio::time::timeout(KILL_MARGIN, self.0.slots.acquire_many(all)).await;
    }

    fn stop_of(&self, run: RunId) -> Stop {
        let mut stops = self.0.stops.lock().unwrap_or_else(PoisonError::into_inner);
        stops.entry(run).or_default().clone()
    }

    fn forget_stop(&self, run: RunId) {
        self.0.stops.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
    }
}
