//! What is sealed in the store, and where it belongs: secret inputs, destroyed with the end of their run, and stored secrets.
//!
//! How it is sealed stands in [`crate::keys`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::id::{ProjectId, RunId, Uuid};
use sqlx::Row;
use zeroize::Zeroizing;

use crate::{
    Store, StoreError,
    engine::{in_read, in_write},
    keys::{FORMAT, FORMAT_1, ID_LEN, Keys, hex},
};

const SENTINEL: &[u8] = b"this opens with the right key";

/// Every column that holds something sealed: how much in it is not, and under which keys the rest is. Whoever seals something
/// elsewhere adds it here, else no start notices that it is plain or cannot be opened.
const SEALED: [(&str, &str); 2] = [
    (
        "SELECT count(*) AS plain FROM sealed WHERE substr(sealed, 1, 4) NOT IN ($1, $2)",
        "SELECT DISTINCT substr(sealed, 5, 8) AS key FROM sealed",
    ),
    (
        "SELECT count(*) AS plain FROM secret_versions WHERE sealed IS NOT NULL AND substr(sealed, 1, 4) NOT IN ($1, $2)",
        "SELECT DISTINCT substr(sealed, 5, 8) AS key FROM secret_versions WHERE sealed IS NOT NULL",
    ),
];

/// A secret value. It is usable and not readable: it has no `Debug`, no `Serialize`, and is overwritten when it goes.
#[derive(Clone)]
pub struct SecretText(Zeroizing<Vec<u8>>);

impl SecretText {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text.into_bytes()))
    }

    pub(crate) fn of(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// For the process that it is meant for, and for whatever masks it in output. Nowhere else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<Vec<u8>> for SecretText {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

/// Secret inputs, by name.
pub type Secrets = BTreeMap<String, SecretText>;

/// Where a sealed value belongs.
pub(crate) enum Place<'p> {
    /// A secret input of a run.
    Input { project: Uuid, run: Uuid, name: &'p str },
    /// A version of a stored secret. Its name never changes, but is not what it is known by.
    Secret { project: Uuid, id: Uuid, version: i64, name: &'p str },
    /// What a key must open.
    Sentinel,
}

impl Place<'_> {
    /// Fields of fixed length, and the name last: no two places have the same bytes.
    pub(crate) fn bytes(&self, format: &[u8; 4], key: &[u8; ID_LEN]) -> Vec<u8> {
        let (project, owner, version, field, name) = match self {
            Self::Input { project, run, name } => (*project, *run, 0, "input", *name),
            Self::Secret { project, id, version, .. } => (*project, *id, *version, "value", ""),
            Self::Sentinel => (Uuid::nil(), Uuid::nil(), 0, "sentinel", ""),
        };
        let version = version.to_be_bytes();
        [
            format.as_slice(),
            key,
            project.as_bytes(),
            owner.as_bytes(),
            &version,
            field.as_bytes(),
            b"\0",
            name.as_bytes(),
        ]
        .concat()
    }

    /// As the first format had it; none for what it never sealed.
    pub(crate) fn bytes_1(&self, key: &[u8; ID_LEN]) -> Option<Vec<u8>> {
        let (project, run, name) = match self {
            Self::Input { project, run, name } => (*project, *run, *name),
            Self::Sentinel => (Uuid::nil(), Uuid::nil(), "sentinel"),
            Self::Secret { .. } => return None,
        };
        let parts =
            [FORMAT_1.as_slice(), key, project.as_bytes(), run.as_bytes(), b"input\0", name.as_bytes()];
        Some(parts.concat())
    }

    /// What else it may be of.
    pub(crate) fn another(&self) -> &'static str {
        match self {
            Self::Input { .. } => "another run",
            Self::Secret { .. } => "another secret or version",
            Self::Sentinel => "another store",
        }
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Input { run, name, .. } => write!(f, "the secret input `{name}` of run {run}"),
            Self::Secret { version, name, .. } => write!(f, "version {version} of the secret `{name}`"),
            Self::Sentinel => f.write_str("what the key must open"),
        }
    }
}

