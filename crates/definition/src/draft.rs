//! A runbook while it is read: what its parts share.

use std::collections::HashMap;

use crate::{
    fault::{Code, Faults, quoted},
    files::VersionFiles,
    places::Places,
    source::Span,
    tree::{Content, Node},
};

pub(crate) struct Draft<'l> {
    pub files: VersionFiles<'l>,
    pub places: Places,
    pub names: Names,
    /// Steps begun so far: the next one's place among the written steps.
    pub written: usize,
    /// Groups around what is being read.
    pub depth: usize,
}

/// The lists in a step that hold steps, in the order in which they are written down and read.
pub(crate) const INNER: [&str; 3] = ["steps", "parallel", "on_failure"];

/// Who has which step name.
#[derive(Default)]
pub(crate) struct Names {
    /// By name: the place of the step from 1, and where it is written.
    taken: HashMap<String, (usize, Span)>,
    /// Steps, nested ones too.
    pub count: usize,
}

impl Names {
    /// Steps without a name take the name of their place first, so that a written one cannot take it from them.
    pub fn of(lists: &[&Node]) -> Self {
        fn visit(list: &Node, names: &mut Names) {
            let Content::Sequence(items) = &list.content else { return };
            for item in items {
                names.count += 1;
                let Content::Mapping(entries) = &item.content else { continue };
                let entry = |key: &str| entries.iter().find(|entry| entry.key.text == key);
                if entry("name").is_none() {
                    names.taken.insert(derived_name(names.count), (names.count, item.span));
                }
                INNER.iter().filter_map(|key| entry(key)).for_each(|inner| visit(&inner.value, names));
            }
        }
        let mut names = Self::default();
        lists.iter().for_each(|list| visit(list, &mut names));
        names
    }

    /// Where the step of this name is.
    pub fn place_of(&self, name: &str) -> Option<Span> {
        self.taken.get(name).map(|(_, span)| *span)
    }

    pub fn take(&mut self, name: &str, place: usize, span: Span, faults: &mut Faults<'_>) {
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

pub(crate) fn derived_name(place: usize) -> String {
    format!("step_{place}")
}
