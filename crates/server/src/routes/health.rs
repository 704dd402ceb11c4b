//! Is the server there, and does it work?

use axum::{extract::State, http::StatusCode};

use crate::access::App;

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "`ok`", body = String)))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The store answers too.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "`ready`", body = String),
    (status = 503, description = "The store does not answer", body = String),
))]
pub(super) async fn readyz(State(app): State<App>) -> (StatusCode, &'static str) {
    match app.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n")
        }
    }
}
