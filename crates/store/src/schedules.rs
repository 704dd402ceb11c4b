//! What starts runs by time, and what became of each instant.
//!
//! An instant is seen to once: the row of its schedule says up to where every instant has been, and moves on in the
//! transaction that stores the run, or why there is none. Whoever comes second finds that it has moved, and does nothing.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use model::{
    api::Role,
    firing::{Firing, FiringState, Pause, TimedKind},
    health::{Health, ServiceHealth, Watched, service_health},
    id::{PrincipalId, ProjectId, RunId, ScheduleId, Uuid},
    run::{RunEvent, transition},
    watch::Probe,
};
use serde_json::{Value, json};
use sqlx::{Row, types::Json};

use crate::{
    Advanced, NewRun, Store, StoreError,
    engine::{in_read, in_write, to_microsecond},
    events::{NewEvent, insert_events},
    moving::{has_locks, locks_alone, micros, settle},
    observing::{HealthChanged, Watch, evidence, refresh_health, said, watch},
    revisions::rights_changed,
};

/// Something that starts runs by time.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleRow {
    pub id: ScheduleId,
    pub project: ProjectId,
    pub project_name: String,
    pub kind: TimedKind,
    /// Of the definition that says so: the schedule's, or the runbook's.
    pub name: String,
    pub runbook: String,
    pub generation: i64,
    /// Whatever decides its instants; of a probe or collector the seconds between two.
    pub times: Value,
    /// Every instant up to here has been seen to.
    pub seen_to: Timestamp,
    pub next_at: Option<Timestamp>,
    pub paused: Option<Pause>,
    pub last_run: Option<RunId>,
    /// An instant whose run starts when the one before has ended.
    pub waiting: Option<Timestamp>,
}

/// What a definition says of time now.
#[derive(Clone, Debug)]
pub struct WantedSchedule {
    pub kind: TimedKind,
    pub name: String,
    pub runbook: String,
    /// Whatever decides its instants: other times are another generation.
    pub times: Value,
    /// Its first instant after now.
    pub next_at: Option<Timestamp>,
    /// Of a probe or collector.
    pub watch: Option<Watch>,
}

/// What has been decided about some instants of a schedule.
pub struct Decided {
    pub schedule: ScheduleId,
    pub generation: i64,
    /// As they were when it was decided.
    pub seen_to: Timestamp,
    pub waiting: Option<Timestamp>,
    /// As they become.
    pub now_seen_to: Timestamp,
    pub next_at: Option<Timestamp>,
    pub now_waiting: Option<Timestamp>,
    /// No run for these.
    pub records: Vec<NoRun>,
    /// A run for this one.
    pub start: Option<Start>,
}

/// Instants for which there is no run.
#[derive(Clone, Debug)]
pub struct NoRun {
    pub due_at: Timestamp,
    pub state: FiringState,
    pub reason: String,
    /// A stretch begins after this.
    pub after: Option<Timestamp>,
    pub count: u64,
}

/// The run of an instant.
pub struct Start {
    pub due_at: Timestamp,
    pub run: NewRun,
    /// It is looked at when it has ended: it is a probe's or a collector's.
    pub observed: bool,
    /// So many of its steps start at once.
    pub places: u32,
}

/// What came of it.
#[derive(Debug)]
pub enum Fired {
    /// Stored, with the run if there is one.
    Stored(Option<Box<Advanced>>),
    /// Somebody else has seen to these instants, or it was paused or changed.
    Passed,
}

/// What a list of schedules reads.
const ROW: &str = "SELECT s.id, s.project, p.name AS project_name, s.kind, s.name, s.runbook, s.generation, s.times, s.seen_to, \
     s.next_at, s.paused, s.last_run, s.waiting FROM schedules s JOIN projects p ON p.id = s.project ";

pub(crate) fn instant(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros)
        .map_err(|_| StoreError::Corrupt(format!("{micros} microseconds are no instant")))
}

macro_rules! row_of {
    ($row:expr) => {{
        let row = $row;
        let kind: String = row.try_get("kind")?;
        let paused: Option<Json<Pause>> = row.try_get("paused")?;
        let optional = |micros: Option<i64>| micros.map(instant).transpose();
        ScheduleRow {
            id: ScheduleId(row.try_get("id")?),
            project: ProjectId(row.try_get("project")?),
            project_name: row.try_get("project_name")?,
            kind: TimedKind::from_name(&kind)
                .ok_or_else(|| StoreError::Corrupt(format!("a schedule is a `{kind}`")))?,
            name: row.try_get("name")?,
            runbook: row.try_get("runbook")?,
            generation: row.try_get("generation")?,
            times: row.try_get::<Json<Value>, _>("times")?.0,
            seen_to: instant(row.try_get("seen_to")?)?,
            next_at: optional(row.try_get("next_at")?)?,
            paused: paused.map(|paused| paused.0),
            last_run: row.try_get::<Option<Uuid>, _>("last_run")?.map(RunId),
            waiting: optional(row.try_get("waiting")?)?,
        }
    }};
}

