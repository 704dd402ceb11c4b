//! What starts by time: schedules, probes and collectors; and what follows when a probe says nothing for too long.
//!
//! The store says of each up to where every instant has been seen to. An instant is decided here and stored with its run, or
//! with the reason why there is none, in one transaction; so whatever dies when, none is seen to twice or left out.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use model::{
    api::Role,
    firing::{FiringState, TimedKind},
    health,
    id::{PrincipalId, ProjectId},
    run::{Requester, Run, RunEvent},
    schedule::{CatchUp, Overlap, Schedule},
    view::Aspect,
};
use policy::{Principal, Resource, RunStart};
use schedule::{Missed, Previous, Timing, Verdict, Window};
use serde_json::{Value, json};
use store::{Decided, Fired, NewRun, NoRun, ScheduleRow, Start, StoreError, WantedSchedule, Watch};
use tokio::sync::{Notify, broadcast};

use super::{Engine, service_changes::Told, time::Alarm};
use crate::{
    clock,
    metrics::Turning,
    planning::{self, Planned, PlanningError, Request},
};

/// Schedules that are seen to at once.
const AT_ONCE: u32 = 100;
/// Runs that are taken in at once.
const TAKEN_IN_AT_ONCE: u32 = 100;
/// The longest sleep: another server may have stored an earlier moment.
const LONGEST: Duration = Duration::from_secs(10);
/// After a fault.
const PAUSE: Duration = Duration::from_secs(1);

/// What the timetable waits for.
#[derive(Default)]
pub(super) struct Timetable {
    /// The next instant of anything.
    next: Alarm,
    /// A probe has said nothing for too long, if it stays silent until then.
    silence: Alarm,
    /// Facts are stale, if nobody sees them until then. Of interest to whoever follows services, and to nobody else.
    expiry: Alarm,
    /// Up to this moment it was told which facts became stale.
    told_stale: Mutex<Option<Timestamp>>,
    /// A run of a schedule has ended: another may wait for that.
    freed: AtomicBool,
    /// A run that observed could not be taken in when it ended.
    left_over: AtomicBool,
    look: Notify,
}

/// What a definition says of its instants.
pub(super) struct Rule {
    pub(super) timing: Timing,
    catch_up: CatchUp,
    overlap: Overlap,
    pub(super) jitter_s: u64,
    inputs: BTreeMap<String, Value>,
    reason: Option<String>,
}

/// Why an instant has no run.
pub(super) enum NotStarted {
    /// It never will have: in words.
    Never(String),
    /// The store does not answer; it is tried again.
    Later(StoreError),
}

impl From<StoreError> for NotStarted {
    fn from(error: StoreError) -> Self {
        Self::Later(error)
    }
}

impl From<PlanningError> for NotStarted {
    fn from(error: PlanningError) -> Self {
        match error {
            PlanningError::Store(error) => Self::Later(error),
            PlanningError::Inputs(faults) => {
                let words: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
                Self::Never(format!("Its inputs are not what the runbook takes: {}", words.join(" ")))
            }
            other => Self::Never(format!("It cannot be planned: {other}.")),
        }
    }
}

