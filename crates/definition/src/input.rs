//! The inputs that a runbook declares, and the fields of a manual step.

use std::collections::{BTreeMap, HashSet};

use model::{
    name::{is_identifier, is_name},
    runbook::{ChoicesFrom, ComputedDefault, Expression, INPUT_MAX, Input, InputKind, Template},
};

use crate::{
    fault::{Code, Faults, listed, quoted},
    fields::{self, Fields, Keys},
    inputs::Taken,
    limits::{INPUT_COUNT_MAX, OPTIONS_MAX},
    pattern,
    places::Places,
    quantity,
    tree::{Content, Entry, Node},
    value::read_value,
};

pub(crate) const KEYS: Keys = Keys {
    of: "an input",
    known: &[
        "type",
        "required",
        "default",
        "description",
        "show_if",
        "policy_visible",
        "options",
        "multiple",
        "free",
        "from",
        "pattern",
        "min_length",
        "max_length",
        "min",
        "max",
        "min_items",
        "max_items",
        "max_size",
    ],
    later: &[],
};

/// Which types have which of the keys that only some have.
const OWN_KEYS: [(&str, &[&str]); 11] = [
    ("options", &["choice"]),
    ("multiple", &["choice"]),
    ("free", &["choice"]),
    ("from", &["choice"]),
    ("pattern", &["string"]),
    ("min_length", &["string", "text"]),
    ("max_length", &["string", "text"]),
    ("min", &["integer", "number", "duration"]),
    ("max", &["integer", "number", "duration"]),
    ("min_items", &["list"]),
    ("max_items", &["list"]),
];

pub(crate) const DEFAULT_KEYS: Keys = Keys { of: "a computed default", known: &["from"], later: &[] };

pub(crate) const FROM_KEYS: Keys = Keys {
    of: "where choices come from",
    known: &["url", "pointer", "runbook", "output", "inputs"],
    later: &["datasource"],
};

/// What is being declared: what runs are started with, or what is written down at a manual step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Runbook,
    Manual,
}

/// The inputs in the order in which they are written: forms show them so. What is wrong with one has been told, and it stands
/// there as one of any type, so that what speaks of it is not blamed for it.
pub(crate) fn read_declarations(
    node: &Node,
    of: Of,
    key: &str,
    places: &mut Places,
    faults: &mut Faults<'_>,
) -> Vec<Input> {
    let what = if of == Of::Runbook { "`inputs`" } else { "`fields`" };
    let Some(entries) = fields::mapping(node, what, faults) else { return Vec::new() };
    if entries.len() > INPUT_COUNT_MAX {
        let message = match of {
            Of::Runbook => {
                format!("This runbook has {} inputs, but at most {INPUT_COUNT_MAX} are read.", entries.len())
            }
            Of::Manual => {
                format!("This step has {} fields, but at most {INPUT_COUNT_MAX} are read.", entries.len())
            }
        };
        faults.error(Code::TooMany, node.span, message);
        return Vec::new();
    }
    entries
        .iter()
        .map(|entry| declaration(entry, of, &format!("{key}/{}", entry.key.text), places, faults))
        .collect()
}

