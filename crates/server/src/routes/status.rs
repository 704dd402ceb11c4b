//! How the platform itself is.

use axum::Json;
use model::api::{PlatformStatus, Problem};
use policy::PlatformRead;

use crate::{access::Allowed, clock, problem::ApiError};

/// What the server is, and what it does now.
#[utoipa::path(get, path = "/api/v1/status", tag = "platform", responses(
    (status = 200, description = "The server", body = PlatformStatus),
    (status = 403, description = "Not for this principal", body = Problem),
))]
pub(super) async fn status(allowed: Allowed<PlatformRead>) -> Result<Json<PlatformStatus>, ApiError> {
    let (running_steps, runner_places) = allowed.engine().slots();
    // Counted before this call's own reads.
    let database_transactions = allowed.store().transactions();
    Ok(Json(PlatformStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        database: allowed.store().engine_name().to_owned(),
        database_transactions,
        running_steps,
        runner_places,
        waiting_tasks: allowed.store().waiting_tasks().await?,
        capabilities: allowed.capabilities().to_vec(),
        choices_hosts: allowed.choices_hosts().iter().map(ToString::to_string).collect(),
        clock_off_s: clock::doubted().map_or(0, |off| off.as_secs()),
    }))
}
