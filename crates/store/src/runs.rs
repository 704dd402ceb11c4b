//! Runs: rows are projections, events are what happened. Both change in one transaction with steps, tasks and locks.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use model::{
    api::{RunSummary, RunView},
    id::{ProjectId, RunId},
    run::{Requested, Run, RunEvent, StepRun, transition},
};
use sqlx::{Row, types::Json};

use crate::{
    Advanced, Answered, Key, SecretText, Store, StoreError,
    dialect::dialect,
    engine::{in_read, in_write, to_microsecond},
    idempotency::{answer_key, claim_key},
    moving::{has_locks, kept_or_loaded, load, load_for_update, locks_alone, micros, settle},
};

/// A run to be stored, with the values of its secret inputs, which are sealed.
pub struct NewRun {
    pub requested: Requested,
    /// By input name.
    pub secrets: BTreeMap<String, SecretText>,
}

impl From<Requested> for NewRun {
    fn from(requested: Requested) -> Self {
        Self { requested, secrets: BTreeMap::new() }
    }
}

/// An attempt that a runner was performing when the store was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunningAttempt {
    pub run: RunId,
    pub step: u32,
    pub attempt: u32,
}

/// What a key is answered with.
macro_rules! view_of {
    ($advanced:expr) => {{
        let advanced: &Advanced = $advanced;
        let waits_for = $crate::waits::waits_for(&advanced.run);
        RunView::new((*advanced.run).clone(), waits_for)
    }};
}

/// An answer that was given before: nothing is done again.
fn replayed(view: RunView) -> Answered<Advanced> {
    let answer =
        Advanced { run: Arc::new(view.run), effects: Vec::new(), changed: Vec::new(), also: Vec::new() };
    Answered { answer, replayed: true }
}

impl Store {
    /// Store a new run. With `places`, so many of its steps start in the same transaction, and the caller must perform
    /// them ([`model::run::RunEffect::Started`]); the others are queued. With a key that came before, nothing happens and
    /// the first answer comes again, without effects and without the plan.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] if the key came with another body, [`StoreError::Busy`] if it does not wait for the lock
    /// that it needs, [`StoreError::HasNul`], [`StoreError::NoKey`] if there is nothing to seal its secrets with.
    pub async fn request_run(
        &self,
        project: ProjectId,
        new: impl Into<NewRun>,
        at: Timestamp,
        key: Option<Key>,
        places: u32,
    ) -> Result<Answered<Advanced>, StoreError> {
        let at = to_microsecond(at);
        let NewRun { requested, secrets } = new.into();
        let id = requested.id;
        let sealed = self.seal(project, id, &secrets)?;
        drop(secrets);
        let context = Arc::clone(&self.context);
        let requested = RunEvent::Requested(Box::new(requested));
        let begun = transition(None, at, requested, places, &*context.evaluate)?;
        in_write!(self, |connection| async move {
            let context = &*context;
            if let Some(key) = &key {
                let before: Option<RunView> = claim_key!(connection, key);
                if let Some(view) = before {
                    return Ok(replayed(view));
                }
            }
            if has_locks(&begun.run) {
                locks_alone!(connection, project.0);
            }
            let answer = settle!(context, connection, project.0, at, None, begun, places);
            for (name, sealed) in sealed {
                sqlx::query("INSERT INTO sealed (run, name, sealed) VALUES ($1, $2, $3)")
                    .bind(id.0)
                    .bind(name)
                    .bind(sealed)
                    .execute(&mut *connection)
                    .await?;
            }
            if let Some(key) = &key {
                answer_key!(connection, key, &view_of!(&answer));
            }
            Ok(Answered { answer, replayed: false })
        })
    }

    /// Take an event into a run: header, steps, events, tasks and locks change together. With `places`, so many steps
    /// that become ready start in the same transaction, for the runners that just came free.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the event cannot happen now.
    pub async fn advance(
        &self,
        id: RunId,
        at: Timestamp,
        event: RunEvent,
        places: u32,
    ) -> Result<Advanced, StoreError> {
        Ok(self.advance_with(id, at, event, places, None).await?.answer)
    }

    /// As [`Store::advance`], for a call with a key: cancel, answer, decide, resolve. A replayed answer has no effects.
    ///
    /// # Errors
    /// [`StoreError::Refused`], [`StoreError::KeyReused`].
    pub async fn advance_once(
        &self,
        id: RunId,
        at: Timestamp,
        event: RunEvent,
        places: u32,
        key: Key,
    ) -> Result<Answered<Advanced>, StoreError> {
        self.advance_with(id, at, event, places, Some(key)).await
    }

    async fn advance_with(
        &self,
        id: RunId,
        at: Timestamp,
        event: RunEvent,
        places: u32,
        key: Option<Key>,
    ) -> Result<Answered<Advanced>, StoreError> {
        let at = to_microsecond(at);
        let context = Arc::clone(&self.context);
        in_write!(self, |connection| async move {
            let context = &*context;
            if let Some(key) = &key {
                let before: Option<RunView> = claim_key!(connection, key);
                if let Some(view) = before {
                    return Ok(replayed(view));
                }
            }
            if dialect(&*connection).locks_alone.is_some() {
                // What never changes of it says whether it may touch a lock, which must be known before its row is locked.
                let known = match context.cache.any(id) {
                    Some(kept) => kept,
                    None => load!(connection, id.0).ok_or(StoreError::NotFound("run"))?,
                };
                if has_locks(&known.run) {
                    locks_alone!(connection, known.project);
                }
            }
            let kept = load_for_update!(context, connection, id).ok_or(StoreError::NotFound("run"))?;
            // A refusal takes the key back with the transaction: the call may come again.
            let moved = transition(Some(&kept.run), at, event, places, &*context.evaluate)?;
            let answer = settle!(context, connection, kept.project, at, Some(kept.run), moved, places);
            if let Some(key) = &key {
                answer_key!(connection, key, &view_of!(&answer));
            }
            Ok(Answered { answer, replayed: false })
        })
    }

