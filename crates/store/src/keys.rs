//! The keys under which secrets are sealed, none of which is in the database (law 5).
//!
//! Several may be there at once: the first seals, all open. So a key is replaced without a moment in which anything does not
//! open: put the new one in front, start, `rewrap`, and take the old one away.
//!
//! An envelope: each value under a random data key of its own (AES-256-GCM), which is wrapped by the key of a key file or to the
//! recipient of an age identity.
//!
//! ```text
//! "SBS2" │ key id 8 │ length 2 │ wrapped data key │ nonce 12 │ value and tag
//! ```
//!
//! Each layer is bound to the format, to where the value belongs (project, owner, version, field) and to the key that it is
//! under: what is moved elsewhere does not open. age knows no associated data, so a digest of it is wrapped beside the data key.

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    str::FromStr,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};
use model::id::Uuid;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    StoreError,
    seal::{Place, SecretText},
};

pub(crate) const FORMAT: &[u8; 4] = b"SBS2";
/// As secret inputs were sealed before there were stored secrets: one key, whose wrapping had a fixed length.
pub(crate) const FORMAT_1: &[u8; 4] = b"SBS1";
pub(crate) const ID_LEN: usize = 8;
const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;
const DIGEST_LEN: usize = 32;
/// How a key file begins.
const FILE_HEADER: &str = "signalbox-key-1 ";
const AGE_HEADER: &str = "AGE-SECRET-KEY-1";
/// Where systemd puts a service's credentials. Their group bits are those of an access list, and the folder is the service's alone.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where a key is: `FILE`, or `age:FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A key file of ours.
    File(PathBuf),
    /// An identity as `age-keygen` makes it.
    Age(PathBuf),
}

impl FromStr for KeySource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (make, path): (fn(PathBuf) -> Self, &str) = match text.strip_prefix("age:") {
            Some(path) => (Self::Age, path),
            None => (Self::File, text),
        };
        if path.is_empty() {
            return Err("name a file, as `/etc/signalbox/key` or `age:/etc/signalbox/identity`".to_owned());
        }
        Ok(make(PathBuf::from(path)))
    }
}

/// A key that wraps the keys of values, in a file that only its owner can read (0400).
pub struct KeyFile {
    path: PathBuf,
    id: [u8; ID_LEN],
    wrapping: Wrapping,
}

enum Wrapping {
    /// 32 random bytes.
    Aes(LessSafeKey),
    Age(age::x25519::Identity),
}

impl KeyFile {
    /// Read the key file, or make it if there is none. Losing the file loses what is sealed with it, and nothing else; it
    /// belongs into no backup of the store.
    ///
    /// # Errors
    /// [`StoreError::Seal`] if others may read the file, or it is not a key file.
    pub fn open_or_make(path: &Path) -> Result<Self, StoreError> {
        match Self::read(path) {
            Err(None) => {
                make(path).map_err(|error| {
                    StoreError::Seal(format!(
                        "the key file {} cannot be made: {error}. Secrets need it: let the server's user write its folder",
                        path.display()
                    ))
                })?;
                Self::read(path).map_err(|error| {
                    error.unwrap_or_else(|| StoreError::Seal("the key file went away".into()))
                })
            }
            other => other.map_err(|error| error.unwrap_or(StoreError::NoKey)),
        }
    }

    /// Read a key that must be there.
    ///
    /// # Errors
    /// [`StoreError::Seal`] if it is not, others may read it, or it holds no key.
    pub fn open(source: &KeySource) -> Result<Self, StoreError> {
        let (path, read) = match source {
            KeySource::File(path) => (path, Self::read(path)),
            KeySource::Age(path) => (path, Self::read_age(path)),
        };
        read.map_err(|error| {
            error.unwrap_or_else(|| {
                StoreError::Seal(format!(
                    "the key file {} is not there: put it back, or name another with --secret-key",
                    path.display()
                ))
            })
        })
    }

    /// No error means: there is no file.
    fn read(path: &Path) -> Result<Self, Option<StoreError>> {
        let text = own_text(path)?;
        let hex = text.strip_prefix(FILE_HEADER).map(str::trim_end);
        let bytes = hex.and_then(from_hex).filter(|bytes| bytes.len() == KEY_LEN);
        let bytes = bytes.ok_or_else(|| wrong(path, "does not hold a key: put the right file back"))?;
        let key = aead_key(&bytes).map_err(Some)?;
        Ok(Self {
            path: path.to_owned(),
            id: id_of("signalbox key id", &bytes),
            wrapping: Wrapping::Aes(key),
        })
    }

