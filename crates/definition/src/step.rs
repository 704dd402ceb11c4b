//! The steps of a runbook.

use std::collections::HashMap;

use model::{
    name::is_identifier,
    runbook::{Effect, Step, StepAction, Template},
};

use crate::{
    fault::{Code, Faults, quoted},
    fields::{self, Fields, Keys},
    files::VersionFiles,
    input::identifier_like,
    limits::{ARGUMENTS_MAX, STEPS_MAX},
    quantity,
    scalar::{Scalar, resolve},
    script,
    source::Span,
    tree::{Entry, Node},
};

pub(crate) const KEYS: Keys = Keys {
    of: "a step",
    known: &["name", "run", "command", "shell", "timeout", "effect"],
    later: &[
        "http",
        "check",
        "manual",
        "fields",
        "approve",
        "runbook",
        "wait",
        "parallel",
        "steps",
        "on",
        "if",
        "for_each",
        "idempotent",
        "retry",
        "description",
    ],
};

pub(crate) fn read_steps(
    node: &Node,
    files: &mut VersionFiles<'_>,
    faults: &mut Faults<'_>,
) -> Option<Vec<Step>> {
    let items = fields::sequence(node, "`steps`", faults)?;
    if items.is_empty() {
        faults
            .error(Code::Empty, node.span, "A runbook needs at least one step, but `steps` is empty.")
            .hint("Add one: `- run: echo hello`.");
        return None;
    }
    if items.len() > STEPS_MAX {
        let message = format!("This runbook has {} steps, but at most {STEPS_MAX} are read.", items.len());
        faults.error(Code::TooMany, node.span, message);
        return None;
    }
    let mut names = Names::of(items);
    let steps: Vec<Option<Step>> = items
        .iter()
        .enumerate()
        .map(|(index, item)| read_step(item, index + 1, &mut names, files, faults))
        .collect();
    steps.into_iter().collect()
}

/// Who has which step name.
struct Names {
    /// By name: the place of the step from 1, and where it is written.
    taken: HashMap<String, (usize, Span)>,
}

impl Names {
    /// Steps without a name take the name of their place first, so that a written one cannot take it from them.
    fn of(items: &[Node]) -> Self {
        let nameless = items.iter().enumerate().filter(|(_, item)| match &item.content {
            crate::tree::Content::Mapping(entries) => !entries.iter().any(|entry| entry.key.text == "name"),
            _ => false,
        });
        let taken = nameless.map(|(index, item)| (derived_name(index + 1), (index + 1, item.span))).collect();
        Self { taken }
    }

    fn take(&mut self, name: &str, place: usize, span: Span, faults: &mut Faults<'_>) {
        match self.taken.get(name) {
            None => {
                self.taken.insert(name.to_owned(), (place, span));
            }
            Some((first, at)) => {
                let (line, _) = faults.source.place(at.start);
                let message = if derived_name(*first) == name {
                    format!(
                        "The step name {} is that of the nameless step {first} at line {line}, by its place.",
                        quoted(name)
                    )
                } else {
                    format!("The step name {} is here twice; the first is at line {line}.", quoted(name))
                };
                faults.error(Code::DuplicateStep, span, message).hint("Give each step a name of its own.");
            }
        }
    }
}

fn derived_name(place: usize) -> String {
    format!("step_{place}")
}

fn read_step(
    item: &Node,
    place: usize,
    names: &mut Names,
    files: &mut VersionFiles<'_>,
    faults: &mut Faults<'_>,
) -> Option<Step> {
    let fields = Fields::open(item, &KEYS, "A step", faults)?;
    let name = match fields.get("name") {
        None => Some(derived_name(place)),
        Some(node) => read_name(node, place, names, faults),
    };
    let action = read_action(&fields, item, files, faults);
    let timeout_s = match fields.get("timeout") {
        None => Some(None),
        Some(node) => quantity::timeout(node, "`timeout`", faults).map(Some),
    };
    let effect = match fields.get("effect") {
        None => Some(Effect::Change),
        Some(node) => read_effect(node, faults),
    };
    Some(Step { timeout_s: timeout_s?, ..Step::new(name?, action?, effect?) })
}

fn read_name(node: &Node, place: usize, names: &mut Names, faults: &mut Faults<'_>) -> Option<String> {
    let text = fields::text(node, "`name`", faults)?;
    if !is_identifier(text) {
        let message = format!(
            "The step name {} must be lower-case letters, digits and `_`, and begin with a letter (at most 63).",
            quoted(text)
        );
        let told = faults.error(Code::BadIdentifier, node.span, message);
        if let Some(better) = identifier_like(text) {
            told.hint(format!("For example `{better}`."));
        }
        return None;
    }
    names.take(text, place, node.span, faults);
    Some(text.to_owned())
}

fn read_effect(node: &Node, faults: &mut Faults<'_>) -> Option<Effect> {
    let name = fields::one_of(node, "`effect`", &Effect::ALL.map(Effect::name), faults)?;
    Effect::ALL.into_iter().find(|effect| effect.name() == name)
}

fn read_action(
    fields: &Fields<'_>,
    item: &Node,
    files: &mut VersionFiles<'_>,
    faults: &mut Faults<'_>,
) -> Option<StepAction> {
    let shell = fields.entry("shell");
    match (fields.entry("run"), fields.entry("command")) {
        (Some(run), None) => script::run_action(&run.value, shell, files, faults),
        (None, Some(command)) => {
            shell_without_script(shell, faults);
            read_command(&command.value, files, faults)
        }
        (Some(run), Some(command)) => {
            let second = if run.key.span.start < command.key.span.start { &command.key } else { &run.key };
            faults
                .error(
                    Code::SeveralActions,
                    second.span,
                    "A step does one thing, but this one has both `run` and `command`.",
                )
                .hint("Make two steps of it.");
            // What is wrong inside of them is told all the same.
            script::run_action(&run.value, shell, files, faults);
            read_command(&command.value, files, faults);
            None
        }
        (None, None) => {
            shell_without_script(shell, faults);
            if !has_later_action(item) {
                faults
                    .error(Code::NoAction, item.span, "A step needs one action: `run` or `command`.")
                    .hint("`run` holds a script or names a script file; `command` lists a program and its arguments.");
            }
            None
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

/// Is an action there that comes with a later version? It has been told as an unknown key.
fn has_later_action(item: &Node) -> bool {
    match &item.content {
        crate::tree::Content::Mapping(entries) => {
            entries.iter().any(|entry| KEYS.later.contains(&entry.key.text.as_str()))
        }
        _ => false,
    }
}

fn read_command(node: &Node, files: &VersionFiles<'_>, faults: &mut Faults<'_>) -> Option<StepAction> {
    if let crate::tree::Content::Text(text) = &node.content {
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
    let argv: Vec<Option<String>> = items.iter().map(|item| argument(item, faults)).collect();
    if let (Some(Some(program)), Some(item)) = (argv.first(), items.first()) {
        check_program(program, item.span, files, faults)?;
    }
    let argv: Vec<String> = argv.into_iter().collect::<Option<_>>()?;
    Some(StepAction::Command { argv: argv.into_iter().map(Template).collect() })
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

fn argument(item: &Node, faults: &mut Faults<'_>) -> Option<String> {
    let text = fields::text(item, "An element of `command`", faults)?;
    if text.contains("{{") {
        faults
            .error(
                Code::TemplateInCommand,
                item.span,
                "Templates (`{{`) come with a later version of Signalbox.",
            )
            .hint(
                "A `run` step reads inputs from the environment: \"$INPUT_REGION\" for the input `region`.",
            );
        return None;
    }
    Some(text.to_owned())
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
