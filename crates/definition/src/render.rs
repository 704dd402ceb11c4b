//! A step's action with its templates filled in: for whoever performs it.
//!
//! Each text is filled in for the place where it stands (law 2): an argument is one argument whatever is in it, a part of a URL
//! stays a part of it, a header stays one line. Scripts are never filled in.

use model::{
    evaluate::Evaluate,
    runbook::{Check, CheckSubject, HttpBody, HttpRequest, Manual, StepAction, Template, Wait},
};
use serde_json::Value;

use crate::expression::{
    engine::{self, Expressions},
    template::{self, Part},
};

/// The action with plain texts in place of its templates. What is in a group, and the inputs of a call, are not touched.
///
/// # Errors
/// In words why a template has no text, or none that may stand there.
pub fn render(action: &StepAction, values: &Value, expressions: &Expressions) -> Result<StepAction, String> {
    let text = |template: &Template, what: &str| {
        expressions.text(template, values).map(Template).map_err(|why| format!("{what}: {why}"))
    };
    Ok(match action {
        StepAction::Command { argv } => StepAction::Command {
            argv: argv
                .iter()
                .map(|argument| {
                    let argument = text(argument, "`command`")?;
                    if argument.0.contains('\0') {
                        return Err("`command`: an argument may not hold the NUL character".to_owned());
                    }
                    Ok(argument)
                })
                .collect::<Result<_, _>>()?,
        },
        StepAction::Http(request) => StepAction::Http(http(request, values, expressions)?),
        StepAction::Check(check) => StepAction::Check(Check {
            subject: subject(&check.subject, values, expressions)?,
            ..check.clone()
        }),
        StepAction::Manual(manual) => StepAction::Manual(Manual {
            instructions: text(&manual.instructions, "`manual`")?,
            ..manual.clone()
        }),
        StepAction::Approve { message } => StepAction::Approve { message: text(message, "`approve`")? },
        StepAction::Wait(Wait::For(time)) => StepAction::Wait(Wait::For(text(time, "`wait`")?)),
        StepAction::Wait(Wait::Until(time)) => StepAction::Wait(Wait::Until(text(time, "`wait`")?)),
        other => other.clone(),
    })
}

fn http(request: &HttpRequest, values: &Value, expressions: &Expressions) -> Result<HttpRequest, String> {
    let url = expressions.url(&request.url, values).map(Template).map_err(|why| format!("`url`: {why}"))?;
    let mut headers = request.headers.clone();
    for (name, value) in &mut headers {
        let text = expressions.text(value, values).map_err(|why| format!("header `{name}`: {why}"))?;
        if text.contains(|c: char| c.is_control() && c != '\t') {
            return Err(format!(
                "header `{name}`: its value holds a line break or another control character"
            ));
        }
        *value = Template(text);
    }
    let body = match &request.body {
        None => None,
        Some(HttpBody::Raw(body)) => Some(HttpBody::Raw(
            expressions.text(body, values).map(Template).map_err(|why| format!("`body`: {why}"))?,
        )),
        Some(HttpBody::Json(body)) => Some(HttpBody::Json(
            expressions.render_json(body, values).map_err(|why| format!("`json`: {why}"))?,
        )),
    };
    Ok(HttpRequest { url, headers, body, ..request.clone() })
}

fn subject(
    subject: &CheckSubject,
    values: &Value,
    expressions: &Expressions,
) -> Result<CheckSubject, String> {
    Ok(match subject {
        CheckSubject::Http { url, status, contains } => CheckSubject::Http {
            url: expressions.url(url, values).map(Template).map_err(|why| format!("`http`: {why}"))?,
            status: status.clone(),
            contains: match contains {
                None => None,
                Some(text) => Some(Template(
                    expressions.text(text, values).map_err(|why| format!("`contains`: {why}"))?,
                )),
            },
        },
        CheckSubject::Tcp { address } => {
            let text = expressions.text(address, values).map_err(|why| format!("`tcp`: {why}"))?;
            let port = text.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
            if !matches!(port, Some((host, Ok(1..))) if is_host(host)) {
                return Err("`tcp`: it is not a host and a port".to_owned());
            }
            CheckSubject::Tcp { address: Template(text) }
        }
        script @ CheckSubject::Script { .. } => script.clone(),
    })
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]%".contains(&b))
}

