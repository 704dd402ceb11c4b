//! What can be chosen for an input, asked when the form opens: of a URL, or of a runbook that only reads.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::{Path, rejection::JsonRejection},
    http::StatusCode,
};
use model::{
    api::{ChoiceOption, Choices, ChoicesRequest, Problem},
    evaluate::Evaluate,
    id::RunId,
    run::{Run, RunEvent, RunState, values},
    runbook::{ChoicesFrom, Effect, Input, InputKind, Template},
};
use policy::RunPlan;
use serde_json::{Map, Value, json};

use super::runs::{may_start, requester};
use crate::{
    access::Allowed,
    body::Object,
    clock, fetch,
    planning::{self, Pinned, Planned, Request},
    problem::ApiError,
};

/// Options of one choice.
const OPTIONS_MAX: usize = 10_000;
/// How long a runbook may take to say what can be chosen.
const RUN_TIME: Duration = Duration::from_secs(15);

/// What can be chosen for an input now, given the values of the inputs before it.
#[utoipa::path(post, path = "/api/v1/projects/{project}/runbooks/{runbook}/choices/{input}", operation_id = "choices", tag = "runs",
    params(("project" = String, Path), ("runbook" = String, Path), ("input" = String, Path)),
    request_body = ChoicesRequest, responses(
    (status = 200, description = "The options", body = Choices),
    (status = 403, description = "They come from a runbook that this principal may not start", body = Problem),
    (status = 404, description = "No such runbook, or no such input with choices", body = Problem),
    (status = 409, description = "The host is not allowed, or the runbook does not only read", body = Problem),
    (status = 422, description = "They depend on an input that was not given", body = Problem),
    (status = 502, description = "Whoever was asked did not answer as it should", body = Problem),
))]
pub(super) async fn choices(
    allowed: Allowed<RunPlan>,
    Path((project, name, input)): Path<(String, String, String)>,
    body: Result<Json<Object<ChoicesRequest>>, JsonRejection>,
) -> Result<Json<Choices>, ApiError> {
    let Json(Object(request)) = body?;
    let pinned = planning::published(allowed.store(), &project, &name).await?;
    let declared = &pinned.runbook.runbook.inputs;
    let found = declared.iter().find(|known| known.name == input);
    let Some(InputKind::Choice { options, from, .. }) = found.map(|input| &input.kind) else {
        let hint = "The runbook lists its inputs and their types.";
        return Err(ApiError::not_found(&format!("input `{input}` with choices in runbook `{name}`"), hint));
    };
    let options = match from {
        None => options.iter().map(|value| ChoiceOption { value: value.clone(), label: None }).collect(),
        Some(from) => {
            let known = known_inputs(declared, &request.inputs);
            match from {
                ChoicesFrom::Url { url, pointer } => {
                    from_url(&allowed, url, pointer.as_deref(), &known).await?
                }
                ChoicesFrom::Runbook { name, output, inputs } => {
                    let given = filled(&allowed, inputs, &known)?;
                    from_runbook(&allowed, &project, name, output, given, &input).await?
                }
            }
        }
    };
    Ok(Json(Choices { options }))
}

/// What templates see: the inputs so far. Nobody has checked them yet, and secrets are not among them.
fn known_inputs(declared: &[Input], given: &BTreeMap<String, Value>) -> Value {
    let mut inputs = Map::new();
    for input in declared.iter().filter(|input| !matches!(input.kind, InputKind::Secret)) {
        let default = || input.default.as_ref().map(model::runbook::InputValue::to_json);
        if let Some(value) = given.get(&input.name).cloned().or_else(default) {
            inputs.insert(input.name.clone(), value);
        }
    }
    json!({"inputs": inputs})
}

fn filled(
    allowed: &Allowed<RunPlan>,
    templates: &BTreeMap<String, Template>,
    known: &Value,
) -> Result<BTreeMap<String, Value>, ApiError> {
    let fill = |(name, template): (&String, &Template)| {
        let text = allowed.engine().evaluate().text(template, known).map_err(depends)?;
        Ok((name.clone(), Value::String(text)))
    };
    templates.iter().map(fill).collect()
}

