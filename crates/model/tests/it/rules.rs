//! The small rules of the language: batches, pauses, durations, what a loss leads to, which targets are meant.

use std::collections::BTreeMap;

use model::{
    duration::seconds,
    run::{CalledRunbook, Plan, PlanFault},
    runbook::{Batch, Effect, InputValue, InputValues, Match, On, OnLost, Retry, Runbook, Template},
};
use proptest::prelude::*;
use serde_json::json;

use crate::programs::{Program, call, digest, on, runbook, script, targets};

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_is_never_empty_and_its_part_is_rounded_up(all in 0..20_000_usize, number in any::<u32>(), percent in 0..=100_u32) {
        prop_assert_eq!(Batch::Count(number).size(all), (number as usize).max(1));
        let size = Batch::Percent(percent).size(all);
        prop_assert!(size >= 1 && size <= all.max(1));
        prop_assert!(size * 100 >= all * percent as usize);
        prop_assert!(size == 1 || (size - 1) * 100 < all * percent as usize);
        prop_assert!(Batch::Percent(number).size(all) >= 1);
    }

    #[test]
    fn a_pause_grows_to_a_day_and_is_never_negative(wait_s in any::<u64>(), backoff in any::<f64>(), attempt in any::<u32>()) {
        let pause = Retry { attempts: 2, wait_s, backoff, on_exit: Vec::new() }.wait_after(attempt);
        prop_assert!((0.0..=Retry::WAIT_MAX_S).contains(&pause), "{pause}");
    }

    #[test]
    fn durations_read_as_they_are_written(d in 0..1000_u64, h in 0..1000_u64, m in 0..1000_u64, s in 0..1000_u64) {
        prop_assert_eq!(seconds(&format!("{d}d{h}h{m}m{s}s")), Some(d * 86_400 + h * 3_600 + m * 60 + s));
        prop_assert_eq!(seconds(&format!("{h}h{s}s")), Some(h * 3_600 + s));
    }

    #[test]
    fn any_other_text_is_no_duration(text in "[0-9dhms+. -]{0,6}") {
        if let Some(sum) = seconds(&text) {
            prop_assert!(text.ends_with(['d', 'h', 'm', 's']) && text.starts_with(|c: char| c.is_ascii_digit()));
            prop_assert!(sum < 86_400 * 100_000);
        }
    }
}

#[test]
fn durations_at_their_edges() {
    for bad in [
        "",
        "5",
        "s",
        "5 s",
        "-5s",
        "+5s",
        "1m1h",
        "1h1h",
        "1.5h",
        "99999999999999999999s",
        "٣s",
        "5S",
        "5sec",
    ] {
        assert_eq!(seconds(bad), None, "{bad}");
    }
    assert_eq!(seconds("0s"), Some(0));
    assert_eq!(
        seconds("18446744073709551615d"),
        Some(u64::MAX),
        "beyond all bounds, for the caller to refuse"
    );
}

#[test]
fn pauses_at_their_edges() {
    let pause = |wait_s, backoff, attempt| {
        Retry { attempts: 9, wait_s, backoff, on_exit: Vec::new() }.wait_after(attempt)
    };
    assert_eq!(
        [pause(5, 2.0, 1), pause(5, 2.0, 2), pause(5, 2.0, 3), pause(5, 1.0, 9)],
        [5.0, 10.0, 20.0, 5.0]
    );
    assert_eq!(pause(0, f64::INFINITY, 3), 0.0);
    assert_eq!(pause(1, 10.0, u32::MAX), Retry::WAIT_MAX_S);
    assert_eq!(pause(5, 2.0, 0), 5.0);
    assert_eq!(pause(5, -2.0, 2), 0.0);
}

#[test]
fn a_loss_is_asked_about_for_a_day_unless_it_is_said_otherwise() {
    assert_eq!(OnLost::default(), OnLost::Ask { for_s: 86_400 });
    assert!(OnLost::default().is_default() && !OnLost::Unknown.is_default() && !OnLost::Retry.is_default());
    assert!(!OnLost::Ask { for_s: 1 }.is_default());
    let text = serde_json::to_value(runbook("a", vec![])).unwrap();
    assert!(text.get("on_lost").is_none(), "what is not said is not written");
    assert_eq!(serde_json::from_value::<Runbook>(text).unwrap().on_lost, OnLost::default());
}

