//! The console, embedded: read from `console/dist` in debug builds, compiled in for releases.

use axum::{
    http::{Method, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use rust_embed::RustEmbed;

use crate::problem::ApiError;

#[derive(RustEmbed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct Files;

const NOT_BUILT: &str = "<!doctype html><html lang=en><title>Signalbox</title><body style='font: 1rem/1.5 sans-serif; \
     margin: 3rem'><h1>Signalbox</h1><p>The server runs; its console has not been built. <code>make console</code> \
     builds it. The API is at <a href=/api/openapi.json>/api/openapi.json</a>.</p>";

/// A file of the console; any other path is the console's own affair and gets its page.
pub(crate) async fn serve(method: Method, uri: Uri) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return ApiError::not_found("such route", "`/api/openapi.json` lists all routes.").into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Files::get(path).filter(|_| !path.is_empty()) {
        let kind = mime_guess::from_path(path).first_or_octet_stream();
        // Names under assets/ carry a digest of their content.
        let cache =
            if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        let headers = [(header::CONTENT_TYPE, kind.as_ref()), (header::CACHE_CONTROL, cache)];
        return (headers, file.data).into_response();
    }
    if path.starts_with("assets/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    match Files::get("index.html") {
        Some(page) => {
            let headers =
                [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
            (headers, page.data).into_response()
        }
        None => Html(NOT_BUILT).into_response(),
    }
}
