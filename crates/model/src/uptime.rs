//! What a probe said, day by day of UTC: how a stretch of equal slices is shared out among its days. What is rolled up and what
//! is not are shared out by this one rule, so that a day says the same before and after.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

/// A day of UTC, counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

const SECONDS: i64 = 24 * 60 * 60;

impl Day {
    pub fn of(at: Timestamp) -> Self {
        Self(at.as_second().div_euclid(SECONDS))
    }

    /// Its midnight.
    pub fn begins(self) -> Timestamp {
        Timestamp::from_second(self.0.saturating_mul(SECONDS)).unwrap_or(Timestamp::MAX)
    }

    #[must_use]
    pub fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }

    pub fn date(self) -> Date {
        self.begins().to_zoned(TimeZone::UTC).date()
    }
}

/// Slices by what they said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub good: u64,
    pub bad: u64,
    pub no_sample: u64,
}

impl Counts {
    /// So many slices with the outcome of this name.
    pub fn of(outcome: &str, count: u64) -> Self {
        match outcome {
            "good" => Self { good: count, ..Self::default() },
            "bad" => Self { bad: count, ..Self::default() },
            _ => Self { no_sample: count, ..Self::default() },
        }
    }

    pub fn add(&mut self, more: Self) {
        self.good = self.good.saturating_add(more.good);
        self.bad = self.bad.saturating_add(more.bad);
        self.no_sample = self.no_sample.saturating_add(more.no_sample);
    }
}

/// Share a stretch of slices out by time: of so many slices each day has as many as it has of the stretch's time, and the last
/// day the rest. Days that have none are left out.
pub fn share(from: Timestamp, to: Timestamp, count: u64) -> BTreeMap<Day, u64> {
    let mut shared = BTreeMap::new();
    let whole = u128::try_from(to.duration_since(from).as_millis().max(1)).unwrap_or(1);
    let (mut left, mut at) = (count, from);
    while left > 0 {
        let day = Day::of(at);
        let midnight = day.plus(1).begins();
        let last = midnight > to;
        let here = if last {
            left
        } else {
            let part = u128::try_from(midnight.duration_since(at).as_millis()).unwrap_or(0);
            let share = u64::try_from(u128::from(count) * part / whole).unwrap_or(u64::MAX);
            // The first slice lies at the stretch's beginning, whatever the rounding says.
            share.max(u64::from(at == from)).min(left)
        };
        if here > 0 {
            shared.insert(day, here);
        }
        left -= here;
        if last {
            break;
        }
        at = midnight;
    }
    shared
}

/// The midnight before which everything is at least so old.
pub fn midnight_before(now: Timestamp, age: SignedDuration) -> Timestamp {
    Day::of(now.checked_sub(age).unwrap_or(Timestamp::UNIX_EPOCH)).begins()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn shared(from: &str, to: &str, count: u64) -> Vec<(String, u64)> {
        share(at(from), at(to), count)
            .into_iter()
            .map(|(day, count)| (day.date().to_string(), count))
            .collect()
    }

    proptest! {
        #[test]
        fn no_slice_is_lost_or_doubled(begin in -200_000_i64..200_000, length in 0_i64..800_000, count in 1_u64..5000) {
            let at = |second| Timestamp::from_second(second).unwrap();
            let shared = share(at(begin), at(begin + length), count);
            prop_assert_eq!(shared.values().sum::<u64>(), count);
            let (first, last) = (Day::of(at(begin)), Day::of(at(begin + length)));
            prop_assert!(shared.keys().all(|day| (first..=last).contains(day)));
            prop_assert!(shared.contains_key(&first), "the first slice lies at its beginning");
        }
    }

    #[test]
    fn a_stretch_is_shared_out_at_midnight() {
        let two_days = shared("2026-11-24T18:00:00Z", "2026-11-25T06:00:00Z", 12);
        assert_eq!(two_days, [("2026-11-24".to_owned(), 6), ("2026-11-25".to_owned(), 6)]);
        assert_eq!(
            shared("2026-11-25T00:00:00Z", "2026-11-25T00:00:00Z", 1),
            [("2026-11-25".to_owned(), 1)],
            "a moment is a stretch"
        );
        assert_eq!(
            shared("2026-11-25T23:59:59Z", "2026-11-26T23:00:00Z", 2),
            [("2026-11-25".to_owned(), 1), ("2026-11-26".to_owned(), 1)],
            "the first slice lies at its beginning"
        );
        assert_eq!(shared("1969-12-31T12:00:00Z", "1969-12-31T13:00:00Z", 3), [("1969-12-31".to_owned(), 3)]);
    }
}
