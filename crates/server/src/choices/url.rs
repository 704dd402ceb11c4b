//! Options that a URL gives: JSON, from a host that the platform allows.

use axum::http::StatusCode;
use model::api::ChoiceOption;

use super::{no_answer, not_known, options::options_of};
use crate::{
    fetch::{self, AllowedHost},
    problem::ApiError,
};

pub(super) async fn ask(
    hosts: &[AllowedHost],
    address: &str,
    pointer: Option<&str>,
    input: &str,
) -> Result<Vec<ChoiceOption>, ApiError> {
    let answer = fetch::json(hosts, address).await.map_err(|error| {
        if !error.is_refusal() {
            return no_answer(input, &error.to_string());
        }
        let all: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let now =
            if all.is_empty() { "none are".to_owned() } else { format!("these are: {}", all.join(", ")) };
        let detail = not_known(input, &error.to_string());
        ApiError::new(StatusCode::CONFLICT, "host-not-allowed", "Host not allowed", detail).hint(format!(
            "Whoever runs the server says which hosts may be asked (`--choices-host HOST[:PORT]`); now {now}."
        ))
    })?;
    let list = match pointer {
        Some(pointer) => answer.pointer(pointer).ok_or_else(|| {
            no_answer(input, &format!("the answer has nothing at `{pointer}`"))
                .hint("Look at `pointer` of the input's `from`.")
        })?,
        None => &answer,
    };
    options_of(list).map_err(|why| no_answer(input, &format!("the answer is no list of choices: {why}")))
}
