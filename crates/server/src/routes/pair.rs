//! What is beside a run: how its services stood before it, how they stand after it, and what it waits for of them.

use axum::{Json, extract::Path};
use model::{
    api::Problem,
    run::{Run, WaitReason},
    snapshot::{PairView, VerifyView, changed},
};
use policy::RunRead;
use store::Snapshots;

use super::{runs::known_run, services::project_of};
use crate::{access::Allowed, problem::ApiError};

/// How the services of a run stood before and after it, and what is different.
#[utoipa::path(get, path = "/api/v1/projects/{project}/runs/{run}/pair", operation_id = "run_pair", tag = "view",
    params(("project" = String, Path), ("run" = String, Path)), responses(
    (status = 200, description = "While the run goes on, what is different is what is different now", body = PairView),
    (status = 403, description = "Whoever asks may read the run, and not its service", body = Problem),
    (status = 404, description = "No such run", body = Problem),
))]
pub(super) async fn pair(
    allowed: Allowed<RunRead>,
    Path((project, run)): Path<(String, String)>,
) -> Result<Json<PairView>, ApiError> {
    let run = known_run(&allowed, &project, &run).await?;
    if let Some(service) = &run.service {
        allowed.may_read_service(&project, service)?;
    }
    let id = project_of(&allowed, &project).await?;
    let engine = allowed.engine();
    let services = engine.run_services(&run, id).await?;
    let Snapshots { before, after } = allowed.store().snapshots(run.id).await?;
    let changed = match (&before, &after) {
        (Some(before), Some(after)) => Some(changed(before, after)),
        (Some(before), None) => engine.how_it_stands(&run).await?.map(|now| changed(before, &now)),
        (None, _) => None,
    };
    Ok(Json(PairView { services, before, after, changed, verify: verifies(&run) }))
}

/// What it waits for now, if it verifies.
fn verifies(run: &Run) -> Option<VerifyView> {
    let waits = run.steps.iter().filter_map(|step| step.wait.as_ref());
    waits
        .filter_map(|wait| match &wait.reason {
            WaitReason::Verify(verifying) => Some(VerifyView::of(wait.since, verifying)),
            _ => None,
        })
        .next()
}
