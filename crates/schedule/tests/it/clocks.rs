//! Local times through every clock change of thirty zones and ten years.

use jiff::Timestamp;
use schedule::{Timing, zone};

use crate::reference::{Sets, changes, scan};

/// Hours, half hours and odder changes; both hemispheres; at midnight, over midnight, whole days; zones that gave it up.
const ZONES: [&str; 30] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Moscow",
    "Europe/Istanbul",
    "Europe/Chisinau",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Asuncion",
    "America/Santiago",
    "America/Havana",
    "America/Caracas",
    "America/Scoresbysund",
    "America/Nuuk",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Tehran",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Antarctica/Troll",
];

/// 2011 has the day that Samoa left out.
const FROM: i64 = 1_293_840_000; // 2011-01-01
const YEARS: i64 = 10 * 365 * 86_400;
const MINUTE: i64 = 60;

fn fired(timing: &Timing, from: i64, to: i64) -> Vec<i64> {
    let at = |second| Timestamp::from_second(second).unwrap();
    timing.between(at(from - 1), at(to - 1)).map(|at| at.as_second()).collect()
}

fn holds(zone_name: &str, text: &str, from: i64, to: i64) {
    let zone = zone(zone_name).unwrap();
    let changes = changes(&zone, from, to);
    assert!(changes.iter().all(|(at, _)| at % MINUTE == 0), "{zone_name}: changes stand on minutes");
    let timing = Timing::cron(&[text], zone_name).unwrap();
    let (expected, found) = (scan(&Sets::read(text), &changes, from, to, MINUTE), fired(&timing, from, to));
    if expected != found {
        let first = expected.iter().zip(&found).find(|(a, b)| a != b);
        let shown = first.map(|(a, b)| {
            [a, b].map(|at| Timestamp::from_second(*at).unwrap().to_zoned(zone.clone()).to_string())
        });
        panic!("{zone_name} {text}: {} and {} firings, {shown:?}", expected.len(), found.len());
    }
}

/// Some a day, at the hours in which clocks change.
#[test]
fn ten_years_of_thirty_zones() {
    for (index, name) in ZONES.into_iter().enumerate() {
        let texts = ["30 2 * * *", "0 0 * * *", "59 23 * * *", "15,45 1-3 * * *", "30 */6 1,15 * 0"];
        holds(name, texts[index % texts.len()], FROM, FROM + YEARS);
        holds(name, "20 0,1,2,3,23 * * 6,0,1", FROM, FROM + YEARS);
    }
}

/// Often, and all around each change.
#[test]
fn every_minute_around_each_change() {
    let mut changed = 0;
    for name in ZONES {
        let zone = zone(name).unwrap();
        for (at, _) in changes(&zone, FROM, FROM + YEARS).into_iter().skip(1) {
            let at = at - at.rem_euclid(MINUTE);
            for text in ["* * * * *", "*/17 * * * *", "13 * * * *"] {
                holds(name, text, at - 30 * 3600, at + 30 * 3600);
            }
            changed += 1;
        }
    }
    assert!(changed > 300, "{changed} clock changes");
}

#[test]
fn a_time_that_is_not_there_fires_right_after_the_gap_and_one_that_is_twice_fires_first() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let timing = Timing::cron(&["30 2 * * *"], "Europe/Berlin").unwrap();
    let spring: Vec<_> = timing.firings(at("2026-03-28T12:00:00Z")).take(2).collect();
    assert_eq!(
        spring,
        [at("2026-03-29T01:00:00Z"), at("2026-03-30T00:30:00Z")],
        "03:00, then 02:30 in summer"
    );
    let autumn: Vec<_> = timing.firings(at("2026-10-24T12:00:00Z")).take(2).collect();
    assert_eq!(
        autumn,
        [at("2026-10-25T00:30:00Z"), at("2026-10-26T01:30:00Z")],
        "02:30 in summer, then in winter"
    );
    // Several that are not there are one instant, and one firing.
    let timing = Timing::cron(&["0,15,30,45 2 * * *", "0 3 * * *"], "Europe/Berlin").unwrap();
    let spring: Vec<_> = timing.firings(at("2026-03-29T00:00:00Z")).take(2).collect();
    assert_eq!(spring, [at("2026-03-29T01:00:00Z"), at("2026-03-30T00:00:00Z")]);
    // Asked in the hour that comes again.
    let timing = Timing::cron(&["*/20 * * * *"], "Europe/Berlin").unwrap();
    let autumn: Vec<_> = timing.firings(at("2026-10-25T00:30:00Z")).take(2).collect();
    assert_eq!(autumn, [at("2026-10-25T00:40:00Z"), at("2026-10-25T02:00:00Z")]);
    assert_eq!(timing.after(at("2026-10-25T01:10:00.5Z")), Some(at("2026-10-25T02:00:00Z")));
}

#[test]
fn the_day_that_samoa_left_out_fires_once_at_its_end() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let timing = Timing::cron(&["0 */8 * * *"], "Pacific/Apia").unwrap();
    let days: Vec<_> = timing.firings(at("2011-12-30T01:00:00Z")).take(4).collect();
    let expected =
        ["2011-12-30T02:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T18:00:00Z", "2011-12-31T02:00:00Z"];
    assert_eq!(days, expected.map(at));
}
