//! Stored secrets that a step gets: as files, and as variables only where each is named.

use std::collections::BTreeMap;

use model::name::is_name;

use super::OURS;
use crate::{
    draft::Draft,
    fault::{Code, Faults, listed, quoted},
    fields,
    limits::SECRETS_MAX,
    tree::Node,
};

/// `secrets`: a file each.
pub(super) fn read_secrets(
    node: &Node,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Vec<String> {
    let items = fields::sequence(node, "`secrets`", faults).unwrap_or_default();
    if items.len() > SECRETS_MAX {
        let message = format!("This step has {} secrets, but at most {SECRETS_MAX} are read.", items.len());
        faults.error(Code::TooMany, node.span, message);
        return Vec::new();
    }
    let mut names: Vec<String> = Vec::new();
    for item in items {
        let Some(name) = read_name(item, faults) else { continue };
        if names.contains(&name) {
            let message = format!("The secret {} stands here twice.", quoted(&name));
            faults.error(Code::DuplicateItem, item.span, message).hint("Leave one out.");
            continue;
        }
        draft.places.put(format!("{key}/{name}"), item.span);
        names.push(name);
    }
    names
}

/// `secret_env`: variables by their names, and the secret that each holds.
pub(super) fn read_secret_env(
    node: &Node,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> BTreeMap<String, String> {
    let entries = fields::entries(node, "`secret_env`", faults).unwrap_or_default();
    if entries.len() > SECRETS_MAX {
        let message = format!("This step has {} secrets, but at most {SECRETS_MAX} are read.", entries.len());
        faults.error(Code::TooMany, node.span, message);
        return BTreeMap::new();
    }
    let mut variables = BTreeMap::new();
    for entry in entries {
        let variable = &entry.key.text;
        check_variable(variable, entry.key.span, faults);
        draft.places.put(format!("{key}/{variable}"), entry.value.span);
        if let Some(name) = read_name(&entry.value, faults) {
            variables.insert(variable.clone(), name);
        }
    }
    variables
}

fn read_name(node: &Node, faults: &mut Faults<'_>) -> Option<String> {
    let name = fields::text(node, "The name of a secret", faults)?;
    if !is_name(name) {
        let message = format!(
            "The name of a secret {} must be lower-case letters, digits and `-`, at most 63.",
            quoted(name)
        );
        faults.error(Code::BadName, node.span, message).hint(
            "Name a secret that `signalbox secrets list` shows; its value never stands in a definition.",
        );
        return None;
    }
    Some(name.to_owned())
}

/// A secret in a variable that the loader or the shell obeys would be a way to run something.
fn check_variable(name: &str, span: crate::source::Span, faults: &mut Faults<'_>) {
    const OBEYED: [&str; 4] = ["LD_", "PATH", "BASH_ENV", "ENV"];
    let first = name.bytes().next();
    let good = first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.len() <= 128;
    if !good {
        let message = format!("The variable name {} must be letters, digits and `_`.", quoted(name));
        faults.error(Code::BadVariable, span, message);
    } else if OURS.iter().any(|prefix| name.starts_with(prefix)) {
        let ours = listed(&OURS, "or");
        let message = format!(
            "The variable {} cannot be set: names that begin with {ours} are the platform's.",
            quoted(name)
        );
        faults.error(Code::BadVariable, span, message).hint("Choose another name.");
    } else if name.starts_with(OBEYED[0]) || OBEYED[1..].contains(&name) {
        let message = format!("The variable {} cannot hold a secret: programs obey it.", quoted(name));
        faults.error(Code::BadVariable, span, message).hint("Choose another name.");
    }
}
