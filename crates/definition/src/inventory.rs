//! `kind: Inventory`: targets written in place.

use std::collections::HashMap;

use model::inventory::{Inventory, Target};

use crate::{
    fault::{Code, Faults, quoted},
    fields::{self, Fields, Keys},
    input::read_name,
    limits::TARGETS_MAX,
    runbook::{read_label, read_labels},
    source::Span,
    tree::{Content, Node},
};

pub(crate) const KEYS: Keys = Keys {
    of: "an inventory",
    known: &["kind", "name", "title", "description", "targets"],
    later: &["source"],
};
pub(crate) const TARGET_KEYS: Keys =
    Keys { of: "a target", known: &["name", "address", "environment", "labels"], later: &["ssh"] };

pub(crate) fn read_inventory(root: &Node, faults: &mut Faults<'_>) -> Option<Inventory> {
    let fields = Fields::open(root, &KEYS, "An inventory", faults)?;
    let name = fields
        .require("name", "Add a name, like `name: shop`.", faults)
        .and_then(|node| read_name(node, "The name of an inventory", faults));
    let hint = "List them: `targets: [{name: web-1, address: 10.0.0.1}]`.";
    let targets = fields.require("targets", hint, faults).map(|node| read_targets(node, faults));
    Some(Inventory {
        name: name.unwrap_or_default(),
        title: fields.text("title", faults).map(str::to_owned),
        description: fields.text("description", faults).map(str::to_owned),
        targets: targets.unwrap_or_default(),
    })
}

/// A list of targets, or a mapping from their names to the rest of them.
fn read_targets(node: &Node, faults: &mut Faults<'_>) -> Vec<Target> {
    let count = match &node.content {
        Content::Sequence(items) => items.len(),
        Content::Mapping(entries) => entries.len(),
        _ => {
            fields::wrong_type::<()>(node, "`targets`", "a list, or a mapping by name", faults);
            return Vec::new();
        }
    };
    if count == 0 {
        faults.error(Code::Empty, node.span, "`targets` must list what there is to act on, but it is empty.");
    }
    if count > TARGETS_MAX {
        let message = format!("This inventory has {count} targets, but at most {TARGETS_MAX} are read.");
        faults.error(Code::TooMany, node.span, message);
        return Vec::new();
    }
    let mut seen: HashMap<String, Span> = HashMap::new();
    let mut targets = Vec::new();
    match &node.content {
        Content::Sequence(items) => {
            for item in items {
                let Some(fields) = Fields::open(item, &TARGET_KEYS, "A target", faults) else { continue };
                let Some(node) = fields.require("name", "Add a name, like `name: web-1`.", faults) else {
                    continue;
                };
                let Some(name) = fields::text(node, "The name of a target", faults) else { continue };
                check_name(name, node.span, faults);
                if let Some(first) = seen.get(name) {
                    let (line, _) = faults.source.place(first.start);
                    let message =
                        format!("The target {} is here twice; the first is at line {line}.", quoted(name));
                    faults.error(Code::DuplicateTarget, node.span, message).hint("Keep one of the two.");
                    continue;
                }
                seen.insert(name.to_owned(), node.span);
                targets.push(read_target(name, &fields, faults));
            }
        }
        Content::Mapping(entries) => {
            for entry in entries {
                let name = &entry.key.text;
                check_name(name, entry.key.span, faults);
                if matches!(entry.value.content, Content::Null) {
                    targets.push(Target {
                        name: name.clone(),
                        address: None,
                        environment: None,
                        labels: Default::default(),
                    });
                    continue;
                }
                let what = format!("The target {}", quoted(name));
                let Some(fields) = Fields::open(&entry.value, &TARGET_KEYS, &what, faults) else { continue };
                if let Some(inner) = fields.entry("name") {
                    faults
                        .error(
                            Code::KeyWithoutMeaning,
                            inner.key.span,
                            "This target has its name already, by its key.",
                        )
                        .hint("Leave it out.");
                }
                targets.push(read_target(name, &fields, faults));
            }
        }
        _ => {}
    }
    targets
}

fn read_target(name: &str, fields: &Fields<'_>, faults: &mut Faults<'_>) -> Target {
    Target {
        name: name.to_owned(),
        address: fields.get("address").and_then(|node| read_label(node, "`address`", faults)),
        environment: fields.get("environment").and_then(|node| read_label(node, "`environment`", faults)),
        labels: fields.get("labels").map(|node| read_labels(node, faults)).unwrap_or_default(),
    }
}

fn check_name(name: &str, span: Span, faults: &mut Faults<'_>) {
    let first = name.bytes().next();
    let good = name.len() <= 253
        && first.is_some_and(|b| b.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if !good {
        let message = format!(
            "The name of a target must be letters, digits, `.`, `_` and `-`, and begin with a letter or digit, but it is {}.",
            quoted(name)
        );
        faults.error(Code::BadName, span, message);
    }
}
