//! A folder of logs, and short ways to write and read one.

use jiff::Timestamp;
use output::{Frame, LogKey, LogReader, LogWriter, Outputs, Stream};
use tempfile::TempDir;

pub const RUN: &str = "0198c0de-0000-7000-8000-000000000001";

pub struct Scene {
    pub outputs: Outputs,
    pub folder: TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { outputs: Outputs::open(folder.path()).unwrap(), folder }
    }

    /// The same folder, as another process sees it.
    pub fn reopened(&self) -> Outputs {
        Outputs::open(self.folder.path()).unwrap()
    }

    pub fn create(&self, limit: u64) -> LogWriter {
        self.outputs.create(key(), limit).unwrap()
    }
}

pub fn key() -> LogKey {
    LogKey { run: RUN.into(), step: 0, attempt: 1 }
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + second).unwrap()
}

pub fn out(log: &mut LogWriter, text: &str) {
    log.append(Stream::Stdout, at(0), text.as_bytes()).unwrap();
}

/// All frames that are there now.
pub fn all(outputs: &Outputs, from: u64) -> Vec<Frame> {
    rest(&mut outputs.read(&key(), from).unwrap())
}

pub fn rest(reader: &mut LogReader) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(frame) = reader.try_next().unwrap() {
        frames.push(frame);
    }
    frames
}

/// The step's own bytes in these frames.
pub fn bytes(frames: &[Frame]) -> Vec<u8> {
    frames
        .iter()
        .filter(|frame| frame.stream != Stream::Note)
        .flat_map(|frame| frame.bytes.iter().copied())
        .collect()
}

/// Bytes that compress badly, so that blocks stay large; the same for the same seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
