//! The keys of a mapping, taken one by one, and their values by type. What nobody took is unknown.

use crate::{
    fault::{Code, Faults, listed, quoted},
    limits::{ENTRIES_MAX, INTEGER_MAX},
    source::Span,
    suggest,
    tree::{Content, Entry, Node},
};

/// The keys that one kind of mapping has.
pub(crate) struct Keys {
    /// What the mapping is, in a sentence: `a runbook`.
    pub of: &'static str,
    pub known: &'static [&'static str],
    /// Designed, and not there yet.
    pub later: &'static [&'static str],
}

pub(crate) struct Fields<'t> {
    entries: &'t [Entry],
    keys: &'static Keys,
    /// Where a missing key is told.
    pub span: Span,
}

impl<'t> Fields<'t> {
    /// Opens a mapping and tells its unknown keys.
    pub fn open(node: &'t Node, keys: &'static Keys, what: &str, faults: &mut Faults<'_>) -> Option<Self> {
        let entries = mapping(node, what, faults)?;
        for Entry { key, .. } in entries {
            if keys.known.contains(&key.text.as_str()) {
                continue;
            }
            let message = format!("The key {} is not known in {}.", quoted(&key.text), keys.of);
            let hint = if keys.later.contains(&key.text.as_str()) {
                format!("`{}` comes with a later version of Signalbox.", key.text)
            } else {
                suggest::hint(&key.text, keys.known)
            };
            faults.error(Code::UnknownKey, key.span, message).hint(hint);
        }
        Some(Self { entries, keys, span: node.span })
    }

    pub fn entry(&self, key: &str) -> Option<&'t Entry> {
        debug_assert!(self.keys.known.contains(&key), "`{key}` is read, but not declared");
        self.entries.iter().find(|entry| entry.key.text == key)
    }

    pub fn get(&self, key: &str) -> Option<&'t Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A key that has to be there.
    pub fn require(&self, key: &str, hint: &str, faults: &mut Faults<'_>) -> Option<&'t Node> {
        let found = self.get(key);
        if found.is_none() {
            let message = format!("The key `{key}` is missing in {}.", self.keys.of);
            faults.error(Code::MissingKey, self.span, message).hint(hint);
        }
        found
    }

    /// An optional text.
    pub fn text(&self, key: &str, faults: &mut Faults<'_>) -> Option<&'t str> {
        text(self.get(key)?, &format!("`{key}`"), faults)
    }
}

pub(crate) fn mapping<'t>(node: &'t Node, what: &str, faults: &mut Faults<'_>) -> Option<&'t [Entry]> {
    match &node.content {
        Content::Mapping(entries) => Some(entries),
        _ => wrong_type(node, what, "a mapping of keys and values", faults),
    }
}

pub(crate) fn sequence<'t>(node: &'t Node, what: &str, faults: &mut Faults<'_>) -> Option<&'t [Node]> {
    match &node.content {
        Content::Sequence(items) => Some(items),
        _ => wrong_type(node, what, "a list", faults),
    }
}

pub(crate) fn text<'t>(node: &'t Node, what: &str, faults: &mut Faults<'_>) -> Option<&'t str> {
    match &node.content {
        Content::Text(text) => Some(text),
        _ => wrong_type(node, what, "text", faults),
    }
}

pub(crate) fn boolean(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<bool> {
    match &node.content {
        Content::Boolean(value) => Some(*value),
        _ => wrong_type(node, what, "`true` or `false`", faults),
    }
}

/// A text that is not empty.
pub(crate) fn some_text<'t>(node: &'t Node, what: &str, faults: &mut Faults<'_>) -> Option<&'t str> {
    let text = text(node, what, faults)?;
    if text.trim().is_empty() {
        faults.error(Code::Empty, node.span, format!("{what} must not be empty."));
        return None;
    }
    Some(text)
}

/// A mapping of names and values, not too many.
pub(crate) fn entries<'t>(node: &'t Node, what: &str, faults: &mut Faults<'_>) -> Option<&'t [Entry]> {
    let entries = mapping(node, what, faults)?;
    if entries.len() > ENTRIES_MAX {
        let message = format!("{what} has {} entries, but at most {ENTRIES_MAX} are read.", entries.len());
        faults.error(Code::TooMany, node.span, message);
        return None;
    }
    Some(entries)
}

pub(crate) fn integer(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<i64> {
    match &node.content {
        Content::Integer(value) => Some(*value),
        _ => wrong_type(node, what, &format!("an integer between -{INTEGER_MAX} and {INTEGER_MAX}"), faults),
    }
}

/// A text out of a few.
pub(crate) fn one_of<'k>(
    node: &Node,
    what: &str,
    known: &[&'k str],
    faults: &mut Faults<'_>,
) -> Option<&'k str> {
    let text = text(node, what, faults)?;
    let found = known.iter().find(|known| **known == text).copied();
    if found.is_none() {
        let message = format!("{what} must be {}, but it is {}.", listed(known, "or"), quoted(text));
        let told = faults.error(Code::UnknownValue, node.span, message);
        if let Some(near) = suggest::nearest(text, known.iter().copied()) {
            told.hint(format!("Did you mean `{near}`?"));
        }
    }
    found
}

/// Says what is expected and what is there. `what` begins the sentence.
pub(crate) fn wrong_type<T>(node: &Node, what: &str, expected: &str, faults: &mut Faults<'_>) -> Option<T> {
    let hint = match &node.content {
        Content::Told => return None,
        Content::Null => Some("Give it a value, or leave the key out.".to_owned()),
        Content::Text(text)
            if expected == "`true` or `false`" && ["yes", "no", "on", "off"].contains(&text.as_str()) =>
        {
            let meant = ["yes", "on"].contains(&text.as_str());
            Some(format!("In YAML 1.2 `{text}` is a text; write `{meant}`."))
        }
        Content::Boolean(_) | Content::Integer(_) | Content::Decimal(_) if expected == "text" => {
            Some(format!("Put it in quotes: \"{}\".", faults.source.slice(node.span)))
        }
        Content::Text(text)
            if expected.starts_with("an integer") && crate::scalar::integer(text).is_some() =>
        {
            Some("Leave the quotes out.".to_owned())
        }
        _ => None,
    };
    let message = format!("{what} must be {expected}, but it is {}.", node.what());
    let told = faults.error(Code::WrongType, node.span, message);
    if let Some(hint) = hint {
        told.hint(hint);
    }
    None
}
