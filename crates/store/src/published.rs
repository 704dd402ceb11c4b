//! What is published now, of any kind.

use jiff::Timestamp;
use model::{id::ProjectId, name::Digest, runbook::Runbook, schedule::Schedule};
use serde::de::DeserializeOwned;
use sqlx::Row;

use crate::{
    Store, StoreError,
    definitions::{compiled_form, digest_of},
    engine::in_read,
};

/// A definition as it is published, not retired.
#[derive(Clone, Debug, PartialEq)]
pub struct Published<T> {
    pub name: String,
    pub digest: Digest,
    pub published_at: Timestamp,
    pub published_by: String,
    pub definition: T,
}

const PUBLISHED: &str = "SELECT d.name, d.digest, v.compiled, v.compiled_sha256, d.published_at, d.published_by \
     FROM definitions d JOIN versions v ON v.definition = d.id AND v.digest = d.digest \
     WHERE d.retired_at IS NULL AND d.project = ";

macro_rules! published_of {
    ($row:expr) => {{
        let row = $row;
        let compiled: String = row.try_get("compiled")?;
        let published_at: jiff_sqlx::Timestamp = row.try_get("published_at")?;
        Published {
            name: row.try_get("name")?,
            digest: digest_of(row.try_get("digest")?)?,
            published_at: published_at.to_jiff(),
            published_by: row.try_get("published_by")?,
            definition: compiled_form(&compiled, row.try_get("compiled_sha256")?, row.try_get("digest")?)?,
        }
    }};
}

impl Store {
    /// All definitions of a kind in a project, by name.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn published_definitions<T>(
        &self,
        project: ProjectId,
        kind: &'static str,
    ) -> Result<Vec<Published<T>>, StoreError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(PUBLISHED);
            select.push_bind(project.0).push(" AND d.kind = ").push_bind(kind).push(" ORDER BY d.name");
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(published_of!(row))).collect()
        })
    }

    /// Those with one of these names, and those whose compiled form has a text somewhere, if one is given: whoever asks looks
    /// whether it means what is sought. Most definitions have nothing to do with one service, and need not be read to be seen to have nothing.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn published_around<T>(
        &self,
        project: ProjectId,
        kind: &'static str,
        names: &[String],
        text: Option<&str>,
    ) -> Result<Vec<Published<T>>, StoreError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        if names.is_empty() && text.is_none() {
            return Ok(Vec::new());
        }
        let (names, text) = (names.to_vec(), text.map(|text| format!("%{text}%")));
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(PUBLISHED);
            select.push_bind(project.0).push(" AND d.kind = ").push_bind(kind);
            select.push(" AND (");
            let mut any = select.separated(" OR ");
            if let Some(text) = text {
                any.push("v.compiled LIKE ").push_bind_unseparated(text);
            }
            for name in names {
                any.push("d.name = ").push_bind_unseparated(name);
            }
            select.push(") ORDER BY d.name");
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(published_of!(row))).collect()
        })
    }

    /// One of them.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn published_definition<T>(
        &self,
        project: ProjectId,
        kind: &'static str,
        name: &str,
    ) -> Result<Option<Published<T>>, StoreError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let name = name.to_owned();
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(PUBLISHED);
            select.push_bind(project.0).push(" AND d.kind = ").push_bind(kind);
            select.push(" AND d.name = ").push_bind(name);
            let row = select.build().fetch_optional(&mut *connection).await?;
            row.map(|row| Ok(published_of!(&row))).transpose()
        })
    }

    /// The schedules of a project.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn published_schedules(&self, project: ProjectId) -> Result<Vec<Schedule>, StoreError> {
        let all = self.published_definitions::<Schedule>(project, "Schedule").await?;
        Ok(all.into_iter().map(|published| published.definition).collect())
    }

    /// The runbooks of a project that are probes or collectors.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn published_watchers(&self, project: ProjectId) -> Result<Vec<Runbook>, StoreError> {
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(PUBLISHED);
            select.push_bind(project.0);
            // Most runbooks are none, and need not be read to be seen to be none.
            select.push(
                " AND d.kind = 'Runbook' AND (v.compiled LIKE '%\"probe\":{%' OR v.compiled LIKE '%\"collects\":{%')",
            );
            let rows = select.build().fetch_all(&mut *connection).await?;
            let mut watchers = Vec::with_capacity(rows.len());
            for row in &rows {
                let Published { definition: runbook, .. } = published_of!(row);
                let runbook: Runbook = runbook;
                if runbook.probe.is_some() || runbook.collects.is_some() {
                    watchers.push(runbook);
                }
            }
            Ok(watchers)
        })
    }
}
