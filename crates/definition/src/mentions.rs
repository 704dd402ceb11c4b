//! Which files documents speak of, before anybody has looked whether they are there: so that whoever reads a single document
//! need not list a whole disk.

use std::collections::BTreeSet;

use crate::{
    fault::Faults,
    parse::{self, DocumentContent},
    read::SourceText,
    source::Source,
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
        for step in items(entry(root, "steps")) {
            let script = entry(step, "run").and_then(text).map(|text| text.trim_end_matches('\n'));
            let script = script.filter(|script| !script.contains('\n'));
            let argument = items(entry(step, "command")).first().and_then(text);
            for written in [script, argument].into_iter().flatten() {
                if let Some(path) = written.strip_prefix("./") {
                    self.files.insert(path.to_owned());
                    // What follows a blank is a mistake, and the hint for it needs to know of the file.
                    self.files.extend(path.split_whitespace().next().map(str::to_owned));
                }
            }
        }
        for pattern in items(entry(root, "files")).iter().filter_map(text) {
            let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
            let literal: Vec<&str> =
                pattern.split('/').take_while(|part| !part.contains(['*', '?', '[', '{', '\\'])).collect();
            self.folders.insert(literal.join("/"));
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
                    - run: ./bin/y.sh now\n  - run: |\n      ./not/a/file\n      echo\n  - command: [./tool, -v]\n  - 3\n";
        let mentions = mentions(&[SourceText { path: "a.yaml", text }]);
        let files: Vec<&str> = mentions.files.iter().map(String::as_str).collect();
        assert_eq!(files, ["bin/x.sh", "bin/y.sh", "bin/y.sh now", "tool"]);
        let folders: Vec<&str> = mentions.folders.iter().map(String::as_str).collect();
        assert_eq!(folders, ["", "a/b", "data/words.txt", "lib"]);
    }
}
