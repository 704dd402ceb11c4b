//! The instants at which something fires.

use jiff::{Timestamp, tz::TimeZone};
use model::schedule::{Schedule, When};

use crate::{cron::Expression, hash::stable, zone};

/// When something fires: a strictly rising sequence of instants.
#[derive(Clone, Debug)]
pub struct Timing {
    rule: Rule,
    /// Nothing fires before this.
    from: Option<Timestamp>,
    /// Nothing fires from this on.
    until: Option<Timestamp>,
}

#[derive(Clone, Debug)]
enum Rule {
    /// Whatever any of these names, on the clock of a zone.
    Local { expressions: Vec<Expression>, zone: TimeZone },
    /// Each instant whose milliseconds since 1970 leave this rest.
    Absolute { every_ms: i64, rest_ms: i64 },
}

/// Why a schedule has no timing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadTiming {
    /// The expression with this number cannot be read.
    Expression {
        index: usize,
        why: String,
    },
    NoExpression,
    UnknownZone(String),
    /// Shorter than a second, or longer than anybody counts.
    Interval,
}

impl std::fmt::Display for BadTiming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Expression { why, .. } => write!(f, "this cron expression cannot be used: {why}"),
            Self::NoExpression => f.write_str("there is no cron expression"),
            Self::UnknownZone(zone) => write!(f, "there is no time zone {zone}"),
            Self::Interval => f.write_str("an interval has at least one second"),
        }
    }
}

impl std::error::Error for BadTiming {}

impl Timing {
    /// The timing of a schedule. Its intervals are counted from `from`, else from 1970.
    ///
    /// # Errors
    /// If it says something that cannot be.
    pub fn of(schedule: &Schedule) -> Result<Self, BadTiming> {
        let timing = match &schedule.when {
            When::Cron { expressions, zone } => Self::cron(expressions, zone)?,
            When::Every { every_s } => {
                Self::absolute(*every_s, schedule.from.map_or(0, Timestamp::as_millisecond))?
            }
        };
        Ok(timing.within(schedule.from, schedule.until))
    }

    /// Local times in a zone.
    ///
    /// # Errors
    /// If an expression or the zone cannot be read.
    pub fn cron(expressions: &[impl AsRef<str>], zone: &str) -> Result<Self, BadTiming> {
        if expressions.is_empty() {
            return Err(BadTiming::NoExpression);
        }
        let read = |(index, text): (usize, _)| {
            Expression::parse(AsRef::as_ref(text)).map_err(|why| BadTiming::Expression { index, why })
        };
        let expressions = expressions.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        let zone = zone::zone(zone).ok_or_else(|| BadTiming::UnknownZone(zone.to_owned()))?;
        Ok(Self { rule: Rule::Local { expressions, zone }, from: None, until: None })
    }

    /// Every so many seconds, at a place in the interval that only the name decides: a thousand probes do not all fire in the
    /// same second. The name should be unique in the installation: `project/runbook`.
    ///
    /// # Errors
    /// If the interval is none.
    pub fn spread(name: &str, every_s: u64) -> Result<Self, BadTiming> {
        let every_ms = every_s.checked_mul(1000).filter(|every| *every > 0).ok_or(BadTiming::Interval)?;
        let rest = stable(&[name.as_bytes()]) % every_ms;
        Self::absolute(every_s, i64::try_from(rest).map_err(|_| BadTiming::Interval)?)
    }

    fn absolute(every_s: u64, anchor_ms: i64) -> Result<Self, BadTiming> {
        // A thousand years of milliseconds are far from the end of an `i64`.
        const LONGEST_S: u64 = 1000 * 366 * 86_400;
        let every_s = i64::try_from(every_s).ok().filter(|_| (1..=LONGEST_S).contains(&every_s));
        let every_ms = every_s.ok_or(BadTiming::Interval)? * 1000;
        Ok(Self {
            rule: Rule::Absolute { every_ms, rest_ms: anchor_ms.rem_euclid(every_ms) },
            from: None,
            until: None,
        })
    }