impl Engine {
    /// Bring the timetable in line with what a project's definitions say now.
    pub(crate) async fn sync_timetable(&self, project: ProjectId, name: &str) -> Result<(), StoreError> {
        let now = clock::now();
        let mut wanted = Vec::new();
        for schedule in self.0.store.published_schedules(project).await? {
            match Timing::of(&schedule) {
                Ok(timing) => wanted.push(WantedSchedule {
                    kind: TimedKind::Schedule,
                    name: schedule.name.clone(),
                    runbook: schedule.runbook.clone(),
                    next_at: next_of(&timing, now, &schedule.name, schedule.jitter_s.unwrap_or(0)),
                    times: json!([schedule.when, schedule.from, schedule.until, schedule.jitter_s]),
                    watch: None,
                }),
                // It was checked when it was applied; only a newer set of time zones can say otherwise.
                Err(error) => {
                    tracing::error!(project = name, schedule = schedule.name, %error, "a schedule has no times")
                }
            }
        }
        for runbook in self.0.store.published_watchers(project).await? {
            let probe = runbook.probe.map(|probe| (TimedKind::Probe, probe.every_s, Watch::Probe(probe)));
            let collects = runbook
                .collects
                .map(|collects| (TimedKind::Collector, collects.every_s, Watch::Collects(collects)));
            for (kind, every_s, watch) in probe.into_iter().chain(collects) {
                match Timing::spread(&format!("{name}/{}", runbook.name), every_s) {
                    Ok(timing) => wanted.push(WantedSchedule {
                        kind,
                        name: runbook.name.clone(),
                        runbook: runbook.name.clone(),
                        next_at: timing.after(now),
                        times: json!(every_s),
                        watch: Some(watch),
                    }),
                    Err(error) => {
                        tracing::error!(project = name, runbook = runbook.name, %error, "a probe has no times");
                    }
                }
            }
        }
        for changed in self.0.store.sync_schedules(project, wanted, now).await? {
            self.tell_health(&changed);
        }
        self.0.timetable.next.set(self.0.store.next_firing().await?);
        self.0.timetable.silence.set(self.0.store.next_silence().await?);
        self.0.timetable.look.notify_one();
        Ok(())
    }

    /// The timetable of every project, once at the start: what was applied right before the last server died counts.
    pub(crate) async fn sync_timetables(&self) -> Result<(), StoreError> {
        for project in self.0.store.projects().await? {
            if let Some(id) = self.0.store.project(&project.name).await? {
                self.sync_timetable(id, &project.name).await?;
            }
        }
        Ok(())
    }

    /// Start what is due, as long as the engine lives.
    pub(crate) async fn keep_timetable(&self) {
        let timetable = &self.0.timetable;
        timetable.freed.store(true, Ordering::Relaxed);
        timetable.left_over.store(true, Ordering::Relaxed);
        let mut asked = false;
        loop {
            if self.is_draining() {
                return;
            }
            self.0.metrics.turned(Turning::Timetable);
            if let Err(error) = self.turn_of_timetable(!asked).await {
                tracing::error!(%error, "what is due by time could not be started; trying again");
                // What was to be looked at next may be forgotten: the next turn looks at all.
                asked = false;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            asked = true;
            let now = clock::now();
            let alarms = [&timetable.next, &timetable.silence, &timetable.expiry];
            let next = alarms.into_iter().filter_map(Alarm::next).min();
            let left =
                next.map_or(LONGEST, |next| Duration::try_from(next.duration_since(now)).unwrap_or_default());
            // Never in a circle without a breath: what cannot be seen to yet is looked at a moment later.
            let left = left.clamp(Duration::from_millis(1), LONGEST);
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = timetable.next.changed() => {}
                () = timetable.silence.changed() => {}
                () = timetable.expiry.changed() => {}
                () = timetable.look.notified() => {}
            }
        }
    }

    async fn turn_of_timetable(&self, first: bool) -> Result<(), StoreError> {
        let (timetable, store) = (&self.0.timetable, &self.0.store);
        if timetable.left_over.swap(false, Ordering::Relaxed) {
            self.take_in_left_over()
                .await
                .inspect_err(|_| timetable.left_over.store(true, Ordering::Relaxed))?;
        }
        if timetable.freed.swap(false, Ordering::Relaxed) {
            let free = async {
                for row in store.schedules_free_again().await? {
                    self.start_waiting(row).await?;
                }
                Ok::<_, StoreError>(())
            };
            free.await.inspect_err(|_| timetable.freed.store(true, Ordering::Relaxed))?;
        }
        let is_due = |at: Option<Timestamp>| first || at.is_some_and(|at| at <= clock::now());
        if is_due(timetable.next.next()) {
            loop {
                let due = store.due_schedules(clock::now(), AT_ONCE).await?;
                let more = due.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
                for row in due {
                    self.see_to(row).await?;
                }
                if !more {
                    break;
                }
            }
            timetable.next.replace(None);
            timetable.next.set(store.next_firing().await?);
        }
        if is_due(timetable.silence.next()) {
            for changed in store.take_in_silence(clock::now()).await? {
                self.tell_health(&changed);
            }
            self.0.observed.send_modify(|times| *times += 1);
            timetable.silence.replace(None);
            timetable.silence.set(store.next_silence().await?);
        }
        if is_due(timetable.expiry.next()) {
            timetable.expiry.replace(None);
            timetable.expiry.set(self.tell_stale_facts(clock::now()).await?);
        }
        Ok(())
    }

