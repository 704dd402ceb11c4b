//! The values that a run is started with.

use std::collections::BTreeMap;

use definition::{Asking, inputs_digest};
use model::{
    api::Fault,
    runbook::{INPUT_MAX, INPUTS_MAX, Input, InputKind, InputValue, InputValues},
};
use proptest::prelude::*;
use serde_json::{Value, json};

pub const STRING: InputKind = InputKind::String { pattern: None, min_length: None, max_length: None };
const INTEGER: InputKind = InputKind::Integer { min: None, max: None };

const ASKING: Asking<'_> = Asking { now: jiff::Timestamp::UNIX_EPOCH, caller: "ada" };

fn read_inputs(inputs: &[Input], given: &BTreeMap<String, Value>) -> Result<InputValues, Vec<Fault>> {
    definition::read_inputs(inputs, &[], given, &ASKING).map(|read| read.values)
}

fn input(name: &str, kind: InputKind) -> Input {
    Input {
        name: name.to_owned(),
        kind,
        required: false,
        default: None,
        default_from: None,
        description: None,
        show_if: None,
        policy_visible: false,
    }
}

fn choice(options: &[&str]) -> InputKind {
    InputKind::Choice {
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        multiple: false,
        free: false,
        from: None,
    }
}

fn given(value: Value) -> BTreeMap<String, Value> {
    BTreeMap::from([("a".to_owned(), value)])
}

fn read(kind: InputKind, value: Value) -> Result<InputValue, String> {
    match read_inputs(&[input("a", kind)], &given(value)) {
        Ok(mut values) => Ok(values.remove("a").unwrap()),
        Err(faults) => {
            assert_eq!(faults.len(), 1);
            assert_eq!(faults[0].path, "a");
            Err(faults.into_iter().next().unwrap().code)
        }
    }
}

#[test]
fn values_have_their_type_or_its_text() {
    let text = |text: &str| Ok(InputValue::Text(text.to_owned()));
    assert_eq!(read(STRING, json!("42")), text("42"));
    assert_eq!(read(STRING, json!("")), text(""));
    assert_eq!(read(INTEGER, json!(42)), Ok(InputValue::Integer(42)));
    assert_eq!(read(INTEGER, json!("-42")), Ok(InputValue::Integer(-42)));
    assert_eq!(
        read(INTEGER, json!(9_007_199_254_740_991_i64)),
        Ok(InputValue::Integer(9_007_199_254_740_991))
    );
    assert_eq!(read(InputKind::Boolean, json!(true)), Ok(InputValue::Boolean(true)));
    assert_eq!(read(InputKind::Boolean, json!("false")), Ok(InputValue::Boolean(false)));
    assert_eq!(read(choice(&["eu", "us"]), json!("us")), text("us"));
}

#[test]
fn nothing_is_guessed() {
    for value in [json!(1), json!(true), json!(null), json!(["a"]), json!({"a": 1})] {
        assert_eq!(read(STRING, value.clone()), Err("wrong_type".to_owned()), "{value}");
    }
    for value in [
        json!("042"),
        json!("+1"),
        json!(" 1"),
        json!("1.0"),
        json!("0x1f"),
        json!("1e3"),
        json!(""),
        json!("١"),
        json!(1.0),
        json!(1.5),
        json!(true),
        json!(null),
        json!(9_007_199_254_740_992_i64),
        json!(u64::MAX),
        json!("9007199254740992"),
    ] {
        assert_eq!(read(INTEGER, value.clone()), Err("wrong_type".to_owned()), "{value}");
    }
    for value in [json!("yes"), json!("True"), json!("1"), json!(1), json!(0), json!(null)] {
        assert_eq!(read(InputKind::Boolean, value.clone()), Err("wrong_type".to_owned()), "{value}");
    }
    assert_eq!(read(choice(&["eu"]), json!("EU")), Err("not_an_option".to_owned()));
    assert_eq!(read(choice(&["1"]), json!(1)), Err("wrong_type".to_owned()));
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let inputs = [
        Input {
            required: true,
            description: Some("Where.".to_owned()),
            ..input("region", choice(&["eu", "us"]))
        },
        Input { required: true, ..input("ticket", STRING) },
        input("count", INTEGER),
        input("note", STRING),
    ];
    let given = BTreeMap::from([
        ("regoin".to_owned(), json!("eu")),
        ("ticket".to_owned(), json!("a\0b")),
        ("count".to_owned(), json!("many")),
        ("note".to_owned(), json!("x".repeat(INPUT_MAX + 1))),
        ("sekret-value\u{1b}".to_owned(), json!(1)),
    ]);
    let faults = read_inputs(&inputs, &given).unwrap_err();
    insta::assert_json_snapshot!(
        faults.iter().map(|f| (&f.path, &f.code, &f.message, &f.hint)).collect::<Vec<_>>()
    );
}

