//! Frames: `[stream u8][milliseconds i64][length u32][bytes]`, little-endian.

use jiff::Timestamp;

/// Most bytes in one frame; longer writes are split.
pub(crate) const FRAME_MAX: usize = 64 * 1024;
const HEADER: usize = 1 + 8 + 4;

/// Where bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    Stdout,
    Stderr,
    /// The platform's own words.
    Note,
}

impl Stream {
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Note => "note",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
            Self::Note => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Stdout, Self::Stderr, Self::Note].into_iter().find(|stream| stream.code() == code)
    }
}

/// A piece of output as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Of this frame.
    pub position: u64,
    /// Reading from here goes on right after this frame: no gap, nothing doubled.
    pub next: u64,
    pub stream: Stream,
    pub at: Timestamp,
    pub bytes: Vec<u8>,
}

/// Append one frame, of at most [`FRAME_MAX`] bytes, to a block.
pub(crate) fn push(block: &mut Vec<u8>, stream: Stream, at: Timestamp, bytes: &[u8]) {
    debug_assert!(bytes.len() <= FRAME_MAX);
    block.push(stream.code());
    block.extend_from_slice(&at.as_millisecond().to_le_bytes());
    // Cannot be cut: callers give at most FRAME_MAX bytes.
    block.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    block.extend_from_slice(bytes);
}

/// A frame where it lies in a block.
pub(crate) struct Framed<'a> {
    pub stream: Stream,
    pub at: Timestamp,
    pub bytes: &'a [u8],
    /// Header included.
    pub len: usize,
}

/// The frame at the front of `block`; none if no whole one is there.
pub(crate) fn first(block: &[u8]) -> Option<Framed<'_>> {
    let (code, rest) = block.split_first()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let len = u32::from_le_bytes(*len) as usize;
    let bytes = rest.get(..len)?;
    Some(Framed {
        stream: Stream::from_code(*code)?,
        at: Timestamp::from_millisecond(i64::from_le_bytes(*at)).ok()?,
        bytes,
        len: HEADER + len,
    })
}

/// Bytes of the step's own output in these whole frames; none if they are not whole frames.
pub(crate) fn payload(mut frames: &[u8]) -> Option<u64> {
    let mut bytes = 0;
    while !frames.is_empty() {
        let frame = first(frames)?;
        if frame.stream != Stream::Note {
            bytes += frame.bytes.len() as u64;
        }
        frames = &frames[frame.len..];
    }
    Some(bytes)
}
