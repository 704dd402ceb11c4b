//! The record of an attempt's end: there from the end until the server has stored it.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use model::run::StepEnd;
use serde::{Deserialize, Serialize};

use crate::AttemptId;

/// The folder of records in the folder of all shims.
pub(crate) const ENDS: &str = "ends";

#[derive(Serialize, Deserialize)]
pub(crate) struct EndRecord {
    pub id: AttemptId,
    pub end: StepEnd,
}

impl EndRecord {
    /// First whole under another name, so that nobody ever reads half of it.
    pub fn write(&self, shims: &Path, folder: &Path) -> io::Result<()> {
        let draft = folder.join("end");
        let text = serde_json::to_vec(self)?;
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?.write_all(&text)?;
        fs::rename(&draft, path(shims, &self.id))
    }

    /// None if the attempt has no record.
    pub fn read(shims: &Path, id: &AttemptId) -> Option<Self> {
        Self::read_file(&path(shims, id)).filter(|record| record.id.is_of(id))
    }

    fn read_file(path: &Path) -> Option<Self> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            read => read,
        };
        match text.and_then(|text| Ok(serde_json::from_slice(&text)?)) {
            Ok(record) => Some(record),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "the record of a step's end cannot be read");
                None
            }
        }
    }

    pub fn all(shims: &Path) -> Vec<Self> {
        let entries = fs::read_dir(shims.join(ENDS)).into_iter().flatten().flatten();
        entries.filter_map(|entry| Self::read_file(&entry.path())).collect()
    }

    pub fn remove(shims: &Path, id: &AttemptId) -> io::Result<()> {
        match fs::remove_file(path(shims, id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

fn path(shims: &Path, id: &AttemptId) -> PathBuf {
    shims.join(ENDS).join(format!("{}-{}-{}", id.run, id.step, id.attempt))
}
