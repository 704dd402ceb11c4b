//! What can go wrong, in words that say which file and what to do.

use std::{io, path::PathBuf};

/// Why output could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error("`{0}` is not the id of a run: 36 characters of 0-9, a-f and `-` are expected")]
    BadRun(String),
    #[error("there is output of this attempt already: {}", .0.display())]
    Exists(PathBuf),
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("some of it was lost while {} could not be written: {why}", .folder.display())]
    Lost { folder: PathBuf, why: String },
    #[error("the thread that packs output ended in the middle of its work; output is no longer kept")]
    Packer,
    #[error(
        "{} is damaged at byte {at}: {what}; restore the file from a backup, or remove it to give its output up",
        .path.display()
    )]
    Damaged { path: PathBuf, at: u64, what: &'static str },
}

impl OutputError {
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }

    /// What the system said, without the name of a file.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => "no space left".to_owned(),
                io::ErrorKind::ReadOnlyFilesystem => "read-only".to_owned(),
                io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
                _ => source.to_string(),
            },
            other => other.to_string(),
        }
    }
}
