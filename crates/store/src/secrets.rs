//! Stored secrets: values that steps use and nobody reads back.
//!
//! **Invariant: a value leaves the store only through [`Store::use_secrets`]**, for a step, after the event that says so is
//! stored with the reading itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::{
    id::{PrincipalId, ProjectId, RunId, Uuid},
    secret::{Rewrapped, SecretVersionView, SecretView},
};
use serde_json::{Value, json};
use sqlx::Row;

use crate::{
    SecretText, Store, StoreError,
    engine::{in_read, in_write, to_microsecond},
    events::{NewEvent, insert_events},
    keys::FORMAT,
    seal::Place,
};

/// Values that are sealed anew in one transaction.
const BATCH: i64 = 100;
const LOOKS: usize = 3;

/// A new version of a secret, which is made if there is none of that name.
pub struct NewSecret {
    pub project: ProjectId,
    pub project_name: String,
    pub name: String,
    /// As it was, if nothing is said.
    pub description: Option<String>,
    pub value: SecretText,
    /// Keep the versions before, instead of destroying them.
    pub keep: bool,
    /// It must be there already.
    pub rotate: bool,
    pub by: PrincipalId,
    pub by_name: String,
    pub at: Timestamp,
}

/// A secret that goes: its name in its project, and who says so.
#[derive(Clone, Debug)]
pub struct RetiredSecret {
    pub project: ProjectId,
    pub project_name: String,
    pub name: String,
    pub by: PrincipalId,
    pub at: Timestamp,
}

/// A step that is about to use secrets.
#[derive(Clone, Debug)]
pub struct SecretUse {
    pub project: ProjectId,
    pub project_name: String,
    pub service: Option<String>,
    pub environment: Option<String>,
    pub run: RunId,
    /// Whoever asked for the run.
    pub by: PrincipalId,
    /// The step's address.
    pub step: String,
    pub attempt: u32,
    pub names: BTreeSet<String>,
    pub at: Timestamp,
}

/// A secret as a step gets it.
pub struct UsedSecret {
    pub version: u64,
    pub value: SecretText,
}

fn unsigned(version: i64) -> u64 {
    u64::try_from(version).unwrap_or_default()
}

/// Secrets with all their versions, on a connection of either engine: those of a project, or the one of this name.
macro_rules! read_secrets {
    ($connection:expr, $project:expr, $name:expr) => {{
        let name: Option<String> = $name;
        let rows = sqlx::query(
            "SELECT s.name, s.description, s.created_at, s.created_by, s.version AS current, s.retired_at, \
             v.version, v.set_at, v.set_by, v.destroyed_at, v.used_at \
             FROM secrets s JOIN secret_versions v ON v.secret = s.id \
             WHERE s.project = $1 AND ($2 IS NULL OR s.name = $2) ORDER BY s.name, v.version DESC",
        )
        .bind($project)
        .bind(name)
        .fetch_all(&mut *$connection)
        .await?;
        let mut secrets: Vec<SecretView> = Vec::new();
        for row in &rows {
            let time = |column: &str| -> Result<Option<Timestamp>, sqlx::Error> {
                Ok(row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column)?.map(|at| at.to_jiff()))
            };
            let set_at: jiff_sqlx::Timestamp = row.try_get("set_at")?;
            let version = SecretVersionView {
                version: unsigned(row.try_get("version")?),
                set_at: set_at.to_jiff(),
                set_by: row.try_get("set_by")?,
                destroyed_at: time("destroyed_at")?,
                used_at: time("used_at")?,
            };
            let name: String = row.try_get("name")?;
            match secrets.last_mut().filter(|last| last.name == name) {
                Some(secret) => {
                    secret.used_at = secret.used_at.max(version.used_at);
                    secret.versions.push(version);
                }
                // The newest version comes first, and is the current one.
                None => {
                    let created_at: jiff_sqlx::Timestamp = row.try_get("created_at")?;
                    secrets.push(SecretView {
                        name,
                        description: row.try_get("description")?,
                        created_at: created_at.to_jiff(),
                        created_by: row.try_get("created_by")?,
                        version: unsigned(row.try_get("current")?),
                        set_at: version.set_at,
                        set_by: version.set_by.clone(),
                        used_at: version.used_at,
                        retired_at: time("retired_at")?,
                        versions: vec![version],
                    });
                }
            }
        }
        secrets
    }};
}

