//! The versions of a runbook: listed, shown, compared, published again.

use axum::{
    Json,
    extract::{
        Path, Query,
        rejection::{JsonRejection, QueryRejection},
    },
};
use model::{
    api::{Applied, FileDiff, Page, Problem, RollbackRequest, RunbookView, VersionDiff, VersionSummary},
    name::Digest,
};
use policy::{Action, DefinitionRead, DefinitionRollback};
use serde::Deserialize;
use store::{Rollback, StoreError, VersionSource};

use super::{
    definitions::no_runbook,
    paging::{PageQuery, limit, page},
};
use crate::{access::Allowed, body::Object, clock, problem::ApiError};

const RUNBOOK: &str = "Runbook";

/// The versions of a runbook, newest first.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runbooks/{runbook}/versions", operation_id = "list_versions", tag = "definitions",
    params(("project" = String, Path), ("runbook" = String, Path), PageQuery), responses(
    (status = 200, description = "A page of versions", body = Page<VersionSummary>),
    (status = 404, description = "No such runbook", body = Problem),
))]
pub(super) async fn list(
    allowed: Allowed<DefinitionRead>,
    Path((project, name)): Path<(String, String)>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page<VersionSummary>>, ApiError> {
    let Query(query) = query?;
    let limit = limit(query.limit)?;
    let mut versions = known(&allowed, &project, &name).await?;
    if let Some(after) = query.after {
        let place = versions.iter().position(|version| version.digest.as_str() == after);
        let place = place.ok_or_else(|| ApiError::bad_request("`after` is no version of this runbook."))?;
        versions.drain(..=place);
    }
    Ok(Json(page(versions, limit, |version| version.digest.to_string())))
}

/// All versions; there is no runbook without one.
async fn known<A: Action>(
    allowed: &Allowed<A>,
    project: &str,
    name: &str,
) -> Result<Vec<VersionSummary>, ApiError> {
    let versions = allowed.store().versions(project, RUNBOOK, name).await?;
    if versions.is_empty() { Err(no_runbook(project, name)) } else { Ok(versions) }
}

/// A version of a runbook, current or not.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runbooks/{runbook}/versions/{digest}", operation_id = "show_version", tag = "definitions",
    params(("project" = String, Path), ("runbook" = String, Path), ("digest" = String, Path)), responses(
    (status = 200, description = "The version", body = RunbookView),
    (status = 404, description = "No such runbook or version", body = Problem),
))]
pub(super) async fn show(
    allowed: Allowed<DefinitionRead>,
    Path((project, name, digest)): Path<(String, String, String)>,
) -> Result<Json<RunbookView>, ApiError> {
    let row = allowed.store().runbook(&project, &name).await?.ok_or_else(|| no_runbook(&project, &name))?;
    let versions = known(&allowed, &project, &name).await?;
    let version = versions.into_iter().find(|version| version.digest.as_str() == digest);
    let version = version.ok_or_else(|| no_version(&name, &digest))?;
    let source = allowed.store().version_source(&project, RUNBOOK, &name, &version.digest).await?;
    let loaded = allowed.store().load_version(&project, &name, &version.digest).await?;
    Ok(Json(RunbookView {
        project,
        digest: version.digest,
        published_at: version.published_at,
        published_by: version.published_by,
        retired_at: row.retired_at,
        path: source.path,
        text: source.text,
        files: source.files.into_iter().map(|file| file.file).collect(),
        runbook: loaded.runbook,
    }))
}