fn declaration(entry: &Entry, of: Of, key: &str, places: &mut Places, faults: &mut Faults<'_>) -> Input {
    let name = &entry.key.text;
    let what = if of == Of::Runbook { "input" } else { "field" };
    if !is_identifier(name) {
        let message = format!(
            "The {what} name {} must be lower-case letters, digits and `_`, and begin with a letter (at most 63).",
            quoted(name)
        );
        let told = faults.error(Code::BadIdentifier, entry.key.span, message);
        if let Some(better) = identifier_like(name) {
            told.hint(format!("For example `{better}`."));
        }
    }
    places.put(key, entry.key.span);
    let mut input = Input {
        name: name.clone(),
        kind: InputKind::Json,
        required: false,
        default: None,
        default_from: None,
        description: None,
        show_if: None,
        policy_visible: false,
    };
    let Some(fields) = Fields::open(&entry.value, &KEYS, &format!("The {what} {}", quoted(name)), faults)
    else {
        return input;
    };
    let kind = read_kind(&fields, key, places, faults);
    if of == Of::Manual
        && let Some(kind @ (InputKind::Secret | InputKind::File { .. })) = &kind
    {
        let message =
            format!("A field cannot be of the type `{}`: what is written down is an output.", kind.name());
        let hint = if *kind == InputKind::Secret {
            "A secret is an input of the runbook."
        } else {
            "Ask for a file by `evidence: required`."
        };
        faults.error(Code::UnknownValue, fields.span, message).hint(hint);
    }
    let required_entry = fields.entry("required");
    if let Some(entry) = required_entry {
        input.required = fields::boolean(&entry.value, "`required`", faults).unwrap_or(false);
    }
    input.description = fields.text("description", faults).map(str::to_owned);
    if let Some(node) = fields.get("show_if")
        && let Some(text) = fields::text(node, "`show_if`", faults)
    {
        places.put(format!("{key}/show_if"), node.span);
        input.show_if = Some(Expression(text.to_owned()));
    }
    let default = fields.entry("default");
    if let (true, Some(_), Some(entry)) = (input.required, default, required_entry) {
        faults
            .error(
                Code::RequiredWithDefault,
                entry.key.span,
                format!(
                    "The {what} {} is required and has a default, but it can only be one of the two.",
                    quoted(name)
                ),
            )
            .hint("Leave `required` out: the default is taken when nothing is given.");
    }
    if let Some(entry) = fields.entry("policy_visible") {
        input.policy_visible = fields::boolean(&entry.value, "`policy_visible`", faults).unwrap_or(false);
        let why = match &kind {
            Some(InputKind::Secret) => Some("a secret is seen by nobody"),
            Some(InputKind::File { .. }) => Some("a file is not read by them"),
            _ if of == Of::Manual => Some("what is written down at a step comes after they have decided"),
            _ => None,
        };
        if let Some(why) = why.filter(|_| input.policy_visible) {
            let message = format!("Policies cannot see the {what} {}: {why}.", quoted(name));
            faults
                .error(Code::KeyWithoutMeaning, entry.key.span, message)
                .hint("Leave `policy_visible` out.");
        }
    }
    let Some(kind) = kind else { return input };
    input.kind = kind;
    if let Some(entry) = default {
        read_default(&entry.value, &mut input, faults);
    }
    input
}

/// The type, with what it has of its own.
fn read_kind(
    fields: &Fields<'_>,
    key: &str,
    places: &mut Places,
    faults: &mut Faults<'_>,
) -> Option<InputKind> {
    let options = fields.entry("options");
    let hint = if options.is_some() { "Write `type: choice`." } else { "For example `type: string`." };
    let node = fields.require("type", hint, faults);
    let name = node.and_then(|node| fields::one_of(node, "`type`", &InputKind::NAMES, faults));
    if let (Some(entry), Some(name)) = (options, name.filter(|name| *name != "choice")) {
        let message = format!("Only a choice has options, but this input is of type `{name}`.");
        faults
            .error(Code::OptionsWithoutChoice, entry.key.span, message)
            .hint("Write `type: choice`, or leave `options` out.");
    }
    let name = name?;
    let own = OWN_KEYS.iter().chain(&[("max_size", &["file"] as &[&str])]);
    for (key, types) in own.filter(|(key, types)| *key != "options" && !types.contains(&name)) {
        if let Some(entry) = fields.entry(key) {
            let message = format!(
                "`{key}` belongs to inputs of the type {}, but this one is of type `{name}`.",
                listed(types, "or")
            );
            faults.error(Code::KeyOfOtherType, entry.key.span, message);
        }
    }
    let size = |key: &str, faults: &mut Faults<'_>| {
        fields.get(key).and_then(|node| quantity::count(node, &format!("`{key}`"), 0..=65_536, faults))
    };
    let kind = match name {
        "string" => {
            let (min_length, max_length) = (size("min_length", faults), size("max_length", faults));
            let pattern = fields.get("pattern").and_then(|node| read_pattern(node, faults));
            InputKind::String { pattern, min_length, max_length }
        }
        "text" => {
            InputKind::Text { min_length: size("min_length", faults), max_length: size("max_length", faults) }
        }
        "integer" => {
            let mut bound = |key: &str| {
                fields.get(key).and_then(|node| fields::integer(node, &format!("`{key}`"), faults))
            };
            InputKind::Integer { min: bound("min"), max: bound("max") }
        }
        "number" => {
            let mut bound =
                |key: &str| fields.get(key).and_then(|node| decimal(node, &format!("`{key}`"), faults));
            InputKind::Number { min: bound("min"), max: bound("max") }
        }
        "duration" => {
            let mut bound = |key: &str| {
                fields.get(key).and_then(|node| quantity::duration(node, &format!("`{key}`"), faults))
            };
            InputKind::Duration { min_s: bound("min"), max_s: bound("max") }
        }
        "list" => {
            InputKind::List { min_items: size("min_items", faults), max_items: size("max_items", faults) }
        }
        "file" => InputKind::File {
            max_bytes: fields.get("max_size").and_then(|node| quantity::size(node, "`max_size`", faults)),
        },
        "choice" => read_choice(fields, key, places, faults)?,
        "boolean" => InputKind::Boolean,
        "date" => InputKind::Date,
        "datetime" => InputKind::Datetime,
        "percentage" => InputKind::Percentage,
        "json" => InputKind::Json,
        _ => InputKind::Secret,
    };
    check_bounds(&kind, fields, faults);
    Some(kind)
}

