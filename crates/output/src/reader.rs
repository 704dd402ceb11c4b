//! Reading a log, live or not.

use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

use tokio::sync::watch;

use crate::{Frame, OutputError, frame, log::Log, record::Block};

/// Reads a log frame by frame. However slow it is, it keeps the writer from nothing.
pub struct LogReader {
    log: Arc<Log>,
    changed: watch::Receiver<()>,
    /// Where the next frame is.
    position: u64,
    /// `position` came from outside: perhaps no frame begins there.
    doubtful: bool,
    /// Whole frames, copied from the log.
    chunk: Vec<u8>,
    chunk_start: u64,
    seg: Option<File>,
}

impl LogReader {
    pub(crate) fn new(log: Arc<Log>, from: u64) -> Self {
        let changed = log.follow();
        Self {
            log,
            changed,
            position: from,
            doubtful: from != 0,
            chunk: Vec::new(),
            chunk_start: 0,
            seg: None,
        }
    }

    /// The next frame; waits for it while the log is live in this process. None once the log is finished (or was
    /// never live here) and all was read.
    ///
    /// # Errors
    /// If a file cannot be read or is damaged.
    pub async fn next(&mut self) -> Result<Option<Frame>, OutputError> {
        loop {
            // Both are looked at before the frames, so that nothing comes unseen in between.
            self.changed.borrow_and_update();
            let finished = self.log.read().finished;
            if let Some(frame) = self.try_next()? {
                return Ok(Some(frame));
            }
            // The log cannot go before its readers, so an error does not happen; it would be an end.
            if finished || self.changed.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// The next frame if it is there already.
    ///
    /// # Errors
    /// If a file cannot be read or is damaged.
    pub fn try_next(&mut self) -> Result<Option<Frame>, OutputError> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Where the next frame will be: reading from here goes on without a gap.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The position of the frame in which `target` lies, else the end.
    pub(crate) fn frame_around(&mut self, target: u64) -> Result<u64, OutputError> {
        if let Some(block) = self.log.read().block_at(target) {
            self.position = block.start;
        } else {
            self.position = self.log.read().block_start;
        }
        while let Some(frame) = self.try_next()? {
            if target < frame.next {
                return Ok(frame.position);
            }
        }
        Ok(self.position)
    }

    /// The next frame of the chunk at hand.
    fn take(&mut self) -> Result<Option<Frame>, OutputError> {
        loop {
            let offset = self.position.checked_sub(self.chunk_start).and_then(|at| usize::try_from(at).ok());
            let start = if self.doubtful { Some(0) } else { offset };
            let Some(rest) = start.and_then(|start| self.chunk.get(start..)).filter(|rest| !rest.is_empty())
            else {
                return Ok(None);
            };
            if self.doubtful {
                self.settle()?;
                continue;
            }
            let framed = frame::first(rest).ok_or_else(|| self.malformed())?;
            let frame = Frame {
                position: self.position,
                next: self.position + framed.len as u64,
                stream: framed.stream,
                at: framed.at,
                bytes: framed.bytes.to_vec(),
            };
            self.position = frame.next;
            return Ok(Some(frame));
        }
    }

    /// Move a position from outside to the first frame at or after it. The chunk at hand begins before it.
    fn settle(&mut self) -> Result<(), OutputError> {
        let mut offset = 0;
        while self.chunk_start + (offset as u64) < self.position && offset < self.chunk.len() {
            offset += frame::first(&self.chunk[offset..]).ok_or_else(|| self.malformed())?.len;
        }
        self.position = self.chunk_start + offset as u64;
        self.doubtful = false;
        Ok(())
    }

    /// Get the chunk in which `position` lies; false if nothing is there (yet).
    fn fill(&mut self) -> Result<bool, OutputError> {
        let state = self.log.read();
        if self.position >= state.end() {
            return Ok(false);
        }
        if let Some(block) = state.block_at(self.position) {
            drop(state);
            self.chunk = self.unpack(block)?;
            self.chunk_start = block.start;
        } else {
            // Only what this reader has not seen, unless it must look for the begin of a frame.
            let seen = if self.doubtful { 0 } else { self.position - state.block_start };
            self.chunk.clear();
            // Fits: it is inside the block in memory, as was just seen.
            self.chunk.extend_from_slice(&state.block[seen as usize..state.shown]);
            self.chunk_start = state.block_start + seen;
        }
        Ok(true)
    }

    /// A block of the `.seg`.
    fn unpack(&mut self, block: Block) -> Result<Vec<u8>, OutputError> {
        let path = &self.log.paths.seg;
        let file = match &mut self.seg {
            Some(file) => file,
            none => none.insert(File::open(path).map_err(OutputError::io(path))?),
        };
        let mut packed = vec![0; block.packed as usize];
        file.read_exact_at(&mut packed, block.offset).map_err(OutputError::io(path))?;
        let damaged = |what| OutputError::Damaged { path: path.clone(), at: block.offset, what };
        if crc32fast::hash(&packed) != block.crc {
            return Err(damaged("a block does not match its checksum"));
        }
        match zstd::bulk::decompress(&packed, block.len as usize) {
            Ok(frames) if frames.len() == block.len as usize => Ok(frames),
            _ => Err(damaged("a block cannot be decompressed")),
        }
    }

    /// Checksums hold, and yet there is no frame: nothing that a crash leaves behind.
    fn malformed(&self) -> OutputError {
        let path = self.log.paths.seg.clone();
        OutputError::Damaged { path, at: self.position, what: "there is no frame where one should begin" }
    }
}
