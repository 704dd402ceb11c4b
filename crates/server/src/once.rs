//! `Idempotency-Key`: what makes a call the same call, and how an answer says that it was given before.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use policy::Principal;
use serde::Serialize;
use store::{Answered, Key};

use crate::problem::ApiError;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The call's key, bound to whoever sends it, the route and the body. Of secrets nothing may be in `body`: what is kept of it
/// is a plain hash, from which a short secret could be guessed.
pub(crate) fn key(
    headers: &HeaderMap,
    principal: &Principal,
    route: String,
    body: &impl Serialize,
) -> Result<Option<Key>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let visible =
        |key: &&str| (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let Some(key) = value.to_str().ok().filter(visible) else {
        return Err(ApiError::bad_request("An Idempotency-Key has 1 to 128 visible ASCII characters."));
    };
    let body = serde_json::to_vec(body).map_err(|error| ApiError::internal(format!("{error}.")))?;
    let body = definition::sha256(&body).to_string();
    Ok(Some(Key { principal: principal.id, route, key: key.to_owned(), body }))
}

/// The headers of an answer that may have been given before.
pub(crate) fn replayed<T>(answered: &Answered<T>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if answered.replayed {
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    headers
}