fn depends(why: String) -> ApiError {
    ApiError::faulty(format!("What can be chosen cannot be asked for yet: {why}."), Vec::new())
        .hint("Give the inputs before this one first.")
}

async fn from_url(
    allowed: &Allowed<RunPlan>,
    url: &Template,
    pointer: Option<&str>,
    known: &Value,
) -> Result<Vec<ChoiceOption>, ApiError> {
    let address = allowed.engine().evaluate().url(url, known).map_err(depends)?;
    let hosts = allowed.choices_hosts();
    let answer = fetch::json(hosts, &address).await.map_err(|error| {
        let detail = format!("What can be chosen was not fetched: {error}.");
        if error.is_refusal() {
            let all: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            let now = if all.is_empty() { "none are".to_owned() } else { format!("these are: {}", all.join(", ")) };
            ApiError::new(StatusCode::CONFLICT, "host-not-allowed", "Host not allowed", detail).hint(format!(
                "Whoever runs the server says which hosts may be asked (`--choices-host HOST[:PORT]`); now {now}."
            ))
        } else {
            bad_gateway(detail).hint("Try again, or type the value if the input takes other ones.")
        }
    })?;
    let list = match pointer {
        Some(pointer) => answer.pointer(pointer).ok_or_else(|| {
            bad_gateway(format!("The answer has nothing at `{pointer}`."))
                .hint("Look at `pointer` of the input's `from`.")
        })?,
        None => &answer,
    };
    options_of(list).map_err(|why| bad_gateway(format!("The answer is no list of choices: {why}.")))
}

fn bad_gateway(detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_GATEWAY, "choices", "No choices", detail)
}

/// A list of texts, or of objects with `value` and perhaps `label`.
fn options_of(list: &Value) -> Result<Vec<ChoiceOption>, String> {
    let items = list.as_array().ok_or("a list is expected")?;
    if items.len() > OPTIONS_MAX {
        return Err(format!("it has {} entries, and {OPTIONS_MAX} are the most", items.len()));
    }
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    };
    let option = |(place, item): (usize, &Value)| {
        let option = match item {
            Value::Object(fields) => fields.get("value").and_then(text).map(|value| {
                let label = fields.get("label").and_then(text).filter(|label| *label != value);
                ChoiceOption { value, label }
            }),
            item => text(item).map(|value| ChoiceOption { value, label: None }),
        };
        let option = option
            .ok_or_else(|| format!("entry {} is neither a text nor an object with a `value`", place + 1))?;
        if option.value.contains('\0') { Err(format!("entry {} holds a NUL", place + 1)) } else { Ok(option) }
    };
    items.iter().enumerate().map(option).collect()
}

async fn from_runbook(
    allowed: &Allowed<RunPlan>,
    project: &str,
    name: &str,
    output: &str,
    given: BTreeMap<String, Value>,
    input: &str,
) -> Result<Vec<ChoiceOption>, ApiError> {
    let store = allowed.store();
    let pinned = planning::published(store, project, name).await?;
    if pinned.plan.effect() != Effect::Read {
        let detail = format!("Runbook `{name}` does not only read, so nobody's form starts it.");
        return Err(ApiError::new(StatusCode::CONFLICT, "not-read-only", "Not read-only", detail)
            .hint("Give every step of it `effect: read`, if that is so."));
    }
    for runbook in pinned.runbooks() {
        may_start(allowed, project, runbook)?;
    }
    let by = requester(allowed.principal());
    let read = pinned.read(store, &given, clock::now(), &by.name).await?;
    let outputs = pinned.runbook.runbook.outputs.clone();
    let (id, reason) = (pinned.project, Some(format!("choices of the input {input}")));
    let request = Request { reason, by, via: "api".to_owned(), retry_of: None };
    let Planned { requested, secrets } = Pinned::run(pinned, project, read, request)?;
    let started = allowed.engine().request(id, requested, secrets, None).await?;
    let run = started.answer.run.id;
    let ended = match tokio::time::timeout(RUN_TIME, end_of(allowed, project, run)).await {
        Ok(ended) => ended?,
        Err(_) => {
            // It only reads, so nothing is lost with it; it may have ended at this very moment.
            let event = RunEvent::CancelRequested { by: requester(allowed.principal()) };
            let _ = allowed.engine().advance(run, event, None).await;
            let detail =
                format!("Run {run} of runbook `{name}` did not end within {} seconds.", RUN_TIME.as_secs());
            return Err(bad_gateway(detail).hint("It was canceled. Look at its log."));
        }
    };
    if ended.state != RunState::Succeeded {
        let why = ended.message.clone().map(|message| format!(": {message}")).unwrap_or_default();
        let detail = format!("Run {run} of runbook `{name}` {}{why}.", ended.state.name());
        return Err(bad_gateway(detail).hint(format!("`signalbox runs logs {run}` shows what it wrote.")));
    }
    let text = output_of(allowed, &ended, &outputs, output).map_err(|why| {
        bad_gateway(format!("Run {run} of runbook `{name}` gave no output `{output}`: {why}."))
    })?;
    options_in(&text).map_err(|why| {
        bad_gateway(format!("The output `{output}` of runbook `{name}` is no list of choices: {why}."))
    })
}

