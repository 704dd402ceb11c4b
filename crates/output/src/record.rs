//! Records of the `.idx` and `.tail` files: `[kind u8][length u32][crc32 u32][payload]`, little-endian.
//!
//! A process that dies while it writes leaves a torn last record. It does not match its checksum and is passed over.

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// In `.idx`: a block is in the `.seg`.
    Block(Block),
    /// In either: the log is complete.
    End(End),
    /// In `.tail`, first: where in the log the frames below begin.
    Start(u64),
    /// In `.tail`: whole frames.
    Frames(&'a [u8]),
}

/// Where a compressed block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Position of its first frame.
    pub start: u64,
    /// Bytes before compression.
    pub len: u32,
    /// Place in the `.seg`.
    pub offset: u64,
    /// Bytes in the `.seg`.
    pub packed: u32,
    /// Of the bytes in the `.seg`.
    pub crc: u32,
    /// Bytes of the step's own output in it.
    pub payload: u32,
}

impl Block {
    pub fn end(&self) -> u64 {
        self.start + u64::from(self.len)
    }
}

/// What was kept of the step's own output and what was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub bytes: u64,
    pub dropped: u64,
}

const HEADER: usize = 1 + 4 + 4;
/// Length of a record of a block.
pub(crate) const BLOCK_RECORD: usize = HEADER + 8 + 4 + 8 + 4 + 4 + 4;
const BLOCK: u8 = 1;
const END: u8 = 2;
const START: u8 = 3;
const FRAMES: u8 = 4;

impl<'a> Record<'a> {
    /// Append it to `file`.
    pub fn push(&self, file: &mut Vec<u8>) {
        let begin = file.len();
        file.extend_from_slice(&[0; HEADER]);
        let kind = match self {
            Self::Block(block) => {
                file.extend_from_slice(&block.start.to_le_bytes());
                file.extend_from_slice(&block.len.to_le_bytes());
                file.extend_from_slice(&block.offset.to_le_bytes());
                file.extend_from_slice(&block.packed.to_le_bytes());
                file.extend_from_slice(&block.crc.to_le_bytes());
                file.extend_from_slice(&block.payload.to_le_bytes());
                BLOCK
            }
            Self::End(end) => {
                file.extend_from_slice(&end.bytes.to_le_bytes());
                file.extend_from_slice(&end.dropped.to_le_bytes());
                END
            }
            Self::Start(position) => {
                file.extend_from_slice(&position.to_le_bytes());
                START
            }
            Self::Frames(frames) => {
                file.extend_from_slice(frames);
                FRAMES
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
            BLOCK => Self::Block(Block {
                start: fields.u64()?,
                len: fields.u32()?,
                offset: fields.u64()?,
                packed: fields.u32()?,
                crc: fields.u32()?,
                payload: fields.u32()?,
            }),
            END => Self::End(End { bytes: fields.u64()?, dropped: fields.u64()? }),
            START => Self::Start(fields.u64()?),
            FRAMES => Self::Frames(payload),
            _ => return None,
        };
        Some((record, end))
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
}
