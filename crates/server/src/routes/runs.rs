//! Runs: started, listed, shown, canceled.

use axum::{
    Json,
    extract::{
        Path, Query,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
};
use model::{
    api::{Page, Problem, RunEvents, RunSummary, RunView, StartRequest},
    id::{ProjectId, RunId, Uuid},
    run::{PlannedStep, Requested, Requester, RunEvent, RunState},
};
use policy::{Principal, RunCancel, RunRead, RunStart};
use serde::{Deserialize, Serialize};
use store::{Answered, Key, RunFilter};

use super::{
    definitions::{no_project, no_runbook},
    paging::{limit, page},
};
use crate::{access::Allowed, body::Object, problem::ApiError};

/// Characters that a reason may have.
const REASON_MAX: usize = 4096;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Start a run of the published version.
#[utoipa::path(post, path = "/api/v1/projects/{project}/runbooks/{runbook}/runs", tag = "runs",
    params(("project" = String, Path), ("runbook" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key starts one run only")),
    request_body = StartRequest, responses(
    (status = 201, description = "Stored; it starts when a place is free", body = RunView),
    (status = 404, description = "No such runbook", body = Problem),
    (status = 409, description = "The runbook is retired", body = Problem),
    (status = 422, description = "Faulty inputs: `faults` has every fault, by input name in `path`", body = Problem),
))]
pub(super) async fn start(
    allowed: Allowed<RunStart>,
    Path((project, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Json<Object<StartRequest>>, JsonRejection>,
) -> Result<(StatusCode, HeaderMap, Json<RunView>), ApiError> {
    let Json(Object(request)) = body?;
    let route = format!("{} /projects/{project}/runbooks/{name}/runs", Method::POST);
    let key = idempotency_key(&headers, allowed.principal(), route, &request)?;
    let answered = match plan(&allowed, &project, &name, request).await {
        Ok((project, requested)) => allowed.engine().request(project, requested, key).await?,
        // What this key has started is started, whatever has become of the runbook since.
        Err(refusal) => match &key {
            Some(key) => match allowed.store().answered_before(key).await? {
                Some(answer) => Answered { answer, replayed: true },
                None => return Err(refusal),
            },
            None => return Err(refusal),
        },
    };
    let mut headers = replayed(&answered);
    let location = format!("/api/v1/projects/{project}/runs/{}", answered.answer.run.id);
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(header::LOCATION, location);
    }
    Ok((StatusCode::CREATED, headers, Json(answered.answer)))
}

/// The run that is asked for, of the version that is published now.
async fn plan(
    allowed: &Allowed<RunStart>,
    project: &str,
    name: &str,
    request: StartRequest,
) -> Result<(ProjectId, Requested), ApiError> {
    let row = allowed.store().runbook(project, name).await?.ok_or_else(|| no_runbook(project, name))?;
    if row.retired_at.is_some() {
        let detail = format!("Runbook `{name}` is retired.");
        return Err(ApiError::new(StatusCode::CONFLICT, "retired", "Retired", detail)
            .hint("Apply it again to bring it back, or use what took its place."));
    }
    let runbook = row.runbook;
    let inputs = definition::read_inputs(&runbook.inputs, &request.inputs).map_err(|faults| {
        ApiError::faulty("The inputs are not what the runbook takes; nothing was started.", faults)
    })?;
    let requested = Requested {
        id: RunId(Uuid::now_v7()),
        project: project.to_owned(),
        digest: row.digest,
        inputs_digest: definition::inputs_digest(&inputs),
        inputs,
        reason: reason(request.reason)?,
        by: requester(allowed.principal()),
        via: via(request.via)?,
        steps: PlannedStep::of(&runbook),
        runbook: runbook.name,
        title: runbook.title,
        service: runbook.service,
        effect: runbook.effect,
        timeout_s: runbook.timeout_s,
    };
    Ok((row.project, requested))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsQuery {
    /// Only of this runbook.
    runbook: Option<String>,
    /// Only in one of these states, with commas between.
    state: Option<String>,
    /// How many at most: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<RunId>,
}

/// Runs of a project, newest first.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runs", operation_id = "list_runs", tag = "runs",
    params(("project" = String, Path), RunsQuery), responses(
    (status = 200, description = "A page of runs", body = Page<RunSummary>),
    (status = 404, description = "No such project", body = Problem),
))]
pub(super) async fn list(
    allowed: Allowed<RunRead>,
    Path(project): Path<String>,
    query: Result<Query<RunsQuery>, QueryRejection>,
) -> Result<Json<Page<RunSummary>>, ApiError> {
    let Query(query) = query?;
    let limit = limit(query.limit)?;
    let states = query.state.as_deref().map_or_else(|| Ok(Vec::new()), states)?;
    if allowed.store().project(&project).await?.is_none() {
        return Err(no_project(&project));
    }
    let filter = RunFilter { runbook: query.runbook, states, after: query.after, limit: limit + 1 };
    let runs = allowed.store().runs(&project, filter).await?;
    let summaries = runs.iter().map(RunSummary::from).collect();
    Ok(Json(page(summaries, limit, |run: &RunSummary| run.id.to_string())))
}

fn states(text: &str) -> Result<Vec<RunState>, ApiError> {
    text.split(',')
        .map(|name| {
            RunState::from_name(name.trim()).ok_or_else(|| {
                let all: Vec<&str> = RunState::ALL.into_iter().map(RunState::name).collect();
                ApiError::bad_request(format!(
                    "`{name}` is not a state of runs: they are {}.",
                    all.join(", ")
                ))
            })
        })
        .collect()
}

/// A run with its steps and outputs.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runs/{run}", tag = "runs",
    params(("project" = String, Path), ("run" = String, Path)), responses(
    (status = 200, description = "The run", body = RunView),
    (status = 404, description = "No such run", body = Problem),
))]
pub(super) async fn show(
    allowed: Allowed<RunRead>,
    Path((project, run)): Path<(String, String)>,
) -> Result<Json<RunView>, ApiError> {
    let id = run_id(&run)?;
    let run = allowed.store().run(&project, id).await?.ok_or_else(|| no_run(&run))?;
    Ok(Json(allowed.engine().view(run)))
}

