//! Where blocks go: packed, into the files, in order. It knows what to do when a file cannot be written.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{
    OutputError, Stream,
    files::Files,
    frame,
    key::LogPaths,
    limit::words_for_lost,
    record::{Block, Codec, End, Place, Record},
    ring::{Ring, in_slot},
    view::{View, unpack},
};

/// How soon a write is tried again after one that failed.
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// No longer part of a line goes with a cut.
const LINE_MAX: usize = 4096;

/// The fastest ordinary level of compression, and one that takes 0.6 of its time.
const FAST: i32 = 1;
const FASTER: i32 = -5;

/// How much time there is for a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Haste {
    Calm,
    /// More waits to be packed.
    Flood,
}

/// How fast blocks of a flood go out.
struct Pace {
    last: Instant,
    /// On the average of the last few.
    for_a_block: Duration,
}

impl Pace {
    /// A block of 256 KiB at 1.2 GB/s: faster than most disks, and slow enough on an idle machine to pack some.
    const AIM: Duration = Duration::from_micros(218);

    fn is_slow(&self) -> bool {
        self.for_a_block > Self::AIM
    }

    fn count(&mut self, haste: Haste) {
        let took = self.last.elapsed();
        self.last = Instant::now();
        self.for_a_block =
            if haste == Haste::Flood { (self.for_a_block * 7 + took) / 8 } else { Duration::ZERO };
    }
}

/// Called with the position up to which readers see, whenever they see more.
pub(crate) type Grown = Box<dyn Fn(u64) + Send>;

pub(crate) struct Sink {
    pub paths: LogPaths,
    files: Files,
    /// Where the next block begins.
    pub start: u64,
    /// Bytes of the step's own output in the blocks.
    pub payload: u64,
    /// Set beyond the first half of the limit: where blocks go until the end.
    pub ring: Option<Ring>,
    compressor: Option<(i32, zstd::bulk::Compressor<'static>)>,
    /// What goes to a file next, and a block packed; kept for their memory.
    scratch: Vec<u8>,
    packed: Vec<u8>,
    pace: Pace,
    /// Bytes of the step's own output that could not be written.
    pub lost: u64,
    /// Those of `lost` that the log tells of.
    told: u64,
    /// A write failed, and none has succeeded since.
    fault: Option<Fault>,
    visible: Arc<AtomicU64>,
    pub grown: Option<Grown>,
}

struct Fault {
    why: String,
    try_again: Instant,
}

impl Sink {
    pub fn new(paths: LogPaths, visible: Arc<AtomicU64>) -> Self {
        Self {
            paths,
            files: Files::default(),
            start: 0,
            payload: 0,
            ring: None,
            compressor: None,
            scratch: Vec::new(),
            packed: Vec::new(),
            pace: Pace { last: Instant::now(), for_a_block: Duration::ZERO },
            lost: 0,
            told: 0,
            fault: None,
            visible,
            grown: None,
        }
    }

    /// To close a log whose writer died.
    pub fn found(paths: LogPaths, files: Files, view: &View, ring: Ring) -> Self {
        Self {
            files,
            start: view.blocks_end(),
            payload: view.blocks().iter().map(|block| u64::from(block.payload)).sum(),
            ring: Some(ring),
            ..Self::new(paths, Arc::default())
        }
    }

    /// No block and no loss so far.
    pub fn is_empty(&self) -> bool {
        self.start == 0 && self.lost == 0
    }

    /// A loss that the log does not tell of yet.
    pub fn owes_a_note(&self) -> bool {
        self.lost > self.told
    }

    /// A write failed a moment ago: no other is tried yet.
    pub fn rests(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| Instant::now() < fault.try_again)
    }

    /// Try at once, since there will be no other time.
    pub fn rest_no_more(&mut self) {
        if let Some(fault) = &mut self.fault {
            fault.try_again = Instant::now();
        }
    }

    /// Show readers the frames of `block` from `shown` on, in the tail: unless `block` is beyond the first half of the
    /// limit, where nobody sees it before the end. True if it stands there now.
    pub fn show(&mut self, block: &mut Vec<u8>, shown: usize) -> bool {
        if self.rests() {
            return false;
        }
        let note = self.add_note(block, shown);
        self.scratch.clear();
        let frames = &block[shown..];
        match &self.ring {
            None => Record::Frames { start: self.start + shown as u64, frames }.push(&mut self.scratch),
            Some(ring) => Record::Held { start: ring.start + shown as u64, frames }.push(&mut self.scratch),
        }
        let written = self.files.write_tail(&self.paths, &self.scratch);
        if self.settle(written, note, block, shown).is_err() {
            return false;
        }
        if self.ring.is_none() {
            self.tell(self.start + block.len() as u64);
        }
        true
    }

