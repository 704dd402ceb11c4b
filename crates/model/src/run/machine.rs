//! The run state machine: `(run, event) -> (run', events, effects)`.
//!
//! A run is the [`fold`] of its events. [`transition`] takes one thing that happened, refuses it if it
//! cannot be (late, doubled, foreign), and answers with every event that follows from it and what the world must now do.
//! Whoever calls stores run, events and effects in **one** transaction.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Cause, PlannedStep, Requested, Run, RunEvent, RunState, Stamped, StepOutcome, StepRun, StepState,
};

/// What the world must do after a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEffect {
    /// Queue a task: this attempt may start.
    Ready { step: u32, attempt: u32 },
    /// Perform this attempt: its start is stored.
    Started { step: u32, attempt: u32 },
    /// End the processes of this attempt.
    Stop { step: u32, attempt: u32 },
    /// The run is over: its working directory goes, whoever follows is told.
    Ended,
}

/// The answer of [`transition`].
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub run: Run,
    /// The event given and all that follow from it, in order.
    pub events: Vec<RunEvent>,
    pub effects: Vec<RunEffect>,
}

/// Why an event cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("a run begins with a request")]
    NoRun,
    #[error("the run has been requested already")]
    AlreadyRequested,
    #[error("the run has ended: {}", .0.name())]
    Ended(RunState),
    #[error("the run is being canceled already")]
    AlreadyCanceling,
    #[error("step {step} cannot start now")]
    NotReady { step: u32 },
    #[error("attempt {attempt} of step {step} is not running")]
    NotRunning { step: u32, attempt: u32 },
    #[error("only the state machine itself says that a run starts or finishes")]
    Derived,
}

/// Take one event that happened at `at`; answer with the run after it, every event that follows, and the effects.
///
/// # Errors
/// [`Refused`] if the event cannot happen to this run now; nothing has changed then.
pub fn transition(run: Option<&Run>, at: Timestamp, event: RunEvent) -> Result<Transition, Refused> {
    let mut events = Vec::with_capacity(3);
    let mut effects = Vec::new();
    match (&event, run) {
        (RunEvent::Started {} | RunEvent::Finished { .. }, _) => return Err(Refused::Derived),
        (RunEvent::Requested(_), Some(_)) => return Err(Refused::AlreadyRequested),
        (RunEvent::Requested(_), None) => events.push(event),
        (_, None) => return Err(Refused::NoRun),
        (_, Some(run)) if run.state.is_end() => return Err(Refused::Ended(run.state)),
        (RunEvent::StepStarted { step, attempt }, Some(run)) => {
            let expected = run.step(*step).map(|s| s.attempt + 1);
            if run.next_step() != Some(*step) || expected != Some(*attempt) {
                return Err(Refused::NotReady { step: *step });
            }
            if run.state == RunState::Queued {
                events.push(RunEvent::Started {});
            }
            effects.push(RunEffect::Started { step: *step, attempt: *attempt });
            events.push(event);
        }
        (RunEvent::StepFinished { step, attempt, .. }, Some(run)) => {
            let here =
                run.step(*step).is_some_and(|s| s.state == StepState::Running && s.attempt == *attempt);
            if !here {
                return Err(Refused::NotRunning { step: *step, attempt: *attempt });
            }
            events.push(settle(event));
        }
        (RunEvent::CancelRequested { .. }, Some(run)) => {
            if run.state == RunState::Canceling {
                return Err(Refused::AlreadyCanceling);
            }
            // Whatever is queued must not start any more; what runs is ended.
            if let Some(step) = run.running_step() {
                let attempt = run.step(step).map_or(0, |s| s.attempt);
                effects.push(RunEffect::Stop { step, attempt });
            }
            events.push(event);
        }
    }

    let mut after = None;
    for event in &events {
        after = evolve(after.or_else(|| run.cloned()), at, event);
    }
    let mut after = after.ok_or(Refused::NoRun)?;
    if let Some(finished) = finish(&after) {
        after = apply(after, at, &finished);
        events.push(finished);
        effects.push(RunEffect::Ended);
    } else if let Some(step) = after.next_step() {
        let attempt = after.step(step).map_or(1, |s| s.attempt + 1);
        effects.push(RunEffect::Ready { step, attempt });
    }
    Ok(Transition { run: after, events, effects })
}

/// A result as it is kept. It is never refused for its form, since that would leave its step running for ever: a cause is
/// named wherever there must be one, and text has no NUL, which no database column and no environment can hold.
fn settle(event: RunEvent) -> RunEvent {
    let RunEvent::StepFinished { step, attempt, mut end } = event else { return event };
    let unfit = |(key, value): (&String, &String)| key.contains('\0') || value.contains('\0');
    if end.outputs.iter().any(unfit) {
        let fit = |name: &String| name.replace('\0', "\u{fffd}");
        let names: Vec<String> =
            end.outputs.iter().filter(|output| unfit(*output)).map(|(name, _)| fit(name)).collect();
        end.outputs.retain(|name, value| !unfit((name, value)));
        if end.outcome == StepOutcome::Succeeded {
            end.outcome = StepOutcome::Failed;
            end.cause = Some(Cause::BadOutput);
            end.message = Some(format!("an output must not hold a NUL character: {}", names.join(", ")));
        }
    }
    end.message = end.message.map(|message| message.replace('\0', "\u{fffd}"));
    end.cause = match end.outcome {
        StepOutcome::Succeeded => None,
        StepOutcome::Failed if end.signal.is_some() => end.cause.or(Some(Cause::Signal)),
        StepOutcome::Failed => end.cause.or(Some(Cause::Exit)),
        StepOutcome::Canceled => end.cause.or(Some(Cause::Canceled)),
        StepOutcome::Unknown => end.cause.or(Some(Cause::ServerLost)),
    };
    RunEvent::StepFinished { step, attempt, end }
}

