//! Files that people give: inputs of the type `file`, and evidence.

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, Query,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use model::{api::Problem, id::ProjectId, name::Digest, run::UploadedFile};
use policy::{Action, UploadCreate, UploadRead};
use serde::Deserialize;

use super::definitions::no_project;
use crate::{access::Allowed, clock, problem::ApiError};

/// Bytes that a file's name may have.
const NAME_MAX: usize = 255;
/// Whatever a file holds, no browser makes a page of it.
const SANDBOX: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadQuery {
    /// The file's name, without folders.
    name: String,
}

/// Give a file, for an input or as evidence: its bytes as they are. The same bytes are kept once.
#[utoipa::path(post, path = "/api/v1/projects/{project}/uploads", operation_id = "create_upload", tag = "uploads",
    params(("project" = String, Path), UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "At most 8 MiB"), responses(
    (status = 201, description = "Kept; give this as the value of an input, or as `evidence`", body = UploadedFile),
    (status = 404, description = "No such project", body = Problem),
    (status = 413, description = "Too large", body = Problem),
    (status = 422, description = "Not a name of a file", body = Problem),
))]
pub(super) async fn create(
    allowed: Allowed<UploadCreate>,
    Path(project): Path<String>,
    query: Result<Query<UploadQuery>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<UploadedFile>), ApiError> {
    let Query(UploadQuery { name }) = query?;
    let id = known(&allowed, &project).await?;
    let fits = (1..=NAME_MAX).contains(&name.len())
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control)
        && !matches!(name.as_str(), "." | "..");
    if !fits {
        return Err(ApiError::faulty("This cannot be the name of a file.", Vec::new())
            .hint(format!("A name has 1 to {NAME_MAX} bytes, no folders and no control characters.")));
    }
    let bytes = body?.to_vec();
    let uploaded = allowed.store().upload(id, &name, bytes, allowed.principal().id, clock::now()).await?;
    Ok((StatusCode::CREATED, Json(uploaded)))
}

async fn known<A: Action>(allowed: &Allowed<A>, project: &str) -> Result<ProjectId, ApiError> {
    allowed.store().project(project).await?.ok_or_else(|| no_project(project))
}

/// The bytes of a file that somebody gave in this project.
#[utoipa::path(get, path = "/api/v1/projects/{project}/uploads/{sha256}", operation_id = "read_upload", tag = "uploads",
    params(("project" = String, Path), ("sha256" = String, Path)), responses(
    (status = 200, description = "The bytes, to be saved and never shown as a page", body = Vec<u8>, content_type = "application/octet-stream"),
    (status = 404, description = "No such project or file", body = Problem),
))]
pub(super) async fn read(
    allowed: Allowed<UploadRead>,
    Path((project, sha256)): Path<(String, String)>,
) -> Result<(HeaderMap, Vec<u8>), ApiError> {
    let id = known(&allowed, &project).await?;
    let missing = || {
        ApiError::not_found(
            &format!("file `{sha256}` in project `{project}`"),
            "Runs and steps name the files that they were given.",
        )
    };
    let digest = Digest::try_from(sha256.clone()).map_err(|_| missing())?;
    let (file, bytes) = allowed.store().uploaded(id, &digest).await?.ok_or_else(missing)?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    headers.insert(header::CONTENT_DISPOSITION, attachment(&file.name));
    Ok((headers, bytes))
}

/// `attachment` with the file's name, as RFC 6266 writes one that may hold anything.
fn attachment(name: &str) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(byte);
    let encoded: String = name
        .bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    let value = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{encoded}"));
    value.unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}
