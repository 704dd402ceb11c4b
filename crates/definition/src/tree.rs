//! A document as a tree whose every node knows where it was written.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::source::Span;

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub content: Content,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Null,
    Boolean(bool),
    Integer(i64),
    Decimal(f64),
    Text(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Something was wrong here and has been told; whoever comes across it says nothing more.
    Told,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: Key,
    pub value: Node,
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub text: String,
    pub span: Span,
}

impl Node {
    /// What it is, for a sentence.
    pub fn what(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Boolean(_) => "a boolean",
            Content::Integer(_) => "an integer",
            Content::Decimal(_) => "a decimal number",
            Content::Text(_) => "text",
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a mapping",
            Content::Told => "a fault",
        }
    }

    /// The same as JSON. A tree is at most [`crate::limits::DEPTH_MAX`] deep, so this may call itself.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null | Content::Told => Value::Null,
            Content::Boolean(value) => Value::from(*value),
            Content::Integer(value) => Value::from(*value),
            Content::Decimal(value) => Value::from(*value),
            Content::Text(value) => Value::from(value.as_str()),
            Content::Sequence(items) => items.iter().map(Self::to_json).collect(),
            // In the order of keys, whatever serde_json keeps: what a document says depends on nothing that is linked.
            Content::Mapping(entries) => {
                let sorted: BTreeMap<_, _> =
                    entries.iter().map(|e| (e.key.text.clone(), e.value.to_json())).collect();
                Value::Object(sorted.into_iter().collect())
            }
        }
    }
}
