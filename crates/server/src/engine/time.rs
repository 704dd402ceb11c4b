//! What is due by itself: waits that are over, time that is up.
//!
//! Moments are kept in the store; here is only the earliest, so that nothing is asked for while nothing is due.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use model::run::{Refused, RunEvent};
use store::StoreError;
use tokio::{sync::Notify, time::Instant};

use super::Engine;
use crate::clock;

/// Runs that are looked after at once.
const AT_ONCE: u32 = 100;
/// The longest sleep: the clock may be set, or another server may have stored an earlier moment.
const LONGEST: Duration = Duration::from_secs(10);
/// After a fault.
const PAUSE: Duration = Duration::from_secs(1);
/// A clock that goes ahead by more than this between two looks has been set.
const JUMP: SignedDuration = SignedDuration::from_secs(60);
/// How long nothing is due after the clock was set ahead: if it was a mistake, somebody has time to set it right. Then it
/// is believed.
const DOUBT: Duration = Duration::from_secs(5 * 60);

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

/// Has the clock been set ahead?
struct Watch {
    wall: Timestamp,
    steady: Instant,
    /// Nothing is due before.
    doubtful_until: Option<Instant>,
}

impl Watch {
    fn new(wall: Timestamp, steady: Instant) -> Self {
        Self { wall, steady, doubtful_until: None }
    }

    /// May what is due happen now? `wall` is the clock that may be set, `steady` the one that cannot.
    fn look(&mut self, wall: Timestamp, steady: Instant) -> bool {
        let passed = SignedDuration::try_from(steady.duration_since(self.steady)).unwrap_or_default();
        let ahead = wall.duration_since(self.wall) - passed;
        if ahead > JUMP {
            tracing::error!(
                seconds = ahead.as_secs(),
                "the clock was set ahead; for five minutes nothing is taken as due, in case it is set right again"
            );
            self.doubtful_until = Some(steady + DOUBT);
        } else if ahead < -JUMP {
            if self.doubtful_until.take().is_some() {
                tracing::warn!("the clock was set back again; what is due goes on");
            } else {
                tracing::error!(
                    seconds = -ahead.as_secs(),
                    "the clock was set back; waits last so much longer"
                );
            }
        }
        (self.wall, self.steady) = (wall, steady);
        if self.doubtful_until.is_some_and(|until| steady < until) {
            return false;
        }
        self.doubtful_until = None;
        true
    }
}

impl Engine {
    /// Let happen what is due, as long as the engine lives.
    pub(crate) async fn keep_time(&self) {
        let mut watch = Watch::new(clock::now(), Instant::now());
        let mut asked = false;
        loop {
            let trusted = watch.look(clock::now(), Instant::now());
            let due = self.0.alarm.next().is_some_and(|next| next <= clock::now());
            if trusted && (due || !asked) {
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
            // While the clock is doubted, what is due already must not keep this loop turning.
            let left = if trusted { left.min(LONGEST) } else { PAUSE };
            let _ = tokio::time::timeout(left, self.0.alarm.earlier.notified()).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_ahead_makes_nothing_due_until_it_is_believed() {
        let (wall, steady) = (Timestamp::UNIX_EPOCH, Instant::now());
        let after = |wall_s: i64, steady_s: u64| {
            (wall + SignedDuration::from_secs(wall_s), steady + Duration::from_secs(steady_s))
        };
        let day = 24 * 60 * 60;
        let mut watch = Watch::new(wall, steady);
        let mut look = |wall_s, steady_s| {
            let (wall, steady) = after(wall_s, steady_s);
            watch.look(wall, steady)
        };
        assert!(look(10, 10), "it goes as it should");
        assert!(look(30, 20), "a little ahead is no jump");
        assert!(!look(day + 40, 30), "a day ahead");
        assert!(!look(day + 100, 90), "still in doubt");
        assert!(look(110, 100), "set right again: what is due goes on at once");
        assert!(!look(day + 120, 110), "ahead again");
        assert!(!look(day + 410, 400), "in doubt for five minutes");
        assert!(look(day + 430, 420), "then it is believed");
        assert!(look(440, 430), "set back: nothing is in doubt, waits are longer");
    }
}
