//! What a reader knows of a log: from its files, as they grow under another process's hands.
//!
//! Nothing is read twice. The tail is asked before the index, since a block is named in the index before its frames in
//! the tail are written over: what was there when a reader began to look, it finds in one of the two.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use crate::{
    LogSize, OutputError, frame,
    key::LogPaths,
    record::{BLOCK_RECORD, Block, Codec, End, Place, RECORD_MAX, Record},
};

/// Bytes read of the index or the tail at once.
const READ: usize = 16 * 1024;

/// More than the tail ever holds: a block in records of a frame each, with its frames as short as they can be.
const HELD_MAX: usize = 2 * RECORD_MAX;

pub(crate) struct View {
    paths: LogPaths,
    seg: Option<File>,
    ring: Option<File>,
    idx: Option<File>,
    tail: Option<File>,
    /// Blocks that the index names, in order, without a gap.
    blocks: Vec<Block>,
    /// The end of `blocks`, where the frames in the tail begin.
    blocks_end: u64,
    /// How far the index was read.
    idx_at: u64,
    /// The next record of the tail: its place in the file and in the log.
    tail_at: u64,
    tail_position: u64,
    /// Bytes of the step's own output in the tail as far as it was read.
    tail_payload: u64,
    end: Option<End>,
    /// The index is ahead of the blocks, and will stay so.
    cut: bool,
    buffer: Vec<u8>,
}

impl View {
    pub fn new(paths: LogPaths) -> Self {
        Self {
            paths,
            seg: None,
            ring: None,
            idx: None,
            tail: None,
            blocks: Vec::new(),
            blocks_end: 0,
            idx_at: 0,
            tail_at: 0,
            tail_position: 0,
            tail_payload: 0,
            end: None,
            cut: false,
            buffer: Vec::new(),
        }
    }

    /// Look at all that is there, and see whether it fits together.
    pub fn survey(&mut self) -> Result<LogSize, OutputError> {
        let mut frames = Vec::new();
        while self.more_tail(&mut frames)? || self.more_blocks()? {
            frames.clear();
        }
        self.check_blocks()?;
        while self.more_tail(&mut frames)? {
            frames.clear();
        }
        let found: u64 = self.blocks.iter().map(|block| u64::from(block.payload)).sum();
        let bytes = found + self.tail_payload;
        let nothing = self.idx.is_none() && self.tail.is_none();
        let end = self.end.unwrap_or(End {
            position: self.tail_position,
            bytes,
            dropped: 0,
            lost: 0,
            complete: nothing,
        });
        Ok(end.size())
    }

    /// Where the next frame will be, as far as this view has looked.
    pub fn end(&self) -> u64 {
        self.tail_position
    }

    /// Nothing follows what this view has seen.
    pub fn is_closed(&self) -> bool {
        self.end.is_some_and(|end| end.position <= self.tail_position)
    }

    pub fn paths(&self) -> &LogPaths {
        &self.paths
    }

    /// The block in which `position` lies, if it is in one.
    pub fn block_at(&self, position: u64) -> Option<Block> {
        let place = self.blocks.partition_point(|block| block.end() <= position);
        self.blocks.get(place).copied()
    }

    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Where the frames in the tail begin.
    pub fn blocks_end(&self) -> u64 {
        self.blocks_end
    }

    /// How far the index and the tail were read: what is behind does not count.
    pub fn read_to(&self) -> (u64, u64) {
        (self.idx_at, self.tail_at)
    }

    /// The index names blocks that are not there.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The frames in the tail that nobody was to see before the end, from this position of the ring on.
    pub fn held(&mut self, mut position: u64) -> Result<Vec<u8>, OutputError> {
        let mut held = Vec::new();
        let found = read(&mut self.tail, &self.paths.tail, 0, HELD_MAX, &mut self.buffer)?;
        let mut at = 0;
        while let Some((Record::Held { start, frames }, len)) = Record::first(&self.buffer[at..found]) {
            if start != position || frame::payload(frames).is_none() {
                break;
            }
            held.extend_from_slice(frames);
            position += frames.len() as u64;
            at += len;
        }
        Ok(held)
    }

    /// Read the tail from its begin again.
    pub fn rewind_tail(&mut self) {
        self.tail_at = 0;
        self.tail_position = self.blocks_end;
        self.tail_payload = 0;
    }

    /// Append further frames of the tail to `frames`: they begin at [`end`](Self::end) as it was before. False if there
    /// is nothing new.
    pub fn more_tail(&mut self, frames: &mut Vec<u8>) -> Result<bool, OutputError> {
        if self.is_closed() {
            return Ok(false);
        }
        let mut want = READ;
        loop {
            let found = read(&mut self.tail, &self.paths.tail, self.tail_at, want, &mut self.buffer)?;
            let mut at = 0;
            let mut more = false;
            while let Some((record, len)) = Record::first(&self.buffer[at..found]) {
                match record {
                    Record::Frames { start, frames: new } if start == self.tail_position => {
                        let Some(payload) = frame::payload(new) else { break };
                        frames.extend_from_slice(new);
                        self.tail_position += new.len() as u64;
                        self.tail_payload += payload;
                    }
                    Record::End(end) if end.position == self.tail_position => self.end = Some(end),
                    // From before the last block, and about to be written over.
                    _ => break,
                }
                at += len;
                more = true;
            }
            self.tail_at += at as u64;
            if more {
                return Ok(true);
            }
            match Record::said_len(&self.buffer[..found]) {
                Some(len) if len > want && found == want => want = len,
                _ => return Ok(false),
            }
        }
    }