/// What happened to a run, in order.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runs/{run}/events", tag = "runs",
    params(("project" = String, Path), ("run" = String, Path)), responses(
    (status = 200, description = "Its events", body = RunEvents),
    (status = 404, description = "No such run", body = Problem),
))]
pub(super) async fn events(
    allowed: Allowed<RunRead>,
    Path((project, run)): Path<(String, String)>,
) -> Result<Json<RunEvents>, ApiError> {
    let id = run_id(&run)?;
    allowed.store().run(&project, id).await?.ok_or_else(|| no_run(&run))?;
    Ok(Json(RunEvents { items: allowed.store().run_events(id).await? }))
}

/// Cancel a run: what is queued never starts, the processes of what runs are ended.
#[utoipa::path(post, path = "/api/v1/projects/{project}/runs/{run}/cancel", tag = "runs",
    params(("project" = String, Path), ("run" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key gets the same answer")),
    responses(
    (status = 202, description = "Asked for; the run says when it is done", body = RunView),
    (status = 404, description = "No such run", body = Problem),
    (status = 409, description = "It has ended, or is being canceled already", body = Problem),
))]
pub(super) async fn cancel(
    allowed: Allowed<RunCancel>,
    Path((project, run)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<(StatusCode, HeaderMap, Json<RunView>), ApiError> {
    let id = run_id(&run)?;
    allowed.store().run(&project, id).await?.ok_or_else(|| no_run(&run))?;
    let route = format!("{} /projects/{project}/runs/{id}/cancel", Method::POST);
    let key = idempotency_key(&headers, allowed.principal(), route, &())?;
    let event = RunEvent::CancelRequested { by: requester(allowed.principal()) };
    let answered = allowed.engine().cancel(id, event, key).await?;
    Ok((StatusCode::ACCEPTED, replayed(&answered), Json(answered.answer)))
}

fn requester(principal: &Principal) -> Requester {
    Requester { id: principal.id, name: principal.name.clone() }
}

pub(super) fn run_id(text: &str) -> Result<RunId, ApiError> {
    text.parse().map_err(|_| no_run(text))
}

pub(super) fn no_run(run: &str) -> ApiError {
    ApiError::not_found(&format!("run `{run}`"), "`signalbox runs list` shows which there are.")
}

fn reason(given: Option<String>) -> Result<Option<String>, ApiError> {
    let given = given.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    match given {
        Some(reason) if reason.chars().count() > REASON_MAX => {
            Err(ApiError::faulty(format!("The reason is longer than {REASON_MAX} characters."), Vec::new()))
        }
        Some(reason) if reason.contains('\0') => Err(ApiError::faulty("The reason holds a NUL.", Vec::new())),
        given => Ok(given),
    }
}

fn via(given: Option<String>) -> Result<String, ApiError> {
    match given.as_deref() {
        None => Ok("api".to_owned()),
        Some("api" | "cli" | "console") => Ok(given.unwrap_or_default()),
        Some(other) => {
            Err(ApiError::bad_request(format!("`via` is `{other}`; `api`, `cli` or `console` is possible.")))
        }
    }
}

/// The call's key, bound to whoever sends it, the route and the body.
fn idempotency_key(
    headers: &HeaderMap,
    principal: &Principal,
    route: String,
    body: &impl Serialize,
) -> Result<Option<Key>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let visible =
        |key: &&str| (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let Some(key) = value.to_str().ok().filter(visible) else {
        return Err(ApiError::bad_request("An Idempotency-Key has 1 to 128 visible ASCII characters."));
    };
    let body = serde_json::to_vec(body).map_err(|error| ApiError::internal(format!("{error}.")))?;
    let body = definition::sha256(&body).to_string();
    Ok(Some(Key { principal: principal.id, route, key: key.to_owned(), body }))
}

fn replayed<T>(answered: &Answered<T>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if answered.replayed {
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    headers
}
