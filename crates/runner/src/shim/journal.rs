//! A shim's journal: the attempt that is under way, so that its processes are found if the shim dies.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::AttemptId;

/// Each entry is written over the one before by one write of whole pages, so that a kill leaves the one or the other.
const PAGE: usize = 4096;

/// An attempt under way. Holds no secret, and no variable of the step but the cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub id: AttemptId,
    pub cookie: String,
    pub boot: String,
    /// Its first process and when that started; none before it is known.
    pub process: Option<(i32, u64)>,
    /// The folder with its secrets.
    pub secrets: PathBuf,
    /// Its control groups are children of this.
    pub cgroup: Option<PathBuf>,
}

pub(crate) struct Journal {
    file: File,
}

impl Journal {
    pub fn create(folder: &Path) -> io::Result<Self> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(path(folder))?;
        let journal = Self { file };
        // Its page is there from now on, also when the disk is full.
        journal.write(None)?;
        Ok(journal)
    }

    pub fn write(&self, entry: Option<&Entry>) -> io::Result<()> {
        let mut page = serde_json::to_vec(&entry)?;
        let whole = page.len().next_multiple_of(PAGE);
        page.resize(whole, b' ');
        self.file.write_all_at(&page, 0)
    }

    /// The attempt under way when the shim wrote last; none if it had none, or had not begun.
    pub fn read(folder: &Path) -> Option<Entry> {
        let text = fs::read(path(folder)).ok()?;
        // An entry before it may have been longer.
        let mut values = serde_json::Deserializer::from_slice(&text).into_iter::<Option<Entry>>();
        values.next()?.ok()?
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("journal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_entry_counts_however_long_the_one_before_was() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Journal::read(folder.path()), None);
        let journal = Journal::create(folder.path()).unwrap();
        assert_eq!(Journal::read(folder.path()), None);
        for len in [5000, 10, 9000] {
            let entry = Entry {
                id: AttemptId { run: "r".repeat(len), step: 1, attempt: 2, epoch: 3 },
                cookie: "c".to_owned(),
                boot: "b".to_owned(),
                process: Some((1, 2)),
                secrets: "/dev/shm/x".into(),
                cgroup: None,
            };
            journal.write(Some(&entry)).unwrap();
            assert_eq!(Journal::read(folder.path()), Some(entry));
        }
        journal.write(None).unwrap();
        assert_eq!(Journal::read(folder.path()), None);
    }
}
