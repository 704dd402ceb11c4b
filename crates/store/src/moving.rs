//! How a run moves: one transition or several in one transaction, with steps, events, tasks, locks and all that follows.
//!
//! `settle!` takes a transition that the state machine has made, writes what changed, sees to its locks, and goes on with
//! what these bring, in this run and in others, until nothing is left to be done.

use std::sync::Arc;

use jiff::Timestamp;
use model::{
    id::{RunId, Uuid},
    run::{Body, Run, RunEffect, RunEvent, StepRun, Transition, Wait, WaitReason},
    runbook::InputValue,
};
use serde::{Deserialize, Serialize};

use crate::{StoreError, cache::Kept, events::NewEvent, waits::waits_for};

/// A run after a transition, or after several in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Advanced {
    pub run: Arc<Run>,
    /// What the world must do now. Locks have been seen to.
    pub effects: Vec<RunEffect>,
    /// Places of the steps that changed or are new.
    pub changed: Vec<u32>,
    /// Other runs that moved because of it, in the same transaction: they got a lock.
    pub also: Vec<Advanced>,
}

/// What a run is pinned to, written once.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pinned {
    pub plan: model::run::Plan,
    pub inputs: model::runbook::InputValues,
    pub retry_of: Option<model::run::RetryOf>,
}

/// The microsecond of an instant, as SQL compares it.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The place of the outermost level among the steps' rows.
pub(crate) const OUTERMOST: i64 = -1;
/// In microseconds: how far behind the one before it a further task of the same run stands in the line.
const APART: i64 = 1_000_000;

/// A row of a step.
pub(crate) struct StepRow {
    pub place: i64,
    pub running: Option<i64>,
    pub step: StepJson,
}

/// A step's row holds a step, or the outermost level.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum StepJson {
    Step(Arc<StepRun>),
    Outermost(Body),
}

pub(crate) struct TaskRow {
    pub step: i64,
    pub attempt: i64,
    pub line: i64,
}

/// Which tasks go.
pub(crate) enum Taken {
    None,
    Some(Vec<i64>),
    All,
}

/// All that one transition writes.
pub(crate) struct Writing {
    pub header: Run,
    pub pinned: Option<Pinned>,
    pub before: i64,
    pub revision: i64,
    pub last_event: Uuid,
    pub events: Vec<NewEvent>,
    pub steps: Vec<StepRow>,
    pub changed: Vec<u32>,
    pub tasks: Vec<TaskRow>,
    pub taken: Taken,
    pub wake_at: Option<i64>,
    pub waits_for: Option<String>,
    /// Steps that a policy does not let begin from now on, and those that wait for none any more.
    pub parked: Vec<i64>,
    pub unparked: Vec<i64>,
    /// Its secrets are destroyed.
    pub unseal: bool,
}

