//! Server-sent events: one run with its output, all runs of a project, or what changes of its services.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{Path, Query, rejection::QueryRejection},
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, stream};
use model::api::{Problem, RunSummary};
use policy::{Action, LogRead, RunRead, ServiceRead};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;

use super::{
    definitions::no_project,
    runs::{no_run, run_id},
};
use crate::{
    access::Allowed,
    engine::{Cursor, Follow, LiveEvent},
    problem::ApiError,
};

/// Silence after which a comment is sent, so that nothing between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again.
const RETRY: Duration = Duration::from_millis(500);

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FollowQuery {
    /// Go on after the event with this id; `Last-Event-ID` does the same, and comes first.
    after: Option<String>,
    /// Begin this many bytes before the end of the output so far.
    tail: Option<u64>,
}

/// Follow a run: events `run` (`RunView`), then `change` (`RunChange`) and `output` (`OutputChunk`), and at last `end` (`RunView`).
#[utoipa::path(get, path = "/api/v1/projects/{project}/runs/{run}/live", tag = "runs",
    params(("project" = String, Path), ("run" = String, Path), FollowQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "Go on after the event with this id")),
    responses(
    (status = 200, description = "Server-sent events; see docs/api.md", body = String, content_type = "text/event-stream"),
    (status = 404, description = "No such run", body = Problem),
))]
pub(super) async fn follow_run(
    allowed: Allowed<LogRead>,
    Path((project, run)): Path<(String, String)>,
    headers: HeaderMap,
    query: Result<Query<FollowQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(query) = query?;
    let id = run_id(&run)?;
    let last =
        headers.get("last-event-id").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let cursor =
        last.or(query.after).map(|text| text.parse::<Cursor>()).transpose().map_err(ApiError::bad_request)?;
    let follow = allowed.engine().follow(&project, id, cursor, query.tail).await?;
    let follow = follow.ok_or_else(|| no_run(&run))?;
    let engine = allowed.engine().clone();
    let events = stream::unfold((Some(follow), engine), |(follow, engine)| async move {
        let mut follow = follow?;
        match follow.next().await {
            Ok(Some((cursor, event))) => {
                engine.turn().await;
                Some((live_event(&cursor, &event), (Some(follow), engine)))
            }
            Ok(None) => None,
            Err(error) => {
                tracing::error!(%error, "a follower lost its run");
                Some((problem_event(&error.to_string()), (None::<Follow>, engine)))
            }
        }
    });
    Ok(sse(&allowed, events))
}

/// Events until the server stops, or whoever asked may no longer: that is looked at again when a credential ends.
fn sse<A: Action>(allowed: &Allowed<A>, events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = events.take_until(allowed.engine().closing()).take_until(allowed.no_longer());
    let events = events.map(Ok::<_, Infallible>);
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

fn live_event(cursor: &Cursor, event: &LiveEvent) -> Event {
    let event = match event {
        LiveEvent::Run(run) => named("run", run),
        LiveEvent::Change(change) => named("change", change),
        LiveEvent::Output(chunk) => named("output", chunk),
        LiveEvent::End(run) => named("end", run),
    };
    event.id(cursor.to_string()).retry(RETRY)
}

fn named(name: &'static str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).unwrap_or_else(|error| problem_event(&error.to_string()))
}

fn problem_event(detail: &str) -> Event {
    // One line: a line break would begin another field.
    Event::default().event("problem").data(detail.replace(['\r', '\n'], " "))
}

/// Follow the runs of a project: an event `run` (`RunSummary`) at each change, `behind` when some were missed and the
/// list is to be read again.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runs/live", tag = "runs",
    params(("project" = String, Path)), responses(
    (status = 200, description = "Server-sent events; see docs/api.md", body = String, content_type = "text/event-stream"),
    (status = 404, description = "No such project", body = Problem),
))]
pub(super) async fn follow_runs(
    allowed: Allowed<RunRead>,
    Path(project): Path<String>,
) -> Result<Response, ApiError> {
    if allowed.store().project(&project).await?.is_none() {
        return Err(no_project(&project));
    }
    let changes = allowed.engine().changes().of_all();
    let engine = allowed.engine().clone();
    let events = stream::unfold((changes, project, engine), |(mut changes, project, engine)| async move {
        loop {
            match changes.recv().await {
                Ok(run) if run.project == project => {
                    let mut summary = RunSummary::from(&*run);
                    summary.waits_for = engine.waits_for(&run).await;
                    return Some((named("run", &summary).retry(RETRY), (changes, project, engine)));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => {
                    return Some((
                        Event::default().event("behind").data("read the list again"),
                        (changes, project, engine),
                    ));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Ok(sse(&allowed, events))
}

/// Follow the services of a project: an event `changed` (`ServiceChange`) whenever something of one is not as it was. Of what
/// was before nothing is told: whoever connects reads what it shows, and reads it again after a lost connection.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/live", tag = "view",
    params(("project" = String, Path)), responses(
    (status = 200, description = "Server-sent events; see docs/api.md", body = String, content_type = "text/event-stream"),
    (status = 404, description = "No such project", body = Problem),
))]
pub(super) async fn follow_services(
    allowed: Allowed<ServiceRead>,
    Path(project): Path<String>,
) -> Result<Response, ApiError> {
    if allowed.store().project(&project).await?.is_none() {
        return Err(no_project(&project));
    }
    let changes = allowed.engine().follow_services();
    let events = stream::unfold((changes, project), |(mut changes, project)| async move {
        loop {
            match changes.recv().await {
                Ok(told) if told.project == project => {
                    return Some((named("changed", &told.change).retry(RETRY), (changes, project)));
                }
                Ok(_) => {}
                // Whoever is too slow is let go: connecting again, it reads all that it shows.
                Err(RecvError::Lagged(_) | RecvError::Closed) => return None,
            }
        }
    });
    Ok(sse(&allowed, events))
}
