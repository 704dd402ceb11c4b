//! Output: from the pipes into the log.

use std::{
    future::Future,
    io,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use nix::fcntl::{FcntlArg, fcntl};
use output::{LogWriter, OutputError, Stream};
use tokio::{net::unix::pipe::Receiver, sync::Notify};
use zeroize::Zeroizing;

use crate::{
    asks::Asks,
    mask::{Masker, Masks},
};

/// Bytes read at once.
const BUFFER: usize = 256 * 1024;
/// What a pipe holds at first.
const PIPE: usize = 64 * 1024;
/// What a pipe holds once there is a flood.
const FLOOD_PIPE: i32 = 1024 * 1024;
/// Reads of a flood after which others get a turn.
const TURN: usize = 8;
/// Followers see what comes at once, but a stream of small pieces not more often than this.
const FLUSH_EVERY: Duration = Duration::from_millis(10);

/// Most bytes that a step may ask to be masked.
const LEARNED_MAX: usize = 8 * 1024;

/// Reads both pipes of a process, masks what nobody may see, and writes the log.
pub(crate) struct Pump {
    pipes: [Pipe; 2],
    masks: Masks,
    /// Where the step says what else is to be masked, and what it said.
    asks: Option<Asks>,
    learned: Zeroizing<Vec<u8>>,
    buffer: Vec<u8>,
    masked: Vec<u8>,
    log: LogWriter,
    /// Told of every flush.
    grew: Option<Arc<Notify>>,
    /// Something was appended since the last flush.
    waiting: bool,
    flushed: Option<Instant>,
    /// Why output was lost, the first time. The pipes are read on, so that the step does not hang on it.
    broken: Option<OutputError>,
}

impl Pump {
    /// Without pipes at first.
    pub fn new(log: LogWriter, masks: Masks, grew: Option<Arc<Notify>>) -> Self {
        Self {
            pipes: [Pipe::new(Stream::Stdout), Pipe::new(Stream::Stderr)],
            masks,
            asks: None,
            learned: Zeroizing::default(),
            buffer: vec![0; BUFFER],
            masked: Vec::new(),
            log,
            grew,
            waiting: false,
            flushed: None,
            broken: None,
        }
    }

    /// Read from these from now on. What the step writes to `asks` is masked.
    pub fn attach(&mut self, stdout: Receiver, stderr: Receiver, asks: Asks) {
        self.asks = Some(asks);
        for (pipe, receiver) in self.pipes.iter_mut().zip([stdout, stderr]) {
            pipe.receiver = Some(receiver);
            pipe.enlarged = false;
        }
    }

    /// Read no more. Only now goes out what might have been the beginning of a secret.
    pub fn close(&mut self) {
        for place in 0..self.pipes.len() {
            self.pipes[place].receiver = None;
            self.learn();
            self.end_of(place);
        }
        self.asks = None;
        self.flush();
    }

    /// What the step wanted to be masked by now. It is asked after output was read and before that goes out: whatever a
    /// step writes after it has asked comes later.
    fn learn(&mut self) {
        let Some(asks) = &self.asks else { return };
        let before = self.learned.len();
        asks.read(&mut self.learned, LEARNED_MAX);
        if self.learned.len() > before {
            // All of it again: a line may have come in two pieces.
            let learned = std::mem::take(&mut self.learned);
            self.masks.learn(&learned);
            self.learned = learned;
            if self.learned.len() == LEARNED_MAX {
                self.note("8 KiB were written to `$SIGNALBOX_MASK`; the rest is not masked");
            }
        }
    }

    /// Read while `what` is awaited.
    pub async fn meanwhile<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        tokio::select! {
            biased;
            done = &mut what => return done,
            () = self.run() => {}
        }
        what.await
    }

    /// Read until both pipes are closed by everybody who held them. May be dropped and begun again at any time.
    pub async fn run(&mut self) {
        loop {
            let more = self.take_a_turn();
            if self.pipes.iter().all(|pipe| pipe.receiver.is_none()) {
                break;
            }
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            // No more is at hand.
            let due = self.flushed.map_or(Duration::ZERO, |at| FLUSH_EVERY.saturating_sub(at.elapsed()));
            if self.waiting && due.is_zero() {
                self.flush();
            }
            let waiting = self.waiting;
            let ([stdout, stderr], asks) = (&self.pipes, &self.asks);
            let asked = async {
                match asks {
                    Some(asks) => asks.readable().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = asked => self.learn(),
                () = stdout.readable() => {}
                () = stderr.readable() => {}
                () = tokio::time::sleep(due), if waiting => self.flush(),
            }
        }
        self.flush();
    }

    /// Say something in the log.
    pub fn note(&mut self, words: &str) {
        let mut words = words.to_owned();
        self.masks.text(&mut words);
        self.append(Stream::Note, words.as_bytes());
        self.flush();
    }

    /// What is masked, by the step's own wish too.
    pub fn masks(&self) -> &Masks {
        &self.masks
    }

    /// The log, and what went wrong with it.
    pub fn into_log(self) -> (LogWriter, Option<OutputError>) {
        (self.log, self.broken)
    }

    /// Read some of what is at hand; true if there may be more.
    fn take_a_turn(&mut self) -> bool {
        let mut more = false;
        for place in 0..self.pipes.len() {
            for turn in 1..=TURN {
                let len = self.pipes[place].read(&mut self.buffer);
                if len == 0 {
                    break;
                }
                let buffer = std::mem::take(&mut self.buffer);
                self.take(place, &buffer[..len]);
                self.buffer = buffer;
                more |= turn == TURN;
            }
            if self.pipes[place].receiver.is_none() {
                self.end_of(place);
            }
        }
        more
    }

    fn take(&mut self, place: usize, bytes: &[u8]) {
        self.learn();
        if self.masks.is_empty() {
            return self.append(self.pipes[place].stream, bytes);
        }
        let mut masked = std::mem::take(&mut self.masked);
        masked.clear();
        self.pipes[place].masker.feed(&self.masks, bytes, &mut masked);
        if !masked.is_empty() {
            self.append(self.pipes[place].stream, &masked);
        }
        self.masked = masked;
    }

    fn end_of(&mut self, place: usize) {
        let mut masked = Vec::new();
        self.pipes[place].masker.finish(&self.masks, &mut masked);
        if !masked.is_empty() {
            self.append(self.pipes[place].stream, &masked);
        }
    }

    fn append(&mut self, stream: Stream, bytes: &[u8]) {
        let done = self.log.append(stream, Timestamp::now(), bytes);
        self.waiting = true;
        self.keep_error(done);
    }

    fn flush(&mut self) {
        if self.waiting {
            self.flushed = Some(Instant::now());
            self.log.flush();
            // A full disk: it is tried again.
            self.waiting = self.log.is_behind();
            if let Some(grew) = &self.grew {
                grew.notify_one();
            }
        }
    }

    fn keep_error(&mut self, done: Result<(), OutputError>) {
        if let (Err(error), None) = (done, &self.broken) {
            tracing::warn!(%error, "output of a step is not kept");
            self.broken = Some(error);
        }
    }
}

struct Pipe {
    stream: Stream,
    /// None once it is closed.
    receiver: Option<Receiver>,
    enlarged: bool,
    masker: Masker,
}

impl Pipe {
    fn new(stream: Stream) -> Self {
        Self { stream, receiver: None, enlarged: false, masker: Masker::default() }
    }

    /// Wait until something is there or the pipe is closed; for ever once that is known.
    async fn readable(&self) {
        match &self.receiver {
            // An error shows again when it is read.
            Some(receiver) => drop(receiver.readable().await),
            None => std::future::pending().await,
        }
    }

    /// Bytes read; 0 if nothing is at hand.
    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let Some(receiver) = &self.receiver else { return 0 };
        match receiver.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Ok(0) | Err(_) => {
                self.receiver = None;
                0
            }
            Ok(len) => {
                if len >= PIPE && !self.enlarged {
                    // The system may refuse it to users who have many; it only costs speed.
                    let _ = fcntl(receiver, FcntlArg::F_SETPIPE_SZ(FLOOD_PIPE));
                    self.enlarged = true;
                }
                len
            }
        }
    }
}
