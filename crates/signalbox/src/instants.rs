//! The instants of a schedule, on the clock of its zone and of UTC, with the places where clocks change.

use jiff::{
    SignedDuration, Timestamp,
    tz::{Offset, TimeZone},
};
use model::schedule::{Schedule, When};

use crate::{table::Rows, times};

/// The zone whose clock a schedule goes by; none if it has none, or one that this program does not know.
pub fn zone_of(schedule: &Schedule) -> Option<(String, TimeZone)> {
    match &schedule.when {
        When::Cron { zone, .. } => Some((zone.clone(), schedule::zone(zone)?)),
        When::Every { .. } => None,
    }
}

/// One instant a row; `from` is the moment that the first is compared with.
pub fn table(schedule: &Schedule, instants: &[Timestamp], from: Timestamp) -> Rows {
    let Some((name, zone)) = zone_of(schedule) else {
        let mut rows = Rows::new(&["UTC", "after"]);
        let mut before = from;
        for at in instants {
            rows.push(vec![clock(*at, &TimeZone::UTC), times::between(before, Some(*at))]);
            before = *at;
        }
        return rows;
    };
    let mut rows = Rows::new(&["local time", "zone", "UTC", "clocks"]);
    let mut before = from;
    for at in instants {
        let offset = zone.to_offset(*at);
        let local = format!("{} {offset}", clock(*at, &zone));
        rows.push(vec![local, name.clone(), clock(*at, &TimeZone::UTC), changes(&zone, before, *at)]);
        before = *at;
    }
    rows
}

fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S").to_string()
}

/// How clocks changed after one instant and up to another.
fn changes(zone: &TimeZone, after: Timestamp, until: Timestamp) -> String {
    let mut offset = zone.to_offset(after);
    let mut told = Vec::new();
    for transition in zone.following(after).take_while(|transition| transition.timestamp() <= until) {
        // A change of the name alone moves no clock.
        if transition.offset() != offset {
            told.push(moved(offset, transition.offset(), transition.timestamp()));
        }
        offset = transition.offset();
    }
    match told.len() {
        0..=2 => told.join(", "),
        // Between two instants that lie years apart.
        many => format!("{many} changes, last {}", told.pop().unwrap_or_default()),
    }
}

/// `+1 h at 2026-03-29 02:00`.
fn moved(before: Offset, after: Offset, at: Timestamp) -> String {
    let by = SignedDuration::from_secs(i64::from(after.seconds()) - i64::from(before.seconds()));
    let (sign, minutes) = (if by.is_negative() { "back" } else { "forward" }, by.as_mins().abs());
    let by = match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    };
    format!("{sign} {by} on {}", before.to_datetime(at).strftime("%Y-%m-%d at %H:%M"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn where_clocks_change_between_two_instants_it_is_said() {
        let zone = schedule::zone("Europe/Berlin").unwrap();
        let told = |after: &str, until: &str| changes(&zone, after.parse().unwrap(), until.parse().unwrap());
        assert_eq!(told("2026-03-28T01:00:00Z", "2026-03-29T00:59:59Z"), "");
        assert_eq!(
            told("2026-03-28T01:00:00Z", "2026-03-29T01:00:00Z"),
            "forward 1 h on 2026-03-29 at 02:00"
        );
        assert_eq!(told("2026-10-24T01:00:00Z", "2026-10-25T02:00:00Z"), "back 1 h on 2026-10-25 at 03:00");
        assert_eq!(
            told("2024-01-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            "5 changes, last forward 1 h on 2026-03-29 at 02:00"
        );
        let howe = schedule::zone("Australia/Lord_Howe").unwrap();
        let told =
            changes(&howe, "2026-04-01T00:00:00Z".parse().unwrap(), "2026-05-01T00:00:00Z".parse().unwrap());
        assert_eq!(told, "back 30 min on 2026-04-05 at 02:00");
    }
}
