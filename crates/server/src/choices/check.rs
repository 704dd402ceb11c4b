//! Values held against the options that are fetched for them, before a run is planned or started with them.

use futures_util::future::join_all;
use model::runbook::{ChoicesFrom, Input, InputKind, InputValue, InputValues};
use policy::Action;
use serde_json::Value;

use super::Question;
use crate::{access::Allowed, planning::PlanningError, problem::ApiError};

/// Refuse every value that is not among the options of its choice, asked for again with the other values as they are. What is
/// asked twice is fetched once. An answer that does not come is no pass.
pub(crate) async fn check<A: Action>(
    allowed: &Allowed<A>,
    project: &str,
    declared: &[Input],
    values: &InputValues,
) -> Result<(), ApiError> {
    let known = definition::visible(values);
    let mut questions: Vec<Asked<'_>> = Vec::new();
    for (input, from, value) in declared.iter().filter_map(|input| chosen(input, values)) {
        let question = Question::of(allowed, &input.name, from, &known).map_err(unchecked)?;
        match questions.iter_mut().find(|asked| asked.question == question) {
            Some(asked) => asked.values.push((input, value)),
            None => questions.push(Asked { question, values: vec![(input, value)] }),
        }
    }
    let answers = questions.iter().map(|asked| async move {
        let first = asked.values.first().map_or("", |(input, _)| input.name.as_str());
        asked.question.ask(allowed, project, first).await
    });
    let answers = join_all(answers).await;
    let (mut faults, mut unknown) = (Vec::new(), None);
    for (asked, answer) in questions.iter().zip(answers) {
        match answer {
            Ok(options) => {
                let options: Vec<String> = options.into_iter().map(|option| option.value).collect();
                let wrong =
                    |(input, value): &(&Input, &InputValue)| definition::check_option(input, value, &options);
                faults.extend(asked.values.iter().filter_map(wrong));
            }
            Err(error) => unknown = unknown.or(Some(error)),
        }
    }
    // First what whoever asks can mend; and what could not be fetched may depend on just that.
    if !faults.is_empty() {
        return Err(PlanningError::Inputs(faults).into());
    }
    unknown.map_or(Ok(()), |error| Err(unchecked(error)))
}

/// A question, and the values that are held against its answer.
struct Asked<'a> {
    question: Question<'a>,
    values: Vec<(&'a Input, &'a InputValue)>,
}

/// Is there an input whose value is held against options that must be fetched?
pub(crate) fn are_checked(declared: &[Input]) -> bool {
    declared.iter().any(|input| fetched(input).is_some())
}

/// Where the options come from that a value is held against.
fn fetched(input: &Input) -> Option<&ChoicesFrom> {
    // Where something else may be typed, no answer would refuse it.
    if let InputKind::Choice { from, free: false, .. } = &input.kind { from.as_ref() } else { None }
}

/// A choice of which something was chosen, and where its options come from.
fn chosen<'a>(
    input: &'a Input,
    values: &'a InputValues,
) -> Option<(&'a Input, &'a ChoicesFrom, &'a InputValue)> {
    let from = fetched(input)?;
    let value = values.get(&input.name)?;
    let nothing = matches!(value, InputValue::Json(Value::Array(items)) if items.is_empty());
    (!nothing).then_some((input, from, value))
}

fn unchecked(error: ApiError) -> ApiError {
    error.and("So nobody can say whether the value given for it may be.")
}
