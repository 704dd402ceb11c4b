//! The routes, by resource. Every one but those of `public` declares its action in its handler's first argument.

mod definitions;
mod health;
mod live;
mod log;
mod paging;
mod projects;
mod runs;
mod session;
mod status;
mod tokens;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, set_header::SetResponseHeaderLayer,
};
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{App, guarded},
    console,
    problem::ApiError,
};

/// Bytes that a body may have, but for `apply`.
const BODY_MAX: usize = 2 * 1024 * 1024;

/// Scripts, styles and requests of this server only; nothing may frame it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";

#[derive(OpenApi)]
#[openapi(info(
    title = "Signalbox",
    description = "Operations as a Service: define, decide, run, watch. Conventions: docs/api.md.",
    license(name = "Apache-2.0", identifier = "Apache-2.0")
))]
struct Document;

/// Routes that anybody may call: health, the API's own document, and signing in. `tests/it/routes.rs` knows them by name.
fn public() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(session::sign_in))
}

fn api() -> OpenApiRouter<App> {
    let mut router = OpenApiRouter::with_openapi(Document::openapi()).merge(public());
    router = guarded!(router, session::who_am_i);
    router = guarded!(router, session::sign_out);
    router = guarded!(router, status::status);
    router = guarded!(router, projects::list);
    router = guarded!(router, definitions::apply);
    router = guarded!(router, definitions::list_runbooks);
    router = guarded!(router, definitions::show_runbook);
    router = guarded!(router, definitions::list_versions);
    router = guarded!(router, runs::start);
    router = guarded!(router, runs::list);
    router = guarded!(router, live::follow_runs);
    router = guarded!(router, runs::show);
    router = guarded!(router, runs::cancel);
    router = guarded!(router, runs::events);
    router = guarded!(router, log::read);
    router = guarded!(router, live::follow_run);
    router = guarded!(router, tokens::list);
    router = guarded!(router, tokens::create);
    guarded!(router, tokens::revoke)
}

/// The API's own document: OpenAPI 3.1.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, mut document) = api().split_for_parts();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("token", bearer);
    document.security = Some(vec![utoipa::openapi::SecurityRequirement::new("token", Vec::<String>::new())]);
    document
}

/// Everything that the server answers.
pub(crate) fn router(app: App) -> Router {
    let (router, _) = api().split_for_parts();
    let document = openapi().to_pretty_json().unwrap_or_default();
    let json = [(header::CONTENT_TYPE, "application/json")];
    router
        .route("/api/openapi.json", get(move || async move { (json, document) }))
        .route("/api/{*rest}", axum::routing::any(no_such_route))
        .fallback(console::serve)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(app)
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(header_layer(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .layer(header_layer(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header_layer(header::REFERRER_POLICY, "no-referrer"))
        .layer(middleware::from_fn(identify_request))
}

fn header_layer(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn no_such_route() -> ApiError {
    ApiError::not_found("such route", "`/api/openapi.json` lists all routes.")
}

fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let words =
        cause.downcast_ref::<&str>().copied().or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    tracing::error!(cause = words.unwrap_or("unknown"), "a handler panicked");
    axum::response::IntoResponse::into_response(ApiError::internal("Something that cannot happen happened."))
}

/// Give every request an id, in the log and in the answer.
async fn identify_request(request: Request, next: Next) -> Response {
    let id = model::id::Uuid::now_v7();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let began = std::time::Instant::now();
    let mut response = next.run(request).await;
    let (status, took) = (response.status(), began.elapsed());
    if status.is_server_error() {
        tracing::error!(request = %id, %method, path, status = status.as_u16(), ?took, "failed");
    } else {
        tracing::debug!(request = %id, %method, path, status = status.as_u16(), ?took, "answered");
    }
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
