//! A log that is not live, from its files: all that was ever shown, however its writer ended.

use std::{fs, io, path::Path};

use crate::{
    OutputError, frame,
    key::LogPaths,
    log::LogState,
    record::{BLOCK_RECORD, End, Record},
};

/// The blocks that the index names, then the sound part of the tail.
pub(crate) fn recover(paths: &LogPaths) -> Result<LogState, OutputError> {
    let index = read(&paths.idx)?;
    let tail = read(&paths.tail)?;
    if index.is_none() && tail.is_none() {
        return Ok(LogState { finished: true, complete: true, ..LogState::default() });
    }
    let mut state = LogState { finished: true, ..LogState::default() };
    if let Some(index) = index {
        take_index(paths, &index, &mut state)?;
    }
    if let (Some(tail), false) = (tail, state.complete) {
        take_tail(&tail, &mut state);
    }
    Ok(state)
}

fn take_index(paths: &LogPaths, index: &[u8], state: &mut LogState) -> Result<(), OutputError> {
    let damaged = |path: &Path, at, what| OutputError::Damaged { path: path.to_path_buf(), at, what };
    let mut at = 0;
    let mut end = None;
    while let Some((record, len)) = Record::first(&index[at..]) {
        match record {
            Record::Block(block) if block.start == state.block_start && end.is_none() => {
                state.bytes += u64::from(block.payload);
                state.block_start = block.end();
                state.blocks.push(block);
            }
            Record::End(found) if end.is_none() => end = Some(found),
            _ => return Err(damaged(&paths.idx, at as u64, "a record is not where it belongs")),
        }
        at += len;
    }
    // A torn last record is how a process dies. Sound records behind an unsound one are not.
    if (at..index.len()).step_by(BLOCK_RECORD).skip(1).any(|later| Record::first(&index[later..]).is_some()) {
        return Err(damaged(&paths.idx, at as u64, "a record does not match its checksum"));
    }

    let held = match fs::metadata(&paths.seg) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(OutputError::io(&paths.seg)(error)),
    };
    let whole = state.blocks.partition_point(|block| block.offset + u64::from(block.packed) <= held);
    if let Some(End { bytes, dropped }) = end {
        if whole < state.blocks.len() {
            return Err(damaged(&paths.seg, held, "it ends before its last block"));
        }
        (state.bytes, state.dropped, state.complete) = (bytes, dropped, true);
    } else if let Some(lost) = state.blocks.get(whole) {
        // Power was lost while it was written: the index reached the disk, the blocks did not.
        state.block_start = lost.start;
        state.blocks.truncate(whole);
        state.bytes = state.blocks.iter().map(|block| u64::from(block.payload)).sum();
    }
    Ok(())
}

/// Take the tail if it goes on where the blocks end. One that begins before was about to be cleared: its frames are
/// in the last block.
fn take_tail(tail: &[u8], state: &mut LogState) {
    let Some((Record::Start(start), mut at)) = Record::first(tail) else { return };
    if start != state.block_start {
        return;
    }
    while let Some((record, len)) = Record::first(&tail[at..]) {
        match record {
            Record::Frames(frames) => {
                let Some(payload) = frame::payload(frames) else { break };
                state.bytes += payload;
                state.block.extend_from_slice(frames);
            }
            Record::End(End { bytes, dropped }) => {
                (state.bytes, state.dropped, state.complete) = (bytes, dropped, true);
                break;
            }
            Record::Start(_) | Record::Block(_) => break,
        }
        at += len;
    }
    state.shown = state.block.len();
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, OutputError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OutputError::io(path)(error)),
    }
}
