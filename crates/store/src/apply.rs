//! Storing an operations repository: all of it in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use model::{
    api::{Applied, ApplyOutcome},
    id::{PrincipalId, Uuid},
    name::Digest,
    runbook::{Effect, VersionFile},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::{Row, types::Json};

use crate::{
    Store, StoreError,
    definitions::digest_of,
    dialect::dialect,
    engine::{in_write, to_microsecond},
    events::{NewEvent, has_nul, insert_events},
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
    /// As the engine takes it: a runbook or an inventory, as JSON.
    pub compiled: Value,
    pub service: Option<String>,
    /// The strongest effect of a runbook's steps.
    pub effect: Option<Effect>,
    pub files: Vec<VersionFile>,
}

/// A definition that the project has.
struct Known {
    id: Uuid,
    digest: Digest,
    retired: bool,
}

/// A file that a new version needs.
struct Wanted {
    definition: Uuid,
    digest: Digest,
    file: VersionFile,
}

/// Record that a version became the current one.
macro_rules! publish {
    ($connection:expr, $definition:expr, $digest:expr, $at:expr, $by:expr, $rolled_back:expr) => {{
        sqlx::query(
            "INSERT INTO publications (id, definition, digest, published_at, published_by, rolled_back) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(model::id::Uuid::now_v7())
        .bind($definition)
        .bind($digest)
        .bind(jiff_sqlx::ToSqlx::to_sqlx($at))
        .bind($by.clone())
        .bind(i64::from($rolled_back))
        .execute(&mut *$connection)
        .await?;
    }};
}

pub(crate) use publish;

impl Store {
    /// Store an operations repository: all of it, or nothing. The answers come in the order of the definitions, then what
    /// was retired.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the bytes of a file are missing, [`StoreError::Corrupt`] if they are not those of its
    /// digest, [`StoreError::HasNul`].
    pub async fn apply(&self, apply: Apply) -> Result<Vec<Applied>, StoreError> {
        for new in &apply.definitions {
            let paths = new.files.iter().any(|file| file.path.contains('\0'));
            if paths
                || new.path.contains('\0')
                || new.text.contains('\0')
                || has_nul(&new.document)
                || has_nul(&new.compiled)
            {
                return Err(StoreError::HasNul);
            }
        }
        in_write!(self, |connection| async move {
            let Apply { project: project_name, definitions, files, dry_run, prune, by, by_name, at } = apply;
            let at = to_microsecond(at);
            let mut events = Vec::new();
            let words = dialect(&*connection);
            let mut project: Option<Uuid> = None;
            // A second look, since another may have made it meanwhile.
            for _ in 0..2 {
                let known = sqlx::query(words.project_for_apply)
                    .bind(project_name.clone())
                    .fetch_optional(&mut *connection)
                    .await?;
                project = known.map(|row| row.try_get("id")).transpose()?;
                if project.is_some() || dry_run {
                    break;
                }
                let made = sqlx::query(
                    "INSERT INTO projects (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                )
                .bind(Uuid::now_v7())
                .bind(project_name.clone())
                .bind(at.to_sqlx())
                .execute(&mut *connection)
                .await?;
                if made.rows_affected() == 1 {
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
            }

            // Whatever the project has, by kind and name.
            let mut has = BTreeMap::new();
            if let Some(project) = project {
                let rows = sqlx::query(
                    "SELECT id, kind, name, digest, retired_at FROM definitions WHERE project = $1",
                )
                .bind(project)
                .fetch_all(&mut *connection)
                .await?;
                for row in rows {
                    let retired: Option<jiff_sqlx::Timestamp> = row.try_get("retired_at")?;
                    let name: (String, String) = (row.try_get("kind")?, row.try_get("name")?);
                    let digest = digest_of(row.try_get("digest")?)?;
                    has.insert(name, Known { id: row.try_get("id")?, digest, retired: retired.is_some() });
                }
            }

            let mut results = Vec::with_capacity(definitions.len());
            let mut named = BTreeSet::new();
            let mut wanted = Vec::new();
            for new in definitions {
                let name = (new.kind.clone(), new.name.clone());
                let known = has.get(&name);
                let same = known.is_some_and(|known| known.digest == new.digest && !known.retired);
                named.insert(name.clone());
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

                let previous = known.map(|known| known.digest.clone());
                let definition = match known {
                    Some(known) => {
                        sqlx::query(
                            "UPDATE definitions SET digest = $1, published_at = $2, published_by = $3, \
                             retired_at = NULL WHERE id = $4",
                        )
                        .bind(new.digest.as_str())
                        .bind(at.to_sqlx())
                        .bind(by_name.clone())
                        .bind(known.id)
                        .execute(&mut *connection)
                        .await?;
                        known.id
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
                has.insert(name, Known { id: definition, digest: new.digest.clone(), retired: false });
                publish!(connection, definition, new.digest.as_str(), at, by_name, false);
                let compiled = new.compiled.to_string();
                let checksum = Digest::from_bytes(&Sha256::digest(compiled.as_bytes()).into());
                let version = sqlx::query(
                    "INSERT INTO versions (id, definition, digest, path, text, document, compiled, published_at, \
                     published_by, compiled_sha256) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
                     ON CONFLICT DO NOTHING",
                )
                .bind(Uuid::now_v7())
                .bind(definition)
                .bind(new.digest.as_str())
                .bind(new.path.clone())
                .bind(new.text)
                .bind(Json(new.document))
                .bind(compiled)
                .bind(at.to_sqlx())
                .bind(by_name.clone())
                .bind(checksum.as_str())
                .execute(&mut *connection)
                .await?;
                // A digest that came before is that version again, files and all.
                if version.rows_affected() == 1 {
                    let digest = &new.digest;
                    wanted.extend(new.files.into_iter().map(|file| Wanted {
                        definition,
                        digest: digest.clone(),
                        file,
                    }));
                }
                let data = json!({
                    "kind": new.kind, "digest": new.digest, "previous": previous, "effect": new.effect,
                });
                let mut event = NewEvent::standalone(
                    "definition.published",
                    at,
                    Some(by),
                    Some(project_name.clone()),
                    format!("{}/{}", new.kind.to_lowercase(), new.name),
                    data,
                );
                event.service = new.service;
                events.push(event);
            }

            // Files belong to all projects. In one order everywhere, or two applies might wait for each other.
            for sha256 in wanted.iter().map(|wanted| &wanted.file.sha256).collect::<BTreeSet<_>>() {
                let bytes = files.get(sha256).ok_or(StoreError::NotFound("file"))?;
                // Else one project could put its bytes under the name of another's.
                if Digest::from_bytes(&Sha256::digest(bytes).into()) != *sha256 {
                    return Err(StoreError::Corrupt(format!(
                        "these are not the bytes with the digest {sha256}"
                    )));
                }
                sqlx::query("INSERT INTO files (sha256, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                    .bind(sha256.as_str())
                    .bind(bytes.clone())
                    .execute(&mut *connection)
                    .await?;
            }
            for Wanted { definition, digest, file } in wanted {
                sqlx::query(
                    "INSERT INTO version_files (definition, digest, path, mode, size, sha256) \
                     VALUES ($1, $2, $3, $4, $5, $6)",
                )
                .bind(definition)
                .bind(digest.as_str())
                .bind(file.path)
                .bind(file.mode.octal())
                .bind(i64::try_from(file.size).unwrap_or(i64::MAX))
                .bind(file.sha256.as_str())
                .execute(&mut *connection)
                .await?;
            }

            if prune {
                for ((kind, name), known) in has {
                    if known.retired || named.contains(&(kind.clone(), name.clone())) {
                        continue;
                    }
                    if !dry_run {
                        sqlx::query("UPDATE definitions SET retired_at = $1 WHERE id = $2")
                            .bind(at.to_sqlx())
                            .bind(known.id)
                            .execute(&mut *connection)
                            .await?;
                        events.push(NewEvent::standalone(
                            "definition.retired",
                            at,
                            Some(by),
                            Some(project_name.clone()),
                            format!("{}/{name}", kind.to_lowercase()),
                            json!({"kind": kind, "digest": known.digest}),
                        ));
                    }
                    results.push(Applied {
                        kind,
                        name,
                        path: None,
                        digest: known.digest,
                        outcome: ApplyOutcome::Retired,
                    });
                }
            }
            insert_events!(connection, events);
            Ok(results)
        })
    }
}
