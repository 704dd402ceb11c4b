//! `http`: one request.

use std::{collections::BTreeMap, time::Instant};

use model::run::{Cause, StepEnd, StepOutcome};
use output::LogWriter;
use reqwest::{Method, Url, header::HeaderMap};

use super::{
    ANSWER_MAX, Field, HTTP_TIMEOUT_DEFAULT, HttpTask, Network,
    client::{body, chain},
    note::Notes,
};
use crate::{
    Stop,
    end::{ended, span, succeeded},
    perform::cannot_start,
    stop::Wish,
};

/// Most bytes of one output.
const VALUE_MAX: usize = 64 * 1024;
/// So much of an answer that is not as expected is shown.
const SHOWN: usize = 4096;

/// An answer, read.
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// There was more of it than is read.
    pub cut: bool,
}

/// Why there is none.
pub(crate) enum Failed {
    /// The request surely never arrived.
    NotSent(String),
    /// It may have arrived.
    NoAnswer(String),
}

impl Network {
    /// Send a request once and look at the answer. If nobody can know whether a request that changes something was
    /// carried out, the end is `unknown`.
    pub async fn http(&self, task: &HttpTask, log: LogWriter, stop: Stop) -> StepEnd {
        let mut notes = Notes::new(log, &task.mask);
        let end = match stop.wish() {
            Wish::GoOn => self.http_once(task, &mut notes, &stop).await,
            Wish::Cancel => ended(StepOutcome::Canceled, Cause::Canceled, "canceled before it started"),
            Wish::Kill => cannot_start("not started: the server is stopping"),
        };
        notes.finish(end).await
    }

    async fn http_once(&self, task: &HttpTask, notes: &mut Notes, stop: &Stop) -> StepEnd {
        let Ok(method) = Method::from_bytes(task.method.as_bytes()) else {
            return cannot_start(format!("`{}` is not the name of a method", task.method.escape_debug()));
        };
        let url = match Url::parse(&task.url) {
            Ok(url) => url,
            Err(error) => return cannot_start(format!("the URL cannot be read: {error}")),
        };
        let safe = method.is_safe();
        let timeout = task.timeout.unwrap_or(HTTP_TIMEOUT_DEFAULT);
        let began = Instant::now();
        notes.note(&format!("{method} {}", shown(&url)));
        let asked = self.ask(method, url, &task.headers, task.body.clone());
        let lost = |cause: Cause, words: String| match safe {
            true => ended(StepOutcome::Failed, cause, words),
            false => StepEnd::unknown(cause, format!("{words}; whether it was carried out is not known")),
        };
        let answer = tokio::select! {
            biased;
            answer = asked => answer,
            () = tokio::time::sleep(timeout) => return lost(Cause::Timeout, format!("no answer after {}", span(timeout))),
            wish = stop.at_least(Wish::Cancel) => return match (wish, safe) {
                (Wish::Kill, _) => StepEnd::unknown(Cause::ServerLost, "the server was stopped while it waited for the answer"),
                (_, true) => ended(StepOutcome::Canceled, Cause::Canceled, "canceled while it waited for the answer"),
                (_, false) => lost(Cause::Canceled, "canceled while it waited for the answer".to_owned()),
            },
        };
        match answer {
            Ok(answer) => {
                notes.note(&answer.line(began));
                judge(task, &answer, notes)
            }
            Err(Failed::NotSent(words)) => {
                notes.note(&words);
                ended(StepOutcome::Failed, Cause::CannotStart, words)
            }
            Err(Failed::NoAnswer(words)) => {
                notes.note(&words);
                lost(Cause::NotAsExpected, words)
            }
        }
    }

    /// Send a request and read the answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        url: Url,
        headers: &[(String, String)],
        body_bytes: Option<Vec<u8>>,
    ) -> Result<Answer, Failed> {
        let client = self.client(&url).await.map_err(Failed::NotSent)?;
        let mut request = client.request(method, url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(bytes) = body_bytes {
            request = request.body(bytes);
        }
        let answer = request.send().await.map_err(|error| {
            let words = chain(&error);
            if error.is_builder() {
                Failed::NotSent(format!("the request cannot be made: {words}"))
            } else if error.is_connect() {
                Failed::NotSent(format!("no connection: {words}"))
            } else {
                Failed::NoAnswer(format!("no answer: {words}"))
            }
        })?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let (body, cut) = body(answer)
            .await
            .map_err(|error| Failed::NoAnswer(format!("the answer broke off: {}", chain(&error))))?;
        Ok(Answer { status, headers, body, cut })
    }
}