impl Writing {
    pub(crate) fn of(before: Option<&Run>, at: Timestamp, moved: &Transition) -> Result<Self, StoreError> {
        let run = &moved.run;
        let revision = before.map_or(0, |before| before.revision);
        let events = NewEvent::of_run(run, revision, at, &moved.events)?;
        let last_event = events
            .last()
            .map(|event| event.id)
            .ok_or_else(|| StoreError::Corrupt("nothing happened".into()))?;
        let changed = changed(before, run);
        let mut steps = Vec::with_capacity(changed.len() + 1);
        if before.is_none_or(|before| before.body != run.body) {
            let step = StepJson::Outermost(run.body.clone());
            steps.push(StepRow { place: OUTERMOST, running: None, step });
        }
        let performed: Vec<u32> = changed.iter().copied().filter(|place| is_performed(run, *place)).collect();
        for place in &changed {
            let Some(step) = run.steps.get(*place as usize) else { continue };
            let running = performed.binary_search(place).ok().map(|_| i64::from(step.attempt));
            steps.push(StepRow { place: i64::from(*place), running, step: StepJson::Step(Arc::clone(step)) });
        }
        let pinned = before.is_none().then(|| Pinned {
            plan: (*run.plan).clone(),
            inputs: run.inputs.clone(),
            retry_of: run.retry_of.clone(),
        });
        let ended = run.state.is_end();
        let was_queued = |place: u32| {
            before.and_then(|before| before.step(place)).is_some_and(|step| is_queued(step.wait.as_ref()))
        };
        let taken = if ended {
            let any = before.is_some_and(|before| before.queued_steps().next().is_some());
            if any { Taken::All } else { Taken::None }
        } else {
            let gone = changed.iter().copied().filter(|place| {
                was_queued(*place) && !run.step(*place).is_some_and(|step| is_queued(step.wait.as_ref()))
            });
            let gone: Vec<i64> = gone.map(i64::from).collect();
            if gone.is_empty() { Taken::None } else { Taken::Some(gone) }
        };
        let (mut parked, mut unparked) = (Vec::new(), Vec::new());
        for place in &changed {
            let was = before.is_some_and(|before| before.parked(*place).is_some());
            match (was, run.parked(*place).is_some()) {
                (false, true) => parked.push(i64::from(*place)),
                (true, false) => unparked.push(i64::from(*place)),
                _ => {}
            }
        }
        Ok(Self {
            header: header(run),
            pinned,
            before: number(revision),
            revision: number(run.revision),
            last_event,
            events,
            steps,
            tasks: tasks(before, run, &changed, at),
            changed,
            taken,
            wake_at: run.wake_at().map(micros),
            waits_for: waits_for(run),
            parked,
            unparked,
            unseal: ended && run.inputs.values().any(InputValue::is_sealed),
        })
    }
}

/// New tasks: steps that wait for a runner and did not before.
fn tasks(before: Option<&Run>, run: &Run, changed: &[u32], at: Timestamp) -> Vec<TaskRow> {
    let new = |place: &u32| {
        let queued = run.step(*place).is_some_and(|step| is_queued(step.wait.as_ref()));
        let was =
            before.and_then(|before| before.step(*place)).is_some_and(|step| is_queued(step.wait.as_ref()));
        queued && !was
    };
    let new: Vec<u32> = changed.iter().copied().filter(new).collect();
    if new.is_empty() || run.state.is_end() {
        return Vec::new();
    }
    let others = i64::try_from(run.queued_steps().count().saturating_sub(new.len())).unwrap_or(0);
    new.into_iter()
        .zip(others..)
        .map(|(step, turn)| TaskRow {
            step: i64::from(step),
            attempt: run.step(step).map_or(1, |step| i64::from(step.attempt) + 1),
            line: micros(at).saturating_add(turn.saturating_mul(APART)),
        })
        .collect()
}

fn is_queued(wait: Option<&Wait>) -> bool {
    matches!(wait, Some(Wait { reason: WaitReason::Runner, .. }))
}

fn is_performed(run: &Run, place: u32) -> bool {
    run.step(place).is_some_and(|step| {
        step.state == model::run::StepState::Running
            && step.body.phase == model::run::Phase::Main
            && run.is_task(step)
    })
}

/// Steps are shared with the run before the transition unless they changed.
fn changed(before: Option<&Run>, run: &Run) -> Vec<u32> {
    let known = before.map(|before| before.steps.as_slice()).unwrap_or_default();
    let same = |place: usize, step: &Arc<StepRun>| known.get(place).is_some_and(|old| Arc::ptr_eq(old, step));
    let steps = run.steps.iter().enumerate().filter(|(place, step)| !same(*place, step));
    steps.filter_map(|(place, _)| u32::try_from(place).ok()).collect()
}

/// May all that nearly every transition writes go in one hand-over? Each costs two changes of threads.
pub(crate) fn go_together<C: crate::dialect::HasDialect>(connection: &C, writing: &Writing) -> bool {
    crate::dialect::dialect(connection).several
        && writing.events.len() <= crate::events::TOGETHER
        && writing.steps.len() <= 1000
}

/// A run without what stands in rows of its own.
fn header(run: &Run) -> Run {
    Run {
        inputs: std::collections::BTreeMap::new(),
        retry_of: None,
        body: Body::default(),
        plan: Arc::default(),
        ..run.without_steps()
    }
}

