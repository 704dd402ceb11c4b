//! From text to trees: YAML 1.2 without what makes YAML dangerous (tags, anchors, aliases, merge keys, doubled keys).
//!
//! The parser's events are taken one at a time, and depth and size are counted on them, so that a hostile text ends early
//! and nothing here calls itself as deep as that text likes.

mod build;
mod refuse;

use saphyr_parser::{Event, Parser, ScalarStyle};

use self::build::Builder;
use crate::{
    fault::{Code, Faults},
    limits::{DEPTH_MAX, DOCUMENT_MAX, NODES_MAX},
    source::{Source, Span},
    tree::Node,
};

/// One document of a file.
pub(crate) struct Document {
    /// Its own text, with its `---` and the comments up to the next document.
    pub text: Span,
    pub content: DocumentContent,
}

pub(crate) enum DocumentContent {
    /// Comments at most.
    Empty,
    /// It says `apiVersion`, at this place: some other tool's.
    Foreign(Span),
    /// Our own to read; `sound` if nothing was wrong with it as YAML.
    Tree { root: Node, sound: bool },
}

/// What a file holds.
pub(crate) struct Documents {
    pub list: Vec<Document>,
    /// Was it read to its end?
    pub whole: bool,
}

/// Our own documents; of other tools' only that they are there.
pub(crate) fn parse(faults: &mut Faults<'_>) -> Documents {
    documents(faults, false)
}

/// All documents, whosever they are, by the same rules.
pub(crate) fn parse_all(faults: &mut Faults<'_>) -> Documents {
    documents(faults, true)
}

fn documents(faults: &mut Faults<'_>, all: bool) -> Documents {
    let source = faults.source;
    let mut list = Vec::new();
    let whole = check_text(faults).and_then(|()| read_events(source, all, faults, &mut list)).is_some();
    if let Some(last) = list.last_mut() {
        last.text.end = source.text.len();
    }
    Documents { list, whole }
}

/// What can be said without parsing. None ends the file, here and below: the fault has been told.
fn check_text(faults: &mut Faults<'_>) -> Option<()> {
    let text = faults.source.text;
    if text.len() > DOCUMENT_MAX {
        let message =
            format!("This file has {} bytes, but at most {DOCUMENT_MAX} (1 MiB) are read.", text.len());
        faults.error(Code::DocumentTooLarge, Span { start: 0, end: 0 }, message);
        return None;
    }
    // The parser takes some of these for the end of the text.
    let (at, control) = match text.char_indices().find(|(_, c)| !is_printable(*c)) {
        None => return Some(()),
        Some(found) => found,
    };
    let span = Span { start: at, end: at + control.len_utf8() };
    faults
        .error(
            Code::ControlCharacter,
            span,
            format!("The control character U+{:04X} may not stand in YAML.", control as u32),
        )
        .hint("Remove it, or write it as an escape in double quotes.");
    None
}

/// YAML 1.2, section 5.1.
fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{FFFD}' | '\u{10000}'..)
}

fn read_events(
    source: &Source<'_>,
    all: bool,
    faults: &mut Faults<'_>,
    list: &mut Vec<Document>,
) -> Option<()> {
    let mut parser = Parser::new_from_str(source.text);
    let mut builder = Builder::new(all);
    let mut told_before = 0;
    let mut nodes = 0;
    // Where the next document's text begins, if the one before ended with `...`.
    let mut boundary = Some(0);
    let mut start = 0;
    loop {
        let (event, place) = match parser.next_event() {
            None => return Some(()),
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                refuse::syntax(source, faults, &error);
                return None;
            }
        };
        let span = Span { start: source.byte(place.start.index()), end: source.byte(place.end.index()) };
        nodes += usize::from(matches!(
            event,
            Event::Alias(_) | Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..)
        ));
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
            Event::DocumentStart(_) => {
                start = boundary.take().unwrap_or(span.start);
                if let Some(before) = list.last_mut() {
                    before.text.end = start;
                }
                builder = Builder::new(all);
                told_before = faults.count();
            }
            Event::DocumentEnd => {
                if source.slice(span).starts_with("...") {
                    let rest = &source.text[span.end..];
                    boundary = Some(span.end + rest.find('\n').map_or(rest.len(), |at| at + 1));
                }
                let content = std::mem::take(&mut builder).finish(!faults.errors_since(told_before));
                if matches!(content, DocumentContent::Foreign(_)) {
                    faults.forget(told_before);
                }
                list.push(Document { text: Span { start, end: span.start }, content });
            }
            Event::SequenceEnd | Event::MappingEnd => builder.close(span, faults),
            Event::Alias(_) => {
                refuse::alias(span, faults);
                builder.told(span, faults);
            }
            Event::Scalar(text, style, anchor, tag) => {
                refuse::properties(span, anchor, tag.as_deref(), faults);
                builder.scalar(&text, style == ScalarStyle::Plain, span, faults);
            }
            Event::SequenceStart(anchor, tag) => {
                refuse::properties(span, anchor, tag.as_deref(), faults);
                builder.open_sequence(span);
            }
            Event::MappingStart(anchor, tag) => {
                refuse::properties(span, anchor, tag.as_deref(), faults);
                builder.open_mapping(span);
            }
        }
        // Another tool's document may be as it likes: of it nothing is kept, so that nothing has to be bounded.
        if builder.is_foreign() {
            continue;
        }
        if builder.depth() > DEPTH_MAX {
            refuse::depth(span, faults);
            return None;
        }
        if nodes > NODES_MAX {
            let message = format!("This file has more than {NODES_MAX} keys and values.");
            faults.error(Code::TooManyNodes, span, message).hint("Split it into several files.");
            return None;
        }
    }
}
