//! The folder of all logs, and those that are live in this process.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    LogKey, LogReader, LogSize, LogWriter, OutputError,
    key::run_folder,
    log::{Log, LogState},
    recover::recover,
};

/// The logs of all steps.
#[derive(Clone)]
pub struct Outputs {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    live: Live,
}

/// The logs that are being written now.
#[derive(Clone, Default)]
pub(crate) struct Live(Arc<Mutex<HashMap<LogKey, Arc<Log>>>>);

impl Live {
    pub fn lock(&self) -> MutexGuard<'_, HashMap<LogKey, Arc<Log>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outputs {
    /// Use the folder `root`; it is made if it is not there.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
        Ok(Self { inner: Arc::new(Inner { root, live: Live::default() }) })
    }

    /// Begin the log of an attempt. Of the step's own output at most `limit` bytes are kept.
    ///
    /// # Errors
    /// [`OutputError::Exists`] if the attempt has a log already: nothing is ever written over.
    pub fn create(&self, key: LogKey, limit: u64) -> Result<LogWriter, OutputError> {
        let paths = key.paths(&self.inner.root)?;
        let mut live = self.inner.live.lock();
        for path in [&paths.idx, &paths.tail] {
            if live.contains_key(&key) || fs::symlink_metadata(path).is_ok() {
                return Err(OutputError::Exists(path.clone()));
            }
        }
        let log = Arc::new(Log::new(paths, LogState::default()));
        live.insert(key.clone(), Arc::clone(&log));
        Ok(LogWriter::new(key, log, self.inner.live.clone(), limit))
    }

    /// Read from the first frame at or after the position `from`; 0 is the begin.
    ///
    /// # Errors
    /// If the log's files cannot be read or are damaged.
    pub fn read(&self, key: &LogKey, from: u64) -> Result<LogReader, OutputError> {
        Ok(LogReader::new(self.log(key)?, from))
    }

    /// How much there is.
    ///
    /// # Errors
    /// If the log's files cannot be read or are damaged.
    pub fn size(&self, key: &LogKey) -> Result<LogSize, OutputError> {
        Ok(self.log(key)?.size())
    }

    /// The position of a frame from which about `bytes` follow until the present end: to show the last part only.
    /// A log that cannot be read answers 0; reading it says why.
    pub fn position_before_end(&self, key: &LogKey, bytes: u64) -> u64 {
        let Ok(log) = self.log(key) else { return 0 };
        let end = log.size().position_end;
        LogReader::new(log, 0).frame_around(end.saturating_sub(bytes)).unwrap_or(0)
    }

    /// Remove all logs of a run.
    ///
    /// # Errors
    /// If files are left that cannot be removed.
    pub fn remove_run(&self, run: &str) -> io::Result<()> {
        let folder = run_folder(&self.inner.root, run).map_err(io::Error::other)?;
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn log(&self, key: &LogKey) -> Result<Arc<Log>, OutputError> {
        let paths = key.paths(&self.inner.root)?;
        if let Some(log) = self.inner.live.lock().get(key) {
            return Ok(Arc::clone(log));
        }
        let state = recover(&paths)?;
        Ok(Arc::new(Log::new(paths, state)))
    }
}
