//! An archive, read back into an empty directory. It may come from anywhere, so nothing in it is believed.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use definition::Expressions;
use store::{KeyFile, KeySource, Keys, Store, StoreError};

use super::{BLOCK, COMPLETE, DATABASE, KEY, OUTPUT, README};

/// Entries of an archive.
const ENTRIES_MAX: u64 = 50_000_000;
/// Bytes that stay free on the disk.
const MARGIN: u64 = 64 * 1024 * 1024;
/// Memory that unpacking may take, as a power of two.
const WINDOW_LOG_MAX: u32 = 27;

/// What was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    pub files: u64,
    /// Bytes of them all.
    pub bytes: u64,
    /// Secret inputs and values of stored secrets that were given up, since there is no key that opens them.
    pub secrets_lost: u64,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("{0} is not empty: a backup is restored into a new or an empty directory only")]
    NotEmpty(PathBuf),
    #[error("the directory {path} cannot be used: {source}")]
    Directory { path: PathBuf, source: io::Error },
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("this is not a backup of Signalbox, or it is damaged: {0}")]
    NotABackup(String),
    #[error("the backup is not whole: it ends before its last entry")]
    NotWhole,
    #[error("the backup does not fit: {needed} more bytes are needed, and {free} are free")]
    NoRoom { needed: u64, free: u64 },
    #[error("the restored store cannot be used: {0}")]
    Store(#[from] StoreError),
}

fn damaged(what: impl Into<String>) -> RestoreError {
    RestoreError::NotABackup(what.into())
}

/// Restore the archive at `file` into `directory`, which must be empty or not there. Nothing is left of it if that fails.
///
/// `keys` are the keys of the server that the backup is of. One key file alone is put in its place; any others stay where they
/// are, and the server is started with them. Without a key the secret inputs of runs that had not ended and the values of stored
/// secrets are given up.
///
/// # Errors
/// [`RestoreError`].
pub async fn restore(file: &Path, directory: &Path, keys: &[KeySource]) -> Result<Restored, RestoreError> {
    let fault = |source| RestoreError::Directory { path: directory.to_owned(), source };
    let made = match fs::read_dir(directory) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(RestoreError::NotEmpty(directory.to_owned()));
            }
            false
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(fault)?;
            true
        }
        Err(error) => return Err(fault(error)),
    };
    let (source, target) = (file.to_owned(), directory.to_owned());
    let unpacked = tokio::task::spawn_blocking(move || unpack(&source, &target)).await;
    let restored = match unpacked.unwrap_or_else(|_| Err(damaged("reading it failed"))) {
        Ok(restored) => {
            let secrets_lost = settle(directory, keys).await;
            secrets_lost.map(|secrets_lost| Restored { secrets_lost, ..restored })
        }
        Err(error) => Err(error),
    };
    if restored.is_err() {
        clear(directory, made);
    }
    restored
}

/// Is it a store, and does the key open what is sealed in it? The copy says of itself that it is one, so that a server that
/// starts on it takes nothing up again. Answers how many secrets were given up.
async fn settle(directory: &Path, keys: &[KeySource]) -> Result<u64, RestoreError> {
    let store = Store::open_sqlite(&directory.join(DATABASE), Arc::new(Expressions::default())).await?;
    let settled = match keys {
        [] => store.give_up_secrets().await.map_err(RestoreError::from),
        [KeySource::File(key)] => put_key(&store, key, &directory.join(KEY)).await.map(|()| 0),
        keys => try_keys(&store, keys).await.map(|()| 0),
    };
    store.close().await;
    settled
}

async fn try_keys(store: &Store, keys: &[KeySource]) -> Result<(), RestoreError> {
    // None is made here: it would open nothing.
    for key in keys {
        KeyFile::open(key)?;
    }
    Ok(store.unlock(Keys::open(keys)?).await?)
}

async fn put_key(store: &Store, from: &Path, to: &Path) -> Result<(), RestoreError> {
    let unreadable = |source| RestoreError::Unreadable { path: from.to_owned(), source };
    let text = fs::read(from).map_err(unreadable)?;
    let fault = |source| RestoreError::Directory { path: to.to_owned(), source };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(to).map_err(fault)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(fault)?;
    store.unlock(KeyFile::open_or_make(to)?).await?;
    Ok(())
}

/// Only what was made here can be there: the directory was empty.
fn clear(directory: &Path, made: bool) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
    if made {
        let _ = fs::remove_dir(directory);
    }
}

fn unpack(file: &Path, directory: &Path) -> Result<Restored, RestoreError> {
    let unreadable = |source| RestoreError::Unreadable { path: file.to_owned(), source };
    let opened = File::open(file).map_err(unreadable)?;
    let mut decoder =
        zstd::Decoder::with_buffer(BufReader::new(opened)).map_err(|error| damaged(error.to_string()))?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(|error| damaged(error.to_string()))?;
    let mut reader =
        Reader { from: decoder, directory, restored: Restored { files: 0, bytes: 0, secrets_lost: 0 } };
    let mut entries = 0;
    let mut database = false;
    loop {
        let Some(entry) = reader.header()? else { return Err(RestoreError::NotWhole) };
        if entry.name == COMPLETE {
            let text = reader.text(entry.size)?;
            if text.trim() != entries.to_string() {
                return Err(damaged("its last entry counts others than there are"));
            }
            break;
        }
        entries += 1;
        if entries > ENTRIES_MAX {
            return Err(damaged("it has too many entries"));
        }
        match entry.name.as_str() {
            README => {
                reader.text(entry.size)?;
            }
            name if is_expected(name) => {
                database |= name == DATABASE;
                reader.file(name, entry.size)?;
            }
            name => return Err(damaged(format!("no backup has an entry `{}`", shown(name)))),
        }
    }
    if !database {
        return Err(damaged("there is no store in it"));
    }
    sync_folders(directory)
        .map_err(|source| RestoreError::Directory { path: directory.to_owned(), source })?;
    Ok(reader.restored)
}

