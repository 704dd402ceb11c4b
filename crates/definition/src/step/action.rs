//! What a step does: exactly one of ten actions.

use std::collections::BTreeMap;

use model::runbook::{Evidence, Manual, StepAction, Template, Wait};

use super::{check, http, read_steps, repeat};
use crate::{
    draft::Draft,
    fault::{Code, Faults, listed, quoted},
    fields::{self, Fields, Keys},
    files::VersionFiles,
    input::{self, Of},
    limits::ARGUMENTS_MAX,
    quantity,
    scalar::{Scalar, resolve},
    script,
    source::Span,
    tree::{Content, Entry, Node},
};

pub(crate) const WAIT_KEYS: Keys = Keys { of: "a wait", known: &["until"], later: &["for"] };

/// What stands for an action that could not be read, and has been told.
fn none() -> StepAction {
    StepAction::Command { argv: Vec::new() }
}

/// Actions in the order in which they are read; those with steps inside as [`crate::draft::INNER`] has them.
const ORDER: [&str; 10] =
    ["run", "command", "http", "check", "manual", "approve", "runbook", "wait", "steps", "parallel"];

pub(super) fn read_action(
    fields: &Fields<'_>,
    item: &Node,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> StepAction {
    let mut there: Vec<&Entry> = ORDER.iter().filter_map(|action| fields.entry(action)).collect();
    // What is wrong inside of each is told, however many there are.
    let read: Vec<Option<StepAction>> =
        there.iter().map(|entry| read_one(entry, fields, key, draft, faults)).collect();
    there.sort_by_key(|entry| entry.key.span.start);
    match there.as_slice() {
        [_] => read.into_iter().next().flatten().unwrap_or_else(none),
        [] => {
            shell_without_script(fields.entry("shell"), faults);
            let later = match &item.content {
                Content::Mapping(entries) => {
                    entries.iter().any(|entry| super::KEYS.later.contains(&entry.key.text.as_str()))
                }
                _ => false,
            };
            if !later {
                let message = format!("A step needs one action: {}.", listed(&StepAction::NAMES, "or"));
                faults
                    .error(Code::NoAction, item.span, message)
                    .hint("`run` holds a script or names a script file; `command` lists a program and its arguments.");
            }
            none()
        }
        [first, second, ..] => {
            let message = format!(
                "A step does one thing, but this one has both {} and {}.",
                quoted(&first.key.text),
                quoted(&second.key.text)
            );
            faults
                .error(Code::SeveralActions, second.key.span, message)
                .hint("Make two steps of it; `steps` makes a group of them.");
            none()
        }
    }
}

fn read_one(
    entry: &Entry,
    fields: &Fields<'_>,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<StepAction> {
    let node = &entry.value;
    match entry.key.text.as_str() {
        "run" => script::run_action(node, fields.entry("shell"), &mut draft.files, faults),
        "command" => read_command(node, &format!("{key}/command"), draft, faults),
        "http" => http::read_http(node, &format!("{key}/http"), draft, faults).map(StepAction::Http),
        "check" => check::read_check(node, fields.entry("shell"), &format!("{key}/check"), draft, faults)
            .map(StepAction::Check),
        "manual" => read_manual(node, fields, key, draft, faults).map(StepAction::Manual),
        "approve" => {
            let message =
                message(node, "`approve`", "What is asked?", &format!("{key}/approve"), draft, faults)?;
            Some(StepAction::Approve { message })
        }
        "runbook" => read_call(node, fields, key, draft, faults),
        "wait" => read_wait(node, &format!("{key}/wait"), draft, faults).map(StepAction::Wait),
        "steps" | "parallel" => {
            draft.depth += 1;
            let steps = read_steps(node, &format!("`{}`", entry.key.text), draft, faults);
            draft.depth -= 1;
            Some(if entry.key.text == "steps" {
                StepAction::Steps { steps }
            } else {
                StepAction::Parallel { branches: steps }
            })
        }
        _ => None,
    }
}

/// A text for people, with templates.
fn message(
    node: &Node,
    what: &str,
    hint: &str,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<Template> {
    draft.places.put(key, node.span);
    let text = fields::text(node, what, faults)?;
    if text.trim().is_empty() {
        faults.error(Code::Empty, node.span, format!("{what} must not be empty.")).hint(hint);
        return None;
    }
    Some(Template(text.to_owned()))
}

fn read_manual(
    node: &Node,
    fields: &Fields<'_>,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<Manual> {
    let instructions =
        message(node, "`manual`", "What is there to do?", &format!("{key}/manual"), draft, faults);
    let declared = match fields.get("fields") {
        None => Vec::new(),
        Some(node) => {
            input::read_declarations(node, Of::Manual, &format!("{key}/fields"), &mut draft.places, faults)
        }
    };
    let evidence = match fields.get("evidence") {
        None => Evidence::None,
        Some(node) => {
            let evidence = fields::one_of(node, "`evidence`", &["none", "optional", "required"], faults);
            match evidence {
                Some("optional") => Evidence::Optional,
                Some("required") => Evidence::Required,
                _ => Evidence::None,
            }
        }
    };
    Some(Manual { instructions: instructions?, fields: declared, evidence })
}

fn read_call(
    node: &Node,
    fields: &Fields<'_>,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<StepAction> {
    draft.places.put(format!("{key}/runbook"), node.span);
    let name = input::read_name(node, "The name of a runbook", faults);
    let mut secrets = BTreeMap::new();
    let inputs = fields.get("inputs").map(|node| {
        let key = format!("{key}/inputs");
        let handed = |name: &str, node: &Node, faults: &mut Faults<'_>| {
            secrets.extend(repeat::read_input_name(node, faults).map(|own| (name.to_owned(), own)));
        };
        input::read_given(node, "`inputs`", &key, &mut draft.places, handed, faults)
    });
    Some(StepAction::Runbook { name: name?, inputs: inputs.unwrap_or_default(), secrets })
}

fn read_wait(node: &Node, key: &str, draft: &mut Draft<'_>, faults: &mut Faults<'_>) -> Option<Wait> {
    draft.places.put(key, node.span);
    if let Content::Mapping(_) = &node.content {
        let fields = Fields::open(node, &WAIT_KEYS, "`wait`", faults)?;
        let until = fields.require(
            "until",
            "Write `wait: 10m`, or `wait: {until: \"2026-11-26T10:00:00Z\"}`.",
            faults,
        )?;
        let text = fields::some_text(until, "`until`", faults)?;
        let template = Template(text.to_owned());
        if template.is_plain() && crate::value::datetime(text.trim()).is_none() {
            faults
                .error(
                    Code::BadDuration,
                    until.span,
                    format!("`until` must be a moment, but it is {}.", quoted(text)),
                )
                .hint("Moments are written like `2026-11-26T10:00:00+01:00`, always with their offset.");
            return None;
        }
        return Some(Wait::Until(template));
    }
    match &node.content {
        Content::Text(text) if text.contains("{{") => Some(Wait::For(Template(text.clone()))),
        _ => {
            quantity::timeout(node, "`wait`", faults)?;
            Some(Wait::For(Template(faults.source.slice(node.span).trim_matches(['"', '\'']).to_owned())))
        }
    }
}

fn shell_without_script(shell: Option<&Entry>, faults: &mut Faults<'_>) {
    if let Some(entry) = shell {
        faults.error(
            Code::ShellWithoutScript,
            entry.key.span,
            "`shell` says what reads a script, and only `run` has one.",
        );
    }
}

fn read_command(
    node: &Node,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<StepAction> {
    if let Content::Text(text) = &node.content {
        let hint = match as_list(text) {
            Some(list) => format!("Write `command: [{list}]`, or use `run` for a line of shell."),
            None => {
                "Write the program and each argument as an item of a list, or use `run` for a line of shell."
                    .to_owned()
            }
        };
        faults.error(Code::WrongType, node.span, "`command` must be a list, but it is text.").hint(hint);
        return None;
    }
    let items = fields::sequence(node, "`command`", faults)?;
    if items.is_empty() {
        faults.error(Code::Empty, node.span, "`command` must name a program, but it is empty.");
        return None;
    }
    if items.len() > ARGUMENTS_MAX {
        let message =
            format!("`command` has {} elements, but at most {ARGUMENTS_MAX} are read.", items.len());
        faults.error(Code::TooMany, node.span, message);
        return None;
    }
    let argv: Vec<Option<Template>> = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            draft.places.put(format!("{key}/{index}"), item.span);
            fields::text(item, "An element of `command`", faults).map(Template::from)
        })
        .collect();
    if let (Some(Some(program)), Some(item)) = (argv.first(), items.first()) {
        check_program(&program.0, item.span, &draft.files, faults)?;
    }
    Some(StepAction::Command { argv: argv.into_iter().collect::<Option<_>>()? })
}

