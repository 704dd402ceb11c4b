//! Stored secrets: set, rotated, deleted, listed; their values go in and never come out.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, rejection::BytesRejection, rejection::JsonRejection, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{
    api::{Page, Problem},
    id::ProjectId,
    name::is_name,
    secret::{RewrapRequest, Rewrapped, SECRET_MAX, SecretSet, SecretView, SetSecret, doubts},
};
use policy::{Action, SecretList, SecretRewrap, SecretWrite};
use serde::Deserialize;
use store::{NewSecret, RetiredSecret, SecretText, StoreError};

use super::definitions::no_project;
use crate::{access::Allowed, body::Object, clock, problem::ApiError};

/// Secrets that one project may have.
const SECRETS_MAX: usize = 1000;
/// Bytes of a description.
const DESCRIPTION_MAX: usize = 1000;
/// Random bytes of a value that is made here.
const GENERATED: usize = 32;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SecretsQuery {
    /// Deleted ones too.
    #[serde(default)]
    retired: bool,
}

/// The secrets of a project by name: everything but their values.
#[utoipa::path(get, path = "/api/v1/projects/{project}/secrets", operation_id = "list_secrets", tag = "secrets",
    params(("project" = String, Path), SecretsQuery), responses(
    (status = 200, description = "All of them", body = Page<SecretView>),
    (status = 404, description = "No such project", body = Problem),
))]
pub(super) async fn list(
    allowed: Allowed<SecretList>,
    Path(project): Path<String>,
    query: Result<Query<SecretsQuery>, QueryRejection>,
) -> Result<Json<Page<SecretView>>, ApiError> {
    let Query(SecretsQuery { retired }) = query?;
    let id = known(&allowed, &project).await?;
    let mut items = allowed.store().stored_secrets(id).await?;
    items.retain(|secret| retired || secret.retired_at.is_none());
    Ok(Json(Page { items, next: None }))
}

/// A secret with its versions, without its value.
#[utoipa::path(get, path = "/api/v1/projects/{project}/secrets/{secret}", operation_id = "show_secret", tag = "secrets",
    params(("project" = String, Path), ("secret" = String, Path)), responses(
    (status = 200, description = "Everything but its value", body = SecretView),
    (status = 404, description = "No such project or secret", body = Problem),
))]
pub(super) async fn show(
    allowed: Allowed<SecretList>,
    Path((project, secret)): Path<(String, String)>,
) -> Result<Json<SecretView>, ApiError> {
    let id = known(&allowed, &project).await?;
    let found = allowed.store().stored_secret(id, &secret).await?;
    found.map(Json).ok_or_else(|| no_secret(&secret))
}

/// Set a secret, in the place of the value that it has.
#[utoipa::path(put, path = "/api/v1/projects/{project}/secrets/{secret}", operation_id = "set_secret", tag = "secrets",
    params(("project" = String, Path), ("secret" = String, Path)), request_body = SetSecret, responses(
    (status = 200, description = "It has a new version", body = SecretSet),
    (status = 404, description = "No such project", body = Problem),
    (status = 409, description = "A secret of that name was deleted, or there are too many", body = Problem),
    (status = 422, description = "Not a name, or not a value", body = Problem),
))]
pub(super) async fn set(
    allowed: Allowed<SecretWrite>,
    Path((project, secret)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<SecretSet>, ApiError> {
    let request = read(&headers, body)?;
    let id = known(&allowed, &project).await?;
    if !is_name(&secret) {
        let hint = "Use lower-case letters, digits and `-`, 63 characters at most, beginning with a letter or digit.";
        let detail = format!("`{secret}` cannot be the name of a secret.");
        return Err(ApiError::faulty(detail, Vec::new()).hint(hint));
    }
    let secrets = allowed.store().stored_secrets(id).await?;
    let standing = secrets.iter().filter(|known| known.retired_at.is_none());
    if standing.clone().count() >= SECRETS_MAX && !standing.into_iter().any(|known| known.name == secret) {
        let detail = format!("This project has {SECRETS_MAX} secrets already, which is the most.");
        return Err(ApiError::new(StatusCode::CONFLICT, "too-many", "Too many", detail)
            .hint("Delete one that nothing uses."));
    }
    write(&allowed, id, project, secret, request, false).await
}

/// Give a secret another value. It must be there.
#[utoipa::path(post, path = "/api/v1/projects/{project}/secrets/{secret}/rotate", operation_id = "rotate_secret", tag = "secrets",
    params(("project" = String, Path), ("secret" = String, Path)), request_body = SetSecret, responses(
    (status = 200, description = "It has a new version", body = SecretSet),
    (status = 404, description = "No such project or secret", body = Problem),
    (status = 422, description = "Not a value", body = Problem),
))]
pub(super) async fn rotate(
    allowed: Allowed<SecretWrite>,
    Path((project, secret)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<SecretSet>, ApiError> {
    let request = read(&headers, body)?;
    let id = known(&allowed, &project).await?;
    write(&allowed, id, project, secret, request, true).await
}

/// Destroy a secret with all its versions. Its name stays taken.
#[utoipa::path(delete, path = "/api/v1/projects/{project}/secrets/{secret}", operation_id = "delete_secret", tag = "secrets",
    params(("project" = String, Path), ("secret" = String, Path)), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "No such project or secret", body = Problem),
))]
pub(super) async fn delete(
    allowed: Allowed<SecretWrite>,
    Path((project, secret)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let id = known(&allowed, &project).await?;
    let retired = RetiredSecret {
        project: id,
        project_name: project,
        name: secret.clone(),
        by: allowed.principal().id,
        at: clock::now(),
    };
    if allowed.store().retire_secret(retired).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_secret(&secret))
    }
}

