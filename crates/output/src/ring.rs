//! The last blocks of a log beyond the first half of its limit: in slots of the `.ring`, used again and again.
//!
//! Blocks there have positions of their own, that count on from the head of the log. Only when the log ends is it known
//! which of them belong to it; then the index names them where they lie, under the positions that follow.

use std::{collections::VecDeque, fs::File, io, os::unix::fs::FileExt, path::Path};

use crate::{
    OutputError,
    record::{Block, Codec, Place, Record, SLOT_RECORD},
    writer::BLOCK,
};

/// Room for a description, and for a block with the frame that filled it.
const SLOT: u64 = 384 * 1024;

pub(crate) struct Ring {
    /// Where the next block begins, in the ring's own positions.
    pub start: u64,
    /// Bytes of the step's own output that went through.
    pub total: u64,
    /// Bytes of it to keep.
    budget: u64,
    most: u64,
    /// The last blocks, in order and without a gap, each with its slot.
    blocks: VecDeque<(u64, Block)>,
    /// In `blocks`.
    payload: u64,
    free: Vec<u64>,
    slots: u64,
}

impl Ring {
    pub fn new(start: u64, budget: u64) -> Self {
        Self {
            start,
            total: 0,
            budget,
            // Short lines have frames as long as themselves: of these, less is kept.
            most: budget.div_ceil(BLOCK as u64 / 2) + 2,
            blocks: VecDeque::new(),
            payload: 0,
            free: Vec::new(),
            slots: 0,
        }
    }

    /// The place for the next block: that of its description in the `.ring`.
    pub fn place(&mut self) -> u64 {
        if self.free.is_empty() {
            if self.slots < self.most {
                self.free.push(self.slots);
                self.slots += 1;
            } else {
                self.forget_oldest();
            }
        }
        self.free.last().map_or(0, |slot| slot * SLOT)
    }

    /// It is written in the place that was named last.
    pub fn push(&mut self, block: Block) {
        let slot = self.free.pop().unwrap_or(0);
        self.start = block.end();
        self.total += u64::from(block.payload);
        self.payload += u64::from(block.payload);
        self.blocks.push_back((slot, block));
        while self
            .blocks
            .front()
            .is_some_and(|(_, oldest)| self.payload - u64::from(oldest.payload) >= self.budget)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((slot, oldest)) = self.blocks.pop_front() {
            self.payload -= u64::from(oldest.payload);
            self.free.push(slot);
        }
    }

    /// The description of a block, to be written before it in its slot.
    pub fn describe(&self, block: Block) -> Vec<u8> {
        slot_record(self.total, block)
    }

    /// The oldest block and how many bytes of the step's own output are too many in it.
    pub fn too_many(&self) -> Option<(u64, Block)> {
        let (_, oldest) = *self.blocks.front()?;
        Some((self.payload.checked_sub(self.budget).filter(|many| *many > 0)?, oldest))
    }

    /// A place beside all blocks, for the oldest one written again, shorter.
    pub fn place_beside(&mut self) -> u64 {
        if self.free.is_empty() {
            self.free.push(self.slots);
            self.slots += 1;
        }
        self.free.last().map_or(0, |slot| slot * SLOT)
    }

    /// The description of that.
    pub fn describe_oldest(&self, block: Block) -> Vec<u8> {
        let gone = self.blocks.front().map_or(0, |(_, oldest)| u64::from(oldest.payload - block.payload));
        slot_record(self.missing() + gone, block)
    }

    /// It is written. The longer one stays in its slot, so that either is there whatever happens; the shorter counts.
    pub fn replace_oldest(&mut self, block: Block) {
        if let (Some(slot), Some(oldest)) = (self.free.pop(), self.blocks.front_mut()) {
            self.payload -= u64::from(oldest.1.payload - block.payload);
            *oldest = (slot, block);
        }
    }

    /// The oldest block cannot be read.
    pub fn give_up_oldest(&mut self) {
        self.forget_oldest();
    }

    pub fn missing(&self) -> u64 {
        self.total - self.payload
    }

    /// The blocks under the positions from `start` on, and the bytes of the step's own output in them.
    pub fn blocks_from(&self, mut start: u64) -> (Vec<Block>, u64) {
        let named = self.blocks.iter().map(|(_, block)| {
            let block = Block { start, ..*block };
            start = block.end();
            block
        });
        (named.collect(), self.payload)
    }

    /// The ring as its writer left it, without what the index names: `named` are the blocks there that lie in the ring.
    /// The first positions in it follow `head`, the end of the others.
    pub fn found(path: &Path, head: u64, named: &[Block]) -> Result<Self, OutputError> {
        let mut ring = Self::new(head, u64::MAX);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ring),
            Err(error) => return Err(OutputError::io(path)(error)),
        };
        ring.slots = file.metadata().map_err(OutputError::io(path))?.len().div_ceil(SLOT);
        let mut found = Vec::new();
        for slot in 0..ring.slots {
            let mut description = [0; SLOT_RECORD];
            if file.read_exact_at(&mut description, slot * SLOT).is_ok()
                && let Some((Record::Slot { before, block }, _)) = Record::first(&description)
            {
                found.push((slot, before, block));
            }
        }
        found.sort_by_key(|(_, _, block)| block.start);
        let last_named = named.last().map(|block| block.offset);
        let mut file = Some(file);
        for (slot, before, block) in found {
            // Torn, since its writer died over it.
            if crate::view::unpack(&mut file, path, block).is_err() {
                continue;
            }
            if block.start != ring.start {
                ring.blocks.clear();
                ring.payload = 0;
            }
            ring.start = block.end();
            ring.total = before + u64::from(block.payload);
            ring.payload += u64::from(block.payload);
            ring.blocks.push_back((slot, block));
            if last_named == Some(block.offset) {
                ring.blocks.clear();
                ring.payload = 0;
            }
        }
        ring.total -= named.iter().map(|block| u64::from(block.payload)).sum::<u64>().min(ring.total);
        Ok(ring)
    }

    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

fn slot_record(before: u64, block: Block) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT_RECORD);
    Record::Slot { before, block }.push(&mut bytes);
    bytes
}

/// A block of frames that go to this place behind its description.
pub(crate) fn in_slot(
    place: u64,
    start: u64,
    codec: Codec,
    packed: &[u8],
    frames: &[u8],
    payload: u64,
) -> Block {
    // No number can be cut: a block is a third of a MiB at most.
    Block {
        start,
        len: frames.len() as u32,
        place: Place::Ring,
        offset: place + SLOT_RECORD as u64,
        codec,
        packed: packed.len() as u32,
        crc: crc32fast::hash(packed),
        payload: payload as u32,
    }
}
