//! Writing a log.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;

use crate::{
    Limit, LogKey, LogSize, OutputError, Stream,
    frame::{self, FRAME_MAX},
    live::Live,
    packer::Packer,
    record::End,
    ring::Ring,
    sink::{Haste, Sink},
};

/// A block that has grown this long is packed.
pub(crate) const BLOCK: usize = 256 * 1024;
/// A finished log of at most this many bytes stays plain, in its tail: one small file, written once.
const SMALL: usize = 16 * 1024;

/// The one writer of a log.
///
/// Nobody sees what was appended until it is flushed or its block is full. A caller flushes when no more input is at
/// hand, so that a flood is written once, compressed, and a quiet line shows at once.
///
/// A file that cannot be written stops nobody. What finds no room in memory is counted, and once writing goes well again
/// a note says how much was not kept, and why.
///
/// Dropping it finishes the log as well as that goes, unsynced.
pub struct LogWriter {
    /// None while the packer has it, or if that panicked.
    sink: Option<Sink>,
    packer: Option<Packer>,
    /// The last block was full before anybody flushed: more is coming.
    flood: bool,
    /// Beyond the first half of the limit.
    in_middle: bool,
    /// Frames that are in no block yet.
    block: Vec<u8>,
    /// How many bytes of `block` stand in the tail.
    shown: usize,
    limit: Limit,
    /// Bytes of the step's own output taken for the first half of the limit.
    taken: u64,
    /// Followers were told that the limit is reached.
    cut_told: bool,
    visible: Arc<AtomicU64>,
    registered: Option<(Live, LogKey)>,
    closed: bool,
}

impl LogWriter {
    /// Begin a log under `root`, where [`Outputs`](crate::Outputs) of this or another process read it.
    ///
    /// # Errors
    /// [`OutputError::Exists`] if the attempt has a log already: nothing is ever written over.
    pub fn create(root: &Path, key: LogKey, limit: impl Into<Limit>) -> Result<Self, OutputError> {
        let paths = key.paths(root)?;
        for path in [&paths.idx, &paths.tail] {
            if fs::symlink_metadata(path).is_ok() {
                return Err(OutputError::Exists(path.clone()));
            }
        }
        let visible = Arc::new(AtomicU64::new(0));
        Ok(Self {
            sink: Some(Sink::new(paths, Arc::clone(&visible))),
            packer: None,
            flood: false,
            in_middle: false,
            block: Vec::new(),
            shown: 0,
            limit: limit.into(),
            taken: 0,
            cut_told: false,
            visible,
            registered: None,
            closed: false,
        })
    }

    /// Call `grown` with the position up to which readers see, whenever they see more: to nudge those in another
    /// process. It is called by the thread that appends or by one that packs, and should not take long.
    pub fn on_growth(&mut self, grown: impl Fn(u64) + Send + 'static) {
        let registered = self.registered.clone();
        if let Some(sink) = self.home() {
            sink.grown = Some(Box::new(move |position| {
                if let Some((live, key)) = &registered {
                    live.nudge(key);
                }
                grown(position);
            }));
        }
    }

    /// Readers of this process are woken directly.
    pub(crate) fn register(&mut self, live: Live, key: LogKey) {
        self.registered = Some((live, key));
        self.on_growth(|_| {});
    }

    /// Up to which position readers see. That far the log survives the death of this process.
    pub fn position(&self) -> u64 {
        self.visible.load(Ordering::Acquire)
    }

    /// Something was appended that readers do not see, since no flush followed or the last one could not write: another
    /// flush may.
    pub fn is_behind(&self) -> bool {
        self.packer.is_some()
            || self.shown < self.block.len()
            || self.sink.as_ref().is_some_and(Sink::owes_a_note)
    }

    /// Append what came at `at`. Notes do not count against the limit.
    ///
    /// # Errors
    /// If output was lost now, since a file could not be written. Further output may be kept again.
    pub fn append(&mut self, stream: Stream, at: Timestamp, bytes: &[u8]) -> Result<(), OutputError> {
        if stream == Stream::Note {
            return self.push(stream, at, bytes);
        }
        let (head, rest) = bytes.split_at(self.room_in_head(bytes));
        self.taken += head.len() as u64;
        self.push(stream, at, head)?;
        if rest.is_empty() {
            return Ok(());
        }
        if !self.in_middle {
            self.begin_middle(at, rest)?;
        }
        self.push(stream, at, rest)
    }

    /// Show readers all that was appended, in other processes too. From now on it survives the death of this process,
    /// unless it could not be written: then it is tried again later.
    pub fn flush(&mut self) {
        if !self.is_behind() {
            return;
        }
        self.flood = false;
        let Some(mut sink) = self.take_home() else { return };
        let nothing = self.block.is_empty() && !sink.owes_a_note();
        if !nothing && sink.show(&mut self.block, self.shown) {
            self.shown = self.block.len();
        }
        self.sink = Some(sink);
    }

