//! `kind: Runbook`: its keys, and the defaults of those that are not written.

use std::collections::BTreeMap;

use model::{
    name::is_name,
    runbook::{Effect, Limits, OUTPUT_LIMIT_DEFAULT, OnLost, Runbook},
};

use crate::{
    fault::{Code, Faults, quoted},
    fields::{self, Fields, Keys},
    files::{Listing, VersionFiles},
    input, quantity, step,
    tree::Node,
};

pub(crate) const KEYS: Keys = Keys {
    of: "a runbook",
    known: &[
        "kind",
        "name",
        "title",
        "description",
        "service",
        "inputs",
        "steps",
        "files",
        "timeout",
        "output_limit",
    ],
    later: &["change_class", "verify", "cleanup", "concurrency", "on"],
};

/// The runbook and the paths of its files, unless an error was told. Every part is read, whatever is wrong with the others.
pub(crate) fn read_runbook(
    root: &Node,
    listing: &Listing,
    faults: &mut Faults<'_>,
) -> Option<(Runbook, Vec<String>)> {
    let fields = Fields::open(root, &KEYS, "A runbook", faults)?;
    let name = fields
        .require("name", "Add a name, like `name: restart-web`.", faults)
        .and_then(|node| read_name(node, "The name of a runbook", faults));
    let title = fields.text("title", faults).map(str::to_owned);
    let description = fields.text("description", faults).map(str::to_owned);
    let service = fields.get("service").and_then(|node| read_name(node, "The name of a service", faults));
    let inputs = match fields.get("inputs") {
        None => Some(Vec::new()),
        Some(node) => input::read_declarations(node, faults),
    };
    let mut files = VersionFiles::new(listing);
    let steps = fields
        .require("steps", "Add at least one step: `steps: [{run: echo hello}]`.", faults)
        .and_then(|node| step::read_steps(node, &mut files, faults));
    if let Some(node) = fields.get("files") {
        files.globs(node, faults);
    }
    let files = files.finish(fields.span, faults);
    let timeout_s = fields.get("timeout").and_then(|node| quantity::timeout(node, "`timeout`", faults));
    let output_limit = match fields.get("output_limit") {
        None => Some(OUTPUT_LIMIT_DEFAULT),
        Some(node) => quantity::size(node, "`output_limit`", faults),
    };
    let steps = steps?;
    let effect = steps.iter().map(|step| step.effect).max().unwrap_or(Effect::Change);
    let runbook = Runbook {
        name: name?,
        title,
        description,
        service,
        environment: None,
        change_class: None,
        labels: BTreeMap::new(),
        inputs: inputs?,
        rules: Vec::new(),
        steps,
        on_failure: Vec::new(),
        cleanup: Vec::new(),
        outputs: BTreeMap::new(),
        effect,
        timeout_s,
        output_limit: output_limit?,
        concurrency: None,
        on_lost: OnLost::default(),
        max_targets: None,
        grace_s: None,
        limits: Limits::default(),
        run_as: None,
    };
    Some((runbook, files?))
}

fn read_name(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<String> {
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
