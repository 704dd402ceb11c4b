//! The routes, by resource. Every one but those of `public` declares its action in its handler's first argument.

mod backup;
mod choices;
mod definitions;
mod facts;
mod health;
mod inventories;
mod live;
mod log;
mod metrics;
mod paging;
mod pair;
mod presets;
mod projects;
mod runs;
mod schedules;
mod secrets;
mod services;
mod session;
mod status;
mod steps;
mod teams;
mod tokens;
mod uploads;
mod versions;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get},
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
    metrics::Metrics,
    problem::ApiError,
};

/// Bytes that a body may have, but for `apply`: inputs of 1 MiB, of which JSON may escape each byte with six.
const BODY_MAX: usize = 8 * 1024 * 1024;

/// Bytes of a refusal that is not ours and is made a problem.
const FOREIGN_MAX: usize = 16 * 1024;

/// Scripts, styles and requests of this server only; nothing may frame it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Signalbox",
        description = "Operations as a Service: define, decide, run, watch. Conventions: docs/api.md.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    // Told by server-sent events, whose data no operation can name.
    components(schemas(model::api::OutputChunk, model::api::OutputStream, model::api::RunChange, model::view::ServiceChange))
)]
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
    router = guarded!(router, metrics::metrics);
    router = guarded!(router, backup::backup);
    router = guarded!(router, projects::list);
    router = guarded!(router, definitions::apply);
    router = guarded!(router, definitions::list_runbooks);
    router = guarded!(router, definitions::show_runbook);
    router = guarded!(router, versions::list);
    router = guarded!(router, versions::show);
    router = guarded!(router, versions::diff);
    router = guarded!(router, versions::rollback);
    router = guarded!(router, presets::list);
    router = guarded!(router, presets::show);
    router = guarded!(router, presets::save);
    router = guarded!(router, presets::delete);
    router = guarded!(router, inventories::list);
    router = guarded!(router, inventories::show);
    router = guarded!(router, teams::list);
    router = guarded!(router, teams::show);
    router = guarded!(router, services::list);
    router = guarded!(router, live::follow_services);
    router = guarded!(router, services::show);
    router = guarded!(router, services::health);
    router = guarded!(router, facts::show);
    router = guarded!(router, facts::diff);
    router = guarded!(router, services::happenings);
    router = guarded!(router, schedules::list);
    router = guarded!(router, schedules::show);
    router = guarded!(router, schedules::firings);
    router = guarded!(router, schedules::pause);
    router = guarded!(router, schedules::resume);
    router = guarded!(router, uploads::create);
    router = guarded!(router, uploads::read);
    router = guarded!(router, choices::choices);
    router = guarded!(router, runs::plan);
    router = guarded!(router, runs::start);
    router = guarded!(router, runs::list);
    router = guarded!(router, live::follow_runs);
    router = guarded!(router, runs::show);
    router = guarded!(router, runs::cancel);
    router = guarded!(router, runs::retry);
    router = guarded!(router, steps::answer);
    router = guarded!(router, steps::decide);
    router = guarded!(router, steps::resolve);
    router = guarded!(router, runs::events);
    router = guarded!(router, pair::pair);
    router = guarded!(router, log::read);
    router = guarded!(router, live::follow_run);
    router = guarded!(router, secrets::list);
    router = guarded!(router, secrets::show);
    router = guarded!(router, secrets::set);
    router = guarded!(router, secrets::rotate);
    router = guarded!(router, secrets::delete);
    router = guarded!(router, secrets::rewrap);
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
    let metrics = app.metrics();
    let document = openapi().to_pretty_json().unwrap_or_default();
    let json = [(header::CONTENT_TYPE, "application/json")];
    router
        .route("/api/openapi.json", get(move || async move { (json, document) }))
        .route("/api", any(no_such_route))
        .route("/api/", any(no_such_route))
        .route("/api/{*rest}", any(no_such_route))
        .fallback(console::serve)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(app)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(identify_request))
        .layer(middleware::from_fn_with_state(metrics, count_answer))
        .layer(header_layer(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .layer(header_layer(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header_layer(header::REFERRER_POLICY, "no-referrer"))
        .layer(CompressionLayer::new())
}

fn header_layer(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn no_such_route() -> ApiError {
    ApiError::not_found("such route", "`/api/openapi.json` lists all routes.")
}

async fn no_such_method(method: Method) -> ApiError {
    let detail = format!("This route has no {method}.");
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "no-such-method", "No such method", detail)
        .hint("`Allow` names what it has; `/api/openapi.json` lists all routes.")
}

fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let words =
        cause.downcast_ref::<&str>().copied().or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    tracing::error!(cause = words.unwrap_or("unknown"), "a handler panicked");
    ApiError::internal("Something that cannot happen happened.").into_response()
}

/// Give every request an id, in the log and in the answer, and see to it that whatever goes wrong is told as a problem.
async fn identify_request(request: Request, next: Next) -> Response {
    let id = model::id::Uuid::now_v7().to_string();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let began = std::time::Instant::now();
    let answer = if has_nul(request.uri()) {
        ApiError::bad_request("The address holds a NUL, which no name has.").into_response()
    } else {
        next.run(request).await
    };
    let mut response = as_problem(answer, &id, is_api(&path)).await;
    let (status, took) = (response.status(), began.elapsed());
    if status.is_server_error() {
        tracing::error!(request = %id, %method, path, status = status.as_u16(), ?took, "failed");
    } else {
        tracing::debug!(request = %id, %method, path, status = status.as_u16(), ?took, "answered");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// Count the answer, and how long it took until it began.
async fn count_answer(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let began = std::time::Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    metrics.answered(route.as_ref().map(MatchedPath::as_str), response.status().as_u16(), began);
    response
}

fn is_api(path: &str) -> bool {
    path.strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The two engines of the store do not agree on what to do with one.
fn has_nul(uri: &Uri) -> bool {
    uri.path_and_query().is_some_and(|text| text.as_str().contains("%00"))
}

/// A problem with the request's id in it. What the framework itself refuses is made one, if the API was asked.
async fn as_problem(mut response: Response, id: &str, api: bool) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = match response.extensions_mut().remove::<ApiError>() {
        Some(problem) => problem,
        None if api => {
            let body = std::mem::take(response.body_mut());
            let text = axum::body::to_bytes(body, FOREIGN_MAX).await.unwrap_or_default();
            ApiError::of_status(status, String::from_utf8_lossy(&text).trim())
        }
        None => return response,
    };
    let mut told = problem.of_request(id).into_response();
    // What else was said stays said, as `Allow`.
    let stays = |name: &HeaderName| *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH;
    for (name, value) in response.headers().iter().filter(|(name, _)| stays(name)) {
        told.headers_mut().insert(name.clone(), value.clone());
    }
    told
}
