//! What can be chosen for an input whose options are fetched: a question, asked of a URL or of a runbook that only reads.
//!
//! The form asks when it opens, and whoever starts or plans a run with a value is held against the answer to the same question.

mod check;
mod options;
mod runbook;
mod url;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use model::{
    api::ChoiceOption,
    evaluate::Evaluate,
    runbook::{ChoicesFrom, Template},
};
use policy::Action;
use serde_json::Value;

pub(crate) use check::{are_checked, check};

use crate::{access::Allowed, problem::ApiError};

/// What is asked, with the inputs before filled in.
#[derive(PartialEq)]
pub(crate) enum Question<'q> {
    Url { address: String, pointer: Option<&'q str> },
    Runbook { name: &'q str, output: &'q str, given: BTreeMap<String, Value> },
}

impl<'q> Question<'q> {
    /// `known` is what templates see of the inputs.
    pub(crate) fn of<A: Action>(
        allowed: &Allowed<A>,
        input: &str,
        from: &'q ChoicesFrom,
        known: &Value,
    ) -> Result<Self, ApiError> {
        let evaluate = allowed.engine().evaluate();
        let depends = |why: String| {
            ApiError::faulty(not_known(input, &why), Vec::new()).hint("Give the inputs before it first.")
        };
        match from {
            ChoicesFrom::Url { url, pointer } => {
                let address = evaluate.url(url, known).map_err(depends)?;
                Ok(Self::Url { address, pointer: pointer.as_deref() })
            }
            ChoicesFrom::Runbook { name, output, inputs } => {
                let fill = |(name, template): (&String, &Template)| {
                    let text = evaluate.text(template, known).map_err(depends)?;
                    Ok::<_, ApiError>((name.clone(), Value::String(text)))
                };
                let given = inputs.iter().map(fill).collect::<Result<_, _>>()?;
                Ok(Self::Runbook { name, output, given })
            }
        }
    }

    /// The options of `input` now.
    pub(crate) async fn ask<A: Action>(
        &self,
        allowed: &Allowed<A>,
        project: &str,
        input: &str,
    ) -> Result<Vec<ChoiceOption>, ApiError> {
        match self {
            Self::Url { address, pointer } => {
                url::ask(allowed.choices_hosts(), address, *pointer, input).await
            }
            Self::Runbook { name, output, given } => {
                runbook::Asked { allowed, project, name, input }.ask(output, given).await
            }
        }
    }
}

fn not_known(input: &str, why: &str) -> String {
    format!("What can be chosen for the input `{input}` is not known: {why}.")
}

/// Whoever was asked did not answer as it should.
fn no_answer(input: &str, why: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_GATEWAY, "choices", "No choices", not_known(input, why))
        .hint("Try again; if it stays so, look at `from` of the input.")
}
