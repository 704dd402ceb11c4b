//! Documents as data. `fixtures/good` is read without a fault, `fixtures/bad` shows every fault that a document can have:
//! the snapshots hold them as a compiler would draw them.

use std::{fmt::Write, path::PathBuf};

use definition::{Code, SourceText, read};
use model::api::{Fault, Severity};

use crate::repository::listing;

/// Codes that no fixture shows: they need sizes or values that would not be readable as one. Their tests stand elsewhere.
const ELSEWHERE: &[Code] = &[
    Code::DocumentTooLarge,
    Code::TooManyDocuments,
    Code::TooManyNodes,
    Code::TooManyFaults,
    Code::ControlCharacter,
    Code::TooMany,
    Code::TooManyFiles,
    Code::FilesTooLarge,
    Code::HiddenInput,
    Code::BadValue,
    Code::NoComputedDefault,
    Code::UnknownRunbook,
    Code::UnknownInventory,
    Code::UnknownService,
    Code::UnknownTeam,
    Code::NotCarriedOver,
    Code::NameChanged,
    Code::InputTooLarge,
    Code::InputsTooLarge,
    Code::DuplicateDefinition,
    Code::ForeignDocument,
    Code::TemplateInScript,
    Code::CommandNamesScript,
];

/// Name and text of every file of a folder of fixtures, in order.
fn fixtures(folder: &str) -> Vec<(String, String)> {
    let root: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/it/fixtures", folder].iter().collect();
    let mut found: Vec<(String, String)> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

#[test]
fn good_documents_have_no_fault() {
    for (name, text) in fixtures("good") {
        let reading = read(&[SourceText { path: &name, text: &text }], &listing());
        assert!(reading.faults.is_empty(), "{}", drawn(&text, &reading.faults));
        assert!(!reading.definitions.is_empty(), "{name}");
        for definition in &reading.definitions {
            assert!(text.contains(&definition.text), "{name}: the text of a definition is part of its file");
        }
        insta::assert_json_snapshot!(
            format!("good_{name}"),
            reading
                .definitions
                .iter()
                .map(|d| (&d.name, d.line, &d.document, &d.compiled, &d.files))
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn bad_documents_show_all_their_faults() {
    let mut seen = Vec::new();
    for (name, text) in fixtures("bad") {
        let reading = read(&[SourceText { path: &name, text: &text }], &listing());
        assert!(reading.has_errors(), "{name}");
        reading.faults.iter().for_each(|fault| well_said(fault, &text));
        insta::assert_snapshot!(format!("bad_{name}"), drawn(&text, &reading.faults));
        seen.extend(reading.faults.into_iter().map(|fault| fault.code));
    }
    for code in Code::ALL {
        let shown = seen.iter().any(|seen| seen == code.name());
        assert!(
            shown != ELSEWHERE.contains(code),
            "{}: shown by a fixture, or listed as tested elsewhere",
            code.name()
        );
    }
}

/// Every fault has its place in the text and is a sentence.
fn well_said(fault: &Fault, text: &str) {
    let marked = text.get(fault.offset..fault.offset + fault.length);
    assert!(marked.is_some_and(|marked| !marked.contains('\n')), "{fault:?}");
    let before = &text[..fault.offset];
    assert_eq!(fault.line, before.matches('\n').count() + 1, "{fault:?}");
    assert_eq!(fault.column, before.rsplit('\n').next().unwrap().chars().count() + 1, "{fault:?}");
    for sentence in [Some(&fault.message), fault.hint.as_ref()].into_iter().flatten() {
        assert!(sentence.starts_with(|c: char| c.is_uppercase() || c == '`'), "{sentence}");
        assert!(sentence.ends_with(['.', '?']), "{sentence}");
        assert!(!sentence.contains('\n'), "{sentence}");
    }
}

fn drawn(text: &str, faults: &[Fault]) -> String {
    let mut out = String::new();
    for fault in faults {
        let Fault { path, line, column, code, message, .. } = fault;
        let severity = match fault.severity {
            Severity::Error => "error",
            Severity::Remark => "remark",
        };
        writeln!(out, "{severity}[{code}] {path}:{line}:{column}: {message}").unwrap();
        let source = text.lines().nth(line - 1).unwrap_or_default();
        let marked = text[fault.offset..fault.offset + fault.length].chars().count();
        writeln!(out, "  | {source}\n  | {}{}", " ".repeat(column - 1), "^".repeat(marked.max(1))).unwrap();
        if let Some(hint) = &fault.hint {
            writeln!(out, "  hint: {hint}").unwrap();
        }
        out.push('\n');
    }
    out
}