/// Where the probe of a schedule looked until now.
macro_rules! watched_by {
    ($connection:expr, $schedule:expr) => {{
        let schedule: Uuid = $schedule;
        let row = sqlx::query("SELECT service, environment FROM probes WHERE schedule = $1")
            .bind(schedule)
            .fetch_optional(&mut *$connection)
            .await?;
        match row {
            Some(row) => Some((row.try_get("service")?, row.try_get("environment")?)),
            None => None,
        }
    }};
}

macro_rules! insert_firing {
    ($connection:expr, $schedule:expr, $generation:expr, $at:expr, $due_at:expr, $state:expr, $reason:expr, $run:expr,
     $after:expr, $count:expr) => {{
        let after: Option<Timestamp> = $after;
        let reason: Option<String> = $reason;
        sqlx::query(
            "INSERT INTO firings (schedule, generation, due_at, state, reason, run, after, count, recorded_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind($schedule)
        .bind($generation)
        .bind(micros($due_at))
        .bind($state.name())
        .bind(reason)
        .bind($run)
        .bind(after.map(micros))
        .bind(i64::try_from($count).unwrap_or(i64::MAX))
        .bind(micros($at))
        .execute(&mut *$connection)
        .await?;
    }};
}

impl Store {
    /// Bring what starts runs by time in line with what a project's definitions say now. What is new begins now; whose times
    /// have changed begins a new generation now, and nothing of the past is fired again; what is not wanted any more rests.
    /// Answers which services' health is another by that.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn sync_schedules(
        &self,
        project: ProjectId,
        wanted: Vec<WantedSchedule>,
        at: Timestamp,
    ) -> Result<Vec<HealthChanged>, StoreError> {
        struct Known {
            id: Uuid,
            runbook: String,
            times: Value,
            retired: bool,
        }
        let at = to_microsecond(at);
        in_write!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT id, kind, name, runbook, times, retired FROM schedules WHERE project = $1 ORDER BY kind, name",
            )
            .bind(project.0)
            .fetch_all(&mut *connection)
            .await?;
            let mut has: HashMap<(String, String), Known> = HashMap::with_capacity(rows.len());
            for row in &rows {
                let times: Json<Value> = row.try_get("times")?;
                let known = Known {
                    id: row.try_get("id")?,
                    runbook: row.try_get("runbook")?,
                    times: times.0,
                    retired: row.try_get::<i64, _>("retired")? != 0,
                };
                has.insert((row.try_get("kind")?, row.try_get("name")?), known);
            }
            // Services whose health hangs on what changes here.
            let mut touched: BTreeSet<(String, String)> = BTreeSet::new();
            // Whoever is retired may start nothing any more; whoever comes back may.
            let mut others_may = false;
            for wanted in wanted {
                let next_at = wanted.next_at.map(micros);
                let name = wanted.name.clone();
                let id = match has.remove(&(wanted.kind.name().to_owned(), wanted.name.clone())) {
                    Some(known) if !known.retired && known.times == wanted.times => {
                        if known.runbook != wanted.runbook {
                            sqlx::query("UPDATE schedules SET runbook = $1 WHERE id = $2")
                                .bind(wanted.runbook)
                                .bind(known.id)
                                .execute(&mut *connection)
                                .await?;
                        }
                        known.id
                    }
                    Some(known) => {
                        others_may |= known.retired;
                        sqlx::query(
                            "UPDATE schedules SET generation = generation + 1, times = $1, runbook = $2, seen_to = $3, \
                             next_at = CASE WHEN paused IS NULL THEN $4 END, retired = 0, waiting = NULL WHERE id = $5",
                        )
                        .bind(Json(wanted.times))
                        .bind(wanted.runbook)
                        .bind(micros(at))
                        .bind(next_at)
                        .bind(known.id)
                        .execute(&mut *connection)
                        .await?;
                        known.id
                    }
                    None => {
                        let id = Uuid::now_v7();
                        sqlx::query(
                            "INSERT INTO principals (id, kind, name, role, created_at) VALUES ($1, $2, $3, $4, $5)",
                        )
                        .bind(id)
                        .bind(wanted.kind.name())
                        .bind(format!("{}/{}", wanted.kind.name(), wanted.name))
                        .bind(Role::Member.name())
                        .bind(at.to_sqlx())
                        .execute(&mut *connection)
                        .await?;
                        sqlx::query(
                            "INSERT INTO schedules (id, project, kind, name, runbook, generation, times, seen_to, \
                             next_at, retired) VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, 0)",
                        )
                        .bind(id)
                        .bind(project.0)
                        .bind(wanted.kind.name())
                        .bind(wanted.name)
                        .bind(wanted.runbook)
                        .bind(Json(wanted.times))
                        .bind(micros(at))
                        .bind(next_at)
                        .execute(&mut *connection)
                        .await?;
                        id
                    }
                };
                if let Some(watch) = wanted.watch {
                    if let Watch::Probe(probe) = &watch {
                        touched.insert((probe.service.clone(), probe.environment.clone()));
                        touched.extend(watched_by!(connection, id));
                    }
                    watch!(connection, id, project.0, name, watch);
                }
            }
            for known in has.into_values().filter(|known| !known.retired) {
                others_may = true;
                sqlx::query("UPDATE schedules SET retired = 1, next_at = NULL, waiting = NULL WHERE id = $1")
                    .bind(known.id)
                    .execute(&mut *connection)
                    .await?;
                touched.extend(watched_by!(connection, known.id));
                for delete in
                    ["DELETE FROM probes WHERE schedule = $1", "DELETE FROM observing WHERE schedule = $1"]
                {
                    sqlx::query(delete).bind(known.id).execute(&mut *connection).await?;
                }
            }
            if others_may {
                rights_changed!(connection);
            }
            let mut changed: Vec<HealthChanged> = Vec::new();
            if touched.is_empty() {
                return Ok(changed);
            }
            let row = sqlx::query("SELECT name FROM projects WHERE id = $1")
                .bind(project.0)
                .fetch_one(&mut *connection)
                .await?;
            let project_name: String = row.try_get("name")?;
            for (service, environment) in touched {
                let health = refresh_health!(
                    connection,
                    project.0,
                    project_name.clone(),
                    service,
                    environment,
                    at,
                    None
                );
                changed.extend(health);
            }
            Ok(changed)
        })
    }

    /// All that starts runs by time in a project, by kind and name; not what is retired.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn schedules(&self, project: ProjectId) -> Result<Vec<ScheduleRow>, StoreError> {
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(ROW);
            select.push("WHERE s.retired = 0 AND s.project = ").push_bind(project.0);
            select.push(" ORDER BY s.kind, s.name");
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(row_of!(row))).collect()
        })
    }

    /// Those that run one of these runbooks, by kind and name; not what is retired.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn schedules_of(
        &self,
        project: ProjectId,
        runbooks: &[String],
    ) -> Result<Vec<ScheduleRow>, StoreError> {
        if runbooks.is_empty() {
            return Ok(Vec::new());
        }
        let runbooks = runbooks.to_vec();
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(ROW);
            select.push("WHERE s.retired = 0 AND s.project = ").push_bind(project.0);
            select.push(" AND s.runbook IN (");
            let mut several = select.separated(", ");
            for runbook in runbooks {
                several.push_bind(runbook);
            }
            select.push(") ORDER BY s.kind, s.name");
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(row_of!(row))).collect()
        })
    }

    /// One that is not retired.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn schedule(
        &self,
        project: ProjectId,
        kind: TimedKind,
        name: &str,
    ) -> Result<Option<ScheduleRow>, StoreError> {
        let name = name.to_owned();
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(ROW);
            select.push("WHERE s.retired = 0 AND s.project = ").push_bind(project.0);
            select.push(" AND s.kind = ").push_bind(kind.name()).push(" AND s.name = ").push_bind(name);
            let row = select.build().fetch_optional(&mut *connection).await?;
            row.map(|row| Ok(row_of!(row))).transpose()
        })
    }

    /// Those to be looked at by now, the earliest first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn due_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<ScheduleRow>, StoreError> {
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(ROW);
            select.push("WHERE s.next_at <= ").push_bind(micros(now));
            select.push(" ORDER BY s.next_at LIMIT ").push_bind(i64::from(limit));
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(row_of!(row))).collect()
        })
    }

    /// Those with an instant that waits for a run which has ended by now.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn schedules_free_again(&self) -> Result<Vec<ScheduleRow>, StoreError> {
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(ROW);
            select
                .push("LEFT JOIN runs r ON r.id = s.last_run WHERE s.waiting IS NOT NULL AND s.retired = 0 ");
            select.push(
                "AND s.paused IS NULL AND (r.id IS NULL OR r.finished_at IS NOT NULL) ORDER BY s.waiting",
            );
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(row_of!(row))).collect()
        })
    }

    /// When one must be looked at next.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn next_firing(&self) -> Result<Option<Timestamp>, StoreError> {
        in_read!(self, |connection| async move {
            let row = sqlx::query("SELECT min(next_at) AS next FROM schedules WHERE next_at IS NOT NULL")
                .fetch_one(&mut *connection)
                .await?;
            row.try_get::<Option<i64>, _>("next")?.map(instant).transpose()
        })
    }

    /// Store what was decided about some instants: the run with all that it brings, and a record of each that has none, or
    /// nothing at all if somebody has seen to them before.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if the run does not wait for the lock that it needs: then no instant has been seen to.
    pub async fn fire(&self, decided: Decided, at: Timestamp) -> Result<Fired, StoreError> {
        let at = to_microsecond(at);
        let context = Arc::clone(&self.context);
        let Decided {
            schedule,
            generation,
            seen_to,
            waiting,
            now_seen_to,
            next_at,
            now_waiting,
            records,
            start,
        } = decided;
        let begun = match start {
            None => None,
            Some(Start { due_at, run: NewRun { requested, .. }, observed, places }) => {
                let (run, project) = (requested.id, requested.project.clone());
                let event = RunEvent::Requested(Box::new(requested));
                let moved = transition(None, at, event, places, &*context.evaluate)?;
                Some((due_at, run, project, moved, observed, places))
            }
        };
        in_write!(self, |connection| async move {
            let context = &*context;
            let run = begun.as_ref().map(|(_, run, ..)| run.0);
            let moved_on = sqlx::query(
                "UPDATE schedules SET seen_to = $1, next_at = $2, waiting = $3, last_run = coalesce($4, last_run) \
                 WHERE id = $5 AND generation = $6 AND seen_to = $7 AND coalesce(waiting, -1) = $8 \
                 AND paused IS NULL AND retired = 0",
            )
            .bind(micros(now_seen_to))
            .bind(next_at.map(micros))
            .bind(now_waiting.map(micros))
            .bind(run)
            .bind(schedule.0)
            .bind(generation)
            .bind(micros(seen_to))
            .bind(waiting.map_or(-1, micros))
            .execute(&mut *connection)
            .await?;
            if moved_on.rows_affected() == 0 {
                return Ok(Fired::Passed);
            }
            if !records.is_empty() {
                let row = sqlx::query(
                    "SELECT s.kind, s.name, p.name AS project FROM schedules s JOIN projects p ON p.id = s.project \
                     WHERE s.id = $1",
                )
                .bind(schedule.0)
                .fetch_one(&mut *connection)
                .await?;
                let (kind, name): (String, String) = (row.try_get("kind")?, row.try_get("name")?);
                let project: String = row.try_get("project")?;
                let mut events = Vec::with_capacity(records.len());
                for NoRun { due_at, state, reason, after, count } in records {
                    let none: Option<Uuid> = None;
                    events.push(NewEvent::standalone(
                        match state {
                            FiringState::Missed => "schedule.missed",
                            FiringState::Fired | FiringState::Skipped => "schedule.skipped",
                        },
                        at,
                        Some(PrincipalId(schedule.0)),
                        Some(project.clone()),
                        format!("{kind}/{name}"),
                        json!({"due_at": due_at, "reason": reason, "after": after, "count": count}),
                    ));
                    insert_firing!(
                        connection,
                        schedule.0,
                        generation,
                        at,
                        due_at,
                        state,
                        Some(reason),
                        none,
                        after,
                        count
                    );
                }
                insert_events!(connection, events);
            }
            let Some((due_at, run, _, moved, observed, places)) = begun else {
                return Ok(Fired::Stored(None));
            };
            let row = sqlx::query("SELECT project FROM schedules WHERE id = $1")
                .bind(schedule.0)
                .fetch_one(&mut *connection)
                .await?;
            let project: Uuid = row.try_get("project")?;
            if has_locks(&moved.run) {
                locks_alone!(connection, project);
            }
            let answer = settle!(context, connection, project, at, None, moved, places);
            if observed {
                sqlx::query("INSERT INTO observing (run, schedule, due_at) VALUES ($1, $2, $3)")
                    .bind(run.0)
                    .bind(schedule.0)
                    .bind(micros(due_at))
                    .execute(&mut *connection)
                    .await?;
            } else {
                let (none, run) = (None, Some(run.0));
                insert_firing!(
                    connection,
                    schedule.0,
                    generation,
                    at,
                    due_at,
                    FiringState::Fired,
                    none,
                    run,
                    None,
                    1_u64
                );
            }
            Ok(Fired::Stored(Some(Box::new(answer))))
        })
    }

    /// Let one pause. What is due meanwhile is recorded when it goes on. One that pauses already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn pause_schedule(
        &self,
        id: ScheduleId,
        by: PrincipalId,
        pause: Pause,
    ) -> Result<(), StoreError> {
        let at = to_microsecond(pause.at);
        in_write!(self, |connection| async move {
            let paused = sqlx::query(
                "UPDATE schedules SET paused = $1, next_at = NULL WHERE id = $2 AND paused IS NULL AND retired = 0",
            )
            .bind(Json(Pause { at, ..pause.clone() }))
            .bind(id.0)
            .execute(&mut *connection)
            .await?;
            let row = sqlx::query(
                "SELECT s.kind, s.name, p.name AS project FROM schedules s JOIN projects p ON p.id = s.project \
                 WHERE s.id = $1 AND s.retired = 0",
            )
            .bind(id.0)
            .fetch_optional(&mut *connection)
            .await?
            .ok_or(StoreError::NotFound("schedule"))?;
            if paused.rows_affected() > 0 {
                let (kind, name): (String, String) = (row.try_get("kind")?, row.try_get("name")?);
                let event = NewEvent::standalone(
                    "schedule.paused",
                    at,
                    Some(by),
                    Some(row.try_get("project")?),
                    format!("{kind}/{name}"),
                    json!({"reason": pause.reason}),
                );
                insert_events!(connection, vec![event]);
            }
            Ok(())
        })
    }

    /// Let one go on, from now: `skipped` is what was due while it paused. One that does not pause stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn resume_schedule(
        &self,
        row: &ScheduleRow,
        by: PrincipalId,
        skipped: Option<NoRun>,
        next_at: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let at = to_microsecond(at);
        let row = row.clone();
        in_write!(self, |connection| async move {
            let resumed = sqlx::query(
                "UPDATE schedules SET paused = NULL, next_at = $1, seen_to = $2 \
                 WHERE id = $3 AND paused IS NOT NULL AND retired = 0 AND generation = $4",
            )
            .bind(next_at.map(micros))
            .bind(micros(at.max(row.seen_to)))
            .bind(row.id.0)
            .bind(row.generation)
            .execute(&mut *connection)
            .await?;
            if resumed.rows_affected() == 0 {
                return Ok(());
            }
            if let Some(NoRun { due_at, state, reason, after, count }) = skipped {
                let none: Option<Uuid> = None;
                insert_firing!(
                    connection,
                    row.id.0,
                    row.generation,
                    at,
                    due_at,
                    state,
                    Some(reason),
                    none,
                    after,
                    count
                );
            }
            let event = NewEvent::standalone(
                "schedule.resumed",
                at,
                Some(by),
                Some(row.project_name),
                format!("{}/{}", row.kind.name(), row.name),
                json!({}),
            );
            insert_events!(connection, vec![event]);
            Ok(())
        })
    }

    /// What became of the instants of a schedule, newest first, before the one given.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn firings(
        &self,
        schedule: ScheduleId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Firing>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT due_at, state, reason, run, after, count, recorded_at FROM firings \
                 WHERE schedule = $1 AND due_at < $2 ORDER BY due_at DESC, generation DESC LIMIT $3",
            )
            .bind(schedule.0)
            .bind(before.map_or(i64::MAX, micros))
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await?;
            rows.iter()
                .map(|row| {
                    let state: String = row.try_get("state")?;
                    Ok(Firing {
                        due_at: instant(row.try_get("due_at")?)?,
                        state: FiringState::from_name(&state)
                            .ok_or_else(|| StoreError::Corrupt(format!("a firing is `{state}`")))?,
                        reason: row.try_get("reason")?,
                        run: row.try_get::<Option<Uuid>, _>("run")?.map(RunId),
                        after: row.try_get::<Option<i64>, _>("after")?.map(instant).transpose()?,
                        count: u64::try_from(row.try_get::<i64, _>("count")?).unwrap_or(0),
                        recorded_at: instant(row.try_get("recorded_at")?)?,
                    })
                })
                .collect()
        })
    }
}
