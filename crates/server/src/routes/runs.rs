//! Runs: planned, started, listed, shown, canceled, tried again.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{
        Path, Query,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};
use jiff::Timestamp;
use model::{
    api::{
        Fault, LockView, Page, PlanView, Problem, RetryRequest, RunEvents, RunSummary, RunView, StartRequest,
    },
    id::RunId,
    run::{RetryOf, Run, RunEvent, RunState, values_before},
    runbook::{Input, InputKind},
};
use policy::{Action, RunCancel, RunPlan, RunRead, RunRetry, RunStart};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Answered, Key, RunFilter};

use super::{definitions::no_project, paging::limit};
use crate::{
    access::Allowed,
    body::Object,
    choices, clock, once,
    planning::{self, Pinned, Planned, PlanningError, Request},
    problem::ApiError,
};

/// Characters that a reason or a comment may have.
const REASON_MAX: usize = 4096;

/// What a run would do with these inputs, without doing anything.
#[utoipa::path(post, path = "/api/v1/projects/{project}/runbooks/{runbook}/plan", tag = "runs",
    params(("project" = String, Path), ("runbook" = String, Path)), request_body = StartRequest, responses(
    (status = 200, description = "The steps, what they act on, and what would be refused", body = PlanView),
    (status = 404, description = "No such runbook", body = Problem),
    (status = 403, description = "What can be chosen comes from a runbook that this principal may not start", body = Problem),
    (status = 409, description = "The runbook is retired, something that it names is not published, or what can be chosen may not be asked for", body = Problem),
    (status = 422, description = "Faulty inputs: `faults` has every fault, by input name in `path`", body = Problem),
    (status = 502, description = "What can be chosen was not fetched, so that a value given for it cannot be checked", body = Problem),
))]
pub(super) async fn plan(
    allowed: Allowed<RunPlan>,
    Path((project, name)): Path<(String, String)>,
    body: Result<Json<Object<StartRequest>>, JsonRejection>,
) -> Result<Json<PlanView>, ApiError> {
    let Json(Object(request)) = body?;
    let store = allowed.store();
    let pinned = planning::published(store, &project, &name).await?;
    let read = pinned.read(store, &request.inputs, clock::now(), &allowed.principal().name).await?;
    choices::check(&allowed, &project, &pinned.runbook.runbook.inputs, &read.values).await?;
    let mut remarks = Vec::new();
    for runbook in pinned.runbooks() {
        if let Err(refusal) = allowed.may_start(&project, runbook) {
            remarks.push(refusal.words());
        }
    }
    if let Err(refusal) = pinned.check_targets(&read.values) {
        remarks.push(ApiError::from(refusal).words());
    }
    let lock = match pinned.plan.scopes.first().and_then(|scope| scope.concurrency.as_ref()) {
        Some(lock) => {
            let key = lock.key(&read.values);
            let holders = store.lock_holders(pinned.project, &key).await?;
            let held_by: Vec<RunId> = holders.held_by.into_iter().map(|(run, _)| run).collect();
            if held_by.len() >= lock.limit as usize {
                let waits = match lock.when_full {
                    model::runbook::WhenFull::Queue => "it would wait for it",
                    model::runbook::WhenFull::Refuse => "it would be refused",
                };
                remarks.push(format!("Lock `{key}` is taken, so {waits}."));
            }
            Some(LockView { key, limit: lock.limit, held_by })
        }
        None => None,
    };
    let (targets, environments) = pinned.targets(&read.values);
    let steps = definition::plan_steps(&pinned.runbook, &pinned.callees, &pinned.inventories, &read.values);
    Ok(Json(PlanView {
        project,
        runbook: name,
        digest: pinned.runbook.digest,
        effect: pinned.plan.effect(),
        inputs: read.values,
        environments,
        targets,
        lock,
        steps,
        remarks,
    }))
}