fn check_bounds(kind: &InputKind, fields: &Fields<'_>, faults: &mut Faults<'_>) {
    let (key, crossed) = match kind {
        InputKind::String { min_length, max_length, .. } | InputKind::Text { min_length, max_length } => {
            ("max_length", crossed(min_length, max_length))
        }
        InputKind::Integer { min, max } => ("max", crossed(min, max)),
        InputKind::Number { min, max } => ("max", crossed(min, max)),
        InputKind::Duration { min_s, max_s } => ("max", crossed(min_s, max_s)),
        InputKind::List { min_items, max_items } => ("max_items", crossed(min_items, max_items)),
        _ => return,
    };
    if let (true, Some(entry)) = (crossed, fields.entry(key)) {
        let message =
            format!("`{key}` is less than `{}`, so that no value would do.", key.replace("max", "min"));
        faults.error(Code::BadBounds, entry.value.span, message);
    }
}

fn crossed<N: PartialOrd>(min: &Option<N>, max: &Option<N>) -> bool {
    matches!((min, max), (Some(min), Some(max)) if min > max)
}

fn decimal(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<f64> {
    match &node.content {
        Content::Integer(value) => Some(*value as f64),
        Content::Decimal(value) => Some(*value),
        _ => fields::wrong_type(node, what, "a number", faults),
    }
}

fn read_pattern(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
    let text = fields::some_text(node, "`pattern`", faults)?;
    if let Err(why) = pattern::compile(text) {
        let message = format!("This pattern cannot be used: {why}.");
        faults
            .error(Code::BadPattern, node.span, message)
            .hint("Patterns are those of Rust's `regex`: no look-around, no back-references, always in linear time.");
        return None;
    }
    Some(text.to_owned())
}

fn read_choice(
    fields: &Fields<'_>,
    key: &str,
    places: &mut Places,
    faults: &mut Faults<'_>,
) -> Option<InputKind> {
    let mut flag = |key: &str| {
        fields.get(key).and_then(|node| fields::boolean(node, &format!("`{key}`"), faults)).unwrap_or(false)
    };
    let (multiple, free) = (flag("multiple"), flag("free"));
    let from = fields.get("from");
    let options = match (fields.get("options"), from) {
        (Some(node), _) => read_options(node, faults),
        (None, Some(_)) => Some(Vec::new()),
        (None, None) if free => Some(Vec::new()),
        (None, None) => {
            let hint = "A choice lists what can be chosen: `options: [eu, us]`.";
            fields.require("options", hint, faults);
            None
        }
    };
    let from = match from {
        None => None,
        Some(node) => Some(read_from(node, &format!("{key}/from"), places, faults)?),
    };
    Some(InputKind::Choice { options: options?, multiple, free, from })
}

fn read_from(node: &Node, key: &str, places: &mut Places, faults: &mut Faults<'_>) -> Option<ChoicesFrom> {
    let fields = Fields::open(node, &FROM_KEYS, "`from`", faults)?;
    match (fields.entry("url"), fields.entry("runbook")) {
        (Some(url), None) => {
            let pointer = fields.get("pointer").and_then(|node| pointer(node, "`pointer`", faults));
            let text = fields::some_text(&url.value, "`url`", faults)?;
            places.put(format!("{key}/url"), url.value.span);
            Some(ChoicesFrom::Url { url: Template(text.to_owned()), pointer })
        }
        (None, Some(runbook)) => {
            let name = read_name(&runbook.value, "The name of a runbook", faults);
            places.put(format!("{key}/runbook"), runbook.value.span);
            let hint = "Say which of its outputs lists the choices: `output: regions`.";
            let output = fields.require("output", hint, faults);
            let output = output.and_then(|node| fields::some_text(node, "`output`", faults));
            let mut inputs = BTreeMap::new();
            if let Some(node) = fields.get("inputs") {
                inputs = read_templates(node, "`inputs`", &format!("{key}/inputs"), places, faults);
            }
            Some(ChoicesFrom::Runbook { name: name?, output: output?.to_owned(), inputs })
        }
        (Some(_), Some(second)) => {
            faults.error(
                Code::SeveralActions,
                second.key.span,
                "Choices come from a `url` or from a `runbook`, not from both.",
            );
            None
        }
        (None, None) => {
            faults
                .error(Code::MissingKey, fields.span, "Where the choices come from is not said.")
                .hint("Write `from: {url: …}` or `from: {runbook: …, output: …}`.");
            None
        }
    }
}

/// A JSON Pointer.
pub(crate) fn pointer(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<String> {
    let text = fields::text(node, what, faults)?;
    if !text.is_empty() && !text.starts_with('/') {
        faults
            .error(
                Code::BadPointer,
                node.span,
                format!("{what} must be a JSON Pointer, but it is {}.", quoted(text)),
            )
            .hint(format!("JSON Pointers begin with `/`: `/{}`.", text.replace('.', "/")));
        return None;
    }
    Some(text.to_owned())
}

/// Templates by name. A number or a boolean is its text.
pub(crate) fn read_templates(
    node: &Node,
    what: &str,
    key: &str,
    places: &mut Places,
    faults: &mut Faults<'_>,
) -> BTreeMap<String, Template> {
    let text_alone = |name: &str, node: &Node, faults: &mut Faults<'_>| {
        let _ = fields::text(node, &format!("The value of {}", quoted(name)), faults);
    };
    read_given(node, what, key, places, text_alone, faults)
}

/// What a called runbook is given: templates by name, as [`read_templates`]; `mapping` reads what is one.
pub(crate) fn read_given(
    node: &Node,
    what: &str,
    key: &str,
    places: &mut Places,
    mut mapping: impl FnMut(&str, &Node, &mut Faults<'_>),
    faults: &mut Faults<'_>,
) -> BTreeMap<String, Template> {
    let mut templates = BTreeMap::new();
    for entry in fields::entries(node, what, faults).unwrap_or_default() {
        let name = &entry.key.text;
        places.put(format!("{key}/{name}"), entry.value.span);
        let text = match &entry.value.content {
            Content::Mapping(_) => {
                mapping(name, &entry.value, faults);
                None
            }
            Content::Integer(_) | Content::Boolean(_) | Content::Decimal(_) => {
                Some(faults.source.slice(entry.value.span))
            }
            _ => fields::text(&entry.value, &format!("The value of {}", quoted(name)), faults),
        };
        if let Some(text) = text {
            templates.insert(name.clone(), Template(text.to_owned()));
        }
    }
    templates
}

/// The name of a definition.
pub(crate) fn read_name(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<String> {
    let text = fields::text(node, what, faults)?;
    if is_name(text) {
        return Some(text.to_owned());
    }
    let message = format!(
        "{what} must be lower-case letters, digits and `-`, and begin with a letter or digit (at most 63), but it is {}.",
        quoted(text)
    );
    let told = faults.error(Code::BadName, node.span, message);
    let likely: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let likely = likely.trim_matches('-');
    if is_name(likely) {
        told.hint(format!("For example `{likely}`."));
    }
    None
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
fn read_default(node: &Node, input: &mut Input, faults: &mut Faults<'_>) {
    const WHAT: &str = "`default`";
    if let (Content::Mapping(entries), false) = (&node.content, input.kind == InputKind::Json)
        && entries.iter().any(|entry| entry.key.text == "from")
    {
        input.default_from = computed(node, &input.kind, faults);
        return;
    }
    let fits = match &input.kind {
        InputKind::Secret | InputKind::File { .. } => {
            let message = format!("An input of the type `{}` has no default.", input.kind.name());
            faults.error(Code::BadDefault, node.span, message);
            None
        }
        InputKind::Integer { .. } => fields::integer(node, WHAT, faults).map(|_| ()),
        InputKind::Boolean => fields::boolean(node, WHAT, faults).map(|_| ()),
        InputKind::Number { .. } => decimal(node, WHAT, faults).map(|_| ()),
        InputKind::Percentage if matches!(node.content, Content::Integer(_) | Content::Decimal(_)) => {
            Some(())
        }
        InputKind::Duration { .. } => quantity::duration(node, WHAT, faults).map(|_| ()),
        InputKind::Choice { multiple: true, .. } | InputKind::List { .. } => texts(node, WHAT, faults),
        InputKind::Json => Some(()),
        _ => fields::text(node, WHAT, faults).map(|_| ()),
    };
    if fits.is_none() {
        return;
    }
    if let (InputKind::Choice { options, multiple: false, free: false, from: None }, Content::Text(text)) =
        (&input.kind, &node.content)
        && !options.contains(text)
    {
        let options: Vec<&str> = options.iter().map(String::as_str).take(20).collect();
        let message = format!("The default {} is none of the options.", quoted(text));
        faults.error(Code::BadDefault, node.span, message).hint(crate::suggest::hint(text, &options));
        return;
    }
    match read_value(input, &node.to_json()) {
        Ok(Taken::Value(value)) => input.default = Some(value),
        Ok(Taken::Secret(_)) => {}
        Err(refusal) => {
            let code = match refusal.code {
                code @ Code::InputTooLarge => code,
                // The pattern itself has been told.
                Code::BadPattern => return,
                _ => Code::BadDefault,
            };
            let told = faults.error(
                code,
                node.span,
                format!("The default does not do: {}", lower(&refusal.message)),
            );
            if let Some(hint) = refusal.hint {
                told.hint(hint);
            }
        }
    }
}

fn lower(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

fn texts(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<()> {
    let items = fields::sequence(node, what, faults)?;
    let good: Vec<_> = items.iter().map(|item| fields::text(item, "An item of `default`", faults)).collect();
    good.iter().all(Option::is_some).then_some(())
}

fn computed(node: &Node, kind: &InputKind, faults: &mut Faults<'_>) -> Option<ComputedDefault> {
    let fields = Fields::open(node, &DEFAULT_KEYS, "`default`", faults)?;
    let from = fields.get("from")?;
    let name = fields::one_of(from, "`from`", &ComputedDefault::ALL.map(ComputedDefault::name), faults)?;
    let computed = ComputedDefault::ALL.into_iter().find(|computed| computed.name() == name)?;
    let texts = ["string", "text"];
    let fits: &[&str] = match computed {
        ComputedDefault::Today => &["date", texts[0], texts[1]],
        ComputedDefault::Now => &["datetime", texts[0], texts[1]],
        ComputedDefault::Caller => &texts,
    };
    if !fits.contains(&kind.name()) {
        let message = format!("`{name}` is no default for an input of the type `{}`.", kind.name());
        faults
            .error(Code::BadDefault, from.span, message)
            .hint(format!("It is one for {}.", listed(fits, "and")));
        return None;
    }
    Some(computed)
}

/// The identifier that somebody who wrote this may have meant.
pub(crate) fn identifier_like(text: &str) -> Option<String> {
    let likely: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let likely = likely.trim_matches('_').to_owned();
    is_identifier(&likely).then_some(likely)
}
