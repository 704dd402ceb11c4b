//! Lists come in pages.

use model::api::Page;
use serde::Deserialize;

use crate::problem::ApiError;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// `?limit=` as given, within its bounds.
pub(super) fn limit(given: Option<u32>) -> Result<u32, ApiError> {
    match given {
        None => Ok(LIMIT_DEFAULT),
        Some(limit @ 1..=LIMIT_MAX) => Ok(limit),
        Some(other) => {
            Err(ApiError::bad_request(format!("`limit` is {other}; 1 to {LIMIT_MAX} is possible.")))
        }
    }
}

/// The first `limit` of what was read with one more; `next` if there was one more.
pub(super) fn page<T>(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> String) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(key) } else { None };
    Page { items, next }
}

/// The query of a list without filters.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// How many at most: 1 to 200, 50 unless said.
    pub(super) limit: Option<u32>,
    /// The `next` of the page before.
    pub(super) after: Option<String>,
}
