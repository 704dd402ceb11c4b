//! Presets: inputs of a runbook, kept under a name.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, rejection::JsonRejection},
    http::StatusCode,
};
use model::{
    api::{Fault, Page, Preset, Problem, SavePreset},
    name::is_name,
    runbook::{Input, InputKind},
};
use policy::{Action, PresetDelete, PresetRead, PresetSave};
use serde_json::Value;
use store::{NewPreset, RunbookRow};

use super::definitions::no_runbook;
use crate::{access::Allowed, body::Object, clock, problem::ApiError};

/// Presets that one runbook may have.
const PRESETS_MAX: usize = 200;
/// Bytes that the inputs of a preset may have, as JSON.
const PRESET_MAX: usize = 64 * 1024;

/// The presets of a runbook, by name.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runbooks/{runbook}/presets", operation_id = "list_presets", tag = "presets",
    params(("project" = String, Path), ("runbook" = String, Path)), responses(
    (status = 200, description = "All of them", body = Page<Preset>),
    (status = 404, description = "No such runbook", body = Problem),
))]
pub(super) async fn list(
    allowed: Allowed<PresetRead>,
    Path((project, runbook)): Path<(String, String)>,
) -> Result<Json<Page<Preset>>, ApiError> {
    let row = known(&allowed, &project, &runbook).await?;
    Ok(Json(Page { items: allowed.store().presets(row.project, &runbook).await?, next: None }))
}

async fn known<A: Action>(
    allowed: &Allowed<A>,
    project: &str,
    runbook: &str,
) -> Result<RunbookRow, ApiError> {
    allowed.store().runbook(project, runbook).await?.ok_or_else(|| no_runbook(project, runbook))
}

/// A preset.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runbooks/{runbook}/presets/{preset}", operation_id = "show_preset", tag = "presets",
    params(("project" = String, Path), ("runbook" = String, Path), ("preset" = String, Path)), responses(
    (status = 200, description = "Its inputs", body = Preset),
    (status = 404, description = "No such runbook or preset", body = Problem),
))]
pub(super) async fn show(
    allowed: Allowed<PresetRead>,
    Path((project, runbook, preset)): Path<(String, String, String)>,
) -> Result<Json<Preset>, ApiError> {
    let row = known(&allowed, &project, &runbook).await?;
    let presets = allowed.store().presets(row.project, &runbook).await?;
    let found = presets.into_iter().find(|known| known.name == preset);
    found.map(Json).ok_or_else(|| no_preset(&runbook, &preset))
}

fn no_preset(runbook: &str, preset: &str) -> ApiError {
    let hint = format!("`signalbox presets list {runbook}` shows which there are.");
    ApiError::not_found(&format!("preset `{preset}` of runbook `{runbook}`"), &hint)
}

/// Keep inputs under a name, in the place of what was kept under it.
#[utoipa::path(put, path = "/api/v1/projects/{project}/runbooks/{runbook}/presets/{preset}", operation_id = "save_preset", tag = "presets",
    params(("project" = String, Path), ("runbook" = String, Path), ("preset" = String, Path)),
    request_body = SavePreset, responses(
    (status = 200, description = "Kept", body = Preset),
    (status = 404, description = "No such runbook", body = Problem),
    (status = 422, description = "Not a name, no such input, or a secret or a file among them", body = Problem),
))]
pub(super) async fn save(
    allowed: Allowed<PresetSave>,
    Path((project, runbook, preset)): Path<(String, String, String)>,
    body: Result<Json<Object<SavePreset>>, JsonRejection>,
) -> Result<Json<Preset>, ApiError> {
    let Json(Object(SavePreset { inputs })) = body?;
    let row = known(&allowed, &project, &runbook).await?;
    if !is_name(&preset) {
        let hint = "Use lower-case letters, digits and `-`, 63 characters at most, beginning with a letter or digit.";
        return Err(
            ApiError::faulty(format!("`{preset}` cannot be the name of a preset."), Vec::new()).hint(hint)
        );
    }
    let faults = faults(&row.runbook.inputs, &inputs);
    if !faults.is_empty() {
        return Err(ApiError::faulty("These inputs cannot be kept; nothing was saved.", faults));
    }
    let size = serde_json::to_vec(&inputs).map_or(0, |bytes| bytes.len());
    if size > PRESET_MAX {
        let detail = format!("The inputs have {size} bytes; a preset may have {PRESET_MAX}.");
        return Err(ApiError::faulty(detail, Vec::new()));
    }
    let presets = allowed.store().presets(row.project, &runbook).await?;
    if presets.len() >= PRESETS_MAX && !presets.iter().any(|known| known.name == preset) {
        let detail = format!("Runbook `{runbook}` has {PRESETS_MAX} presets already, which is the most.");
        return Err(ApiError::new(StatusCode::CONFLICT, "too-many", "Too many", detail)
            .hint("Delete one that nobody uses."));
    }
    let saved = allowed.store().save_preset(new(&allowed, row, &project, preset, inputs)).await?;
    Ok(Json(saved))
}

fn new<A: Action>(
    allowed: &Allowed<A>,
    row: RunbookRow,
    project: &str,
    name: String,
    inputs: BTreeMap<String, Value>,
) -> NewPreset {
    let principal = allowed.principal();
    NewPreset {
        project: row.project,
        project_name: project.to_owned(),
        runbook: row.name,
        name,
        inputs,
        by: principal.id,
        by_name: principal.name.clone(),
        at: clock::now(),
    }
}

/// What a preset must not hold. Whether the values are good is asked when they are used: a form may be half filled in.
fn faults(declared: &[Input], inputs: &BTreeMap<String, Value>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for name in inputs.keys() {
        let what = match declared.iter().find(|input| input.name == *name).map(|input| &input.kind) {
            None => Some(("unknown_input", format!("This runbook has no input `{name}`."))),
            Some(InputKind::Secret) => {
                Some(("secret_in_preset", format!("The input `{name}` is a secret, which no preset holds.")))
            }
            Some(InputKind::File { .. }) => {
                Some(("file_in_preset", format!("The input `{name}` is a file, which no preset holds.")))
            }
            Some(_) => None,
        };
        faults.extend(what.map(|(code, message)| Fault::without_place(code, name, &message)));
    }
    faults
}

/// Forget a preset.
#[utoipa::path(delete, path = "/api/v1/projects/{project}/runbooks/{runbook}/presets/{preset}", operation_id = "delete_preset", tag = "presets",
    params(("project" = String, Path), ("runbook" = String, Path), ("preset" = String, Path)), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "No such runbook or preset", body = Problem),
))]
pub(super) async fn delete(
    allowed: Allowed<PresetDelete>,
    Path((project, runbook, preset)): Path<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    let row = known(&allowed, &project, &runbook).await?;
    let gone = new(&allowed, row, &project, preset.clone(), BTreeMap::new());
    if allowed.store().delete_preset(gone).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_preset(&runbook, &preset))
    }
}