#[test]
fn no_message_repeats_a_value() {
    let inputs = [input("a", INTEGER), input("b", choice(&["x"])), input("c", InputKind::Boolean)];
    let given = ["a", "b", "c"].map(|name| (name.to_owned(), json!("hunter2")));
    let faults = read_inputs(&inputs, &BTreeMap::from(given)).unwrap_err();
    assert_eq!(faults.len(), 3);
    assert!(!format!("{faults:?}").contains("hunter2"));
}

#[test]
fn what_is_not_given_has_its_default_or_is_not_there() {
    let inputs =
        [Input { default: Some(InputValue::Integer(3)), ..input("count", INTEGER) }, input("note", STRING)];
    let values = read_inputs(&inputs, &BTreeMap::new()).unwrap();
    assert_eq!(values, BTreeMap::from([("count".to_owned(), InputValue::Integer(3))]));
}

#[test]
fn sizes_are_taken_to_the_limit_and_not_a_byte_beyond() {
    assert!(read(STRING, json!("x".repeat(INPUT_MAX))).is_ok());
    assert_eq!(read(STRING, json!("x".repeat(INPUT_MAX + 1))), Err("input_too_large".to_owned()));
    let many = INPUTS_MAX / INPUT_MAX;
    let inputs: Vec<Input> = (0..=many).map(|i| input(&format!("a{i}"), STRING)).collect();
    let mut given: BTreeMap<String, Value> =
        (0..many).map(|i| (format!("a{i}"), json!("x".repeat(INPUT_MAX)))).collect();
    assert!(read_inputs(&inputs, &given).is_ok());
    given.insert(format!("a{many}"), json!("x"));
    let faults = read_inputs(&inputs, &given).unwrap_err();
    assert_eq!(faults[0].code, "inputs_too_large");
}

/// Values that have broken other systems, and any others.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("'; rm -rf / #".to_owned()),
        Just("$(id)`id`${IFS}".to_owned()),
        Just("--upload-pack=x".to_owned()),
        Just("a\nb\r\n\t\"'\\".to_owned()),
        Just("{{ inputs.a }} ${{ x }} %s".to_owned()),
        Just("\u{202e}\u{feff}😀\u{1b}[31m".to_owned()),
        Just("true".to_owned()),
        Just("0755".to_owned()),
        "[^\0]{0,200}",
    ]
}

proptest! {
    #[test]
    fn texts_come_through_as_they_are(text in hostile()) {
        let value = read(STRING, json!(text.clone())).unwrap();
        prop_assert_eq!(value.to_variable(), text.clone());
        let values = BTreeMap::from([("a".to_owned(), value)]);
        let again: BTreeMap<String, InputValue> = serde_json::from_slice(&serde_json::to_vec(&values).unwrap()).unwrap();
        prop_assert_eq!(inputs_digest(&values), inputs_digest(&again));
        let options = InputKind::Choice {
            options: vec!["other".to_owned(), text.clone()], multiple: false, free: false, from: None,
        };
        prop_assert_eq!(read(options, json!(text.clone())), Ok(InputValue::Text(text)));
    }

    #[test]
    fn integers_come_through_either_way(value in -9_007_199_254_740_991_i64..=9_007_199_254_740_991) {
        prop_assert_eq!(read(INTEGER, json!(value)), Ok(InputValue::Integer(value)));
        prop_assert_eq!(read(INTEGER, json!(value.to_string())), Ok(InputValue::Integer(value)));
    }

    #[test]
    fn no_value_panics(text in ".{0,40}", number in any::<f64>()) {
        for kind in [STRING, INTEGER, InputKind::Boolean, choice(&["x"])] {
            let _ = read(kind.clone(), json!(text.clone()));
            let _ = read(kind, json!(number));
        }
    }
}

/// Inputs as a runbook declares them.
fn declared(inputs: &str) -> model::runbook::Runbook {
    let text = format!("kind: Runbook\nname: x\n{inputs}\nsteps: [{{run: echo}}]\n");
    crate::repository::sound(&text).runbook().unwrap().clone()
}

fn all(runbook: &model::runbook::Runbook, given: Value) -> Result<definition::ReadInputs, Vec<String>> {
    let given: BTreeMap<String, Value> = serde_json::from_value(given).unwrap();
    definition::read_inputs(&runbook.inputs, &runbook.rules, &given, &ASKING)
        .map_err(|faults| faults.into_iter().map(|fault| format!("{} {}", fault.path, fault.code)).collect())
}

