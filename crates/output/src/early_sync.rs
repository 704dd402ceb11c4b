//! Bring a long log to the disk while it is written, so that its end need not wait for all of it.

use std::{fs::File, io, thread::JoinHandle};

/// Bytes after which it is worth a thread.
const EVERY: usize = 32 * 1024 * 1024;

#[derive(Default)]
pub(crate) struct EarlySync {
    written: usize,
    running: Option<JoinHandle<io::Result<()>>>,
    /// The system tells of a fault once, so it is kept for the one who waits for the disk.
    fault: Option<io::Error>,
}

impl EarlySync {
    pub fn wrote(&mut self, file: &File, bytes: usize) {
        self.written += bytes;
        if self.written < EVERY || self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        self.join();
        // Without it the end takes longer, nothing else.
        if let Ok(file) = file.try_clone() {
            self.running =
                std::thread::Builder::new().name("output".to_owned()).spawn(move || file.sync_data()).ok();
            self.written = 0;
        }
    }

    /// Wait for what was begun.
    ///
    /// # Errors
    /// If anything could not be brought to the disk so far.
    pub fn result(&mut self) -> io::Result<()> {
        self.join();
        self.fault.take().map_or(Ok(()), Err)
    }

    fn join(&mut self) {
        let done = self.running.take().map(JoinHandle::join);
        match done {
            None | Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => self.fault = Some(error),
            Some(Err(_)) => self.fault = Some(io::Error::other("the thread that syncs output panicked")),
        }
    }
}
