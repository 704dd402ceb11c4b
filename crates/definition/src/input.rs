//! The inputs that a runbook declares.

use std::collections::HashSet;

use model::{
    name::is_identifier,
    runbook::{INPUT_MAX, Input, InputKind, InputValue},
};

use crate::{
    fault::{Code, Faults, quoted},
    fields::{self, Fields, Keys},
    limits::{INPUT_COUNT_MAX, OPTIONS_MAX},
    tree::{Content, Entry, Node},
};

pub(crate) const KEYS: Keys = Keys {
    of: "an input",
    known: &["type", "required", "default", "description", "options"],
    later: &["pattern", "min", "max", "secret"],
};

pub(crate) const TYPES: [&str; 4] = ["string", "integer", "boolean", "choice"];

/// The inputs in the order in which they are written: forms show them so.
pub(crate) fn read_declarations(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<Input>> {
    let entries = fields::mapping(node, "`inputs`", faults)?;
    if entries.len() > INPUT_COUNT_MAX {
        let message =
            format!("This runbook has {} inputs, but at most {INPUT_COUNT_MAX} are read.", entries.len());
        faults.error(Code::TooMany, node.span, message);
        return None;
    }
    // All are read before any of them is given up.
    let inputs: Vec<Option<Input>> = entries.iter().map(|entry| declaration(entry, faults)).collect();
    inputs.into_iter().collect()
}

fn declaration(entry: &Entry, faults: &mut Faults<'_>) -> Option<Input> {
    let name = &entry.key.text;
    if !is_identifier(name) {
        let message = format!(
            "The input name {} must be lower-case letters, digits and `_`, and begin with a letter (at most 63).",
            quoted(name)
        );
        let told = faults.error(Code::BadIdentifier, entry.key.span, message);
        if let Some(better) = identifier_like(name) {
            told.hint(format!("For example `{better}`."));
        }
    }
    let fields = Fields::open(&entry.value, &KEYS, &format!("The input {}", quoted(name)), faults)?;
    let kind = read_kind(&fields, faults);
    let required_entry = fields.entry("required");
    let required = match required_entry {
        None => Some(false),
        Some(entry) => fields::boolean(&entry.value, "`required`", faults),
    };
    let description = fields.text("description", faults).map(str::to_owned);
    let default = fields.entry("default");
    if let (Some(true), Some(_), Some(entry)) = (required, default, required_entry) {
        faults
            .error(
                Code::RequiredWithDefault,
                entry.key.span,
                format!(
                    "The input {} is required and has a default, but it can only be one of the two.",
                    quoted(name)
                ),
            )
            .hint("Leave `required` out: the default is taken when nothing is given.");
    }
    let kind = kind?;
    let default = match default {
        None => None,
        Some(entry) => Some(default_value(&entry.value, &kind, faults)?),
    };
    Some(Input {
        name: name.clone(),
        kind,
        required: required?,
        default,
        default_from: None,
        description,
        show_if: None,
    })
}

/// The type, with the options of a choice.
fn read_kind(fields: &Fields<'_>, faults: &mut Faults<'_>) -> Option<InputKind> {
    let options = fields.entry("options");
    let hint = if options.is_some() {
        "Write `type: choice`."
    } else {
        "Write `type: string`, `integer`, `boolean` or `choice`."
    };
    let node = fields.require("type", hint, faults);
    let kind = node.and_then(|node| fields::one_of(node, "`type`", &TYPES, faults));
    if let (Some(entry), Some(kind)) = (options, kind.filter(|kind| *kind != "choice")) {
        let message = format!("Only a choice has options, but this input is of type `{kind}`.");
        faults
            .error(Code::OptionsWithoutChoice, entry.key.span, message)
            .hint("Write `type: choice`, or leave `options` out.");
    }
    match kind? {
        "string" => Some(InputKind::String { pattern: None, min_length: None, max_length: None }),
        "integer" => Some(InputKind::Integer { min: None, max: None }),
        "boolean" => Some(InputKind::Boolean),
        _ => {
            let node = fields.require(
                "options",
                "A choice lists what can be chosen: `options: [eu, us]`.",
                faults,
            )?;
            Some(InputKind::Choice {
                options: read_options(node, faults)?,
                multiple: false,
                free: false,
                from: None,
            })
        }
    }
}

fn read_options(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<String>> {
    let items = fields::sequence(node, "`options`", faults)?;
    if items.is_empty() {
        faults.error(Code::Empty, node.span, "`options` must list what can be chosen, but it is empty.");
        return None;
    }
    if items.len() > OPTIONS_MAX {
        let message = format!("`options` has {} entries, but at most {OPTIONS_MAX} are read.", items.len());
        faults.error(Code::TooMany, node.span, message);
        return None;
    }
    let mut seen = HashSet::new();
    let mut all_good = true;
    for item in items {
        let Some(text) = fields::text(item, "An option", faults) else {
            all_good = false;
            continue;
        };
        if text.is_empty() {
            faults.error(Code::Empty, item.span, "An option must not be empty.");
        } else if text.len() > INPUT_MAX {
            faults.error(
                Code::InputTooLarge,
                item.span,
                format!("An option holds at most {INPUT_MAX} bytes (64 KiB)."),
            );
        } else if !seen.insert(text) {
            faults.error(
                Code::DuplicateOption,
                item.span,
                format!("The option {} is here twice.", quoted(text)),
            );
        } else {
            continue;
        }
        all_good = false;
    }
    let texts = items.iter().filter_map(|item| match &item.content {
        Content::Text(text) => Some(text.clone()),
        _ => None,
    });
    all_good.then(|| texts.collect())
}

/// A default has its input's type exactly as YAML has it: whoever writes `"42"` for an integer means something else.
fn default_value(node: &Node, kind: &InputKind, faults: &mut Faults<'_>) -> Option<InputValue> {
    const WHAT: &str = "`default`";
    match kind {
        InputKind::Integer { .. } => fields::integer(node, WHAT, faults).map(InputValue::Integer),
        InputKind::Boolean => fields::boolean(node, WHAT, faults).map(InputValue::Boolean),
        InputKind::String { .. } => {
            let text = fields::text(node, WHAT, faults)?;
            if text.len() > INPUT_MAX {
                faults.error(
                    Code::InputTooLarge,
                    node.span,
                    format!("`default` holds at most {INPUT_MAX} bytes (64 KiB)."),
                );
                return None;
            }
            Some(InputValue::Text(text.to_owned()))
        }
        InputKind::Choice { options, .. } => {
            let text = fields::text(node, WHAT, faults)?;
            if !options.iter().any(|option| option == text) {
                let options: Vec<&str> = options.iter().map(String::as_str).take(20).collect();
                let message = format!("The default {} is none of the options.", quoted(text));
                faults.error(Code::BadDefault, node.span, message).hint(crate::suggest::hint(text, &options));
                return None;
            }
            Some(InputValue::Text(text.to_owned()))
        }
        _ => None,
    }
}

/// The identifier that somebody who wrote this may have meant.
pub(crate) fn identifier_like(text: &str) -> Option<String> {
    let likely: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let likely = likely.trim_matches('_').to_owned();
    is_identifier(&likely).then_some(likely)
}
