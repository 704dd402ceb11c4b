//! What is due by itself: waits that are over, time that is up.
//!
//! Moments are kept in the store; here is only the earliest, so that nothing is asked for while nothing is due. A clock
//! that was set makes nothing due early or late: see [`clock`].

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use model::run::{Refused, RunEvent};
use store::StoreError;
use tokio::sync::Notify;

use super::Engine;
use crate::{clock, metrics::Turning};

/// Runs that are looked after at once.
const AT_ONCE: u32 = 100;
/// The longest sleep: another server may have stored an earlier moment, and whether the clock was set is to be said soon.
const LONGEST: Duration = Duration::from_secs(10);
/// After a fault.
const PAUSE: Duration = Duration::from_secs(1);
/// The earliest moment at which something is due, as far as is known here.
#[derive(Default)]
pub(super) struct Alarm {
    next: Mutex<Option<Timestamp>>,
    earlier: Notify,
}

impl Alarm {
    /// Something is due then.
    pub(super) fn set(&self, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_none_or(|next| at < next) {
            *next = Some(at);
            drop(next);
            self.earlier.notify_one();
        }
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An earlier moment was set.
    pub(super) async fn changed(&self) {
        self.earlier.notified().await;
    }

    pub(super) fn replace(&self, at: Option<Timestamp>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

impl Engine {
    /// Let happen what is due, as long as the engine lives.
    pub(crate) async fn keep_time(&self) {
        let mut asked = false;
        loop {
            self.0.metrics.turned(Turning::Time);
            let due = self.0.alarm.next().is_some_and(|next| next <= clock::now());
            if due || !asked {
                match self.take_due().await {
                    Ok(()) => asked = true,
                    Err(error) => {
                        tracing::error!(%error, "what is due could not be done; trying again");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                }
            }
            let left = self.0.alarm.next().map(|next| next.duration_since(clock::now()));
            let left = left.map_or(LONGEST, |left| Duration::try_from(left).unwrap_or_default());
            let _ = tokio::time::timeout(left.min(LONGEST), self.0.alarm.earlier.notified()).await;
        }
    }

    async fn take_due(&self) -> Result<(), StoreError> {
        loop {
            let now = clock::now();
            let due = self.0.store.due_runs(now, AT_ONCE).await?;
            let more = due.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
            for run in due {
                match self.0.store.advance(run, now, RunEvent::Due {}, 0).await {
                    Ok(advanced) => self.follow_up(advanced, None),
                    // It moved meanwhile.
                    Err(StoreError::Refused(Refused::NothingDue | Refused::Ended(_))) => {}
                    Err(error) => return Err(error),
                }
            }
            if !more {
                self.0.alarm.replace(None);
                let next = self.0.store.next_wake().await?;
                self.0.alarm.set(next);
                return Ok(());
            }
        }
    }
}