    /// Keep a whole block, of which the first `shown` bytes stand in the tail.
    ///
    /// # Errors
    /// If it could not be written. What was not shown of it is lost then, counted, and no longer in `block`.
    pub fn keep(&mut self, block: &mut Vec<u8>, shown: usize, haste: Haste) -> Result<(), OutputError> {
        if block.is_empty() {
            return Ok(());
        }
        if self.rests() {
            return Err(self.lose(block, shown));
        }
        let note = self.add_note(block, shown);
        let written = self.write(block, haste);
        if self.settle(written, note, block, shown).is_err() {
            return Err(self.lose(block, shown));
        }
        self.files.rewind_tail();
        self.pace.count(haste);
        if self.ring.is_none() {
            self.tell(self.start);
        }
        Ok(())
    }

    /// The last word of a log that is so small that it stays in the tail, where the first `shown` bytes of it stand.
    pub fn end_small(&mut self, block: &[u8], shown: usize, sync: bool) -> Result<End, OutputError> {
        let position = self.start + block.len() as u64;
        let end = End {
            position,
            bytes: frame::payload(block).unwrap_or(0),
            dropped: self.lost,
            lost: self.lost,
            complete: true,
        };
        self.scratch.clear();
        if shown < block.len() {
            let start = self.start + shown as u64;
            Record::Frames { start, frames: &block[shown..] }.push(&mut self.scratch);
        }
        Record::End(end).push(&mut self.scratch);
        self.files.write_tail(&self.paths, &self.scratch)?;
        self.tell(position);
        if sync {
            self.files.sync(&self.paths)?;
        }
        Ok(end)
    }

    /// The last word of a log whose frames are all in blocks. What the ring holds becomes part of it, and `words` say
    /// before that how much is missing. With `last_words` the log is closed, not finished.
    pub fn end(
        &mut self,
        words: impl FnOnce(u64) -> Option<String>,
        last_words: Option<&str>,
        sync: bool,
    ) -> Result<End, OutputError> {
        let mut records = Vec::new();
        let mut missing = 0;
        if self.ring.is_some() {
            self.trim_ring()?;
        }
        if let Some(ring) = self.ring.take() {
            missing = ring.missing();
            if let Some(words) = words(missing) {
                self.add_words(&words, &mut records)?;
            }
            let (blocks, payload) = ring.blocks_from(self.start);
            self.start = blocks.last().map_or(self.start, Block::end);
            self.payload += payload;
            records.extend(blocks.into_iter().map(Record::Block));
        }
        if let Some(words) = last_words {
            self.add_words(words, &mut records)?;
        }
        let end = End {
            position: self.start,
            bytes: self.payload,
            dropped: missing + self.lost,
            lost: self.lost,
            complete: last_words.is_none(),
        };
        records.push(Record::End(end));
        // At once: whoever sees the ring's blocks sees where they end.
        self.files.write_index(&self.paths, &records)?;
        self.tell(self.start);
        if sync {
            // Not before the index is on the disk.
            self.files.sync(&self.paths)?;
            self.files.remove_tail(&self.paths)?;
        }
        Ok(end)
    }

    /// Bring the ring down to what the limit allows, by cutting its oldest block.
    fn trim_ring(&mut self) -> Result<(), OutputError> {
        let Some(ring) = &mut self.ring else { return Ok(()) };
        let Some((many, oldest)) = ring.too_many() else { return Ok(()) };
        let Ok(frames) = unpack(&mut None, &self.paths.ring, oldest) else {
            ring.give_up_oldest();
            return Ok(());
        };
        let rest = cut(&frames, many);
        if rest.is_empty() {
            ring.give_up_oldest();
            return Ok(());
        }
        let place = ring.place_beside();
        let payload = frame::payload(&rest).unwrap_or(0);
        let start = oldest.end() - rest.len() as u64;
        let block = in_slot(place, start, Codec::Raw, &rest, &rest, payload);
        self.files.write_ring(&self.paths, &rest, block.offset)?;
        self.files.write_ring(&self.paths, &ring.describe_oldest(block), place)?;
        ring.replace_oldest(block);
        Ok(())
    }

    /// A block with nothing but a note, written but not named yet.
    fn add_words(&mut self, words: &str, records: &mut Vec<Record<'static>>) -> Result<(), OutputError> {
        let mut note = Vec::new();
        frame::push(&mut note, Stream::Note, Timestamp::now(), words.as_bytes());
        let block = Block {
            start: self.start,
            len: note.len() as u32,
            place: Place::Seg,
            offset: self.files.seg_len(),
            codec: Codec::Raw,
            packed: note.len() as u32,
            crc: crc32fast::hash(&note),
            payload: 0,
        };
        self.files.write_unnamed(&self.paths, &note, block)?;
        self.start = block.end();
        records.push(Record::Block(block));
        Ok(())
    }