/// Destroy the versions of a secret before this one.
macro_rules! destroy_versions {
    ($connection:expr, $secret:expr, $before:expr, $at:expr) => {
        sqlx::query(
            "UPDATE secret_versions SET sealed = NULL, destroyed_at = $1 \
             WHERE secret = $2 AND version < $3 AND sealed IS NOT NULL",
        )
        .bind(jiff_sqlx::ToSqlx::to_sqlx($at))
        .bind($secret)
        .bind($before)
        .execute(&mut *$connection)
        .await?
    };
}

impl Store {
    /// The secrets of a project, retired ones too, by name.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn stored_secrets(&self, project: ProjectId) -> Result<Vec<SecretView>, StoreError> {
        in_read!(self, |connection| async move { Ok(read_secrets!(connection, project.0, None)) })
    }

    /// One secret.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn stored_secret(
        &self,
        project: ProjectId,
        name: &str,
    ) -> Result<Option<SecretView>, StoreError> {
        let name = name.to_owned();
        in_read!(self, |connection| async move {
            Ok(read_secrets!(connection, project.0, Some(name)).into_iter().next())
        })
    }

    /// Store a new version, sealed under a data key of its own. The versions before are destroyed, unless they are kept.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] if a secret of that name was retired, [`StoreError::NoSecret`] if it is to be rotated and is
    /// not there, [`StoreError::NoKey`], [`StoreError::HasNul`].
    pub async fn set_secret(&self, new: NewSecret) -> Result<SecretView, StoreError> {
        let keys = self.keys()?;
        if new.description.as_ref().is_some_and(|text| text.contains('\0')) || new.name.contains('\0') {
            return Err(StoreError::HasNul);
        }
        let at = to_microsecond(new.at);
        in_write!(self, |connection| async move {
            if !new.rotate {
                sqlx::query(
                    "INSERT INTO secrets (id, project, name, created_at, created_by, version) \
                     VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT DO NOTHING",
                )
                .bind(Uuid::now_v7())
                .bind(new.project.0)
                .bind(new.name.clone())
                .bind(jiff_sqlx::ToSqlx::to_sqlx(at))
                .bind(new.by_name.clone())
                .execute(&mut *connection)
                .await?;
            }
            // Whoever sets it at the same time waits here.
            let row = sqlx::query(
                "UPDATE secrets SET version = version + 1, description = coalesce($1, description) \
                 WHERE project = $2 AND name = $3 RETURNING id, version, retired_at",
            )
            .bind(new.description.clone())
            .bind(new.project.0)
            .bind(new.name.clone())
            .fetch_optional(&mut *connection)
            .await?
            .ok_or_else(|| StoreError::NoSecret(new.name.clone()))?;
            if row.try_get::<Option<jiff_sqlx::Timestamp>, _>("retired_at")?.is_some() {
                return Err(StoreError::NameTaken(new.name));
            }
            let (id, version): (Uuid, i64) = (row.try_get("id")?, row.try_get("version")?);
            let place = Place::Secret { project: new.project.0, id, version, name: &new.name };
            let sealed = keys.seal(&place, new.value.expose())?;
            sqlx::query(
                "INSERT INTO secret_versions (secret, version, sealed, set_at, set_by, data_keys) \
                 VALUES ($1, $2, $3, $4, $5, (SELECT value FROM revisions WHERE name = 'data_keys'))",
            )
            .bind(id)
            .bind(version)
            .bind(sealed)
            .bind(jiff_sqlx::ToSqlx::to_sqlx(at))
            .bind(new.by_name)
            .execute(&mut *connection)
            .await?;
            if !new.keep {
                destroy_versions!(connection, id, version, at);
            }
            let kind = if new.rotate { "secret.rotated" } else { "secret.set" };
            let events = vec![NewEvent::standalone(
                kind,
                at,
                Some(new.by),
                Some(new.project_name),
                format!("secret/{}", new.name),
                json!({"name": new.name, "version": version, "kept": new.keep}),
            )];
            insert_events!(connection, events);
            let found = read_secrets!(connection, new.project.0, Some(new.name.clone()));
            found.into_iter().next().ok_or(StoreError::NoSecret(new.name))
        })
    }

    /// Destroy all versions of a secret; false if there is none of that name. The name stays taken: what was bound to it must
    /// not come to mean another.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn retire_secret(&self, retired: RetiredSecret) -> Result<bool, StoreError> {
        let at = to_microsecond(retired.at);
        in_write!(self, |connection| async move {
            let row = sqlx::query(
                "UPDATE secrets SET retired_at = $1 WHERE project = $2 AND name = $3 AND retired_at IS NULL RETURNING id",
            )
            .bind(jiff_sqlx::ToSqlx::to_sqlx(at))
            .bind(retired.project.0)
            .bind(retired.name.clone())
            .fetch_optional(&mut *connection)
            .await?;
            let Some(row) = row else { return Ok(false) };
            destroy_versions!(connection, row.try_get::<Uuid, _>("id")?, i64::MAX, at);
            let events = vec![NewEvent::standalone(
                "secret.deleted",
                at,
                Some(retired.by),
                Some(retired.project_name),
                format!("secret/{}", retired.name),
                json!({"name": retired.name}),
            )];
            insert_events!(connection, events);
            Ok(true)
        })
    }

    /// The current values of these secrets, for a step. Each use is stored as an event in the transaction that reads the value;
    /// all are there, or none is given.
    ///
    /// # Errors
    /// [`StoreError::NoSecret`] if one is not there, [`StoreError::Seal`] if one does not open, [`StoreError::NoKey`].
    pub async fn use_secrets(&self, using: SecretUse) -> Result<BTreeMap<String, UsedSecret>, StoreError> {
        let keys = self.keys()?;
        let project = using.project;
        let at = to_microsecond(using.at);
        let read: Vec<(String, Uuid, i64, Vec<u8>)> = in_write!(self, |connection| async move {
            let mut read = Vec::with_capacity(using.names.len());
            let mut events = Vec::with_capacity(using.names.len());
            for name in using.names {
                let mut row = None;
                // Whoever replaces the value at this moment destroys the one that is looked for: the next look finds the new.
                for _ in 0..LOOKS {
                    row = sqlx::query(
                        "UPDATE secret_versions SET used_at = $1 WHERE sealed IS NOT NULL AND (secret, version) = \
                         (SELECT id, version FROM secrets WHERE project = $2 AND name = $3 AND retired_at IS NULL) \
                         RETURNING secret, version, sealed",
                    )
                    .bind(jiff_sqlx::ToSqlx::to_sqlx(at))
                    .bind(project.0)
                    .bind(name.clone())
                    .fetch_optional(&mut *connection)
                    .await?;
                    if row.is_some() {
                        break;
                    }
                }
                let row = row.ok_or_else(|| StoreError::NoSecret(name.clone()))?;
                let (id, version): (Uuid, i64) = (row.try_get("secret")?, row.try_get("version")?);
                let data: Value = json!({
                    "run": using.run, "step": using.step, "attempt": using.attempt, "secret": name, "version": version,
                });
                let subject = format!("secret/{name}");
                let mut event = NewEvent::standalone(
                    "secret.used",
                    at,
                    Some(using.by),
                    Some(using.project_name.clone()),
                    subject,
                    data,
                );
                event.service.clone_from(&using.service);
                event.environment.clone_from(&using.environment);
                event.correlation = using.run.0;
                events.push(event);
                read.push((name, id, version, row.try_get("sealed")?));
            }
            insert_events!(connection, events);
            Ok(read)
        })?;
        let open = |(name, id, version, sealed): (String, Uuid, i64, Vec<u8>)| {
            let place = Place::Secret { project: project.0, id, version, name: &name };
            let value = keys.open_sealed(&place, &sealed)?;
            Ok((name, UsedSecret { version: unsigned(version), value }))
        };
        read.into_iter().map(open).collect()
    }

    /// Seal everything under the newest key, a batch in each transaction: what a call that was cut short has left, the next
    /// one does. With `new_data_keys` every value gets a new data key too.
    ///
    /// # Errors
    /// [`StoreError::Seal`] if a value does not open, [`StoreError::NoKey`].
    pub async fn rewrap_secrets(
        &self,
        new_data_keys: bool,
        by: PrincipalId,
        at: Timestamp,
    ) -> Result<Rewrapped, StoreError> {
        let keys = self.keys()?;
        let key = keys.newest().id();
        // A round of new data keys that was begun and not ended is the one to end.
        let (round, resumed): (i64, bool) = if new_data_keys {
            in_write!(self, |connection| async move {
                let begun = sqlx::query(
                    "UPDATE revisions SET value = value + 1 WHERE name = 'data_keys' \
                     AND value = (SELECT value FROM revisions WHERE name = 'data_keys_done')",
                )
                .execute(&mut *connection)
                .await?
                .rows_affected();
                let row = sqlx::query("SELECT value FROM revisions WHERE name = 'data_keys'")
                    .fetch_one(&mut *connection)
                    .await?;
                Ok((row.try_get("value")?, begun == 0))
            })?
        } else {
            (0, false)
        };
        let mut values = 0;
        loop {
            let inputs = self.rewrap_batch(true, round).await?;
            let stored = self.rewrap_batch(false, round).await?;
            values += inputs + stored;
            if inputs + stored == 0 {
                break;
            }
        }
        let at = to_microsecond(at);
        let report = Rewrapped { key, values, new_data_keys, resumed };
        in_write!(self, |connection| async move {
            if new_data_keys {
                sqlx::query("UPDATE revisions SET value = $1 WHERE name = 'data_keys_done' AND value < $1")
                    .bind(round)
                    .execute(&mut *connection)
                    .await?;
            }
            let data = json!({"key": report.key, "values": report.values, "new_data_keys": new_data_keys});
            let events = vec![NewEvent::standalone(
                "secrets.rewrapped",
                at,
                Some(by),
                None,
                "secrets".to_owned(),
                data,
            )];
            insert_events!(connection, events);
            Ok(report)
        })
    }

    /// Seal some values anew that are not under the newest key, or were sealed before this round. Answers how many.
    async fn rewrap_batch(&self, inputs: bool, round: i64) -> Result<u64, StoreError> {
        let keys = self.keys()?;
        let begins = [FORMAT.as_slice(), keys.newest().id_bytes()].concat();
        in_write!(self, |connection| async move {
            let (select, update) = if inputs {
                (
                    "SELECT r.project, i.run AS id, i.name, 0 AS version, i.sealed FROM sealed i JOIN runs r ON r.id = i.run \
                     WHERE substr(i.sealed, 1, 12) <> $1 OR i.data_keys < $2 LIMIT $3",
                    "UPDATE sealed SET sealed = $1, data_keys = CASE WHEN data_keys < $2 THEN $2 ELSE data_keys END \
                     WHERE run = $3 AND name = $4 AND sealed = $5",
                )
            } else {
                (
                    "SELECT s.project, s.id, s.name, v.version, v.sealed FROM secret_versions v JOIN secrets s ON s.id = v.secret \
                     WHERE v.sealed IS NOT NULL AND (substr(v.sealed, 1, 12) <> $1 OR v.data_keys < $2) LIMIT $3",
                    "UPDATE secret_versions SET sealed = $1, data_keys = CASE WHEN data_keys < $2 THEN $2 ELSE data_keys END \
                     WHERE secret = $3 AND version = $4 AND sealed = $5",
                )
            };
            let rows =
                sqlx::query(select).bind(begins).bind(round).bind(BATCH).fetch_all(&mut *connection).await?;
            for row in &rows {
                let (project, id, name): (Uuid, Uuid, String) =
                    (row.try_get("project")?, row.try_get("id")?, row.try_get("name")?);
                let sealed: Vec<u8> = row.try_get("sealed")?;
                let (place, version) = if inputs {
                    (Place::Input { project, run: id, name: &name }, 0)
                } else {
                    let version: i64 = row.try_get("version")?;
                    (Place::Secret { project, id, version, name: &name }, version)
                };
                let anew = keys.rewrap(&place, &sealed, round > 0)?;
                let query = sqlx::query(update).bind(anew).bind(round).bind(id);
                let query = if inputs { query.bind(name.clone()) } else { query.bind(version) };
                query.bind(sealed).execute(&mut *connection).await?;
            }
            Ok(rows.len() as u64)
        })
    }
}
