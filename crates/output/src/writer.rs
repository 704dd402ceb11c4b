//! Writing a log.

use std::{io, sync::Arc};

use jiff::Timestamp;

use crate::{
    LogKey, LogSize, OutputError, Stream,
    files::Files,
    frame::{self, FRAME_MAX},
    limit::Limit,
    log::Log,
    outputs::Live,
    record::{Block, End, Record},
};

/// A block that has grown this long is compressed.
const BLOCK: usize = 256 * 1024;
/// A finished log of at most this many bytes stays plain, in its tail: one small file, written once.
const SMALL: usize = 16 * 1024;
/// The fastest level: it keeps up with a flood.
const LEVEL: i32 = 1;

/// The one writer of a log.
///
/// Nobody sees what was appended until it is flushed or its block is full. A caller flushes when no more input is at
/// hand, so that a flood is written once, compressed, and a quiet line shows at once.
///
/// Dropping it finishes the log as well as that goes, unsynced.
pub struct LogWriter {
    key: LogKey,
    log: Arc<Log>,
    live: Live,
    files: Files,
    limit: Limit,
    compressor: Option<zstd::bulk::Compressor<'static>>,
    /// What goes to a file next; kept for its memory.
    scratch: Vec<u8>,
    /// A file could not be written: no more is tried, so that nothing stands behind a gap.
    broken: bool,
    closed: bool,
}

impl LogWriter {
    pub(crate) fn new(key: LogKey, log: Arc<Log>, live: Live, limit: u64) -> Self {
        Self {
            key,
            log,
            live,
            files: Files::default(),
            limit: Limit::new(limit),
            compressor: None,
            scratch: Vec::new(),
            broken: false,
            closed: false,
        }
    }

    /// Append what came at `at`. Notes do not count against the limit.
    ///
    /// # Errors
    /// If a file cannot be written. The log is broken then: it keeps no more, and what it has stays readable.
    pub fn append(&mut self, stream: Stream, at: Timestamp, bytes: &[u8]) -> Result<(), OutputError> {
        if self.broken {
            self.limit.dropped += bytes.len() as u64;
            return Err(OutputError::Broken(self.log.paths.folder.clone()));
        }
        if stream == Stream::Note {
            return self.push(stream, at, bytes);
        }
        let cut_before = self.limit.dropped > 0;
        let keep = self.limit.take(bytes.len());
        self.push(stream, at, &bytes[..keep])?;
        if self.limit.dropped > 0 && !cut_before {
            self.push(Stream::Note, at, self.limit.words_at_the_cut().as_bytes())?;
            self.flush()?;
        }
        Ok(())
    }

    /// Show readers all that was appended. From now on it survives the death of this process.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn flush(&mut self) -> Result<(), OutputError> {
        let state = self.log.read();
        if self.broken || state.shown == state.block.len() {
            return Ok(());
        }
        self.scratch.clear();
        self.files.begin_tail(state.block_start, &mut self.scratch);
        Record::Frames(&state.block[state.shown..]).push(&mut self.scratch);
        drop(state);

