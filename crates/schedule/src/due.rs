//! What is to be done now: also after the server was down for hours, and whatever the clock did meanwhile.

use jiff::{SignedDuration, Timestamp};
use model::schedule::CatchUp;

use crate::timing::Timing;

/// More firings than this that were missed are told as one stretch.
pub const MISSED_MAX: usize = 1000;
/// Firings of local time are counted up to this; for more it is said that there are more.
const COUNTED_MAX: usize = 10_000;

/// How far back a firing may lie and still be performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Not older than this, a firing is on time: it is performed whatever `catch_up` says. A restart takes no longer.
    pub on_time: SignedDuration,
    /// Older than this, it is not caught up with.
    pub catch_up: SignedDuration,
    /// So many are performed at once, at most; the newest. At least 1.
    pub most: usize,
}

impl Default for Window {
    /// A minute; an hour; 100.
    fn default() -> Self {
        Self { on_time: SignedDuration::from_mins(1), catch_up: SignedDuration::from_hours(1), most: 100 }
    }
}

/// What becomes of the firings since the cursor. Each is in `fire` or in `missed`, and in one of them only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// In their order. All of them are later than all that were missed.
    pub fire: Vec<Timestamp>,
    /// In their order.
    pub missed: Vec<Missed>,
    /// The next firing; none if there is none any more.
    pub next: Option<Timestamp>,
    /// All up to this has been decided: store it in the transaction that stores the rest. It never goes back.
    pub cursor: Timestamp,
}

/// What was due, and is not performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    One {
        due_at: Timestamp,
        reason: Reason,
    },
    /// All firings after an instant, up to another and at it.
    Many {
        after: Timestamp,
        until: Timestamp,
        count: u64,
        /// Else there are more than `count`.
        exact: bool,
        reason: Reason,
    },
}

/// Why a firing is not performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody was there, and the schedule catches up with nothing.
    NobodyThere,
    /// A newer one is performed in its place.
    Superseded,
    TooOld,
    /// As many newer ones are performed as may be at once.
    TooMany,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Self::NobodyThere => "nobody_there",
            Self::Superseded => "superseded",
            Self::TooOld => "too_old",
            Self::TooMany => "too_many",
        }
    }

    /// In words, for a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::NobodyThere => "No server was there when it was due, and the schedule does not catch up.",
            Self::Superseded => {
                "No server was there when it was due, and only the newest firing is caught up with."
            }
            Self::TooOld => "No server was there when it was due, and that is too long ago to catch up.",
            Self::TooMany => {
                "No server was there when it was due, and as many newer ones as may be were caught up with."
            }
        }
    }
}

/// What to do now about the firings after `cursor`, up to `now` and at it. A clock that goes back decides nothing again: until it
/// has passed the cursor, nothing is due.
pub fn due(cursor: Timestamp, now: Timestamp, timing: &Timing, catch_up: CatchUp, window: Window) -> Due {
    let longest = window.on_time.max(window.catch_up);
    // Only what is not older than this can be performed. There is at most one firing a second, so this is bounded.
    let young = now.checked_sub(longest).unwrap_or(Timestamp::MIN);
    // `between` leaves out its beginning.
    let border = young.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN).max(cursor);
    let pending: Vec<Timestamp> = timing.between(border, now).collect();
    let younger_than = |age: SignedDuration| {
        let oldest = now.checked_sub(age).unwrap_or(Timestamp::MIN);
        pending.len() - pending.partition_point(|at| *at < oldest)
    };
    let on_time = younger_than(window.on_time);
    let (wanted, rest) = match catch_up {
        CatchUp::None => (on_time, Reason::NobodyThere),
        CatchUp::Latest => (on_time.max(younger_than(window.catch_up).min(1)), Reason::Superseded),
        CatchUp::All => (on_time.max(younger_than(window.catch_up)), Reason::TooOld),
    };
    let fired = wanted.min(window.most.max(1));
    let (missed_young, fire) = pending.split_at(pending.len() - fired);

    // Those that would have been performed, were there not so many newer ones, stand right before the ones that are.
    let (passed, too_many) = missed_young.split_at(missed_young.len() - (wanted - fired));
    let young_ones = [(passed, rest), (too_many, Reason::TooMany)];
    // Nothing supersedes what is too old but a firing that is performed.
    let old = match catch_up {
        CatchUp::None => Reason::NobodyThere,
        CatchUp::Latest if !fire.is_empty() => Reason::Superseded,
        CatchUp::Latest | CatchUp::All => Reason::TooOld,
    };
    let old_ones: Vec<Timestamp> = timing.between(cursor, border).take(MISSED_MAX + 1).collect();
    let mut missed = Vec::new();
    if old_ones.len() + missed_young.len() <= MISSED_MAX {
        let parts = std::iter::once((old_ones.as_slice(), old)).chain(young_ones);
        let each = parts.flat_map(|(part, reason)| part.iter().map(move |at| (*at, reason)));
        missed.extend(each.map(|(due_at, reason)| Missed::One { due_at, reason }));
    } else {
        if !old_ones.is_empty() {
            let (count, exact) = timing.count(cursor, border, COUNTED_MAX);
            missed.push(Missed::Many { after: cursor, until: border, count, exact, reason: old });
        }
        let mut after = border;
        for (part, reason) in young_ones {
            let Some(until) = part.last().copied() else { continue };
            missed.push(Missed::Many { after, until, count: part.len() as u64, exact: true, reason });
            after = until;
        }
    }
    let newest = pending.last().copied().or_else(|| (!old_ones.is_empty()).then_some(border));
    let cursor = newest.unwrap_or(cursor);
    Due { fire: fire.to_vec(), missed, next: timing.after(cursor.max(now)), cursor }
}
