//! Inventories: listed, shown.

use axum::{
    Json,
    extract::{Path, Query, rejection::QueryRejection},
};
use model::api::{InventorySummary, InventoryView, Page, Problem};
use policy::DefinitionRead;

use super::{
    definitions::no_project,
    paging::{PageQuery, limit, page},
};
use crate::{access::Allowed, problem::ApiError};

/// The inventories of a project, by name.
#[utoipa::path(get, path = "/api/v1/projects/{project}/inventories", operation_id = "list_inventories", tag = "definitions",
    params(("project" = String, Path), PageQuery), responses(
    (status = 200, description = "A page of inventories", body = Page<InventorySummary>),
    (status = 404, description = "No such project", body = Problem),
))]
pub(super) async fn list(
    allowed: Allowed<DefinitionRead>,
    Path(project): Path<String>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<Page<InventorySummary>>, ApiError> {
    let Query(query) = query?;
    let limit = limit(query.limit)?;
    let store = allowed.store();
    if store.project(&project).await?.is_none() {
        return Err(no_project(&project));
    }
    let mut items = Vec::new();
    for name in store.inventory_names(&project, query.after, limit + 1).await? {
        // It may have been retired meanwhile.
        let Some(row) = store.inventory(&project, &name).await? else { continue };
        items.push(InventorySummary {
            project: project.clone(),
            name,
            title: row.inventory.title,
            description: row.inventory.description,
            targets: row.inventory.targets.len(),
            digest: row.digest,
            published_at: row.published_at,
            retired_at: None,
        });
    }
    Ok(Json(page(items, limit, |inventory| inventory.name.clone())))
}

/// An inventory as published: the targets that steps act on.
#[utoipa::path(get, path = "/api/v1/projects/{project}/inventories/{inventory}", operation_id = "show_inventory", tag = "definitions",
    params(("project" = String, Path), ("inventory" = String, Path)), responses(
    (status = 200, description = "The published version", body = InventoryView),
    (status = 404, description = "No such inventory", body = Problem),
))]
pub(super) async fn show(
    allowed: Allowed<DefinitionRead>,
    Path((project, name)): Path<(String, String)>,
) -> Result<Json<InventoryView>, ApiError> {
    let hint = format!("`signalbox inventories list --project {project}` shows which there are.");
    let missing = || ApiError::not_found(&format!("inventory `{name}` in project `{project}`"), &hint);
    let row = allowed.store().inventory(&project, &name).await?.ok_or_else(missing)?;
    let source = allowed.store().version_source(&project, "Inventory", &name, &row.digest).await?;
    Ok(Json(InventoryView {
        project,
        digest: row.digest,
        published_at: row.published_at,
        published_by: row.published_by,
        retired_at: None,
        path: source.path,
        text: source.text,
        inventory: row.inventory,
    }))
}
