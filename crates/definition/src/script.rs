//! The action `run`: a script file or a script body, and what reads it.

use model::{
    runbook::{Script, StepAction},
    shebang::shebang,
};

use crate::{
    fault::{Code, Faults, quoted},
    fields,
    files::VersionFiles,
    source::Span,
    tree::{Entry, Node},
};

/// What reads a script that names nothing else.
const DEFAULT: [&str; 2] = ["/bin/sh", "-e"];

/// How people write values into scripts elsewhere. Here they would stand in the script as they are.
const TEMPLATES: [&str; 10] = [
    "${{",
    "{{ inputs.",
    "{{inputs.",
    "{{ input.",
    "{{ steps.",
    "{{ item",
    "{{ target.",
    "{{ run.",
    "@option.",
    "${option.",
];

/// The action of `run:` with the step's `shell:`.
pub(crate) fn run_action(
    node: &Node,
    shell: Option<&Entry>,
    files: &mut VersionFiles<'_>,
    faults: &mut Faults<'_>,
) -> Option<StepAction> {
    let text = fields::text(node, "`run`", faults);
    let declared = shell.map(|entry| declared(&entry.value, faults));
    let text = text?;
    if text.trim().is_empty() {
        faults.error(Code::Empty, node.span, "`run` must hold a script, but it is empty.");
        return None;
    }
    let line = text.trim_end_matches('\n');
    if line.starts_with("./") && !line.contains('\n') {
        let path = files.script(line, node.span, faults)?;
        let interpreter = declared.unwrap_or_else(|| Some(default()))?;
        return Some(StepAction::Run { interpreter, script: Script::File(path) });
    }
    remark_templates(text, node.span, faults);
    let interpreter = match (shebang(text.as_bytes()), shell) {
        (Some(_), Some(shell)) => {
            faults
                .error(
                    Code::ShellAndInterpreter,
                    shell.key.span,
                    "This script names its interpreter twice: by its `#!` line and by `shell`.",
                )
                .hint("Keep one of the two.");
            return None;
        }
        (None, _) if text.starts_with("#!") => {
            let message = "The `#!` line of this script names no interpreter.";
            faults
                .error(Code::BadInterpreter, within(node.span, "#!", faults), message)
                .hint("Write it like `#!/usr/bin/env python3`.");
            return None;
        }
        (Some(words), None) => words,
        (None, _) => declared.unwrap_or_else(|| Some(default()))?,
    };
    Some(StepAction::Run { interpreter, script: Script::Body(text.to_owned()) })
}

fn default() -> Vec<String> {
    DEFAULT.map(str::to_owned).to_vec()
}

/// The words of `shell:`.
fn declared(node: &Node, faults: &mut Faults<'_>) -> Option<Vec<String>> {
    let text = fields::text(node, "`shell`", faults)?;
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() {
        faults
            .error(Code::BadShell, node.span, "`shell` must name an interpreter, but it is empty.")
            .hint("Write it like `bash -e`.");
        return None;
    }
    if text.contains(['"', '\'', '\\']) {
        faults
            .error(
                Code::BadShell,
                node.span,
                "`shell` is cut at blanks and nothing else, so that it may not hold quotes or backslashes.",
            )
            .hint(
                "Name an interpreter and plain arguments, like `bash -e`, and put the rest into the script.",
            );
        return None;
    }
    Some(words)
}

fn remark_templates(script: &str, span: Span, faults: &mut Faults<'_>) {
    let Some(template) = TEMPLATES.into_iter().find(|template| script.contains(template)) else {
        return;
    };
    let message =
        format!("{} is not filled in: nothing is ever put into the text of a script.", quoted(template));
    faults
        .remark(Code::TemplateInScript, within(span, template, faults), message)
        .hint("Inputs are environment variables: \"$INPUT_REGION\" for the input `region`.");
}

/// Where this part of a text is written; the whole text if it is written there in another way.
fn within(span: Span, part: &str, faults: &Faults<'_>) -> Span {
    match faults.source.slice(span).find(part) {
        Some(at) => Span { start: span.start + at, end: span.start + at + part.len() },
        None => span,
    }
}
