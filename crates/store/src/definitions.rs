//! Definitions and their immutable versions, with the files that belong to them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use model::{
    api::{Applied, ApplyOutcome, VersionSummary},
    id::{PrincipalId, ProjectId, Uuid},
    name::Digest,
    runbook::{FileMode, Runbook, VersionFile},
};
use serde_json::{Value, json};
use sqlx::{Row, types::Json};

use crate::{
    Store, StoreError,
    engine::{in_read, in_write},
    events::{NewEvent, insert_events},
};

/// An operations repository, checked, to be stored.
#[derive(Clone, Debug)]
pub struct Apply {
    pub project: String,
    pub definitions: Vec<NewDefinition>,
    /// By their SHA-256.
    pub files: BTreeMap<Digest, Vec<u8>>,
    pub dry_run: bool,
    pub prune: bool,
    pub by: PrincipalId,
    pub by_name: String,
    pub at: Timestamp,
}

/// One definition of it.
#[derive(Clone, Debug)]
pub struct NewDefinition {
    pub kind: String,
    pub name: String,
    pub path: String,
    pub digest: Digest,
    pub text: String,
    pub document: Value,
    pub runbook: Runbook,
    pub files: Vec<VersionFile>,
}

/// A file of a version, with its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionBytes {
    pub file: VersionFile,
    pub bytes: Vec<u8>,
}

/// A runbook's published version.
#[derive(Clone, Debug, PartialEq)]
pub struct RunbookRow {
    pub project: ProjectId,
    pub project_name: String,
    pub name: String,
    pub digest: Digest,
    pub path: String,
    pub text: String,
    pub runbook: Runbook,
    pub published_at: Timestamp,
    pub published_by: String,
    pub retired_at: Option<Timestamp>,
}

/// All that performing a version takes.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedVersion {
    pub runbook: Runbook,
    pub files: Vec<VersionBytes>,
}

fn digest_of(text: String) -> Result<Digest, StoreError> {
    Digest::try_from(text).map_err(StoreError::Corrupt)
}

fn mode_of(text: &str) -> Result<FileMode, StoreError> {
    match text {
        "100644" => Ok(FileMode::Plain),
        "100755" => Ok(FileMode::Executable),
        other => Err(StoreError::Corrupt(format!("a file has the mode `{other}`"))),
    }
}

macro_rules! runbook_of {
    ($row:expr) => {{
        let row = $row;
        let runbook: Json<Runbook> = row.try_get("runbook")?;
        let published_at: jiff_sqlx::Timestamp = row.try_get("published_at")?;
        let retired_at: Option<jiff_sqlx::Timestamp> = row.try_get("retired_at")?;
        RunbookRow {
            project: ProjectId(row.try_get("project")?),
            project_name: row.try_get("project_name")?,
            name: row.try_get("name")?,
            digest: digest_of(row.try_get("digest")?)?,
            path: row.try_get("path")?,
            text: row.try_get("text")?,
            runbook: runbook.0,
            published_at: published_at.to_jiff(),
            published_by: row.try_get("published_by")?,
            retired_at: retired_at.map(|at| at.to_jiff()),
        }
    }};
}

macro_rules! file_of {
    ($row:expr) => {{
        let row = $row;
        let size: i64 = row.try_get("size")?;
        let mode: String = row.try_get("mode")?;
        VersionFile {
            path: row.try_get("path")?,
            mode: mode_of(&mode)?,
            size: u64::try_from(size)
                .map_err(|_| StoreError::Corrupt("a file has a negative size".into()))?,
            sha256: digest_of(row.try_get("sha256")?)?,
        }
    }};
}

/// The published version of each runbook; a condition follows.
const PUBLISHED: &str = "SELECT d.project, p.name AS project_name, d.name, d.digest, v.path, v.text, v.runbook, \
     d.published_at, d.published_by, d.retired_at FROM definitions d JOIN projects p ON p.id = d.project \
     JOIN versions v ON v.definition = d.id AND v.digest = d.digest WHERE d.kind = 'Runbook' AND p.name = ";

