//! The logs that are being written now, and the word that they grew. The frames themselves are in the files.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::LogKey;

/// Who writes a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// This process.
    Here,
    /// Another one.
    Elsewhere,
    /// Nobody any more.
    Ended,
}

#[derive(Clone, Default)]
pub(crate) struct Live(Arc<Mutex<HashMap<LogKey, watch::Sender<Writing>>>>);

impl Live {
    /// A writer begins; false if there is one already.
    pub fn begin(&self, key: LogKey, writing: Writing) -> bool {
        let mut logs = self.lock();
        let free = !logs.contains_key(&key);
        if free {
            logs.insert(key, watch::Sender::new(writing));
        }
        free
    }

    pub fn contains(&self, key: &LogKey) -> bool {
        self.lock().contains_key(key)
    }

    /// It grew: wake those who wait.
    pub fn nudge(&self, key: &LogKey) {
        if let Some(writing) = self.lock().get(key) {
            writing.send_modify(|_| {});
        }
    }

    pub fn end(&self, key: &LogKey) {
        if let Some(writing) = self.lock().remove(key) {
            writing.send_replace(Writing::Ended);
        }
    }

    /// None if nobody writes it.
    pub fn follow(&self, key: &LogKey) -> Option<watch::Receiver<Writing>> {
        self.lock().get(key).map(watch::Sender::subscribe)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LogKey, watch::Sender<Writing>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
