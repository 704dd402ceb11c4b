//! What a probe said, day by day.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use model::view::UptimeDay;
use store::SliceSpan;

/// The days (of UTC) up to the one of `now`, oldest first, with the slices of these spans. A span that goes over midnight is
/// shared out by time: of so many slices each day has as many as it has of the span's time, and the last day the rest.
pub(crate) fn days(spans: &[SliceSpan], now: Timestamp, count: u32) -> Vec<UptimeDay> {
    let day_of = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let mut shared: BTreeMap<Date, UptimeDay> = BTreeMap::new();
    let mut date = day_of(now);
    for _ in 0..count {
        shared.insert(date, UptimeDay { day: date.to_string(), ..UptimeDay::default() });
        let Ok(before) = date.yesterday() else { break };
        date = before;
    }
    for span in spans {
        let mut left = span.count;
        let mut from = span.from;
        let length = span.to.duration_since(span.from).as_millis().max(1);
        while left > 0 {
            let day = day_of(from);
            let midnight = day
                .tomorrow()
                .ok()
                .and_then(|next| next.to_zoned(TimeZone::UTC).ok())
                .map(|next| next.timestamp());
            let here = match midnight.filter(|midnight| *midnight <= span.to) {
                None => left,
                Some(midnight) => {
                    let part = u128::try_from(midnight.duration_since(from).as_millis()).unwrap_or(0);
                    let whole = u128::try_from(length).unwrap_or(1);
                    let share = u64::try_from(u128::from(span.count) * part / whole).unwrap_or(u64::MAX);
                    // The first slice lies at the span's beginning, whatever the rounding says.
                    share.max(u64::from(from == span.from)).min(left)
                }
            };
            if let Some(day) = shared.get_mut(&day) {
                match span.outcome.as_str() {
                    "good" => day.good += here,
                    "bad" => day.bad += here,
                    _ => day.no_sample += here,
                }
            }
            left -= here;
            match midnight {
                Some(midnight) if midnight <= span.to => from = midnight,
                _ => break,
            }
        }
    }
    shared.into_values().collect()
}

/// The first moment of so many days up to the one of `now`.
pub(crate) fn since(now: Timestamp, count: u32) -> Timestamp {
    let days = SignedDuration::from_hours(24 * i64::from(count));
    now.checked_sub(days).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(from: &str, to: &str, outcome: &str, count: u64) -> SliceSpan {
        SliceSpan {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            outcome: outcome.to_owned(),
            count,
            first_run: None,
            last_run: None,
            why: None,
        }
    }

    #[test]
    fn days_without_a_slice_have_none_and_spans_are_shared_at_midnight() {
        let now = "2026-11-26T12:00:00Z".parse().unwrap();
        let spans = [
            span("2026-11-24T18:00:00Z", "2026-11-25T06:00:00Z", "good", 12),
            span("2026-11-25T06:01:00Z", "2026-11-25T06:01:00Z", "bad", 1),
            span("2026-11-26T00:00:00Z", "2026-11-26T00:10:00Z", "no_sample", 3),
        ];
        let days = days(&spans, now, 4);
        let shown: Vec<_> =
            days.iter().map(|day| (day.day.as_str(), day.good, day.bad, day.no_sample)).collect();
        assert_eq!(
            shown,
            [
                ("2026-11-23", 0, 0, 0),
                ("2026-11-24", 6, 0, 0),
                ("2026-11-25", 6, 1, 0),
                ("2026-11-26", 0, 0, 3)
            ]
        );
    }

    proptest! {
        #[test]
        fn no_slice_is_lost_or_doubled(begin in 0_i64..200_000, length in 0_i64..800_000, count in 1_u64..5000) {
            let at = |second| Timestamp::from_second(1_700_000_000 + second).unwrap();
            let span = SliceSpan {
                from: at(begin), to: at(begin + length), outcome: "good".to_owned(), count, first_run: None, last_run: None,
                why: None,
            };
            let days = days(&[span], at(begin + length), 30);
            prop_assert_eq!(days.iter().map(|day| day.good).sum::<u64>(), count);
            prop_assert_eq!(days.len(), 30);
        }
    }
}