    /// A run of this project.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn run(&self, project: &str, id: RunId) -> Result<Option<Arc<Run>>, StoreError> {
        let project = project.to_owned();
        let context = Arc::clone(&self.context);
        in_read!(self, |connection| async move {
            let row = sqlx::query(
                "SELECT r.last_event FROM runs r JOIN projects p ON p.id = r.project WHERE r.id = $1 AND p.name = $2",
            )
            .bind(id.0)
            .bind(project)
            .fetch_optional(&mut *connection)
            .await?;
            let kept = kept_or_loaded!(context, connection, id, row);
            Ok(kept.map(|kept| kept.run))
        })
    }

    /// A run, of whichever project: for the engine, which performs those of all.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn run_by_id(&self, id: RunId) -> Result<Option<Arc<Run>>, StoreError> {
        let context = Arc::clone(&self.context);
        in_read!(self, |connection| async move {
            let row = sqlx::query("SELECT last_event FROM runs WHERE id = $1")
                .bind(id.0)
                .fetch_optional(&mut *connection)
                .await?;
            let kept = kept_or_loaded!(context, connection, id, row);
            Ok(kept.map(|kept| kept.run))
        })
    }

    /// Some steps of a run, by place; those that it does not have are left out.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn run_steps(&self, id: RunId, places: &[u32]) -> Result<Vec<(u32, StepRun)>, StoreError> {
        let places = places.to_vec();
        in_read!(self, |connection| async move {
            let mut steps = Vec::with_capacity(places.len());
            for some in places.chunks(1000) {
                let mut select = sqlx::QueryBuilder::new("SELECT place, step FROM run_steps WHERE run = ");
                select.push_bind(id.0).push(" AND place IN (");
                let mut list = select.separated(", ");
                for place in some {
                    list.push_bind(i64::from(*place));
                }
                select.push(") ORDER BY place");
                for row in select.build().fetch_all(&mut *connection).await? {
                    let step: Json<StepRun> = row.try_get("step")?;
                    let place = u32::try_from(row.try_get::<i64, _>("place")?);
                    steps.push((
                        place.map_err(|_| StoreError::Corrupt("a step has no place".into()))?,
                        step.0,
                    ));
                }
            }
            steps.sort_by_key(|(place, _)| *place);
            Ok(steps)
        })
    }

    /// The newest run of each of these runbooks.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn newest_runs(
        &self,
        project: ProjectId,
        runbooks: Vec<String>,
    ) -> Result<Vec<RunSummary>, StoreError> {
        if runbooks.is_empty() {
            return Ok(Vec::new());
        }
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(crate::lists::SUMMARY);
            select.push("WHERE r.id IN (");
            let mut first = true;
            for runbook in runbooks {
                // One index probe each, however many runs there are.
                select.push(if first { "" } else { ", " });
                first = false;
                select.push("(SELECT id FROM runs WHERE project = ").push_bind(project.0);
                select.push(" AND runbook = ").push_bind(runbook).push(" ORDER BY id DESC LIMIT 1)");
            }
            select.push(")");
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(crate::lists::summary_of!(row))).collect()
        })
    }

    /// Runs that have not ended, oldest first, after the one given: what a server that stops tells of.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn unfinished_runs(
        &self,
        after: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<RunSummary>, StoreError> {
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(crate::lists::SUMMARY);
            select.push("WHERE r.finished_at IS NULL");
            if let Some(after) = after {
                select.push(" AND r.id > ").push_bind(after.0);
            }
            select.push(" ORDER BY r.id LIMIT ").push_bind(i64::from(limit));
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(crate::lists::summary_of!(row))).collect()
        })
    }

    /// Every attempt that a runner performs, as far as the store knows: what a server that starts must find again. Runs
    /// that are parked cost nothing here.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn running_attempts(&self) -> Result<Vec<RunningAttempt>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT run, place, running FROM run_steps WHERE running IS NOT NULL ORDER BY run, place",
            )
            .fetch_all(&mut *connection)
            .await?;
            rows.iter()
                .map(|row| {
                    let (step, attempt): (i64, i64) = (row.try_get("place")?, row.try_get("running")?);
                    let (Ok(step), Ok(attempt)) = (u32::try_from(step), u32::try_from(attempt)) else {
                        return Err(StoreError::Corrupt(format!("attempt {attempt} of step {step} runs")));
                    };
                    Ok(RunningAttempt { run: RunId(row.try_get("run")?), step, attempt })
                })
                .collect()
        })
    }

    /// Runs in which something happens by itself by now: give each a [`RunEvent::Due`]. The earliest first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn due_runs(&self, now: Timestamp, limit: u32) -> Result<Vec<RunId>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT id FROM runs WHERE wake_at IS NOT NULL AND wake_at <= $1 ORDER BY wake_at LIMIT $2",
            )
            .bind(micros(now))
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await?;
            rows.iter().map(|row| Ok(RunId(row.try_get("id")?))).collect()
        })
    }

    /// When something happens by itself next.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        in_read!(self, |connection| async move {
            let row = sqlx::query("SELECT min(wake_at) AS next FROM runs WHERE wake_at IS NOT NULL")
                .fetch_one(&mut *connection)
                .await?;
            let next: Option<i64> = row.try_get("next")?;
            Ok(next.and_then(|next| Timestamp::from_microsecond(next).ok()))
        })
    }
}
