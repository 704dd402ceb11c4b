//! Errors as RFC 9457 problem documents: what happened, and what to do next. One table of kinds; see `docs/api.md`.

use axum::{
    Json,
    extract::rejection::{BytesRejection, JsonRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use model::{
    api::{Fault, Problem},
    run::Refused,
};
use policy::Decision;
use store::StoreError;

use crate::planning::PlanningError;

/// Faults told at once: nobody reads more, and the answer must not outgrow what was sent.
const FAULTS_MAX: usize = 1000;

/// A problem on its way to whoever asked. Boxed: results are small where all goes well.
#[derive(Clone, Debug)]
pub(crate) struct ApiError(Box<Problem>);

impl ApiError {
    pub(crate) fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem {
            kind: format!("/problems/{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            hint: None,
            action: None,
            policy: None,
            faults: Vec::new(),
            request_id: None,
        }))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What it means here: one more sentence.
    pub(crate) fn and(mut self, sentence: &str) -> Self {
        self.0.detail = format!("{} {sentence}", self.0.detail);
        self
    }

    pub(crate) fn not_signed_in() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not-signed-in",
            "Not signed in",
            "Nobody is signed in, or no longer.",
        )
        .hint("Send `Authorization: Bearer TOKEN`, or sign in: `signalbox login`.")
    }

    pub(crate) fn denied(decision: &Decision) -> Self {
        let detail =
            format!("`{}` on {} is not allowed. {}", decision.action, decision.resource, decision.reason);
        let mut error = Self::new(StatusCode::FORBIDDEN, "denied", "Not allowed", detail);
        error.0.hint = decision.way_out.map(ToOwned::to_owned);
        error.0.action = Some(decision.action.to_owned());
        error.0.policy = decision.policy.map(ToOwned::to_owned);
        error
    }

    pub(crate) fn not_found(what: &str, hint: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", format!("There is no {what} here."))
            .hint(hint.to_owned())
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "Not readable", detail)
            .hint("`/api/openapi.json` says what this route reads.")
    }

    pub(crate) fn faulty(detail: impl Into<String>, mut faults: Vec<Fault>) -> Self {
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "faulty", "Faulty", detail);
        if faults.len() > FAULTS_MAX {
            error.0.hint = Some(format!("These are the first {FAULTS_MAX} of {} faults.", faults.len()));
            faults.truncate(FAULTS_MAX);
        }
        error.0.faults = faults;
        error
    }

    pub(crate) fn not_in_this_state(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "not-in-this-state", "Not in this state", detail)
            .hint("Look at the run: its state says what can still be done.")
    }

    fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "Too large",
            "The body is larger than this route takes.",
        )
        .hint("Send less at once: `docs/api.md` has the limits.")
    }

    /// What happened and what to do, in a row.
    pub(crate) fn words(&self) -> String {
        match &self.0.hint {
            Some(hint) => format!("{} {hint}", self.0.detail),
            None => self.0.detail.clone(),
        }
    }

    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed", detail)
            .hint("The server's log has more, under this request's id.")
    }

    /// With the id under which the server's log has the request.
    pub(crate) fn of_request(mut self, id: &str) -> Self {
        self.0.request_id = Some(id.to_owned());
        self
    }

    /// For an answer that somebody else made: the framework, before any handler was reached.
    pub(crate) fn of_status(status: StatusCode, text: &str) -> Self {
        let reason = status.canonical_reason().unwrap_or("Error");
        let kind = reason.to_ascii_lowercase().replace(' ', "-");
        let detail = if text.is_empty() { format!("{reason}.") } else { text.to_owned() };
        Self::new(status, &kind, reason, detail)
            .hint("`/api/openapi.json` lists all routes and what they read.")
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::not_found(what, "Look at the list for what there is."),
            StoreError::Refused(refused) => Self::from(refused),
            StoreError::Busy { key, held_by } => {
                let holders: Vec<String> = held_by.iter().map(ToString::to_string).collect();
                let detail = format!("Lock `{key}` is taken: held by run {}.", holders.join(", "));
                Self::new(StatusCode::CONFLICT, "busy", "Busy", detail).hint(
                    "Wait for the end of that run, or cancel it: this runbook does not wait for its lock.",
                )
            }
            StoreError::TooLarge { .. } => Self::too_large(),
            StoreError::Backup(why) => {
                let detail = format!("No backup was made: {why}.");
                Self::new(StatusCode::CONFLICT, "no-backup", "No backup", detail)
            }
            error @ (StoreError::DiskFull { .. } | StoreError::ReadOnly { .. }) => {
                tracing::error!(%error, "the store cannot write");
                let (kind, title) = match &error {
                    StoreError::DiskFull { .. } => ("disk-full", "The disk is full"),
                    _ => ("read-only", "The store cannot be written"),
                };
                let detail = format!("{}.", capital(&error.to_string()));
                Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail)
                    .hint("Reading goes on. Try again once whoever runs the server has made room or rights.")
            }
            StoreError::NameTaken(name) => {
                let detail = format!("A token named `{name}` is in force.");
                Self::new(StatusCode::CONFLICT, "name-taken", "Name taken", detail)
                    .hint("Choose another name, or revoke that token first.")
            }
            StoreError::HasNul => Self::faulty("A text holds a NUL, which cannot be kept.", Vec::new()),
            StoreError::KeyReused => {
                let detail = "This Idempotency-Key came before with another body.";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "key-reused", "Idempotency-Key reused", detail)
                    .hint("Send a new key with each new request.")
            }
            other => {
                tracing::error!(error = %other, "the store failed");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "store",
                    "The store does not answer",
                    format!("{other}."),
                )
                .hint("Nothing was changed that was not acknowledged. Try again; the server's log has more.")
            }
        }
    }
}

/// A sentence's first letter.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::too_large();
        }
        Self::bad_request(rejection.body_text())
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::too_large();
        }
        Self::bad_request(rejection.body_text())
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let detail = format!("{}.", capital(&refused.to_string()));
        match refused {
            Refused::OwnRequest => {
                Self::new(StatusCode::FORBIDDEN, "own-request", "One's own request", detail)
                    .hint("Ask somebody else to decide: nobody approves what they requested.")
            }
            _ => Self::not_in_this_state(detail),
        }
    }
}

impl From<PlanningError> for ApiError {
    fn from(error: PlanningError) -> Self {
        let detail = format!("{}.", capital(&error.to_string()));
        match error {
            PlanningError::NoRunbook(name) => Self::not_found(
                &format!("runbook `{name}`"),
                "`signalbox runbooks list` shows which there are.",
            ),
            PlanningError::Retired(_) => Self::new(StatusCode::CONFLICT, "retired", "Retired", detail)
                .hint("Apply it again to bring it back, or use what took its place."),
            PlanningError::Broken(_) => Self::new(StatusCode::CONFLICT, "no-plan", "No plan", detail)
                .hint("Apply what is missing; `signalbox check` finds what a folder speaks of and lacks."),
            PlanningError::Inputs(faults) => {
                Self::faulty("The inputs are not what the runbook takes; nothing was started.", faults)
            }
            PlanningError::TooManyTargets { .. } => {
                let mut error = Self::faulty(detail, Vec::new());
                error.0.hint =
                    Some("Choose fewer with the inputs, or raise `max_targets` of the runbook.".to_owned());
                error
            }
            PlanningError::Store(error) => error.into(),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(&self.0)).into_response();
        response.extensions_mut().insert(self);
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