    /// Nothing was appended, so finishing touches no file.
    pub fn is_empty(&self) -> bool {
        self.block.is_empty() && self.packer.is_none() && self.sink.as_ref().is_some_and(Sink::is_empty)
    }

    /// Finish the log and bring it to the disk: it survives power loss from now on. Waits for the disk unless the
    /// log [is empty](Self::is_empty).
    ///
    /// # Errors
    /// If a file cannot be written: the log is not complete then. Followers see the end all the same.
    pub fn finish(mut self) -> Result<LogSize, OutputError> {
        self.close(true)
    }

    /// How many of these bytes still belong to the first half of the limit; rather whole lines.
    fn room_in_head(&self, bytes: &[u8]) -> usize {
        if self.in_middle || self.cut_told {
            return 0;
        }
        let room = usize::try_from(self.limit.head() - self.taken).unwrap_or(usize::MAX);
        if bytes.len() <= room {
            return bytes.len();
        }
        let line = bytes[..room].iter().rev().take(4096).position(|byte| *byte == b'\n');
        line.filter(|_| self.taken > BLOCK as u64).map_or(room, |back| room - back)
    }

    /// The first half of the limit is full. What follows goes into the ring.
    fn begin_middle(&mut self, at: Timestamp, rest: &[u8]) -> Result<(), OutputError> {
        if !self.cut_told {
            self.push(Stream::Note, at, self.limit.words_at_the_cut().as_bytes())?;
        }
        if let Err(error) = self.seal_here() {
            if let Some(sink) = self.home() {
                sink.lost += rest.len() as u64;
            }
            return Err(error);
        }
        self.cut_told = true;
        let tail = self.limit.tail();
        if let Some(sink) = self.home() {
            sink.ring = Some(Ring::new(sink.start, tail));
            self.in_middle = true;
        }
        Ok(())
    }

    fn push(&mut self, stream: Stream, at: Timestamp, bytes: &[u8]) -> Result<(), OutputError> {
        let mut done = Ok(());
        for piece in bytes.chunks(FRAME_MAX) {
            frame::push(&mut self.block, stream, at, piece);
            if self.block.len() >= BLOCK {
                done = done.and(self.seal());
            }
        }
        done
    }

    /// The block is full.
    fn seal(&mut self) -> Result<(), OutputError> {
        // Tests inside the crate look on from this thread.
        if self.flood && self.shown == 0 && !cfg!(test) {
            if self.packer.is_none() && self.sink.is_some() {
                self.packer = Packer::begin(&mut self.sink).ok();
            }
            if let Some(packer) = &mut self.packer {
                let block = std::mem::take(&mut self.block);
                self.block = packer.push(block);
                return Ok(());
            }
        }
        self.flood = true;
        self.seal_here()
    }

    fn seal_here(&mut self) -> Result<(), OutputError> {
        let Some(mut sink) = self.take_home() else {
            self.block.clear();
            return Err(OutputError::Packer);
        };
        let kept = sink.keep(&mut self.block, self.shown, Haste::Calm);
        self.sink = Some(sink);
        kept?;
        self.block.clear();
        self.shown = 0;
        Ok(())
    }

    /// All that was handed to the packer is written, and the sink is here.
    fn home(&mut self) -> Option<&mut Sink> {
        if let Some(packer) = self.packer.take() {
            self.sink = packer.end();
        }
        self.sink.as_mut()
    }

    fn take_home(&mut self) -> Option<Sink> {
        self.home();
        self.sink.take()
    }

    fn close(&mut self, sync: bool) -> Result<LogSize, OutputError> {
        self.closed = true;
        if self.is_empty() {
            return Ok(LogSize { position_end: 0, bytes: 0, dropped: 0, lost: 0, complete: true });
        }
        let Some(sink) = self.home() else { return Err(OutputError::Packer) };
        // There will be no other time.
        sink.rest_no_more();
        if sink.owes_a_note() {
            self.flush();
        }
        let Some(mut sink) = self.take_home() else { return Err(OutputError::Packer) };
        if sink.owes_a_note() {
            return Err(sink.loss());
        }
        if sink.start == 0 && !self.in_middle && self.block.len() <= SMALL {
            return sink.end_small(&self.block, self.shown, sync).map(End::size);
        }
        sink.keep(&mut self.block, self.shown, Haste::Calm)?;
        let limit = self.limit;
        sink.end(|missing| Some(limit.words_for_the_middle(missing)), None, sync).map(End::size)
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        if !self.closed
            && let Err(error) = self.close(false)
        {
            tracing::warn!(%error, "output could not be finished");
        }
        // The files say all from here on.
        if let Some((live, key)) = self.registered.take() {
            live.end(&key);
        }
    }
}
