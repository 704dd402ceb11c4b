//! Expressions evaluated: the values of one run in, a value or a text out, within bounds.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use jiff::Timestamp;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use model::{
    evaluate::Evaluate,
    runbook::{Expression, Input, InputKind, InputValue, InputValues, Template},
};
use serde_json::{Map, Value};

use super::{
    filters,
    syntax::{self, Path},
    template::{self, Part},
};
use crate::{
    inputs::{Asking, read},
    limits::{FUEL, VALUE_MAX},
};

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = filters::environment();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment
});

/// The expression language, as the state machine and the performer ask it.
///
/// It holds no state but who asks and when, which only the computed defaults of a called runbook's inputs need.
#[derive(Clone, Debug, Default)]
pub struct Expressions {
    asking: Option<(Timestamp, String)>,
}

impl Expressions {
    pub fn new() -> Self {
        Self::default()
    }

    /// For a run that this principal asked for at this time: `default: {from: today}` of a called runbook is then known.
    pub fn asked(now: Timestamp, caller: impl Into<String>) -> Self {
        Self { asking: Some((now, caller.into())) }
    }

    /// A JSON body: each text in it is a template, and one that is an expression alone becomes that value, with its type.
    ///
    /// # Errors
    /// As [`Evaluate::value`]; also if the whole has more than 1 MiB.
    pub fn render_json(&self, body: &Value, values: &Value) -> Result<Value, String> {
        let mut left = VALUE_MAX;
        render_json(body, values, &mut left)
    }
}

fn render_json(body: &Value, values: &Value, left: &mut usize) -> Result<Value, String> {
    let rendered = match body {
        Value::String(text) => {
            let value = filled(text, values)?;
            let size = if let Value::String(text) = &value { text.len() } else { value.to_string().len() };
            *left = left
                .checked_sub(size)
                .ok_or_else(|| format!("the body would have more than {VALUE_MAX} bytes (1 MiB)"))?;
            value
        }
        Value::Array(items) => {
            items.iter().map(|item| render_json(item, values, left)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Object(map) => {
            let render =
                |(key, value): (&String, &Value)| Ok((key.clone(), render_json(value, values, left)?));
            Value::Object(map.iter().map(render).collect::<Result<Map<_, _>, String>>()?)
        }
        scalar => scalar.clone(),
    };
    Ok(rendered)
}

/// A text of a JSON body.
fn filled(text: &str, values: &Value) -> Result<Value, String> {
    let parts = template::split(text).map_err(|refused| refused.message)?;
    match parts.as_slice() {
        [Part::Expression { text, .. }] => evaluate(text, values),
        parts => join(parts, values).map(Value::String),
    }
}

impl Evaluate for Expressions {
    fn steps(&self, text: &str) -> Vec<String> {
        let mut names = Vec::new();
        each_path(text, &mut |path| {
            if let (true, Some(name)) = (path.root == "steps", path.rest.first())
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        });
        names
    }

    fn mentions(&self, text: &str, name: &str) -> bool {
        let mut found = false;
        each_path(text, &mut |path| found |= path.root == name);
        found
    }

    fn value(&self, expression: &Expression, values: &Value) -> Result<Value, String> {
        evaluate(&expression.0, values)
    }

    fn text(&self, template: &Template, values: &Value) -> Result<String, String> {
        let parts = template::split(&template.0).map_err(|refused| refused.message)?;
        join(&parts, values)
    }

    fn inputs(&self, declared: &[Input], given: &BTreeMap<String, Value>) -> Result<InputValues, String> {
        let asking = self.asking.as_ref().map(|(now, caller)| Asking { now: *now, caller });
        let given = given.iter().map(|(name, value)| called(declared, name, value));
        let given = given.collect::<Result<BTreeMap<String, Value>, String>>()?;
        match read(declared, &[], &given, asking.as_ref()) {
            Ok(read) => Ok(read.values),
            Err(faults) => Err(faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>().join(" ")),
        }
    }
}

/// A template is always a text. A duration is kept as seconds, so that this is what a call hands on. A secret is handed on
/// sealed, and from nothing else: a text that a template made has been where everybody sees it.
fn called(declared: &[Input], name: &str, value: &Value) -> Result<(String, Value), String> {
    let kind = declared.iter().find(|input| input.name == name).map(|input| &input.kind);
    let sealed = *value == InputValue::sealed().to_json();
    let read = match kind {
        Some(InputKind::Secret) if sealed => Value::from("sealed"),
        Some(InputKind::Secret) => {
            return Err(format!(
                "The input `{name}` is a secret, and takes nothing but a secret input: `{{input: NAME}}`."
            ));
        }
        _ if sealed => {
            return Err(format!("The input `{name}` is no secret, so that none is handed on to it."));
        }
        Some(InputKind::Duration { .. }) => {
            let seconds = value.as_str().and_then(|text| text.parse::<u64>().ok());
            seconds.map_or_else(|| value.clone(), Value::from)
        }
        _ => value.clone(),
    };
    Ok((name.to_owned(), read))
}

/// All chains of the expressions in a text, which may be an expression or a template: whoever asks does not say. What begins
/// with `{{` is never an expression, since a mapping is no key of a mapping.
fn each_path(text: &str, visit: &mut dyn FnMut(&Path<'_>)) {
    if let Ok(tree) = syntax::parse(text) {
        return syntax::paths(&tree).iter().for_each(visit);
    }
    for part in template::split(text).unwrap_or_default() {
        if let Part::Expression { text, .. } = part
            && let Ok(tree) = syntax::parse(text)
        {
            syntax::paths(&tree).iter().for_each(&mut *visit);
        }
    }
}

fn join(parts: &[Part<'_>], values: &Value) -> Result<String, String> {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Expression { text, .. } => out.push_str(&text_of(text, values)?),
        }
        if out.len() > VALUE_MAX {
            return Err(format!("the text would have more than {VALUE_MAX} bytes (1 MiB)"));
        }
    }
    Ok(out)
}

/// The value of an expression as it stands in a text: text as it is, numbers in decimal, `true`, `false`, else JSON.
pub(crate) fn text_of(expression: &str, values: &Value) -> Result<String, String> {
    match evaluate(expression, values)? {
        Value::String(text) => Ok(text),
        Value::Null => Err(format!("`{}` is none, which is no text", shown(expression))),
        other => Ok(other.to_string()),
    }
}

/// The value of an expression.
pub(crate) fn evaluate(expression: &str, values: &Value) -> Result<Value, String> {
    judge(expression, values).map_err(NoValue::into_words)
}

/// Why an expression has no value.
pub(crate) enum NoValue {
    /// It speaks of something that is not there.
    Missing(String),
    Other(String),
}

impl NoValue {
    pub fn into_words(self) -> String {
        let (Self::Missing(words) | Self::Other(words)) = self;
        words
    }
}

/// As [`evaluate`], where it matters why there is no value.
pub(crate) fn judge(expression: &str, values: &Value) -> Result<Value, NoValue> {
    let tree = syntax::parse(expression).map_err(|refused| NoValue::Other(refused.message))?;
    let context = minijinja::Value::from(minijinja::value::Serde(spoken_of(&tree, values)));
    let result = ENVIRONMENT
        .compile_expression_owned(expression.to_owned())
        .and_then(|compiled| compiled.eval(context))
        .map_err(|error| why(expression, &tree, values, &error))?;
    if result.is_undefined() {
        let message =
            missing(&tree, values).unwrap_or_else(|| format!("`{}` has no value", shown(expression)));
        return Err(NoValue::Missing(message));
    }
    let value = serde_json::to_value(&result)
        .map_err(|_| NoValue::Other(format!("`{}` is a number beyond all bounds", shown(expression))))?;
    // Of texts fuel has a bound already; lists may hold one text many times.
    if weight(&value) > VALUE_MAX {
        return Err(NoValue::Other(format!(
            "`{}` has more than {VALUE_MAX} bytes (1 MiB)",
            shown(expression)
        )));
    }
    Ok(value)
}

fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + items.len() + 2,
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + weight(value) + 4).sum::<usize>() + 2,
        _ => 8,
    }
}