pub(crate) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The run that these parts make.
pub(crate) fn whole(header: Run, pinned: &str, body: &str, steps: &str) -> Result<Run, StoreError> {
    let unreadable = |error: serde_json::Error| StoreError::Corrupt(error.to_string());
    let pinned: Pinned = serde_json::from_str(pinned).map_err(unreadable)?;
    Ok(Run {
        inputs: pinned.inputs,
        retry_of: pinned.retry_of,
        plan: Arc::new(pinned.plan),
        body: serde_json::from_str(body).map_err(unreadable)?,
        steps: serde_json::from_str(steps).map_err(unreadable)?,
        ..header
    })
}

/// May this run or a part of it wait for a lock?
pub(crate) fn has_locks(run: &Run) -> bool {
    run.plan.scopes.iter().any(|scope| scope.concurrency.is_some())
}

/// Places left after a transition that was given so many.
pub(crate) fn left(places: u32, effects: &[RunEffect]) -> u32 {
    let started = effects.iter().filter(|effect| matches!(effect, RunEffect::Started { .. })).count();
    places.saturating_sub(u32::try_from(started).unwrap_or(u32::MAX))
}

/// One transition after another, as one.
pub(crate) fn chain(first: Option<Transition>, next: Transition) -> Transition {
    match first {
        None => next,
        Some(mut first) => {
            first.events.extend(next.events);
            first.effects.extend(next.effects);
            Transition { run: next.run, events: first.events, effects: first.effects }
        }
    }
}

/// A run that moved in this transaction.
pub(crate) struct Settled {
    pub kept: Kept,
    pub effects: Vec<RunEffect>,
    pub changed: Vec<u32>,
    pub left: u32,
}

/// The first is the run that was asked about; the others moved because of it.
pub(crate) fn answer(settled: Vec<Settled>) -> Result<Advanced, StoreError> {
    let mut all = settled.into_iter().map(|settled| {
        let mut changed = settled.changed;
        changed.sort_unstable();
        changed.dedup();
        let seen_to = |effect: &RunEffect| {
            matches!(effect, RunEffect::AcquireLock { .. } | RunEffect::ReleaseLock { .. })
        };
        let effects = settled.effects.into_iter().filter(|effect| !seen_to(effect)).collect();
        Advanced { run: settled.kept.run, effects, changed, also: Vec::new() }
    });
    let first = all.next().ok_or_else(|| StoreError::Corrupt("nothing moved".into()))?;
    Ok(Advanced { also: all.collect(), ..first })
}

/// Something that a lock brings.
pub(crate) struct Follows {
    pub run: RunId,
    pub event: RunEvent,
    /// The key of a lock that is given back if the run does not want it.
    pub key: Option<(String, i64)>,
}

/// The step as it stands in the table of locks.
pub(crate) fn lock_step(step: Option<u32>) -> i64 {
    step.map_or(OUTERMOST, i64::from)
}

pub(crate) fn step_of(step: i64) -> Option<u32> {
    u32::try_from(step).ok()
}

/// Read a run whole on a connection of either engine.
macro_rules! load {
    ($connection:expr, $id:expr) => {{
        let words = $crate::dialect::dialect(&*$connection);
        let row = sqlx::query(words.run_whole).bind($id).fetch_optional(&mut *$connection).await?;
        match row {
            None => None,
            Some(row) => Some($crate::moving::kept_of!(row)),
        }
    }};
}

macro_rules! kept_of {
    ($row:expr) => {{
        let row = $row;
        let header: sqlx::types::Json<model::run::Run> = row.try_get("run")?;
        let parts: (Option<String>, Option<String>, Option<String>) =
            (row.try_get("pinned")?, row.try_get("body")?, row.try_get("steps")?);
        let (Some(pinned), Some(body)) = (parts.0, parts.1) else {
            return Err($crate::StoreError::Corrupt(format!("run {} is not whole", header.0.id)));
        };
        let steps = parts.2.unwrap_or_else(|| "[]".to_owned());
        let run = $crate::moving::whole(header.0, &pinned, &body, &steps)?;
        $crate::cache::Kept {
            project: row.try_get("project")?,
            last_event: row.try_get("last_event")?,
            run: std::sync::Arc::new(run),
        }
    }};
}

