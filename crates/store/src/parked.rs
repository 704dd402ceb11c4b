//! Steps that a policy did not let begin. A row comes and goes in the transaction in which the step parks or goes on.

use model::id::RunId;
use sqlx::Row;

use crate::{Store, StoreError, engine::in_read};

impl Store {
    /// Steps that wait for a policy, in order, after the one given.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn parked_steps(
        &self,
        after: Option<(RunId, u32)>,
        limit: u32,
    ) -> Result<Vec<(RunId, u32)>, StoreError> {
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new("SELECT run, step FROM parked");
            if let Some((run, step)) = after {
                select.push(" WHERE (run, step) > (").push_bind(run.0);
                select.push(", ").push_bind(i64::from(step)).push(")");
            }
            select.push(" ORDER BY run, step LIMIT ").push_bind(i64::from(limit));
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter()
                .map(|row| {
                    let step = u32::try_from(row.try_get::<i64, _>("step")?)
                        .map_err(|_| StoreError::Corrupt("a step that is parked has no place".into()))?;
                    Ok((RunId(row.try_get("run")?), step))
                })
                .collect()
        })
    }
}