impl Answer {
    /// For the log.
    pub fn line(&self, began: Instant) -> String {
        let more = if self.cut { " and more" } else { "" };
        format!("{} after {}, {} bytes{more}", self.status, span(began.elapsed()), self.body.len())
    }

    pub fn is_good(&self, status: &[(u16, u16)]) -> bool {
        match status {
            [] => (200..300).contains(&self.status),
            ranges => ranges.iter().any(|(from, to)| (*from..=*to).contains(&self.status)),
        }
    }

    /// What was wrong with the status.
    pub fn not_as_expected(&self, status: &[(u16, u16)]) -> String {
        let words: Vec<_> = status
            .iter()
            .map(|(from, to)| if from == to { from.to_string() } else { format!("{from} to {to}") })
            .collect();
        let expected = if words.is_empty() { "200 to 299".to_owned() } else { words.join(", ") };
        let to = self.headers.get("location").and_then(|to| to.to_str().ok());
        let to = to.map(|to| format!(", to {to}: other places are not followed")).unwrap_or_default();
        format!("the status is {}{to}; expected: {expected}", self.status)
    }
}

fn judge(task: &HttpTask, answer: &Answer, notes: &mut Notes) -> StepEnd {
    if !answer.is_good(&task.status) {
        notes.show(&String::from_utf8_lossy(&answer.body[..answer.body.len().min(SHOWN)]));
        return ended(StepOutcome::Failed, Cause::NotAsExpected, answer.not_as_expected(&task.status));
    }
    let mut outputs = BTreeMap::new();
    let mut json = None;
    for (name, field) in &task.outputs {
        match output(answer, field, &mut json) {
            Ok(value) if value.len() <= VALUE_MAX => {
                outputs.insert(name.clone(), value);
            }
            Ok(_) => return bad_output(name, "it is longer than 64 KiB"),
            Err(words) => return bad_output(name, &words),
        }
    }
    StepEnd { outputs, ..succeeded() }
}

fn bad_output(name: &str, why: &str) -> StepEnd {
    ended(StepOutcome::Failed, Cause::BadOutput, format!("the output `{name}` is not in the answer: {why}"))
}

fn output(answer: &Answer, field: &Field, json: &mut Option<serde_json::Value>) -> Result<String, String> {
    match field {
        Field::Status => Ok(answer.status.to_string()),
        Field::Body => whole(answer).and_then(|body| {
            String::from_utf8(body.to_vec()).map_err(|_| "the body is not UTF-8".to_owned())
        }),
        Field::Header(name) => {
            let value =
                answer.headers.get(name.as_str()).ok_or_else(|| format!("there is no header `{name}`"))?;
            value.to_str().map(str::to_owned).map_err(|_| format!("the header `{name}` is not plain text"))
        }
        Field::Json(path) => {
            let json = match json {
                Some(json) => json,
                none => none.insert(
                    serde_json::from_slice(whole(answer)?)
                        .map_err(|error| format!("the body is not JSON: {error}"))?,
                ),
            };
            let pointer = pointer(path);
            match json.pointer(&pointer).ok_or_else(|| format!("nothing is at `{path}`"))? {
                serde_json::Value::String(text) => Ok(text.clone()),
                other => Ok(other.to_string()),
            }
        }
    }
}

fn whole(answer: &Answer) -> Result<&[u8], String> {
    match answer.cut {
        true => Err(format!("the body is longer than {ANSWER_MAX} bytes")),
        false => Ok(&answer.body),
    }
}

/// `a.b.0` as a JSON pointer; one that is a pointer already stays.
fn pointer(path: &str) -> String {
    match path {
        "" | "." => String::new(),
        pointer if pointer.starts_with('/') => pointer.to_owned(),
        dotted => {
            dotted.split('.').map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
        }
    }
}

/// A URL for the log: without a name and password in it.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // It refuses for URLs that have none.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_pointers_or_dotted() {
        assert_eq!(pointer("a.b.0"), "/a/b/0");
        assert_eq!(pointer("/a.b/c"), "/a.b/c");
        assert_eq!(pointer(""), "");
        assert_eq!(pointer("a/b.c~d"), "/a~1b/c~0d");
    }
}
