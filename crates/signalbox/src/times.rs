//! Times and durations for people.

use std::path::Path;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Local time as `2026-11-23 14:05:11`.
pub fn local(at: Timestamp) -> String {
    in_zone(at, &zone())
}

fn in_zone(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A moment as `2026-11-26T10:00:00Z`, or the beginning of a day in UTC as `2026-11-26`.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    let moment = text.parse::<Timestamp>().ok().or_else(|| Some(day()?.timestamp()));
    moment.ok_or_else(|| "a time is written `2026-11-26` or `2026-11-26T10:00:00Z`".to_owned())
}

/// A moment, or how long ago it was: `90m`, `1d12h`.
pub fn past(text: &str) -> Result<Timestamp, String> {
    let ago = model::duration::seconds(text).and_then(|seconds| i64::try_from(seconds).ok());
    let ago = ago.and_then(|seconds| Timestamp::now().checked_sub(SignedDuration::from_secs(seconds)).ok());
    ago.map_or_else(|| moment(text).map_err(|why| format!("{why}, or as how long ago: `2h`, `1d12h`")), Ok)
}

/// How long from `start` to `end`, or until now.
pub fn between(start: Timestamp, end: Option<Timestamp>) -> String {
    let end = end.unwrap_or_else(Timestamp::now);
    let milliseconds = end.as_millisecond().saturating_sub(start.as_millisecond());
    duration(u64::try_from(milliseconds).unwrap_or(0))
}

/// So many seconds.
pub fn seconds(seconds: u64) -> String {
    duration(seconds.saturating_mul(1000))
}

/// `0.42 s`, `7.3 s`, `2 min 05 s`, `3 h 07 min`, `2 d 04 h`.
fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("0.{:02} s", milliseconds / 10),
        1..60 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {:02} h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// The zone of `TZ`, else of this machine, else UTC.
fn zone() -> TimeZone {
    match std::env::var("TZ") {
        Ok(name) => named_zone(name.trim_start_matches(':')).unwrap_or(TimeZone::UTC),
        Err(_) => zone_file(Path::new("/etc/localtime")).unwrap_or(TimeZone::UTC),
    }
}

fn named_zone(name: &str) -> Option<TimeZone> {
    if name.is_empty() {
        return Some(TimeZone::UTC);
    }
    if name.starts_with('/') {
        return zone_file(Path::new(name));
    }
    let known = !name.split('/').any(|part| matches!(part, "" | "." | ".."));
    let file = known.then(|| zone_file(&Path::new("/usr/share/zoneinfo").join(name))).flatten();
    file.or_else(|| TimeZone::posix(name).ok())
}

fn zone_file(path: &Path) -> Option<TimeZone> {
    TimeZone::tzif("local", &std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_two_units_at_most() {
        let cases = [
            (0, "0.00 s"),
            (420, "0.42 s"),
            (7_390, "7.3 s"),
            (125_000, "2 min 05 s"),
            (11_220_000, "3 h 07 min"),
            (187_200_000, "2 d 04 h"),
        ];
        for (milliseconds, text) in cases {
            assert_eq!(duration(milliseconds), text);
        }
    }

    #[test]
    fn a_clock_that_went_back_gives_no_negative_duration() {
        let start = Timestamp::from_second(100).unwrap();
        assert_eq!(between(start, Timestamp::from_second(90).ok()), "0.00 s");
    }

    #[test]
    fn moments_are_written_as_such_as_days_or_as_how_long_ago() {
        assert_eq!(moment("2026-11-26").unwrap().to_string(), "2026-11-26T00:00:00Z");
        assert_eq!(past("2026-11-26T10:00:00+01:00").unwrap().to_string(), "2026-11-26T09:00:00Z");
        let then = past("1h").unwrap();
        let hour_ago = Timestamp::now().duration_since(then).as_secs();
        assert!((3600..3660).contains(&hour_ago), "{hour_ago}");
        assert!(moment("1h").is_err(), "what comes is not said so");
        for bad in ["yesterday", "", "-1h", "1h ago", "18446744073709551615d", "2026-02-30"] {
            assert!(past(bad).unwrap_err().contains("2026-11-26"), "{bad}");
        }
    }

    #[test]
    fn zones_are_found_by_rule_and_unknown_ones_are_none() {
        let at = Timestamp::from_second(0).unwrap();
        assert_eq!(in_zone(at, &named_zone("CET-1").unwrap()), "1970-01-01 01:00:00");
        assert_eq!(in_zone(at, &named_zone("").unwrap()), "1970-01-01 00:00:00");
        assert!(named_zone("../../etc/passwd").is_none());
    }
}
