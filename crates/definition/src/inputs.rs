//! The values that whoever starts a run gives, read as the types of the runbook's inputs; also what is written down at a manual step.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::{Timestamp, tz::TimeZone};
use model::{
    api::{Fault, Severity},
    runbook::{ComputedDefault, INPUTS_MAX, Input, InputKind, InputValue, InputValues, Rule},
};
use serde_json::{Value, json};

use crate::{
    expression::{
        engine::{self, NoValue},
        syntax,
    },
    fault::{Code, quoted},
    secret::SecretText,
    suggest,
    value::{not_an_option, read_value, what},
};

/// Who asks, and when: what computed defaults are taken from.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    pub now: Timestamp,
    /// The name of the principal.
    pub caller: &'a str,
}

/// The inputs of a run, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadInputs {
    /// With defaults; secrets as [`InputValue::sealed`].
    pub values: InputValues,
    /// What was typed in for secret inputs.
    pub secrets: BTreeMap<String, SecretText>,
}

/// Reads all values, with the defaults of those not given, or says everything that is wrong with them.
///
/// A text is read as the input's type, so that `"42"` is good for an integer: a command line has nothing but texts. An input
/// whose `show_if` is false must not be given and has no default. Rules are judged last, when all else is well. No message
/// repeats a value; it may be a password that somebody put into the wrong field.
///
/// # Errors
/// Every fault; its path is the input's name, or empty for the inputs as a whole.
pub fn read_inputs(
    inputs: &[Input],
    rules: &[Rule],
    given: &BTreeMap<String, Value>,
    asking: &Asking<'_>,
) -> Result<ReadInputs, Vec<Fault>> {
    read(inputs, rules, given, Some(asking))
}

/// Reads what was written down at a manual step, as [`read_inputs`] does.
///
/// # Errors
/// Every fault.
pub fn read_fields(
    fields: &[Input],
    given: &BTreeMap<String, Value>,
    asking: &Asking<'_>,
) -> Result<InputValues, Vec<Fault>> {
    read(fields, &[], given, Some(asking)).map(|read| read.values)
}

/// What can be read of values that somebody is still filling in, with defaults. What is faulty or missing is left out.
pub fn read_so_far(inputs: &[Input], given: &BTreeMap<String, Value>, asking: &Asking<'_>) -> InputValues {
    read_each(inputs, given, Some(asking)).0.values
}

/// Is the value of a choice whose options were fetched among them? What else may be typed is not for this to judge.
pub fn check_option(input: &Input, value: &InputValue, options: &[String]) -> Option<Fault> {
    let among = |text: &str| options.iter().any(|option| option == text);
    let all = match (&input.kind, value) {
        (InputKind::Choice { free: true, .. }, _) => true,
        (_, InputValue::Text(text)) => among(text),
        (_, InputValue::Json(Value::Array(items))) => {
            items.iter().all(|item| item.as_str().is_some_and(among))
        }
        _ => false,
    };
    (!all).then(|| not_an_option(&input.name, options).of(&input.name))
}

/// Without `asking` a computed default is a fault.
pub(crate) fn read(
    inputs: &[Input],
    rules: &[Rule],
    given: &BTreeMap<String, Value>,
    asking: Option<&Asking<'_>>,
) -> Result<ReadInputs, Vec<Fault>> {
    let strangers = given.keys().filter(|name| !inputs.iter().any(|input| input.name == **name));
    let strangers = strangers.enumerate();
    let mut faults: Vec<Fault> =
        strangers.map(|(count, name)| unknown(name, inputs, count < SUGGEST_TIMES).of(name)).collect();
    let (reading, of_values) = read_each(inputs, given, asking);
    faults.extend(of_values);
    let sizes = reading.values.values().map(|value| value.to_variable().len());
    let total: usize = sizes.chain(reading.secrets.values().map(|secret| secret.expose().len())).sum();
    if total > INPUTS_MAX {
        let message =
            format!("The inputs hold {total} bytes together, but at most {INPUTS_MAX} (1 MiB) are taken.");
        faults.push(Refusal::new(Code::InputsTooLarge, message).of(""));
    }
    if faults.is_empty() {
        let values = visible(&reading.values);
        faults.extend(rules.iter().filter_map(|rule| judge_rule(rule, &values)));
    }
    if faults.is_empty() { Ok(reading) } else { Err(faults) }
}

/// The values that can be read, and what is wrong with the others.
fn read_each(
    inputs: &[Input],
    given: &BTreeMap<String, Value>,
    asking: Option<&Asking<'_>>,
) -> (ReadInputs, Vec<Fault>) {
    let mut faults = Vec::new();
    let mut reading = ReadInputs::default();
    // Of these nobody knows the value, so that what depends on them is not judged.
    let mut doubtful: Vec<&str> = Vec::new();
    for input in inputs {
        let name = &input.name;
        match read_one(input, given.get(name), &reading, &doubtful, asking) {
            Ok(Some(Taken::Value(value))) => {
                reading.values.insert(name.clone(), value);
            }
            Ok(Some(Taken::Secret(secret))) => {
                reading.values.insert(name.clone(), InputValue::sealed());
                reading.secrets.insert(name.clone(), secret);
            }
            Ok(None) => {}
            Err(refusal) => {
                doubtful.push(name);
                faults.extend(refusal.map(|refusal| refusal.of(name)));
            }
        }
    }
    (reading, faults)
}

pub(crate) enum Taken {
    Value(InputValue),
    Secret(SecretText),
}

