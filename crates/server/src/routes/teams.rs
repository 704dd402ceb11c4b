//! Teams: listed, shown with what is theirs.

use axum::{Json, extract::Path};
use model::{
    api::{Page, Problem},
    service::{Service, Team},
    view::TeamView,
};
use policy::DefinitionRead;
use store::Published;

use super::services::project_of;
use crate::{access::Allowed, problem::ApiError};

/// The teams of a project, by name.
#[utoipa::path(get, path = "/api/v1/projects/{project}/teams", operation_id = "list_teams", tag = "view",
    params(("project" = String, Path)), responses(
    (status = 200, description = "All of them", body = Page<TeamView>),
    (status = 404, description = "No such project", body = Problem),
))]
pub(super) async fn list(
    allowed: Allowed<DefinitionRead>,
    Path(project): Path<String>,
) -> Result<Json<Page<TeamView>>, ApiError> {
    let id = project_of(&allowed, &project).await?;
    let teams = allowed.store().published_definitions::<Team>(id, "Team").await?;
    let services = allowed.store().published_definitions::<Service>(id, "Service").await?;
    let items = teams.into_iter().map(|team| view(&project, team, &services)).collect();
    Ok(Json(Page { items, next: None }))
}

/// A team, with the services that it owns and operates.
#[utoipa::path(get, path = "/api/v1/projects/{project}/teams/{team}", operation_id = "show_team", tag = "view",
    params(("project" = String, Path), ("team" = String, Path)), responses(
    (status = 200, description = "The published version", body = TeamView),
    (status = 404, description = "No such team", body = Problem),
))]
pub(super) async fn show(
    allowed: Allowed<DefinitionRead>,
    Path((project, name)): Path<(String, String)>,
) -> Result<Json<TeamView>, ApiError> {
    let id = project_of(&allowed, &project).await?;
    let hint = format!("`signalbox teams list --project {project}` shows which there are.");
    let missing = || ApiError::not_found(&format!("team `{name}` in project `{project}`"), &hint);
    let team = allowed.store().published_definition::<Team>(id, "Team", &name).await?.ok_or_else(missing)?;
    let services = allowed.store().published_definitions::<Service>(id, "Service").await?;
    Ok(Json(view(&project, team, &services)))
}

fn view(project: &str, team: Published<Team>, services: &[Published<Service>]) -> TeamView {
    let of = |is: &dyn Fn(&Service) -> bool| {
        services
            .iter()
            .filter(|service| is(&service.definition))
            .map(|service| service.name.clone())
            .collect()
    };
    let name = team.name.as_str();
    TeamView {
        owns: of(&|service| service.owner.as_deref() == Some(name)),
        operates: of(&|service| service.operator() == Some(name)),
        project: project.to_owned(),
        digest: team.digest,
        published_at: team.published_at,
        published_by: team.published_by,
        team: team.definition,
    }
}