    fn read_age(path: &Path) -> Result<Self, Option<StoreError>> {
        let text = own_text(path)?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (first, second) = (lines.next(), lines.next());
        let identity = first
            .filter(|line| second.is_none() && line.starts_with(AGE_HEADER))
            .and_then(|line| age::x25519::Identity::from_str(line).ok());
        let identity = identity.ok_or_else(|| {
            wrong(path, "does not hold one X25519 identity of age: `age-keygen -o FILE` makes such a file")
        })?;
        let id = id_of("signalbox age key id", identity.to_public().to_string().as_bytes());
        Ok(Self { path: path.to_owned(), id, wrapping: Wrapping::Age(identity) })
    }

    /// Says which key it is, and nothing of the key.
    pub fn id(&self) -> String {
        hex(&self.id)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn id_bytes(&self) -> &[u8] {
        &self.id
    }

    pub(crate) fn seal(&self, place: &Place<'_>, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut data_key = Zeroizing::new([0_u8; KEY_LEN]);
        rand::fill(&mut *data_key).map_err(|_| failed("no random bytes"))?;
        let sealed = encrypt(&aead_key(&*data_key)?, &place.bytes(FORMAT, &data_key_id(&*data_key)), value)?;
        self.envelope(place, &*data_key, &sealed)
    }

    fn envelope(&self, place: &Place<'_>, data_key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let wrapped = self.wrap(&place.bytes(FORMAT, &self.id), data_key)?;
        let length = u16::try_from(wrapped.len()).map_err(|_| failed("a wrapped key is too long"))?;
        Ok([FORMAT.as_slice(), &self.id, &length.to_be_bytes(), &wrapped, sealed].concat())
    }

    fn wrap(&self, bound: &[u8], data_key: &[u8]) -> Result<Vec<u8>, StoreError> {
        match &self.wrapping {
            Wrapping::Aes(key) => encrypt(key, bound, data_key),
            Wrapping::Age(identity) => {
                let mut text = Zeroizing::new(Vec::with_capacity(KEY_LEN + DIGEST_LEN));
                text.extend_from_slice(data_key);
                text.extend_from_slice(&Sha256::digest(bound));
                age::encrypt(&identity.to_public(), &text).map_err(|error| failed(&error.to_string()))
            }
        }
    }

    fn unwrap(&self, bound: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match &self.wrapping {
            Wrapping::Aes(key) => decrypt(key, bound, wrapped),
            Wrapping::Age(identity) => {
                let text = Zeroizing::new(age::decrypt(identity, wrapped).ok()?);
                let (data_key, digest) = text.split_at_checked(KEY_LEN)?;
                (digest == Sha256::digest(bound).as_slice()).then(|| Zeroizing::new(data_key.to_vec()))
            }
        }
    }

    /// The data key, and the value as it is sealed under it. `rest` is what comes after the key's id.
    fn data_key<'s>(&self, place: &Place<'_>, rest: &'s [u8]) -> Option<(Zeroizing<Vec<u8>>, &'s [u8])> {
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (wrapped, value) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some((self.unwrap(&place.bytes(FORMAT, &self.id), wrapped)?, value))
    }

    fn open_value(&self, place: &Place<'_>, format: [u8; 4], rest: &[u8]) -> Option<SecretText> {
        if format == *FORMAT_1 {
            let Wrapping::Aes(key) = &self.wrapping else { return None };
            let bound = place.bytes_1(&self.id)?;
            let (wrapped, value) = rest.split_at_checked(NONCE_LEN + KEY_LEN + TAG_LEN)?;
            let data_key = decrypt(key, &bound, wrapped)?;
            return decrypt(&aead_key(&data_key).ok()?, &bound, value).map(SecretText::of);
        }
        let (data_key, value) = self.data_key(place, rest)?;
        let bound = place.bytes(FORMAT, &data_key_id(&data_key));
        decrypt(&aead_key(&data_key).ok()?, &bound, value).map(SecretText::of)
    }
}

/// All keys of a server. There is one at least.
pub struct Keys {
    first: KeyFile,
    others: Vec<KeyFile>,
}

impl From<KeyFile> for Keys {
    fn from(first: KeyFile) -> Self {
        Self { first, others: Vec::new() }
    }
}

impl Keys {
    /// The keys from these places; the first seals, and is made if it is a key file that is not there. All others must be.
    ///
    /// # Errors
    /// [`StoreError::Seal`], [`StoreError::NoKey`] if no place is named.
    pub fn open(sources: &[KeySource]) -> Result<Self, StoreError> {
        let (first, others) = sources.split_first().ok_or(StoreError::NoKey)?;
        let first = match first {
            KeySource::File(path) => KeyFile::open_or_make(path)?,
            KeySource::Age(_) => KeyFile::open(first)?,
        };
        let others = others.iter().map(KeyFile::open).collect::<Result<_, _>>()?;
        Ok(Self { first, others })
    }

