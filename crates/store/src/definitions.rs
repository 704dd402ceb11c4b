//! Definitions and their immutable versions, with the files that belong to them.

use jiff::Timestamp;
use model::{
    api::{Applied, ApplyOutcome, VersionSummary},
    id::{PrincipalId, ProjectId, Uuid},
    inventory::Inventory,
    name::Digest,
    runbook::{FileMode, Runbook, VersionFile},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::Row;

use crate::{
    Store, StoreError,
    apply::publish,
    dialect::dialect,
    engine::{in_read, in_write, to_microsecond},
    events::{NewEvent, insert_events},
};

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

/// An inventory's published version.
#[derive(Clone, Debug, PartialEq)]
pub struct InventoryRow {
    pub digest: Digest,
    pub inventory: Inventory,
    pub published_at: Timestamp,
    pub published_by: String,
}

/// A version became the current one.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    pub digest: Digest,
    pub published_at: Timestamp,
    pub published_by: String,
    /// It was there before, and somebody went back to it.
    pub rolled_back: bool,
}

/// A version as it was applied.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionSource {
    pub path: String,
    pub text: String,
    pub files: Vec<VersionBytes>,
}

/// Make an earlier version the current one again.
#[derive(Clone, Debug)]
pub struct Rollback {
    pub project: String,
    pub kind: String,
    pub name: String,
    pub digest: Digest,
    pub by: PrincipalId,
    pub by_name: String,
    pub at: Timestamp,
}

pub(crate) fn digest_of(text: String) -> Result<Digest, StoreError> {
    Digest::try_from(text).map_err(StoreError::Corrupt)
}

fn mode_of(text: &str) -> Result<FileMode, StoreError> {
    match text {
        "100644" => Ok(FileMode::Plain),
        "100755" => Ok(FileMode::Executable),
        other => Err(StoreError::Corrupt(format!("a file has the mode `{other}`"))),
    }
}

/// The files of a version with their bytes, by path.
macro_rules! files_of {
    ($connection:expr, $definition:expr, $digest:expr) => {{
        let rows = sqlx::query(
            "SELECT v.path, v.mode, v.size, v.sha256, f.bytes FROM version_files v \
             JOIN files f ON f.sha256 = v.sha256 WHERE v.definition = $1 AND v.digest = $2 ORDER BY v.path",
        )
        .bind($definition)
        .bind($digest.as_str())
        .fetch_all(&mut *$connection)
        .await?;
        let mut files = Vec::with_capacity(rows.len());
        for row in &rows {
            files.push(VersionBytes { file: file_of!(row), bytes: row.try_get("bytes")? });
        }
        files
    }};
}

/// The compiled form, after a look whether it is still what was stored with its version.
macro_rules! compiled_of {
    ($row:expr) => {{
        let row = $row;
        let compiled: String = row.try_get("compiled")?;
        compiled_form(&compiled, row.try_get("compiled_sha256")?, row.try_get("digest")?)?
    }};
}

pub(crate) fn compiled_form<T: serde::de::DeserializeOwned>(
    compiled: &str,
    checksum: Option<String>,
    digest: String,
) -> Result<T, StoreError> {
    // None is what a version has that was stored before there were checksums.
    if checksum
        .is_some_and(|sum| sum != Digest::from_bytes(&Sha256::digest(compiled.as_bytes()).into()).as_str())
    {
        return Err(StoreError::Corrupt(format!(
            "the compiled form of version {digest} is not what was stored with it: it is not performed. Apply its document again"
        )));
    }
    serde_json::from_str(compiled)
        .map_err(|error| StoreError::Corrupt(format!("the compiled form of version {digest}: {error}")))
}

