//! Every example of the manual is performed as it stands there.
//!
//! A YAML block of `docs/runbooks.md` begins, if need be, with comments that say how: `# not performed: WHY` (it is checked all
//! the same), `# inputs: NAME=VALUE ...`, `# runbook: NAME` (the first one otherwise), `# ends: failed` (`succeeded` otherwise).
//! Files that it names are made: scripts that do nothing, and whatever a block under `# file: PATH` holds.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::program::Home;

/// A fenced block: its language, its first line, its text.
struct Block {
    language: String,
    line: usize,
    text: String,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in document.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block {
                    language: language.trim().to_owned(),
                    line: number + 2,
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

fn said<'b>(block: &'b Block, what: &str) -> Option<&'b str> {
    let comments = block.text.lines().take_while(|line| line.starts_with('#'));
    comments.filter_map(|line| line.trim_start_matches('#').trim().strip_prefix(what)).map(str::trim).next()
}

/// Scripts that the text names, as `./scripts/look.py`: made so that there is something to perform.
fn make_scripts(home: &Home, text: &str) {
    home.write("lib/some/module.py", "");
    for word in text.split(|c: char| c.is_whitespace() || "'\",[]{}".contains(c)) {
        let path = word
            .strip_prefix("./")
            .filter(|path| path.contains('.') && !path.contains("..") && !path.contains('*'));
        let Some(path) = path else { continue };
        if !home.path().join(path).exists() {
            let made = home.write(path, "#!/bin/sh\nexit 0\n");
            fs::set_permissions(made, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

#[test]
fn every_example_of_the_manual_is_performed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/runbooks.md");
    let document = fs::read_to_string(path).unwrap();
    let mut performed = 0;
    let mut wrong = Vec::new();
    let home = Home::new();
    for block in blocks(&document) {
        if let Some(file) = said(&block, "file:") {
            let made = home.write(file, &block.text);
            fs::set_permissions(made, fs::Permissions::from_mode(0o755)).unwrap();
            continue;
        }
        if block.language != "yaml" {
            continue;
        }
        let whole = block.text.contains("kind: Runbook") || block.text.contains("kind: Inventory");
        let not_performed = said(&block, "not performed:").is_some();
        if !whole {
            if !not_performed {
                wrong.push(format!("line {}: no whole document, and no `# not performed: WHY`", block.line));
            }
            continue;
        }
        make_scripts(&home, &block.text);
        home.write("example.yaml", &block.text);
        let checked = home.signalbox(&["check", "example.yaml", "--root", "."]);
        if checked.code != Some(0) {
            wrong.push(format!("line {}: it has faults\n{}", block.line, checked.out));
            continue;
        }
        if not_performed || !block.text.contains("kind: Runbook") {
            continue;
        }
        let mut words: Vec<String> = ["try", "example.yaml", "--root", "."].map(str::to_owned).to_vec();
        let first = block.text.split("kind: Runbook").nth(1).and_then(|rest| {
            rest.lines()
                .find_map(|line| line.strip_prefix("name:"))
                .map(|name| name.split('#').next().unwrap_or("").trim())
        });
        if let Some(name) = said(&block, "runbook:").or(first) {
            words.extend(["--runbook".to_owned(), name.to_owned()]);
        }
        for input in said(&block, "inputs:").unwrap_or_default().split_whitespace() {
            words.extend(["-i".to_owned(), input.to_owned()]);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let tried = home.signalbox(&words);
        let expected = match said(&block, "ends:").unwrap_or("succeeded") {
            "succeeded" => 0,
            _ => 1,
        };
        if tried.code != Some(expected) {
            wrong.push(format!(
                "line {}: ended with {:?}\n{}{}",
                block.line, tried.code, tried.out, tried.err
            ));
        }
        performed += 1;
    }
    assert!(wrong.is_empty(), "docs/runbooks.md:\n{}", wrong.join("\n"));
    assert!(performed > 0);
}

#[test]
fn the_examples_are_good() {
    let home = Home::new();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    for entry in fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let checked = home.signalbox(&["check", path.to_str().unwrap()]);
            assert_eq!(checked.code, Some(0), "{}: {}", path.display(), checked.out);
        }
    }
}
