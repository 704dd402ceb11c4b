//! `http`: a request, and what is made of its answer.

use std::collections::BTreeMap;

use model::{
    name::is_identifier,
    runbook::{HttpBody, HttpRequest, StatusRange, Template},
};

use crate::{
    draft::Draft,
    fault::{Code, Faults, listed, quoted},
    fields::{self, Fields, Keys},
    input::{identifier_like, pointer},
    tree::{Content, Node},
};

pub(crate) const KEYS: Keys = Keys {
    of: "a request",
    known: &["method", "url", "headers", "json", "body", "status", "outputs"],
    later: &[],
};

pub(crate) const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

pub(super) fn read_http(
    node: &Node,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<HttpRequest> {
    let fields = Fields::open(node, &KEYS, "`http`", faults)?;
    let url = fields
        .require("url", "Say where the request goes: `url: https://…`.", faults)
        .and_then(|node| read_url(node, "`url`", &format!("{key}/url"), draft, faults));
    let method = match fields.get("method") {
        None => Some("GET"),
        Some(node) => fields::one_of(node, "`method`", &METHODS, faults),
    };
    let headers = match fields.get("headers") {
        None => BTreeMap::new(),
        Some(node) => read_headers(node, &format!("{key}/headers"), draft, faults),
    };
    let body = match (fields.entry("json"), fields.entry("body")) {
        (None, None) => None,
        (Some(json), None) => {
            note_texts(&json.value, &format!("{key}/json"), draft);
            Some(HttpBody::Json(json.value.to_json()))
        }
        (None, Some(body)) => {
            draft.places.put(format!("{key}/body"), body.value.span);
            fields::text(&body.value, "`body`", faults).map(|text| HttpBody::Raw(Template(text.to_owned())))
        }
        (Some(json), Some(body)) => {
            let second = if json.key.span.start < body.key.span.start { body } else { json };
            faults.error(
                Code::SeveralActions,
                second.key.span,
                "A request has one body: `json` or `body`, not both.",
            );
            None
        }
    };
    let status = fields.get("status").map(|node| read_status(node, faults)).unwrap_or_default();
    let outputs = match fields.get("outputs") {
        None => BTreeMap::new(),
        Some(node) => read_outputs(node, faults),
    };
    Some(HttpRequest { method: method?.to_owned(), url: url?, headers, body, status, outputs })
}

/// A URL: its beginning is written out, or is a whole URL's from an expression.
pub(super) fn read_url(
    node: &Node,
    what: &str,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> Option<Template> {
    draft.places.put(key, node.span);
    let text = fields::some_text(node, what, faults)?;
    let begins = text.split("{{").next().unwrap_or_default();
    let good = begins.is_empty() || ["http://", "https://"].iter().any(|scheme| begins.starts_with(scheme));
    if !good {
        faults
            .error(
                Code::BadUrl,
                node.span,
                format!("{what} must begin with `http://` or `https://`, but it is {}.", quoted(text)),
            )
            .hint("An expression at the very beginning is a whole URL; elsewhere it is a part.");
        return None;
    }
    if begins.chars().any(|c| c.is_whitespace() || c.is_control()) || text.contains(['\n', '\r', '\t']) {
        faults
            .error(Code::BadUrl, node.span, format!("{what} holds a blank or a line break."))
            .hint("In a URL a blank is `%20`.");
        return None;
    }
    Some(Template(text.to_owned()))
}

fn read_headers(
    node: &Node,
    key: &str,
    draft: &mut Draft<'_>,
    faults: &mut Faults<'_>,
) -> BTreeMap<String, Template> {
    let mut headers = BTreeMap::new();
    for entry in fields::entries(node, "`headers`", faults).unwrap_or_default() {
        let name = &entry.key.text;
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) {
            let message = format!("{} is no name of a header.", quoted(name));
            faults.error(Code::BadHeader, entry.key.span, message);
        }
        draft.places.put(format!("{key}/{name}"), entry.value.span);
        let Some(text) = fields::text(&entry.value, &format!("The header {}", quoted(name)), faults) else {
            continue;
        };
        if text.contains(char::is_control) {
            let message =
                format!("The header {} holds a line break or another control character.", quoted(name));
            faults.error(Code::BadHeader, entry.value.span, message);
        }
        headers.insert(name.clone(), Template(text.to_owned()));
    }
    headers
}

/// The place of each text of a JSON body.
fn note_texts(node: &Node, key: &str, draft: &mut Draft<'_>) {
    draft.places.put(key, node.span);
    match &node.content {
        Content::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                note_texts(item, &format!("{key}/{index}"), draft);
            }
        }
        Content::Mapping(entries) => {
            for entry in entries {
                note_texts(&entry.value, &format!("{key}/{}", entry.key.text), draft);
            }
        }
        _ => {}
    }
}

/// `200`, `2xx`, `200-204`, or a list of these.
pub(super) fn read_status(node: &Node, faults: &mut Faults<'_>) -> Vec<StatusRange> {
    let items = match &node.content {
        Content::Sequence(items) => items.iter().collect(),
        _ => vec![node],
    };
    if items.is_empty() {
        faults.error(Code::Empty, node.span, "`status` must say which status is good, but it is empty.");
    }
    let mut ranges = Vec::new();
    for item in items {
        match status(item) {
            Some(range) => ranges.push(range),
            None => {
                let message = format!("{} is no HTTP status.", quoted(faults.source.slice(item.span)));
                faults
                    .error(Code::BadStatus, item.span, message)
                    .hint("A status is written like `200`, `2xx` or `200-204`; several are a list.");
            }
        }
    }
    ranges
}

fn status(node: &Node) -> Option<StatusRange> {
    let good = |from: u16, to: u16| {
        ((100..=599).contains(&from) && from <= to && to <= 599).then_some(StatusRange { from, to })
    };
    match &node.content {
        Content::Integer(code) => {
            let code = u16::try_from(*code).ok()?;
            good(code, code)
        }
        Content::Text(text) => {
            if let Some(class) = text.strip_suffix("xx") {
                let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
                return good(class * 100, class * 100 + 99);
            }
            let (from, to) = text.split_once('-')?;
            good(from.trim().parse().ok()?, to.trim().parse().ok()?)
        }
        _ => None,
    }
}

fn read_outputs(node: &Node, faults: &mut Faults<'_>) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    for entry in fields::entries(node, "`outputs`", faults).unwrap_or_default() {
        check_output_name(&entry.key.text, entry.key.span, faults);
        if let Some(pointer) =
            pointer(&entry.value, &format!("The output {}", quoted(&entry.key.text)), faults)
        {
            outputs.insert(entry.key.text.clone(), pointer);
        }
    }
    outputs
}

pub(crate) fn check_output_name(name: &str, span: crate::source::Span, faults: &mut Faults<'_>) {
    if is_identifier(name) {
        return;
    }
    let message = format!(
        "The output name {} must be lower-case letters, digits and `_`, and begin with a letter (at most 63).",
        quoted(name)
    );
    let told = faults.error(Code::BadIdentifier, span, message);
    if let Some(better) = identifier_like(name) {
        told.hint(format!("For example {}.", listed(&[&better], "or")));
    }
}
