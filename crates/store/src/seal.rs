//! Secret inputs at rest: sealed under a key that is not in the database (law 5), destroyed with the end of their run.
//!
//! An envelope: each value under a random key of its own (AES-256-GCM), which is wrapped by the key of the key file. Both
//! layers are bound to format, key, project, run and name, so that a row that is moved elsewhere does not open.
//!
//! ```text
//! "SBS1" │ key id 8 │ nonce 12 │ wrapped data key 32+16 │ nonce 12 │ value and tag
//! ```

use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};
use model::id::{ProjectId, RunId, Uuid};
use sha2::{Digest, Sha256};
use sqlx::Row;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Store, StoreError,
    engine::{in_read, in_write},
};

const FORMAT: &[u8; 4] = b"SBS1";
const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;
const ID_LEN: usize = 8;
/// How a key file begins.
const FILE_HEADER: &str = "signalbox-key-1 ";
const SENTINEL: &[u8] = b"this opens with the right key";

/// A secret value. It is usable and not readable: it has no `Debug`, no `Serialize`, and is overwritten when it goes.
#[derive(Clone)]
pub struct SecretText(Zeroizing<Vec<u8>>);

impl SecretText {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text.into_bytes()))
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

/// Secret inputs, by name.
pub type Secrets = BTreeMap<String, SecretText>;

/// The key that wraps the keys of all values: 32 random bytes in a file that only its owner can read (0400).
pub struct KeyFile {
    path: PathBuf,
    id: [u8; ID_LEN],
    key: LessSafeKey,
}

impl KeyFile {
    /// Read the key file, or make it if there is none. Losing the file loses the secret inputs of the runs that have not
    /// ended, and nothing else; it belongs into no backup of the store.
    ///
    /// # Errors
    /// [`StoreError::Seal`] if others may read the file, or it is not a key file.
    pub fn open_or_make(path: &Path) -> Result<Self, StoreError> {
        match Self::open(path) {
            Err(None) => {
                make(path).map_err(|error| {
                    StoreError::Seal(format!(
                        "the key file {} cannot be made: {error}. Secret inputs need it: let the server's user write its folder",
                        path.display()
                    ))
                })?;
                Self::open(path).map_err(|error| {
                    error.unwrap_or_else(|| StoreError::Seal("the key file went away".into()))
                })
            }
            other => other.map_err(|error| error.unwrap_or(StoreError::NoKey)),
        }
    }

    /// No error means: there is no file.
    fn open(path: &Path) -> Result<Self, Option<StoreError>> {
        let wrong = |why: String| Some(StoreError::Seal(format!("the key file {} {why}", path.display())));
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(None),
            Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
        };
        let mode = fs::metadata(path)
            .map_err(|error| wrong(format!("cannot be read: {error}")))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(wrong(format!(
                "may be read by others (mode {:04o}): whoever could, may have the secrets of this store. `chmod 0400` it",
                mode & 0o7777
            )));
        }
        let not_one = || wrong("does not hold a key: put the right file back".into());
        let hex = text.strip_prefix(FILE_HEADER).map(str::trim_end).ok_or_else(not_one)?;
        let bytes = from_hex(hex).filter(|bytes| bytes.len() == KEY_LEN).ok_or_else(not_one)?;
        let mut digest = Sha256::new();
        digest.update(b"signalbox key id\0");
        digest.update(&*bytes);
        let mut id = [0; ID_LEN];
        for (to, from) in id.iter_mut().zip(digest.finalize()) {
            *to = from;
        }
        let key = aead_key(&bytes).map_err(Some)?;
        Ok(Self { path: path.to_owned(), id, key })
    }

    /// Says which key it is, and nothing of the key.
    pub fn id(&self) -> String {
        self.id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn seal(&self, place: &Place<'_>, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut data_key = Zeroizing::new([0_u8; KEY_LEN]);
        rand::fill(&mut *data_key).map_err(|_| failed("no random bytes"))?;
        let bound = place.bytes(&self.id);
        let mut sealed =
            Vec::with_capacity(FORMAT.len() + ID_LEN + 2 * (NONCE_LEN + TAG_LEN) + KEY_LEN + value.len());
        sealed.extend_from_slice(FORMAT);
        sealed.extend_from_slice(&self.id);
        sealed.extend(encrypt(&self.key, &bound, &*data_key)?);
        sealed.extend(encrypt(&aead_key(&*data_key)?, &bound, value)?);
        Ok(sealed)
    }

    fn open_sealed(&self, place: &Place<'_>, sealed: &[u8]) -> Result<SecretText, StoreError> {
        let not_ours =
            || StoreError::Seal(format!("{place} is not sealed by Signalbox: the store was changed past it"));
        let rest = sealed.strip_prefix(FORMAT).ok_or_else(not_ours)?;
        let (id, rest) = rest.split_at_checked(ID_LEN).ok_or_else(not_ours)?;
        if id != self.id {
            let theirs: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(StoreError::Seal(format!(
                "{place} was sealed with the key {theirs}, and {} is the key {}: put that key file back",
                self.path.display(),
                self.id()
            )));
        }
        let (wrapped, value) = rest.split_at_checked(NONCE_LEN + KEY_LEN + TAG_LEN).ok_or_else(not_ours)?;
        let closed =
            || StoreError::Seal(format!("{place} does not open: it was changed, or belongs to another run"));
        let bound = place.bytes(&self.id);
        let data_key = decrypt(&self.key, &bound, wrapped).ok_or_else(closed)?;
        let value = decrypt(&aead_key(&data_key)?, &bound, value).ok_or_else(closed)?;
        Ok(SecretText(value))
    }
}

