//! What the steps wrote, byte for byte.

use std::collections::{HashSet, VecDeque};

use axum::{
    body::Body,
    extract::{Path, Query, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use model::{
    api::Problem,
    run::{StepRun, is_within},
};
use output::{LogKey, LogReader, Stream};
use policy::LogRead;
use serde::Deserialize;

use super::runs::{no_run, run_id};
use crate::{access::Allowed, problem::ApiError};

/// Bytes sent at once, about.
const CHUNK: usize = 64 * 1024;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Only of the step with this address, or of all with this name, and of all that is inside: of a group, of a called
    /// runbook, of each time of a loop.
    step: Option<String>,
}

/// The steps' output so far, attempt after attempt as they ended and at last of those that run; of each standard output and
/// standard error as they came.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runs/{run}/log", tag = "runs",
    params(("project" = String, Path), ("run" = String, Path), LogQuery), responses(
    (status = 200, description = "The bytes", body = String, content_type = "text/plain"),
    (status = 404, description = "No such run or step", body = Problem),
))]
pub(super) async fn read(
    allowed: Allowed<LogRead>,
    Path((project, run)): Path<(String, String)>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(query) = query?;
    let id = run_id(&run)?;
    let run = allowed.store().run(&project, id).await?.ok_or_else(|| no_run(&run))?;
    let wanted = |step: &StepRun| query.step.as_ref().is_none_or(|named| is_within(&step.path, named));
    let found = query.step.is_none() || run.steps.iter().any(|step| wanted(step));
    // As they ended; those that have not come last. Groups, people and time write nothing.
    let ended = allowed.store().ended_attempts(id, 0, run.revision).await?;
    let mut attempts: Vec<(u32, u32)> = ended.into_iter().map(|ended| (ended.step, ended.attempt)).collect();
    let known: HashSet<(u32, u32)> = attempts.iter().copied().collect();
    let places = run.steps.iter().zip(0..).filter(|(step, _)| run.is_task(step) && step.attempt > 0);
    attempts
        .extend(places.map(|(step, place)| (place, step.attempt)).filter(|attempt| !known.contains(attempt)));
    let mut readers = VecDeque::new();
    for (place, attempt) in attempts {
        if run.step(place).is_some_and(|step| run.is_task(step) && wanted(step)) {
            let key = LogKey { run: id.to_string(), step: place, attempt };
            let reader = allowed.engine().outputs().read(&key, 0);
            readers.push_back(reader.map_err(|error| ApiError::internal(format!("{error}.")))?);
        }
    }
    if !found {
        let name = query.step.unwrap_or_default();
        return Err(ApiError::not_found(&format!("step `{name}` in this run"), "The run lists its steps."));
    }
    let engine = allowed.engine().clone();
    let chunks = stream::try_unfold((readers, engine), |(mut readers, engine)| async move {
        engine.turn().await;
        let chunk = next_chunk(&mut readers)?;
        Ok::<_, std::io::Error>(chunk.map(|chunk| (chunk, (readers, engine))))
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, Body::from_stream(chunks)).into_response())
}

/// The next bytes of what is there; none after the last.
fn next_chunk(readers: &mut VecDeque<LogReader>) -> Result<Option<Bytes>, std::io::Error> {
    let mut chunk = Vec::new();
    while let Some(reader) = readers.front_mut() {
        match reader.try_next().map_err(std::io::Error::other)? {
            Some(frame) if frame.stream == Stream::Note => {}
            Some(frame) => chunk.extend_from_slice(&frame.bytes),
            None => {
                readers.pop_front();
            }
        }
        if chunk.len() >= CHUNK {
            break;
        }
    }
    Ok(if chunk.is_empty() { None } else { Some(chunk.into()) })
}
