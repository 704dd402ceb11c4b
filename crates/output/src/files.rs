//! The files of a log that is being written. Each is made when the first byte goes to it.
//!
//! Readers, in other processes too, look at the `.tail` first and at the `.idx` after it. So a block is whole in the
//! `.seg` before the `.idx` names it, and named before its frames in the `.tail` are written over.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::Path,
};

use crate::{
    OutputError,
    early_sync::EarlySync,
    key::LogPaths,
    record::{Block, Place, Record},
    view::View,
};

#[derive(Default)]
pub(crate) struct Files {
    seg: Option<Appended>,
    ring: Option<Appended>,
    idx: Option<Appended>,
    tail: Option<Appended>,
    /// The run's folder was made for this log.
    folder_made: bool,
    early: EarlySync,
}

impl Files {
    /// The files of a log whose writer died, to go on behind what `view` has read.
    pub fn found(paths: &LogPaths, view: &View) -> Result<Self, OutputError> {
        let open = |path: &Path, len| match File::options().write(true).open(path) {
            Ok(file) => Ok(Some(Appended { file, len })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(OutputError::io(path)(error)),
        };
        let seg = view.blocks().iter().filter(|block| block.place == Place::Seg).map(Block::offset_end).max();
        let (idx, tail) = view.read_to();
        Ok(Self {
            seg: open(&paths.seg, seg.unwrap_or(0))?,
            ring: open(&paths.ring, 0)?,
            idx: open(&paths.idx, idx)?,
            tail: open(&paths.tail, tail)?,
            folder_made: false,
            early: EarlySync::default(),
        })
    }

    /// Bytes in the `.seg`.
    pub fn seg_len(&self) -> u64 {
        self.seg.as_ref().map_or(0, |file| file.len)
    }

    pub fn write_tail(&mut self, paths: &LogPaths, bytes: &[u8]) -> Result<(), OutputError> {
        let tail = open(&mut self.tail, &mut self.folder_made, paths, &paths.tail)?;
        tail.append(bytes).map_err(OutputError::io(&paths.tail))
    }

    /// What the tail shows is named in the `.idx` now, or will be: it is written over from its begin.
    pub fn rewind_tail(&mut self) {
        if let Some(tail) = &mut self.tail {
            tail.len = 0;
        }
    }

    /// First the block, then the record of it. A block that is not named is written over by the next one.
    pub fn write_block(&mut self, paths: &LogPaths, packed: &[u8], block: Block) -> Result<(), OutputError> {
        let before = self.seg_len();
        self.write_unnamed(paths, packed, block)?;
        let named = self.write_index(paths, &[Record::Block(block)]);
        if let (Err(_), Some(seg)) = (&named, &mut self.seg) {
            seg.len = before;
        }
        named
    }

    /// A block whose record follows.
    pub fn write_unnamed(
        &mut self,
        paths: &LogPaths,
        packed: &[u8],
        block: Block,
    ) -> Result<(), OutputError> {
        let seg = open(&mut self.seg, &mut self.folder_made, paths, &paths.seg)?;
        write_at(&seg.file, packed, block.offset).map_err(OutputError::io(&paths.seg))?;
        seg.len = block.offset_end();
        self.early.wrote(&seg.file, packed.len());
        Ok(())
    }

    pub fn write_index(&mut self, paths: &LogPaths, records: &[Record<'_>]) -> Result<(), OutputError> {
        let mut bytes = Vec::with_capacity(records.len() * 64);
        for record in records {
            record.push(&mut bytes);
        }
        let idx = open(&mut self.idx, &mut self.folder_made, paths, &paths.idx)?;
        idx.append(&bytes).map_err(OutputError::io(&paths.idx))
    }

    pub fn write_ring(&mut self, paths: &LogPaths, bytes: &[u8], offset: u64) -> Result<(), OutputError> {
        let ring = open(&mut self.ring, &mut self.folder_made, paths, &paths.ring)?;
        write_at(&ring.file, bytes, offset).map_err(OutputError::io(&paths.ring))
    }

    /// The index says all: the tail goes.
    pub fn remove_tail(&mut self, paths: &LogPaths) -> Result<(), OutputError> {
        if self.tail.take().is_some() {
            fs::remove_file(&paths.tail).map_err(OutputError::io(&paths.tail))?;
            #[cfg(test)]
            crate::order::step();
        }
        Ok(())
    }

    /// Bring all to the disk, blocks before the index, and the names of the files.
    pub fn sync(&mut self, paths: &LogPaths) -> Result<(), OutputError> {
        self.early.result().map_err(OutputError::io(&paths.seg))?;
        let files = [
            (&self.seg, &paths.seg),
            (&self.ring, &paths.ring),
            (&self.idx, &paths.idx),
            (&self.tail, &paths.tail),
        ];
        for (file, path) in files {
            if let Some(appended) = file {
                appended.file.sync_data().map_err(OutputError::io(path))?;
            }
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

fn open<'f>(
    file: &'f mut Option<Appended>,
    folder_made: &mut bool,
    paths: &LogPaths,
    path: &Path,
) -> Result<&'f mut Appended, OutputError> {
    match file {
        Some(file) => Ok(file),
        none => Ok(none.insert(create(paths, path, folder_made).map_err(OutputError::io(path))?)),
    }
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
        write_at(&self.file, bytes, self.len)?;
        self.len += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(not(test))]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    file.write_all_at(bytes, at)
}

/// In pieces, and somebody looks after each of them.
#[cfg(test)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    let cuts = [0, bytes.len().min(3), bytes.len() / 2, bytes.len()];
    for cut in cuts.windows(2) {
        file.write_all_at(&bytes[cut[0]..cut[1]], at + cut[0] as u64)?;
        crate::order::step();
    }
    Ok(())
}