    /// The key that seals.
    pub fn newest(&self) -> &KeyFile {
        &self.first
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &KeyFile> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(crate) fn with_id(&self, id: &[u8]) -> Option<&KeyFile> {
        self.all().find(|key| key.id == id)
    }

    pub(crate) fn seal(&self, place: &Place<'_>, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.first.seal(place, value)
    }

    pub(crate) fn open_sealed(&self, place: &Place<'_>, sealed: &[u8]) -> Result<SecretText, StoreError> {
        let (format, key, rest) = self.opened(place, sealed)?;
        key.open_value(place, format, rest).ok_or_else(|| closed(place))
    }

    /// The same value under the key that seals now. Its data key stays, unless a new one is asked for or the format is the old.
    pub(crate) fn rewrap(
        &self,
        place: &Place<'_>,
        sealed: &[u8],
        new_data_key: bool,
    ) -> Result<Vec<u8>, StoreError> {
        let (format, key, rest) = self.opened(place, sealed)?;
        if new_data_key || format != *FORMAT {
            let value = key.open_value(place, format, rest).ok_or_else(|| closed(place))?;
            return self.seal(place, value.expose());
        }
        let (data_key, value) = key.data_key(place, rest).ok_or_else(|| closed(place))?;
        self.first.envelope(place, &data_key, value)
    }

    /// Its format, the key that it is under, and what comes behind these.
    fn opened<'s>(
        &self,
        place: &Place<'_>,
        sealed: &'s [u8],
    ) -> Result<([u8; 4], &KeyFile, &'s [u8]), StoreError> {
        let not_ours =
            || StoreError::Seal(format!("{place} is not sealed by Signalbox: the store was changed past it"));
        let (format, rest) = sealed.split_first_chunk::<4>().ok_or_else(not_ours)?;
        if format != FORMAT && format != FORMAT_1 {
            return Err(not_ours());
        }
        let (id, rest) = rest.split_at_checked(ID_LEN).ok_or_else(not_ours)?;
        let key = self.with_id(id).ok_or_else(|| {
            StoreError::Seal(format!("{place} was sealed with the key {}. {}", hex(id), self.put_back()))
        })?;
        Ok((*format, key, rest))
    }

    /// Which keys there are, and what to do about one that is not.
    pub(crate) fn put_back(&self) -> String {
        let here: Vec<String> =
            self.all().map(|key| format!("{} is the key {}", key.path.display(), key.id())).collect();
        format!("{}. Put that key file back, or name it with a further --secret-key", here.join(", "))
    }
}

fn closed(place: &Place<'_>) -> StoreError {
    StoreError::Seal(format!("{place} does not open: it was changed, or belongs to {}", place.another()))
}

fn failed(why: &str) -> StoreError {
    StoreError::Seal(format!("sealing failed: {why}"))
}

fn wrong(path: &Path, why: &str) -> Option<StoreError> {
    Some(StoreError::Seal(format!("the key file {} {why}", path.display())))
}

/// A text that nobody else may read. No error means: there is no file.
fn own_text(path: &Path) -> Result<Zeroizing<String>, Option<StoreError>> {
    let unreadable = |error: std::io::Error| wrong(path, &format!("cannot be read: {error}"));
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode();
    let credential =
        std::env::var_os(CREDENTIALS).is_some_and(|folder| path.parent() == Some(Path::new(&folder)));
    let others = if credential { 0o037 } else { 0o077 };
    if mode & others != 0 {
        let why = format!(
            "may be read by others (mode {:04o}): whoever could, may have the secrets of this store. `chmod 0400` it",
            mode & 0o7777
        );
        return Err(wrong(path, &why));
    }
    Ok(text)
}

fn id_of(domain: &str, bytes: &[u8]) -> [u8; ID_LEN] {
    let mut digest = Sha256::new();
    digest.update(domain.as_bytes());
    digest.update(b"\0");
    digest.update(bytes);
    let mut id = [0; ID_LEN];
    for (to, from) in id.iter_mut().zip(digest.finalize()) {
        *to = from;
    }
    id
}

