//! One value, read as the type of its input.

use jiff::{Timestamp, civil::Date};
use model::{
    duration,
    name::Digest,
    run::UploadedFile,
    runbook::{INPUT_MAX, Input, InputKind, InputValue},
};
use serde_json::Value;

use crate::{
    fault::{Code, listed},
    inputs::{Refusal, Taken},
    limits::{INTEGER_MAX, JSON_DEPTH_MAX},
    pattern, scalar,
    secret::SecretText,
};

/// Reads what was given for an input. No message repeats it.
pub(crate) fn read_value(input: &Input, value: &Value) -> Result<Taken, Refusal> {
    let name = &input.name;
    check_size(name, value)?;
    let wrong = |expected: &str| Refusal::wrong_type(name, expected, value);
    let text = value.as_str();
    let read = match &input.kind {
        InputKind::Secret => {
            let text = text.ok_or_else(|| wrong("text"))?;
            if text.is_empty() {
                return Err(Refusal::new(Code::BadValue, format!("The input `{name}` is empty.")));
            }
            return Ok(Taken::Secret(SecretText::new(text)));
        }
        InputKind::String { pattern, min_length, max_length } => {
            let text = text.ok_or_else(|| wrong("text"))?;
            check_length(name, text, *min_length, *max_length)?;
            check_pattern(name, text, pattern.as_deref())?;
            InputValue::Text(text.to_owned())
        }
        InputKind::Text { min_length, max_length } => {
            let text = text.ok_or_else(|| wrong("text"))?;
            check_length(name, text, *min_length, *max_length)?;
            InputValue::Text(text.to_owned())
        }
        InputKind::Boolean => InputValue::Boolean(boolean(value).ok_or_else(|| wrong("`true` or `false`"))?),
        InputKind::Integer { min, max } => {
            let number = integer(value).ok_or_else(|| {
                wrong(&format!(
                    "an integer between -{INTEGER_MAX} and {INTEGER_MAX}, in plain decimal digits"
                ))
            })?;
            check_range(name, &number, min.as_ref(), max.as_ref())?;
            InputValue::Integer(number)
        }
        InputKind::Number { min, max } => {
            let number = number(value).ok_or_else(|| wrong("a number, like `3` or `0.5`"))?;
            check_range(name, &number, min.as_ref(), max.as_ref())?;
            number_value(number)
        }
        InputKind::Percentage => {
            let number = match text.and_then(|text| text.strip_suffix('%')) {
                Some(text) => decimal(text),
                None => number(value),
            };
            let number = number.ok_or_else(|| wrong("a percentage, like `25` or `25%`"))?;
            check_range(name, &number, Some(&0.0), Some(&100.0))?;
            number_value(number)
        }
        InputKind::Choice { options, multiple, free, from } => {
            // What a fetched choice has is known to whoever fetched it: see `check_option`.
            let closed = !*free && from.is_none();
            let check = |text: &str| {
                if closed && !options.iter().any(|option| option == text) {
                    Err(not_an_option(name, options))
                } else {
                    Ok(())
                }
            };
            if *multiple {
                let items = items(value).ok_or_else(|| wrong("a list of texts"))?;
                items.iter().try_for_each(|item| check(item))?;
                list_value(items)
            } else {
                let text = text.ok_or_else(|| wrong("text"))?;
                check(text)?;
                InputValue::Text(text.to_owned())
            }
        }
        InputKind::Date => {
            InputValue::Text(text.and_then(date).ok_or_else(|| wrong("a day, like `2026-11-26`"))?)
        }
        InputKind::Datetime => {
            let moment = text.and_then(datetime);
            InputValue::Text(
                moment.ok_or_else(|| wrong("a moment with its offset, like `2026-11-26T10:00:00+01:00`"))?,
            )
        }
        InputKind::Duration { min_s, max_s } => {
            let seconds = match value {
                Value::Number(number) => number.as_u64(),
                Value::String(text) => duration::seconds(text),
                _ => None,
            };
            let seconds = seconds
                .filter(|seconds| i64::try_from(*seconds).is_ok_and(|seconds| seconds <= INTEGER_MAX))
                .ok_or_else(|| wrong("a duration with its unit, like `90s` or `1h30m`"))?;
            if min_s.is_some_and(|min| seconds < min) || max_s.is_some_and(|max| seconds > max) {
                return Err(out_of_range(
                    name,
                    min_s.map(|s| format!("{s}s")),
                    max_s.map(|s| format!("{s}s")),
                ));
            }
            InputValue::Integer(i64::try_from(seconds).unwrap_or(INTEGER_MAX))
        }
        InputKind::List { min_items, max_items } => {
            let items = items(value).ok_or_else(|| wrong("a list of texts, or one of them a line"))?;
            let count = items.len();
            if min_items.is_some_and(|min| count < min as usize)
                || max_items.is_some_and(|max| count > max as usize)
            {
                let message =
                    format!("The input `{name}` has {count} items, which is not as many as it may have.");
                return Err(Refusal::new(Code::BadValue, message)
                    .hint(bounds(min_items.map(|n| n.to_string()), max_items.map(|n| n.to_string()))));
            }
            list_value(items)
        }
        InputKind::Json => json_value(name, value)?,
        InputKind::File { max_bytes } => file_value(name, value, *max_bytes)?,
    };
    Ok(Taken::Value(read))
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

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64().filter(|value| value.abs() <= INTEGER_MAX as f64),
        Value::String(text) => decimal(text),
        _ => None,
    }
}

