//! Whatever may go on goes on, until all that is left waits for the world.

use super::{super::PlannedAction, *};
use crate::runbook::Batch;

impl Machine<'_> {
    pub(super) fn drive_run(&mut self) {
        let end = match &self.run.wait {
            Some(Wait { reason: WaitReason::Lock { key, .. }, .. }) => {
                if self.run.body.stopping.is_none() {
                    return;
                }
                self.effects.push(RunEffect::ReleaseLock { step: None, key: key.clone() });
                StepEnd::canceled("canceled before it began")
            }
            _ => match self.drive_body(None) {
                Some(end) => end,
                None => return,
            },
        };
        let state = match end.outcome {
            StepOutcome::Succeeded => RunState::Succeeded,
            StepOutcome::Failed => RunState::Failed,
            StepOutcome::Canceled => RunState::Canceled,
            StepOutcome::Unknown => RunState::Unknown,
        };
        let message = match (&self.run.cancel_requested_by, state) {
            (Some(by), RunState::Canceled) => Some(format!("canceled by {}", by.name)),
            _ => end.message,
        };
        self.happen(RunEvent::Finished { state, cause: end.cause, message });
        self.effects.push(RunEffect::Ended);
    }

    /// The steps, the handlers and the cleanup of the run or of a step. None while something is under way.
    fn drive_body(&mut self, owner: Option<u32>) -> Option<StepEnd> {
        loop {
            let body = match owner {
                None => &self.run.body,
                Some(place) => &self.run.step(place)?.body,
            };
            let verdict = body.verdict.clone().unwrap_or_else(StepEnd::succeeded);
            let (end, next) = match body.phase {
                Phase::Main => {
                    let end = self.drive_main(owner)?;
                    let retried = owner
                        .is_some_and(|place| end.outcome == StepOutcome::Failed && self.retry(place, &end));
                    if retried {
                        // It waits for its next attempt, or has begun it.
                        if self.run.step(owner?)?.state == StepState::Waiting {
                            return None;
                        }
                        continue;
                    }
                    let handles = end.outcome == StepOutcome::Failed && !self.is_stopping(owner);
                    (end, if handles { Phase::OnFailure } else { Phase::Cleanup })
                }
                Phase::OnFailure => {
                    let list = body.on_failure.clone();
                    let handled = self.drive_sequence(&list)?;
                    (and_then(verdict, handled, "its `on_failure`"), Phase::Cleanup)
                }
                Phase::Cleanup => {
                    let list = body.cleanup.clone();
                    let cleaned = self.drive_sequence(&list)?;
                    return Some(and_then(verdict, cleaned, "its `cleanup`"));
                }
            };
            // Nobody knows what is still under way: a cleanup might undo what is just being done.
            if end.outcome == StepOutcome::Unknown {
                return Some(end);
            }
            let Some(phase) = self.next_phase(owner, next) else { return Some(end) };
            self.happen(RunEvent::PhaseEntered { step: owner, phase, verdict: end });
        }
    }

    /// The first phase from `from` on that has steps.
    fn next_phase(&self, owner: Option<u32>, from: Phase) -> Option<Phase> {
        let planned = owner.and_then(|place| self.run.step(place)).map(|step| step.planned);
        let phases = [Phase::OnFailure, Phase::Cleanup].into_iter().filter(|phase| *phase >= from);
        // What never began has nothing to clean up.
        let begun = owner.is_some() || self.run.started_at.is_some();
        phases.into_iter().find(|phase| begun && !fold::list(&self.run.plan, planned, *phase).is_empty())
    }

    fn is_stopping(&self, owner: Option<u32>) -> bool {
        match owner {
            None => self.run.body.stopping == Some(Stopping::Canceled),
            Some(place) => self.stop_of(place).is_some(),
        }
    }

    fn drive_main(&mut self, owner: Option<u32>) -> Option<StepEnd> {
        let (children, parallel, stopping) = match owner {
            None => (self.run.body.children.clone(), false, self.run.body.stopping),
            Some(place) => {
                let step = self.step(place).ok()?;
                let parallel =
                    self.planned(&step).is_some_and(|planned| planned.action == PlannedAction::Parallel);
                (step.body.children.clone(), parallel, step.body.stopping)
            }
        };
        let end = if parallel { self.drive_parallel(&children)? } else { self.drive_sequence(&children)? };
        // What was canceled since time was up has failed, and not been canceled by anybody.
        Some(match (end.outcome, stopping) {
            (StepOutcome::Canceled, Some(Stopping::Timeout)) => {
                StepEnd::failed(Cause::Timeout, "it took longer than it may; what was under way was ended")
            }
            _ => end,
        })
    }

    fn drive_sequence(&mut self, places: &[u32]) -> Option<StepEnd> {
        for place in places {
            if self.never_begins(*place) {
                return Some(StepEnd::canceled("canceled"));
            }
            if !self.drive_step(*place) {
                return None;
            }
            if let Some(end) = self.outcome_for_others(*place) {
                return Some(end);
            }
        }
        Some(StepEnd::succeeded())
    }

    fn drive_parallel(&mut self, places: &[u32]) -> Option<StepEnd> {
        let mut all_over = true;
        for place in places {
            if !self.never_begins(*place) {
                all_over &= self.drive_step(*place);
            }
        }
        if !all_over {
            return None;
        }
        let mut worst = StepEnd::succeeded();
        for place in places {
            let end = if self.never_begins(*place) {
                Some(StepEnd::canceled("canceled"))
            } else {
                self.outcome_for_others(*place)
            };
            worst = worse(worst, end.unwrap_or_else(StepEnd::succeeded));
        }
        Some(worst)
    }

    /// It is pending, and something around it is ending.
    fn never_begins(&self, place: u32) -> bool {
        self.run.step(place).is_some_and(|step| step.state == StepState::Pending)
            && self.stop_of(place).is_some()
    }

    /// What the end of a step means for the one that it is in; none if all may go on.
    fn outcome_for_others(&self, place: u32) -> Option<StepEnd> {
        let step = self.run.step(place)?;
        let said = match &step.message {
            Some(message) => format!("step `{}`: {message}", step.name),
            None => format!("step `{}` ended {}", step.name, step.state.name()),
        };
        match step.state {
            StepState::Failed => {
                let forgiven =
                    self.run.plan.step(step.planned).is_some_and(|planned| planned.continue_on_failure);
                (!forgiven).then(|| StepEnd::failed(step.cause.unwrap_or(Cause::StepFailed), said))
            }
            StepState::Canceled => Some(StepEnd::canceled(said)),
            StepState::Unknown => Some(StepEnd::unknown(step.cause.unwrap_or(Cause::Lost), said)),
            StepState::Pending
            | StepState::Running
            | StepState::Waiting
            | StepState::Succeeded
            | StepState::Skipped => None,
        }
    }

    /// Let a step go on as far as it can; true once it has ended.
    fn drive_step(&mut self, place: u32) -> bool {
        loop {
            let Ok(step) = self.step(place) else { return true };
            match step.state {
                StepState::Pending => {
                    self.begin(place);
                    if self.run.step(place).is_some_and(|step| step.state == StepState::Pending) {
                        // Only damage can be the reason; a step that never moves would be worse than one that failed.
                        let message = "the plan of the run does not say what it is";
                        self.finish(place, StepEnd::failed(Cause::CannotStart, message));
                    }
                }
                StepState::Waiting => {
                    if !self.drive_waiting(place, &step) {
                        return false;
                    }
                }
                StepState::Running => {
                    if self.run.is_performed(&step) {
                        return false;
                    }
                    if step.body.stopping.is_none()
                        && group_due(&self.run, &step).is_some_and(|due| due <= self.at)
                    {
                        self.happen(RunEvent::StoppingBegan { step: Some(place), why: Stopping::Timeout });
                        self.stop_running();
                    }
                    let end = match step.layer {
                        Layer::One => self.drive_body(Some(place)),
                        Layer::Items | Layer::Targets => self.drive_loop(place),
                    };
                    match end {
                        // A group that is tried again waits, or goes on.
                        None if self.run.step(place).is_some_and(|step| step.state == StepState::Waiting) => {
                        }
                        None => return false,
                        Some(end) => self.finish(place, end),
                    }
                    if self.run.step(place).is_some_and(|step| step.state == StepState::Waiting) {
                        return false;
                    }
                }
                StepState::Succeeded
                | StepState::Failed
                | StepState::Skipped
                | StepState::Canceled
                | StepState::Unknown => return true,
            }
        }
    }

    /// Does what it waits for come to an end here? True if it moved.
    fn drive_waiting(&mut self, place: u32, step: &StepRun) -> bool {
        let Some(wait) = &step.wait else { return false };
        let is_due = wait.until.is_some_and(|until| until <= self.at);
        let stop = self.stop_of(place);
        match (&wait.reason, stop) {
            (WaitReason::Lost { message, .. }, _) => {
                if !is_due {
                    return false;
                }
                let message = format!("{message}; nobody said how it ended in time");
                self.finish(place, StepEnd::unknown(step.cause.unwrap_or(Cause::Lost), message));
            }
            (WaitReason::Runner, Some(_)) => {
                self.effects.push(RunEffect::Unready { step: place, attempt: step.attempt + 1 });
                self.finish(place, StepEnd::canceled("canceled before it started"));
            }
            (WaitReason::Lock { key, .. }, Some(_)) => {
                self.effects.push(RunEffect::ReleaseLock { step: Some(place), key: key.clone() });
                self.finish(place, StepEnd::canceled("canceled while it waited"));
            }
            // It has failed already, and is not tried again.
            (WaitReason::Retry { message }, Some(_)) => {
                let mut end = StepEnd::failed(step.cause.unwrap_or(Cause::StepFailed), message.clone());
                (end.exit_code, end.signal) = (step.exit_code, step.signal);
                end.outputs.clone_from(&step.outputs);
                self.finish(place, end);
            }
            (WaitReason::Person { .. } | WaitReason::Approval { .. } | WaitReason::Time, Some(_)) => {
                self.finish(place, StepEnd::canceled("canceled while it waited"));
            }
            (WaitReason::Retry { .. }, None) if is_due => self.again(place),
            (WaitReason::Time, None) if is_due => self.finish(place, StepEnd::succeeded()),
            (WaitReason::Person { .. } | WaitReason::Approval { .. }, None) if is_due => {
                self.failed_or_over(place, StepEnd::failed(Cause::Timeout, "nobody answered in time"));
            }
            _ => return false,
        }
        true
    }

    /// The times of a loop. None while something is under way.
    fn drive_loop(&mut self, place: u32) -> Option<StepEnd> {
        let step = self.step(place).ok()?;
        let planned = self.planned(&step)?;
        let children = &step.body.children;
        let (batch, most_failures) = match (&step.layer, &planned.for_each, &planned.on) {
            (Layer::Targets, _, Some(on)) => {
                let batch = on.batch.unwrap_or(Batch::Percent(100)).size(children.len());
                (Some(batch), on.stop_after_failures)
            }
            _ => (None, None),
        };
        // Sliding for items; for targets one batch after the other, so that each can be looked at.
        let width =
            batch.unwrap_or_else(|| planned.for_each.as_ref().map_or(1, |each| each.width.max(1) as usize));
        let stop_after = match most_failures {
            Some(most) => most.max(1) as usize,
            None if planned.continue_on_failure => usize::MAX,
            None => 1,
        };
        let (mut under_way, mut failures, mut worst, mut left_out) = (0, Vec::new(), StepEnd::succeeded(), 0);
        for (at, child) in children.iter().enumerate() {
            let begins_batch = batch.is_some_and(|batch| at % batch == 0);
            if begins_batch && under_way > 0 {
                return None;
            }
            let pending = self.run.step(*child).is_some_and(|step| step.state == StepState::Pending);
            if pending {
                if self.stop_of(*child).is_some() {
                    worst = worse(worst, StepEnd::canceled("canceled"));
                    continue;
                }
                // Within a batch of targets all are begun; whether there is another batch is asked between them.
                let asked = batch.is_none() || begins_batch;
                if (asked && failures.len() >= stop_after) || left_out > 0 {
                    left_out += 1;
                    continue;
                }
                if batch.is_none() && under_way >= width {
                    return None;
                }
            }
            if !self.drive_step(*child) {
                under_way += 1;
                continue;
            }
            let Some(ended) = self.run.step(*child) else { continue };
            match ended.state {
                StepState::Failed => failures.push(*child),
                StepState::Unknown | StepState::Canceled => {
                    worst = worse(worst, self.outcome_for_others(*child).unwrap_or_else(StepEnd::succeeded));
                }
                _ => {}
            }
        }
        if under_way > 0 {
            return None;
        }
        if !failures.is_empty() {
            worst = worse(worst, self.failures(&step, &failures, left_out));
        }
        Some(worst)
    }

    /// `2 of 5 targets failed: web1, web2: exit code 1`.
    fn failures(&self, step: &StepRun, failed: &[u32], left_out: usize) -> StepEnd {
        const NAMED: usize = 5;
        let all = step.body.children.len();
        let what = if step.layer == Layer::Targets { "targets" } else { "items" };
        let inside = |place: &u32| {
            let path = &self.run.step(*place)?.path;
            Some(path.strip_prefix(&step.path)?.trim_matches(['[', ']']).to_owned())
        };
        let mut names: Vec<String> = failed.iter().take(NAMED).filter_map(inside).collect();
        if failed.len() > NAMED {
            names.push(format!("{} more", failed.len() - NAMED));
        }
        let first = failed.first().and_then(|place| self.run.step(*place));
        let cause = first.and_then(|step| step.cause).unwrap_or(Cause::StepFailed);
        let why =
            first.and_then(|step| step.message.as_deref()).map(|why| format!(": {why}")).unwrap_or_default();
        let rest = if left_out > 0 { format!("; {left_out} were not begun") } else { String::new() };
        let message = format!("{} of {all} {what} failed ({}){rest}{why}", failed.len(), names.join(", "));
        StepEnd::failed(cause, message)
    }

    /// A step has ended; what it held is free.
    pub(super) fn finish(&mut self, place: u32, end: StepEnd) {
        let Ok(step) = self.step(place) else { return };
        let mut end = end;
        let mut held = None;
        if let (Some(planned), Some(inputs)) = (self.planned(&step), &step.inputs)
            && let PlannedAction::Runbook { scope, .. } = planned.action
            && step.layer == Layer::One
            && let Some(scope) = self.run.plan.scope(scope)
        {
            held = scope.concurrency.as_ref().map(|lock| lock.key(inputs));
            if end.outcome == StepOutcome::Succeeded {
                end = self.with_outputs(&step, end, &scope.outputs.clone());
            }
        }
        let waits = matches!(&step.wait, Some(Wait { reason: WaitReason::Lock { .. }, .. }));
        self.happen(RunEvent::StepFinished { step: place, attempt: step.attempt, end });
        if let Some(key) = held.filter(|_| !waits) {
            self.effects.push(RunEffect::ReleaseLock { step: Some(place), key });
        }
    }

    /// What a called runbook says of itself.
    fn with_outputs(
        &self,
        step: &StepRun,
        mut end: StepEnd,
        outputs: &BTreeMap<String, crate::runbook::Template>,
    ) -> StepEnd {
        // As something in it sees it.
        let Some(inside) = step.body.children.first() else { return end };
        for (name, template) in outputs {
            match self.evaluate.text(template, &self.values(Some(*inside), &[&template.0])) {
                Ok(text) => end.outputs.insert(name.clone(), text),
                Err(message) => {
                    return StepEnd::failed(Cause::BadExpression, format!("output `{name}`: {message}"));
                }
            };
        }
        end
    }
}

/// The worse of two: unknown, failed, canceled, succeeded. Of two alike the first.
fn worse(one: StepEnd, other: StepEnd) -> StepEnd {
    let rank = |end: &StepEnd| match end.outcome {
        StepOutcome::Succeeded => 0,
        StepOutcome::Canceled => 1,
        StepOutcome::Failed => 2,
        StepOutcome::Unknown => 3,
    };
    if rank(&other) > rank(&one) { other } else { one }
}

/// The end of a whole whose handlers or cleanup ended so. That they failed hides no other failure.
fn and_then(verdict: StepEnd, then: StepEnd, what: &str) -> StepEnd {
    if then.outcome == StepOutcome::Succeeded {
        return verdict;
    }
    let said = then.message.clone().unwrap_or_default();
    match verdict.outcome {
        StepOutcome::Failed | StepOutcome::Canceled if then.outcome != StepOutcome::Unknown => {
            let before = verdict.message.clone().unwrap_or_default();
            StepEnd { message: Some(format!("{before}; {what} did not succeed either: {said}")), ..verdict }
        }
        _ => StepEnd { message: Some(format!("{what}: {said}")), ..then },
    }
}
