//! Locks: so many runs with the same key at once, the others in the order in which they came.
//!
//! A lock changes hands in the transaction of whatever gives it back. All of a project's locks change one at a time: on
//! PostgreSQL whoever may touch one takes the project's turn before any run's row, so that nobody waits in a circle.

use model::id::{ProjectId, RunId};
use sqlx::Row;

use crate::{Store, StoreError, engine::in_read};

/// A lock as it is held and waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockHolders {
    /// In the order in which they got it, each with the step that has it.
    pub held_by: Vec<(RunId, Option<u32>)>,
    /// How many wait for it.
    pub waiting: u64,
}

/// Get a lock, or stand in line for it.
macro_rules! acquire {
    ($connection:expr, $project:expr, $run:expr, $step:expr, $key:expr, $limit:expr, $when_full:expr, $follows:expr) => {{
        let run: model::id::RunId = $run;
        let step: Option<u32> = $step;
        let key: &String = $key;
        let rows = sqlx::query("SELECT run, step FROM locks WHERE project = $1 AND key = $2 AND held = 1 ORDER BY id")
            .bind($project)
            .bind(key.clone())
            .fetch_all(&mut *$connection)
            .await?;
        let mut held = Vec::with_capacity(rows.len());
        for row in &rows {
            held.push((model::id::RunId(row.try_get("run")?), row.try_get::<i64, _>("step")?));
        }
        let number = $crate::moving::lock_step(step);
        let granted = $crate::moving::Follows {
            run,
            event: model::run::RunEvent::LockGranted { step },
            key: Some((key.clone(), number)),
        };
        if held.contains(&(run, number)) {
            $follows.push_back(granted);
        } else {
            let first = sqlx::query(
                "SELECT id FROM locks WHERE project = $1 AND key = $2 AND held = 0 ORDER BY id LIMIT 1",
            )
            .bind($project)
            .bind(key.clone())
            .fetch_optional(&mut *$connection)
            .await?;
            let room = first.is_none() && held.len() < usize::try_from($limit).unwrap_or(usize::MAX);
            if room || $when_full == model::runbook::WhenFull::Queue {
                sqlx::query(
                    "INSERT INTO locks (project, key, run, step, most, held, id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )
                .bind($project)
                .bind(key.clone())
                .bind(run.0)
                .bind(number)
                .bind(i64::from($limit))
                .bind(i64::from(room))
                .bind(model::id::Uuid::now_v7())
                .execute(&mut *$connection)
                .await?;
                if room {
                    $follows.push_back(granted);
                }
            } else {
                let held_by: Vec<model::id::RunId> = held.into_iter().map(|(run, _)| run).collect();
                let busy = $crate::StoreError::Busy { key: key.clone(), held_by };
                match step {
                    None => return Err(busy),
                    Some(step) => {
                        let event = model::run::RunEvent::LockRefused { step, message: busy.to_string() };
                        $follows.push_back($crate::moving::Follows { run, event, key: None });
                    }
                }
            }
        }
    }};
}

/// Give a lock back, or leave the line.
macro_rules! release {
    ($connection:expr, $project:expr, $key:expr, $run:expr, $step:expr, $follows:expr) => {{
        let key: String = $key;
        sqlx::query("DELETE FROM locks WHERE project = $1 AND key = $2 AND run = $3 AND step = $4")
            .bind($project)
            .bind(key.clone())
            .bind($run)
            .bind($step)
            .execute(&mut *$connection)
            .await?;
        $crate::locks::hand_on!($connection, $project, key, $follows);
    }};
}

/// The run has ended: whatever it holds or waits for is free.
macro_rules! end {
    ($connection:expr, $project:expr, $run:expr, $follows:expr) => {{
        let rows = sqlx::query("SELECT DISTINCT key FROM locks WHERE run = $1 ORDER BY key")
            .bind($run)
            .fetch_all(&mut *$connection)
            .await?;
        if !rows.is_empty() {
            sqlx::query("DELETE FROM locks WHERE run = $1").bind($run).execute(&mut *$connection).await?;
            for row in &rows {
                let key: String = row.try_get("key")?;
                $crate::locks::hand_on!($connection, $project, key, $follows);
            }
        }
    }};
}

/// Whoever is next gets it, while there is room.
macro_rules! hand_on {
    ($connection:expr, $project:expr, $key:expr, $follows:expr) => {{
        let key: String = $key;
        loop {
            let next = sqlx::query(
                "SELECT run, step, most, (SELECT count(*) FROM locks h WHERE h.project = $1 AND h.key = $2 AND h.held = 1) \
                 AS holders FROM locks WHERE project = $1 AND key = $2 AND held = 0 ORDER BY id LIMIT 1",
            )
            .bind($project)
            .bind(key.clone())
            .fetch_optional(&mut *$connection)
            .await?;
            let Some(next) = next else { break };
            let (most, holders): (i64, i64) = (next.try_get("most")?, next.try_get("holders")?);
            if holders >= most {
                break;
            }
            let (run, step): (model::id::Uuid, i64) = (next.try_get("run")?, next.try_get("step")?);
            sqlx::query("UPDATE locks SET held = 1 WHERE project = $1 AND key = $2 AND run = $3 AND step = $4")
                .bind($project)
                .bind(key.clone())
                .bind(run)
                .bind(step)
                .execute(&mut *$connection)
                .await?;
            $follows.push_back($crate::moving::Follows {
                run: model::id::RunId(run),
                event: model::run::RunEvent::LockGranted { step: $crate::moving::step_of(step) },
                key: Some((key.clone(), step)),
            });
        }
    }};
}

pub(crate) use {acquire, end, hand_on, release};

impl Store {
    /// Who has a lock of a project now, and how many wait for it.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn lock_holders(&self, project: ProjectId, key: &str) -> Result<LockHolders, StoreError> {
        let key = key.to_owned();
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT run, step FROM locks WHERE project = $1 AND key = $2 AND held = 1 ORDER BY id",
            )
            .bind(project.0)
            .bind(key.clone())
            .fetch_all(&mut *connection)
            .await?;
            let mut held_by = Vec::with_capacity(rows.len());
            for row in &rows {
                let step: i64 = row.try_get("step")?;
                held_by.push((RunId(row.try_get("run")?), u32::try_from(step).ok()));
            }
            let waiting = sqlx::query(
                "SELECT count(*) AS waiting FROM locks WHERE project = $1 AND key = $2 AND held = 0",
            )
            .bind(project.0)
            .bind(key)
            .fetch_one(&mut *connection)
            .await?;
            let waiting = u64::try_from(waiting.try_get::<i64, _>("waiting")?).unwrap_or(0);
            Ok(LockHolders { held_by, waiting })
        })
    }
}