macro_rules! runbook_of {
    ($row:expr) => {{
        let row = &$row;
        let runbook: Runbook = compiled_of!(row);
        let published_at: jiff_sqlx::Timestamp = row.try_get("published_at")?;
        let retired_at: Option<jiff_sqlx::Timestamp> = row.try_get("retired_at")?;
        RunbookRow {
            project: ProjectId(row.try_get("project")?),
            project_name: row.try_get("project_name")?,
            name: row.try_get("name")?,
            digest: digest_of(row.try_get("digest")?)?,
            path: row.try_get("path")?,
            text: row.try_get("text")?,
            runbook,
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

const RUNBOOK: &str = "Runbook";

/// The published version of each definition; its kind and more conditions follow.
const PUBLISHED: &str = "SELECT d.project, p.name AS project_name, d.name, d.digest, v.path, v.text, v.compiled, v.compiled_sha256, \
     d.published_at, d.published_by, d.retired_at FROM definitions d JOIN projects p ON p.id = d.project \
     JOIN versions v ON v.definition = d.id AND v.digest = d.digest WHERE d.kind = ";

impl Store {
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
            select.push_bind(RUNBOOK).push(" AND p.name = ").push_bind(project);
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
            select.push_bind(RUNBOOK).push(" AND p.name = ").push_bind(project);
            select.push(" AND d.name = ").push_bind(name);
            let row = select.build().fetch_optional(&mut *connection).await?;
            row.map(|row| Ok(runbook_of!(row))).transpose()
        })
    }

    /// The published versions of these runbooks that are not retired: what a plan follows calls with.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn runbooks_by_name(
        &self,
        project: &str,
        names: &[String],
    ) -> Result<Vec<RunbookRow>, StoreError> {
        let (project, names) = (project.to_owned(), names.to_vec());
        in_read!(self, |connection| async move {
            let mut found = Vec::with_capacity(names.len());
            for some in names.chunks(500) {
                let mut select = sqlx::QueryBuilder::new(PUBLISHED);
                select.push_bind(RUNBOOK).push(" AND p.name = ").push_bind(project.clone());
                select.push(" AND d.retired_at IS NULL AND d.name IN (");
                let mut list = select.separated(", ");
                for name in some {
                    list.push_bind(name.clone());
                }
                select.push(") ORDER BY d.name");
                for row in select.build().fetch_all(&mut *connection).await? {
                    found.push(runbook_of!(row));
                }
            }
            Ok(found)
        })
    }

    /// An inventory's published version, unless it is retired.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn inventory(&self, project: &str, name: &str) -> Result<Option<InventoryRow>, StoreError> {
        let (project, name) = (project.to_owned(), name.to_owned());
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(PUBLISHED);
            select.push_bind("Inventory").push(" AND p.name = ").push_bind(project);
            select.push(" AND d.name = ").push_bind(name).push(" AND d.retired_at IS NULL");
            let Some(row) = select.build().fetch_optional(&mut *connection).await? else { return Ok(None) };
            let published_at: jiff_sqlx::Timestamp = row.try_get("published_at")?;
            Ok(Some(InventoryRow {
                digest: digest_of(row.try_get("digest")?)?,
                inventory: compiled_of!(&row),
                published_at: published_at.to_jiff(),
                published_by: row.try_get("published_by")?,
            }))
        })
    }

    /// Each time that a version of a definition became the current one, newest first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn history(
        &self,
        project: &str,
        kind: &str,
        name: &str,
    ) -> Result<Vec<Publication>, StoreError> {
        let (project, kind, name) = (project.to_owned(), kind.to_owned(), name.to_owned());
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT b.digest, b.published_at, b.published_by, b.rolled_back FROM publications b \
                 JOIN definitions d ON d.id = b.definition JOIN projects p ON p.id = d.project \
                 WHERE p.name = $1 AND d.kind = $2 AND d.name = $3 ORDER BY b.id DESC",
            )
            .bind(project)
            .bind(kind)
            .bind(name)
            .fetch_all(&mut *connection)
            .await?;
            rows.iter()
                .map(|row| {
                    let published_at: jiff_sqlx::Timestamp = row.try_get("published_at")?;
                    Ok(Publication {
                        digest: digest_of(row.try_get("digest")?)?,
                        published_at: published_at.to_jiff(),
                        published_by: row.try_get("published_by")?,
                        rolled_back: row.try_get::<i64, _>("rolled_back")? != 0,
                    })
                })
                .collect()
        })
    }

    /// The text of a version and the files that belong to it, as they were applied.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn version_source(
        &self,
        project: &str,
        kind: &str,
        name: &str,
        digest: &Digest,
    ) -> Result<VersionSource, StoreError> {
        let (project, kind, name, digest) =
            (project.to_owned(), kind.to_owned(), name.to_owned(), digest.clone());
        in_read!(self, |connection| async move {
            let row = sqlx::query(
                "SELECT v.definition, v.path, v.text FROM versions v JOIN definitions d ON d.id = v.definition \
                 JOIN projects p ON p.id = d.project WHERE p.name = $1 AND d.kind = $2 AND d.name = $3 AND v.digest = $4",
            )
            .bind(project)
            .bind(kind)
            .bind(name)
            .bind(digest.as_str())
            .fetch_optional(&mut *connection)
            .await?
            .ok_or(StoreError::NotFound("version"))?;
            let definition: Uuid = row.try_get("definition")?;
            let files = files_of!(connection, definition, digest);
            Ok(VersionSource { path: row.try_get("path")?, text: row.try_get("text")?, files })
        })
    }

    /// Make an earlier version the current one again. What is current already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the definition never had that version.
    pub async fn rollback(&self, rollback: Rollback) -> Result<Applied, StoreError> {
        in_write!(self, |connection| async move {
            let Rollback { project: project_name, kind, name, digest, by, by_name, at } = rollback;
            let at = to_microsecond(at);
            let project = sqlx::query(dialect(&*connection).project_for_apply)
                .bind(project_name.clone())
                .fetch_optional(&mut *connection)
                .await?
                .ok_or(StoreError::NotFound("project"))?;
            let row = sqlx::query(
                "SELECT d.id, d.digest, d.retired_at, v.path FROM definitions d JOIN versions v \
                 ON v.definition = d.id AND v.digest = $4 WHERE d.project = $1 AND d.kind = $2 AND d.name = $3",
            )
            .bind(project.try_get::<Uuid, _>("id")?)
            .bind(kind.clone())
            .bind(name.clone())
            .bind(digest.as_str())
            .fetch_optional(&mut *connection)
            .await?
            .ok_or(StoreError::NotFound("version"))?;
            let definition: Uuid = row.try_get("id")?;
            let previous = digest_of(row.try_get("digest")?)?;
            let retired: Option<jiff_sqlx::Timestamp> = row.try_get("retired_at")?;
            let same = previous == digest && retired.is_none();
            if !same {
                sqlx::query(
                    "UPDATE definitions SET digest = $1, published_at = $2, published_by = $3, retired_at = NULL \
                     WHERE id = $4",
                )
                .bind(digest.as_str())
                .bind(jiff_sqlx::ToSqlx::to_sqlx(at))
                .bind(by_name.clone())
                .bind(definition)
                .execute(&mut *connection)
                .await?;
                publish!(connection, definition, digest.as_str(), at, by_name, true);
                let subject = format!("{}/{name}", kind.to_lowercase());
                let data = json!({"kind": kind, "digest": digest, "previous": previous});
                let events = vec![NewEvent::standalone(
                    "definition.rolled_back",
                    at,
                    Some(by),
                    Some(project_name),
                    subject,
                    data,
                )];
                insert_events!(connection, events);
            }
            let outcome = if same { ApplyOutcome::Unchanged } else { ApplyOutcome::Published };
            Ok(Applied { kind, name, path: row.try_get("path")?, digest, outcome })
        })
    }

    /// The versions of a definition, newest first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn versions(
        &self,
        project: &str,
        kind: &str,
        name: &str,
    ) -> Result<Vec<VersionSummary>, StoreError> {
        let (project, kind, name) = (project.to_owned(), kind.to_owned(), name.to_owned());
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT v.digest, v.published_at, v.published_by, d.digest AS current FROM versions v \
                 JOIN definitions d ON d.id = v.definition JOIN projects p ON p.id = d.project \
                 WHERE d.kind = $3 AND p.name = $1 AND d.name = $2 ORDER BY v.id DESC",
            )
            .bind(project)
            .bind(name)
            .bind(kind)
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
                "SELECT v.definition, v.digest, v.compiled, v.compiled_sha256 FROM versions v JOIN definitions d ON d.id = v.definition \
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
            let runbook: Runbook = compiled_of!(&row);
            let files = files_of!(connection, definition, digest);
            Ok(LoadedVersion { runbook, files })
        })
    }
}