/// A line of plain words as the items of a list; none if a shell would do more with it than cut it at blanks.
fn as_list(line: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_./=+:@%,".contains(c);
    if line.len() > 100 || !line.chars().all(plain) {
        return None;
    }
    let item = |word: &str| {
        let bare = word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        if bare && resolve(word) == Scalar::Text { word.to_owned() } else { format!("\"{word}\"") }
    };
    Some(line.split_whitespace().map(item).collect::<Vec<_>>().join(", "))
}

fn check_program(program: &str, span: Span, files: &VersionFiles<'_>, faults: &mut Faults<'_>) -> Option<()> {
    if program.is_empty() {
        faults.error(
            Code::Empty,
            span,
            "The first element of `command` must name a program, but it is empty.",
        );
        return None;
    }
    // Whoever chose the value would choose what is run.
    if program.contains("{{") {
        faults
            .error(
                Code::TemplateInProgram,
                span,
                "The program of a `command` is written out, and never a template.",
            )
            .hint("Only its arguments may be: choose between steps by `if`.");
        return None;
    }
    if program.contains('/') && files.exists(program) {
        faults
            .remark(
                Code::CommandNamesScript,
                span,
                format!(
                    "{} is looked for in the run's working directory, not among the files of the runbook.",
                    quoted(program)
                ),
            )
            .hint("Use `run` for a script file of the runbook.");
    }
    Some(())
}