/// The store, or a file of a log: `output/RUN/STEP-ATTEMPT.KIND`.
fn is_expected(name: &str) -> bool {
    if name == DATABASE {
        return true;
    }
    let parts: Vec<&str> = name.split('/').collect();
    let [OUTPUT, run, file] = parts.as_slice() else { return false };
    let run_is = run.len() == 36 && run.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let Some((stem, kind)) = file.split_once('.') else { return false };
    let numbers: Vec<&str> = stem.split('-').collect();
    let number = |text: &&str| (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    run_is && matches!(kind, "seg" | "idx" | "tail") && numbers.len() == 2 && numbers.iter().all(number)
}

fn sync_folders(directory: &Path) -> io::Result<()> {
    let output = directory.join(OUTPUT);
    for run in fs::read_dir(&output).into_iter().flatten() {
        File::open(run?.path())?.sync_all()?;
    }
    if output.is_dir() {
        File::open(&output)?.sync_all()?;
    }
    File::open(directory)?.sync_all()
}

struct Entry {
    name: String,
    size: u64,
}

struct Reader<'d, R: Read> {
    from: R,
    directory: &'d Path,
    restored: Restored,
}

impl<R: Read> Reader<'_, R> {
    /// The next entry; none at the end.
    fn header(&mut self) -> Result<Option<Entry>, RestoreError> {
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let field = |at: usize, length: usize| {
            let bytes = &block[at..at + length];
            &bytes[..bytes.iter().position(|byte| *byte == 0).unwrap_or(length)]
        };
        let said = octal(field(148, 8)).ok_or_else(|| damaged("an entry has no sum"))?;
        let blank = |at: usize, byte: u8| if (148..156).contains(&at) { b' ' } else { byte };
        let sum: u64 = block.iter().enumerate().map(|(at, byte)| u64::from(blank(at, *byte))).sum();
        if said != sum || &block[257..262] != b"ustar" {
            return Err(damaged("an entry's header is not what its sum says"));
        }
        if block[156] != b'0' || !field(157, 100).is_empty() {
            return Err(damaged("it holds something else than plain files"));
        }
        if !field(345, 155).is_empty() {
            return Err(damaged("an entry's name is too long"));
        }
        let name = std::str::from_utf8(field(0, 100)).map_err(|_| damaged("a name is not UTF-8"))?.to_owned();
        let size = if block[124] == 0x80 {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&block[128..136]);
            Some(u64::from_be_bytes(bytes)).filter(|_| block[125..128] == [0, 0, 0])
        } else {
            octal(field(124, 12))
        };
        let size = size.filter(|size| *size < 1 << 62).ok_or_else(|| damaged("an entry has no size"))?;
        Ok(Some(Entry { name, size }))
    }

    fn fill(&mut self, block: &mut [u8]) -> Result<(), RestoreError> {
        self.from.read_exact(block).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => RestoreError::NotWhole,
            _ => damaged(error.to_string()),
        })
    }

    fn text(&mut self, size: u64) -> Result<String, RestoreError> {
        const TEXT_MAX: u64 = 64 * 1024;
        if size > TEXT_MAX {
            return Err(damaged("a text in it is too long"));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        self.fill(&mut bytes)?;
        self.padding(size)?;
        String::from_utf8(bytes).map_err(|_| damaged("a text in it is not UTF-8"))
    }

    fn padding(&mut self, size: u64) -> Result<(), RestoreError> {
        let rest = usize::try_from(size % BLOCK as u64).unwrap_or(0);
        if rest == 0 { Ok(()) } else { self.fill(&mut [0; BLOCK][rest..]) }
    }

    fn file(&mut self, name: &str, size: u64) -> Result<(), RestoreError> {
        let path = self.directory.join(name);
        let fault = |source| RestoreError::Directory { path: path.clone(), source };
        // Before anything is written: what says that it is huge fills no disk.
        let free = free_bytes(self.directory).map_err(fault)?;
        if size.saturating_add(MARGIN) > free {
            return Err(RestoreError::NoRoom { needed: size.saturating_add(MARGIN) - free, free });
        }
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        if file.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            return Err(damaged(format!("it holds `{}` twice", shown(name))));
        }
        let file = file.as_mut().map_err(|error| fault(io::Error::from(error.kind())))?;
        let copied = io::copy(&mut (&mut self.from).take(size), file);
        match copied {
            Ok(copied) if copied == size => {}
            Ok(_) => return Err(RestoreError::NotWhole),
            Err(error) => return Err(damaged(format!("`{}`: {error}", shown(name)))),
        }
        file.sync_all().map_err(fault)?;
        self.padding(size)?;
        self.restored.files += 1;
        self.restored.bytes += size;
        Ok(())
    }
}

fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = nix::sys::statvfs::statvfs(path)?;
    Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

fn octal(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?.trim_matches(' ');
    if text.is_empty() || !text.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
        return None;
    }
    u64::from_str_radix(text, 8).ok()
}

fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
