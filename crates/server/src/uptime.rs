//! What a probe said, day by day.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{
    uptime::{Counts, Day},
    view::UptimeDay,
};

/// The days (of UTC) up to the one of `now`, oldest first; those without a slice have only zeros.
pub(crate) fn days(counted: &BTreeMap<Day, Counts>, now: Timestamp, count: u32) -> Vec<UptimeDay> {
    let first = first_day(now, count);
    let days = (0..i64::from(count)).map(|place| first.plus(place));
    days.map(|day| {
        let Counts { good, bad, no_sample } = counted.get(&day).copied().unwrap_or_default();
        UptimeDay { day: day.date().to_string(), good, bad, no_sample }
    })
    .collect()
}

/// The first moment of so many days up to the one of `now`.
pub(crate) fn since(now: Timestamp, count: u32) -> Timestamp {
    first_day(now, count).begins()
}

fn first_day(now: Timestamp, count: u32) -> Day {
    Day::of(now).plus(1 - i64::from(count))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn days_without_a_slice_have_none_and_others_are_not_shown() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        let today = Day::of(now);
        let counted = [
            (today, Counts::of("bad", 2)),
            (today.plus(-2), Counts::of("good", 7)),
            (today.plus(-3), Counts::of("good", 1)),
        ];
        let days = days(&counted.into_iter().collect(), now, 3);
        let shown: Vec<_> =
            days.iter().map(|day| (day.day.as_str(), day.good, day.bad, day.no_sample)).collect();
        assert_eq!(shown, [("2026-11-24", 7, 0, 0), ("2026-11-25", 0, 0, 0), ("2026-11-26", 0, 2, 0)]);
        assert_eq!(since(now, 3).to_string(), "2026-11-24T00:00:00Z");
    }
}
