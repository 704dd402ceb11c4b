//! The log of a step without a process.

use jiff::Timestamp;
use model::run::StepEnd;
use output::{LogWriter, OutputError, Stream};

use crate::{Secret, end::say, mask::Masks};

/// Writes masked words.
pub(crate) struct Notes {
    log: LogWriter,
    masks: Masks,
    broken: Option<OutputError>,
}

impl Notes {
    pub fn new(log: LogWriter, mask: &[Secret]) -> Self {
        Self { log, masks: Masks::new(mask.iter().map(Secret::bytes)), broken: None }
    }

    pub fn note(&mut self, words: &str) {
        self.write(Stream::Note, words);
    }

    /// Something that came from outside.
    pub fn show(&mut self, text: &str) {
        self.write(Stream::Stdout, text);
    }

    fn write(&mut self, stream: Stream, text: &str) {
        let mut text = text.to_owned();
        self.masks.text(&mut text);
        let done = self.log.append(stream, Timestamp::now(), text.as_bytes());
        self.log.flush();
        if let (Err(error), None) = (done, &self.broken) {
            self.broken = Some(error);
        }
    }

    /// The end, masked, once its log is finished.
    pub async fn finish(self, mut end: StepEnd) -> StepEnd {
        self.masks.end(&mut end);
        let log = self.log;
        // It waits for the disk.
        let finished = tokio::task::spawn_blocking(move || log.finish()).await;
        let error = match (self.broken, finished) {
            (Some(error), _) | (None, Ok(Err(error))) => Some(error.to_string()),
            (None, Err(error)) => Some(error.to_string()),
            (None, Ok(Ok(_))) => None,
        };
        if let Some(error) = error {
            say(&mut end, &format!("its output was not kept in full: {error}"));
        }
        end
    }
}
