//! Plans, references, bundles and differences: what the server makes of definitions.

use std::collections::BTreeMap;

use definition::{
    Asking, Expressions, Known, bundle_digest, check_references, diff, plan_steps, read_inputs, sha256,
};
use model::{
    evaluate::Evaluate,
    inventory::PinnedInventory,
    run::CalledRunbook,
    runbook::{Effect, Template},
};
use serde_json::json;

use crate::repository::read_one;

const TEXT: &str = r#"
kind: Runbook
name: outer
inputs: {region: {type: choice, options: [eu, us], default: eu}, names: {type: list, default: [a, b]}, pass: {type: secret}}
steps:
  - {name: skipped, if: inputs.region == 'us', command: [echo, '{{ inputs.region }}'], effect: read}
  - name: group
    effect: change
    for_each: inputs.names
    steps: [{name: inner, command: [echo, '{{ item }}', '{{ inputs.region }}'], effect: read}]
  - {name: there, on: {inventory: shop, where: {region: {input: region}}, batch: 50%}, run: "\n#!/bin/sh\necho hello", effect: read}
  - {name: call, runbook: called, inputs: {who: '{{ inputs.region }}', wait: '{{ 90 }}'}}
  - {name: later, if: steps.call.outputs.x == '1', run: echo, effect: read, on_failure: [{name: repair, run: echo, effect: read}]}
cleanup: [{name: tidy, run: rm x, idempotent: true}]
---
kind: Runbook
name: called
inputs: {who: {type: string, required: true}, wait: {type: duration}, day: {type: date, default: {from: today}}}
steps: [{name: hit, http: {url: 'http://a.example/{{ inputs.who }}', method: DELETE}, effect: irreversible}]
outputs: {x: '1'}
---
kind: Inventory
name: shop
targets: [{name: a, labels: {region: eu}}, {name: b, labels: {region: us}}, {name: c, labels: {region: eu}}]
"#;

#[test]
fn a_plan_shows_what_is_known_before_the_run() {
    let reading = read_one(TEXT);
    assert_eq!(reading.faults, []);
    let called = |name: &str| {
        let definition = reading.definitions.iter().find(|definition| definition.name == name).unwrap();
        CalledRunbook { digest: sha256(name.as_bytes()), runbook: definition.runbook().unwrap().clone() }
    };
    let callees = BTreeMap::from([("called".to_owned(), called("called"))]);
    let targets = reading.definitions[2].inventory().unwrap().targets.clone();
    let inventories =
        BTreeMap::from([("shop".to_owned(), PinnedInventory { digest: sha256(b"shop"), targets })]);
    let outer = called("outer");
    let asking = Asking { now: jiff::Timestamp::UNIX_EPOCH, caller: "ada" };
    let given = BTreeMap::from([("pass".to_owned(), json!("hunter2"))]);
    let inputs = read_inputs(&outer.runbook.inputs, &[], &given, &asking).unwrap().values;
    let views = plan_steps(&outer, &callees, &inventories, &inputs);
    assert!(!format!("{views:?}").contains("hunter2"));
    insta::assert_json_snapshot!(views);
    assert_eq!(views.iter().find(|view| view.name == "call").unwrap().effect, Effect::Irreversible);
}

#[test]
fn what_is_not_there_is_told_by_name() {
    let reading = read_one(TEXT);
    let outer = &reading.definitions[0].compiled;
    let codes = |known: &Known| {
        check_references(outer, known).into_iter().map(|fault| fault.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&Known::default()), ["unknown_inventory", "unknown_runbook"]);
    let mut known = Known::default();
    for definition in &reading.definitions {
        known.add(&definition.compiled);
    }
    assert_eq!(codes(&known), [""; 0]);
    known.runbooks.get_mut("called").unwrap().outputs.clear();
    let faults = check_references(outer, &known);
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].path.as_str(), faults[0].line), ("outer", 0));
    assert_eq!(faults[0].message, "Step `later`: There is no output `x` here.");
}

#[test]
fn called_inputs_are_read_as_their_types() {
    let reading = read_one(TEXT);
    let declared = &reading.definitions[1].runbook().unwrap().inputs;
    let given = BTreeMap::from([("who".to_owned(), json!("x")), ("wait".to_owned(), json!("90"))]);
    let read = Expressions::asked(jiff::Timestamp::UNIX_EPOCH, "ada").inputs(declared, &given).unwrap();
    assert_eq!(json!(read), json!({"who": "x", "wait": 90, "day": "1970-01-01"}));
    assert!(Expressions::new().inputs(declared, &given).unwrap_err().contains("`day`"));
    assert_eq!(Expressions::new().text(&Template::from("{{ 1 + 1 }}"), &json!({})), Ok("2".to_owned()));
}

#[test]
fn a_bundle_is_another_when_anything_in_it_is() {
    let (one, two) = (sha256(b"1"), sha256(b"2"));
    let bundle = bundle_digest([("Runbook", "a", &one), ("Inventory", "b", &two)]);
    assert_eq!(bundle, bundle_digest([("Inventory", "b", &two), ("Runbook", "a", &one)]), "in any order");
    for other in [
        bundle_digest([("Runbook", "a", &one)]),
        bundle_digest([("Runbook", "a", &two), ("Inventory", "b", &two)]),
        bundle_digest([("Runbook", "c", &one), ("Inventory", "b", &two)]),
        bundle_digest([("Inventory", "a", &one), ("Inventory", "b", &two)]),
    ] {
        assert_ne!(bundle, other);
    }
}

