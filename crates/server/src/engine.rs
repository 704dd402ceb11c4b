//! The engine: takes tasks from the queue and performs them, step after step, until each run has ended.
//!
//! It holds no state that is not in the store: what is here (stops, slots, who follows) can be lost with the process.
//! Each transition is stored before the world acts on it: a step's start before its process, its end before the next.
//! Processes live under shims, which outlive the server; its next start takes them up again ([`recover`]).

mod changes;
mod decide_again;
mod follow;
mod look;
mod parked;
mod perform;
mod prepare;
mod recover;
mod restored;
mod retention;
mod secrets;
mod service_changes;
mod signals;
mod snapshots;
mod time;
mod timetable;
mod versions;
mod waits;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use definition::Expressions;
use model::{
    api::RunView,
    id::{ProjectId, RunId},
    run::{Requested, Run, RunEffect, RunEvent},
};
use output::Outputs;
use runner::{Network, Shims, Stop, Workspace};
use store::{Advanced, Answered, Key, NewRun, Secrets, Store, StoreError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

pub(crate) use changes::Changes;
pub(crate) use decide_again::Deciding;
pub(crate) use follow::{Cursor, Follow, LiveEvent};
pub use recover::Recovered;

use crate::{
    clock,
    metrics::{Metrics, Turning},
};

/// A task that nobody was woken for (which should not happen) waits this long at most.
const BACKSTOP: Duration = Duration::from_secs(10);
/// How long a server that stops waits for processes that it ends.
const KILL_MARGIN: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct Engine(Arc<Inner>);

/// What an engine works with.
pub(crate) struct Parts {
    pub store: Store,
    pub outputs: Outputs,
    pub shims: Shims,
    pub evaluate: Arc<Expressions>,
    /// Where the runs' working directories are made.
    pub work: PathBuf,
    /// Where the server itself listens: no step's request goes there.
    pub forbidden: Vec<std::net::SocketAddr>,
    /// Steps at once.
    pub slots: usize,
    pub deciding: Deciding,
}

struct Inner {
    store: Store,
    outputs: Outputs,
    shims: Shims,
    evaluate: Arc<Expressions>,
    work: PathBuf,
    network: Network,
    versions: versions::Versions,
    masks: secrets::RunMasks,
    changes: Changes,
    service_changes: service_changes::ServiceChanges,
    wake: Notify,
    alarm: time::Alarm,
    timetable: timetable::Timetable,
    /// Counts what was taken in of probes and collectors: whoever waits for what they see looks again.
    observed: watch::Sender<u64>,
    deciding: Deciding,
    standings: decide_again::Standings,
    /// Rights have changed: what is parked is decided on again.
    rights: Notify,
    metrics: Arc<Metrics>,
    slots: Arc<Semaphore>,
    slot_count: usize,
    /// Held for a moment by whoever has sent a piece of output and goes on to the next.
    turns: Semaphore,
    /// Steps that run now: fewer than places taken while tasks are being claimed.
    running: AtomicUsize,
    /// How to end an attempt. Made by whoever comes first: the runner, or somebody who cancels.
    stops: Mutex<HashMap<(RunId, u32, u32), Stop>>,
    /// No new step starts.
    draining: AtomicBool,
    /// Whoever follows is let go.
    closing: watch::Sender<bool>,
    /// Ends are no longer stored: the next start says what became of the steps.
    abandoned: AtomicBool,
}

/// An attempt whose start is stored.
struct Attempt {
    run: Arc<Run>,
    step: u32,
    attempt: u32,
}

impl Attempt {
    /// Is it performed by a process, and not by the server itself?
    fn is_process(&self) -> bool {
        self.run.step(self.step).is_some_and(|step| matches!(step.action.as_str(), "run" | "command"))
    }
}

impl Engine {
    /// An engine that performs up to `slots` steps at once. Nothing moves before [`Engine::run`].
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { store, outputs, shims, evaluate, work, forbidden, slots, deciding } = parts;
        Self(Arc::new(Inner {
            store,
            outputs,
            shims,
            evaluate,
            work,
            network: Network::new(forbidden),
            versions: versions::Versions::default(),
            masks: secrets::RunMasks::default(),
            changes: Changes::default(),
            service_changes: service_changes::ServiceChanges::default(),
            wake: Notify::new(),
            alarm: time::Alarm::default(),
            timetable: timetable::Timetable::default(),
            observed: watch::Sender::new(0),
            deciding,
            standings: decide_again::Standings::default(),
            rights: Notify::new(),
            metrics: Arc::default(),
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

    pub(crate) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.0.metrics)
    }

    pub(crate) fn evaluate(&self) -> &Expressions {
        &self.0.evaluate
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

    fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Store a run and begin with it: at once if a place is free, else the runner takes it from the queue. Its secret
    /// inputs are sealed with it.
    pub(crate) async fn request(
        &self,
        project: ProjectId,
        requested: Requested,
        secrets: Secrets,
        key: Option<Key>,
    ) -> Result<Answered<RunView>, StoreError> {
        let engine = self.clone();
        // On a task of its own: whoever asks may go away, and what was stored as started must be performed all the same.
        let requesting =
            tokio::spawn(async move { engine.request_now(project, requested, secrets, key).await });
        requesting.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn request_now(
        &self,
        project: ProjectId,
        requested: Requested,
        secrets: Secrets,
        key: Option<Key>,
    ) -> Result<Answered<RunView>, StoreError> {
        let id = requested.id;
        self.mask_inputs(id, &secrets);
        let requested = self.mask_requested(requested);
        let place = if self.is_draining() { None } else { self.0.slots.clone().try_acquire_owned().ok() };
        let places = u32::from(place.is_some());
        let answered = self
            .0
            .store
            .request_run(project, NewRun { requested, secrets }, clock::now(), key, places)
            .await
            .inspect_err(|_| self.forget_masks(id))?;
        let Answered { answer, replayed } = answered;
        let run = Arc::clone(&answer.run);
        if replayed {
            // The run of the first call has an id of its own.
            self.forget_masks(id);
        } else {
            self.0.metrics.run_requested(&run);
            self.follow_up(answer, place);
        }
        Ok(Answered { answer: self.view((*run).clone()).await, replayed })
    }

    /// Something happened to a run that nobody here performs: somebody cancels, answers, decides.
    pub(crate) async fn advance(
        &self,
        run: RunId,
        event: RunEvent,
        key: Option<Key>,
    ) -> Result<Answered<RunView>, StoreError> {
        let engine = self.clone();
        let advancing = tokio::spawn(async move {
            let mut event = event;
            engine.mask_event(run, &mut event);
            let store = &engine.0.store;
            let Answered { answer, replayed } = match key {
                Some(key) => store.advance_once(run, clock::now(), event, 0, key).await?,
                None => {
                    Answered { answer: store.advance(run, clock::now(), event, 0).await?, replayed: false }
                }
            };
            let run = Arc::clone(&answer.run);
            if !replayed {
                engine.follow_up(answer, None);
            }
            Ok(Answered { answer: engine.view((*run).clone()).await, replayed })
        });
        advancing.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Do what follows from a stored transition: tell whoever follows, end what must end, wake who is to perform. The
    /// first attempt that was started takes `place`.
    fn follow_up(&self, advanced: Advanced, mut place: Option<OwnedSemaphorePermit>) {
        let Advanced { run, effects, also, .. } = advanced;
        self.0.changes.publish(&run);
        self.0.alarm.set(run.wake_at());
        for effect in effects {
            match effect {
                RunEffect::Ready { .. } => self.0.wake.notify_one(),
                RunEffect::Started { step, attempt } => match place.take() {
                    Some(place) => self.perform(Attempt { run: Arc::clone(&run), step, attempt }, place),
                    // Nobody starts more than there are places for; if it happened all the same, it must be performed.
                    None => self.perform_beyond(Attempt { run: Arc::clone(&run), step, attempt }),
                },
                RunEffect::Stop { step, attempt } => self.stop_of(run.id, step, attempt).cancel(),
                RunEffect::Began => self.write_down_before(&run),
                RunEffect::Watch { step } => self.watch(&run, step),
                RunEffect::Ended => {
                    self.0.metrics.run_ended(&run);
                    self.forget_masks(run.id);
                    self.forget(&run);
                    self.timed_run_ended(&run);
                    self.write_down_after(&run);
                }
                RunEffect::Unready { .. } | RunEffect::AcquireLock { .. } | RunEffect::ReleaseLock { .. } => {
                }
            }
        }
        for other in also {
            self.follow_up(other, None);
        }
    }

    /// Take tasks and perform them, until [`Engine::drain`].
    pub(crate) async fn run(&self) {
        while !self.is_draining() {
            self.0.metrics.turned(Turning::Runner);
            // At least one place must be free before anything is claimed; then as many as there are.
            let Ok(first) = self.0.slots.clone().acquire_owned().await else { return };
            if self.is_draining() {
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
            for (advanced, place) in claimed.into_iter().zip(places) {
                self.follow_up(advanced, Some(place));
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

    /// Start nothing more; wait `grace` for the steps that run. Those that take longer are left to their shims, where the
    /// next start finds them; requests that this process itself makes end with it.
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
            "steps are still running; their shims keep them, the next start takes them up"
        );
        self.0.abandoned.store(true, Ordering::Relaxed);
    }

    /// Start nothing more, and leave nothing running: for a run that is tried without a server.
    pub(crate) async fn end(&self, grace: Duration) {
        self.0.draining.store(true, Ordering::Relaxed);
        self.0.wake.notify_one();
        let all = u32::try_from(self.0.slot_count).unwrap_or(u32::MAX);
        if tokio::time::timeout(grace, self.0.slots.acquire_many(all)).await.is_ok() {
            return;
        }
        self.0.abandoned.store(true, Ordering::Relaxed);
        for stop in self.0.stops.lock().unwrap_or_else(PoisonError::into_inner).values() {
            stop.kill_now();
        }
        let _ = tokio::time::timeout(KILL_MARGIN, self.0.slots.acquire_many(all)).await;
    }

    fn stop_of(&self, run: RunId, step: u32, attempt: u32) -> Stop {
        let mut stops = self.0.stops.lock().unwrap_or_else(PoisonError::into_inner);
        stops.entry((run, step, attempt)).or_default().clone()
    }

    fn forget_stop(&self, run: RunId, step: u32, attempt: u32) {
        self.0.stops.lock().unwrap_or_else(PoisonError::into_inner).remove(&(run, step, attempt));
    }

    /// A run is over: its working directory goes.
    fn forget(&self, run: &Run) {
        let (work, id) = (self.0.work.clone(), run.id.to_string());
        // A large checkout takes long to remove: the place is free for another run meanwhile.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = Workspace::of(&work, &id).and_then(Workspace::remove) {
                tracing::warn!(run = %id, %error, "the working directory could not be removed");
            }
        });
    }
}
