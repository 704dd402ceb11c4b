//! Projects.

use axum::Json;
use model::api::{Page, Problem, Project};
use policy::ProjectList;

use crate::{access::Allowed, problem::ApiError};

/// Which projects there are.
#[utoipa::path(get, path = "/api/v1/projects", operation_id = "list_projects", tag = "projects", responses(
    (status = 200, description = "All projects, by name", body = Page<Project>),
    (status = 401, description = "Not signed in", body = Problem),
))]
pub(super) async fn list(allowed: Allowed<ProjectList>) -> Result<Json<Page<Project>>, ApiError> {
    Ok(Json(Page { items: allowed.store().projects().await?, next: None }))
}
