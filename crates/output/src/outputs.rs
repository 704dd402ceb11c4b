//! The folder of all logs, and which of them are being written.

use std::{fs, io, os::unix::fs::DirBuilderExt, path::PathBuf, sync::Arc};

use crate::{
    Limit, LogKey, LogReader, LogSize, LogWriter, OutputError, abandoned,
    key::run_folder,
    live::{Live, Writing},
    view::View,
};

/// The logs of all steps.
#[derive(Clone)]
pub struct Outputs {
    root: Arc<PathBuf>,
    live: Live,
}

impl Outputs {
    /// Use the folder `root`; it is made if it is not there.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
        Ok(Self { root: Arc::new(root), live: Live::default() })
    }

    /// The folder, for those that write logs in other processes.
    pub fn root(&self) -> &std::path::Path {
        &self.root
    }

    /// Begin the log of an attempt that this process writes.
    ///
    /// # Errors
    /// [`OutputError::Exists`] if the attempt has a log already: nothing is ever written over.
    pub fn create(&self, key: LogKey, limit: impl Into<Limit>) -> Result<LogWriter, OutputError> {
        let mut log = LogWriter::create(&self.root, key.clone(), limit)?;
        if !self.live.begin(key.clone(), Writing::Here) {
            return Err(OutputError::Exists(key.paths(&self.root)?.folder));
        }
        log.register(self.live.clone(), key);
        Ok(log)
    }

    /// From now on another process writes this log, or will soon: readers wait for more of it. Said again after a
    /// restart of this process, for every attempt that goes on.
    pub fn expect(&self, key: LogKey) {
        self.live.begin(key, Writing::Elsewhere);
    }

    /// The process that writes this log says that it grew: readers that wait look at once. A nudge that does not arrive
    /// costs them a quarter of a second.
    pub fn nudge(&self, key: &LogKey) {
        self.live.nudge(key);
    }

    /// The process that wrote this log has finished it, or never began: readers wait for no more.
    pub fn finished(&self, key: &LogKey) {
        self.live.end(key);
    }

    /// The process that wrote this log died. Close the log behind the last thing that anybody saw, with a note that it
    /// breaks off there; nothing in it is rewritten, and it never counts as complete. A log that was closed stays as it
    /// is. Waits for the disk.
    ///
    /// The writer must be gone for certain: it would write over the end.
    ///
    /// # Errors
    /// If a file cannot be written or is damaged. Readers wait for no more all the same.
    pub fn close_abandoned(&self, key: &LogKey) -> Result<LogSize, OutputError> {
        let closed = key.paths(&self.root).and_then(abandoned::close);
        self.live.end(key);
        closed
    }

    /// Is this log being written now, by this process or one that is [expected](Self::expect)?
    pub fn is_live(&self, key: &LogKey) -> bool {
        self.live.contains(key)
    }

    /// Read from the first frame at or after the position `from`; 0 is the begin.
    ///
    /// # Errors
    /// If the log's files cannot be read or are damaged.
    pub fn read(&self, key: &LogKey, from: u64) -> Result<LogReader, OutputError> {
        Ok(self.reader(key, from)?.0)
    }

    /// How much there is.
    ///
    /// # Errors
    /// If the log's files cannot be read or are damaged.
    pub fn size(&self, key: &LogKey) -> Result<LogSize, OutputError> {
        // Asked first: a log that is closed in between counts as complete only once it is asked for again.
        let live = self.is_live(key);
        let mut view = View::new(key.paths(&self.root)?);
        let size = view.survey()?;
        Ok(LogSize { complete: size.complete && (!live || view.is_closed()), ..size })
    }

    /// The position of a frame from which about `bytes` follow until the present end: to show the last part only.
    /// A log that cannot be read answers 0; reading it says why.
    pub fn position_before_end(&self, key: &LogKey, bytes: u64) -> u64 {
        let Ok((mut reader, size)) = self.reader(key, 0) else { return 0 };
        reader.frame_around(size.position_end.saturating_sub(bytes)).unwrap_or(0)
    }

    /// Remove all logs of a run.
    ///
    /// # Errors
    /// If files are left that cannot be removed.
    pub fn remove_run(&self, run: &str) -> io::Result<()> {
        let folder = run_folder(&self.root, run).map_err(io::Error::other)?;
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn reader(&self, key: &LogKey, from: u64) -> Result<(LogReader, LogSize), OutputError> {
        let view = View::new(key.paths(&self.root)?);
        LogReader::open(view, key.clone(), self.live.clone(), from)
    }
}
