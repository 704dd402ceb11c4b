//! Which files documents speak of, before anybody has looked whether they are there: so that whoever reads a single document
//! need not list a whole disk.

use std::collections::BTreeSet;

use crate::{
    draft::INNER,
    fault::Faults,
    parse::{self, DocumentContent},
    read::SourceText,
    source::Source,
    step::check::script_of,
    tree::{Content, Node},
};

/// What documents speak of. Nothing in it has been checked: paths may climb, folders may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Script files, by their path from the root, without `./`.
    pub files: BTreeSet<String>,
    /// Folders below which patterns under `files` may match; the empty path is the root.
    pub folders: BTreeSet<String>,
}

/// Collect the scripts and patterns of all documents. Faults are for [`crate::read`] to tell.
pub fn mentions(documents: &[SourceText<'_>]) -> Mentions {
    let mut mentions = Mentions::default();
    for document in documents {
        let source = Source::new(document.path, document.text);
        let mut faults = Faults::new(&source);
        for document in parse::parse(&mut faults).list {
            if let DocumentContent::Tree { root, .. } = &document.content {
                mentions.collect(root);
            }
        }
    }
    mentions
}

impl Mentions {
    fn collect(&mut self, root: &Node) {
        for list in ["steps", "on_failure", "cleanup"] {
            self.collect_steps(items(entry(root, list)));
        }
        for pattern in items(entry(root, "files")).iter().filter_map(text) {
            let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
            let literal: Vec<&str> =
                pattern.split('/').take_while(|part| !part.contains(['*', '?', '[', '{', '\\'])).collect();
            self.folders.insert(literal.join("/"));
        }
    }
}

impl Mentions {
    /// A tree is at most [`crate::limits::DEPTH_MAX`] deep, so this may call itself.
    fn collect_steps(&mut self, steps: &[Node]) {
        for step in steps {
            let checked = entry(step, "check").and_then(script_of);
            let scripts = [entry(step, "run"), checked].into_iter().flatten().filter_map(text);
            let scripts =
                scripts.map(|script| script.trim_end_matches('\n')).filter(|script| !script.contains('\n'));
            let argument = items(entry(step, "command")).first().and_then(text);
            for written in scripts.chain(argument) {
                if let Some(path) = written.strip_prefix("./") {
                    self.files.insert(path.to_owned());
                    // What follows a blank is a mistake, and the hint for it needs to know of the file.
                    self.files.extend(path.split_whitespace().next().map(str::to_owned));
                }
            }
            for inner in INNER {
                self.collect_steps(items(entry(step, inner)));
            }
        }
    }
}

fn entry<'t>(node: &'t Node, key: &str) -> Option<&'t Node> {
    let Content::Mapping(entries) = &node.content else { return None };
    entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.content) {
        Some(Content::Sequence(items)) => items,
        _ => &[],
    }
}

fn text(node: &Node) -> Option<&str> {
    if let Content::Text(text) = &node.content { Some(text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_patterns_are_found_whatever_else_is_wrong() {
        let text = "kind: Runbok\nfiles: [lib/*.py, ./data/words.txt, '*.txt', a/b/**]\nsteps:\n  - run: ./bin/x.sh\n  \
                    - run: ./bin/y.sh now\n  - run: |\n      ./not/a/file\n      echo\n  - command: [./tool, -v]\n  - 3\n  \
                    - steps: [{parallel: [{check: {run: ./bin/z.sh}}], on_failure: [{run: ./bin/f.sh}]}]\ncleanup: [{run: ./bin/c.sh}]\n";
        let mentions = mentions(&[SourceText { path: "a.yaml", text }]);
        let files: Vec<&str> = mentions.files.iter().map(String::as_str).collect();
        assert_eq!(
            files,
            ["bin/c.sh", "bin/f.sh", "bin/x.sh", "bin/y.sh", "bin/y.sh now", "bin/z.sh", "tool"]
        );
        let folders: Vec<&str> = mentions.folders.iter().map(String::as_str).collect();
        assert_eq!(folders, ["", "a/b", "data/words.txt", "lib"]);
    }
}