#[test]
fn targets_are_selected_by_name_environment_and_label_in_their_order() {
    let all = targets(4);
    let names = |selector: &[(&str, Match)], inputs: &InputValues| {
        let selector = selector.iter().map(|(key, wanted)| ((*key).to_owned(), wanted.clone())).collect();
        let on = On { selector, ..on(None, None).unwrap() };
        on.select(&all, inputs).iter().map(|target| target.name.clone()).collect::<Vec<_>>()
    };
    let one_of = |values: &[&str]| Match::OneOf(values.iter().map(|value| (*value).to_owned()).collect());
    let none = InputValues::new();
    assert_eq!(names(&[], &none), ["web1", "web2", "web3", "web4"]);
    assert_eq!(names(&[("odd", one_of(&["1"]))], &none), ["web1", "web3"]);
    assert_eq!(names(&[("name", one_of(&["web3", "web2"]))], &none), ["web2", "web3"]);
    assert_eq!(
        names(&[("environment", one_of(&["production"])), ("odd", one_of(&["0"]))], &none),
        ["web2", "web4"]
    );
    assert!(names(&[("region", one_of(&["eu"]))], &none).is_empty());
    let by = || [("name", Match::Input("n".into()))];
    assert!(names(&by(), &none).is_empty(), "an input that is not there means no target");
    let given = |value| InputValues::from([("n".to_owned(), value)]);
    assert_eq!(names(&by(), &given(InputValue::Text("web2".into()))), ["web2"]);
    assert_eq!(names(&by(), &given(InputValue::Json(json!(["web4", "web1"])))), ["web1", "web4"]);
}

#[test]
fn plans_say_what_is_missing_and_where_calls_do_not_end() {
    let plan = |runbook: &Runbook, callees: &[Runbook]| {
        let called = |runbook: &Runbook| CalledRunbook { digest: digest(), runbook: runbook.clone() };
        let callees: BTreeMap<_, _> = callees.iter().map(|it| (it.name.clone(), called(it))).collect();
        Plan::of(&called(runbook), &callees, &BTreeMap::new())
    };
    let caller = runbook("main", vec![crate::programs::group("g", vec![call("do", "sub", &[])])]);
    let missing = PlanFault::NoRunbook { runbook: "main".into(), step: "do".into(), called: "sub".into() };
    assert_eq!(plan(&caller, &[]).unwrap_err(), missing);
    let endless = runbook("sub", vec![call("do", "sub", &[])]);
    assert!(matches!(plan(&caller, &[endless]).unwrap_err(), PlanFault::TooDeep(_)));
    let mut roll = script("roll");
    roll.on = on(None, None);
    assert!(matches!(plan(&runbook("main", vec![roll]), &[]).unwrap_err(), PlanFault::NoInventory { .. }));
    let mut wipe = script("wipe");
    wipe.effect = Effect::Irreversible;
    let planned = plan(&caller, &[runbook("sub", vec![wipe])]).unwrap();
    assert_eq!(planned.effect(), Effect::Irreversible);
    assert!(
        planned.steps.iter().all(|step| step.effect == Effect::Irreversible),
        "a group has the strongest inside"
    );
    let wide = runbook("sub", (0..2_000).map(|n| script(&format!("s{n}"))).collect());
    let many = runbook("main", (0..11).map(|n| call(&format!("c{n}"), "sub", &[])).collect());
    assert_eq!(plan(&many, &[wide]).unwrap_err(), PlanFault::TooManySteps);
}

#[test]
fn places_of_planned_steps_are_those_of_the_written_ones() {
    let mut program =
        Program::new(runbook("main", vec![script("a"), crate::programs::group("g", vec![script("b")])]));
    program.runbook.steps[0].on_failure = vec![script("c")];
    program.runbook.cleanup = vec![script("d")];
    program.runbook.snapshot = vec!["look-at-shop".into()];
    program.runbook.verify = Some(crate::programs::verify(9, None, "1"));
    let plan = program.plan();
    let written = program.runbook.written_steps();
    let (own, others): (Vec<_>, Vec<_>) =
        plan.steps.iter().partition(|step| [model::run::SNAPSHOT, model::run::VERIFY].contains(&&*step.kind));
    for step in &others {
        assert_eq!(written[step.written as usize].name, step.name);
    }
    assert_eq!(others.len(), written.len());
    let names: Vec<&str> = plan.scopes[0].children.iter().map(|at| &*plan.steps[*at as usize].name).collect();
    assert_eq!(names, ["snapshot", "a", "g", "verify"]);
    assert!(own.iter().all(|step| step.written as usize == written.len()));
}

#[test]
fn plain_texts_have_nothing_to_fill_in() {
    assert!(Template::from("a { b } %").is_plain());
    for text in ["{{ a }}", "{% if %}", "{# c #}"] {
        assert!(!Template::from(text).is_plain());
    }
}
