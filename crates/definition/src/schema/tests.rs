#![allow(clippy::disallowed_methods, reason = "tests read their fixtures")]

use std::collections::BTreeSet;

use serde_json::Value;

use super::of;
use crate::{
    fault::Faults,
    fields::Keys,
    input, inventory,
    parse::{DocumentContent, parse},
    read::Kind,
    runbook, schedule, service,
    source::Source,
    step, watch,
};

/// Faults that a schema cannot tell: names that two places share, and what lies in the folder.
const BEYOND: &str = "# beyond the schema";

fn schema(kind: Kind) -> Value {
    serde_json::from_str(of(kind)).unwrap()
}

/// Of the kind that a document says, else of a runbook.
fn validator(document: &Value) -> jsonschema::Validator {
    let kind = Kind::ALL.into_iter().find(|kind| document["kind"] == kind.name());
    jsonschema::validator_for(&schema(kind.unwrap_or(Kind::Runbook))).unwrap()
}

/// The documents of each fixture as JSON, with the text of each; those that are not YAML at all are left out.
fn fixtures(folder: &str) -> Vec<(String, Value, String)> {
    let root = format!("{}/tests/it/fixtures/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let source = Source::new(&name, &text);
        let mut faults = Faults::new(&source);
        for document in parse(&mut faults).list {
            if let DocumentContent::Tree { root, sound: true } = document.content {
                found.push((name.clone(), root.to_json(), source.slice(document.text).to_owned()));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

#[test]
fn it_is_a_schema() {
    for kind in Kind::ALL {
        let schema = schema(kind);
        assert!(jsonschema::meta::is_valid(&schema), "{kind:?}");
        assert_eq!(schema["properties"]["kind"]["const"], kind.name());
    }
}

#[test]
fn it_accepts_every_good_document() {
    for (name, document, _) in fixtures("good") {
        let validator = validator(&document);
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

#[test]
fn it_refuses_every_bad_document_but_those_beyond_it() {
    for (name, document, text) in fixtures("bad") {
        let validator = validator(&document);
        let beyond = text.contains(BEYOND);
        assert_eq!(validator.is_valid(&document), beyond, "{name}: {text}");
    }
}

/// Editors complete what the reader knows, and nothing else.
#[test]
fn it_has_the_keys_that_are_read() {
    let [schema, inventories, teams, services, schedules] = Kind::ALL.map(schema);
    let signal = "/properties/verify/properties/all/items/properties";
    let link = "/properties/links/items/properties";
    let item = "/properties/targets/oneOf/0/items/properties";
    for (schema, keys, pointer) in [
        (&schema, &runbook::KEYS, "/properties"),
        (&schema, &runbook::RULE_KEYS, "/properties/rules/items/properties"),
        (&schema, &runbook::CONCURRENCY_KEYS, "/properties/concurrency/properties"),
        (&schema, &runbook::LIMITS_KEYS, "/properties/limits/properties"),
        (&schema, &input::KEYS, "/$defs/input/properties"),
        (&schema, &input::FROM_KEYS, "/$defs/input/properties/from/properties"),
        (&schema, &step::KEYS, "/$defs/step/properties"),
        (&schema, &step::http::KEYS, "/$defs/step/properties/http/properties"),
        (&schema, &step::check::KEYS, "/$defs/step/properties/check/properties"),
        (&schema, &step::repeat::ON_KEYS, "/$defs/step/properties/on/properties"),
        (&schema, &step::repeat::RETRY_KEYS, "/$defs/step/properties/retry/properties"),
        (&schema, &step::repeat::FOR_EACH_KEYS, "/$defs/step/properties/for_each/oneOf/2/properties"),
        (&inventories, &inventory::KEYS, "/properties"),
        (&inventories, &inventory::TARGET_KEYS, item),
        (&schema, &watch::PROBE_KEYS, "/properties/probe/properties"),
        (&schema, &watch::COLLECTS_KEYS, "/properties/collects/properties"),
        (&schema, &watch::VERIFY_KEYS, "/properties/verify/properties"),
        (&schema, &watch::SIGNAL_KEYS, signal),
        (&teams, &service::TEAM_KEYS, "/properties"),
        (&teams, &service::LINK_KEYS, link),
        (&services, &service::KEYS, "/properties"),
        (&services, &service::LINK_KEYS, link),
        (&schedules, &schedule::KEYS, "/properties"),
    ] {
        let Keys { of, known, later } = keys;
        let properties = schema.pointer(pointer).unwrap().as_object().unwrap();
        let described: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(described, known.iter().copied().collect(), "{of}");
        assert!(later.iter().all(|key| !known.contains(key)), "{of}: what is known does not come later");
        for (key, property) in properties {
            assert!(property["description"].is_string(), "{of}: `{key}` is described");
        }
    }
    let types = schema.pointer("/$defs/input/properties/type/enum").unwrap();
    assert_eq!(*types, serde_json::json!(model::runbook::InputKind::NAMES));
}

#[test]
fn it_has_the_limits_that_are_read() {
    use crate::limits::{
        ARGUMENTS_MAX, GLOB_MAX, GLOBS_MAX, INPUT_COUNT_MAX, OPTIONS_MAX, OUTPUT_LIMIT_MAX, STEPS_MAX,
    };
    let [schema, _, _, services, schedules] = Kind::ALL.map(schema);
    assert_eq!(services.pointer("/properties/tier/maximum").unwrap(), crate::limits::TIER_MAX);
    assert_eq!(schedules.pointer("/properties/cron/oneOf/1/maxItems").unwrap(), crate::limits::CRON_MAX);
    assert_eq!(schedules.pointer("/properties/reason/maxLength").unwrap(), crate::limits::REASON_MAX);
    for (pointer, limit) in [
        ("/$defs/steps/maxItems", STEPS_MAX),
        ("/properties/inputs/maxProperties", INPUT_COUNT_MAX),
        ("/properties/files/maxItems", GLOBS_MAX),
        ("/properties/files/items/maxLength", GLOB_MAX),
        ("/$defs/input/properties/options/maxItems", OPTIONS_MAX),
        ("/$defs/step/properties/command/maxItems", ARGUMENTS_MAX),
        ("/properties/verify/properties/all/maxItems", crate::limits::SIGNALS_MAX),
    ] {
        assert_eq!(schema.pointer(pointer).unwrap(), &serde_json::json!(limit), "{pointer}");
    }
    let size = &schema["properties"]["output_limit"]["oneOf"][1]["maximum"];
    assert_eq!(*size, serde_json::json!(OUTPUT_LIMIT_MAX));
}
