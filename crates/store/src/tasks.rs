//! The queue: one row for each attempt that may start. It goes in the transaction that stores the start.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use model::{
    id::{RunId, Uuid},
    run::{RunEffect, RunEvent, Transition, transition},
};
use sqlx::Row;

use crate::{
    Advanced, Store, StoreError,
    dialect::dialect,
    engine::{in_read, in_write, to_microsecond},
    moving::{chain, has_locks, load, settle},
};

/// A run, and which of its tasks are taken.
struct Taking {
    run: Uuid,
    last_event: Option<Uuid>,
    tasks: Vec<(i64, i64)>,
}

fn number(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::Corrupt(format!("a task has the number {number}")))
}

impl Store {
    /// Take up to `limit` tasks, and store that they start: perform each [`RunEffect::Started`] of the answers, of which
    /// there is one for each run. Tasks come in the order in which they were queued, but those of one run stand a second
    /// apart, so that a run with a thousand of them lets others in between. A task that cannot start, for which only
    /// damage or a fault of the program can be the reason, is dropped and logged: it must not hold up all others.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn claim(&self, at: Timestamp, limit: u32) -> Result<Vec<Advanced>, StoreError> {
        let at = to_microsecond(at);
        let context = Arc::clone(&self.context);
        in_write!(self, |connection| async move {
            let context = &*context;
            let words = dialect(&*connection);
            let rows =
                sqlx::query(words.ready_tasks).bind(i64::from(limit)).fetch_all(&mut *connection).await?;
            let mut taking: Vec<Taking> = Vec::new();
            let mut known: HashMap<Uuid, usize> = HashMap::new();
            for row in &rows {
                let run: Uuid = row.try_get("id")?;
                let task = (row.try_get("step")?, row.try_get("attempt")?);
                let last_event = row.try_get("last_event")?;
                let place = *known.entry(run).or_insert_with(|| {
                    taking.push(Taking { run, last_event, tasks: Vec::new() });
                    taking.len() - 1
                });
                if let Some(taking) = taking.get_mut(place) {
                    taking.tasks.push(task);
                }
            }
            let mut claimed = Vec::with_capacity(taking.len());
            for Taking { run: id, last_event, tasks } in taking {
                let read: Result<_, StoreError> = async {
                    match context.cache.at(RunId(id), last_event) {
                        Some(kept) => Ok(kept),
                        None => load!(connection, id).ok_or(StoreError::NotFound("run")),
                    }
                }
                .await;
                let mut dropped = Vec::new();
                let mut moved: Option<Transition> = None;
                match &read {
                    Err(StoreError::Database(error))
                        if !matches!(error, sqlx::Error::ColumnDecode { .. }) =>
                    {
                        return read.map(|_| Vec::new());
                    }
                    Err(error) => {
                        tracing::error!(run = %id, %error, "the tasks of a run cannot start and are dropped");
                        dropped.extend(tasks);
                    }
                    Ok(kept) => {
                        for (step, attempt) in tasks {
                            let start = || {
                                let event =
                                    RunEvent::StepStarted { step: number(step)?, attempt: number(attempt)? };
                                let run = moved.as_ref().map_or(&*kept.run, |moved| &moved.run);
                                Ok::<_, StoreError>(transition(Some(run), at, event, 0, &*context.evaluate)?)
                            };
                            match start() {
                                Ok(started) => moved = Some(chain(moved.take(), started)),
                                Err(error) => {
                                    tracing::error!(run = %id, step, attempt, %error, "a task cannot start and is dropped");
                                    dropped.push((step, attempt));
                                }
                            }
                        }
                    }
                }
                for (step, attempt) in dropped {
                    sqlx::query("DELETE FROM tasks WHERE run = $1 AND step = $2 AND attempt = $3")
                        .bind(id)
                        .bind(step)
                        .bind(attempt)
                        .execute(&mut *connection)
                        .await?;
                }
                let (Ok(kept), Some(moved)) = (read, moved) else { continue };
                let locks = moved.effects.iter().any(|effect| {
                    matches!(
                        effect,
                        RunEffect::AcquireLock { .. } | RunEffect::ReleaseLock { .. } | RunEffect::Ended
                    )
                });
                if let (true, true, Some(alone)) = (locks, has_locks(&kept.run), words.locks_alone_now) {
                    // The rows of runs are locked already, so nothing is waited for: it is taken next time.
                    let row = sqlx::query(alone)
                        .bind(kept.project.as_u64_pair().1.cast_signed())
                        .fetch_one(&mut *connection)
                        .await?;
                    if !row.try_get::<bool, _>("got")? {
                        continue;
                    }
                }
                claimed.push(settle!(context, connection, kept.project, at, Some(kept.run), moved, 0));
            }
            Ok(claimed)
        })
    }

    /// How many tasks wait for a runner.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn waiting_tasks(&self) -> Result<u64, StoreError> {
        in_read!(self, |connection| async move {
            let row =
                sqlx::query("SELECT count(*) AS waiting FROM tasks").fetch_one(&mut *connection).await?;
            Ok(u64::try_from(row.try_get::<i64, _>("waiting")?).unwrap_or(0))
        })
    }
}