    /// Tell which facts became stale since this was told last; answers when the next ones do. Nothing is stored of that: whether
    /// a fact still holds is told by the clock.
    async fn tell_stale_facts(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let told = &self.0.timetable.told_stale;
        if !self.service_changes().is_followed() {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return Ok(None);
        }
        let from = told.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(now);
        let expiring = self.0.store.facts_expiring(from).await?;
        for expire in expiring.iter().filter(|expire| expire.at < now) {
            self.service_changes().publish(
                &expire.project,
                &expire.service,
                &expire.environment,
                Aspect::Facts,
            );
        }
        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(expiring.into_iter().map(|expire| expire.at).find(|at| *at >= now))
    }

    /// See to all instants of one schedule up to now.
    async fn see_to(&self, mut row: ScheduleRow) -> Result<(), StoreError> {
        let store = &self.0.store;
        let Some(rule) = self.rule_of(&row).await? else {
            // Its definition is gone, and nobody has said so yet.
            return self.sync_timetable(row.project, &row.project_name).await;
        };
        let now = clock::now();
        let mut due = schedule::due(row.seen_to, now, &rule.timing, rule.catch_up, Window::default());
        if let Some(last) = due.fire.last().copied()
            && performed_at(last, &row.name, rule.jitter_s) > now
        {
            // Due, and to be performed a little later.
            let before = last.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(last);
            due = schedule::due(row.seen_to, before, &rule.timing, rule.catch_up, Window::default());
        }
        let after_all = due.next.map(|next| performed_at(next, &row.name, rule.jitter_s));
        let mut records = if row.kind == TimedKind::Schedule { missed(&due.missed) } else { Vec::new() };
        // One look shows what all would have shown.
        let fire = if row.kind == TimedKind::Schedule {
            due.fire
        } else {
            due.fire.last().copied().into_iter().collect()
        };
        if fire.is_empty() {
            let tells = !records.is_empty();
            let decided = decided(&row, due.cursor, after_all, row.waiting, records, None);
            if matches!(store.fire(decided, now).await?, Fired::Stored(_)) && tells {
                self.tell_firing(&row).await;
            }
            return Ok(());
        }
        let count = fire.len();
        for (place, due_at) in fire.into_iter().enumerate() {
            let last = place + 1 == count;
            // Should this server die in between, the rest is looked at again at once.
            let (seen_to, next_at) = if last { (due.cursor, after_all) } else { (due_at, Some(now)) };
            let records = std::mem::take(&mut records);
            if !self.see_to_instant(&mut row, &rule, due_at, seen_to, next_at, records).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Decide one instant and store it. False if somebody else has.
    async fn see_to_instant(
        &self,
        row: &mut ScheduleRow,
        rule: &Rule,
        due_at: Timestamp,
        seen_to: Timestamp,
        next_at: Option<Timestamp>,
        mut records: Vec<NoRun>,
    ) -> Result<bool, StoreError> {
        let skipped =
            |reason: String| NoRun { due_at, state: FiringState::Skipped, reason, after: None, count: 1 };
        let previous = match row.last_run {
            _ if row.waiting.is_some() => Previous::Queued,
            Some(run) if self.0.store.run_by_id(run).await?.is_some_and(|run| !run.state.is_end()) => {
                Previous::Active
            }
            _ => Previous::None,
        };
        let mut waiting = row.waiting;
        let mut start = false;
        let mut why_not = None;
        match schedule::overlap(rule.overlap, previous) {
            Verdict::Start => start = true,
            Verdict::Skip(reason) => why_not = Some(sentence(reason)),
            Verdict::Queue => waiting = Some(due_at),
            Verdict::CancelPrevious => {
                if let Some(before) = waiting.replace(due_at) {
                    let reason = "A newer firing took its place while it waited.".to_owned();
                    records.push(NoRun { due_at: before, ..skipped(reason) });
                }
                if let Some(run) = row.last_run {
                    let event = RunEvent::CancelRequested { by: requester(row) };
                    match self.advance(run, event, None).await {
                        // It has ended meanwhile, or is being canceled.
                        Ok(_) | Err(StoreError::Refused(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        let now = clock::now();
        let mut run = None;
        if start {
            match self.run_of(row, rule, now).await {
                Ok(new) => run = Some(new),
                Err(NotStarted::Never(reason)) => why_not = Some(reason),
                Err(NotStarted::Later(error)) => return Err(error),
            }
        }
        let observed = row.kind != TimedKind::Schedule;
        if let Some(reason) = &why_not
            && !observed
        {
            records.push(skipped(reason.clone()));
        }
        let place = if run.is_some() && !self.is_draining() {
            self.0.slots.clone().try_acquire_owned().ok()
        } else {
            None
        };
        let places = u32::from(place.is_some());
        let started = run.map(|run| Start { due_at, run, observed, places });
        let kept = records.clone();
        let fired = self.0.store.fire(decided(row, seen_to, next_at, waiting, records, started), now).await;
        let fired = match fired {
            Err(StoreError::Busy { key, .. }) => {
                let reason = format!("Its lock `{key}` is taken, and the runbook does not wait for it.");
                let mut records = kept;
                if observed {
                    why_not = Some(reason);
                } else {
                    records.push(skipped(reason));
                }
                self.0.store.fire(decided(row, seen_to, next_at, waiting, records, None), now).await?
            }
            fired => fired?,
        };
        let Fired::Stored(advanced) = fired else { return Ok(false) };
        (row.seen_to, row.next_at, row.waiting) = (seen_to, next_at, waiting);
        if let Some(advanced) = advanced {
            row.last_run = Some(advanced.run.id);
            let late = now.duration_since(performed_at(due_at, &row.name, rule.jitter_s));
            self.0.metrics.run_requested(&advanced.run);
            self.0.metrics.fired(row.kind, Duration::try_from(late).unwrap_or_default());
            self.follow_up(*advanced, place);
        }
        self.tell_firing(row).await;
        // A collector that is still looking has not failed to; should it hang, what it saw before becomes stale.
        let looks_still = row.kind == TimedKind::Collector && previous == Previous::Active;
        if let Some(reason) = why_not.filter(|_| observed && !looks_still) {
            let taken = self.0.store.did_not_look(row.id, &row.project_name, &reason, now).await?;
            self.tell_taken_in(&row.project_name, &taken);
        }
        Ok(true)
    }

    /// The run before has ended: the instant that waited for that has its turn.
    async fn start_waiting(&self, mut row: ScheduleRow) -> Result<(), StoreError> {
        let (Some(due_at), Some(rule)) = (row.waiting, self.rule_of(&row).await?) else { return Ok(()) };
        let (seen_to, next_at) = (row.seen_to, row.next_at);
        let waiting = row.waiting.take();
        let now = clock::now();
        let (run, records) = match self.run_of(&row, &rule, now).await {
            Ok(run) => (Some(run), Vec::new()),
            Err(NotStarted::Never(reason)) => {
                (None, vec![NoRun { due_at, state: FiringState::Skipped, reason, after: None, count: 1 }])
            }
            Err(NotStarted::Later(error)) => return Err(error),
        };
        let place = self.0.slots.clone().try_acquire_owned().ok().filter(|_| run.is_some());
        let places = u32::from(place.is_some());
        let start = run.map(|run| Start { due_at, run, observed: false, places });
        let decided = Decided { waiting, ..decided(&row, seen_to, next_at, None, records, start) };
        match self.0.store.fire(decided, now).await {
            Ok(Fired::Stored(advanced)) => {
                if let Some(advanced) = advanced {
                    self.0.metrics.run_requested(&advanced.run);
                    self.follow_up(*advanced, place);
                }
                self.tell_firing(&row).await;
            }
            Ok(_) => {}
            // Its lock is taken: it goes on waiting, for whoever has it.
            Err(StoreError::Busy { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What its definition says now; none if there is none.
    pub(super) async fn rule_of(&self, row: &ScheduleRow) -> Result<Option<Rule>, StoreError> {
        let store = &self.0.store;
        if row.kind == TimedKind::Schedule {
            let published =
                store.published_definition::<Schedule>(row.project, "Schedule", &row.name).await?;
            let Some(schedule) = published.map(|published| published.definition) else { return Ok(None) };
            let Ok(timing) = Timing::of(&schedule) else { return Ok(None) };
            let Schedule { inputs, reason, jitter_s, catch_up, overlap, .. } = schedule;
            return Ok(Some(Rule {
                timing,
                catch_up,
                overlap,
                jitter_s: jitter_s.unwrap_or(0),
                inputs,
                reason,
            }));
        }
        let Some(runbook) = store.runbook(&row.project_name, &row.runbook).await? else { return Ok(None) };
        let (probe, collects) = (runbook.runbook.probe, runbook.runbook.collects);
        let every_s = match row.kind {
            TimedKind::Probe => probe.map(|probe| probe.every_s),
            _ => collects.map(|collects| collects.every_s),
        };
        let timing = every_s.and_then(|every_s| {
            Timing::spread(&format!("{}/{}", row.project_name, row.runbook), every_s).ok()
        });
        Ok(timing.map(|timing| Rule {
            timing,
            catch_up: CatchUp::Latest,
            overlap: Overlap::Forbid,
            jitter_s: 0,
            inputs: BTreeMap::new(),
            reason: None,
        }))
    }

    /// The run of an instant, decided and planned as if the schedule had asked for it.
    pub(super) async fn run_of(
        &self,
        row: &ScheduleRow,
        rule: &Rule,
        now: Timestamp,
    ) -> Result<NewRun, NotStarted> {
        let store = &self.0.store;
        let pinned = planning::published(store, &row.project_name, &row.runbook).await?;
        let principal =
            Principal { id: PrincipalId(row.id.0), name: requester(row).name, role: Role::Member };
        for runbook in pinned.runbooks() {
            let resource = Resource {
                project: Some(row.project_name.clone()),
                runbook: Some(runbook.to_owned()),
                ..Resource::default()
            };
            policy::decide::<RunStart>(&principal, &resource).map_err(|denied| {
                NotStarted::Never(format!("It may not start `{runbook}`: {}", denied.reason))
            })?;
        }
        let by = requester(row);
        let read = pinned.read(store, &rule.inputs, now, &by.name).await?;
        let request =
            Request { reason: rule.reason.clone(), by, via: row.kind.name().to_owned(), retry_of: None };
        let Planned { requested, secrets } = pinned.run(&row.project_name, read, request)?;
        Ok(NewRun { requested, secrets })
    }

    /// The times of one; none if its definition does not say them any more.
    pub(crate) async fn timing_of(&self, row: &ScheduleRow) -> Result<Option<Timing>, StoreError> {
        Ok(self.rule_of(row).await?.map(|rule| rule.timing))
    }

    /// When one must be looked at next.
    pub(crate) async fn next_of(
        &self,
        row: &ScheduleRow,
        timing: &Timing,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let jitter_s = self.rule_of(row).await?.map_or(0, |rule| rule.jitter_s);
        Ok(next_of(timing, now, &row.name, jitter_s))
    }

    /// Follow what changes of all services. Subscribe first, read the store afterwards: nothing falls between.
    pub(crate) fn follow_services(&self) -> broadcast::Receiver<Arc<Told>> {
        let changes = self.service_changes().follow();
        // When the next facts become stale is not looked for while nobody wants to know.
        self.0.timetable.expiry.set(Some(clock::now()));
        changes
    }

    /// Something is due then that was not known to be.
    pub(crate) fn timetable_changed(&self, next_at: Option<Timestamp>) {
        self.0.timetable.next.set(next_at);
    }

    /// A run of the timetable has ended.
    pub(super) fn timed_run_ended(&self, run: &Run) {
        if run.via == TimedKind::Schedule.name() {
            self.0.timetable.freed.store(true, Ordering::Relaxed);
            self.0.timetable.look.notify_one();
        } else if run.is_background() {
            let (engine, run) = (self.clone(), run.clone());
            tokio::spawn(async move {
                if let Err(error) = engine.take_in(&run).await {
                    tracing::error!(run = %run.id, %error, "what it saw could not be taken in; trying again");
                    tokio::time::sleep(PAUSE).await;
                    engine.0.timetable.left_over.store(true, Ordering::Relaxed);
                    engine.0.timetable.look.notify_one();
                }
            });
        }
    }

    async fn take_in(&self, run: &Run) -> Result<(), StoreError> {
        let Some(outcome) = health::outcome(run) else { return Ok(()) };
        let taken = self.0.store.take_in(run, outcome, clock::now()).await?;
        self.0.observed.send_modify(|times| *times += 1);
        if run.via == TimedKind::Probe.name() {
            self.0.timetable.silence.set(taken.stale_at);
        } else if self.service_changes().is_followed() {
            self.0.timetable.expiry.set(taken.stale_at);
        }
        self.tell_taken_in(&run.project, &taken);
        if let Some(pruned) = taken.pruned {
            let outputs = self.outputs().clone();
            tokio::task::spawn_blocking(move || {
                if let Err(error) = outputs.remove_run(&pruned.to_string()) {
                    tracing::warn!(run = %pruned, %error, "the output of a run that is not kept could not be removed");
                }
            });
        }
        Ok(())
    }

    /// What ended while no server was there to see it.
    async fn take_in_left_over(&self) -> Result<(), StoreError> {
        loop {
            let ended = self.0.store.ended_observations(TAKEN_IN_AT_ONCE).await?;
            if ended.is_empty() {
                return Ok(());
            }
            for id in ended {
                if let Some(run) = self.0.store.run_by_id(id).await? {
                    self.take_in(&run).await?;
                }
            }
        }
    }
}

/// When an instant is performed.
fn performed_at(due_at: Timestamp, name: &str, jitter_s: u64) -> Timestamp {
    due_at.checked_add(schedule::jitter(name, due_at, jitter_s)).unwrap_or(due_at)
}

pub(super) fn next_of(timing: &Timing, now: Timestamp, name: &str, jitter_s: u64) -> Option<Timestamp> {
    timing.after(now).map(|next| performed_at(next, name, jitter_s))
}

fn requester(row: &ScheduleRow) -> Requester {
    Requester { id: PrincipalId(row.id.0), name: format!("{}/{}", row.kind.name(), row.name) }
}

pub(super) fn decided(
    row: &ScheduleRow,
    seen_to: Timestamp,
    next_at: Option<Timestamp>,
    waiting: Option<Timestamp>,
    records: Vec<NoRun>,
    start: Option<Start>,
) -> Decided {
    Decided {
        schedule: row.id,
        generation: row.generation,
        seen_to: row.seen_to,
        waiting: row.waiting,
        now_seen_to: seen_to,
        next_at,
        now_waiting: waiting,
        records,
        start,
    }
}

pub(super) fn missed(missed: &[Missed]) -> Vec<NoRun> {
    let state = FiringState::Missed;
    let record = |missed: &Missed| match missed {
        Missed::One { due_at, reason } => {
            NoRun { due_at: *due_at, state, reason: reason.words().to_owned(), after: None, count: 1 }
        }
        Missed::Many { after, until, count, reason, .. } => NoRun {
            due_at: *until,
            state,
            reason: reason.words().to_owned(),
            after: Some(*after),
            count: *count,
        },
    };
    missed.iter().map(record).collect()
}

/// Words as a sentence of their own.
fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    let first: String = characters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
