//! Reading a log, live or not.

use std::time::Duration;

use tokio::sync::watch;

use crate::{
    Frame, LogKey, LogSize, OutputError, frame,
    live::{Live, Writing},
    view::View,
};

/// How often a reader that waits looks for itself, in case the word of another process did not arrive.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Reads a log frame by frame, while whatever process writes it. However slow it is, it keeps the writer from nothing.
pub struct LogReader {
    view: View,
    key: LogKey,
    live: Live,
    /// Word of the writer, once somebody waits for it.
    writing: Option<watch::Receiver<Writing>>,
    /// Where the next frame is.
    position: u64,
    /// `position` came from outside: perhaps no frame begins there.
    doubtful: bool,
    /// Whole frames.
    chunk: Vec<u8>,
    chunk_start: u64,
}

impl LogReader {
    pub(crate) fn open(
        mut view: View,
        key: LogKey,
        live: Live,
        from: u64,
    ) -> Result<(Self, LogSize), OutputError> {
        let size = view.survey()?;
        view.rewind_tail();
        let reader = Self {
            view,
            key,
            live,
            writing: None,
            position: from,
            doubtful: from != 0,
            chunk: Vec::new(),
            chunk_start: 0,
        };
        Ok((reader, size))
    }

    /// The next frame; waits for it while somebody writes the log: this process, or another as it was told by
    /// [`Outputs::expect`](crate::Outputs::expect). None once nobody does and all was read.
    ///
    /// # Errors
    /// If a file cannot be read or is damaged.
    pub async fn next(&mut self) -> Result<Option<Frame>, OutputError> {
        loop {
            if self.writing.is_none() {
                self.writing = self.live.follow(&self.key);
            }
            // Both are looked at before the frames, so that nothing comes unseen in between.
            let writing = self.writing.as_mut().map(|writing| *writing.borrow_and_update());
            if let Some(frame) = self.try_next()? {
                return Ok(Some(frame));
            }
            let (Some(Writing::Here | Writing::Elsewhere), Some(changed)) = (writing, &mut self.writing)
            else {
                return Ok(None);
            };
            if self.view.is_closed() {
                return Ok(None);
            }
            // An error means that the writer is gone, which is seen when the loop comes round.
            if writing == Some(Writing::Elsewhere) {
                let _ = tokio::time::timeout(LOOK_AGAIN, changed.changed()).await;
            } else {
                let _ = changed.changed().await;
            }
        }
    }

    /// The next frame if it is there already.
    ///
    /// # Errors
    /// If a file cannot be read or is damaged.
    pub fn try_next(&mut self) -> Result<Option<Frame>, OutputError> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Where the next frame will be: reading from here goes on without a gap.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The position of the frame in which `target` lies, else the end.
    pub(crate) fn frame_around(&mut self, target: u64) -> Result<u64, OutputError> {
        self.position = self.view.block_at(target).map_or(self.view.blocks_end(), |block| block.start);
        while let Some(frame) = self.try_next()? {
            if target < frame.next {
                return Ok(frame.position);
            }
        }
        Ok(self.position)
    }

    /// The next frame of the chunk at hand.
    fn take(&mut self) -> Result<Option<Frame>, OutputError> {
        loop {
            let offset = self.position.checked_sub(self.chunk_start).and_then(|at| usize::try_from(at).ok());
            let start = if self.doubtful { Some(0) } else { offset };
            let Some(rest) = start.and_then(|start| self.chunk.get(start..)).filter(|rest| !rest.is_empty())
            else {
                return Ok(None);
            };
            if self.doubtful {
                self.settle()?;
                continue;
            }
            let framed = frame::first(rest).ok_or_else(|| self.malformed())?;
            let frame = Frame {
                position: self.position,
                next: self.position + framed.len as u64,
                stream: framed.stream,
                at: framed.at,
                bytes: framed.bytes.to_vec(),
            };
            self.position = frame.next;
            return Ok(Some(frame));
        }
    }

    /// Move a position from outside to the first frame at or after it. The chunk at hand begins before it.
    fn settle(&mut self) -> Result<(), OutputError> {
        let mut offset = 0;
        while self.chunk_start + (offset as u64) < self.position && offset < self.chunk.len() {
            offset += frame::first(&self.chunk[offset..]).ok_or_else(|| self.malformed())?.len;
        }
        self.position = self.chunk_start + offset as u64;
        self.doubtful = false;
        Ok(())
    }

    /// Get the chunk in which `position` lies; false if nothing is there (yet).
    fn fill(&mut self) -> Result<bool, OutputError> {
        loop {
            self.chunk.clear();
            if let Some(block) = self.view.block_at(self.position) {
                self.chunk = self.view.unpack(block)?;
                self.chunk_start = block.start;
                return Ok(true);
            }
            self.chunk_start = self.view.end();
            let more = self.view.more_tail(&mut self.chunk)?;
            if self.position < self.view.end() {
                return Ok(true);
            }
            self.chunk.clear();
            if !more && !self.view.more_blocks()? {
                return Ok(false);
            }
        }
    }

    /// Checksums hold, and yet there is no frame: nothing that a crash leaves behind.
    fn malformed(&self) -> OutputError {
        let path = self.view.paths().seg.clone();
        OutputError::Damaged { path, at: self.position, what: "there is no frame where one should begin" }
    }
}