/// Only what the expression speaks of: a run's values may be large.
fn spoken_of<'v>(tree: &syntax::Tree<'_>, values: &'v Value) -> BTreeMap<&'v str, Cow<'v, Value>> {
    let Value::Object(values) = values else { return BTreeMap::new() };
    let paths = syntax::paths(tree);
    let mut spoken = BTreeMap::new();
    for (name, value) in values {
        let of: Vec<&Path<'_>> = paths.iter().filter(|path| path.root == name.as_str()).collect();
        if of.is_empty() {
            continue;
        }
        let firsts: Option<Vec<&String>> = of.iter().map(|path| path.rest.first()).collect();
        let shown = match (value, firsts) {
            (Value::Object(map), Some(firsts)) => {
                let kept = map.iter().filter(|(key, _)| firsts.contains(key));
                Cow::Owned(Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect()))
            }
            (value, _) => Cow::Borrowed(value),
        };
        spoken.insert(name.as_str(), shown);
    }
    spoken
}

/// In words why an expression has no value.
fn why(expression: &str, tree: &syntax::Tree<'_>, values: &Value, error: &minijinja::Error) -> NoValue {
    let shown = shown(expression);
    match error.kind() {
        ErrorKind::UndefinedError => NoValue::Missing(
            missing(tree, values).unwrap_or_else(|| format!("a part of `{shown}` has no value")),
        ),
        ErrorKind::OutOfFuel => NoValue::Other(format!("`{shown}` takes too much work")),
        kind => {
            let detail: String = match error.detail() {
                Some(detail) => detail.chars().filter(|c| !c.is_control()).take(200).collect(),
                None => kind.to_string(),
            };
            NoValue::Other(format!("`{shown}` has no value: {detail}"))
        }
    }
}

/// The first chain that leads nowhere, by name.
fn missing(tree: &syntax::Tree<'_>, values: &Value) -> Option<String> {
    for path in syntax::paths(tree) {
        let mut at = values.get(path.root);
        let mut name = path.root.to_owned();
        for key in &path.rest {
            if at.is_none() {
                break;
            }
            name = format!("{name}.{key}");
            at = at.and_then(|value| value.get(key));
        }
        if at.is_none() {
            return Some(format!("`{}` has no value here", shown(&name)));
        }
    }
    None
}

fn shown(expression: &str) -> String {
    let mut text: String = expression.trim().chars().filter(|c| !c.is_control()).take(80).collect();
    if expression.trim().chars().nth(80).is_some() {
        text.push('…');
    }
    text
}

/// The filter `json`: any value as JSON, on one line.
pub(crate) fn json(value: &minijinja::Value) -> Result<String, minijinja::Error> {
    serde_json::to_string(value)
        .map_err(|_| minijinja::Error::new(ErrorKind::InvalidOperation, "this value has no JSON form"))
}