/// Is the run over? Then with which event.
fn finish(run: &Run) -> Option<RunEvent> {
    if run.running_step().is_some() {
        return None;
    }
    let worst = |state| run.steps.iter().find(|step| step.state == state);
    let (state, step) = if let Some(step) = worst(StepState::Unknown) {
        (RunState::Unknown, Some(step))
    } else if let Some(step) = worst(StepState::Failed) {
        (RunState::Failed, Some(step))
    } else if run.steps.iter().all(|step| step.state == StepState::Succeeded) {
        (RunState::Succeeded, None)
    } else if run.state == RunState::Canceling || worst(StepState::Canceled).is_some() {
        (RunState::Canceled, None)
    } else {
        return None;
    };
    let cause = match state {
        RunState::Canceled => Some(Cause::Canceled),
        _ => step.and_then(|s| s.cause),
    };
    let message = match (state, step) {
        (RunState::Canceled, _) => {
            run.cancel_requested_by.as_ref().map(|by| format!("canceled by {}", by.name))
        }
        (_, Some(step)) => Some(match &step.message {
            Some(message) => format!("step `{}`: {message}", step.name),
            None => format!("step `{}` ended {}", step.name, step.state.name()),
        }),
        _ => None,
    };
    Some(RunEvent::Finished { state, cause, message })
}

/// The run that these events make; none without a request among them.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Stamped>) -> Option<Run> {
    events.into_iter().fold(None, |run, stamped| evolve(run, stamped.at, &stamped.event))
}

/// One step of [`fold`]. Total: what comes before the request is passed over.
fn evolve(run: Option<Run>, at: Timestamp, event: &RunEvent) -> Option<Run> {
    match (run, event) {
        (None, RunEvent::Requested(requested)) => Some(requested_run(requested, at)),
        (None, _) => None,
        (Some(run), event) => Some(apply(run, at, event)),
    }
}

fn apply(mut run: Run, at: Timestamp, event: &RunEvent) -> Run {
    run.revision += 1;
    match event {
        RunEvent::Requested(_) => {}
        RunEvent::Started {} => {
            run.state = RunState::Running;
            run.started_at = Some(at);
        }
        RunEvent::StepStarted { step, attempt } => {
            if let Some(step) = run.step_mut(*step) {
                step.state = StepState::Running;
                step.attempt = *attempt;
                step.started_at = Some(at);
            }
        }
        RunEvent::StepFinished { step, end, .. } => {
            if let Some(step) = run.step_mut(*step) {
                step.state = match end.outcome {
                    StepOutcome::Succeeded => StepState::Succeeded,
                    StepOutcome::Failed => StepState::Failed,
                    StepOutcome::Canceled => StepState::Canceled,
                    StepOutcome::Unknown => StepState::Unknown,
                };
                step.finished_at = Some(at);
                step.exit_code = end.exit_code;
                step.signal = end.signal;
                step.cause = end.cause;
                step.message.clone_from(&end.message);
                step.outputs.clone_from(&end.outputs);
            }
        }
        RunEvent::CancelRequested { by } => {
            run.state = RunState::Canceling;
            run.cancel_requested_by = Some(by.clone());
        }
        RunEvent::Finished { state, cause, message } => {
            run.state = *state;
            run.finished_at = Some(at);
            run.cause = *cause;
            run.message.clone_from(message);
            let rest = if *state == RunState::Canceled { StepState::Canceled } else { StepState::Skipped };
            for step in run.steps.iter_mut().filter(|step| step.state == StepState::Pending) {
                step.state = rest;
            }
        }
    }
    run
}

fn requested_run(requested: &Requested, at: Timestamp) -> Run {
    let pending = |step: &PlannedStep| StepRun {
        name: step.name.clone(),
        action: step.action.clone(),
        effect: step.effect,
        state: StepState::Pending,
        attempt: 0,
        started_at: None,
        finished_at: None,
        exit_code: None,
        signal: None,
        cause: None,
        message: None,
        outputs: BTreeMap::new(),
    };
    Run {
        id: requested.id,
        project: requested.project.clone(),
        runbook: requested.runbook.clone(),
        digest: requested.digest.clone(),
        title: requested.title.clone(),
        service: requested.service.clone(),
        effect: requested.effect,
        state: RunState::Queued,
        revision: 1,
        reason: requested.reason.clone(),
        requested_by: requested.by.clone(),
        inputs: requested.inputs.clone(),
        timeout_s: requested.timeout_s,
        steps: requested.steps.iter().map(pending).collect(),
        requested_at: at,
        started_at: None,
        finished_at: None,
        cause: None,
        message: None,
        cancel_requested_by: None,
    }
}
