//! The values that whoever starts a run gives, read as the types of the runbook's inputs.

use std::collections::BTreeMap;

use model::{
    api::{Fault, Severity},
    runbook::{INPUT_MAX, INPUTS_MAX, Input, InputKind, InputValue, InputValues},
};
use serde_json::Value;

use crate::{
    fault::{Code, listed, quoted},
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
    let strangers = given.keys().filter(|name| !inputs.iter().any(|input| input.name == **name));
    for (count, name) in strangers.enumerate() {
        faults.push(unknown(name, inputs, count < SUGGEST_TIMES).of(name));
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
            Err(refusal) => faults.push(refusal.of(&input.name)),
        }
    }
    let total: usize = values.values().map(|value| value.to_variable().len()).sum();
    if total > INPUTS_MAX {
        let message =
            format!("The inputs hold {total} bytes together, but at most {INPUTS_MAX} (1 MiB) are taken.");
        faults.push(Refusal::new(Code::InputsTooLarge, message).of(""));
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

fn read_value(input: &Input, value: &Value) -> Result<InputValue, Refusal> {
    let name = &input.name;
    let wrong = |expected: &str| {
        let message = format!("The input `{name}` must be {expected}, but it is {}.", what(value));
        Refusal::new(Code::WrongType, message)
    };
    if let Value::String(text) = value {
        check_text(name, text)?;
    }
    match (&input.kind, value) {
        (InputKind::String { .. }, Value::String(text)) => Ok(InputValue::Text(text.clone())),
        (InputKind::String { .. }, _) => Err(wrong("text")),
        (InputKind::Boolean, _) => {
            boolean(value).map(InputValue::Boolean).ok_or_else(|| wrong("`true` or `false`"))
        }
        (InputKind::Integer { .. }, _) => integer(value).map(InputValue::Integer).ok_or_else(|| {
            wrong(&format!("an integer between -{INTEGER_MAX} and {INTEGER_MAX}, in plain decimal digits"))
        }),
        (InputKind::Choice { options, .. }, Value::String(text)) if options.contains(text) => {
            Ok(InputValue::Text(text.clone()))
        }
        (InputKind::Choice { options, .. }, Value::String(_)) => Err(not_an_option(name, options)),
        (_, _) => Err(wrong("text")),
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" => Some(false),
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().filter(|value| (-INTEGER_MAX..=INTEGER_MAX).contains(value)),
        Value::String(text) => scalar::integer(text),
        _ => None,
    }
}

fn check_text(name: &str, text: &str) -> Result<(), Refusal> {
    if text.len() > INPUT_MAX {
        let message = format!(
            "The input `{name}` has {} bytes, but one input holds at most {INPUT_MAX} (64 KiB).",
            text.len()
        );
        return Err(Refusal::new(Code::InputTooLarge, message));
    }
    if text.contains('\0') {
        let message =
            format!("The input `{name}` holds the NUL character, which no environment variable can hold.");
        return Err(Refusal::new(Code::NulCharacter, message));
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

fn not_an_option(name: &str, options: &[String]) -> Refusal {
    const SHOWN: usize = 20;
    let shown: Vec<&str> = options.iter().map(String::as_str).take(SHOWN).collect();
    let more = options.len() - shown.len();
    let hint = match more {
        0 => format!("Its options are {}.", listed(&shown, "and")),
        _ => format!("Its options are {} and {more} more.", listed(&shown, "and")),
    };
    Refusal::new(Code::NotAnOption, format!("The input `{name}` must be one of its options.")).hint(hint)
}

/// For more unknown names than this nothing near is looked for: each takes a look at all inputs.
const SUGGEST_TIMES: usize = 20;

fn unknown(name: &str, inputs: &[Input], suggest: bool) -> Refusal {
    let refusal = Refusal::new(Code::UnknownInput, format!("This runbook has no input {}.", quoted(name)));
    if inputs.is_empty() {
        return refusal.hint("It has no inputs at all.".to_owned());
    }
    if !suggest {
        return refusal;
    }
    let known: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    refusal.hint(suggest::hint(name, &known))
}

fn missing(input: &Input) -> Refusal {
    let refusal = Refusal::new(Code::MissingInput, format!("The input `{}` is required.", input.name));
    // What to give, as far as one line says it.
    match input.description.as_deref().and_then(|text| text.lines().next()) {
        Some(line) => refusal.hint(line.to_owned()),
        None => refusal,
    }
}

/// Why a value is not taken.
struct Refusal {
    code: Code,
    message: String,
    hint: Option<String>,
}

impl Refusal {
    fn new(code: Code, message: String) -> Self {
        Self { code, message, hint: None }
    }

    fn hint(self, hint: String) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// As a fault of this input; it has no place in a text.
    fn of(self, name: &str) -> Fault {
        Fault {
            severity: Severity::Error,
            code: self.code.name().to_owned(),
            path: name.to_owned(),
            line: 0,
            column: 0,
            offset: 0,
            length: 0,
            message: self.message,
            hint: self.hint,
        }
    }
}
