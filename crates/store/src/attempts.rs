//! Attempts that have ended, in their order: whoever follows a run is told the whole output of each before its end.

use std::collections::HashSet;

use model::id::RunId;
use serde::Deserialize;
use sqlx::Row;

use crate::{Store, StoreError, engine::in_read};

/// An attempt of a step that is known to have ended, or that a person has given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedAttempt {
    /// Of the run, with this end.
    pub revision: u64,
    pub step: u32,
    pub attempt: u32,
}

/// Of an event's data, what names the attempt.
#[derive(Deserialize)]
struct Of {
    step: u32,
    attempt: u32,
}

/// A row of either engine.
macro_rules! attempt_of {
    ($row:expr) => {{
        let row = $row;
        let revision: i64 = row.try_get("run_seq")?;
        let data: sqlx::types::Json<Of> = row.try_get("data")?;
        EndedAttempt {
            revision: u64::try_from(revision).unwrap_or(0),
            step: data.0.step,
            attempt: data.0.attempt,
        }
    }};
}

impl Store {
    /// The attempts of a run that ended after one revision and up to another, in order, each once. Steps without
    /// attempts, such as groups, may be among them.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn ended_attempts(
        &self,
        run: RunId,
        after: u64,
        upto: u64,
    ) -> Result<Vec<EndedAttempt>, StoreError> {
        let number = |revision: u64| i64::try_from(revision).unwrap_or(i64::MAX);
        let (after, upto) = (number(after), number(upto));
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT run_seq, data FROM events WHERE run = $1 AND run_seq > $2 AND run_seq <= $3 \
                 AND type IN ('step.finished', 'step.attempt_finished') ORDER BY run_seq",
            )
            .bind(run.0)
            .bind(after)
            .bind(upto)
            .fetch_all(&mut *connection)
            .await?;
            let mut ended = Vec::with_capacity(rows.len());
            for row in &rows {
                ended.push(attempt_of!(row));
            }
            if ended.is_empty() {
                return Ok(ended);
            }
            // A step whose last attempt failed may end much later, after its handlers: the attempt is told once.
            let rows = sqlx::query(
                "SELECT run_seq, data FROM events WHERE run = $1 AND run_seq <= $2 AND type = 'step.attempt_finished'",
            )
            .bind(run.0)
            .bind(after)
            .fetch_all(&mut *connection)
            .await?;
            let mut told = HashSet::with_capacity(rows.len());
            for row in &rows {
                let EndedAttempt { step, attempt, .. } = attempt_of!(row);
                told.insert((step, attempt));
            }
            ended.retain(|ended| ended.attempt > 0 && told.insert((ended.step, ended.attempt)));
            Ok(ended)
        })
    }
}