/// Read a run and keep others from changing it until the transaction ends.
macro_rules! load_for_update {
    ($context:expr, $connection:expr, $id:expr) => {{
        let id: model::id::RunId = $id;
        let words = $crate::dialect::dialect(&*$connection);
        let row = sqlx::query(words.run_for_update).bind(id.0).fetch_optional(&mut *$connection).await?;
        $crate::moving::kept_or_loaded!($context, $connection, id, row)
    }};
}

/// The run of a row with its last event: as it is kept in memory if that is it, else from its rows.
macro_rules! kept_or_loaded {
    ($context:expr, $connection:expr, $id:expr, $row:expr) => {{
        let id: model::id::RunId = $id;
        match $row {
            None => None,
            Some(row) => {
                let last_event: Option<model::id::Uuid> = row.try_get("last_event")?;
                match $context.cache.at(id, last_event) {
                    Some(kept) => Some(kept),
                    None => $crate::moving::load!($connection, id.0),
                }
            }
        }
    }};
}

/// Take the turn for the locks of this project, before any run's row is locked: nobody then waits in a circle.
macro_rules! locks_alone {
    ($connection:expr, $project:expr) => {{
        let project: model::id::Uuid = $project;
        if let Some(alone) = $crate::dialect::dialect(&*$connection).locks_alone {
            sqlx::query(alone).bind(project.as_u64_pair().1.cast_signed()).execute(&mut *$connection).await?;
        }
    }};
}

/// Add the statement that writes these rows of steps to a query.
macro_rules! push_steps {
    ($query:expr, $run:expr, $steps:expr) => {{
        $query.push("INSERT INTO run_steps (run, place, running, step) ");
        $query.push_values($steps, |mut row, step: $crate::moving::StepRow| {
            row.push_bind($run)
                .push_bind(step.place)
                .push_bind(step.running)
                .push_bind(sqlx::types::Json(step.step));
        });
        $query
            .push(" ON CONFLICT (run, place) DO UPDATE SET running = excluded.running, step = excluded.step");
    }};
}

