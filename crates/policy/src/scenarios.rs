//! The scenarios, and that each shipped policy is there for a reason that one of them knows.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{Layers, Policies, PolicyTests, PolicyText, check_document, decision::Layer, shipped};

fn scenarios() -> Vec<(String, PolicyTests)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("scenarios").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a scenario");
            let tests =
                serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
            (path.file_name().expect("a name").to_string_lossy().into_owned(), tests)
        })
        .collect()
}

#[test]
fn every_scenario_is_answered_as_it_says() {
    let base = Policies::build(Layers::shipped()).expect("built in");
    assert_eq!(base.problems(), []);
    let mut count = 0;
    let mut faults = Vec::new();
    for (file, tests) in scenarios() {
        let layers = tests.layers(&Layers::shipped()).expect("modes");
        for result in tests.run(&base.rebuild(layers).expect("built in")) {
            count += 1;
            if let Some(fault) = result.fault {
                faults.push(format!("{file}: {}: {fault}", result.name));
            }
            if let Some(decision) = result.decision.filter(|decision| !decision.is_allow()) {
                assert!(!decision.reason.is_empty() && decision.way_out.is_some(), "{file}: {decision}");
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count >= 60, "{count} scenarios");
}

/// The text without one of its policies.
fn without(layer: &Layer, text: &str, id: &str) -> String {
    let document = check_or_built_in(layer, text);
    let policy = document.policies.into_iter().find(|policy| policy.id == id).expect("the policy");
    format!("{}{}", &text[..policy.at.start], &text[policy.at.end..])
}

fn check_or_built_in(layer: &Layer, text: &str) -> crate::CheckedDocument {
    check_document(layer, text).unwrap_or_else(|faults| panic!("{layer}: {faults:?}"))
}

#[test]
fn each_shipped_policy_is_missed_by_a_scenario() {
    let scenarios = scenarios();
    let built_in = (Layer::BuiltIn, "layer0", shipped::LAYER_0);
    let all = shipped::DOCUMENTS.iter().map(|(name, text)| (Layer::Platform, *name, *text)).chain([built_in]);
    let base = Policies::build(Layers::shipped()).expect("built in");
    let mut idle = BTreeSet::new();
    for (layer, document, text) in all {
        for policy in check_or_built_in(&layer, text).policies {
            let less = without(&layer, text, &policy.id);
            // Those that speak of it are tried first.
            let (speak, others): (Vec<_>, Vec<_>) = scenarios
                .iter()
                .partition(|(_, tests)| serde_json::to_string(tests).expect("JSON").contains(&policy.id));
            let missed = speak.into_iter().chain(others).any(|(_, tests)| {
                let mut tests = tests.clone();
                let mut layers = Layers::shipped();
                if layer == Layer::Platform {
                    for kept in layers.platform.iter_mut().filter(|kept| kept.name == document) {
                        *kept = PolicyText { name: document.to_owned(), text: less.clone() };
                    }
                    // The mode of what is not there cannot be set.
                    tests.modes.remove(&policy.id);
                }
                let layer_0 = if layer == Layer::BuiltIn { &less } else { shipped::LAYER_0 };
                let layers = tests.layers(&layers).expect("modes");
                let policies = base.with_layer_0(layer_0, layers).expect("layer 0");
                tests.run(&policies).iter().any(|result| !result.passed)
            });
            if !missed {
                idle.insert(policy.id);
            }
        }
    }
    assert!(idle.is_empty(), "no scenario fails without {idle:?}");
}
