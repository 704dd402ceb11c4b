//! Steps that wait for signals or collectors, so that whoever starts next watches on.

use model::id::RunId;
use sqlx::Row;

use crate::{
    Store, StoreError,
    engine::{in_read, in_write},
};

impl Store {
    /// Steps that wait for signals or collectors, or did when somebody last looked.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn watching(&self) -> Result<Vec<(RunId, u32)>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query("SELECT run, step FROM watching ORDER BY run, step")
                .fetch_all(&mut *connection)
                .await?;
            rows.iter()
                .map(|row| {
                    let step = u32::try_from(row.try_get::<i64, _>("step")?)
                        .map_err(|_| StoreError::Corrupt("a step that is watched has no place".into()))?;
                    Ok((RunId(row.try_get("run")?), step))
                })
                .collect()
        })
    }

    /// This step does not wait for that any more.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn watched(&self, run: RunId, step: u32) -> Result<(), StoreError> {
        in_write!(self, |connection| async move {
            sqlx::query("DELETE FROM watching WHERE run = $1 AND step = $2")
                .bind(run.0)
                .bind(i64::from(step))
                .execute(&mut *connection)
                .await?;
            Ok(())
        })
    }
}