/// Write what one transition changed.
macro_rules! keep {
    ($context:expr, $connection:expr, $project:expr, $at:expr, $before:expr, $moved:expr) => {{
        let moved: model::run::Transition = $moved;
        let mut writing = $crate::moving::Writing::of($before, $at, &moved)?;
        let run = &moved.run;
        let header = sqlx::types::Json(&writing.header);
        match &writing.pinned {
            Some(pinned) => {
                let mut insert = sqlx::QueryBuilder::new(
                    "INSERT INTO runs (id, project, runbook, digest, state, revision, run, title, service, reason, \
                     requested_by, requested_at, started_at, finished_at, waits_for, wake_at, last_event, background) \
                     VALUES (",
                );
                let mut values = insert.separated(", ");
                values.push_bind(run.id.0).push_bind($project).push_bind(run.runbook.clone());
                values.push_bind(run.digest.as_str()).push_bind(run.state.name()).push_bind(writing.revision);
                values.push_bind(header).push_bind(run.title.clone()).push_bind(run.service.clone());
                values.push_bind(run.reason.clone()).push_bind(run.requested_by.name.clone());
                values.push_bind(jiff_sqlx::ToSqlx::to_sqlx(run.requested_at));
                values.push_bind(run.started_at.map(jiff_sqlx::ToSqlx::to_sqlx));
                values.push_bind(run.finished_at.map(jiff_sqlx::ToSqlx::to_sqlx));
                values.push_bind(writing.waits_for.clone()).push_bind(writing.wake_at);
                values.push_bind(writing.last_event).push_bind(i64::from(run.is_background()));
                insert.push(")");
                if $crate::moving::go_together(&*$connection, &writing) {
                    insert.push("; INSERT INTO run_plans (run, pinned) VALUES (");
                    insert.push_bind(run.id.0).push(", ").push_bind(sqlx::types::Json(pinned)).push("); ");
                    $crate::moving::push_steps!(insert, run.id.0, std::mem::take(&mut writing.steps));
                    insert.push("; ");
                    let recorded_at = $crate::engine::to_microsecond(jiff::Timestamp::now());
                    $crate::events::push_events!(insert, std::mem::take(&mut writing.events), recorded_at);
                    insert.build().execute(&mut *$connection).await?;
                } else {
                    insert.build().execute(&mut *$connection).await?;
                    let mut plan = sqlx::QueryBuilder::new("INSERT INTO run_plans (run, pinned) VALUES (");
                    plan.push_bind(run.id.0).push(", ").push_bind(sqlx::types::Json(pinned)).push(")");
                    plan.build().execute(&mut *$connection).await?;
                }
            }
            None => {
                let mut update = sqlx::QueryBuilder::new("UPDATE runs SET state = ");
                update.push_bind(run.state.name()).push(", revision = ").push_bind(writing.revision);
                update.push(", run = ").push_bind(header);
                update.push(", started_at = ").push_bind(run.started_at.map(jiff_sqlx::ToSqlx::to_sqlx));
                update.push(", finished_at = ").push_bind(run.finished_at.map(jiff_sqlx::ToSqlx::to_sqlx));
                update.push(", waits_for = ").push_bind(writing.waits_for.clone());
                update.push(", wake_at = ").push_bind(writing.wake_at);
                update.push(", last_event = ").push_bind(writing.last_event);
                update.push(" WHERE id = ").push_bind(run.id.0);
                update.push(" AND revision = ").push_bind(writing.before);
                let mut rows = 1;
                if $crate::moving::go_together(&*$connection, &writing) {
                    rows += writing.events.len() + writing.steps.len();
                    if !writing.steps.is_empty() {
                        update.push("; ");
                        $crate::moving::push_steps!(update, run.id.0, std::mem::take(&mut writing.steps));
                    }
                    update.push("; ");
                    let recorded_at = $crate::engine::to_microsecond(jiff::Timestamp::now());
                    $crate::events::push_events!(update, std::mem::take(&mut writing.events), recorded_at);
                }
                let updated = update.build().execute(&mut *$connection).await?;
                if updated.rows_affected() != rows as u64 {
                    return Err($crate::StoreError::Corrupt(format!(
                        "run {} is not at revision {}",
                        run.id, writing.before
                    )));
                }
            }
        }
        let mut steps = writing.steps.into_iter().peekable();
        while steps.peek().is_some() {
            // Both engines bound the number of values in one statement.
            let some: Vec<_> = steps.by_ref().take(1000).collect();
            let mut insert = sqlx::QueryBuilder::new("");
            $crate::moving::push_steps!(insert, run.id.0, some);
            insert.build().execute(&mut *$connection).await?;
        }
        $crate::events::insert_events!($connection, writing.events);
        match writing.taken {
            $crate::moving::Taken::None => {}
            $crate::moving::Taken::All => {
                sqlx::query("DELETE FROM tasks WHERE run = $1").bind(run.id.0).execute(&mut *$connection).await?;
            }
            $crate::moving::Taken::Some(gone) => {
                for some in gone.chunks(1000) {
                    let mut delete = sqlx::QueryBuilder::new("DELETE FROM tasks WHERE run = ");
                    delete.push_bind(run.id.0).push(" AND step IN (");
                    let mut list = delete.separated(", ");
                    for step in some {
                        list.push_bind(*step);
                    }
                    delete.push(")");
                    delete.build().execute(&mut *$connection).await?;
                }
            }
        }
        let mut tasks = writing.tasks.into_iter().peekable();
        while tasks.peek().is_some() {
            let some: Vec<_> = tasks.by_ref().take(1000).collect();
            let mut insert = sqlx::QueryBuilder::new("INSERT INTO tasks (run, step, attempt, queued_at, line) ");
            insert.push_values(some, |mut row, task: $crate::moving::TaskRow| {
                row.push_bind(run.id.0)
                    .push_bind(task.step)
                    .push_bind(task.attempt)
                    .push_bind(jiff_sqlx::ToSqlx::to_sqlx($at))
                    .push_bind(task.line);
            });
            insert.build().execute(&mut *$connection).await?;
        }
        for step in writing.parked {
            sqlx::query("INSERT INTO parked (run, step) VALUES ($1, $2)")
                .bind(run.id.0)
                .bind(step)
                .execute(&mut *$connection)
                .await?;
        }
        for step in writing.unparked {
            sqlx::query("DELETE FROM parked WHERE run = $1 AND step = $2")
                .bind(run.id.0)
                .bind(step)
                .execute(&mut *$connection)
                .await?;
        }
        if writing.unseal {
            sqlx::query("DELETE FROM sealed WHERE run = $1").bind(run.id.0).execute(&mut *$connection).await?;
        }
        let model::run::Transition { run, effects, .. } = moved;
        let kept = $crate::cache::Kept {
            project: $project,
            last_event: Some(writing.last_event),
            run: std::sync::Arc::new(run),
        };
        $context.cache.put(&kept);
        (kept, effects, writing.changed)
    }};
}

