//! The tree under construction: the collections that are open, the innermost last.

use std::collections::HashMap;

use super::DocumentContent;
use crate::{
    fault::{Code, Faults, quoted},
    scalar::{Scalar, resolve},
    source::Span,
    tree::{Content, Entry, Key, Node},
};

#[derive(Default)]
pub(super) struct Builder {
    /// Other tools' documents are built too: whoever asks wants to read them.
    all: bool,
    open: Vec<Open>,
    root: Option<Node>,
    /// The `apiVersion` key of another tool's document; from there on only depth is followed.
    foreign: Option<Span>,
    /// Collections open within a foreign document.
    foreign_depth: usize,
}

enum Open {
    Sequence {
        items: Vec<Node>,
        span: Span,
    },
    Mapping {
        entries: Vec<Entry>,
        seen: HashMap<String, Span>,
        key: Option<PendingKey>,
        /// Was an entry dropped because of its key?
        some_told: bool,
        span: Span,
    },
}

/// The key whose value comes next.
enum PendingKey {
    Good(Key),
    /// It was wrong and has been told; its value is dropped.
    Told,
}

impl Builder {
    pub fn new(all: bool) -> Self {
        Self { all, ..Self::default() }
    }

    pub fn depth(&self) -> usize {
        self.open.len()
    }

    pub fn is_foreign(&self) -> bool {
        self.foreign.is_some()
    }

    pub fn open_sequence(&mut self, span: Span) {
        if self.foreign.is_some() {
            self.foreign_depth += 1;
        } else {
            self.open.push(Open::Sequence { items: Vec::new(), span });
        }
    }

    pub fn open_mapping(&mut self, span: Span) {
        if self.foreign.is_some() {
            self.foreign_depth += 1;
        } else {
            self.open.push(Open::Mapping {
                entries: Vec::new(),
                seen: HashMap::new(),
                key: None,
                some_told: false,
                span,
            });
        }
    }

    pub fn close(&mut self, end: Span, faults: &mut Faults<'_>) {
        if self.foreign.is_some() {
            self.foreign_depth = self.foreign_depth.saturating_sub(1);
            return;
        }
        let (content, span) = match self.open.pop() {
            None => return,
            Some(Open::Sequence { items, span }) => {
                let first = items.first().map(|item| item.span);
                (Content::Sequence(items), extent(span, first, end, faults))
            }
            Some(Open::Mapping { entries, span, some_told, .. }) => {
                let first = entries.first().map(|entry| entry.key.span);
                // `{{ name }}` without quotes: one fault is enough.
                let nothing_good = some_told && entries.is_empty();
                let content = if nothing_good { Content::Told } else { Content::Mapping(entries) };
                (content, extent(span, first, end, faults))
            }
        };
        self.add(Node { content, span }, None, faults);
    }

    /// A place at which something was wrong that has been told.
    pub fn told(&mut self, span: Span, faults: &mut Faults<'_>) {
        self.add(Node { content: Content::Told, span }, None, faults);
    }

    pub fn scalar(&mut self, text: &str, plain: bool, span: Span, faults: &mut Faults<'_>) {
        if self.foreign.is_some() {
            return;
        }
        let span = if plain && text.is_empty() { self.empty_place(span, faults) } else { span };
        let content = if self.expects_key() {
            // A key is always text.
            Content::Text(text.to_owned())
        } else if plain {
            match resolve(text) {
                Scalar::Null => Content::Null,
                Scalar::Boolean(value) => Content::Boolean(value),
                Scalar::Integer(value) => Content::Integer(value),
                Scalar::Decimal(value) => Content::Decimal(value),
                Scalar::Text => Content::Text(text.to_owned()),
                Scalar::OutOfRange => {
                    faults
                        .error(
                            Code::NumberOutOfRange,
                            span,
                            format!("The number {} is too large.", quoted(text)),
                        )
                        .hint("Put it in quotes: it is then a text, and kept digit by digit.");
                    Content::Told
                }
            }
        } else {
            Content::Text(text.to_owned())
        };
        let content = if text.contains('\0') {
            faults.error(
                Code::NulCharacter,
                span,
                "A text may not hold the NUL character: no process could be given it.",
            );
            Content::Told
        } else {
            content
        };
        self.add(Node { content, span }, Some(plain), faults);
    }

    pub fn finish(self, sound: bool) -> DocumentContent {
        match (self.foreign, self.root) {
            (Some(key), _) => DocumentContent::Foreign(key),
            (None, None | Some(Node { content: Content::Null, .. })) => DocumentContent::Empty,
            (None, Some(root)) => DocumentContent::Tree { root, sound },
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Mapping { key: None, .. }))
    }

    /// Puts a finished node where it belongs. `plain` says how a scalar was written.
    fn add(&mut self, node: Node, plain: Option<bool>, faults: &mut Faults<'_>) {
        if self.foreign.is_some() {
            return;
        }
        let at_root = self.open.len() == 1;
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, seen, key, some_told, .. }) => match key.take() {
                Some(PendingKey::Good(key)) => entries.push(Entry { key, value: node }),
                Some(PendingKey::Told) => *some_told = true,
                None => {
                    let foreign = matches!(&node.content, Content::Text(text) if text == "apiVersion");
                    if at_root && foreign && !self.all {
                        self.foreign = Some(node.span);
                        self.foreign_depth = 1;
                        self.open.clear();
                        return;
                    }
                    *key = Some(accept_key(node, plain == Some(true), seen, faults));
                }
            },
        }
    }

    /// A value that is missing is marked where its key is: the parser would point at whatever comes next.
    fn empty_place(&self, span: Span, faults: &Faults<'_>) -> Span {
        if let Some(Open::Mapping { key: Some(PendingKey::Good(key)), .. }) = self.open.last() {
            return key.span;
        }
        let before = faults.source.text.get(..span.start).unwrap_or_default().trim_end();
        let start = before.char_indices().next_back().map_or(0, |(at, _)| at);
        Span { start, end: before.len() }
    }
}

fn accept_key(
    node: Node,
    plain: bool,
    seen: &mut HashMap<String, Span>,
    faults: &mut Faults<'_>,
) -> PendingKey {
    let text = match node.content {
        Content::Text(text) => text,
        Content::Told => return PendingKey::Told,
        _ => {
            faults
                .error(Code::ComplexKey, node.span, "A key must be a text, not a list or a mapping.")
                .hint("If this was meant as a text that begins with `{` or `[`, put it in quotes.");
            return PendingKey::Told;
        }
    };
    if plain && text == "<<" {
        faults
            .error(Code::MergeKey, node.span, "Merge keys (`<<`) are not part of this language.")
            .hint("Write the keys out.");
        return PendingKey::Told;
    }
    if let Some(first) = seen.get(&text) {
        let (line, column) = faults.source.place(first.start);
        let message =
            format!("The key {} is here twice; the first is at line {line}, column {column}.", quoted(&text));
        faults.error(Code::DuplicateKey, node.span, message).hint("Keep one of the two.");
        return PendingKey::Told;
    }
    seen.insert(text.clone(), node.span);
    PendingKey::Good(Key { text, span: node.span })
}

/// From the first to the last character between brackets; of an indented collection the first key or item.
fn extent(start: Span, first: Option<Span>, end: Span, faults: &Faults<'_>) -> Span {
    let bracket = faults.source.slice(end);
    if bracket == "]" || bracket == "}" {
        return Span { start: start.start, end: end.end };
    }
    first.unwrap_or(start)
}