/// In the plain form that documents have, and no other.
fn decimal(text: &str) -> Option<f64> {
    match scalar::resolve(text) {
        scalar::Scalar::Integer(value) => Some(value as f64),
        scalar::Scalar::Decimal(value) => Some(value).filter(|value| value.abs() <= INTEGER_MAX as f64),
        _ => None,
    }
}

/// A whole number is an integer: `25` and `25.0` are the same percentage.
pub(crate) fn number_value(number: f64) -> InputValue {
    if number.fract() == 0.0 && number.abs() <= INTEGER_MAX as f64 {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the bounds")]
        return InputValue::Integer(number as i64);
    }
    InputValue::Json(number.into())
}

/// The day in its one form.
pub(crate) fn date(text: &str) -> Option<String> {
    let day: Date = text.parse().ok()?;
    (day.to_string() == text).then(|| text.to_owned())
}

/// The moment in UTC.
pub(crate) fn datetime(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    // RFC 3339 and nothing more, of all that the library reads.
    let shaped = bytes.len() >= 20
        && bytes.len() <= 40
        && bytes.get(10).is_some_and(|c| b"Tt ".contains(c))
        && text.bytes().all(|c| c.is_ascii_digit() || b"TtZz :+-.".contains(&c));
    let moment: Timestamp = text.parse().ok().filter(|_| shaped)?;
    Some(moment.to_string())
}

/// A JSON list of texts, the same as text, or one item a line.
fn items(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        Value::String(text) if text.trim_start().starts_with('[') => {
            let parsed: Value = serde_json::from_str(text).ok()?;
            if parsed.is_array() { items(&parsed) } else { None }
        }
        Value::String(text) => {
            let lines = text.lines().map(|line| line.strip_suffix('\r').unwrap_or(line));
            Some(lines.filter(|line| !line.trim().is_empty()).map(str::to_owned).collect())
        }
        _ => None,
    }
}

fn list_value(items: Vec<String>) -> InputValue {
    InputValue::Json(items.into())
}