/// Start a run of the published version.
#[utoipa::path(post, path = "/api/v1/projects/{project}/runbooks/{runbook}/runs", operation_id = "start_run", tag = "runs",
    params(("project" = String, Path), ("runbook" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key starts one run only")),
    request_body = StartRequest, responses(
    (status = 201, description = "Stored; it starts when a place is free", body = RunView),
    (status = 404, description = "No such runbook", body = Problem),
    (status = 409, description = "The runbook is retired, something that it names is not published, or its lock is taken and it does not wait", body = Problem),
    (status = 422, description = "Faulty inputs, by input name in `path` of `faults`; or more targets than it may act on", body = Problem),
    (status = 502, description = "What can be chosen was not fetched, so that a value given for it cannot be checked; nothing was started", body = Problem),
))]
pub(super) async fn start(
    allowed: Allowed<RunStart>,
    Path((project, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Json<Object<StartRequest>>, JsonRejection>,
) -> Result<(StatusCode, HeaderMap, Json<RunView>), ApiError> {
    let Json(Object(request)) = body?;
    let route = format!("{} /projects/{project}/runbooks/{name}/runs", Method::POST);
    let pinned = planning::published(allowed.store(), &project, &name).await;
    let declared = match &pinned {
        Ok(pinned) => pinned.runbook.runbook.inputs.clone(),
        // Whatever it is now, a call that came before must be known again.
        Err(_) => {
            let row = allowed.store().runbook(&project, &name).await?;
            row.map(|row| row.runbook.inputs).unwrap_or_default()
        }
    };
    let shown = StartRequest { inputs: without_secrets(&declared, &request.inputs), ..request.clone() };
    let key = once::key(&headers, allowed.principal(), route, &shown)?;
    let planned = async {
        match pinned {
            Ok(pinned) => requested(&allowed, &project, pinned, request).await,
            Err(error) => Err(error.into()),
        }
    };
    // Of other runbooks the transaction that stores the run says so: one read less for each start.
    let before = match &key {
        Some(key) if choices::are_checked(&declared) => allowed.store().answered_before(key).await?,
        _ => None,
    };
    start_planned(&allowed, &project, before, planned, key).await
}

/// The run that is asked for, of the version that is published now.
async fn requested(
    allowed: &Allowed<RunStart>,
    project: &str,
    pinned: Pinned,
    request: StartRequest,
) -> Result<(model::id::ProjectId, Planned), ApiError> {
    for runbook in pinned.runbooks().skip(1) {
        allowed.may_start(project, runbook)?;
    }
    let by = allowed.requester();
    let (reason, via) = (reason(request.reason)?, via(request.via)?);
    let read = pinned.read(allowed.store(), &request.inputs, clock::now(), &by.name).await?;
    choices::check(allowed, project, &pinned.runbook.runbook.inputs, &read.values).await?;
    let id = pinned.project;
    Ok((id, pinned.run(project, read, Request { reason, by, via, retry_of: None })?))
}

/// Store the run; or what this key has started before, whatever has become of the runbook. With what was answered `before`
/// nothing is planned: that may ask what can be chosen, and start runs to learn it.
async fn start_planned<A: Action>(
    allowed: &Allowed<A>,
    project: &str,
    before: Option<RunView>,
    planned: impl Future<Output = Result<(model::id::ProjectId, Planned), ApiError>>,
    key: Option<Key>,
) -> Result<(StatusCode, HeaderMap, Json<RunView>), ApiError> {
    let answered = match before {
        Some(answer) => Answered { answer, replayed: true },
        None => match planned.await {
            Ok((id, Planned { requested, secrets })) => {
                allowed.engine().request(id, requested, secrets, key).await?
            }
            // The same call, made twice at the same time.
            Err(refusal) => answered_before(allowed, key, refusal).await?,
        },
    };
    let mut headers = once::replayed(&answered);
    let location = format!("/api/v1/projects/{project}/runs/{}", answered.answer.run.id);
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(header::LOCATION, location);
    }
    Ok((StatusCode::CREATED, headers, Json(answered.answer)))
}

/// What this key got before, else the refusal.
pub(super) async fn answered_before<A: Action>(
    allowed: &Allowed<A>,
    key: Option<Key>,
    refusal: ApiError,
) -> Result<Answered<RunView>, ApiError> {
    let Some(key) = key else { return Err(refusal) };
    match allowed.store().answered_before(&key).await? {
        Some(answer) => Ok(Answered { answer, replayed: true }),
        None => Err(refusal),
    }
}

/// The inputs as they may be hashed and kept.
fn without_secrets(declared: &[Input], given: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let secret = |name: &str| {
        declared.iter().any(|input| input.name == name && matches!(input.kind, InputKind::Secret))
    };
    let shown = |(name, value): (&String, &Value)| {
        let value = if secret(name) { json!({"sealed": true}) } else { value.clone() };
        (name.clone(), value)
    };
    given.iter().map(shown).collect()
}

/// Try an ended run again: a new run of the same version with the same inputs, under a new decision.
#[utoipa::path(post, path = "/api/v1/projects/{project}/runs/{run}/retry", operation_id = "retry_run", tag = "runs",
    params(("project" = String, Path), ("run" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key starts one run only")),
    request_body = RetryRequest, responses(
    (status = 201, description = "The new run, which names the old one", body = RunView),
    (status = 404, description = "No such run", body = Problem),
    (status = 409, description = "It has not ended, its runbook is retired, or its lock is taken and it does not wait", body = Problem),
    (status = 422, description = "A secret input is missing, or `from` is no outermost step, or a value is not among what can be chosen now", body = Problem),
    (status = 502, description = "What can be chosen was not fetched, so that a value given for it cannot be checked; nothing was started", body = Problem),
))]
pub(super) async fn retry(
    allowed: Allowed<RunRetry>,
    Path((project, run)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Json<Object<RetryRequest>>, JsonRejection>,
) -> Result<(StatusCode, HeaderMap, Json<RunView>), ApiError> {
    let Json(Object(request)) = body?;
    let old = known_run(&allowed, &project, &run).await?;
    let route = format!("{} /projects/{project}/runs/{}/retry", Method::POST, old.id);
    let sealed = |(name, _): (&String, &Value)| (name.clone(), json!({"sealed": true}));
    let shown = RetryRequest { inputs: request.inputs.iter().map(sealed).collect(), ..request.clone() };
    let key = once::key(&headers, allowed.principal(), route, &shown)?;
    let planned = again(&allowed, &project, &old, request);
    let before = match &key {
        Some(key) => allowed.store().answered_before(key).await?,
        None => None,
    };
    start_planned(&allowed, &project, before, planned, key).await
}

async fn again(
    allowed: &Allowed<RunRetry>,
    project: &str,
    old: &Run,
    request: RetryRequest,
) -> Result<(model::id::ProjectId, Planned), ApiError> {
    let store = allowed.store();
    if !old.state.is_end() {
        let detail = format!("Run {} has not ended: it is {}.", old.id, old.state.name());
        return Err(ApiError::new(StatusCode::CONFLICT, "not-ended", "Not ended", detail)
            .hint("Cancel it first, or wait for its end."));
    }
    let row = store.runbook(project, &old.runbook).await?;
    let row = row.ok_or_else(|| PlanningError::NoRunbook(old.runbook.clone()))?;
    if row.retired_at.is_some() {
        return Err(PlanningError::Retired(old.runbook.clone()).into());
    }
    let pinned = planning::pinned_to(store, row.project, project, old).await?;
    for runbook in pinned.runbooks() {
        allowed.may_start(project, runbook)?;
    }
    let from = match request.from {
        Some(from) => {
            let outermost = outermost(old);
            if !outermost.contains(&from.as_str()) {
                let detail = format!("`{from}` is no outermost step of run {}.", old.id);
                return Err(ApiError::faulty(detail, Vec::new())
                    .hint(format!("A run can be tried again from {}.", outermost.join(", "))));
            }
            Some(from)
        }
        None => None,
    };
    let declared = &pinned.runbook.runbook.inputs;
    let mut faults = Vec::new();
    for name in request.inputs.keys() {
        let secret = |input: &&Input| input.name == *name && matches!(input.kind, InputKind::Secret);
        if !declared.iter().any(|input| secret(&input)) {
            let message =
                format!("A run is tried again with the inputs that it had, so `{name}` cannot be given.");
            let mut fault = Fault::without_place("not_a_secret", name, &message);
            fault.hint =
                Some("Only secret inputs are asked for again. Other inputs make a new run.".to_owned());
            faults.push(fault);
        }
    }
    let mut given = BTreeMap::new();
    for (name, value) in &old.inputs {
        match request.inputs.get(name) {
            Some(secret) => {
                given.insert(name.clone(), secret.clone());
            }
            None if value.is_sealed() => {
                let message = format!("The secret input `{name}` is asked for again.");
                let mut fault = Fault::without_place("missing_input", name, &message);
                fault.hint = Some("It was destroyed when the run ended.".to_owned());
                faults.push(fault);
            }
            None => {
                given.insert(name.clone(), again_as(declared, name, value));
            }
        }
    }
    if !faults.is_empty() {
        return Err(ApiError::faulty(
            "The inputs are not what the run can be tried again with; nothing was started.",
            faults,
        ));
    }
    let (reason, via) = (reason(request.reason)?.or_else(|| old.reason.clone()), via(request.via)?);
    let by = allowed.requester();
    let mut read = pinned.read(store, &given, clock::now(), &by.name).await?;
    // The values themselves, and not what reading makes of them today: a default may be another by now.
    for (name, value) in &old.inputs {
        read.values.insert(name.clone(), value.clone());
    }
    read.values.retain(|name, _| old.inputs.contains_key(name));
    choices::check(allowed, project, declared, &read.values).await?;
    let taken = from.as_deref().map(|from| values_before(old, from)).unwrap_or_default();
    let retry_of = Some(RetryOf { run: old.id, from, taken });
    let id = pinned.project;
    Ok((id, pinned.run(project, read, Request { reason, by, via, retry_of })?))
}

/// A value that was read once, as it is read again: a duration is kept as seconds.
fn again_as(declared: &[Input], name: &str, value: &model::runbook::InputValue) -> Value {
    let duration =
        declared.iter().any(|input| input.name == name && matches!(input.kind, InputKind::Duration { .. }));
    match value.to_json() {
        Value::Number(seconds) if duration => Value::String(format!("{seconds}s")),
        value => value,
    }
}

/// The names of the steps from which a run can be tried again.
fn outermost(run: &Run) -> Vec<&str> {
    let Some(scope) = run.plan.scopes.first() else { return Vec::new() };
    scope.children.iter().filter_map(|planned| Some(run.plan.step(*planned)?.name.as_str())).collect()
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsQuery {
    /// Only of this runbook.
    runbook: Option<String>,
    /// Only in one of these states, with commas between.
    state: Option<String>,
    /// Only of this service.
    service: Option<String>,
    /// Only those that this principal asked for, by name.
    requested_by: Option<String>,
    /// Only those with all of these words in the runbook's name, the title or the reason.
    text: Option<String>,
    /// Only those asked for at this moment or later (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only those asked for before this moment (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// How many at most: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before. A page may be short, or empty, and have a next one all the same.
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
    let filter = RunFilter {
        runbook: query.runbook,
        service: query.service,
        requested_by: query.requested_by,
        states,
        text: query.text.filter(|text| !text.trim().is_empty()),
        from: query.from,
        to: query.to,
        after: query.after,
        limit,
    };
    let found = allowed.store().runs(&project, filter).await?;
    Ok(Json(Page { items: found.runs, next: found.next.map(|next| next.to_string()) }))
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
    let run = known_run(&allowed, &project, &run).await?;
    Ok(Json(allowed.engine().view((*run).clone()).await))
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
    let run = known_run(&allowed, &project, &run).await?;
    Ok(Json(RunEvents { items: allowed.store().run_events(run.id).await? }))
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
    let run = known_run(&allowed, &project, &run).await?;
    let route = format!("{} /projects/{project}/runs/{}/cancel", Method::POST, run.id);
    let key = once::key(&headers, allowed.principal(), route, &())?;
    let event = RunEvent::CancelRequested { by: allowed.requester() };
    let answered = allowed.engine().advance(run.id, event, key).await?;
    Ok((StatusCode::ACCEPTED, once::replayed(&answered), Json(answered.answer)))
}

/// The run that the path names.
pub(super) async fn known_run<A: Action>(
    allowed: &Allowed<A>,
    project: &str,
    run: &str,
) -> Result<Arc<Run>, ApiError> {
    let id = run_id(run)?;
    allowed.store().run(project, id).await?.ok_or_else(|| no_run(run))
}

pub(super) fn run_id(text: &str) -> Result<RunId, ApiError> {
    text.parse().map_err(|_| no_run(text))
}

pub(super) fn no_run(run: &str) -> ApiError {
    ApiError::not_found(&format!("run `{run}`"), "`signalbox runs list` shows which there are.")
}

/// A reason or a comment, if there is anything in it.
pub(super) fn reason(given: Option<String>) -> Result<Option<String>, ApiError> {
    let given = given.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    match given {
        Some(reason) if reason.chars().count() > REASON_MAX => {
            Err(ApiError::faulty(format!("The text is longer than {REASON_MAX} characters."), Vec::new()))
        }
        Some(reason) if reason.contains('\0') => Err(ApiError::faulty("The text holds a NUL.", Vec::new())),
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