#[test]
fn every_type_has_one_form() {
    let runbook = declared(
        "inputs: {a: {type: number}, b: {type: date}, c: {type: datetime}, d: {type: duration, max: 1d}, e: {type: percentage}, \
         f: {type: list}, g: {type: json}, h: {type: file, max_size: 10B}, i: {type: choice, options: [x, y], multiple: true}, j: {type: text}}",
    );
    for (name, given, kept) in [
        ("a", json!("1.5"), json!(1.5)),
        ("a", json!(2.0), json!(2)),
        ("b", json!("2026-02-28"), json!("2026-02-28")),
        ("c", json!("2026-11-26T10:00:00+01:00"), json!("2026-11-26T09:00:00Z")),
        ("d", json!("1h30m"), json!(5400)),
        ("d", json!(60), json!(60)),
        ("e", json!("25%"), json!(25)),
        ("e", json!(12.5), json!(12.5)),
        ("f", json!("one\n\ntwo\r\n"), json!(["one", "two"])),
        ("f", json!("[\"a\", \"b\"]"), json!(["a", "b"])),
        ("f", json!([]), json!([])),
        ("g", json!("{\"a\": [1]}"), json!({"a": [1]})),
        ("g", json!("true"), json!(true)),
        (
            "h",
            json!({"file": "0".repeat(64), "name": "a.txt", "size": 10}),
            json!({"file": "0".repeat(64), "name": "a.txt", "size": 10}),
        ),
        ("i", json!(["y", "x"]), json!(["y", "x"])),
        ("i", json!("x"), json!(["x"])),
        ("j", json!("a\nb"), json!("a\nb")),
    ] {
        let read = all(&runbook, json!({name: given})).unwrap();
        assert_eq!(read.values[name].to_json(), kept, "{name} {given}");
        let again = all(&runbook, json!({name: kept})).unwrap();
        assert_eq!(again, read, "{name}: reading its own answer gives the same");
    }
    for (name, given) in [
        ("a", json!("1e3")),
        ("a", json!("x")),
        ("b", json!("2026-02-30")),
        ("b", json!("20260228")),
        ("c", json!("2026-11-26T10:00:00")),
        ("c", json!("yesterday")),
        ("d", json!("90")),
        ("d", json!("2d")),
        ("d", json!(-1)),
        ("e", json!(101)),
        ("e", json!("-1%")),
        ("f", json!([1])),
        ("f", json!("[1]")),
        ("g", json!("{")),
        ("g", json!("\"a\"")),
        ("g", json!({"sealed": true})),
        ("h", json!({"file": "x", "name": "a", "size": 1})),
        ("h", json!({"file": "0".repeat(64), "name": "../a", "size": 1})),
        ("h", json!({"file": "0".repeat(64), "name": "a", "size": 11})),
        ("i", json!(["z"])),
        ("i", json!({"x": 1})),
        ("j", json!(1)),
    ] {
        assert!(all(&runbook, json!({name: given})).is_err(), "{name} {given}");
    }
}

#[test]
fn patterns_and_lengths_are_of_the_whole_value() {
    let runbook = declared("inputs: {a: {type: string, pattern: 'OPS-\\d+', min_length: 5, max_length: 8}}");
    assert!(all(&runbook, json!({"a": "OPS-1"})).is_ok());
    for bad in ["xOPS-1", "OPS-1\n", "OPS-12345", "OPS-"] {
        assert_eq!(all(&runbook, json!({"a": bad})).unwrap_err(), ["a bad_value"], "{bad}");
    }
    let evil = declared("inputs: {a: {type: string, pattern: '(a*)*b'}}");
    let begun = std::time::Instant::now();
    assert!(all(&evil, json!({"a": "a".repeat(60_000)})).is_err());
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "linear, whatever the pattern");
    assert_eq!(
        crate::repository::codes(&crate::repository::with_top(
            "inputs: {a: {type: string, pattern: '(a{1000}){1000}'}}"
        )),
        ["bad_pattern"]
    );
}

#[test]
fn secrets_are_taken_out() {
    let runbook = declared("inputs: {a: {type: secret, required: true}, b: {type: secret}}");
    let read = all(&runbook, json!({"a": "hunter2"})).unwrap();
    assert!(read.values["a"].is_sealed());
    assert_eq!(read.secrets["a"].expose(), "hunter2");
    assert!(!format!("{read:?}").contains("hunter2"));
    let faults = definition::read_inputs(
        &runbook.inputs,
        &[],
        &BTreeMap::from([
            ("a".to_owned(), json!(["hunter2"])),
            ("b".to_owned(), json!("hunter2".repeat(10_000))),
        ]),
        &ASKING,
    )
    .unwrap_err();
    assert_eq!(faults.len(), 2);
    assert!(!format!("{faults:?}").contains("hunter2"));
}