        let written = self.files.write_tail(&self.log.paths, &self.scratch);
        self.unless_broken(written)?;
        let mut state = self.log.write();
        state.shown = state.block.len();
        drop(state);
        self.log.tell();
        Ok(())
    }

    /// Nothing was appended, so finishing touches no file.
    pub fn is_empty(&self) -> bool {
        let state = self.log.read();
        state.blocks.is_empty() && state.block.is_empty()
    }

    /// Finish the log and bring it to the disk: it survives power loss from now on. Waits for the disk unless the
    /// log [is empty](Self::is_empty).
    ///
    /// # Errors
    /// If a file cannot be written; followers see the end all the same.
    pub fn finish(mut self) -> Result<LogSize, OutputError> {
        self.close(true)?;
        Ok(self.log.size())
    }

    fn push(&mut self, stream: Stream, at: Timestamp, bytes: &[u8]) -> Result<(), OutputError> {
        for piece in bytes.chunks(FRAME_MAX) {
            let mut state = self.log.write();
            frame::push(&mut state.block, stream, at, piece);
            let full = state.block.len() >= BLOCK;
            if stream != Stream::Note {
                state.bytes += piece.len() as u64;
            }
            drop(state);
            if full {
                self.seal()?;
            }
        }
        Ok(())
    }

    /// Compress the block in memory and append it to the `.seg`.
    fn seal(&mut self) -> Result<(), OutputError> {
        let packed = self.pack();
        let Some(block) = self.unless_broken(packed.map_err(OutputError::io(&self.log.paths.seg)))? else {
            return Ok(());
        };
        let written = self.files.write_block(&self.log.paths, &self.scratch, block);
        self.unless_broken(written)?;

        let mut state = self.log.write();
        state.blocks.push(block);
        state.block_start = block.end();
        state.block.clear();
        state.shown = 0;
        drop(state);
        self.log.tell();
        let cleared = self.files.clear_tail(&self.log.paths);
        self.unless_broken(cleared)
    }

    /// The block in memory, compressed into `scratch`. Readers go on meanwhile.
    fn pack(&mut self) -> io::Result<Option<Block>> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        let state = self.log.read();
        if state.block.is_empty() {
            return Ok(None);
        }
        self.scratch.clear();
        self.scratch.reserve(zstd::zstd_safe::compress_bound(state.block.len()));
        let packed = compressor.compress_to_buffer(&state.block, &mut self.scratch)?;
        // Neither number can be cut: a block is a third of a MiB at most.
        Ok(Some(Block {
            start: state.block_start,
            len: state.block.len() as u32,
            offset: self.files.seg_len(),
            packed: packed as u32,
            crc: crc32fast::hash(&self.scratch),
            payload: frame::payload(&state.block).unwrap_or(0) as u32,
        }))
    }

    fn close(&mut self, sync: bool) -> Result<(), OutputError> {
        self.closed = true;
        let mut done = Ok(());
        if self.broken {
            done = Err(OutputError::Broken(self.log.paths.folder.clone()));
        } else if !self.is_empty() {
            done = self.write_end(sync);
        }
        let mut state = self.log.write();
        state.shown = if done.is_ok() { state.block.len() } else { state.shown };
        state.dropped = self.limit.dropped;
        state.complete = done.is_ok();
        state.finished = true;
        drop(state);
        // The files say all from here on, so new readers go to them.
        self.live.lock().remove(&self.key);
        self.log.tell();
        done
    }

    fn write_end(&mut self, sync: bool) -> Result<(), OutputError> {
        if self.limit.dropped > 0 {
            self.push(Stream::Note, Timestamp::now(), self.limit.words_at_the_end().as_bytes())?;
        }
        let end = Record::End(End { bytes: self.limit.kept, dropped: self.limit.dropped });
        let state = self.log.read();
        if state.blocks.is_empty() && state.block.len() <= SMALL {
            self.scratch.clear();
            self.files.begin_tail(state.block_start, &mut self.scratch);
            if state.shown < state.block.len() {
                Record::Frames(&state.block[state.shown..]).push(&mut self.scratch);
            }
            end.push(&mut self.scratch);
            drop(state);
            self.files.write_tail(&self.log.paths, &self.scratch)?;
        } else {
            drop(state);
            self.seal()?;
            self.files.write_index(&self.log.paths, &end)?;
        }
        if sync { self.files.sync(&self.log.paths) } else { Ok(()) }
    }

    fn unless_broken<T>(&mut self, done: Result<T, OutputError>) -> Result<T, OutputError> {
        self.broken |= done.is_err();
        done
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        if !self.closed
            && let Err(error) = self.close(false)
        {
            tracing::warn!(run = self.key.run, step = self.key.step, %error, "output could not be finished");
        }
    }
}