/// The run as it ended.
async fn end_of(
    allowed: &Allowed<RunPlan>,
    project: &str,
    id: RunId,
) -> Result<std::sync::Arc<Run>, ApiError> {
    let mut changes = allowed.engine().changes().of_all();
    loop {
        let run = allowed.store().run(project, id).await?;
        let run = run.ok_or_else(|| ApiError::internal("The run is gone."))?;
        if run.state.is_end() {
            return Ok(run);
        }
        // A hint that something changed, of this run or so many others that it may be this one; a slow look is the backstop.
        let of_it = async {
            loop {
                match changes.recv().await {
                    Ok(changed) if changed.id != id || !changed.state.is_end() => {}
                    _ => break,
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(500), of_it).await;
    }
}

/// An output that the runbook declares, else the one output of this name that a step has.
fn output_of(
    allowed: &Allowed<RunPlan>,
    run: &Run,
    declared: &BTreeMap<String, Template>,
    output: &str,
) -> Result<String, String> {
    if let Some(template) = declared.get(output) {
        let evaluate = allowed.engine().evaluate();
        let names = evaluate.steps(&template.0);
        return evaluate.text(template, &values(run, None, &names));
    }
    let mut found = run.steps.iter().filter_map(|step| step.outputs.get(output));
    match (found.next(), found.next()) {
        (Some(text), None) => Ok(text.clone()),
        (None, _) => Err("neither the runbook nor a step of it has one".to_owned()),
        (Some(_), Some(_)) => {
            Err("several steps have one, and the runbook's `outputs:` do not say which".to_owned())
        }
    }
}

/// A JSON list, or one option a line.
fn options_in(text: &str) -> Result<Vec<ChoiceOption>, String> {
    if text.trim_start().starts_with('[') {
        let list: Value =
            serde_json::from_str(text).map_err(|error| format!("it begins as JSON, and is none: {error}"))?;
        return options_of(&list);
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    options_of(&lines.map(|line| Value::String(line.to_owned())).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn option(value: &str, label: Option<&str>) -> ChoiceOption {
        ChoiceOption { value: value.to_owned(), label: label.map(ToOwned::to_owned) }
    }

    #[test]
    fn options_are_lines_or_json() {
        assert_eq!(options_in(" eu \n\nus\n").unwrap(), [option("eu", None), option("us", None)]);
        let json = r#"["eu", 7, {"value": "us", "label": "United States"}, {"value": "x", "label": "x"}]"#;
        let expected =
            [option("eu", None), option("7", None), option("us", Some("United States")), option("x", None)];
        assert_eq!(options_in(json).unwrap(), expected);
        assert_eq!(options_in("").unwrap(), []);
        for bad in ["[", r#"[{"label": "x"}]"#, "[[]]", "[null]", "[\"a\\u0000\"]"] {
            assert!(options_in(bad).is_err(), "{bad}");
        }
        assert!(options_of(&json!({"a": 1})).is_err());
        assert!(options_of(&vec![json!("a"); OPTIONS_MAX + 1].into()).is_err());
    }
}
