//! A tiny expression language for tests: literals, paths and `==`, enough to see which values the state machine offers.

use std::collections::BTreeMap;

use model::{
    evaluate::Evaluate,
    runbook::{Expression, Input, InputKind, InputValue, InputValues, Template},
};
use serde_json::Value;

/// `inputs.name`, `steps.a.outputs.k`, `steps.a.targets['web1'].outputs.k`, JSON, `'text'`, `one == other`, `split(path)`.
pub struct Tiny;

fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The first name of each path.
fn heads(text: &str) -> Vec<(usize, &str)> {
    let mut heads = Vec::new();
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if word(c) && !word(before) && before != '.' && before != '\'' {
            let rest = &text[at..];
            heads.push((at, &rest[..rest.find(|c| !word(c)).unwrap_or(rest.len())]));
        }
        before = c;
    }
    heads
}

fn path(text: &str, values: &Value) -> Result<Value, String> {
    let absent = || format!("`{text}` is not there");
    let mut value = values;
    let mut rest = text;
    while !rest.is_empty() {
        let key = if let Some(quoted) = rest.strip_prefix("['") {
            let end = quoted.find("']").ok_or_else(absent)?;
            rest = &quoted[end + 2..];
            &quoted[..end]
        } else {
            rest = rest.trim_start_matches('.');
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let key = &rest[..end];
            rest = &rest[end..];
            key
        };
        value = match value {
            Value::Array(items) => key.parse::<usize>().ok().and_then(|at| items.get(at)),
            value => value.get(key),
        }
        .ok_or_else(absent)?;
    }
    Ok(value.clone())
}

fn eval(text: &str, values: &Value) -> Result<Value, String> {
    let text = text.trim();
    if let Some((one, other)) = text.split_once("==") {
        return Ok(Value::Bool(eval(one, values)? == eval(other, values)?));
    }
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    if let Some(quoted) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return Ok(quoted.into());
    }
    if let Some(of) = text.strip_prefix("split(").and_then(|text| text.strip_suffix(')')) {
        let text = path(of, values)?;
        let text = text.as_str().ok_or_else(|| format!("`{of}` is no text"))?;
        return Ok(text.split(',').collect());
    }
    path(text, values)
}

impl Evaluate for Tiny {
    fn steps(&self, text: &str) -> Vec<String> {
        let after = |at: usize| text[at..].strip_prefix("steps.");
        let name = |rest: &str| rest[..rest.find(|c| !word(c)).unwrap_or(rest.len())].to_owned();
        heads(text).into_iter().filter_map(|(at, _)| after(at)).map(name).collect()
    }

    fn mentions(&self, text: &str, name: &str) -> bool {
        heads(text).iter().any(|(_, head)| *head == name)
    }

    fn value(&self, expression: &Expression, values: &Value) -> Result<Value, String> {
        eval(&expression.0, values)
    }

    fn text(&self, template: &Template, values: &Value) -> Result<String, String> {
        let mut text = String::new();
        let mut rest = template.0.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            text.push_str(before);
            let (inside, after) = after.split_once("}}").ok_or("`{{` without `}}`")?;
            match eval(inside, values)? {
                Value::String(value) => text.push_str(&value),
                value => text.push_str(&value.to_string()),
            }
            rest = after;
        }
        Ok(text + rest)
    }

    fn inputs(&self, declared: &[Input], given: &BTreeMap<String, Value>) -> Result<InputValues, String> {
        let mut inputs = InputValues::new();
        for input in declared {
            let text = given.get(&input.name).and_then(Value::as_str);
            let value = match (&input.kind, text) {
                (InputKind::Integer { .. }, Some(text)) => {
                    let number = text.parse().map_err(|_| format!("input `{}` is no integer", input.name))?;
                    Some(InputValue::Integer(number))
                }
                (_, Some(text)) => Some(InputValue::Text(text.to_owned())),
                (InputKind::Secret, None) if given.contains_key(&input.name) => Some(InputValue::sealed()),
                (_, None) => input.default.clone(),
            };
            match value {
                Some(value) => _ = inputs.insert(input.name.clone(), value),
                None if input.required => return Err(format!("input `{}` is missing", input.name)),
                None => {}
            }
        }
        Ok(inputs)
    }
}
