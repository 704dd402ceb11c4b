//! Projects.

use model::{api::Project, id::ProjectId};
use sqlx::Row;

use crate::{Store, StoreError, engine::in_read};

impl Store {
    /// All projects, by name.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query("SELECT name, created_at FROM projects ORDER BY name")
                .fetch_all(&mut *connection)
                .await?;
            rows.iter()
                .map(|row| {
                    let created_at: jiff_sqlx::Timestamp = row.try_get("created_at")?;
                    Ok(Project { name: row.try_get("name")?, created_at: created_at.to_jiff() })
                })
                .collect()
        })
    }

    /// The project of this name.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn project(&self, name: &str) -> Result<Option<ProjectId>, StoreError> {
        let name = name.to_owned();
        in_read!(self, |connection| async move {
            let row = sqlx::query("SELECT id FROM projects WHERE name = $1")
                .bind(name)
                .fetch_optional(&mut *connection)
                .await?;
            row.map(|row| Ok(ProjectId(row.try_get("id")?))).transpose()
        })
    }
}
