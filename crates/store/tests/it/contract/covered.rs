//! No method of the store without a sentence in the contract.

use std::{fs, path::Path};

/// The public methods of `impl Store` in this text.
fn methods(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in source.lines() {
        match line {
            "impl Store {" => inside = true,
            "}" => inside = false,
            _ => {}
        }
        let rest = line.strip_prefix("    pub async fn ").or_else(|| line.strip_prefix("    pub fn "));
        if let (true, Some(rest)) = (inside, rest) {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
}

fn sources(folder: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_method_is_called_in_the_contract() {
    let methods = methods(&sources("src"));
    assert!(methods.len() > 30, "the methods are found: {methods:?}");
    let contract = sources("tests/it/contract");
    // Opening is what every bed does.
    let opened = sources("tests/it");
    let missing: Vec<_> = methods
        .iter()
        .filter(|name| {
            let call = [format!(".{name}("), format!(".{name}::<")];
            let called = call.iter().any(|call| contract.contains(call));
            !called && !opened.contains(&format!("Store::{name}("))
        })
        .collect();
    assert!(missing.is_empty(), "these have no test in tests/it/contract: {missing:?}");
}

#[test]
fn methods_are_read_from_the_source() {
    let source = "pub fn no() {}\nimpl Store {\n    pub async fn one(\n        &self) {\n    }\n    fn private() {}\n    \
                  pub fn two(&self) {}\n}\nimpl Other {\n    pub fn three() {}\n}\n";
    assert_eq!(methods(source), ["one", "two"]);
}