fn no_version(name: &str, digest: &str) -> ApiError {
    let hint = format!("`signalbox versions history {name}` lists all.");
    ApiError::not_found(&format!("version `{digest}` of runbook `{name}`"), &hint)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DiffQuery {
    /// The digest of the older version.
    from: String,
    /// The digest of the newer version.
    to: String,
}

/// How one version differs from another: the document, and each file.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runbooks/{runbook}/diff", operation_id = "diff_versions", tag = "definitions",
    params(("project" = String, Path), ("runbook" = String, Path), DiffQuery), responses(
    (status = 200, description = "Unified diffs", body = VersionDiff),
    (status = 404, description = "No such runbook or version", body = Problem),
))]
pub(super) async fn diff(
    allowed: Allowed<DefinitionRead>,
    Path((project, name)): Path<(String, String)>,
    query: Result<Query<DiffQuery>, QueryRejection>,
) -> Result<Json<VersionDiff>, ApiError> {
    let Query(DiffQuery { from, to }) = query?;
    let versions = known(&allowed, &project, &name).await?;
    let find = |digest: &str| -> Result<Digest, ApiError> {
        let found = versions.iter().find(|version| version.digest.as_str() == digest);
        found.map(|version| version.digest.clone()).ok_or_else(|| no_version(&name, digest))
    };
    let (from, to) = (find(&from)?, find(&to)?);
    let older = allowed.store().version_source(&project, RUNBOOK, &name, &from).await?;
    let newer = allowed.store().version_source(&project, RUNBOOK, &name, &to).await?;
    // Comparing large files takes a while: not on a thread that others' answers wait for.
    let files = tokio::task::spawn_blocking(move || compare(&older, &newer)).await;
    let files = files.map_err(|_| ApiError::internal("The versions could not be compared."))?;
    Ok(Json(VersionDiff { from, to, files }))
}

/// The document first, then each file that differs, by path.
fn compare(older: &VersionSource, newer: &VersionSource) -> Vec<FileDiff> {
    let mut files = Vec::new();
    if older.text != newer.text || older.path != newer.path {
        files.extend(definition::diff(&newer.path, Some(older.text.as_bytes()), Some(newer.text.as_bytes())));
    }
    let mut paths: Vec<&str> =
        older.files.iter().chain(&newer.files).map(|file| file.file.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        let bytes = |source: &VersionSource| {
            source.files.iter().find(|file| file.file.path == path).map(|file| file.bytes.clone())
        };
        let (before, after) = (bytes(older), bytes(newer));
        if before != after {
            files.extend(definition::diff(path, before.as_deref(), after.as_deref()));
        }
    }
    files
}

/// Publish an earlier version again.
#[utoipa::path(post, path = "/api/v1/projects/{project}/runbooks/{runbook}/rollback", operation_id = "rollback_runbook", tag = "definitions",
    params(("project" = String, Path), ("runbook" = String, Path)), request_body = RollbackRequest, responses(
    (status = 200, description = "It is current now; `unchanged` if it was already", body = Applied),
    (status = 403, description = "Not for this principal", body = Problem),
    (status = 404, description = "No such runbook or version", body = Problem),
))]
pub(super) async fn rollback(
    allowed: Allowed<DefinitionRollback>,
    Path((project, name)): Path<(String, String)>,
    body: Result<Json<Object<RollbackRequest>>, JsonRejection>,
) -> Result<Json<Applied>, ApiError> {
    let Json(Object(RollbackRequest { digest })) = body?;
    let versions = known(&allowed, &project, &name).await?;
    if !versions.iter().any(|version| version.digest == digest) {
        return Err(no_version(&name, digest.as_str()));
    }
    let principal = allowed.principal();
    let rollback = Rollback {
        project,
        kind: RUNBOOK.to_owned(),
        name,
        digest,
        by: principal.id,
        by_name: principal.name.clone(),
        at: clock::now(),
    };
    let project = rollback.project.clone();
    let applied = allowed.store().rollback(rollback).await?;
    follow(&allowed, &project).await;
    Ok(Json(applied))
}

/// What starts by time follows what is published. It is stored already: should this fail, the next start does it.
pub(super) async fn follow<A: policy::Action>(allowed: &Allowed<A>, project: &str) {
    let following = async {
        match allowed.store().project(project).await? {
            Some(id) => allowed.engine().sync_timetable(id, project).await?,
            None => return Ok(()),
        }
        // A schedule that is not published may begin nothing; one that is again may go on.
        allowed.engine().rights_changed();
        Ok::<_, StoreError>(())
    };
    if let Err(error) = following.await {
        tracing::error!(project, %error, "the timetable does not follow what was published; the next start does it");
    }
}
