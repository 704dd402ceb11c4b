//! The files of a log that is being written. Each is made when the first byte goes to it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::Path,
};

use crate::{
    OutputError,
    key::LogPaths,
    record::{Block, Record},
};

#[derive(Default)]
pub(crate) struct Files {
    seg: Option<Appended>,
    idx: Option<Appended>,
    tail: Option<Appended>,
    /// The run's folder was made for this log.
    folder_made: bool,
}

impl Files {
    /// Bytes in the `.seg`.
    pub fn seg_len(&self) -> u64 {
        self.seg.as_ref().map_or(0, |file| file.len)
    }

    /// Let `bytes`, meant for the tail, begin with the tail's first record if it needs one.
    pub fn begin_tail(&self, start: u64, bytes: &mut Vec<u8>) {
        if self.tail.as_ref().is_none_or(|file| file.len == 0) {
            Record::Start(start).push(bytes);
        }
    }

    pub fn write_tail(&mut self, paths: &LogPaths, bytes: &[u8]) -> Result<(), OutputError> {
        append(&mut self.tail, &mut self.folder_made, paths, &paths.tail, bytes)
    }

    /// What the tail shows is in the `.seg` now.
    pub fn clear_tail(&mut self, paths: &LogPaths) -> Result<(), OutputError> {
        match &mut self.tail {
            Some(tail) if tail.len > 0 => tail.clear().map_err(OutputError::io(&paths.tail)),
            _ => Ok(()),
        }
    }

    /// First the block, then the record of it: an index never names what is not there.
    pub fn write_block(&mut self, paths: &LogPaths, packed: &[u8], block: Block) -> Result<(), OutputError> {
        append(&mut self.seg, &mut self.folder_made, paths, &paths.seg, packed)?;
        self.write_index(paths, &Record::Block(block))
    }

    pub fn write_index(&mut self, paths: &LogPaths, record: &Record<'_>) -> Result<(), OutputError> {
        let mut bytes = Vec::with_capacity(64);
        record.push(&mut bytes);
        append(&mut self.idx, &mut self.folder_made, paths, &paths.idx, &bytes)
    }

    /// Bring all to the disk, blocks before the index, and the names of the files.
    pub fn sync(&mut self, paths: &LogPaths) -> Result<(), OutputError> {
        if let (Some(seg), Some(idx)) = (&self.seg, &self.idx) {
            seg.file.sync_data().map_err(OutputError::io(&paths.seg))?;
            idx.file.sync_data().map_err(OutputError::io(&paths.idx))?;
            if self.tail.take().is_some() {
                fs::remove_file(&paths.tail).map_err(OutputError::io(&paths.tail))?;
            }
        } else if let Some(tail) = &self.tail {
            tail.file.sync_data().map_err(OutputError::io(&paths.tail))?;
        }
        sync_folder(&paths.folder)?;
        match paths.folder.parent() {
            Some(root) if self.folder_made => sync_folder(root),
            _ => Ok(()),
        }
    }
}

fn sync_folder(folder: &Path) -> Result<(), OutputError> {
    File::open(folder).and_then(|folder| folder.sync_data()).map_err(OutputError::io(folder))
}

fn append(
    file: &mut Option<Appended>,
    folder_made: &mut bool,
    paths: &LogPaths,
    path: &Path,
    bytes: &[u8],
) -> Result<(), OutputError> {
    let file = match file {
        Some(file) => file,
        none => none.insert(create(paths, path, folder_made).map_err(OutputError::io(path))?),
    };
    file.append(bytes).map_err(OutputError::io(path))
}

/// Make a file, and the run's folder if it is not there yet.
fn create(paths: &LogPaths, path: &Path, folder_made: &mut bool) -> io::Result<Appended> {
    let create = || File::options().write(true).create_new(true).mode(0o600).open(path);
    let file = match create() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&paths.folder)?;
            *folder_made = true;
            create()?
        }
        made => made?,
    };
    Ok(Appended { file, len: 0 })
}

/// A file and how much of it counts: what a failed write left behind is written over.
struct Appended {
    file: File,
    len: u64,
}

impl Appended {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.len)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.len = 0;
        Ok(())
    }
}
