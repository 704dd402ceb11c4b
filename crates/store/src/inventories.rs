//! Which inventories there are.

use sqlx::Row;

use crate::{Store, StoreError, engine::in_read};

impl Store {
    /// The names of a project's inventories that are not retired, in order, after the one given.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn inventory_names(
        &self,
        project: &str,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let project = project.to_owned();
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT d.name FROM definitions d JOIN projects p ON p.id = d.project WHERE p.name = $1 \
                 AND d.kind = 'Inventory' AND d.retired_at IS NULL AND d.name > $2 ORDER BY d.name LIMIT $3",
            )
            .bind(project)
            .bind(after.unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await?;
            rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
        })
    }
}
