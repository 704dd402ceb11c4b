//! A log whose writer died: closed by somebody else.

use jiff::Timestamp;

use crate::{
    LogSize, OutputError, Stream,
    files::Files,
    frame,
    key::LogPaths,
    limit::words_for_the_middle,
    record::{Block, End, Place, Record},
    ring::Ring,
    sink::{Haste, Sink},
    view::View,
};

const WORDS: &str = "the log breaks off here: the supervisor of the step died";

/// Write the end behind the last thing that readers saw, and sync it. What was kept for the end is shown before it.
pub(crate) fn close(paths: LogPaths) -> Result<LogSize, OutputError> {
    let mut view = View::new(paths.clone());
    let size = view.survey()?;
    if view.is_closed() {
        return Ok(size);
    }
    let files = Files::found(&paths, &view)?;
    let named: Vec<Block> =
        view.blocks().iter().copied().filter(|block| block.place == Place::Ring).collect();
    let ring = Ring::found(&paths.ring, view.blocks_end(), &named)?;
    let mut held = view.held(ring.start)?;
    if view.is_cut() || (named.is_empty() && ring.is_empty() && held.is_empty()) {
        return close_tail(&paths, files, size);
    }
    let mut sink = Sink::found(paths, files, &view, ring);
    sink.keep(&mut held, 0, Haste::Calm)?;
    // The writer was about to tell it when it died.
    let told = !named.is_empty();
    sink.end(|missing| (!told).then(|| words_for_the_middle(missing)), Some(WORDS), true).map(End::size)
}

fn close_tail(paths: &LogPaths, mut files: Files, size: LogSize) -> Result<LogSize, OutputError> {
    let mut note = Vec::new();
    frame::push(&mut note, Stream::Note, Timestamp::now(), WORDS.as_bytes());
    let end = End {
        position: size.position_end + note.len() as u64,
        bytes: size.bytes,
        dropped: 0,
        lost: 0,
        complete: false,
    };
    let mut records = Vec::new();
    Record::Frames { start: size.position_end, frames: &note }.push(&mut records);
    Record::End(end).push(&mut records);
    files.write_tail(paths, &records)?;
    files.sync(paths)?;
    Ok(end.size())
}
