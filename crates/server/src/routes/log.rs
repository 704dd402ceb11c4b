//! What the steps wrote, byte for byte.

use std::collections::VecDeque;

use axum::{
    body::Body,
    extract::{Path, Query, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use model::api::Problem;
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
    /// Only of the step with this address, or of all with this name.
    step: Option<String>,
}

/// The steps' output so far, in order, all attempts of each; standard output and standard error as they came.
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
    let mut readers = VecDeque::new();
    let mut found = query.step.is_none();
    for (place, step) in run.steps.iter().enumerate() {
        if query.step.as_ref().is_some_and(|name| *name != step.path && *name != step.name) {
            continue;
        }
        found = true;
        // Groups, people and time write nothing.
        let attempts = if run.is_task(step) { step.attempt } else { 0 };
        for attempt in 1..=attempts {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
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