/// Seal everything under the newest key: stored secrets of all projects, and secret inputs of runs that have not ended.
#[utoipa::path(post, path = "/api/v1/secrets/rewrap", operation_id = "rewrap_secrets", tag = "secrets",
    request_body = RewrapRequest, responses(
    (status = 200, description = "Nothing is sealed under an older key any more", body = Rewrapped),
))]
pub(super) async fn rewrap(
    allowed: Allowed<SecretRewrap>,
    body: Result<Json<Object<RewrapRequest>>, JsonRejection>,
) -> Result<Json<Rewrapped>, ApiError> {
    let Json(Object(RewrapRequest { new_data_keys })) = body?;
    let (store, by) = (allowed.store().clone(), allowed.principal().id);
    // On a task of its own: whoever asks may go away.
    let rewrapping = tokio::spawn(async move { store.rewrap_secrets(new_data_keys, by, clock::now()).await });
    Ok(Json(rewrapping.await.unwrap_or(Err(StoreError::Closed))?))
}

async fn known<A: Action>(allowed: &Allowed<A>, project: &str) -> Result<ProjectId, ApiError> {
    allowed.store().project(project).await?.ok_or_else(|| no_project(project))
}

fn no_secret(secret: &str) -> ApiError {
    ApiError::not_found(&format!("secret `{secret}`"), "`signalbox secrets list` shows which there are.")
}

/// The body of a call that carries a value. What is wrong with it is told without a word of it, and read here and not by the
/// framework, which writes what it refuses into the log.
fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<SetSecret, ApiError> {
    let body = body?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        let detail = "The body must be JSON, with `Content-Type: application/json`.";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", "Not JSON", detail));
    }
    serde_json::from_slice::<Object<SetSecret>>(&body).map(|Object(request)| request).map_err(|error| {
        ApiError::bad_request(format!(
            "The body is not what a secret is set with, at line {}, column {}; what it holds is not repeated here.",
            error.line(),
            error.column()
        ))
        .hint("It is an object with one of `value` (a text), `base64` and `generate`, and with `description` and `keep` if need be.")
    })
}

async fn write(
    allowed: &Allowed<SecretWrite>,
    project: ProjectId,
    project_name: String,
    name: String,
    request: SetSecret,
    rotate: bool,
) -> Result<Json<SecretSet>, ApiError> {
    if request.description.as_ref().is_some_and(|text| text.len() > DESCRIPTION_MAX) {
        let detail = format!("The description has more than {DESCRIPTION_MAX} bytes.");
        return Err(ApiError::faulty(detail, Vec::new()));
    }
    let (value, made_here) = value(&request)?;
    let warnings = if made_here { Vec::new() } else { doubts(value.expose()) };
    let principal = allowed.principal();
    let new = NewSecret {
        project,
        project_name,
        name: name.clone(),
        description: request.description,
        value,
        keep: request.keep,
        rotate,
        by: principal.id,
        by_name: principal.name.clone(),
        at: clock::now(),
    };
    match allowed.store().set_secret(new).await {
        Ok(secret) => Ok(Json(SecretSet { secret, warnings })),
        Err(StoreError::NoSecret(_)) => Err(no_secret(&name)),
        Err(StoreError::NameTaken(_)) => {
            let detail =
                format!("A secret `{name}` was deleted. What was bound to it must not come to mean another.");
            Err(ApiError::new(StatusCode::CONFLICT, "name-taken", "The name is taken", detail)
                .hint("Choose another name."))
        }
        Err(other) => Err(other.into()),
    }
}

/// The value that is asked for, and whether it was made here.
fn value(request: &SetSecret) -> Result<(SecretText, bool), ApiError> {
    let bytes = match (&request.value, &request.base64, request.generate) {
        (Some(value), None, false) => value.expose().as_bytes().to_vec(),
        (None, Some(text), false) => STANDARD
            .decode(text.expose())
            .map_err(|_| ApiError::faulty("`base64` is not standard base64.", Vec::new()))?,
        (None, None, true) => {
            let mut random = zeroize::Zeroizing::new([0_u8; GENERATED]);
            getrandom::fill(&mut *random)
                .map_err(|error| ApiError::internal(format!("no random numbers are to be had: {error}.")))?;
            return Ok((SecretText::new(URL_SAFE_NO_PAD.encode(*random)), true));
        }
        _ => {
            let detail = "A secret is set with exactly one of `value`, `base64` and `generate`.";
            return Err(ApiError::faulty(detail, Vec::new()));
        }
    };
    if bytes.is_empty() || bytes.len() > SECRET_MAX {
        let detail = format!("A secret has 1 to {SECRET_MAX} bytes; this one has {}.", bytes.len());
        return Err(ApiError::faulty(detail, Vec::new()));
    }
    Ok((SecretText::from(bytes), false))
}
