//! The data directory: one server at a time, readable by its owner only.
//!
//! ```text
//! lock              held while a server runs
//! signalbox.db      the store
//! admin.token       the administrator's token, written once
//! output/           what steps wrote
//! work/             the working directories of runs
//! shims/            the small processes under which steps live, one folder each
//! boot              which start of the machine the last server ran in
//! key               what secrets are sealed with; in no backup
//! ```

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use model::api::Role;
use store::{Evaluator, KeySource, Keys, Store, StoreError};

use crate::{clock, token};

/// Names this start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Why the server does not start: a sentence, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "the data directory {path} cannot be used: {source}\n  hint: choose another with --data-dir, or give this user the right to write there"
    )]
    DataDir { path: PathBuf, source: io::Error },
    #[error(
        "another server is using the data directory {0}\n  hint: stop that one first, or choose another directory with --data-dir"
    )]
    Locked(PathBuf),
    #[error("the store in {path} cannot be opened: {source}")]
    Store { path: PathBuf, source: StoreError },
    #[error(
        "{address} cannot be listened on: {source}\n  hint: another program may be using it; choose another with --listen"
    )]
    Listen { address: std::net::SocketAddr, source: io::Error },
    #[error("no random numbers are to be had from this system: {0}")]
    Random(getrandom::Error),
    #[error("the server stopped serving: {0}")]
    Serve(io::Error),
    #[error("the shims under which steps live cannot be used: {0}")]
    Shims(runner::RunnerError),
    #[error("what was running cannot be taken up again: {0}")]
    Recover(StoreError),
}

/// A data directory that is ours until this is dropped.
pub(crate) struct DataDir {
    path: PathBuf,
    /// The kernel lets go of the lock with the process, however that ends.
    _lock: File,
}

impl DataDir {
    pub(crate) fn open(path: &Path) -> Result<Self, StartError> {
        let fault = |source| StartError::DataDir { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fault)?;
        let path = path.canonicalize().map_err(fault)?;
        let mut options = OpenOptions::new();
        let lock = options
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(fault)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StartError::Locked(path)),
            Err(TryLockError::Error(source)) => return Err(fault(source)),
        }
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.path.join("output")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    pub(crate) fn admin_token(&self) -> PathBuf {
        self.path.join("admin.token")
    }

    /// Where the shims live, under which steps run.
    pub(crate) fn shims(&self) -> PathBuf {
        self.path.join("shims")
    }

    /// The key under which secrets are sealed, unless others are named. In no backup.
    pub(crate) fn key(&self) -> PathBuf {
        self.path.join("key")
    }

    /// Did the last server whose recovery was complete run since the machine was started last? Then whatever shims wrote
    /// down since is there: nothing was lost with the power.
    pub(crate) fn is_same_boot(&self) -> io::Result<bool> {
        let now = std::fs::read(BOOT_ID)?;
        Ok(std::fs::read(self.path.join("boot")).is_ok_and(|before| before == now))
    }

    /// What ran before this start of the machine is settled. Not before: a server that dies in between must not leave
    /// others to believe that what the power took was never there.
    pub(crate) fn keep_boot(&self) -> io::Result<()> {
        std::fs::write(self.path.join("boot"), std::fs::read(BOOT_ID)?)
    }

    /// The store, opened with these keys; with the one in this directory if none is named.
    pub(crate) async fn store(&self, evaluate: Evaluator, keys: &[KeySource]) -> Result<Store, StartError> {
        let path = self.path.join("signalbox.db");
        // Made here first, so that nobody else may read it; SQLite gives its journal the same mode.
        let mut options = OpenOptions::new();
        let made = options.create(true).truncate(false).write(true).mode(0o600).open(&path);
        made.map_err(|source| StartError::DataDir { path: path.clone(), source })?;
        let fault = |source| StartError::Store { path: path.clone(), source };
        let store = Store::open_sqlite(&path, evaluate).await.map_err(fault)?;
        let own = [KeySource::File(self.key())];
        let keys = Keys::open(if keys.is_empty() { &own } else { keys }).map_err(fault)?;
        store.unlock(keys).await.map_err(fault)?;
        Ok(store)
    }

    /// On the first start, make the administrator. The token is on disk before the store knows it, so that a crash between
    /// the two leaves no installation without a way in. Answers whether it was made now.
    pub(crate) async fn ensure_administrator(&self, store: &Store) -> Result<bool, StartError> {
        let fault = |source| StartError::Store { path: self.path.clone(), source };
        if !store.tokens().await.map_err(fault)?.is_empty() {
            return Ok(false);
        }
        let secret = token::new_token().map_err(StartError::Random)?;
        let path = self.admin_token();
        write_secret(&path, &secret).map_err(|source| StartError::DataDir { path, source })?;
        store
            .create_token("admin", Role::Admin, &token::hash(&secret), clock::now(), None)
            .await
            .map_err(fault)?;
        Ok(true)
    }
}

fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_counts_once_recovery_is_complete_and_no_other_does() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(folder.path()).unwrap();
        assert!(!data_dir.is_same_boot().unwrap(), "the first start");
        assert!(!data_dir.is_same_boot().unwrap(), "a server that died before its recovery was complete");
        data_dir.keep_boot().unwrap();
        assert!(data_dir.is_same_boot().unwrap());
        std::fs::write(folder.path().join("boot"), "another").unwrap();
        assert!(!data_dir.is_same_boot().unwrap(), "the power was gone");
    }
}
