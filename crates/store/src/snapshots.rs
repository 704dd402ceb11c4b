//! How the services of a run stood right before it and after it.

use model::{id::RunId, snapshot::Snapshot};
use serde_json::json;
use sqlx::{Row, types::Json};

use crate::{
    Store, StoreError,
    engine::{in_read, in_write},
    events::{NewEvent, insert_events},
};

/// Of which moment of a run a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

/// What is kept beside a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshots {
    pub before: Option<Snapshot>,
    pub after: Option<Snapshot>,
}

impl Store {
    /// Write down how the services of a run stand, in the place of what was written of the same moment.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn keep_snapshot(
        &self,
        run: RunId,
        project: &str,
        moment: Moment,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        let project = project.to_owned();
        in_write!(self, |connection| async move {
            let statement = match moment {
                Moment::Before => {
                    "INSERT INTO run_snapshots (run, before) VALUES ($1, $2) \
                     ON CONFLICT (run) DO UPDATE SET before = excluded.before"
                }
                Moment::After => "UPDATE run_snapshots SET after = $2 WHERE run = $1",
            };
            let at = snapshot.at;
            let states: Vec<_> = snapshot
                .services
                .iter()
                .map(|service| {
                    json!({"service": service.service, "environment": service.environment,
                        "health": service.health, "facts": service.facts.len()})
                })
                .collect();
            sqlx::query(statement).bind(run.0).bind(Json(snapshot)).execute(&mut *connection).await?;
            let name = match moment {
                Moment::Before => "before",
                Moment::After => "after",
            };
            let event = NewEvent::standalone(
                "run.snapshot",
                at,
                None,
                Some(project),
                format!("run/{run}"),
                json!({"moment": name, "states": states}),
            );
            insert_events!(connection, vec![event]);
            Ok(())
        })
    }

    /// What was written down of a run.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn snapshots(&self, run: RunId) -> Result<Snapshots, StoreError> {
        in_read!(self, |connection| async move {
            let row = sqlx::query("SELECT before, after FROM run_snapshots WHERE run = $1")
                .bind(run.0)
                .fetch_optional(&mut *connection)
                .await?;
            let Some(row) = row else { return Ok(Snapshots::default()) };
            let before: Json<Snapshot> = row.try_get("before")?;
            let after: Option<Json<Snapshot>> = row.try_get("after")?;
            Ok(Snapshots { before: Some(before.0), after: after.map(|after| after.0) })
        })
    }

    /// Runs that have ended, and of which nobody wrote down how things stood then.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn open_snapshots(&self, limit: u32) -> Result<Vec<RunId>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT s.run FROM run_snapshots s JOIN runs r ON r.id = s.run \
                 WHERE s.after IS NULL AND r.finished_at IS NOT NULL LIMIT $1",
            )
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await?;
            rows.iter().map(|row| Ok(RunId(row.try_get("run")?))).collect()
        })
    }
}
