//! What is due: servers that were away, clocks that jump, crashes between deciding and storing.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use model::schedule::CatchUp;
use proptest::prelude::*;
use schedule::{Due, MISSED_MAX, Missed, Reason, Timing, Window, due};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn minutely() -> Timing {
    Timing::cron(&["* * * * *"], "Europe/Berlin").unwrap()
}

fn reasons(due: &Due) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for missed in &due.missed {
        match missed {
            Missed::One { reason, .. } => *counts.entry(reason.name()).or_default() += 1,
            Missed::Many { reason, count, .. } => {
                *counts.entry(reason.name()).or_default() += usize::try_from(*count).unwrap();
            }
        }
    }
    counts
}

#[test]
fn after_three_hours_each_minute_has_its_record() {
    let (cursor, now) = (at("2026-11-26T10:00:00Z"), at("2026-11-26T13:00:30Z"));
    let decide = |catch_up| due(cursor, now, &minutely(), catch_up, Window::default());

    let none = decide(CatchUp::None);
    assert_eq!(none.fire, [at("2026-11-26T13:00:00Z")], "half a minute late is on time");
    assert_eq!(reasons(&none), BTreeMap::from([("nobody_there", 179)]));
    assert_eq!((none.next, none.cursor), (Some(at("2026-11-26T13:01:00Z")), at("2026-11-26T13:00:00Z")));

    let latest = due(
        cursor,
        at("2026-11-26T13:00:00Z") - SignedDuration::from_nanos(1),
        &Timing::cron(&["0 * * * *"], "UTC").unwrap(),
        CatchUp::Latest,
        Window::default(),
    );
    assert_eq!(latest.fire, [at("2026-11-26T12:00:00Z")]);
    assert_eq!(
        latest.missed,
        [Missed::One { due_at: at("2026-11-26T11:00:00Z"), reason: Reason::Superseded }]
    );

    let all = decide(CatchUp::All);
    assert_eq!(all.fire.len(), 60);
    assert_eq!(all.fire[0], at("2026-11-26T12:01:00Z"));
    assert_eq!(reasons(&all), BTreeMap::from([("too_old", 120)]));

    let few = due(cursor, now, &minutely(), CatchUp::All, Window { most: 10, ..Window::default() });
    assert_eq!(few.fire.len(), 10);
    assert_eq!(reasons(&few), BTreeMap::from([("too_many", 50), ("too_old", 120)]));
}

#[test]
fn what_is_too_old_for_the_newest_too_is_missed() {
    let timing = Timing::cron(&["0 3 * * *"], "UTC").unwrap();
    let asked = due(
        at("2026-11-25T12:00:00Z"),
        at("2026-11-26T05:00:00Z"),
        &timing,
        CatchUp::Latest,
        Window::default(),
    );
    assert_eq!(asked.missed, [Missed::One { due_at: at("2026-11-26T03:00:00Z"), reason: Reason::TooOld }]);
    assert_eq!(asked.fire, []);
    // And not asked about again.
    let again = due(asked.cursor, at("2026-11-26T05:00:01Z"), &timing, CatchUp::Latest, Window::default());
    assert_eq!((again.fire.len(), again.missed.len()), (0, 0));
}

#[test]
fn a_year_is_told_in_one_line() {
    let (cursor, now) = (at("2025-11-26T10:00:00Z"), at("2026-11-26T10:00:00Z"));
    let timing = Timing::spread("x", 1).unwrap();
    let asked = due(cursor, now, &timing, CatchUp::All, Window::default());
    assert_eq!(asked.fire.len(), 100);
    assert!(asked.missed.len() <= 3);
    let told: usize = reasons(&asked).values().sum();
    assert_eq!(told + asked.fire.len(), 365 * 86_400);
    // Of local times not all are counted, and that is said.
    let asked = due(cursor, now, &minutely(), CatchUp::None, Window::default());
    assert!(
        matches!(asked.missed[0], Missed::Many { exact: false, count: 10_000, .. }),
        "{:?}",
        asked.missed
    );
}

#[test]
fn the_end_of_a_schedule_is_counted_too() {
    let timing = Timing::spread("x", 1).unwrap().within(None, Some(at("2026-11-26T01:00:00Z")));
    let asked =
        due(at("2026-11-26T00:00:00Z"), at("2026-11-27T00:00:00Z"), &timing, CatchUp::All, Window::default());
    assert_eq!(reasons(&asked), BTreeMap::from([("too_old", 3600)]));
    assert_eq!((asked.next, asked.fire.len()), (None, 0));
}