    /// Take blocks that the index names since; false if there are none. Then the tail is at its begin.
    pub fn more_blocks(&mut self) -> Result<bool, OutputError> {
        if self.cut || self.end.is_some() {
            return Ok(false);
        }
        let (mut again, mut more) = (false, false);
        loop {
            let found = read(&mut self.idx, &self.paths.idx, self.idx_at, READ, &mut self.buffer)?;
            let mut at = 0;
            while let Some((record, len)) = Record::first(&self.buffer[at..found]) {
                match record {
                    Record::Block(block) if block.start == self.blocks_end && self.end.is_none() => {
                        self.blocks_end = block.end();
                        self.blocks.push(block);
                    }
                    Record::End(end) if end.position == self.blocks_end && self.end.is_none() => {
                        self.end = Some(end);
                    }
                    _ => return Err(self.damaged_index(at, "a record is not where it belongs")),
                }
                at += len;
            }
            // A torn last record is how a process writes, or dies. Sound records behind an unsound one are not, unless
            // they came while this one was read.
            let sound = |later: usize| Record::first(&self.buffer[later..found]).is_some();
            let damaged = (at..found).step_by(BLOCK_RECORD).skip(1).any(sound);
            if damaged && again {
                return Err(self.damaged_index(at, "a record does not match its checksum"));
            }
            self.idx_at += at as u64;
            more |= at > 0;
            again = damaged;
            if !damaged {
                break;
            }
        }
        if more {
            self.rewind_tail();
        }
        Ok(more)
    }

    /// Power was lost while it was written: the index reached the disk, the blocks did not.
    fn check_blocks(&mut self) -> Result<(), OutputError> {
        if self.blocks.is_empty() {
            return Ok(());
        }
        let held = |path: &Path| match std::fs::metadata(path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(OutputError::io(path)(error)),
        };
        let seg = held(&self.paths.seg)?;
        let ring = held(&self.paths.ring)?;
        let there = |block: &Block| match block.place {
            Place::Seg => block.offset_end() <= seg,
            Place::Ring => block.offset_end() <= ring,
        };
        let Some(first_lost) = self.blocks.iter().position(|block| !there(block)) else { return Ok(()) };
        let lost = self.blocks[first_lost];
        if self.end.is_some() {
            let (path, at) = match lost.place {
                Place::Seg => (&self.paths.seg, seg),
                Place::Ring => (&self.paths.ring, ring),
            };
            return Err(OutputError::Damaged {
                path: path.clone(),
                at,
                what: "it ends before its last block",
            });
        }
        self.blocks.truncate(first_lost);
        self.blocks_end = lost.start;
        self.cut = true;
        self.rewind_tail();
        Ok(())
    }

    /// The frames of a block.
    pub fn unpack(&mut self, block: Block) -> Result<Vec<u8>, OutputError> {
        let (file, path) = match block.place {
            Place::Seg => (&mut self.seg, &self.paths.seg),
            Place::Ring => (&mut self.ring, &self.paths.ring),
        };
        unpack(file, path, block)
    }

    fn damaged_index(&self, at: usize, what: &'static str) -> OutputError {
        OutputError::Damaged { path: self.paths.idx.clone(), at: self.idx_at + at as u64, what }
    }
}

/// The frames of a block in this file.
pub(crate) fn unpack(file: &mut Option<File>, path: &Path, block: Block) -> Result<Vec<u8>, OutputError> {
    let file = match file {
        Some(file) => file,
        none => none.insert(File::open(path).map_err(OutputError::io(path))?),
    };
    let mut packed = vec![0; block.packed as usize];
    file.read_exact_at(&mut packed, block.offset).map_err(OutputError::io(path))?;
    let damaged = |what| OutputError::Damaged { path: path.to_path_buf(), at: block.offset, what };
    if crc32fast::hash(&packed) != block.crc {
        return Err(damaged("a block does not match its checksum"));
    }
    let frames = match block.codec {
        Codec::Raw => Ok(packed),
        Codec::Zstd => zstd::bulk::decompress(&packed, block.len as usize),
    };
    match frames {
        Ok(frames) if frames.len() == block.len as usize => Ok(frames),
        _ => Err(damaged("a block cannot be decompressed")),
    }
}

/// Read up to `want` bytes at a place; how many there were. A file that is not there yet is empty.
fn read(
    file: &mut Option<File>,
    path: &Path,
    at: u64,
    want: usize,
    buffer: &mut Vec<u8>,
) -> Result<usize, OutputError> {
    let file = match file {
        Some(file) => file,
        none => match File::open(path) {
            Ok(opened) => none.insert(opened),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(OutputError::io(path)(error)),
        },
    };
    if buffer.len() < want {
        buffer.resize(want, 0);
    }
    loop {
        match file.read_at(&mut buffer[..want], at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            found => return found.map_err(OutputError::io(path)),
        }
    }
}
