//! Definitions: sent, listed, shown.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{DefaultBodyLimit, Path, Query, Request, rejection::QueryRejection},
};
use model::{
    api::{ApplyAnswer, ApplyRequest, Page, Problem, RunSummary, RunbookSummary, RunbookView},
    name::is_name,
};
use policy::{DefinitionApply, DefinitionRead};
use serde::Deserialize;
use store::Apply;

use super::paging::{limit, page};
use crate::{access::Allowed, body::Object, clock, planning, problem::ApiError, source};

/// Bytes that a repository may have on its way: documents, and files in base64.
const APPLY_MAX: usize = 48 * 1024 * 1024;

/// Send an operations repository: all of it is stored, or nothing.
#[utoipa::path(post, path = "/api/v1/projects/{project}/apply", tag = "definitions",
    params(("project" = String, Path, description = "Made if it is new")),
    request_body = ApplyRequest, responses(
    (status = 200, description = "What became of each document", body = ApplyAnswer),
    (status = 413, description = "Too large", body = Problem),
    (status = 422, description = "Faulty: `faults` has every fault with its place", body = Problem),
))]
pub(super) async fn apply(
    allowed: Allowed<DefinitionApply>,
    Path(project): Path<String>,
    request: Request,
) -> Result<Json<ApplyAnswer>, ApiError> {
    if !is_name(&project) {
        let detail = format!("`{project}` cannot be the name of a project.");
        return Err(ApiError::faulty(detail, Vec::new())
            .hint("Use lower-case letters, digits and `-`, 63 characters at most, beginning with a letter or digit."));
    }
    let request = body_up_to(request, APPLY_MAX).await?;
    // Checking a large repository takes a while: not on a thread that others' answers wait for.
    let checked =
        tokio::task::spawn_blocking(move || source::check(&request).map(|checked| (checked, request)));
    let checked = checked.await.map_err(|_| ApiError::internal("The check of the documents failed."))?;
    let (checked, request) = checked
        .map_err(|faults| ApiError::faulty("The documents have faults; nothing was stored.", faults))?;
    let mut remarks = checked.remarks;
    let paths = checked.definitions.iter().map(|definition| definition.path.as_str());
    let named = paths.zip(&checked.compiled);
    remarks.extend(planning::remarks_on_references(allowed.store(), &project, named).await?);
    let principal = allowed.principal();
    let apply = Apply {
        project: project.clone(),
        definitions: checked.definitions,
        files: checked.files,
        dry_run: request.dry_run,
        prune: request.prune,
        by: principal.id,
        by_name: principal.name.clone(),
        at: clock::now(),
    };
    let results = allowed.store().apply(apply).await?;
    if !request.dry_run {
        super::versions::follow(&allowed, &project).await;
    }
    Ok(Json(ApplyAnswer { project, dry_run: request.dry_run, results, remarks }))
}

/// A JSON body under a limit of its own.
async fn body_up_to(request: Request, limit: usize) -> Result<ApplyRequest, ApiError> {
    use axum::{RequestExt, extract::rejection::JsonRejection};
    let mut request = request;
    DefaultBodyLimit::max(limit).apply(&mut request);
    let body: Result<Json<Object<ApplyRequest>>, JsonRejection> = request.extract().await;
    let Json(Object(request)) = body?;
    Ok(request)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunbooksQuery {
    /// Retired ones too.
    #[serde(default)]
    retired: bool,
    /// How many at most: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The runbooks of a project, by name.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runbooks", tag = "definitions",
    params(("project" = String, Path), RunbooksQuery), responses(
    (status = 200, description = "A page of runbooks", body = Page<RunbookSummary>),
    (status = 404, description = "No such project", body = Problem),
))]
pub(super) async fn list_runbooks(
    allowed: Allowed<DefinitionRead>,
    Path(project): Path<String>,
    query: Result<Query<RunbooksQuery>, QueryRejection>,
) -> Result<Json<Page<RunbookSummary>>, ApiError> {
    let Query(query) = query?;
    let limit = limit(query.limit)?;
    let Some(id) = allowed.store().project(&project).await? else { return Err(no_project(&project)) };
    let rows = allowed.store().runbooks(&project, query.retired, query.after, limit + 1).await?;
    let rows = page(rows, limit, |row| row.name.clone());
    let names = rows.items.iter().map(|row| row.name.clone()).collect();
    let newest = allowed.store().newest_runs(id, names).await?;
    let mut newest: HashMap<String, RunSummary> =
        newest.into_iter().map(|run| (run.runbook.clone(), run)).collect();
    let items = rows
        .items
        .into_iter()
        .map(|row| RunbookSummary {
            project: row.project_name,
            last_run: newest.remove(&row.name),
            name: row.name,
            title: row.runbook.title,
            description: row.runbook.description,
            service: row.runbook.service,
            effect: row.runbook.effect,
            digest: row.digest,
            published_at: row.published_at,
            retired_at: row.retired_at,
        })
        .collect();
    Ok(Json(Page { items, next: rows.next }))
}

/// A runbook as published: what a run would perform.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runbooks/{runbook}", tag = "definitions",
    params(("project" = String, Path), ("runbook" = String, Path)), responses(
    (status = 200, description = "The published version", body = RunbookView),
    (status = 404, description = "No such runbook", body = Problem),
))]
pub(super) async fn show_runbook(
    allowed: Allowed<DefinitionRead>,
    Path((project, name)): Path<(String, String)>,
) -> Result<Json<RunbookView>, ApiError> {
    let row = allowed.store().runbook(&project, &name).await?.ok_or_else(|| no_runbook(&project, &name))?;
    let files = allowed.store().version_files(&project, &name, &row.digest).await?;
    Ok(Json(RunbookView {
        project,
        digest: row.digest,
        published_at: row.published_at,
        published_by: row.published_by,
        retired_at: row.retired_at,
        path: row.path,
        text: row.text,
        files,
        runbook: row.runbook,
    }))
}

pub(super) fn no_project(name: &str) -> ApiError {
    let hint =
        "`signalbox projects list` shows which there are; `signalbox apply PATH --project NAME` makes one.";
    ApiError::not_found(&format!("project `{name}`"), hint)
}

pub(super) fn no_runbook(project: &str, name: &str) -> ApiError {
    let hint = format!("`signalbox runbooks list --project {project}` shows which there are.");
    ApiError::not_found(&format!("runbook `{name}` in project `{project}`"), &hint)
}
