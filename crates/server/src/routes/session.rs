//! Signing in and out.

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use jiff::{Span, Timestamp};
use model::api::{Problem, SessionView, SignIn};
use policy::{SessionEnd, SessionRead};
use store::Identity;

use crate::{
    access::{Allowed, App, Credential, SESSION_COOKIE, same_origin},
    body::Object,
    clock,
    problem::ApiError,
    token,
};

/// How long a session lasts, in hours.
const SESSION_HOURS: i64 = 12;

/// Sign in: a session cookie for a token.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = SignIn, security(()), responses(
    (status = 200, description = "Signed in; the answer sets the cookie", body = SessionView),
    (status = 401, description = "No such token", body = Problem),
))]
pub(super) async fn sign_in(
    State(app): State<App>,
    headers: HeaderMap,
    jar: CookieJar,
    body: Result<Json<Object<SignIn>>, JsonRejection>,
) -> Result<(CookieJar, Json<SessionView>), ApiError> {
    // A foreign page must not sign a browser in as somebody else. Programs send no `Origin`.
    if headers.contains_key(http::header::ORIGIN) && !same_origin(&headers) {
        let detail = "A browser may sign in only from this server's own pages.";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "foreign-origin", "Foreign origin", detail));
    }
    let Json(Object(SignIn { token: secret })) = body?;
    let Some(identity) = app.identity_of_token(secret.trim()).await? else {
        let detail = "This token is not known here, or no longer.";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "unknown-token", "Unknown token", detail).hint(
            "The first start wrote the administrator's token to `admin.token` in the data directory.",
        ));
    };
    let secret =
        token::new_session().map_err(|error| ApiError::internal(format!("No random numbers: {error}.")))?;
    let expires_at = clock::now()
        .checked_add(Span::new().hours(SESSION_HOURS))
        .map_err(|error| ApiError::internal(format!("No time {SESSION_HOURS} hours from now: {error}.")))?;
    app.begin_session(&secret, &identity, expires_at).await?;
    let cookie =
        Cookie::build((SESSION_COOKIE, secret)).path("/").http_only(true).same_site(SameSite::Strict);
    let view = view(&identity, "session", Some(expires_at));
    Ok((jar.add(cookie), Json(view)))
}

fn view(identity: &Identity, method: &str, expires_at: Option<Timestamp>) -> SessionView {
    SessionView {
        principal: identity.principal,
        name: identity.name.clone(),
        role: identity.role,
        method: method.to_owned(),
        expires_at,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Who am I?
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses(
    (status = 200, description = "Whoever is signed in", body = SessionView),
    (status = 401, description = "Nobody is", body = Problem),
))]
pub(super) async fn who_am_i(allowed: Allowed<SessionRead>) -> Json<SessionView> {
    let principal = allowed.principal();
    Json(SessionView {
        principal: principal.id,
        name: principal.name.clone(),
        role: principal.role,
        method: allowed.credential.name().to_owned(),
        expires_at: allowed.expires_at,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Sign out: the session ends at once. A token stays in force.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses(
    (status = 204, description = "Signed out"),
    (status = 401, description = "Nobody was signed in", body = Problem),
))]
pub(super) async fn sign_out(
    allowed: Allowed<SessionEnd>,
    jar: CookieJar,
) -> Result<(CookieJar, StatusCode), ApiError> {
    if let Credential::Session(hash) = &allowed.credential {
        allowed.store().end_session(hash, clock::now(), allowed.principal().id).await?;
        allowed.tell_ending();
    }
    Ok((jar.remove(Cookie::build(SESSION_COOKIE).path("/")), StatusCode::NO_CONTENT))
}