impl Store {
    /// Use these keys for secrets, after a test that they are the keys of this store: each must open the sentinel that was
    /// sealed with it, and nothing may be sealed with a key that is not here.
    ///
    /// # Errors
    /// [`StoreError::Seal`] if a key is missing, or something that should be sealed is not: then the server must not start.
    pub async fn unlock(&self, keys: impl Into<Keys>) -> Result<(), StoreError> {
        let keys = Arc::new(keys.into());
        let sentinels = keys.all().map(|key| Ok((key.id(), key.seal(&Place::Sentinel, SENTINEL)?)));
        let sentinels = sentinels.collect::<Result<Vec<(String, Vec<u8>)>, StoreError>>()?;
        let here = Arc::clone(&keys);
        let known: Vec<(String, Vec<u8>)> = in_write!(self, |connection| async move {
            let mut used = BTreeSet::new();
            for (plain, under) in SEALED {
                let row = sqlx::query(plain)
                    .bind(FORMAT.to_vec())
                    .bind(FORMAT_1.to_vec())
                    .fetch_one(&mut *connection)
                    .await?;
                if row.try_get::<i64, _>("plain")? != 0 {
                    return Err(StoreError::Seal(
                        "secrets in the store are not sealed: it was changed past Signalbox, or is damaged. Cancel nothing, \
                         restore a backup, and treat these secrets as known to others"
                            .into(),
                    ));
                }
                for row in sqlx::query(under).fetch_all(&mut *connection).await? {
                    used.insert(row.try_get::<Vec<u8>, _>("key")?);
                }
            }
            let missing: Vec<String> =
                used.iter().filter(|id| here.with_id(id).is_none()).map(|id| hex(id)).collect();
            if !missing.is_empty() {
                return Err(StoreError::Seal(format!(
                    "secrets of this store are sealed with the key {}, and {}. If it is lost, so are these secrets, and nothing \
                     else: restore a backup without a key, which gives them up, and set them anew",
                    missing.join(" and the key "),
                    here.put_back()
                )));
            }
            let rows = sqlx::query("SELECT id, sentinel FROM seal_keys").fetch_all(&mut *connection).await?;
            let known = rows.iter().map(|row| Ok((row.try_get("id")?, row.try_get("sentinel")?)));
            let known = known.collect::<Result<Vec<(String, Vec<u8>)>, StoreError>>()?;
            for (id, sentinel) in sentinels {
                sqlx::query("INSERT INTO seal_keys (id, sentinel) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                    .bind(id)
                    .bind(sentinel)
                    .execute(&mut *connection)
                    .await?;
            }
            Ok(known)
        })?;
        for key in keys.all() {
            let Some((_, sentinel)) = known.iter().find(|(id, _)| *id == key.id()) else { continue };
            let opened = keys.open_sealed(&Place::Sentinel, sentinel).map_err(|error| {
                StoreError::Seal(format!("the key file {} is not what it was: {error}", key.path().display()))
            })?;
            if opened.expose() != SENTINEL {
                return Err(StoreError::Seal(format!("the key {} does not open what it must", key.id())));
            }
        }
        *self.context.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(keys);
        Ok(())
    }

    pub(crate) fn keys(&self) -> Result<Arc<Keys>, StoreError> {
        let keys = self.context.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.clone().ok_or(StoreError::NoKey)
    }

    pub(crate) fn seal(
        &self,
        project: ProjectId,
        run: RunId,
        secrets: &BTreeMap<String, SecretText>,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        if secrets.is_empty() {
            return Ok(Vec::new());
        }
        let keys = self.keys()?;
        let seal = |(name, value): (&String, &SecretText)| {
            let place = Place::Input { project: project.0, run: run.0, name };
            Ok((name.clone(), keys.seal(&place, value.expose())?))
        };
        secrets.iter().map(seal).collect()
    }

    /// The secret inputs of a run of this project that has not ended.
    ///
    /// # Errors
    /// [`StoreError::Seal`] if one of them does not open, [`StoreError::NoKey`].
    pub async fn secrets(
        &self,
        project: ProjectId,
        run: RunId,
    ) -> Result<BTreeMap<String, SecretText>, StoreError> {
        let sealed: Vec<(String, Vec<u8>)> = in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT s.name, s.sealed FROM sealed s JOIN runs r ON r.id = s.run WHERE s.run = $1 AND r.project = $2",
            )
            .bind(run.0)
            .bind(project.0)
            .fetch_all(&mut *connection)
            .await?;
            rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("sealed")?))).collect()
        })?;
        if sealed.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys = self.keys()?;
        let open = |(name, sealed): (String, Vec<u8>)| {
            let place = Place::Input { project: project.0, run: run.0, name: &name };
            let value = keys.open_sealed(&place, &sealed)?;
            Ok((name, value))
        };
        sealed.into_iter().map(open).collect()
    }
}