    /// The same, but only from an instant on, and before another.
    #[must_use]
    pub fn within(self, from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self { from, until, ..self }
    }

    /// The first firing after this instant, and never at it.
    pub fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let mut found = self.rule.after(at)?;
        if let Some(from) = self.from.filter(|from| found < *from) {
            // At `from` itself it may fire.
            found = self.rule.after(from.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()?)?;
        }
        if self.until.is_some_and(|until| found >= until) { None } else { Some(found) }
    }

    /// All firings after this instant.
    pub fn firings(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        std::iter::successors(self.after(after), |last| self.after(*last))
    }

    /// The firings after one instant, up to another and at it.
    pub fn between(&self, after: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        self.firings(after).take_while(move |at| *at <= until)
    }

    /// How many [`Self::between`] has, counted up to `most`, and whether that is all of them.
    pub(crate) fn count(&self, after: Timestamp, until: Timestamp, most: usize) -> (u64, bool) {
        if let Rule::Absolute { every_ms, .. } = self.rule {
            let mut last = self.between(after, until);
            let Some(first) = last.next() else { return (0, true) };
            // The end of all firings comes before that of the stretch, perhaps.
            let end = match self.until {
                Some(end) if end <= until => {
                    end.as_millisecond() - i64::from(end.subsec_nanosecond() % 1_000_000 == 0)
                }
                _ => until.as_millisecond(),
            };
            let more = (end - first.as_millisecond()) / every_ms;
            return (u64::try_from(more).unwrap_or(0) + 1, true);
        }
        let counted = self.between(after, until).take(most + 1).count();
        (counted.min(most) as u64, counted <= most)
    }

    /// Seconds of the shortest time between two firings, of the first few thousand after an instant; none if it fires at most once.
    pub fn shortest_interval_s(&self, after: Timestamp) -> Option<u64> {
        const LOOKED_AT: usize = 3000;
        if let Rule::Absolute { every_ms, .. } = self.rule {
            return u64::try_from(every_ms / 1000).ok();
        }
        let firings: Vec<Timestamp> = self.firings(after).take(LOOKED_AT).collect();
        let pairs = firings.windows(2).filter_map(|pair| match pair {
            [one, next] => u64::try_from(next.as_second() - one.as_second()).ok(),
            _ => None,
        });
        pairs.min()
    }
}

impl Rule {
    fn after(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Absolute { every_ms, rest_ms } => {
                // Of a part of a millisecond the floor: what comes after it comes after `at`.
                let now = at.as_nanosecond().div_euclid(1_000_000);
                let now = i64::try_from(now).ok()?;
                let behind = (now - rest_ms).rem_euclid(*every_ms);
                Timestamp::from_millisecond(now.checked_add(every_ms - behind)?).ok()
            }
            Self::Local { expressions, zone } => {
                expressions.iter().filter_map(|expression| next(expression, zone, at)).min()
            }
        }
    }
}

/// Instants rise with the local times that they are found by, if they rise at all: so the first local time whose instant comes
/// after `at` is the one.
fn next(expression: &Expression, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
    let mut local = zone.to_datetime(at);
    if let Some(end) = zone::end_of_repeat(at, zone) {
        // All local times up to the end of the repeat had their first instant before `at`.
        local = end.checked_sub(jiff::SignedDuration::from_secs(1)).ok()?;
    }
    loop {
        local = expression.after(local)?;
        let instant = zone::instant(local, zone)?;
        if instant > at {
            return Some(instant);
        }
    }
}

/// How long after it is due a firing is performed, in milliseconds below `jitter_s`: the same for the same schedule and instant,
/// whoever asks. When it is due does not change by it.
pub fn jitter(name: &str, due_at: Timestamp, jitter_s: u64) -> jiff::SignedDuration {
    let most_ms = jitter_s.saturating_mul(1000);
    if most_ms == 0 {
        return jiff::SignedDuration::ZERO;
    }
    let late = stable(&[name.as_bytes(), &due_at.as_nanosecond().to_le_bytes()]) % most_ms;
    jiff::SignedDuration::from_millis(i64::try_from(late).unwrap_or(0))
}