#[test]
fn what_is_not_asked_for_must_not_be_given() {
    let runbook = declared(
        "inputs:\n  mode: {type: choice, options: [all, one], default: all}\n  host: {type: string, required: true, show_if: inputs.mode == 'one'}\n  \
         port: {type: integer, default: 80, show_if: inputs.host != ''}\nrules: [{check: inputs.mode == 'all' or inputs.port < 100, message: Too high.}]",
    );
    assert_eq!(all(&runbook, json!({})).unwrap().values.keys().collect::<Vec<_>>(), ["mode"]);
    assert_eq!(all(&runbook, json!({"host": "x"})).unwrap_err(), ["host hidden_input"]);
    assert_eq!(all(&runbook, json!({"mode": "one"})).unwrap_err(), ["host missing_input"]);
    assert_eq!(
        all(&runbook, json!({"mode": "one", "host": "x"})).unwrap().values["port"],
        InputValue::Integer(80)
    );
    assert_eq!(
        all(&runbook, json!({"mode": "one", "host": "x", "port": 100})).unwrap_err(),
        [" rule_broken"]
    );
    assert_eq!(
        all(&runbook, json!({"mode": "two", "port": 1})).unwrap_err(),
        ["mode not_an_option"],
        "what depends on it is not judged"
    );
}

#[test]
fn defaults_are_computed_when_it_is_asked_for() {
    let runbook = declared(
        "inputs: {a: {type: date, default: {from: today}}, b: {type: datetime, default: {from: now}}, c: {type: string, default: {from: caller}}}",
    );
    let read = all(&runbook, json!({})).unwrap();
    assert_eq!(json!(read.values), json!({"a": "1970-01-01", "b": "1970-01-01T00:00:00Z", "c": "ada"}));
}

proptest! {
    #[test]
    fn reading_is_total_and_stable(values in prop::collection::btree_map("[a-j]", any_json(), 0..6)) {
        let runbook = declared(
            "inputs: {a: {type: number}, b: {type: date}, c: {type: datetime}, d: {type: duration}, e: {type: percentage}, \
             f: {type: list}, g: {type: json}, h: {type: file}, i: {type: choice, options: [x], multiple: true, free: true}, j: {type: text}}",
        );
        for (name, value) in values {
            if let Ok(read) = all(&runbook, json!({name.clone(): value})) {
                let kept: Value = read.values[&name].to_json();
                prop_assert_eq!(all(&runbook, json!({name: kept})).unwrap(), read);
            }
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9]{1,4}(\\.[0-9]{1,3})?%?".prop_map(Value::from),
        "[0-9]{1,3}[smhd]".prop_map(Value::from),
        "20[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:00:00Z)?".prop_map(Value::from),
        "\\[\"[a-z]\"(, \"b\")?\\]".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

#[test]
fn a_fetched_choice_is_among_what_was_fetched() {
    let fetched = |multiple, free| {
        let kind = InputKind::Choice { options: vec!["x".to_owned()], multiple, free, from: None };
        input("a", kind)
    };
    let options = ["eu".to_owned(), "us".to_owned()];
    let text = |text: &str| InputValue::Text(text.to_owned());
    let check = |input: &Input, value: InputValue| definition::check_option(input, &value, &options);
    assert_eq!(check(&fetched(false, false), text("eu")), None);
    assert_eq!(check(&fetched(true, false), InputValue::Json(json!(["eu", "us"]))), None);
    assert_eq!(check(&fetched(false, true), text("other")), None);
    for (multiple, value) in [
        (false, text("EU")),
        (false, text("x")),
        (true, InputValue::Json(json!(["eu", "x"]))),
        (true, InputValue::Json(json!(["eu", 1]))),
    ] {
        let fault = check(&fetched(multiple, false), value).unwrap();
        assert_eq!((fault.code.as_str(), fault.path.as_str()), ("not_an_option", "a"));
        assert_eq!(fault.hint.as_deref(), Some("Its options are `eu` and `us`."));
    }
    let none = definition::check_option(&fetched(false, false), &text("eu"), &[]).unwrap();
    assert_eq!(none.hint.as_deref(), Some("It has no options now."));
}

#[test]
fn values_that_are_still_being_filled_in_are_read_as_far_as_they_go() {
    let wait = InputKind::Duration { min_s: None, max_s: None };
    let inputs = [
        Input { default: Some(InputValue::Integer(90)), ..input("wait", wait) },
        input("count", INTEGER),
        Input { required: true, ..input("name", STRING) },
        Input { default_from: Some(model::runbook::ComputedDefault::Caller), ..input("who", STRING) },
        input("password", InputKind::Secret),
    ];
    let given = BTreeMap::from([
        ("count".to_owned(), json!("many")),
        ("password".to_owned(), json!("hunter2")),
        ("stranger".to_owned(), json!(1)),
    ]);
    let read = definition::read_so_far(&inputs, &given, &ASKING);
    assert_eq!(definition::visible(&read), json!({"inputs": {"wait": 90, "who": "ada"}}));
}