impl Expressions {
    /// A URL: at its very beginning an expression is a whole URL; between `://` and the next `/` it is a host, perhaps with its
    /// port; after that it is percent-encoded as a part of a path or a query, and cannot become more than one.
    ///
    /// # Errors
    /// In words why there is no such URL.
    pub fn url(&self, template: &Template, values: &Value) -> Result<String, String> {
        let mut out = String::new();
        for part in template::split(&template.0).map_err(|refused| refused.message)? {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Expression { text, .. } => {
                    let value = engine::text_of(text, values)?;
                    push(&mut out, &value)?;
                }
            }
        }
        let after = ["http://", "https://"].iter().find_map(|scheme| out.strip_prefix(scheme));
        let Some(after) = after else {
            return Err("it does not begin with `http://` or `https://`".to_owned());
        };
        if after.is_empty() || after.starts_with(['/', '?', '#']) {
            return Err("it names no host".to_owned());
        }
        let path = after.split(['?', '#']).next().unwrap_or_default();
        if path.split('/').skip(1).any(|segment| segment == ".." || segment == ".") {
            return Err("a part of its path is `.` or `..`".to_owned());
        }
        Ok(out)
    }
}

fn push(out: &mut String, value: &str) -> Result<(), String> {
    let Some((_, after)) = out.split_once("://") else {
        if !out.is_empty() {
            return Err("what its scheme is cannot be an expression".to_owned());
        }
        if value.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("it holds a blank or a control character".to_owned());
        }
        out.push_str(value);
        return Ok(());
    };
    if !after.contains(['/', '?', '#']) {
        if !is_host(value) {
            return Err("what stands for its host is no host".to_owned());
        }
        out.push_str(value);
        return Ok(());
    }
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(())
}

/// All templates of an action, as they are written: what a step speaks of when it is performed.
pub fn templates(action: &StepAction) -> Vec<&str> {
    each(action).into_iter().map(|(_, text)| text).collect()
}

/// Each template of an action, by its place in the step.
pub(crate) fn each(action: &StepAction) -> Vec<(String, &str)> {
    fn texts<'v>(value: &'v Value, key: String, into: &mut Vec<(String, &'v str)>) {
        match value {
            Value::String(text) => into.push((key, text)),
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, item)| texts(item, format!("{key}/{index}"), into));
            }
            Value::Object(map) => {
                map.iter().for_each(|(name, value)| texts(value, format!("{key}/{name}"), into))
            }
            _ => {}
        }
    }
    let mut all: Vec<(String, &str)> = Vec::new();
    match action {
        StepAction::Command { argv } => {
            all.extend(
                argv.iter().enumerate().map(|(index, text)| (format!("command/{index}"), text.0.as_str())),
            );
        }
        StepAction::Http(request) => {
            all.push(("http/url".to_owned(), &request.url.0));
            all.extend(
                request.headers.iter().map(|(name, text)| (format!("http/headers/{name}"), text.0.as_str())),
            );
            match &request.body {
                Some(HttpBody::Raw(body)) => all.push(("http/body".to_owned(), &body.0)),
                Some(HttpBody::Json(body)) => texts(body, "http/json".to_owned(), &mut all),
                None => {}
            }
        }
        StepAction::Check(Check { subject, .. }) => match subject {
            CheckSubject::Http { url, contains, .. } => {
                all.push(("check/http".to_owned(), &url.0));
                all.extend(contains.iter().map(|text| ("check/contains".to_owned(), text.0.as_str())));
            }
            CheckSubject::Tcp { address } => all.push(("check/tcp".to_owned(), &address.0)),
            CheckSubject::Script { .. } => {}
        },
        StepAction::Manual(manual) => all.push(("manual".to_owned(), &manual.instructions.0)),
        StepAction::Approve { message } => all.push(("approve".to_owned(), &message.0)),
        StepAction::Runbook { inputs, .. } => {
            all.extend(inputs.iter().map(|(name, text)| (format!("inputs/{name}"), text.0.as_str())));
        }
        StepAction::Wait(Wait::For(text) | Wait::Until(text)) => all.push(("wait".to_owned(), &text.0)),
        StepAction::Run { .. } | StepAction::Parallel { .. } | StepAction::Steps { .. } => {}
    }
    all
}
