//! How often a step is performed: for items, on targets, and again after a failure.

use std::collections::BTreeMap;

use model::runbook::{Batch, Expression, ForEach, Items, Match, On, Retry};

use crate::{
    draft::Draft,
    fault::{Code, Faults, quoted},
    fields::{self, Fields, Keys},
    input,
    limits::{ATTEMPTS_MAX, ENTRIES_MAX, OPTIONS_MAX, TARGETS_MAX, WIDTH_MAX},
    quantity,
    tree::{Content, Node},
};

pub(crate) const FOR_EACH_KEYS: Keys = Keys { of: "`for_each`", known: &["items", "width"], later: &[] };
pub(crate) const ON_KEYS: Keys = Keys {
    of: "`on`",
    known: &["inventory", "where", "batch", "stop_after_failures"],
    later: &["ramp", "order"],
};
pub(crate) const RETRY_KEYS: Keys =
    Keys { of: "`retry`", known: &["attempts", "wait", "backoff", "on_exit"], later: &["jitter"] };
pub(crate) const INPUT_KEYS: Keys = Keys { of: "what stands for an input", known: &["input"], later: &[] };

pub(super) fn read_for_each(
    node: &Node,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<ForEach> {
    if let Content::Mapping(_) = &node.content {
        let fields = Fields::open(node, &FOR_EACH_KEYS, "`for_each`", faults)?;
        let hint = "Say what it goes over: `items: inputs.hosts`, or a list.";
        let items = fields.require("items", hint, faults);
        let items = items.and_then(|node| read_items(node, "`items`", key, draft, faults));
        let width = match fields.get("width") {
            None => Some(1),
            Some(node) => quantity::count(node, "`width`", 1..=WIDTH_MAX, faults),
        };
        return Some(ForEach { items: items?, width: width? });
    }
    Some(ForEach { items: read_items(node, "`for_each`", key, draft, faults)?, width: 1 })
}

fn read_items(
    node: &Node,
    what: &str,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<Items> {
    draft.places.put(key, node.span);
    match &node.content {
        Content::Text(text) => Some(Items::Of(Expression(text.clone()))),
        Content::Sequence(items) => {
            if items.is_empty() {
                faults.error(Code::Empty, node.span, format!("{what} must have items, but it is empty."));
                return None;
            }
            if items.len() > OPTIONS_MAX {
                let message =
                    format!("{what} has {} items, but at most {OPTIONS_MAX} are read.", items.len());
                faults.error(Code::TooMany, node.span, message);
                return None;
            }
            for item in items {
                if let Content::Text(text) = &item.content
                    && text.contains("{{")
                {
                    faults
                        .error(Code::TemplateInList, item.span, "Items of a list are taken as they are, and no template is filled in.")
                        .hint("Write an expression in place of the list: `for_each: [inputs.a, inputs.b]` in quotes.");
                }
            }
            Some(Items::List(items.iter().map(Node::to_json).collect()))
        }
        _ => fields::wrong_type(node, what, "a list, or an expression for one", faults),
    }
}

pub(super) fn read_on(node: &Node, key: &str, draft: &mut Draft<'_>, faults: &mut Faults<'_>) -> Option<On> {
    let fields = Fields::open(node, &ON_KEYS, "`on`", faults)?;
    let inventory = fields
        .require("inventory", "Name the inventory whose targets are meant: `inventory: shop`.", faults)
        .and_then(|node| {
            draft.places.put(format!("{key}/inventory"), node.span);
            input::read_name(node, "The name of an inventory", faults)
        });
    let mut selector = BTreeMap::new();
    if let Some(node) = fields.get("where") {
        for entry in fields::entries(node, "`where`", faults).unwrap_or_default() {
            let label = &entry.key.text;
            draft.places.put(format!("{key}/where/{label}"), entry.value.span);
            if let Some(wanted) = read_match(&entry.value, label, faults) {
                selector.insert(label.clone(), wanted);
            }
        }
    }
    let batch = fields.get("batch").and_then(|node| read_batch(node, faults));
    let most = TARGETS_MAX as i64;
    let stop_after_failures = fields
        .get("stop_after_failures")
        .and_then(|node| quantity::count(node, "`stop_after_failures`", 1..=most, faults));
    Some(On { inventory: inventory?, selector, batch, stop_after_failures })
}

/// `web`, `[web, db]` or `{input: role}`.
fn read_match(node: &Node, label: &str, faults: &mut Faults<'_>) -> Option<Match> {
    let what = format!("The label {}", quoted(label));
    match &node.content {
        Content::Mapping(_) => Some(Match::Input(read_input_name(node, faults)?)),
        Content::Sequence(items) => {
            if items.is_empty() || items.len() > ENTRIES_MAX {
                let message = format!("{what} must have one of 1 to {ENTRIES_MAX} values.");
                faults.error(Code::OutOfBounds, node.span, message);
                return None;
            }
            let values: Vec<Option<&str>> = items.iter().map(|item| plain(item, &what, faults)).collect();
            Some(Match::OneOf(
                values.into_iter().map(|value| value.map(str::to_owned)).collect::<Option<_>>()?,
            ))
        }
        _ => Some(Match::OneOf(vec![plain(node, &what, faults)?.to_owned()])),
    }
}

/// A text that is taken as it is.
fn plain<'t>(node: &'t Node, what: &str, faults: &mut Faults<'_>) -> Option<&'t str> {
    let text = fields::text(node, what, faults)?;
    if text.contains("{{") {
        faults
            .error(
                Code::TemplateInSelector,
                node.span,
                "Targets are chosen by values as they are, and no template is filled in.",
            )
            .hint("For the value of an input write `{input: region}`.");
        return None;
    }
    Some(text)
}

/// `{input: NAME}`
pub(crate) fn read_input_name(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
    let fields = Fields::open(node, &INPUT_KEYS, "What stands for an input", faults)?;
    let input = fields.require("input", "Write `{input: region}`.", faults)?;
    fields::text(input, "`input`", faults).map(str::to_owned)
}

fn read_batch(node: &Node, faults: &mut Faults<'_>) -> Option<Batch> {
    match &node.content {
        Content::Text(text) => {
            let percent = quantity::percent(text).filter(|percent| (1..=100).contains(percent));
            if percent.is_none() {
                faults
                    .error(
                        Code::OutOfBounds,
                        node.span,
                        format!("`batch` must be a count or a percentage, but it is {}.", quoted(text)),
                    )
                    .hint("For example `batch: 2` or `batch: 25%`.");
            }
            percent.map(Batch::Percent)
        }
        _ => quantity::count(node, "`batch`", 1..=TARGETS_MAX as i64, faults).map(Batch::Count),
    }
}

pub(super) fn read_retry(node: &Node, faults: &mut Faults<'_>) -> Option<Retry> {
    let fields = Fields::open(node, &RETRY_KEYS, "`retry`", faults)?;
    let attempts = fields
        .require("attempts", "Say how often it is tried, the first time too: `attempts: 3`.", faults)
        .and_then(|node| quantity::count(node, "`attempts`", 2..=ATTEMPTS_MAX, faults));
    let wait_s = match fields.get("wait") {
        None => Some(0),
        Some(node) => quantity::wait(node, "`wait`", faults),
    };
    let backoff = match fields.get("backoff") {
        None => Some(1.0),
        Some(node) => read_backoff(node, faults),
    };
    let mut on_exit = Vec::new();
    if let Some(node) = fields.get("on_exit") {
        let items = match &node.content {
            Content::Sequence(items) => items.iter().collect(),
            _ => vec![node],
        };
        for item in items {
            if let Some(code) = quantity::count(item, "`on_exit`", 1..=255, faults) {
                on_exit.push(i32::try_from(code).unwrap_or(1));
            }
        }
    }
    Some(Retry { attempts: attempts?, wait_s: wait_s?, backoff: backoff?, on_exit })
}

fn read_backoff(node: &Node, faults: &mut Faults<'_>) -> Option<f64> {
    let number = match &node.content {
        Content::Integer(value) => *value as f64,
        Content::Decimal(value) => *value,
        _ => return fields::wrong_type(node, "`backoff`", "a number", faults),
    };
    if !(1.0..=10.0).contains(&number) {
        faults
            .error(
                Code::OutOfBounds,
                node.span,
                format!("`backoff` must be between 1 and 10, but it is {number}."),
            )
            .hint("Each wait is so many times as long as the one before; 1 keeps them alike.");
        return None;
    }
    Some(number)
}
