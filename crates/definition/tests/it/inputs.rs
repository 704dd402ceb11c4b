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
