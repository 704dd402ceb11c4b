//! The sentences for what is not YAML, and for the parts of YAML that are not read.

use saphyr_parser::{ScanError, Tag};

use crate::{
    fault::{Code, Faults},
    limits::DEPTH_MAX,
    source::{Source, Span},
};

const WRITE_OUT: &str = "Write the value out where it is used.";

pub(super) fn alias(span: Span, faults: &mut Faults<'_>) {
    faults.error(Code::Alias, span, "Aliases (`*`) are not part of this language.").hint(WRITE_OUT);
}

/// The anchor and the tag of a node.
pub(super) fn properties(span: Span, anchor: usize, tag: Option<&Tag>, faults: &mut Faults<'_>) {
    let text = faults.source.text;
    if anchor != 0 {
        let marked = property(text, span, '&');
        faults.error(Code::Anchor, marked, "Anchors (`&`) are not part of this language.").hint(WRITE_OUT);
    }
    if tag.is_some() {
        let marked = property(text, span, '!');
        faults
            .error(Code::Tag, marked, "Tags (`!`) are not part of this language.")
            .hint("Remove the tag; a text that looks like a number is made a text by quotes.");
    }
}

/// The word that begins with the sign, before the node or at its beginning, as the parser counts.
fn property(text: &str, node: Span, sign: char) -> Span {
    let word = |start: usize| {
        let rest = text.get(start..).unwrap_or_default();
        Span {
            start,
            end: start + rest.find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(rest.len()),
        }
    };
    if text.get(node.start..).is_some_and(|rest| rest.starts_with(sign)) {
        return word(node.start);
    }
    match text.get(..node.start).and_then(|before| before.rfind(sign)) {
        Some(start) => word(start),
        None => node,
    }
}

pub(super) fn depth(span: Span, faults: &mut Faults<'_>) {
    let message = format!("Lists and mappings stand more than {DEPTH_MAX} deep within each other here.");
    faults
        .error(Code::TooDeep, span, message)
        .hint("No definition needs that; look for a bracket that is never closed.");
}

/// What the parser could not read. Its words are kept, in a sentence, with a hint for the slips that people make.
pub(super) fn syntax(source: &Source<'_>, faults: &mut Faults<'_>, error: &ScanError) {
    let start = source.byte(error.marker().index());
    let width = source.text[start..].chars().next().map_or(0, char::len_utf8);
    let span = Span { start, end: start + width };
    let info = error.info();
    match info {
        "recursion limit exceeded" => return depth(span, faults),
        "while parsing node, found unknown anchor" => return alias(span, faults),
        _ => {}
    }
    let hint = if info.contains("tab") {
        Some("Indent with blanks, not with tabs.")
    } else if info.contains("unexpected character") {
        Some("A text that begins with this character must be in quotes.")
    } else if info.contains("mapping values are not allowed")
        || info.contains("simple key")
        || info.contains("':' must be")
    {
        Some(
            "A text with `: ` in it must be in quotes; else look at the indentation of this line and the one above.",
        )
    } else if info.contains("indent") || info.contains("did not find expected key") || info.contains("block")
    {
        Some("Look at the indentation of this line and the ones above it.")
    } else if info.contains("unexpected end") || info.contains("',' or") || info.contains("EOF") {
        Some("Look for a bracket or a quote that is opened and never closed.")
    } else {
        None
    };
    let told = faults.error(Code::Syntax, span, format!("This is not YAML: {}.", info.trim_end_matches('.')));
    if let Some(hint) = hint {
        told.hint(hint);
    }
}