impl Store {
    /// Store an operations repository: all of it, or nothing. The answers come in the order of the definitions, then what
    /// was retired.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn apply(&self, apply: Apply) -> Result<Vec<Applied>, StoreError> {
        in_write!(self, |connection| async move {
            let Apply { project: project_name, definitions, files, dry_run, prune, by, by_name, at } = apply;
            let mut events = Vec::new();
            let known = sqlx::query("SELECT id FROM projects WHERE name = $1")
                .bind(project_name.clone())
                .fetch_optional(&mut *connection)
                .await?;
            let project: Uuid = match known {
                Some(row) => row.try_get("id")?,
                None => {
                    let id = Uuid::now_v7();
                    if !dry_run {
                        sqlx::query("INSERT INTO projects (id, name, created_at) VALUES ($1, $2, $3)")
                            .bind(id)
                            .bind(project_name.clone())
                            .bind(at.to_sqlx())
                            .execute(&mut *connection)
                            .await?;
                        let subject = format!("project/{project_name}");
                        let name = Some(project_name.clone());
                        events.push(NewEvent::standalone(
                            "project.created",
                            at,
                            Some(by),
                            name,
                            subject,
                            json!({}),
                        ));
                    }
                    id
                }
            };

            let mut results = Vec::with_capacity(definitions.len());
            let mut named = Vec::with_capacity(definitions.len());
            for new in definitions {
                named.push((new.kind.clone(), new.name.clone()));
                let known = sqlx::query(
                    "SELECT id, digest, retired_at FROM definitions WHERE project = $1 AND kind = $2 AND name = $3",
                )
                .bind(project)
                .bind(new.kind.clone())
                .bind(new.name.clone())
                .fetch_optional(&mut *connection)
                .await?;
                let known: Option<(Uuid, String, bool)> = match &known {
                    Some(row) => {
                        let retired: Option<jiff_sqlx::Timestamp> = row.try_get("retired_at")?;
                        Some((row.try_get("id")?, row.try_get("digest")?, retired.is_some()))
                    }
                    None => None,
                };
                let same = known
                    .as_ref()
                    .is_some_and(|(_, digest, retired)| digest == new.digest.as_str() && !retired);
                results.push(Applied {
                    kind: new.kind.clone(),
                    name: new.name.clone(),
                    path: Some(new.path.clone()),
                    digest: new.digest.clone(),
                    outcome: if same { ApplyOutcome::Unchanged } else { ApplyOutcome::Published },
                });
                if same || dry_run {
                    continue;
                }

                let previous = known.as_ref().map(|(_, digest, _)| digest.clone());
                let definition = match known {
                    Some((id, ..)) => {
                        sqlx::query(
                            "UPDATE definitions SET digest = $1, published_at = $2, published_by = $3, \
                             retired_at = NULL WHERE id = $4",
                        )
                        .bind(new.digest.as_str())
                        .bind(at.to_sqlx())
                        .bind(by_name.clone())
                        .bind(id)
                        .execute(&mut *connection)
                        .await?;
                        id
                    }
                    None => {
                        let id = Uuid::now_v7();
                        sqlx::query(
                            "INSERT INTO definitions (id, project, kind, name, digest, published_at, published_by) \
                             VALUES ($1, $2, $3, $4, $5, $6, $7)",
                        )
                        .bind(id)
                        .bind(project)
                        .bind(new.kind.clone())
                        .bind(new.name.clone())
                        .bind(new.digest.as_str())
                        .bind(at.to_sqlx())
                        .bind(by_name.clone())
                        .execute(&mut *connection)
                        .await?;
                        id
                    }
                };
                let version = sqlx::query(
                    "INSERT INTO versions (id, definition, digest, path, text, document, runbook, published_at, \
                     published_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
                )
                .bind(Uuid::now_v7())
                .bind(definition)
                .bind(new.digest.as_str())
                .bind(new.path.clone())
                .bind(new.text)
                .bind(Json(new.document))
                .bind(Json(&new.runbook))
                .bind(at.to_sqlx())
                .bind(by_name.clone())
                .execute(&mut *connection)
                .await?;
                // A digest that came before is that version again, files and all.
                if version.rows_affected() == 1 {
                    for file in new.files {
                        let bytes = files.get(&file.sha256).cloned().ok_or(StoreError::NotFound("file"))?;
                        sqlx::query(
                            "INSERT INTO files (sha256, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                        )
                        .bind(file.sha256.as_str())
                        .bind(bytes)
                        .execute(&mut *connection)
                        .await?;
                        sqlx::query(
                            "INSERT INTO version_files (definition, digest, path, mode, size, sha256) \
                             VALUES ($1, $2, $3, $4, $5, $6)",
                        )
                        .bind(definition)
                        .bind(new.digest.as_str())
                        .bind(file.path)
                        .bind(file.mode.octal())
                        .bind(i64::try_from(file.size).unwrap_or(i64::MAX))
                        .bind(file.sha256.as_str())
                        .execute(&mut *connection)
                        .await?;
                    }
                }
                let data = json!({
                    "kind": new.kind, "digest": new.digest, "previous": previous, "effect": new.runbook.effect,
                });
                let mut event = NewEvent::standalone(
                    "definition.published",
                    at,
                    Some(by),
                    Some(project_name.clone()),
                    format!("{}/{}", new.kind.to_lowercase(), new.name),
                    data,
                );
                event.service = new.runbook.service;
                events.push(event);
            }

            if prune {
                let rows = sqlx::query(
                    "SELECT id, kind, name, digest FROM definitions WHERE project = $1 AND retired_at IS NULL \
                     ORDER BY kind, name",
                )
                .bind(project)
                .fetch_all(&mut *connection)
                .await?;
                for row in rows {
                    let (kind, name): (String, String) = (row.try_get("kind")?, row.try_get("name")?);
                    if named.iter().any(|(k, n)| *k == kind && *n == name) {
                        continue;
                    }
                    let id: Uuid = row.try_get("id")?;
                    let digest = digest_of(row.try_get("digest")?)?;
                    if !dry_run {
                        sqlx::query("UPDATE definitions SET retired_at = $1 WHERE id = $2")
                            .bind(at.to_sqlx())
                            .bind(id)
                            .execute(&mut *connection)
                            .await?;
                        events.push(NewEvent::standalone(
                            "definition.retired",
                            at,
                            Some(by),
                            Some(project_name.clone()),
                            format!("{}/{name}", kind.to_lowercase()),
                            json!({"kind": kind, "digest": digest}),
                        ));
                    }
                    results.push(Applied { kind, name, path: None, digest, outcome: ApplyOutcome::Retired });
                }
            }
            if !events.is_empty() {
                insert_events!(connection, events);
            }
            Ok(results)
        })
    }