    fn write(&mut self, frames: &[u8], haste: Haste) -> Result<(), OutputError> {
        let codec = self.pack(frames, haste).map_err(OutputError::io(&self.paths.seg))?;
        let packed = match codec {
            Codec::Raw => frames,
            Codec::Zstd => &self.packed,
        };
        let payload = frame::payload(frames).unwrap_or(0);
        if let Some(ring) = &mut self.ring {
            let place = ring.place();
            let block = in_slot(place, ring.start, codec, packed, frames, payload);
            // The description last: one from before does not match what is written now.
            self.files.write_ring(&self.paths, packed, block.offset)?;
            self.files.write_ring(&self.paths, &ring.describe(block), place)?;
            ring.push(block);
        } else {
            let block = Block {
                start: self.start,
                place: Place::Seg,
                offset: self.files.seg_len(),
                ..in_slot(0, self.start, codec, packed, frames, payload)
            };
            self.files.write_block(&self.paths, packed, block)?;
            self.start = block.end();
            self.payload += payload;
        }
        Ok(())
    }

    /// Pack a block, unless there is no time for it or it does not get shorter.
    fn pack(&mut self, block: &[u8], haste: Haste) -> io::Result<Codec> {
        let level = match haste {
            Haste::Calm => FAST,
            // Most of what goes into the ring is written over soon, and there is room for all of it as it is.
            Haste::Flood if self.ring.is_some() || self.pace.is_slow() => return Ok(Codec::Raw),
            Haste::Flood => FASTER,
        };
        let compressor = match &mut self.compressor {
            Some((at, compressor)) => {
                if *at != level {
                    compressor.set_compression_level(level)?;
                    *at = level;
                }
                compressor
            }
            none => &mut none.insert((level, zstd::bulk::Compressor::new(level)?)).1,
        };
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(block.len()));
        let packed = compressor.compress_to_buffer(block, &mut self.packed)?;
        Ok(if packed < block.len() { Codec::Zstd } else { Codec::Raw })
    }

    /// Put the note about what was lost where it was lost: behind what was shown. Its length.
    fn add_note(&self, block: &mut Vec<u8>, shown: usize) -> usize {
        if !self.owes_a_note() {
            return 0;
        }
        let why = self.fault.as_ref().map_or("it could not be written", |fault| &fault.why);
        let mut note = Vec::new();
        frame::push(
            &mut note,
            Stream::Note,
            Timestamp::now(),
            words_for_lost(self.lost - self.told, why).as_bytes(),
        );
        let len = note.len();
        block.splice(shown..shown, note);
        len
    }

    /// After a write: the fault is over, or the note is taken back.
    fn settle(
        &mut self,
        written: Result<(), OutputError>,
        note: usize,
        block: &mut Vec<u8>,
        shown: usize,
    ) -> Result<(), OutputError> {
        match &written {
            Ok(()) => {
                self.fault = None;
                self.told = self.lost;
            }
            Err(error) => {
                block.drain(shown..shown + note);
                let why = error.cause();
                if self.fault.is_none() {
                    tracing::warn!(folder = %self.paths.folder.display(), why, "output of a step cannot be written");
                }
                self.fault = Some(Fault { why, try_again: Instant::now() + TRY_AGAIN });
            }
        }
        written
    }

    fn lose(&mut self, block: &mut Vec<u8>, shown: usize) -> OutputError {
        self.lost += frame::payload(&block[shown..]).unwrap_or(0);
        block.truncate(shown);
        self.loss()
    }

    /// The loss as an error.
    pub fn loss(&self) -> OutputError {
        let why = self.fault.as_ref().map_or("it could not be written", |fault| &fault.why);
        OutputError::Lost { folder: self.paths.folder.clone(), why: why.to_owned() }
    }

    fn tell(&self, position: u64) {
        self.visible.store(position, Ordering::Release);
        if let Some(grown) = &self.grown {
            grown(position);
        }
    }
}

/// The frames without the first `many` bytes of the step's own output, and without the rest of a line if that is short
/// beside what is kept.
fn cut(frames: &[u8], many: u64) -> Vec<u8> {
    let mut many = usize::try_from(many).unwrap_or(usize::MAX);
    let mut at = 0;
    while let Some(framed) = frame::first(&frames[at..]) {
        let own = if framed.stream == Stream::Note { 0 } else { framed.bytes.len() };
        if many == 0 || own > many {
            let mut rest = Vec::with_capacity(frames.len() - at);
            if many > 0 {
                let mut kept = &framed.bytes[many..];
                let line = kept.iter().take(LINE_MAX).position(|byte| *byte == b'\n');
                if let (Some(line), true) =
                    (line, kept.len() > 2 * LINE_MAX && framed.bytes[many - 1] != b'\n')
                {
                    kept = &kept[line + 1..];
                }
                frame::push(&mut rest, framed.stream, framed.at, kept);
                at += framed.len;
            }
            rest.extend_from_slice(&frames[at..]);
            return rest;
        }
        many -= own;
        at += framed.len;
    }
    Vec::new()
}
