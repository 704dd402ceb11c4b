//! Records of the `.idx`, `.tail` and `.ring` files: `[kind u8][length u32][crc32 u32][payload]`, little-endian.
//!
//! Every record says which position in the log it is about, and what a log has at a position never changes. So whoever
//! finds a sound record about the position that it looks for has found the truth, however old the bytes around it are:
//! a reader needs no lock against the writer. A torn record, of a writer that died or is just writing, does not match
//! its checksum.

use crate::LogSize;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// In `.idx`: where a block lies.
    Block(Block),
    /// In `.ring`: a slot holds this block, which is perhaps no part of the log, and under another position. `before` it
    /// so many bytes of the step's own output went through the ring.
    Slot { before: u64, block: Block },
    /// In `.idx` or `.tail`, last: nothing follows.
    End(End),
    /// In `.tail`: whole frames.
    Frames { start: u64, frames: &'a [u8] },
    /// In `.tail`: whole frames beyond the first half of the limit, which nobody sees before the end.
    Held { start: u64, frames: &'a [u8] },
}

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Position of its first frame.
    pub start: u64,
    /// Bytes of its frames.
    pub len: u32,
    pub place: Place,
    /// Place in that file.
    pub offset: u64,
    pub codec: Codec,
    /// Bytes in that file.
    pub packed: u32,
    /// Of the bytes in that file.
    pub crc: u32,
    /// Bytes of the step's own output in it.
    pub payload: u32,
}

impl Block {
    pub fn end(&self) -> u64 {
        self.start + u64::from(self.len)
    }

    pub fn offset_end(&self) -> u64 {
        self.offset + u64::from(self.packed)
    }

    fn push(&self, file: &mut Vec<u8>) {
        file.extend_from_slice(&self.start.to_le_bytes());
        file.extend_from_slice(&self.len.to_le_bytes());
        file.push(u8::from(self.place == Place::Ring));
        file.extend_from_slice(&self.offset.to_le_bytes());
        file.push(u8::from(self.codec == Codec::Zstd));
        file.extend_from_slice(&self.packed.to_le_bytes());
        file.extend_from_slice(&self.crc.to_le_bytes());
        file.extend_from_slice(&self.payload.to_le_bytes());
    }
}

/// The file that holds a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Seg,
    Ring,
}

/// How a block is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Raw,
    Zstd,
}

/// What was kept of the step's own output and what was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Where the log ends.
    pub position: u64,
    pub bytes: u64,
    pub dropped: u64,
    /// Of `dropped`.
    pub lost: u64,
    /// False if the writer died and somebody else closed the log.
    pub complete: bool,
}

impl End {
    pub fn size(self) -> LogSize {
        let Self { position, bytes, dropped, lost, complete } = self;
        LogSize { position_end: position, bytes, dropped, lost, complete }
    }
}

const HEADER: usize = 1 + 4 + 4;
/// Length of a record of a block.
pub(crate) const BLOCK_RECORD: usize = HEADER + 8 + 4 + 1 + 8 + 1 + 4 + 4 + 4;
/// Length of a record of a slot.
pub(crate) const SLOT_RECORD: usize = BLOCK_RECORD + 8;
/// No record is longer: the longest holds a block and the frame that filled it.
pub(crate) const RECORD_MAX: usize = 1024 * 1024;
// 1 to 4 had other fields before logs were read while another process writes them.
const BLOCK: u8 = 5;
const END: u8 = 6;
const FRAMES: u8 = 7;
const HELD: u8 = 8;
const SLOT: u8 = 9;

impl<'a> Record<'a> {
    /// Append it to `file`.
    pub fn push(&self, file: &mut Vec<u8>) {
        let begin = file.len();
        file.extend_from_slice(&[0; HEADER]);
        let kind = match self {
            Self::Block(block) => {
                block.push(file);
                BLOCK
            }
            Self::Slot { before, block } => {
                file.extend_from_slice(&before.to_le_bytes());
                block.push(file);
                SLOT
            }
            Self::End(end) => {
                for number in [end.position, end.bytes, end.dropped, end.lost] {
                    file.extend_from_slice(&number.to_le_bytes());
                }
                file.push(u8::from(end.complete));
                END
            }
            Self::Frames { start, frames } | Self::Held { start, frames } => {
                file.extend_from_slice(&start.to_le_bytes());
                file.extend_from_slice(frames);
                if matches!(self, Self::Held { .. }) { HELD } else { FRAMES }
            }
        };
        // A block in memory, the largest payload, is far below 4 GiB.
        let len = (file.len() - begin - HEADER) as u32;
        let crc = checksum(kind, len, &file[begin + HEADER..]);
        file[begin] = kind;
        file[begin + 1..begin + 5].copy_from_slice(&len.to_le_bytes());
        file[begin + 5..begin + HEADER].copy_from_slice(&crc.to_le_bytes());
    }

    /// The record at the front of `file` and its length; none if no whole, sound one is there.
    pub fn first(file: &'a [u8]) -> Option<(Self, usize)> {
        let header = file.first_chunk::<HEADER>()?;
        let kind = header[0];
        let len = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
        let crc = u32::from_le_bytes([header[5], header[6], header[7], header[8]]);
        let end = HEADER.checked_add(len as usize)?;
        let payload = file.get(HEADER..end)?;
        if checksum(kind, len, payload) != crc {
            return None;
        }
        let mut fields = Fields(payload);
        let record = match kind {
            BLOCK => Self::Block(fields.block()?),
            SLOT => Self::Slot { before: fields.u64()?, block: fields.block()? },
            END => Self::End(End {
                position: fields.u64()?,
                bytes: fields.u64()?,
                dropped: fields.u64()?,
                lost: fields.u64()?,
                complete: fields.flag()?,
            }),
            FRAMES => Self::Frames { start: fields.u64()?, frames: fields.0 },
            HELD => Self::Held { start: fields.u64()?, frames: fields.0 },
            _ => return None,
        };
        Some((record, end))
    }

    /// How long the record at the front of `file` says it is, whole or not.
    pub fn said_len(file: &[u8]) -> Option<usize> {
        let header = file.first_chunk::<HEADER>()?;
        let len = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
        HEADER.checked_add(len as usize).filter(|len| *len <= RECORD_MAX)
    }
}

fn checksum(kind: u8, len: u32, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&[kind]);
    crc.update(&len.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u64(&mut self) -> Option<u64> {
        let (field, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*field))
    }

    fn u32(&mut self) -> Option<u32> {
        let (field, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*field))
    }

    fn flag(&mut self) -> Option<bool> {
        let (field, rest) = self.0.split_first()?;
        self.0 = rest;
        match field {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn block(&mut self) -> Option<Block> {
        Some(Block {
            start: self.u64()?,
            len: self.u32()?,
            place: if self.flag()? { Place::Ring } else { Place::Seg },
            offset: self.u64()?,
            codec: if self.flag()? { Codec::Zstd } else { Codec::Raw },
            packed: self.u32()?,
            crc: self.u32()?,
            payload: self.u32()?,
        })
    }
}
