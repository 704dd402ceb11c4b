//! Expressions of any shape, against sets of numbers.

use jiff::Timestamp;
use proptest::prelude::*;
use schedule::{Timing, zone, zone_names};

use crate::reference::{Sets, changes, scan};

/// A field: `*`, numbers, ranges, steps, and lists of them.
fn field(min: u32, max: u32) -> impl Strategy<Value = String> {
    let part =
        (min..=max, min..=max, 1..=(max - min).max(1), 0..4_u8).prop_map(move |(a, b, step, shape)| {
            let (from, to) = (a.min(b), a.max(b));
            match shape {
                0 => from.to_string(),
                1 => format!("{from}-{to}"),
                2 => format!("{from}-{to}/{step}"),
                _ => format!("*/{step}"),
            }
        });
    let list = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join(","));
    prop_oneof![3 => Just("*".to_owned()), 4 => list]
}

fn five() -> impl Strategy<Value = String> {
    (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7))
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

fn zone_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Asia/Gaza",
        "America/Santiago",
    ])
}

/// Both ways from a random moment on.
fn same(text: &str, name: &str, from: i64, seconds: i64, step: i64) -> Result<(), TestCaseError> {
    let Ok(timing) = Timing::cron(&[text], name) else {
        // It never fires, as in `0 0 30 2 *`: then it fires never.
        let sets = Sets::read(text);
        let days = scan(&sets, &[(0, 0)], 946_684_800, 946_684_800 + 5 * 366 * 86_400, 3600);
        prop_assert!(days.is_empty(), "{} is refused, but fires", text);
        return Ok(());
    };
    let zone = zone(name).unwrap();
    let expected = scan(&Sets::read(text), &changes(&zone, from, from + seconds), from, from + seconds, step);
    let at = |second| Timestamp::from_second(second).unwrap();
    let found: Vec<i64> =
        timing.between(at(from - 1), at(from + seconds - 1)).map(|at| at.as_second()).collect();
    // What a gap just before the beginning swallowed is not seen by the scan.
    prop_assert_eq!(found, expected, "{} in {} from {}", text, name, from);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn five_fields_by_the_minute(text in five(), name in zone_name(), hour in 0..350_000_i64) {
        // From 1990 on, forty days: nearly every month has some.
        same(&text, name, 631_152_000 + hour * 3600 - 1800, 40 * 86_400, 60)?;
    }

    #[test]
    fn six_fields_by_the_second(second in field(0, 59), text in five(), name in zone_name(), hour in 0..350_000_i64) {
        let start = 631_152_000 + hour * 3600 + 1800;
        same(&format!("{second} {text}"), name, start, 5 * 3600, 1)?;
    }

    #[test]
    fn any_text_is_answered(text in "[-0-9*/,#LW a-zA-Z@?+]{0,24}") {
        if let Ok(timing) = Timing::cron(&[text], "Europe/Berlin") {
            let start: Timestamp = "2026-11-26T00:00:00Z".parse().unwrap();
            let some: Vec<_> = timing.firings(start).take(5).collect();
            prop_assert!(some.windows(2).all(|pair| pair[0] < pair[1]), "{some:?}");
            prop_assert!(!some.is_empty());
        }
    }
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    for (text, word) in [
        ("", "0 fields"),
        ("* * *", "3 fields"),
        ("* * * * * * *", "7 fields"),
        ("@daily", "@daily"),
        ("60 * * * *", "out of bounds"),
        ("* 24 * * *", "out of bounds"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
        ("1,,2 * * * *", "comma"),
        ("? * * * *", "`?`"),
        ("0 0 * * +1", "`+`"),
        ("5-1 * * * *", "out of bounds"),
        ("0 0 * FOO *", "illegal character"),
        ("*/0 * * * *", ""),
    ] {
        let refused = Timing::cron(&[text], "UTC").unwrap_err().to_string();
        assert!(refused.contains(word), "{text}: {refused}");
    }
    assert!(Timing::cron(&[] as &[&str], "UTC").is_err());
    for bad in ["Mars/Olympus", "europe/berlin", "", "CET+1", "Etc/Unknown"] {
        assert!(Timing::cron(&["* * * * *"], bad).is_err(), "{bad}");
    }
}

#[test]
fn names_and_last_days_are_read() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    for (text, next) in [
        ("0 9 * * mon-fri", "2026-11-26T09:00:00Z"),
        ("0 9 1 jan *", "2027-01-01T09:00:00Z"),
        ("0 9 L * *", "2026-11-30T09:00:00Z"),
        ("0 9 15W * *", "2026-12-15T09:00:00Z"),
        ("0 9 * * 1#2", "2026-12-14T09:00:00Z"),
        ("0 9 * * 5L", "2026-11-27T09:00:00Z"),
        ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
        ("0 0 29 2 1", "2027-02-01T00:00:00Z"),
    ] {
        let timing = Timing::cron(&[text], "UTC").unwrap();
        assert_eq!(timing.after(at("2026-11-26T08:00:00Z")), Some(at(next)), "{text}");
    }
}

#[test]
fn zones_are_those_of_iana() {
    let names = zone_names();
    assert!(names.len() > 400);
    assert!(names.iter().filter(|name| zone(name).is_some()).count() > 400);
    assert!(schedule::TZDATA.starts_with("20"), "{}", schedule::TZDATA);
}