/// Write a transition and all that follows from it by locks. `places` are those that the transition was given.
macro_rules! settle {
    ($context:expr, $connection:expr, $project:expr, $at:expr, $before:expr, $moved:expr, $places:expr) => {{
        let context: &$crate::engine::Context = $context;
        let mut work: Option<(model::id::Uuid, Option<std::sync::Arc<model::run::Run>>, model::run::Transition, u32)> =
            Some(($project, $before, $moved, $places));
        let mut settled: Vec<$crate::moving::Settled> = Vec::with_capacity(1);
        let mut follows: std::collections::VecDeque<$crate::moving::Follows> = std::collections::VecDeque::new();
        loop {
            let (project, before, moved, places) = match work.take() {
                Some(work) => work,
                None => {
                    let Some(next) = follows.pop_front() else { break };
                    let known = settled.iter().find(|settled| settled.kept.run.id == next.run);
                    let known = known.map(|settled| (settled.kept.clone(), settled.left));
                    let (kept, places) = match known {
                        Some(known) => known,
                        None => match $crate::moving::load_for_update!(context, $connection, next.run) {
                            Some(kept) => (kept, 0),
                            None => continue,
                        },
                    };
                    match model::run::transition(Some(&kept.run), $at, next.event, places, &*context.evaluate) {
                        Ok(moved) => (kept.project, Some(kept.run), moved, places),
                        Err(refused) => {
                            // Only damage can be the reason: nobody must wait behind a lock that nobody wants.
                            tracing::error!(run = %next.run, %refused, "a lock came to a run that does not want it");
                            if let Some((key, step)) = next.key {
                                $crate::locks::release!($connection, kept.project, key, next.run.0, step, follows);
                            }
                            continue;
                        }
                    }
                }
            };
            let (kept, effects, changed) =
                $crate::moving::keep!(context, $connection, project, $at, before.as_deref(), moved);
            let left = $crate::moving::left(places, &effects);
            for effect in &effects {
                match effect {
                    model::run::RunEffect::AcquireLock { step, key, limit, when_full } => {
                        $crate::locks::acquire!($connection, project, kept.run.id, *step, key, *limit, *when_full, follows);
                    }
                    model::run::RunEffect::ReleaseLock { step, key } => {
                        let step = $crate::moving::lock_step(*step);
                        $crate::locks::release!($connection, project, key.clone(), kept.run.id.0, step, follows);
                    }
                    model::run::RunEffect::Watch { step } => {
                        sqlx::query("INSERT INTO watching (run, step) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                            .bind(kept.run.id.0)
                            .bind(i64::from(*step))
                            .execute(&mut *$connection)
                            .await?;
                    }
                    model::run::RunEffect::Ended if $crate::moving::has_locks(&kept.run) => {
                        $crate::locks::end!($connection, project, kept.run.id.0, follows);
                    }
                    _ => {}
                }
            }
            match settled.iter_mut().find(|settled| settled.kept.run.id == kept.run.id) {
                Some(known) => {
                    known.kept = kept;
                    known.effects.extend(effects);
                    known.changed.extend(changed);
                    known.left = left;
                }
                None => settled.push($crate::moving::Settled { kept, effects, changed, left }),
            }
        }
        $crate::moving::answer(settled)?
    }};
}

pub(crate) use {keep, kept_of, kept_or_loaded, load, load_for_update, locks_alone, push_steps, settle};
