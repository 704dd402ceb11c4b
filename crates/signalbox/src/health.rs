//! How services are, drawn: a sign and a word for each state, and days as a strip.

use jiff::Timestamp;
use model::{health::Health, view::UptimeDay};

use crate::times;

/// No two states share a sign, and what nobody knows never looks like what is well.
fn sign(health: Health) -> (char, &'static str) {
    match health {
        Health::Ok => ('✓', "32"),
        Health::Degraded => ('▽', "33"),
        Health::Unknown => ('?', "35"),
        Health::Stale => ('~', "33"),
        Health::DataError => ('!', "35"),
        Health::Bad => ('✗', "31"),
    }
}

/// `✗ bad`.
pub fn word(health: Health) -> String {
    coloured(health, false)
}

/// As [`word`], its sign in a colour if there are any.
pub fn coloured(health: Health, colours: bool) -> String {
    let ((sign, colour), name) = (sign(health), health.name().replace('_', " "));
    if colours { format!("\x1b[{colour}m{sign}\x1b[0m {name}") } else { format!("{sign} {name}") }
}

/// `✗ bad since 2026-11-26 10:00:00, for 3 min 05 s`.
pub fn since(health: Health, since: Option<Timestamp>, colours: bool) -> String {
    let word = coloured(health, colours);
    match since {
        Some(at) => format!("{word} since {}, for {}", times::local(at), times::between(at, None)),
        None => word,
    }
}

/// What the signs of a strip mean.
pub const LEGEND: &str = "█ good  ▄ in part bad  ✗ bad  ? could not tell  · no data";

/// One sign for each day.
pub fn strip(days: &[UptimeDay]) -> String {
    let day = |day: &UptimeDay| match (day.good, day.bad, day.no_sample) {
        (0, 0, 0) => '·',
        (0, 0, _) => '?',
        (_, 0, _) => '█',
        (0, _, _) => '✗',
        _ => '▄',
    };
    days.iter().map(day).collect()
}

/// `8640 good, 3 bad, 1 could not tell`.
pub fn sums(days: &[UptimeDay]) -> String {
    let sum = |count: fn(&UptimeDay) -> u64| days.iter().map(count).sum::<u64>();
    match (sum(|day| day.good), sum(|day| day.bad), sum(|day| day.no_sample)) {
        (0, 0, 0) => "no data".to_owned(),
        (good, bad, 0) => format!("{good} good, {bad} bad"),
        (good, bad, none) => format!("{good} good, {bad} bad, {none} could not tell"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_state_looks_like_another() {
        let signs: BTreeSet<char> = Health::ALL.into_iter().map(|health| sign(health).0).collect();
        assert_eq!(signs.len(), Health::ALL.len());
        assert_eq!((word(Health::DataError).as_str(), word(Health::Ok).as_str()), ("! data error", "✓ ok"));
    }

    #[test]
    fn a_day_without_data_is_not_a_good_one() {
        let day = |good, bad, no_sample| UptimeDay { day: String::new(), good, bad, no_sample };
        let days = [day(0, 0, 0), day(0, 0, 3), day(5, 0, 1), day(5, 1, 0), day(0, 2, 0)];
        assert_eq!(strip(&days), "·?█▄✗");
        assert_eq!(sums(&days), "10 good, 3 bad, 4 could not tell");
        assert_eq!(sums(&days[..1]), "no data");
    }
}