#[test]
fn files_differ_line_by_line() {
    assert_eq!(diff("a", Some(b"x"), Some(b"x")), None);
    let changed = diff("a.yaml", Some(b"one\ntwo\n"), Some(b"one\nthree\nfour\n")).unwrap();
    assert_eq!(changed.text, "--- a/a.yaml\n+++ b/a.yaml\n@@ -1,2 +1,3 @@\n one\n-two\n+three\n+four\n");
    assert_eq!(
        (changed.lines_added, changed.lines_removed, changed.added, changed.removed),
        (2, 1, false, false)
    );
    let added = diff("b", None, Some(b"x\n")).unwrap();
    assert!(added.added && added.text.starts_with("--- /dev/null\n+++ b/b\n"));
    assert!(diff("b", Some(b"x\n"), None).unwrap().removed);
    let binary = diff("c", Some(b"\xff\x00"), Some(b"x")).unwrap();
    assert!(binary.binary && binary.text.is_empty());
}

#[test]
fn services_teams_and_schedules_are_held_against_all_that_there_is() {
    let text = "kind: Runbook\nname: job\nservice: shpo\nsteps: [{run: echo}]\n---\n\
                kind: Service\nname: shop\nowner: wbe\noperator: web\ndepends_on: [payments]\nrunbooks: [job, jbo]\n---\n\
                kind: Team\nname: web\n---\n\
                kind: Schedule\nname: nightly\nrunbook: jobb\nevery: 1h\n---\n\
                kind: Runbook\nname: look\nprobe: {service: shpo, every: 1m}\nsnapshot: [nobody]\n\
                verify: {within: 1m, all: [{probe: nobody}]}\nsteps: [{run: echo, effect: read}]\n";
    let reading = read_one(text);
    assert_eq!(reading.faults, [], "what is not in the folder may be on the server");
    let told = |known: &Known, index: usize| {
        let faults = check_references(&reading.definitions[index].compiled, known);
        faults
            .into_iter()
            .map(|it| format!("{}: {} {}", it.code, it.message, it.hint.unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    // No services at all: a runbook may say what it likes.
    assert_eq!(told(&Known::default(), 0), [""; 0]);
    let mut known = Known::default();
    reading.definitions.iter().for_each(|definition| known.add(&definition.compiled));
    assert_eq!(told(&known, 0), ["unknown_service: There is no service `shpo`. Did you mean `shop`?"]);
    assert_eq!(
        told(&known, 1),
        [
            "unknown_team: There is no team `wbe`. Did you mean `web`?",
            "unknown_runbook: There is no runbook `jbo`. Did you mean `job`?",
            "unknown_service: There is no service `payments`. Known here: `shop`.",
        ]
    );
    assert_eq!(told(&known, 2), [""; 0]);
    assert_eq!(told(&known, 3), ["unknown_runbook: There is no runbook `jobb`. Did you mean `job`?"]);
    assert_eq!(
        told(&known, 4),
        [
            "unknown_service: There is no service `shpo`. Did you mean `shop`?",
            "unknown_runbook: There is no runbook `nobody`. Known here: `job` and `look`.",
            "unknown_runbook: There is no runbook `nobody`. Known here: `job` and `look`.",
        ]
    );
}

#[test]
fn what_is_looked_at_before_and_after_is_part_of_the_plan() {
    let reading = read_one(
        "kind: Runbook\nname: deploy\nservice: shop\ninputs: {version: {type: string, required: true}}\n\
         snapshot: [look]\nverify: {within: 1m, all: [{probe: check}, {fact: version, equals: '{{ inputs.version }}'}]}\n\
         steps: [{name: install, run: echo}]\ncleanup: [{name: tidy, run: echo}]\n",
    );
    assert_eq!(reading.faults, []);
    let runbook = reading.definitions[0].runbook().unwrap().clone();
    let deploy = CalledRunbook { digest: sha256(b"deploy"), runbook };
    let asking = Asking { now: jiff::Timestamp::UNIX_EPOCH, caller: "ada" };
    let given = BTreeMap::from([("version".to_owned(), json!("1.2"))]);
    let inputs = read_inputs(&deploy.runbook.inputs, &[], &given, &asking).unwrap().values;
    let views = plan_steps(&deploy, &BTreeMap::new(), &BTreeMap::new(), &inputs);
    let lines: Vec<String> = views.iter().map(|view| format!("{}: {}", view.path, view.summary)).collect();
    assert_eq!(
        lines,
        [
            "snapshot: look",
            "install: echo",
            "verify: check is ok; version of shop (production) is 1.2",
            "tidy: echo",
        ]
    );
}

#[test]
fn a_step_does_not_bear_the_name_of_one_that_a_key_makes() {
    let text = "kind: Runbook\nname: deploy\nverify: {within: 1m, all: [{probe: check}]}\nsteps: [{name: verify, run: echo}]\n";
    let reading = read_one(text);
    let told: Vec<&str> = reading.faults.iter().map(|fault| fault.code.as_str()).collect();
    assert_eq!(told, ["duplicate_step"]);
    let alone = "kind: Runbook\nname: deploy\nsteps: [{name: verify, run: echo}]\n";
    assert_eq!(read_one(alone).faults, []);
}