/// Where a sealed value belongs.
struct Place<'p> {
    project: Uuid,
    run: Uuid,
    name: &'p str,
}

impl Place<'_> {
    /// Fields of fixed length, and the name last: no two places have the same bytes.
    fn bytes(&self, key: &[u8; ID_LEN]) -> Vec<u8> {
        [
            FORMAT.as_slice(),
            key,
            self.project.as_bytes(),
            self.run.as_bytes(),
            b"input\0",
            self.name.as_bytes(),
        ]
        .concat()
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the secret `{}` of run {}", self.name, self.run)
    }
}

fn failed(why: &str) -> StoreError {
    StoreError::Seal(format!("sealing failed: {why}"))
}

fn aead_key(bytes: &[u8]) -> Result<LessSafeKey, StoreError> {
    UnboundKey::new(&AES_256_GCM, bytes)
        .map(LessSafeKey::new)
        .map_err(|_| failed("a key has the wrong length"))
}

/// Nonce, ciphertext and tag.
fn encrypt(key: &LessSafeKey, bound: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).map_err(|_| failed("no random bytes"))?;
    let mut buffer = Vec::with_capacity(plain.len() + TAG_LEN);
    buffer.extend_from_slice(plain);
    let sealed =
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut buffer);
    if sealed.is_err() {
        buffer.zeroize();
        return Err(failed("the cipher refused"));
    }
    Ok([nonce.as_slice(), &buffer].concat())
}

fn decrypt(key: &LessSafeKey, bound: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut buffer = Zeroizing::new(sealed.to_vec());
    let length =
        key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(bound), &mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let bytes = digits.chunks_exact(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    bytes.collect::<Option<Vec<u8>>>().map(Zeroizing::new)
}

/// Whole or not at all: written beside, then given its name, which no other may have.
fn make(path: &Path) -> std::io::Result<()> {
    let mut key = Zeroizing::new([0_u8; KEY_LEN]);
    rand::fill(&mut *key).map_err(|_| std::io::Error::other("no random bytes"))?;
    let mut text = Zeroizing::new(FILE_HEADER.to_owned());
    for byte in *key {
        text.push_str(&format!("{byte:02x}"));
    }
    text.push('\n');
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = folder.join(format!(".key-{}", Uuid::now_v7().simple()));
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&beside, path) {
            // Another made it at the same time: that one counts.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    })();
    let _ = fs::remove_file(&beside);
    written?;
    fs::File::open(folder)?.sync_all()
}

impl Store {
    /// Use this key for secret inputs, after a test that it is the key of this store: it must open the sentinel that was
    /// sealed with it. The first key that a store is given becomes its key.
    ///
    /// # Errors
    /// [`StoreError::Seal`] if it is another key, or something that should be sealed is not: then the server must not start.
    pub async fn unlock(&self, key: KeyFile) -> Result<(), StoreError> {
        let place = Place { project: Uuid::nil(), run: Uuid::nil(), name: "sentinel" };
        let (id, sentinel, path) = (key.id(), key.seal(&place, SENTINEL)?, key.path.display().to_string());
        let found: Option<Vec<u8>> = in_write!(self, |connection| async move {
            let plain = sqlx::query("SELECT count(*) AS plain FROM sealed WHERE substr(sealed, 1, 4) <> $1")
                .bind(FORMAT.to_vec())
                .fetch_one(&mut *connection)
                .await?;
            if plain.try_get::<i64, _>("plain")? != 0 {
                return Err(StoreError::Seal(
                    "secret inputs in the store are not sealed: it was changed past Signalbox, or is damaged. Cancel nothing, \
                     restore a backup, and treat these secrets as known to others"
                        .into(),
                ));
            }
            let rows = sqlx::query("SELECT id, sentinel FROM seal_keys ORDER BY id")
                .fetch_all(&mut *connection)
                .await?;
            let mut others = Vec::new();
            for row in &rows {
                let known: String = row.try_get("id")?;
                if known == id {
                    return Ok(Some(row.try_get("sentinel")?));
                }
                others.push(known);
            }
            if others.is_empty() {
                sqlx::query("INSERT INTO seal_keys (id, sentinel) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                    .bind(id)
                    .bind(sentinel)
                    .execute(&mut *connection)
                    .await?;
                return Ok(None);
            }
            Err(StoreError::Seal(format!(
                "{path} is the key {id}, and the secrets of this store are sealed with the key {}. Put that key file back. \
                 If it is lost, so are the secret inputs of the runs that have not ended, and nothing else: take the lines out \
                 of the tables `seal_keys` and `sealed`, start, and ask for those runs again",
                others.join(", ")
            )))
        })?;
        if let Some(sentinel) = found
            && key.open_sealed(&place, &sentinel)?.expose() != SENTINEL
        {
            return Err(StoreError::Seal(format!("the key {} does not open what it must", key.id())));
        }
        // A second key of the same store is the same key.
        let _ = self.context.key.set(key);
        Ok(())
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
        let key = self.context.key.get().ok_or(StoreError::NoKey)?;
        let seal = |(name, value): (&String, &SecretText)| {
            let place = Place { project: project.0, run: run.0, name };
            Ok((name.clone(), key.seal(&place, value.expose())?))
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
        let key = self.context.key.get().ok_or(StoreError::NoKey)?;
        let open = |(name, sealed): (String, Vec<u8>)| {
            let place = Place { project: project.0, run: run.0, name: &name };
            let value = key.open_sealed(&place, &sealed)?;
            Ok((name, value))
        };
        sealed.into_iter().map(open).collect()
    }
}