    /// The runbooks of a project by name, after the one given; retired ones only if asked for.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn runbooks(
        &self,
        project: &str,
        retired: bool,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<RunbookRow>, StoreError> {
        let project = project.to_owned();
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(PUBLISHED);
            select.push_bind(project);
            if !retired {
                select.push(" AND d.retired_at IS NULL");
            }
            if let Some(after) = after {
                select.push(" AND d.name > ").push_bind(after);
            }
            select.push(" ORDER BY d.name LIMIT ").push_bind(i64::from(limit));
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(runbook_of!(row))).collect()
        })
    }

    /// A runbook's published version, retired or not.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn runbook(&self, project: &str, name: &str) -> Result<Option<RunbookRow>, StoreError> {
        let (project, name) = (project.to_owned(), name.to_owned());
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(PUBLISHED);
            select.push_bind(project).push(" AND d.name = ").push_bind(name);
            let row = select.build().fetch_optional(&mut *connection).await?;
            row.map(|row| Ok(runbook_of!(row))).transpose()
        })
    }

    /// The versions of a runbook, newest first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn versions(&self, project: &str, name: &str) -> Result<Vec<VersionSummary>, StoreError> {
        let (project, name) = (project.to_owned(), name.to_owned());
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT v.digest, v.published_at, v.published_by, d.digest AS current FROM versions v \
                 JOIN definitions d ON d.id = v.definition JOIN projects p ON p.id = d.project \
                 WHERE d.kind = 'Runbook' AND p.name = $1 AND d.name = $2 ORDER BY v.id DESC",
            )
            .bind(project)
            .bind(name)
            .fetch_all(&mut *connection)
            .await?;
            rows.iter()
                .map(|row| {
                    let published_at: jiff_sqlx::Timestamp = row.try_get("published_at")?;
                    let (digest, current): (String, String) =
                        (row.try_get("digest")?, row.try_get("current")?);
                    Ok(VersionSummary {
                        current: digest == current,
                        digest: digest_of(digest)?,
                        published_at: published_at.to_jiff(),
                        published_by: row.try_get("published_by")?,
                    })
                })
                .collect()
        })
    }

    /// The files of a version, without their bytes.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn version_files(
        &self,
        project: &str,
        name: &str,
        digest: &Digest,
    ) -> Result<Vec<VersionFile>, StoreError> {
        let (project, name, digest) = (project.to_owned(), name.to_owned(), digest.clone());
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT f.path, f.mode, f.size, f.sha256 FROM version_files f \
                 JOIN definitions d ON d.id = f.definition JOIN projects p ON p.id = d.project \
                 WHERE d.kind = 'Runbook' AND p.name = $1 AND d.name = $2 AND f.digest = $3 ORDER BY f.path",
            )
            .bind(project)
            .bind(name)
            .bind(digest.as_str())
            .fetch_all(&mut *connection)
            .await?;
            rows.iter().map(|row| Ok(file_of!(row))).collect()
        })
    }

    /// A version whole, to be performed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn load_version(
        &self,
        project: &str,
        name: &str,
        digest: &Digest,
    ) -> Result<LoadedVersion, StoreError> {
        let (project, name, digest) = (project.to_owned(), name.to_owned(), digest.clone());
        in_read!(self, |connection| async move {
            let row = sqlx::query(
                "SELECT v.definition, v.runbook FROM versions v JOIN definitions d ON d.id = v.definition \
                 JOIN projects p ON p.id = d.project \
                 WHERE d.kind = 'Runbook' AND p.name = $1 AND d.name = $2 AND v.digest = $3",
            )
            .bind(project)
            .bind(name)
            .bind(digest.as_str())
            .fetch_optional(&mut *connection)
            .await?
            .ok_or(StoreError::NotFound("version"))?;
            let definition: Uuid = row.try_get("definition")?;
            let runbook: Json<Runbook> = row.try_get("runbook")?;
            let rows = sqlx::query(
                "SELECT v.path, v.mode, v.size, v.sha256, f.bytes FROM version_files v \
                 JOIN files f ON f.sha256 = v.sha256 WHERE v.definition = $1 AND v.digest = $2 ORDER BY v.path",
            )
            .bind(definition)
            .bind(digest.as_str())
            .fetch_all(&mut *connection)
            .await?;
            let mut files = Vec::with_capacity(rows.len());
            for row in &rows {
                files.push(VersionBytes { file: file_of!(row), bytes: row.try_get("bytes")? });
            }
            Ok(LoadedVersion { runbook: runbook.0, files })
        })
    }
}
