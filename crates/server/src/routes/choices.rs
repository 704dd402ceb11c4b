//! What can be chosen for an input, asked when the form opens.

use axum::{
    Json,
    extract::{Path, rejection::JsonRejection},
};
use definition::Asking;
use model::{
    api::{ChoiceOption, Choices, ChoicesRequest, Problem},
    runbook::InputKind,
};
use policy::RunPlan;

use crate::{access::Allowed, body::Object, choices::Question, clock, planning, problem::ApiError};

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
            let asking = Asking { now: clock::now(), caller: &allowed.principal().name };
            let known = definition::visible(&definition::read_so_far(declared, &request.inputs, &asking));
            Question::of(&allowed, &input, from, &known)?.ask(&allowed, &project, &input).await?
        }
    };
    Ok(Json(Choices { options }))
}
