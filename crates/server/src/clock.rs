//! The one place that asks what time it is.
//!
//! A machine's clock can be set: by a person, by whoever keeps it right, by mistake. What is due hangs on it, and so does
//! whatever a transition says about time (a wait that begins under a wrong clock would end a day late). So the clock is held
//! against one that cannot be set. Where they come apart, the server keeps its own time, for five minutes: if it was a
//! mistake, somebody has time to set it right, and nothing has happened early or late. Then the clock is believed.

use std::{
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp, Unit};
use nix::time::{ClockId, clock_gettime};

/// A clock that goes ahead or back by more than this has been set.
const JUMP: SignedDuration = SignedDuration::from_secs(60);
/// How long a clock that was set is not believed.
const DOUBT: Duration = Duration::from_secs(5 * 60);

static CLOCK: Mutex<Option<Clock>> = Mutex::new(None);

/// Now, to the microsecond: what both engines keep.
pub(crate) fn now() -> Timestamp {
    let (now, said) = look();
    match said {
        None => {}
        Some(Said::Doubted(off)) => tracing::error!(
            seconds = off.as_secs(),
            "the machine's clock was set {}; the server keeps its own time and believes the clock in five minutes: \
             if it is wrong, set it right until then (`timedatectl` shows it)",
            if off.is_negative() { "back" } else { "ahead" },
        ),
        Some(Said::Right) => tracing::warn!("the machine's clock is right again; nothing came early or late"),
        Some(Said::Believed(off)) if off.is_negative() => tracing::warn!(
            seconds = off.as_secs(),
            "the machine's clock stays set back and is believed now; waits that began before last so much longer"
        ),
        Some(Said::Believed(off)) => tracing::warn!(
            seconds = off.as_secs(),
            "the machine's clock stays set ahead and is believed now; what is due by it happens"
        ),
    }
    now.round(Unit::Microsecond).unwrap_or(now)
}

/// By how much the machine's clock was set ahead, or back if negative, while that is not believed; none as a rule.
pub(crate) fn doubted() -> Option<SignedDuration> {
    now();
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.doubt.map(|doubt| doubt.off)
}

fn look() -> (Timestamp, Option<Said>) {
    let mut clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    // Read under the lock: an older reading after a newer one would look like a clock that goes back.
    let (wall, steady) = (Timestamp::now(), steady());
    clock.get_or_insert_with(|| Clock { wall, steady, doubt: None }).look(wall, steady)
}

/// Since the machine was started, the time that it slept too: a laptop that was shut has no wrong clock.
fn steady() -> Duration {
    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
    // Every Linux since 2.6.39 has it. Where it is missing, a clock that stands still meanwhile does as well.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or_else(|_| STARTED.elapsed(), Duration::from)
}

/// What there is to say about a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Doubted(SignedDuration),
    Right,
    Believed(SignedDuration),
}

struct Clock {
    /// The last moment at which both agreed, as each has it.
    wall: Timestamp,
    steady: Duration,
    doubt: Option<Doubt>,
}

#[derive(Clone, Copy)]
struct Doubt {
    off: SignedDuration,
    since: Duration,
}

impl Clock {
    /// What time it is: `wall` is the clock that may be set, `steady` the one that cannot.
    fn look(&mut self, wall: Timestamp, steady: Duration) -> (Timestamp, Option<Said>) {
        let passed = steady.saturating_sub(self.steady);
        let own = self.wall.saturating_add(passed).unwrap_or(Timestamp::MAX);
        let off = wall.duration_since(own);
        if off.abs() <= JUMP {
            (self.wall, self.steady) = (wall, steady);
            return (wall, self.doubt.take().map(|_| Said::Right));
        }
        match self.doubt {
            // Set once more: whoever does it is not done.
            Some(Doubt { off: before, .. }) if (off - before).abs() > JUMP => {}
            Some(Doubt { since, .. }) if steady.saturating_sub(since) < DOUBT => return (own, None),
            Some(_) => {
                *self = Self { wall, steady, doubt: None };
                return (wall, Some(Said::Believed(off)));
            }
            None => {}
        }
        self.doubt = Some(Doubt { off, since: steady });
        (own, Some(Said::Doubted(off)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    /// Looks with the machine's clock and the steady one at these seconds; the time it is, and what is said.
    fn looks() -> impl FnMut(i64, u64) -> (i64, Option<Said>) {
        let mut clock = Clock { wall: at(0), steady: Duration::ZERO, doubt: None };
        move |wall, steady| {
            let (now, said) = clock.look(at(wall), Duration::from_secs(steady));
            (now.as_second(), said)
        }
    }

    fn doubted(seconds: i64) -> Option<Said> {
        Some(Said::Doubted(SignedDuration::from_secs(seconds)))
    }

    fn believed(seconds: i64) -> Option<Said> {
        Some(Said::Believed(SignedDuration::from_secs(seconds)))
    }

    #[test]
    fn a_clock_that_is_set_and_set_right_again_moves_nothing() {
        for day in [DAY, -DAY] {
            let mut look = looks();
            assert_eq!(look(10, 10), (10, None), "it goes as it should");
            assert_eq!(look(30, 20), (30, None), "a little ahead is no jump");
            assert_eq!(look(25, 21), (25, None), "nor a little back");
            assert_eq!(look(day + 34, 30), (34, doubted(day)));
            assert_eq!(look(day + 94, 90), (94, None), "still in doubt, said once, and time goes on");
            assert_eq!(look(105, 101), (105, Some(Said::Right)));
            assert_eq!(look(115, 111), (115, None));
        }
    }

    #[test]
    fn a_clock_that_stays_set_is_believed_after_five_minutes() {
        for day in [DAY, -DAY] {
            let mut look = looks();
            assert_eq!(look(day + 10, 10), (10, doubted(day)));
            assert_eq!(look(day + 309, 309), (309, None));
            assert_eq!(look(day + 310, 310), (day + 310, believed(day)));
            assert_eq!(look(day + 320, 320), (day + 320, None));
            assert_eq!(look(330, 330), (day + 330, doubted(-day)), "the way back is a jump too");
        }
    }

    #[test]
    fn a_clock_that_is_set_again_and_again_is_not_believed_meanwhile() {
        let mut look = looks();
        assert_eq!(look(DAY, 0), (0, doubted(DAY)));
        assert_eq!(look(2 * DAY + 290, 290), (290, doubted(2 * DAY)));
        assert_eq!(look(2 * DAY + 310, 310), (310, None));
        assert_eq!(look(2 * DAY + 590, 590), (2 * DAY + 590, believed(2 * DAY)));
    }
}
