//! The folder in which the documents of the tests lie.

use definition::{Definition, ListedFile, Listing, Reading, SourceText, limits, read};
use model::runbook::FileMode;

pub fn listing() -> Listing {
    let file = |size| ListedFile { mode: FileMode::Plain, size, outside: false };
    [
        ("scripts/drain.py", file(120)),
        ("scripts/restart.sh", ListedFile { mode: FileMode::Executable, ..file(80) }),
        ("scripts/with blank.sh", file(10)),
        ("scripts/large.bin", file(limits::FILE_MAX + 1)),
        ("scripts/outside.sh", ListedFile { outside: true, ..file(1) }),
        ("lib/shop/cart.py", file(300)),
        ("lib/shop/price.py", file(300)),
        ("templates/mail.txt", file(40)),
        ("odd/line\nbreak.txt", file(1)),
    ]
    .into_iter()
    .map(|(path, file)| (path.to_owned(), file))
    .collect()
}

pub fn read_one(text: &str) -> Reading {
    read(&[SourceText { path: "ops/runbook.yaml", text }], &listing())
}

/// The one definition of a text that has no fault.
pub fn sound(text: &str) -> Definition {
    let mut reading = read_one(text);
    assert_eq!(reading.faults, [], "{text}");
    assert_eq!(reading.definitions.len(), 1, "{text}");
    reading.definitions.remove(0)
}

/// The codes of all faults of a text.
pub fn codes(text: &str) -> Vec<String> {
    read_one(text).faults.into_iter().map(|fault| fault.code).collect()
}

/// A runbook with these lines for a step, and these at the top.
pub fn with_step(step: &str) -> String {
    let indented = step.replace('\n', "\n    ");
    format!("kind: Runbook\nname: x\nsteps:\n  - {indented}\n")
}

pub fn with_top(lines: &str) -> String {
    format!("kind: Runbook\nname: x\n{lines}\nsteps:\n  - run: echo\n")
}
