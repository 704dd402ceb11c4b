//! What people say to a run that waits for them: manual steps, gates, attempts whose end nobody can learn.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, rejection::JsonRejection},
    http::{HeaderMap, Method},
};
use definition::Asking;
use model::{
    api::{AnswerRequest, DecisionRequest, Problem, Resolution, ResolveRequest, RunView},
    run::{Answer, AnswerVerdict, Run, RunEvent, StepRun, UploadedFile, WaitReason},
    runbook::{Evidence, Input},
};
use policy::{Action, RunAnswer, RunApprove};
use serde::Serialize;
use serde_json::Value;

use super::runs::{answered_before, known_run, reason};
use crate::{access::Allowed, body::Object, clock, once, planning, problem::ApiError};

type Said = Result<(HeaderMap, Json<RunView>), ApiError>;

/// Say what became of a manual step.
#[utoipa::path(post, path = "/api/v1/projects/{project}/runs/{run}/steps/{step}/answer", operation_id = "answer_step", tag = "runs",
    params(("project" = String, Path), ("run" = String, Path),
        ("step" = String, Path, description = "The step's address, or its name while only one step has it"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key gets the same answer")),
    request_body = AnswerRequest, responses(
    (status = 200, description = "The run after it", body = RunView),
    (status = 404, description = "No such run or step", body = Problem),
    (status = 409, description = "The step does not wait for that", body = Problem),
    (status = 422, description = "Faulty fields, by name in `path` of `faults`, or the evidence is missing", body = Problem),
))]
pub(super) async fn answer(
    allowed: Allowed<RunAnswer>,
    Path((project, run, step)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Result<Json<Object<AnswerRequest>>, JsonRejection>,
) -> Said {
    let Json(Object(request)) = body?;
    let asked = Asked::of(&allowed, &project, &run, &step).await?;
    let event = manual(&allowed, &project, &asked, &request).await;
    asked.say(&allowed, &headers, "answer", &request, event).await
}

async fn manual(
    allowed: &Allowed<RunAnswer>,
    project: &str,
    asked: &Asked,
    request: &AnswerRequest,
) -> Result<RunEvent, ApiError> {
    let step = asked.step()?;
    let Some(WaitReason::Person { fields, evidence, .. }) = step.wait.as_ref().map(|wait| &wait.reason)
    else {
        return Err(asked.not_asked("an answer"));
    };
    let now = clock::now();
    let asking = Asking { now, caller: &allowed.principal().name };
    let fields = fields_for(fields, request);
    let read = definition::read_fields(&fields, &request.fields, &asking).map_err(|faults| {
        ApiError::faulty("The fields are not what the step asks for; nothing was said.", faults)
    })?;
    let outputs: BTreeMap<String, String> =
        read.into_iter().map(|(name, value)| (name, value.to_variable())).collect();
    check_evidence(allowed, project, *evidence, request).await?;
    let answer = Answer {
        by: allowed.requester(),
        at: now,
        verdict: if request.done { AnswerVerdict::Done } else { AnswerVerdict::Failed },
        comment: reason(request.comment.clone())?,
        evidence: request.evidence.clone(),
    };
    Ok(RunEvent::StepAnswered { step: asked.place, answer, outputs })
}

/// Whoever says that it failed need not fill in what only a success has.
fn fields_for(fields: &[Input], request: &AnswerRequest) -> Vec<Input> {
    let mut fields = fields.to_vec();
    if !request.done {
        fields.iter_mut().for_each(|field| field.required = false);
    }
    fields
}

async fn check_evidence(
    allowed: &Allowed<RunAnswer>,
    project: &str,
    evidence: Evidence,
    request: &AnswerRequest,
) -> Result<(), ApiError> {
    let hint = "Upload a file (`POST …/uploads?name=NAME`) and name it as `evidence`; `signalbox step done --evidence PATH` does both.";
    match (evidence, &request.evidence) {
        (Evidence::Required, None) if request.done => {
            Err(ApiError::faulty("The step asks for a file that proves it.", Vec::new()).hint(hint))
        }
        (Evidence::None, Some(_)) => {
            Err(ApiError::faulty("The step asks for no file.", Vec::new()).hint("Leave `evidence` out."))
        }
        (_, None) => Ok(()),
        (_, Some(file)) => match uploaded(allowed, project, file).await? {
            true => Ok(()),
            false => {
                Err(ApiError::faulty("The file named as evidence has not been uploaded here.", Vec::new())
                    .hint(hint))
            }
        },
    }
}

async fn uploaded<A: Action>(
    allowed: &Allowed<A>,
    project: &str,
    file: &UploadedFile,
) -> Result<bool, ApiError> {
    let Some(id) = allowed.store().project(project).await? else { return Ok(false) };
    Ok(planning::is_uploaded(allowed.store(), id, file).await?)
}

/// Say yes or no at a gate. Never of whoever asked for the run.
#[utoipa::path(post, path = "/api/v1/projects/{project}/runs/{run}/steps/{step}/decision", operation_id = "decide_step", tag = "runs",
    params(("project" = String, Path), ("run" = String, Path),
        ("step" = String, Path, description = "The step's address, or its name while only one step has it"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key gets the same answer")),
    request_body = DecisionRequest, responses(
    (status = 200, description = "The run after it", body = RunView),
    (status = 403, description = "Not for this principal, or it is their own request", body = Problem),
    (status = 404, description = "No such run or step", body = Problem),
    (status = 409, description = "The step does not wait for that", body = Problem),
    (status = 422, description = "A no without a comment", body = Problem),
))]
pub(super) async fn decide(
    allowed: Allowed<RunApprove>,
    Path((project, run, step)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Result<Json<Object<DecisionRequest>>, JsonRejection>,
) -> Said {
    let Json(Object(request)) = body?;
    let asked = Asked::of(&allowed, &project, &run, &step).await?;
    let event = decision(&allowed, &asked, &request);
    asked.say(&allowed, &headers, "decision", &request, event).await
}

fn decision(
    allowed: &Allowed<RunApprove>,
    asked: &Asked,
    request: &DecisionRequest,
) -> Result<RunEvent, ApiError> {
    let waits = asked.step()?.wait.as_ref().map(|wait| &wait.reason);
    if !matches!(waits, Some(WaitReason::Approval { .. })) {
        return Err(asked.not_asked("a decision"));
    }
    let comment = reason(request.comment.clone())?;
    if !request.approve && comment.is_none() {
        return Err(ApiError::faulty("Whoever says no says why.", Vec::new()).hint("Send a `comment`."));
    }
    let verdict = if request.approve { AnswerVerdict::Approved } else { AnswerVerdict::Declined };
    let by = allowed.requester();
    let answer = Answer { by, at: clock::now(), verdict, comment, evidence: None };
    Ok(RunEvent::StepAnswered { step: asked.place, answer, outputs: BTreeMap::new() })
}

/// Say how an attempt ended whose end nobody can learn.
#[utoipa::path(post, path = "/api/v1/projects/{project}/runs/{run}/steps/{step}/resolve", operation_id = "resolve_step", tag = "runs",
    params(("project" = String, Path), ("run" = String, Path),
        ("step" = String, Path, description = "The step's address, or its name while only one step has it"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key gets the same answer")),
    request_body = ResolveRequest, responses(
    (status = 200, description = "The run after it", body = RunView),
    (status = 404, description = "No such run or step", body = Problem),
    (status = 409, description = "The step does not wait for that", body = Problem),
    (status = 422, description = "Without a reason", body = Problem),
))]
pub(super) async fn resolve(
    allowed: Allowed<RunAnswer>,
    Path((project, run, step)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Result<Json<Object<ResolveRequest>>, JsonRejection>,
) -> Said {
    let Json(Object(request)) = body?;
    let asked = Asked::of(&allowed, &project, &run, &step).await?;
    let event = resolution(&allowed, &asked, &request);
    asked.say(&allowed, &headers, "resolve", &request, event).await
}

fn resolution(
    allowed: &Allowed<RunAnswer>,
    asked: &Asked,
    request: &ResolveRequest,
) -> Result<RunEvent, ApiError> {
    let Some(WaitReason::Lost { attempt, .. }) = asked.step()?.wait.as_ref().map(|wait| &wait.reason) else {
        return Err(asked.not_asked("somebody to say how it ended"));
    };
    let comment = reason(Some(request.reason.clone()))?;
    if comment.is_none() {
        return Err(ApiError::faulty("Whoever says how it ended says how they know.", Vec::new())
            .hint("Send a `reason`."));
    }
    let verdict = match request.verdict {
        Resolution::Succeeded => AnswerVerdict::ResolvedSucceeded,
        Resolution::Failed => AnswerVerdict::ResolvedFailed,
        Resolution::Retry => AnswerVerdict::ResolvedRetry,
    };
    let by = allowed.requester();
    let answer = Answer { by, at: clock::now(), verdict, comment, evidence: None };
    Ok(RunEvent::StepResolved { step: asked.place, attempt: *attempt, answer })
}

/// The step that somebody speaks of.
struct Asked {
    project: String,
    run: Arc<Run>,
    place: u32,
}

impl Asked {
    async fn of<A: Action>(
        allowed: &Allowed<A>,
        project: &str,
        run: &str,
        step: &str,
    ) -> Result<Self, ApiError> {
        let run = known_run(allowed, project, run).await?;
        let Some(place) = run.place_of(step) else {
            let several = run.steps.iter().filter(|known| known.name == step).count() > 1;
            let (what, hint) = if several {
                (
                    "step with this address",
                    "Several steps have this name: give the address, as the run shows it.",
                )
            } else {
                ("such step", "The run lists its steps, each with its address.")
            };
            return Err(ApiError::not_found(&format!("{what} `{step}` in this run"), hint));
        };
        Ok(Self { project: project.to_owned(), run, place })
    }

    fn step(&self) -> Result<&StepRun, ApiError> {
        self.run.step(self.place).ok_or_else(|| ApiError::internal("The run has lost a step."))
    }

    fn not_asked(&self, what: &str) -> ApiError {
        let (path, state) = self.step().map_or(("", "gone"), |step| (step.path.as_str(), step.state.name()));
        ApiError::not_in_this_state(format!("Step `{path}` does not wait for {what}: it is {state}."))
    }

    /// Store what was said, once. What this key has said before is said, though the step no longer waits for it.
    async fn say<A: Action>(
        &self,
        allowed: &Allowed<A>,
        headers: &HeaderMap,
        what: &str,
        request: &impl Serialize,
        event: Result<RunEvent, ApiError>,
    ) -> Said {
        let path = self.step()?.path.clone();
        let route =
            format!("{} /projects/{}/runs/{}/steps/{path}/{what}", Method::POST, self.project, self.run.id);
        let request: Value =
            serde_json::to_value(request).map_err(|error| ApiError::internal(format!("{error}.")))?;
        let key = once::key(headers, allowed.principal(), route, &request)?;
        let answered = match event {
            Ok(event) => allowed.engine().advance(self.run.id, event, key).await?,
            Err(refusal) => answered_before(allowed, key, refusal).await?,
        };
        Ok((once::replayed(&answered), Json(answered.answer)))
    }
}