/// Names a data key, for what is bound to it: the cipher itself would let one text open under two keys.
fn data_key_id(key: &[u8]) -> [u8; ID_LEN] {
    id_of("signalbox data key id", key)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(folder: &Path, name: &str) -> KeyFile {
        KeyFile::open_or_make(&folder.join(name)).unwrap()
    }

    fn age_key(folder: &Path) -> KeyFile {
        let path = folder.join("identity");
        let identity = age::x25519::Identity::generate();
        let secret = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
        fs::write(&path, format!("# public key: {}\n{secret}\n", identity.to_public())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        KeyFile::open(&KeySource::Age(path)).unwrap()
    }

    fn place(version: i64) -> Place<'static> {
        Place::Secret { project: Uuid::from_u128(1), id: Uuid::from_u128(2), version, name: "db" }
    }

    #[test]
    fn what_the_first_format_sealed_still_opens() {
        let folder = tempfile::tempdir().unwrap();
        let key = key(folder.path(), "key");
        let place = Place::Input { project: Uuid::from_u128(1), run: Uuid::from_u128(2), name: "password" };
        let bound = place.bytes_1(&key.id).unwrap();
        let Wrapping::Aes(wrapping) = &key.wrapping else { panic!() };
        let data_key = [7; KEY_LEN];
        let (wrapped, value) = (
            encrypt(wrapping, &bound, &data_key).unwrap(),
            encrypt(&aead_key(&data_key).unwrap(), &bound, b"old").unwrap(),
        );
        let sealed = [FORMAT_1.as_slice(), &key.id, &wrapped, &value].concat();
        let keys = Keys::from(key);
        assert_eq!(keys.open_sealed(&place, &sealed).unwrap().expose(), b"old");
        let anew = keys.rewrap(&place, &sealed, false).unwrap();
        assert!(anew.starts_with(FORMAT));
        assert_eq!(keys.open_sealed(&place, &anew).unwrap().expose(), b"old");
    }

    #[test]
    fn both_providers_bind_each_layer_to_its_place() {
        let folder = tempfile::tempdir().unwrap();
        for key in [key(folder.path(), "key"), age_key(folder.path())] {
            let keys = Keys::from(key);
            let (one, two) = (keys.seal(&place(1), b"one").unwrap(), keys.seal(&place(2), b"two").unwrap());
            assert_eq!(keys.open_sealed(&place(1), &one).unwrap().expose(), b"one");
            assert!(keys.open_sealed(&place(2), &one).is_err(), "of another version");
            for other in [
                Place::Secret { project: Uuid::from_u128(9), id: Uuid::from_u128(2), version: 1, name: "db" },
                Place::Secret { project: Uuid::from_u128(1), id: Uuid::from_u128(9), version: 1, name: "db" },
                Place::Input { project: Uuid::from_u128(1), run: Uuid::from_u128(2), name: "db" },
            ] {
                assert!(keys.open_sealed(&other, &one).is_err());
            }
            // The value of one under the wrapped key of the other, and each byte changed.
            let value = |sealed: &[u8]| sealed.len() - (NONCE_LEN + TAG_LEN + 3);
            let mixed = [&one[..value(&one)], &two[value(&two)..]].concat();
            assert!(keys.open_sealed(&place(1), &mixed).is_err());
            for at in 0..one.len() {
                let mut changed = one.clone();
                changed[at] ^= 1;
                assert!(keys.open_sealed(&place(1), &changed).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn a_ring_opens_what_each_of_its_keys_sealed_and_writes_with_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let old = Keys::from(key(folder.path(), "old"));
        let sealed = old.seal(&place(1), b"value").unwrap();
        let both = Keys { first: age_key(folder.path()), others: vec![key(folder.path(), "old")] };
        assert_eq!(both.open_sealed(&place(1), &sealed).unwrap().expose(), b"value");
        let anew = both.rewrap(&place(1), &sealed, false).unwrap();
        let value = NONCE_LEN + TAG_LEN + 5;
        assert_eq!(anew[anew.len() - value..], sealed[sealed.len() - value..], "the data key stays");
        let refused = old.open_sealed(&place(1), &anew).err().unwrap().to_string();
        assert!(refused.contains(&both.newest().id()) && refused.contains("--secret-key"), "{refused}");
        let new = both.rewrap(&place(1), &anew, true).unwrap();
        assert_ne!(new[new.len() - value..], anew[anew.len() - value..]);
        assert_eq!(both.open_sealed(&place(1), &new).unwrap().expose(), b"value");
    }

    #[test]
    fn an_identity_that_is_none_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        let source = KeySource::from_str(&format!("age:{}", path.display())).unwrap();
        assert_eq!(source, KeySource::Age(path.clone()));
        assert!(KeyFile::open(&source).err().unwrap().to_string().contains("is not there"));
        fs::write(&path, "AGE-SECRET-KEY-1ABC\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        let told = KeyFile::open(&source).err().unwrap().to_string();
        assert!(told.contains("age-keygen") && !told.contains("1ABC"), "{told}");
        assert!(KeySource::from_str("age:").is_err() && KeySource::from_str("").is_err());
    }
}
