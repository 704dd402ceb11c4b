//! The slow reference: expressions as sets of numbers, and every second or minute of a stretch of time looked at, one by one, in
//! the order of absolute time. It shares nothing with what it judges but the list of a zone's clock changes.

use std::collections::BTreeSet;

use jiff::{Timestamp, tz::TimeZone};

/// One field: what it matches, and whether it is the bare `*`.
#[derive(Clone, Debug)]
pub struct Field {
    pub values: BTreeSet<u32>,
    pub star: bool,
}

/// An expression by its sets: second, minute, hour, day, month, weekday with Sunday as 0.
#[derive(Clone, Debug)]
pub struct Sets {
    pub fields: [Field; 6],
}

impl Sets {
    /// Reads numbers, lists, ranges and steps, and nothing else.
    pub fn read(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let words = if words.len() == 5 { [vec!["0"], words].concat() } else { words };
        let bounds = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
        let fields: Vec<Field> = words.iter().zip(bounds).map(|(word, bounds)| field(word, bounds)).collect();
        Self { fields: fields.try_into().unwrap() }
    }

    /// Does it match this local second, counted from 1970 as if there were no zones?
    pub fn matches(&self, local: i64) -> bool {
        let [second, minute, hour, ..] = &self.fields;
        let of_day = u32::try_from(local.rem_euclid(86_400)).unwrap();
        second.values.contains(&(of_day % 60))
            && minute.values.contains(&(of_day / 60 % 60))
            && hour.values.contains(&(of_day / 3600))
            && self.matches_day(local.div_euclid(86_400))
    }

    fn matches_day(&self, days: i64) -> bool {
        let [_, _, _, day, month, weekday] = &self.fields;
        let (_, m, d) = civil(days);
        // The first day of 1970 was a Thursday.
        let w = u32::try_from((days + 4).rem_euclid(7)).unwrap();
        let weekday_is = weekday.values.contains(&w) || w == 0 && weekday.values.contains(&7);
        let day_is = day.values.contains(&d);
        let date = match (day.star, weekday.star) {
            (true, true) => true,
            (true, false) => weekday_is,
            (false, true) => day_is,
            (false, false) => day_is || weekday_is,
        };
        date && month.values.contains(&m)
    }
}

fn field(word: &str, (min, max): (u32, u32)) -> Field {
    let mut values = BTreeSet::new();
    for part in word.split(',') {
        let (range, step) =
            part.split_once('/').map_or((part, 1), |(range, step)| (range, step.parse().unwrap()));
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (min, max),
            Some((from, to)) => (from.parse().unwrap(), to.parse().unwrap()),
            None => (range.parse().unwrap(), range.parse().unwrap()),
        };
        values.extend((from..=to).step_by(step));
    }
    Field { values, star: word == "*" }
}

/// Year, month and day of a day counted from 1970, by counting.
fn civil(days: i64) -> (i64, u32, u32) {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut year, mut left) = (1970, days);
    while left < 0 {
        year -= 1;
        left += if leap(year) { 366 } else { 365 };
    }
    while left >= if leap(year) { 366 } else { 365 } {
        left -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, u32::try_from(left).unwrap() + 1)
}

/// The clock changes of a zone between two instants: from when on which offset holds, in seconds.
pub fn changes(zone: &TimeZone, from: i64, to: i64) -> Vec<(i64, i64)> {
    let start = Timestamp::from_second(from).unwrap();
    let first = (from, i64::from(zone.to_offset(start).seconds()));
    let later =
        zone.following(start).map(|it| (it.timestamp().as_second(), i64::from(it.offset().seconds())));
    std::iter::once(first).chain(later.take_while(|(at, _)| *at <= to)).collect()
}

/// Every firing in [from, to), in steps of `step` seconds; `from` and all clock changes stand on a step.
///
/// What the clock shows is followed: where it leaps forward, all that it leapt over counts as shown at that instant; what it has
/// shown before does not count again.
pub fn scan(sets: &Sets, changes: &[(i64, i64)], from: i64, to: i64, step: i64) -> Vec<i64> {
    let mut fired = Vec::new();
    let mut next_change = 0;
    let mut offset = 0;
    let mut shown: Option<i64> = None;
    // The day is looked at once a day, not at each step.
    let mut day = (i64::MIN, false);
    let mut matches = |local: i64| {
        let of = local.div_euclid(86_400);
        if day.0 != of {
            day = (of, sets.matches_day(of));
        }
        day.1 && sets.matches(local)
    };
    let mut at = from;
    while at < to {
        while changes.get(next_change).is_some_and(|(change, _)| *change <= at) {
            offset = changes[next_change].1;
            next_change += 1;
        }
        let local = at + offset;
        let last = shown.unwrap_or(local - step);
        if local > last {
            let mut new = last + step;
            let mut fires = false;
            while new <= local {
                fires |= matches(new);
                new += step;
            }
            if fires {
                fired.push(at);
            }
            shown = Some(local);
        }
        at += step;
    }
    fired
}
