//! Facts as the fold of collections.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use model::{
    fact::{Change, Collection, FACTS_MAX, Fact, FactState, NoFact, VALUE_MAX, diff, fold},
    id::{RunId, Uuid},
};
use proptest::prelude::*;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn collection(at: i64, succeeded: bool, seen: &[(&str, &str)]) -> Collection {
    let run = RunId(Uuid::from_u128(u128::try_from(at).unwrap()));
    let mut collection = Collection {
        service: "shop".into(),
        environment: "production".into(),
        collector: "look".into(),
        run,
        at: second(at),
        succeeded,
        seen: BTreeMap::new(),
    };
    for (key, value) in seen {
        collection.see(None, key, (*value).to_owned()).unwrap();
    }
    collection
}

/// What the store would do with the answer.
fn apply(facts: &mut Vec<Fact>, collection: &Collection) -> Vec<(String, Change)> {
    let touched = fold(facts, collection);
    let changes = touched.iter().map(|(fact, change)| (fact.key.clone(), *change)).collect();
    for (fact, _) in touched {
        facts.retain(|known| (&known.target, &known.key) != (&fact.target, &fact.key));
        facts.push(fact);
    }
    facts.sort_by(|a, b| (&a.target, &a.key).cmp(&(&b.target, &b.key)));
    changes
}

#[test]
fn a_fact_has_a_history() {
    let mut facts = Vec::new();
    let mut told = |at, succeeded, seen: &[(&str, &str)]| {
        let changes = apply(&mut facts, &collection(at, succeeded, seen));
        let changes: Vec<_> = changes.into_iter().map(|(key, change)| format!("{key} {change:?}")).collect();
        (changes.join(", "), facts[facts.len() - 1].clone())
    };
    assert_eq!(told(10, true, &[("version", "1")]).0, "version Appeared");
    let (changes, fact) = told(20, true, &[("version", "1")]);
    assert_eq!(
        (changes.as_str(), fact.observed_at, fact.changed_at),
        ("version Same", second(20), second(10))
    );
    let (changes, fact) = told(30, true, &[("version", "2")]);
    assert_eq!(
        (changes.as_str(), fact.previous.as_deref(), fact.changed_at),
        ("version Changed", Some("1"), second(30))
    );
    let (changes, fact) = told(40, true, &[("version", "2")]);
    assert_eq!(
        (changes.as_str(), fact.previous.as_deref()),
        ("version Same", Some("1")),
        "what it was before stays known"
    );
    // A collection that broke off has not looked everywhere.
    assert_eq!(told(50, false, &[]).0, "");
    let (changes, fact) = told(60, true, &[]);
    assert_eq!(
        (changes.as_str(), fact.gone, fact.value.as_str(), fact.observed_at),
        ("version Gone", true, "2", second(40))
    );
    assert_eq!(told(70, true, &[]).0, "", "it is gone once");
    let (changes, fact) = told(80, true, &[("version", "2")]);
    assert_eq!((changes.as_str(), fact.gone, fact.changed_at), ("version Appeared", false, second(80)));
}

#[test]
fn what_comes_late_changes_nothing_newer() {
    let mut facts = Vec::new();
    apply(&mut facts, &collection(20, true, &[("a", "2")]));
    assert_eq!(
        apply(&mut facts, &collection(10, true, &[("a", "1"), ("b", "1")])),
        [("b".into(), Change::Appeared)]
    );
    assert_eq!(
        apply(&mut facts, &collection(15, true, &[])),
        [("b".into(), Change::Gone)],
        "`a` was seen later"
    );
    assert_eq!(apply(&mut facts, &collection(12, true, &[("b", "0")])), [], "`b` was looked for later");
}

#[test]
fn each_collector_has_facts_of_its_own() {
    let mut facts = Vec::new();
    apply(&mut facts, &collection(10, true, &[("a", "1")]));
    let other = Collection { collector: "other".into(), ..collection(20, true, &[]) };
    assert_eq!(fold(&facts, &other), []);
    let elsewhere = Collection { environment: "staging".into(), ..collection(20, true, &[]) };
    assert_eq!(fold(&facts, &elsewhere), []);
}

#[test]
fn a_fact_is_stale_when_it_was_not_seen_for_longer_than_it_lasts() {
    let mut facts = Vec::new();
    apply(&mut facts, &collection(100, true, &[("a", "1")]));
    let hour = SignedDuration::from_hours(1);
    assert_eq!(facts[0].state(second(3700), hour), FactState::Current);
    assert_eq!(facts[0].state(second(3701), hour), FactState::Stale);
    apply(&mut facts, &collection(200, true, &[]));
    assert_eq!(facts[0].state(second(99_999), hour), FactState::Gone);
}

#[test]
fn what_is_no_fact_is_refused() {
    let mut none = collection(1, true, &[]);
    assert_eq!(none.see(None, "Version", "1".into()), Err(NoFact::BadKey));
    assert_eq!(none.see(None, "version", "x".repeat(VALUE_MAX + 1)), Err(NoFact::TooLarge));
    assert_eq!(none.see(None, "version", "x".repeat(VALUE_MAX)), Ok(()));
    for n in 1..FACTS_MAX {
        none.see(Some(format!("web-{n}")), "version", String::new()).unwrap();
    }
    assert_eq!(none.see(None, "other", String::new()), Err(NoFact::TooMany));
    assert_eq!(none.see(None, "version", "again".into()), Ok(()), "what is there already takes no more room");
}

#[test]
fn two_sets_differ_by_target_and_key() {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    apply(&mut before, &collection(10, true, &[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]));
    apply(&mut after, &collection(10, true, &[("a", "1"), ("b", "2"), ("d", "1"), ("e", "1")]));
    apply(&mut after, &collection(20, true, &[("a", "1"), ("b", "2"), ("e", "1")]));
    let found: Vec<_> = diff(&before, &after).into_iter().map(|it| (it.key, it.before, it.after)).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        found,
        [
            ("b".into(), text("1"), text("2")),
            ("c".into(), text("1"), None),
            ("d".into(), text("1"), None),
            ("e".into(), None, text("1")),
        ]
    );
    assert_eq!(diff(&after, &after), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// In their order, the facts that are not gone are those of the last successful collection and what broken ones saw since.
    #[test]
    fn facts_are_what_was_seen_last(
        collections in prop::collection::vec((any::<bool>(), prop::collection::btree_map("[a-d]", "[0-2]", 0..4)), 1..12),
    ) {
        let (mut facts, mut expected) = (Vec::new(), BTreeMap::<String, String>::new());
        for (n, (succeeded, seen)) in collections.into_iter().enumerate() {
            let pairs: Vec<(&str, &str)> = seen.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let before = facts.clone();
            let changes = apply(&mut facts, &collection(i64::try_from(n).unwrap(), succeeded, &pairs));
            if succeeded {
                expected.clear();
            }
            expected.extend(seen);
            let held: BTreeMap<String, String> =
                facts.iter().filter(|fact| !fact.gone).map(|fact| (fact.key.clone(), fact.value.clone())).collect();
            prop_assert_eq!(&held, &expected);
            // What is told as a change is what differs.
            let told: Vec<String> =
                changes.into_iter().filter(|(_, change)| *change != Change::Same).map(|(key, _)| key).collect();
            let differs: Vec<String> = diff(&before, &facts).into_iter().map(|it| it.key).collect();
            prop_assert_eq!(told, differs);
        }
    }
}