#[test]
fn a_clock_that_goes_back_decides_nothing_again() {
    let first = due(
        at("2026-11-26T10:00:00Z"),
        at("2026-11-26T10:05:10Z"),
        &minutely(),
        CatchUp::All,
        Window::default(),
    );
    assert_eq!(first.fire.len(), 5);
    let back = due(first.cursor, at("2026-11-26T09:00:00Z"), &minutely(), CatchUp::All, Window::default());
    assert_eq!((back.fire.len(), back.missed.len(), back.cursor), (0, 0, first.cursor));
    assert_eq!(back.next, Some(at("2026-11-26T10:06:00Z")));
}

/// What happens between two looks.
#[derive(Clone, Debug)]
enum Happens {
    /// Seconds pass.
    Pass(i64),
    /// The clock is set.
    Jump(i64),
    /// What is decided next is not stored.
    Crash,
}

fn history() -> impl Strategy<Value = Vec<Happens>> {
    let one = prop_oneof![
        8 => (0..200_i64).prop_map(Happens::Pass),
        2 => (0..20_000_i64).prop_map(Happens::Pass),
        1 => (0..1_000_000_i64).prop_map(Happens::Pass),
        2 => (-10_000..10_000_i64).prop_map(Happens::Jump),
        2 => Just(Happens::Crash),
    ];
    prop::collection::vec(one, 1..40)
}

fn timing() -> impl Strategy<Value = Timing> {
    let cron = prop::sample::select(vec!["* * * * *", "*/7 1-4 * * *", "30 2 * * *", "*/20 * * * * *"]);
    prop_oneof![
        (cron, prop::sample::select(vec!["Europe/Berlin", "Australia/Lord_Howe", "UTC"]))
            .prop_map(|(text, zone)| Timing::cron(&[text], zone).unwrap()),
        ("[a-z]{3}", 1..5000_u64).prop_map(|(name, every)| Timing::spread(&name, every).unwrap()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_instant_is_decided_once_and_none_is_forgotten(
        timing in timing(),
        catch_up in prop::sample::select(CatchUp::ALL.to_vec()),
        most in 1..200_usize,
        // The clocks of Berlin change in between.
        start in 1_792_800_000..1_793_000_000_i64,
        history in history(),
    ) {
        let window = Window { most, ..Window::default() };
        let begin = Timestamp::from_second(start).unwrap();
        let (mut cursor, mut now, mut crash) = (begin, begin, false);
        let mut decided: BTreeMap<Timestamp, bool> = BTreeMap::new();
        // Stretches of which not every firing is counted.
        let mut stretches: Vec<(Timestamp, Timestamp)> = Vec::new();
        for happens in history {
            match happens {
                Happens::Pass(seconds) | Happens::Jump(seconds) => now += SignedDuration::from_secs(seconds),
                Happens::Crash => { crash = true; continue; }
            }
            let asked = due(cursor, now, &timing, catch_up, window);
            prop_assert!(asked.cursor >= cursor, "the cursor never goes back");
            prop_assert!(asked.fire.len() <= most);
            prop_assert!(asked.fire.iter().all(|at| *at <= now && *at > cursor && *at <= asked.cursor));
            prop_assert!(asked.missed.len() <= MISSED_MAX);
            prop_assert!(asked.next.is_none_or(|next| next > now && next > asked.cursor));
            prop_assert_eq!(&due(cursor, now, &timing, catch_up, window), &asked, "decided alike by whoever decides");
            if std::mem::take(&mut crash) {
                continue;
            }
            for at in &asked.fire {
                prop_assert_eq!(decided.insert(*at, true), None, "{} twice", at);
                prop_assert!(now.duration_since(*at) <= window.catch_up);
            }
            for missed in &asked.missed {
                match *missed {
                    Missed::One { due_at, .. } => {
                        prop_assert_eq!(decided.insert(due_at, false), None, "{} twice", due_at);
                    }
                    Missed::Many { after, until, count, exact, .. } => {
                        let inside = timing.between(after, until).take(20_001).count() as u64;
                        prop_assert!(if exact { inside == count.min(20_001) } else { inside > count }, "{} {}", inside, count);
                        prop_assert!(!decided.range(after..=until).any(|(at, _)| *at > after), "nothing in it was decided before");
                        stretches.push((after, until));
                    }
                }
            }
            cursor = asked.cursor;
        }
        stretches.sort();
        prop_assert!(stretches.windows(2).all(|pair| pair[0].1 <= pair[1].0), "no stretch is told twice");
        // From the beginning on: in one of both, and in one only.
        let mut look = begin;
        while let Some(next) = timing.after(look).filter(|next| *next <= cursor) {
            match stretches.iter().find(|(after, until)| next > *after && next <= *until) {
                Some((_, until)) => {
                    prop_assert!(!decided.contains_key(&next));
                    look = *until;
                }
                None => {
                    prop_assert!(decided.contains_key(&next), "{} has no record", next);
                    look = next;
                }
            }
        }
    }
}
