//! Tokens: made, listed, revoked.

use axum::{
    Json,
    extract::{Path, rejection::JsonRejection},
    http::StatusCode,
};
use model::{
    api::{CreateToken, CreatedToken, Page, Problem, TokenView},
    id::TokenId,
    name::is_name,
};
use policy::{TokenCreate, TokenRead, TokenRevoke};

use crate::{access::Allowed, body::Object, clock, problem::ApiError, token};

/// All tokens; never their secrets.
#[utoipa::path(get, path = "/api/v1/tokens", operation_id = "list_tokens", tag = "tokens", responses(
    (status = 200, description = "All tokens, oldest first", body = Page<TokenView>),
    (status = 403, description = "Not for this principal", body = Problem),
))]
pub(super) async fn list(allowed: Allowed<TokenRead>) -> Result<Json<Page<TokenView>>, ApiError> {
    Ok(Json(Page { items: allowed.store().tokens().await?, next: None }))
}

/// Make a principal and its token. The secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = CreateToken, responses(
    (status = 201, description = "The token and its secret", body = CreatedToken),
    (status = 403, description = "Not for this principal", body = Problem),
    (status = 409, description = "A token of this name is in force", body = Problem),
    (status = 422, description = "Not a name", body = Problem),
))]
pub(super) async fn create(
    allowed: Allowed<TokenCreate>,
    body: Result<Json<Object<CreateToken>>, JsonRejection>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    let Json(Object(CreateToken { name, role })) = body?;
    if !is_name(&name) {
        let hint = "Use lower-case letters, digits and `-`, 63 characters at most, beginning with a letter or digit.";
        return Err(
            ApiError::faulty(format!("`{name}` cannot be the name of a token."), Vec::new()).hint(hint)
        );
    }
    let secret =
        token::new_token().map_err(|error| ApiError::internal(format!("No random numbers: {error}.")))?;
    let by = Some(allowed.principal().id);
    let token = allowed.store().create_token(&name, role, &token::hash(&secret), clock::now(), by).await?;
    allowed.engine().rights_changed();
    Ok((StatusCode::CREATED, Json(CreatedToken { token, secret })))
}

/// End a token and its sessions, at once.
#[utoipa::path(delete, path = "/api/v1/tokens/{token}", tag = "tokens",
    params(("token" = String, Path)), responses(
    (status = 204, description = "Revoked"),
    (status = 403, description = "Not for this principal", body = Problem),
    (status = 404, description = "No such token", body = Problem),
))]
pub(super) async fn revoke(
    allowed: Allowed<TokenRevoke>,
    Path(token): Path<String>,
) -> Result<StatusCode, ApiError> {
    let hint = "`signalbox tokens list` shows which there are.";
    let id: TokenId = token.parse().map_err(|_| ApiError::not_found(&format!("token `{token}`"), hint))?;
    allowed.store().revoke_token(id, clock::now(), allowed.principal().id).await?;
    allowed.tell_ending();
    allowed.engine().rights_changed();
    Ok(StatusCode::NO_CONTENT)
}
