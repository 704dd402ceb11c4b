//! Which log: the name of one step attempt, and where its files lie.

use std::path::{Path, PathBuf};

use crate::OutputError;

/// One step attempt of one run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LogKey {
    /// The run's UUID.
    pub run: String,
    pub step: u32,
    pub attempt: u32,
}

impl LogKey {
    /// Where the log's files lie under `root`. The run becomes part of a path, so nothing but a UUID is let through.
    pub(crate) fn paths(&self, root: &Path) -> Result<LogPaths, OutputError> {
        let folder = run_folder(root, &self.run)?;
        let file = |kind| folder.join(format!("{}-{}.{kind}", self.step, self.attempt));
        Ok(LogPaths { seg: file("seg"), ring: file("ring"), idx: file("idx"), tail: file("tail"), folder })
    }
}

/// The folder of a run's logs under `root`.
pub(crate) fn run_folder(root: &Path, run: &str) -> Result<PathBuf, OutputError> {
    let plain = run.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-');
    if run.len() == 36 && plain { Ok(root.join(run)) } else { Err(OutputError::BadRun(run.to_owned())) }
}

/// The files of a log.
#[derive(Clone, Debug)]
pub(crate) struct LogPaths {
    pub folder: PathBuf,
    /// Blocks, one after the other.
    pub seg: PathBuf,
    /// The last blocks of a log beyond its limit, in slots that are used again and again.
    pub ring: PathBuf,
    /// Where each block lies, and the end mark.
    pub idx: PathBuf,
    /// What has been shown of the block that is not in the `.idx` yet.
    pub tail: PathBuf,
}