/// The value of an input; none if it has none. A refusal without words: nobody can say, and it has been said why.
fn read_one(
    input: &Input,
    given: Option<&Value>,
    reading: &ReadInputs,
    doubtful: &[&str],
    asking: Option<&Asking<'_>>,
) -> Result<Option<Taken>, Option<Refusal>> {
    match (shown(input, reading, doubtful), given) {
        (Shown::Faulty(refusal), _) => return Err(Some(refusal)),
        (Shown::No, None) => return Ok(None),
        (Shown::No, Some(_)) => return Err(Some(hidden(input))),
        (Shown::Unknown, None) => return Err(None),
        (Shown::Unknown | Shown::Yes, _) => {}
    }
    match (given, &input.default, input.default_from) {
        (Some(value), ..) => read_value(input, value).map(Some).map_err(Some),
        (None, Some(default), _) => Ok(Some(Taken::Value(default.clone()))),
        (None, None, Some(from)) => {
            let Some(asking) = asking else { return Err(Some(not_computed(input, from))) };
            read_value(input, &Value::String(computed(from, asking).into_owned())).map(Some).map_err(Some)
        }
        (None, None, None) if input.required => Err(Some(missing(input))),
        (None, None, None) => Ok(None),
    }
}

/// The value of a computed default.
fn computed<'a>(from: ComputedDefault, asking: &Asking<'a>) -> Cow<'a, str> {
    match from {
        ComputedDefault::Today => asking.now.to_zoned(TimeZone::UTC).date().to_string().into(),
        ComputedDefault::Now => {
            let second = Timestamp::from_second(asking.now.as_second()).unwrap_or(asking.now);
            second.to_string().into()
        }
        ComputedDefault::Caller => asking.caller.into(),
    }
}

enum Shown {
    Yes,
    No,
    /// It depends on an input whose value is not known.
    Unknown,
    Faulty(Refusal),
}

fn shown(input: &Input, reading: &ReadInputs, doubtful: &[&str]) -> Shown {
    let Some(condition) = &input.show_if else { return Shown::Yes };
    if let Ok(tree) = syntax::parse(&condition.0) {
        let paths = syntax::paths(&tree);
        let depends =
            |name: &&str| paths.iter().any(|path| path.rest.first().is_some_and(|first| first == name));
        if doubtful.iter().any(depends) {
            return Shown::Unknown;
        }
    }
    let fault = |why: String| {
        let message = format!("Whether the input `{}` is asked for cannot be said: {why}.", input.name);
        Shown::Faulty(Refusal::new(Code::BadExpression, message))
    };
    match engine::judge(&condition.0, &visible(&reading.values)) {
        Ok(Value::Bool(true)) => Shown::Yes,
        // What depends on a value that is not there is not asked for.
        Ok(Value::Bool(false)) | Err(NoValue::Missing(_)) => Shown::No,
        Ok(_) => fault(format!("`{}` is neither true nor false", condition.0)),
        Err(NoValue::Other(why)) => fault(why),
    }
}

/// What expressions and templates see of the inputs: all but secrets.
pub fn visible(values: &InputValues) -> Value {
    let shown = values.iter().filter(|(_, value)| !value.is_sealed());
    let inputs: serde_json::Map<String, Value> =
        shown.map(|(name, value)| (name.clone(), value.to_json())).collect();
    json!({"inputs": inputs})
}

/// A rule that cannot be judged is broken: it guards something.
fn judge_rule(rule: &Rule, values: &Value) -> Option<Fault> {
    let refusal = match engine::judge(&rule.check.0, values) {
        Ok(Value::Bool(true)) => return None,
        Ok(Value::Bool(false)) => Refusal::new(Code::RuleBroken, rule.message.clone()),
        Ok(_) => {
            let message = format!("The rule {} is neither true nor false.", quoted(&rule.check.0));
            Refusal::new(Code::BadExpression, message)
        }
        Err(NoValue::Missing(why)) => {
            let message = format!("The rule {} cannot be judged: {why}.", quoted(&rule.check.0));
            Refusal::new(Code::RuleBroken, message).hint(rule.message.clone())
        }
        Err(NoValue::Other(why)) => {
            let message = format!("The rule {} cannot be judged: {why}.", quoted(&rule.check.0));
            Refusal::new(Code::BadExpression, message)
        }
    };
    Some(refusal.of(""))
}

fn hidden(input: &Input) -> Refusal {
    let message = format!("The input `{}` is not asked for with these values of the others.", input.name);
    let refusal = Refusal::new(Code::HiddenInput, message);
    match &input.show_if {
        Some(condition) => {
            refusal.hint(format!("Leave it out; it is asked for if {}.", quoted(&condition.0)))
        }
        None => refusal,
    }
}

fn not_computed(input: &Input, from: ComputedDefault) -> Refusal {
    let message = format!("The default of the input `{}` is not known here.", input.name);
    Refusal::new(Code::NoComputedDefault, message)
        .hint(format!("It is taken from `{}`; whoever calls this runbook must give it.", from.name()))
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
#[derive(Debug)]
pub(crate) struct Refusal {
    pub code: Code,
    pub message: String,
    pub hint: Option<String>,
}

impl Refusal {
    pub fn new(code: Code, message: String) -> Self {
        Self { code, message, hint: None }
    }

    /// The value has not the type that is expected.
    pub fn wrong_type(name: &str, expected: &str, value: &Value) -> Self {
        Self::new(
            Code::WrongType,
            format!("The input `{name}` must be {expected}, but it is {}.", what(value)),
        )
    }

    pub fn hint(self, hint: String) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// As a fault of this input; it has no place in a text.
    pub fn of(self, name: &str) -> Fault {
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
