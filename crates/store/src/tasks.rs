//! The queue: one row for each attempt that may start. It goes in the transaction that stores the start.

use jiff::Timestamp;
use model::{
    id::Uuid,
    run::{Run, RunEvent, Transition, transition},
};
use sqlx::{Row, types::Json};

use crate::{
    Store, StoreError,
    dialect::dialect,
    engine::{in_read, in_write, to_microsecond},
    events::{NewEvent, insert_events},
    runs::keep_transition,
};

/// A task that this server's runner has taken: the start of its attempt is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    pub run: Run,
    pub step: u32,
    pub attempt: u32,
}

/// Bring a run's tasks in step with the effects of a transition, on a connection of either engine. `waited` says whether
/// the run had a task in the queue before.
macro_rules! apply_effects {
    ($connection:expr, $run:expr, $at:expr, $effects:expr, $waited:expr) => {{
        let waited: bool = $waited;
        for effect in $effects {
            match effect {
                model::run::RunEffect::Ready { step, attempt } => {
                    sqlx::query("INSERT INTO tasks (run, step, attempt, queued_at) VALUES ($1, $2, $3, $4)")
                        .bind($run)
                        .bind(i64::from(*step))
                        .bind(i64::from(*attempt))
                        .bind(jiff_sqlx::ToSqlx::to_sqlx($at))
                        .execute(&mut *$connection)
                        .await?;
                }
                model::run::RunEffect::Started { .. } | model::run::RunEffect::Ended if waited => {
                    sqlx::query("DELETE FROM tasks WHERE run = $1")
                        .bind($run)
                        .execute(&mut *$connection)
                        .await?;
                }
                model::run::RunEffect::Started { .. }
                | model::run::RunEffect::Ended
                | model::run::RunEffect::Stop { .. } => {}
            }
        }
    }};
}

pub(crate) use apply_effects;

struct Start {
    before: Run,
    started: Transition,
    step: u32,
    attempt: u32,
}

/// The start of a task's attempt, from what the queue says.
fn start(
    run: Result<Json<Run>, sqlx::Error>,
    step: i64,
    attempt: i64,
    at: Timestamp,
) -> Result<Start, StoreError> {
    let run = run?.0;
    let place = |number: i64| {
        u32::try_from(number).map_err(|_| StoreError::Corrupt(format!("a task has the place {number}")))
    };
    let (step, attempt) = (place(step)?, place(attempt)?);
    let started = transition(Some(&run), at, RunEvent::StepStarted { step, attempt })?;
    Ok(Start { before: run, started, step, attempt })
}

impl Store {
    /// Take up to `limit` tasks, oldest runs first, and store that they start. A task that cannot start, for which only
    /// damage or a fault of the program can be the reason, is dropped and logged: it must not hold up all others.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn claim(&self, at: Timestamp, limit: u32) -> Result<Vec<Claimed>, StoreError> {
        let at = to_microsecond(at);
        in_write!(self, |connection| async move {
            let rows = sqlx::query(dialect(&*connection).ready_tasks)
                .bind(i64::from(limit))
                .fetch_all(&mut *connection)
                .await?;
            let mut claimed = Vec::with_capacity(rows.len());
            for row in rows {
                let id: Uuid = row.try_get("id")?;
                let (step, attempt): (i64, i64) = (row.try_get("step")?, row.try_get("attempt")?);
                match start(row.try_get("run"), step, attempt, at) {
                    Ok(Start { before, started, step, attempt }) => {
                        keep_transition!(connection, before, at, &started);
                        claimed.push(Claimed { run: started.run, step, attempt });
                    }
                    Err(error) => {
                        tracing::error!(run = %id, step, attempt, %error, "a task cannot start and is dropped");
                        sqlx::query("DELETE FROM tasks WHERE run = $1 AND step = $2 AND attempt = $3")
                            .bind(id)
                            .bind(step)
                            .bind(attempt)
                            .execute(&mut *connection)
                            .await?;
                    }
                }
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
