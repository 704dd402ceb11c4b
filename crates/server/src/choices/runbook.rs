//! Options that a runbook gives: it only reads, and is started as a run like any other, by whoever asks.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::http::StatusCode;
use model::{
    api::ChoiceOption,
    evaluate::Evaluate,
    id::RunId,
    run::{Run, RunEvent, RunState, values},
    runbook::{Effect, Template},
};
use policy::Action;
use serde_json::Value;

use super::{no_answer, not_known, options::options_in};
use crate::{
    access::Allowed,
    clock,
    planning::{self, Planned, PlanningError, Request},
    problem::ApiError,
};

/// How long a runbook may take to say what can be chosen.
const RUN_TIME: Duration = Duration::from_secs(15);

/// A runbook that is asked, and for which input.
pub(super) struct Asked<'a, A: Action> {
    pub(super) allowed: &'a Allowed<A>,
    pub(super) project: &'a str,
    pub(super) name: &'a str,
    pub(super) input: &'a str,
}

impl<A: Action> Asked<'_, A> {
    pub(super) async fn ask(
        &self,
        output: &str,
        given: &BTreeMap<String, Value>,
    ) -> Result<Vec<ChoiceOption>, ApiError> {
        let Self { allowed, name, input, .. } = self;
        let (planned, project, declared) = self.planned(given).await?;
        let Planned { requested, secrets } = planned;
        let started = allowed.engine().request(project, requested, secrets, None).await?;
        let run = self.end_of(started.answer.run.id).await?;
        let id = run.id;
        let text = output_of(allowed, &run, &declared, output).map_err(|why| {
            no_answer(input, &format!("run {id} of runbook `{name}` gave no output `{output}`: {why}"))
        })?;
        options_in(&text).map_err(|why| {
            no_answer(
                input,
                &format!("the output `{output}` of runbook `{name}` is no list of choices: {why}"),
            )
        })
    }

    /// The run, where it is to be stored, and what the runbook says of its outputs.
    async fn planned(
        &self,
        given: &BTreeMap<String, Value>,
    ) -> Result<(Planned, model::id::ProjectId, BTreeMap<String, Template>), ApiError> {
        let Self { allowed, project, name, input } = self;
        let pinned = planning::published(allowed.store(), project, name).await?;
        if pinned.plan.effect() != Effect::Read {
            let detail =
                not_known(input, &format!("runbook `{name}` does not only read, so no form starts it"));
            return Err(ApiError::new(StatusCode::CONFLICT, "not-read-only", "Not read-only", detail)
                .hint("Give every step of it `effect: read`, if that is so."));
        }
        for runbook in pinned.runbooks() {
            allowed.may_start(project, runbook)?;
        }
        let by = allowed.requester();
        let read = match pinned.read(allowed.store(), given, clock::now(), &by.name).await {
            // Its inputs are not those of whoever asks: a fault of one must not stand at another of the same name.
            Err(PlanningError::Inputs(faults)) => {
                let faults: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
                let why = format!("runbook `{name}` does not take what it is given: {}", faults.join(" "));
                let detail = not_known(input, why.trim_end_matches('.'));
                return Err(ApiError::faulty(detail, Vec::new())
                    .hint("Look at the inputs before it, and at `inputs` of its `from`."));
            }
            read => read?,
        };
        let declared = pinned.runbook.runbook.outputs.clone();
        let (id, reason) = (pinned.project, Some(format!("choices of the input {input}")));
        let request = Request { reason, by, via: "api".to_owned(), retry_of: None };
        Ok((pinned.run(project, read, request)?, id, declared))
    }

    /// The run, once it has succeeded.
    async fn end_of(&self, run: RunId) -> Result<Arc<Run>, ApiError> {
        let Self { allowed, name, input, .. } = self;
        let ended = match tokio::time::timeout(RUN_TIME, self.wait_for(run)).await {
            Ok(ended) => ended?,
            Err(_) => {
                // It only reads, so nothing is lost with it; it may have ended at this very moment.
                let event = RunEvent::CancelRequested { by: allowed.requester() };
                let _ = allowed.engine().advance(run, event, None).await;
                let seconds = RUN_TIME.as_secs();
                let why = format!("run {run} of runbook `{name}` did not end within {seconds} seconds");
                return Err(no_answer(input, &why).hint("It was canceled. Look at its log."));
            }
        };
        if ended.state != RunState::Succeeded {
            let state = ended.state.name();
            let because = ended.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
            let why = format!("run {run} of runbook `{name}` {state}{because}");
            return Err(
                no_answer(input, &why).hint(format!("`signalbox runs logs {run}` shows what it wrote."))
            );
        }
        Ok(ended)
    }

    /// The run as it ended.
    async fn wait_for(&self, id: RunId) -> Result<Arc<Run>, ApiError> {
        let mut changes = self.allowed.engine().changes().of_all();
        loop {
            let run = self.allowed.store().run(self.project, id).await?;
            let run = run.ok_or_else(|| ApiError::internal("The run is gone."))?;
            if run.state.is_end() {
                return Ok(run);
            }
            // A hint that something changed, of this run or so many others that it may be this one; a slow look is the backstop.
            let of_it = async {
                loop {
                    match changes.recv().await {
                        Ok(changed) if changed.id != id || !changed.state.is_end() => {}
                        _ => break,
                    }
                }
            };
            let _ = tokio::time::timeout(Duration::from_millis(500), of_it).await;
        }
    }
}

/// An output that the runbook declares, else the one output of this name that a step has.
fn output_of<A: Action>(
    allowed: &Allowed<A>,
    run: &Run,
    declared: &BTreeMap<String, Template>,
    output: &str,
) -> Result<String, String> {
    if let Some(template) = declared.get(output) {
        let evaluate = allowed.engine().evaluate();
        let names = evaluate.steps(&template.0);
        return evaluate.text(template, &values(run, None, &names));
    }
    let mut found = run.steps.iter().filter_map(|step| step.outputs.get(output));
    match (found.next(), found.next()) {
        (Some(text), None) => Ok(text.clone()),
        (None, _) => Err("neither the runbook nor a step of it has one".to_owned()),
        (Some(_), Some(_)) => {
            Err("several steps have one, and the runbook's `outputs:` do not say which".to_owned())
        }
    }
}
