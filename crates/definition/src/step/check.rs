//! `check`: something that must become true.

use model::runbook::{Check, CheckSubject, StepAction, Template};

use super::http::{read_status, read_url};
use crate::{
    draft::Draft,
    fault::{Code, Faults, quoted},
    fields::{self, Fields, Keys},
    quantity, script,
    tree::{Content, Entry, Node},
};

pub(crate) const KEYS: Keys = Keys {
    of: "a check",
    known: &["http", "tcp", "run", "shell", "status", "contains", "every", "within"],
    later: &["slo", "query"],
};

/// Seconds between two tries unless said.
const EVERY_DEFAULT_S: u64 = 2;

pub(super) fn read_check(
    node: &Node,
    outer_shell: Option<&Entry>,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<Check> {
    let fields = Fields::open(node, &KEYS, "`check`", faults)?;
    let every_s = match fields.get("every") {
        None => Some(EVERY_DEFAULT_S),
        Some(node) => quantity::timeout(node, "`every`", faults),
    };
    let within_s = match fields.get("within") {
        None => Some(0),
        Some(node) => quantity::wait(node, "`within`", faults),
    };
    let mut there: Vec<&Entry> = ["http", "tcp", "run"].iter().filter_map(|key| fields.entry(key)).collect();
    there.sort_by_key(|entry| entry.key.span.start);
    let subjects: Vec<Option<CheckSubject>> =
        there.iter().map(|entry| read_subject(entry, &fields, outer_shell, key, draft, faults)).collect();
    match there.as_slice() {
        [entry] => {
            for (key, of) in [("status", "http"), ("contains", "http"), ("shell", "run")] {
                if let Some(other) = fields.entry(key).filter(|_| entry.key.text != of) {
                    let message =
                        format!("`{key}` means nothing for a check by {}.", quoted(&entry.key.text));
                    faults.error(Code::KeyWithoutMeaning, other.key.span, message).hint("Leave it out.");
                }
            }
            if let Some(shell) = outer_shell.filter(|_| entry.key.text != "run") {
                faults.error(
                    Code::ShellWithoutScript,
                    shell.key.span,
                    "`shell` says what reads a script, and only `run` has one.",
                );
            }
        }
        [] => {
            faults
                .error(Code::MissingKey, fields.span, "What is checked is not said.")
                .hint("Write `http: URL`, `tcp: host:port` or `run: SCRIPT`.");
        }
        [first, second, ..] => {
            let message = format!(
                "A check has one subject, but this one has both {} and {}.",
                quoted(&first.key.text),
                quoted(&second.key.text)
            );
            faults.error(Code::SeveralActions, second.key.span, message).hint("Make two steps of it.");
            return None;
        }
    }
    let subject = subjects.into_iter().next().flatten()?;
    Some(Check { subject, every_s: every_s?, within_s: within_s? })
}

fn read_subject(
    entry: &Entry,
    fields: &Fields<'_>,
    outer_shell: Option<&Entry>,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<CheckSubject> {
    let node = &entry.value;
    match entry.key.text.as_str() {
        "http" => {
            let url = read_url(node, "`http`", &format!("{key}/http"), draft, faults);
            let status = fields.get("status").map(|node| read_status(node, faults)).unwrap_or_default();
            let contains = match fields.get("contains") {
                None => None,
                Some(node) => {
                    draft.places.put(format!("{key}/contains"), node.span);
                    fields::some_text(node, "`contains`", faults).map(Template::from)
                }
            };
            Some(CheckSubject::Http { url: url?, status, contains })
        }
        "tcp" => {
            draft.places.put(format!("{key}/tcp"), node.span);
            let text = fields::some_text(node, "`tcp`", faults)?;
            let port = text.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
            let good = text.contains("{{") || matches!(port, Some((host, Ok(1..))) if !host.is_empty());
            if !good || text.contains(|c: char| c.is_control()) {
                faults
                    .error(
                        Code::BadAddress,
                        node.span,
                        format!("`tcp` must be a host and a port, but it is {}.", quoted(text)),
                    )
                    .hint("For example `localhost:5432`.");
                return None;
            }
            Some(CheckSubject::Tcp { address: Template(text.to_owned()) })
        }
        _ => {
            let shell = fields.entry("shell").or(outer_shell);
            match script::run_action(node, shell, &mut draft.files, faults)? {
                StepAction::Run { interpreter, script } => Some(CheckSubject::Script { interpreter, script }),
                _ => None,
            }
        }
    }
}

/// The script of a check, for whoever only looks for the files that a document names.
pub(crate) fn script_of(check: &Node) -> Option<&Node> {
    let Content::Mapping(entries) = &check.content else { return None };
    entries.iter().find(|entry| entry.key.text == "run").map(|entry| &entry.value)
}
