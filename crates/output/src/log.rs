//! One log as writer and readers share it in memory.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use crate::{key::LogPaths, record::Block};

/// How much there is of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSize {
    /// Where the next frame will be.
    pub position_end: u64,
    /// Bytes of the step's own output that were kept.
    pub bytes: u64,
    /// Bytes of the step's own output that were not kept.
    pub dropped: u64,
    /// The log was finished, so nothing is missing but what `dropped` counts. A log without files is complete and
    /// empty.
    pub complete: bool,
}

/// A log: live in this process, or found on the disk.
pub(crate) struct Log {
    pub paths: LogPaths,
    state: RwLock<LogState>,
    changed: watch::Sender<()>,
}

/// Only the writer changes it. It holds the lock for a copy in memory, or shares it with the readers while it
/// compresses, and nobody holds it for the disk: neither side waits for the other's files.
#[derive(Default)]
pub(crate) struct LogState {
    /// Blocks in the `.seg`, in order, without a gap.
    pub blocks: Vec<Block>,
    /// Position of the first frame in `block`: the end of `blocks`.
    pub block_start: u64,
    /// Frames that are not in the `.seg`.
    pub block: Vec<u8>,
    /// How far readers may see into `block`.
    pub shown: usize,
    pub bytes: u64,
    pub dropped: u64,
    /// Nothing will follow.
    pub finished: bool,
    /// It was finished in good order.
    pub complete: bool,
}

impl LogState {
    /// The end of what readers may see.
    pub fn end(&self) -> u64 {
        self.block_start + self.shown as u64
    }

    /// The block of the `.seg` in which `position` lies.
    pub fn block_at(&self, position: u64) -> Option<Block> {
        let place = self.blocks.partition_point(|block| block.end() <= position);
        self.blocks.get(place).copied()
    }
}

impl Log {
    pub fn new(paths: LogPaths, state: LogState) -> Self {
        Self { paths, state: RwLock::new(state), changed: watch::Sender::new(()) }
    }

    pub fn read(&self) -> RwLockReadGuard<'_, LogState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write(&self) -> RwLockWriteGuard<'_, LogState> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wake readers that wait.
    pub fn tell(&self) {
        self.changed.send_replace(());
    }

    pub fn follow(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub fn size(&self) -> LogSize {
        let state = self.read();
        LogSize {
            position_end: state.end(),
            bytes: state.bytes,
            dropped: state.dropped,
            complete: state.complete,
        }
    }
}
