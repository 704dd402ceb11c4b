//! Intervals, bounds, jitter and overlap.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use model::schedule::{CatchUp, Overlap, Schedule, When};
use proptest::prelude::*;
use schedule::{BadTiming, Previous, Timing, Verdict, jitter, overlap};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn every(every_s: u64) -> Schedule {
    Schedule {
        name: "x".into(),
        title: None,
        description: None,
        runbook: "r".into(),
        inputs: BTreeMap::new(),
        reason: None,
        when: When::Every { every_s },
        jitter_s: None,
        catch_up: CatchUp::None,
        overlap: Overlap::Forbid,
        from: None,
        until: None,
    }
}

#[test]
fn intervals_are_counted_from_1970_else_from_the_beginning() {
    let timing = Timing::of(&every(900)).unwrap();
    let some: Vec<_> = timing.firings(at("2026-11-26T10:07:00Z")).take(2).collect();
    assert_eq!(some, [at("2026-11-26T10:15:00Z"), at("2026-11-26T10:30:00Z")]);
    assert_eq!(timing.after(at("2026-11-26T10:15:00Z")), Some(at("2026-11-26T10:30:00Z")), "after, not at");
    assert_eq!(timing.after(at("1969-12-31T23:50:00Z")), Some(at("1970-01-01T00:00:00Z")));

    let from = Some(at("2026-11-26T10:03:20.250Z"));
    let until = Some(at("2026-11-26T10:33:20.250Z"));
    let timing = Timing::of(&Schedule { from, until, ..every(900) }).unwrap();
    let all: Vec<_> = timing.firings(at("2020-01-01T00:00:00Z")).collect();
    assert_eq!(
        all,
        [at("2026-11-26T10:03:20.250Z"), at("2026-11-26T10:18:20.250Z")],
        "`from` is in it, `until` is not"
    );
    assert_eq!(Timing::of(&every(0)).unwrap_err(), BadTiming::Interval);
    assert_eq!(Timing::of(&every(u64::MAX)).unwrap_err(), BadTiming::Interval);
}

#[test]
fn local_times_keep_within_their_bounds() {
    let when = When::Cron {
        expressions: vec!["0 3 * * *".into(), "0 15 * * *".into()],
        zone: "Europe/Berlin".into(),
    };
    let (from, until) = (Some(at("2026-12-01T02:00:00Z")), Some(at("2026-12-02T14:00:00Z")));
    let timing = Timing::of(&Schedule { when, from, until, ..every(1) }).unwrap();
    let all: Vec<_> = timing.firings(at("2026-01-01T00:00:00Z")).collect();
    assert_eq!(all, ["2026-12-01T02:00:00Z", "2026-12-01T14:00:00Z", "2026-12-02T02:00:00Z"].map(at));
    assert_eq!(timing.shortest_interval_s(at("2026-01-01T00:00:00Z")), Some(12 * 3600));
}

#[test]
fn the_shortest_interval_counts_clock_changes_and_several_expressions() {
    let shortest = |texts: &[&str], zone: &str| {
        Timing::cron(texts, zone).unwrap().shortest_interval_s(at("2026-01-01T00:00:00Z"))
    };
    assert_eq!(shortest(&["0 3 * * *"], "UTC"), Some(86_400));
    assert_eq!(shortest(&["0 3 * * *"], "Europe/Berlin"), Some(23 * 3600));
    assert_eq!(shortest(&["0 3 * * *", "5 3 * * 1"], "UTC"), Some(300));
    assert_eq!(shortest(&["*/10 * * * * *"], "UTC"), Some(10));
    assert_eq!(Timing::spread("x", 30).unwrap().shortest_interval_s(Timestamp::UNIX_EPOCH), Some(30));
}

#[test]
fn a_thousand_probes_are_spread_over_their_interval() {
    let now = at("2026-11-26T10:00:00Z");
    let first = |index| {
        let timing = Timing::spread(&format!("default/probe-{index}"), 60).unwrap();
        assert_eq!(
            timing.after(now),
            Timing::spread(&format!("default/probe-{index}"), 60).unwrap().after(now)
        );
        timing.after(now).unwrap()
    };
    let seconds: Vec<i64> = (0..1000).map(|index| first(index).as_second() - now.as_second()).collect();
    let most = (0..60).map(|second| seconds.iter().filter(|at| **at == second).count()).max().unwrap();
    assert!(most < 40, "{most} in one second, of 17 on the average");
    assert!(seconds.iter().collect::<BTreeSet<_>>().len() >= 58);
    // It must never move: this is what is stored as due.
    let known = Timing::spread("default/check-shop", 60).unwrap().after(now).unwrap();
    assert_eq!(known, at("2026-11-26T10:00:15.753Z"));
}

#[test]
fn jitter_is_the_same_for_the_same_firing_and_another_for_another() {
    let due = at("2026-11-26T03:00:00Z");
    assert_eq!(jitter("nightly", due, 300), jitter("nightly", due, 300));
    assert_eq!(jitter("nightly", due, 0), SignedDuration::ZERO);
    let spread: BTreeSet<_> =
        (0..200).map(|day| jitter("nightly", due + SignedDuration::from_hours(24 * day), 300)).collect();
    assert!(spread.len() > 190);
    assert!(
        spread.iter().all(|late| *late >= SignedDuration::ZERO && *late < SignedDuration::from_secs(300))
    );
    assert!(
        *spread.first().unwrap() < SignedDuration::from_secs(30)
            && *spread.last().unwrap() > SignedDuration::from_secs(270)
    );
}

#[test]
fn overlap_is_decided_by_the_policy() {
    use Previous::{Active, None, Queued};
    for policy in Overlap::ALL {
        assert_eq!(overlap(policy, None), Verdict::Start);
    }
    for previous in [Queued, Active] {
        assert!(matches!(overlap(Overlap::Forbid, previous), Verdict::Skip(_)));
        assert_eq!(overlap(Overlap::Allow, previous), Verdict::Start);
        assert_eq!(overlap(Overlap::CancelPrevious, previous), Verdict::CancelPrevious);
    }
    assert_eq!(overlap(Overlap::QueueOne, Active), Verdict::Queue);
    assert!(matches!(overlap(Overlap::QueueOne, Queued), Verdict::Skip(_)), "one waits, and no more");
}

proptest! {
    #[test]
    fn an_interval_fires_on_its_grid_and_nowhere_else(every_s in 1..100_000_u64, name in "[a-z]{1,8}", nanos in 0..4_000_000_000_000_000_000_i128) {
        let timing = Timing::spread(&name, every_s).unwrap();
        let at = Timestamp::from_nanosecond(nanos).unwrap();
        let (first, second) = (timing.after(at).unwrap(), timing.firings(at).nth(1).unwrap());
        let every = SignedDuration::from_secs(i64::try_from(every_s).unwrap());
        prop_assert!(first > at && first.duration_since(at) <= every);
        prop_assert_eq!(second.duration_since(first), every);
    }
}
