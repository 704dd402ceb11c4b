//! What can go wrong around a run's folder.

use std::{io, path::PathBuf};

/// Why a run's folder cannot be made, found or removed.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    #[error("`{0}` is not the id of a run: 36 characters of 0-9, a-f and `-` are expected")]
    BadRun(String),
    #[error(
        "`{0}` cannot be the path of a version's file: it must be relative, with no `.`, `..` or empty part"
    )]
    BadPath(String),
    #[error("cannot make {}: {source}", .path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("there is no working folder of this run: {}", .0.display())]
    Missing(PathBuf),
    #[error("the working directory is gone; a step before removed it")]
    Gone,
    #[error("cannot remove {}: {source}; remove it by hand", .path.display())]
    Remove { path: PathBuf, source: io::Error },
}
