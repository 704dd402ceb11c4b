//! The values that whoever starts a run gives, read as the types of the runbook's inputs.

use std::collections::BTreeMap;

use model::{
    api::{Fault, Severity},
    runbook::{INPUT_MAX, INPUTS_MAX, Input, InputKind, InputValue, InputValues},
};
use serde_json::Value;

use crate::{
    fault::{Code, quoted},
    limits::INTEGER_MAX,
    scalar, suggest,
};

/// Reads all values, with the defaults of those not given, or says everything that is wrong with them.
///
/// A text is read as the input's type, so that `"42"` is good for an integer: a command line has nothing but texts. No
/// message repeats a value; it may be a password that somebody put into the wrong field.
pub fn read_inputs(inputs: &[Input], given: &BTreeMap<String, Value>) -> Result<InputValues, Vec<Fault>> {
    let mut values = InputValues::new();
    let mut faults = Vec::new();
    for name in given.keys().filter(|name| !inputs.iter().any(|input| input.name == **name)) {
        faults.push(unknown(name, inputs));
    }
    for input in inputs {
        let read = match given.get(&input.name) {
            Some(value) => read_value(input, value).map(Some),
            None if input.required => Err(missing(input)),
            None => Ok(input.default.clone()),
        };
        match read {
            Ok(Some(value)) => {
                values.insert(input.name.clone(), value);
            }
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
    }
    let total: usize = values.values().map(|value| value.to_variable().len()).sum();
    if total > INPUTS_MAX {
        let message =
            format!("The inputs hold {total} bytes together, but at most {INPUTS_MAX} (1 MiB) are taken.");
        faults.push(fault(Code::InputsTooLarge, "", message));
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

fn read_value(input: &Input, value: &Value) -> Result<InputValue, Fault> {
    let name = &input.name;
    let wrong = |expected: &str| {
        let message = format!("The input `{name}` must be {expected}, but it is {}.", what(value));
        Err(fault(Code::WrongType, name, message))
    };
    if let Value::String(text) = value {
        check_text(name, text)?;
    }
    match (&input.kind, value) {
        (InputKind::Boolean, Value::Bool(value)) => Ok(InputValue::Boolean(*value)),
        (InputKind::Boolean, Value::String(text)) if text == "true" || text == "false" => {
            Ok(InputValue::Boolean(text == "true"))
        }
        (InputKind::Boolean, _) => wrong("`true` or `false`"),
        (InputKind::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {
            let value = number.as_i64().filter(|value| (-INTEGER_MAX..=INTEGER_MAX).contains(value));
            value.map(InputValue::Integer).map_or_else(|| wrong(&integers()), Ok)
        }
        (InputKind::Integer, Value::String(text)) => {
            scalar::integer(text).map(InputValue::Integer).map_or_else(|| wrong(&integers()), Ok)
        }
        (InputKind::Integer, _) => wrong(&integers()),
        (InputKind::String, Value::String(text)) => Ok(InputValue::Text(text.clone())),
        (InputKind::String, _) => wrong("text"),
        (InputKind::Choice { options }, Value::String(text)) => {
            if options.contains(text) {
                return Ok(InputValue::Text(text.clone()));
            }
            let shown: Vec<&str> = options.iter().map(String::as_str).take(20).collect();
            let mut fault =
                fault(Code::NotAnOption, name, format!("The input `{name}` must be one of its options."));
            fault.hint = Some(format!(
                "They are {}{}",
                crate::fault::listed(&shown, "and"),
                if options.len() > shown.len() { ", …" } else { "." }
            ));
            Err(fault)
        }
        (InputKind::Choice { .. }, _) => wrong("text"),
    }
}

fn integers() -> String {
    format!("an integer between -{INTEGER_MAX} and {INTEGER_MAX}, in plain decimal digits")
}

fn check_text(name: &str, text: &str) -> Result<(), Fault> {
    if text.len() > INPUT_MAX {
        let message = format!(
            "The input `{name}` has {} bytes, but one input holds at most {INPUT_MAX} (64 KiB).",
            text.len()
        );
        return Err(fault(Code::InputTooLarge, name, message));
    }
    if text.contains('\0') {
        let message =
            format!("The input `{name}` holds the NUL character, which no environment variable can hold.");
        return Err(fault(Code::NulCharacter, name, message));
    }
    Ok(())
}

fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal number",
        Value::Number(_) => "an integer",
        Value::String(_) => "another text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn unknown(name: &str, inputs: &[Input]) -> Fault {
    let mut fault = fault(Code::UnknownInput, name, format!("This runbook has no input {}.", quoted(name)));
    let known: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    fault.hint = Some(if known.is_empty() {
        "It has no inputs at all.".to_owned()
    } else {
        suggest::hint(name, &known)
    });
    fault
}

fn missing(input: &Input) -> Fault {
    let mut fault =
        fault(Code::MissingInput, &input.name, format!("The input `{}` is required.", input.name));
    fault.hint = input.description.clone();
    fault
}

/// A fault of an input has no place in a text.
fn fault(code: Code, name: &str, message: String) -> Fault {
    Fault {
        severity: Severity::Error,
        code: code.name().to_owned(),
        path: name.to_owned(),
        line: 0,
        column: 0,
        offset: 0,
        length: 0,
        message,
        hint: None,
    }
}