fn json_value(name: &str, value: &Value) -> Result<InputValue, Refusal> {
    let mut parsed = match value {
        Value::String(text) => serde_json::from_str(text).map_err(|error| {
            let message = format!(
                "The input `{name}` must be JSON, but it cannot be read at line {}, column {}.",
                error.line(),
                error.column()
            );
            Refusal::new(Code::BadValue, message)
        })?,
        value => value.clone(),
    };
    if depth(&parsed) > JSON_DEPTH_MAX {
        let message = format!("The input `{name}` is more than {JSON_DEPTH_MAX} deep.");
        return Err(Refusal::new(Code::BadValue, message));
    }
    // As a document's (`Node::to_json`), and the same from both stores.
    parsed.sort_all_objects();
    match parsed {
        Value::String(_) => {
            let message = format!("The input `{name}` must be a JSON value other than a text alone.");
            Err(Refusal::new(Code::BadValue, message)
                .hint("Texts are what inputs of the type `string` are for.".to_owned()))
        }
        Value::Bool(value) => Ok(InputValue::Boolean(value)),
        Value::Number(number) => Ok(match number.as_i64() {
            Some(number) => InputValue::Integer(number),
            None => InputValue::Json(number.into()),
        }),
        // What stands for a secret stands for nothing else.
        other if InputValue::Json(other.clone()).is_sealed() => {
            Err(Refusal::new(Code::BadValue, format!("The input `{name}` may not have the key `sealed`.")))
        }
        other => Ok(InputValue::Json(other)),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn file_value(name: &str, value: &Value, max_bytes: Option<u64>) -> Result<InputValue, Refusal> {
    let wrong =
        || Refusal::wrong_type(name, "an uploaded file: `{\"file\": SHA-256, \"name\", \"size\"}`", value);
    let map = value.as_object().filter(|map| map.len() == 3).ok_or_else(wrong)?;
    let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(wrong);
    let sha256 = Digest::try_from(text("file")?).map_err(|_| wrong())?;
    let file = UploadedFile {
        sha256,
        name: text("name")?,
        size: map.get("size").and_then(Value::as_u64).ok_or_else(wrong)?,
    };
    let plain = !file.name.is_empty()
        && file.name.len() <= 255
        && !file.name.contains(['/', '\\'])
        && !file.name.contains(char::is_control)
        && ![".", ".."].contains(&file.name.as_str());
    if !plain {
        let message = format!("The name of the file for the input `{name}` is no plain file name.");
        return Err(Refusal::new(Code::BadValue, message));
    }
    if let Some(max) = max_bytes
        && file.size > max
    {
        let message = format!(
            "The file for the input `{name}` has {} bytes, but it may have at most {max}.",
            file.size
        );
        return Err(Refusal::new(Code::InputTooLarge, message));
    }
    Ok(InputValue::Json(value.clone()))
}

fn check_size(name: &str, value: &Value) -> Result<(), Refusal> {
    let size = match value {
        Value::String(text) => text.len(),
        Value::Array(_) | Value::Object(_) => value.to_string().len(),
        _ => 0,
    };
    if size > INPUT_MAX {
        let message =
            format!("The input `{name}` has {size} bytes, but one input holds at most {INPUT_MAX} (64 KiB).");
        return Err(Refusal::new(Code::InputTooLarge, message));
    }
    if has_nul(value) {
        let message =
            format!("The input `{name}` holds the NUL character, which no environment variable can hold.");
        return Err(Refusal::new(Code::NulCharacter, message));
    }
    Ok(())
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        // In JSON it stands as an escape.
        _ => false,
    }
}

fn check_length(name: &str, text: &str, min: Option<u32>, max: Option<u32>) -> Result<(), Refusal> {
    let length = text.chars().count();
    if min.is_some_and(|min| length < min as usize) || max.is_some_and(|max| length > max as usize) {
        let message =
            format!("The input `{name}` has {length} characters, which is not as many as it may have.");
        let hint = bounds(min.map(|n| n.to_string()), max.map(|n| n.to_string()));
        return Err(Refusal::new(Code::BadValue, message).hint(hint));
    }
    Ok(())
}

fn check_pattern(name: &str, text: &str, pattern: Option<&str>) -> Result<(), Refusal> {
    let Some(pattern) = pattern else { return Ok(()) };
    match pattern::compile(pattern) {
        Ok(compiled) if compiled.is_match(text) => Ok(()),
        Ok(_) => {
            let message = format!("The input `{name}` does not have the form that it must have.");
            Err(Refusal::new(Code::BadValue, message)
                .hint(format!("Its pattern is {}.", crate::fault::quoted(pattern))))
        }
        Err(why) => Err(Refusal::new(
            Code::BadPattern,
            format!("The pattern of the input `{name}` cannot be used: {why}."),
        )),
    }
}

fn check_range<N: PartialOrd + ToString>(
    name: &str,
    number: &N,
    min: Option<&N>,
    max: Option<&N>,
) -> Result<(), Refusal> {
    if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
        return Err(out_of_range(name, min.map(N::to_string), max.map(N::to_string)));
    }
    Ok(())
}

fn out_of_range(name: &str, min: Option<String>, max: Option<String>) -> Refusal {
    Refusal::new(Code::BadValue, format!("The input `{name}` is out of its range.")).hint(bounds(min, max))
}

fn bounds(min: Option<String>, max: Option<String>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("From {min} to {max}."),
        (Some(min), None) => format!("At least {min}."),
        (None, Some(max)) => format!("At most {max}."),
        (None, None) => "Any.".to_owned(),
    }
}

pub(crate) fn not_an_option(name: &str, options: &[String]) -> Refusal {
    const SHOWN: usize = 20;
    let shown: Vec<&str> = options.iter().map(String::as_str).take(SHOWN).collect();
    let more = options.len() - shown.len();
    let hint = match more {
        0 if options.is_empty() => "It has no options now.".to_owned(),
        0 => format!("Its options are {}.", listed(&shown, "and")),
        _ => format!("Its options are {} and {more} more.", listed(&shown, "and")),
    };
    Refusal::new(Code::NotAnOption, format!("The input `{name}` must be one of its options.")).hint(hint)
}

/// What a value is, for a sentence.
pub(crate) fn what(value: &Value) -> &'static str {
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
