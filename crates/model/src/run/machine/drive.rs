//! Whatever may go on goes on, until all that is left waits for the world.

use super::{given::settle, *};
use crate::runbook::{Batch, Template};

impl Machine<'_> {
    pub(super) fn drive_run(&mut self) {
        if run_due(&self.run).is_some_and(|due| due <= self.at) {
            self.begin_stopping(RunEvent::StoppingBegan { step: None, why: Stopping::Timeout });
        }
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
        self.end_run(end);
    }

    pub(super) fn end_run(&mut self, end: StepEnd) {
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

    /// The steps, the handlers and the cleanup of the run or of a step. None while something is under way, and if it is
    /// tried again.
    fn drive_body(&mut self, owner: Option<u32>) -> Option<StepEnd> {
        loop {
            let body = self.run.body_of(owner)?;
            let phase = body.phase;
            let verdict = body.verdict.clone().unwrap_or_else(StepEnd::succeeded);
            let end = match phase {
                Phase::Main => self.drive_main(owner)?,
                Phase::OnFailure => {
                    let list = body.on_failure.clone();
                    and_then(verdict, self.drive_sequence(&list)?, "its `on_failure`")
                }
                Phase::Cleanup => {
                    let list = body.cleanup.clone();
                    let failed = verdict.outcome == StepOutcome::Failed;
                    let end = and_then(verdict, self.drive_sequence(&list)?, "its `cleanup`");
                    if !failed {
                        return Some(end);
                    }
                    end
                }
            };
            // Nobody knows what is still under way: a cleanup might undo what is just being done.
            if end.outcome == StepOutcome::Unknown {
                return Some(end);
            }
            // Each attempt of a called runbook cleans up; handlers are for the last one, when it has failed for good.
            let retry = match phase {
                Phase::Main | Phase::Cleanup => owner.and_then(|place| self.next_try(place, &end)),
                Phase::OnFailure => None,
            };
            let next = match phase {
                Phase::Main => {
                    let handled =
                        end.outcome == StepOutcome::Failed && retry.is_none() && !self.is_stopping(owner);
                    self.next_phase(owner, if handled { Phase::OnFailure } else { Phase::Cleanup })
                }
                Phase::OnFailure => self.next_phase(owner, Phase::Cleanup),
                Phase::Cleanup => None,
            };
            match (next, owner, retry) {
                (Some(phase), ..) => {
                    self.happen(RunEvent::PhaseEntered { step: owner, phase, verdict: end });
                }
                (None, Some(place), Some(retry)) => {
                    self.retry(place, retry, end);
                    return None;
                }
                (None, ..) => return Some(end),
            }
        }
    }

    /// The first phase from `from` on that has steps.
    fn next_phase(&self, owner: Option<u32>, from: Phase) -> Option<Phase> {
        // What never began has nothing to clean up.
        let begun = owner.is_some() || self.run.started_at.is_some();
        let phases = [Phase::OnFailure, Phase::Cleanup].into_iter();
        phases
            .filter(|phase| begun && *phase >= from)
            .find(|phase| !fold::list(&self.run, owner, *phase).is_empty())
    }

    fn is_stopping(&self, owner: Option<u32>) -> bool {
        match owner {
            None => self.run.body.stopping == Some(Stopping::Canceled),
            Some(place) => self.stop_of(place).is_some(),
        }
    }

    fn drive_main(&mut self, owner: Option<u32>) -> Option<StepEnd> {
        let body = self.run.body_of(owner)?;
        let (children, stopping) = (body.children.clone(), body.stopping);
        let planned = owner.and_then(|place| self.run.step(place)).and_then(|step| self.planned(step));
        let parallel = planned.is_some_and(|planned| planned.action == PlannedAction::Parallel);
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
        let said = || match &step.message {
            Some(message) => format!("step `{}`: {message}", step.name),
            None => format!("step `{}` ended {}", step.name, step.state.name()),
        };
        match step.state {
            StepState::Failed => {
                let forgiven = self.planned(step).is_some_and(|planned| planned.continue_on_failure);
                (!forgiven).then(|| StepEnd::failed(step.cause.unwrap_or(Cause::StepFailed), said()))
            }
            StepState::Canceled => Some(StepEnd::canceled(said())),
            StepState::Unknown => Some(StepEnd::unknown(step.cause.unwrap_or(Cause::Lost), said())),
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
                    let late = group_due(&self.run, &step).is_some_and(|due| due <= self.at);
                    if late && self.stop_of(place).is_none() {
                        self.begin_stopping(RunEvent::StoppingBegan {
                            step: Some(place),
                            why: Stopping::Timeout,
                        });
                    }
                    let end = match step.layer {
                        Layer::One => self.drive_body(Some(place)),
                        Layer::Items | Layer::Targets => self.drive_loop(place),
                    };
                    match end {
                        Some(end) => self.finish(place, end),
                        None if self.is_tried_again(place, step.attempt) => {}
                        None => return false,
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

    /// Has a later attempt of it begun, or does it wait for one?
    fn is_tried_again(&self, place: u32, attempt: u32) -> bool {
        self.run.step(place).is_some_and(|step| step.state != StepState::Running || step.attempt != attempt)
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
                self.finish(place, StepEnd::canceled("canceled before it started"));
            }
            (WaitReason::Policy { policy, reason }, Some(_)) => {
                let waited_for = WaitReason::policy_words(policy.as_deref(), reason);
                self.finish(place, StepEnd::canceled(format!("canceled while it waited for {waited_for}")));
            }
            // It has failed already, and is not tried again.
            (WaitReason::Retry { message }, Some(_)) => {
                let mut end = StepEnd::failed(step.cause.unwrap_or(Cause::StepFailed), message.clone());
                (end.exit_code, end.signal) = (step.exit_code, step.signal);
                end.outputs.clone_from(&step.outputs);
                self.finish(place, end);
            }
            (_, Some(_)) => self.finish(place, StepEnd::canceled("canceled while it waited")),
            (WaitReason::Retry { .. }, None) if is_due => self.again(place),
            (WaitReason::Time, None) if is_due => {
                let limit = self.planned(step).and_then(|planned| due(wait.since, planned.timeout_s?));
                if limit.is_some_and(|limit| wait.until >= Some(limit)) {
                    self.failed_or_over(
                        place,
                        StepEnd::failed(Cause::Timeout, "it would wait longer than it may"),
                    );
                } else {
                    self.finish(place, StepEnd::succeeded());
                }
            }
            (WaitReason::Verify(verifying), None) => return self.drive_verify(place, wait, verifying),
            (WaitReason::Snapshot { .. }, None) if is_due => {
                let message = Some("its collectors had not looked in time".to_owned());
                self.finish(place, StepEnd { message, ..StepEnd::succeeded() });
            }
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
        let (mut under_way, mut left_out, mut failures, mut others) = (0, 0, Vec::new(), 0);
        let mut worst = StepEnd::succeeded();
        for (at, child) in children.iter().enumerate() {
            let begins_batch = batch.is_some_and(|batch| at % batch == 0);
            if begins_batch && under_way > 0 {
                return None;
            }
            let Some(state) = self.run.step(*child).map(|step| step.state) else { continue };
            if state == StepState::Pending {
                if self.stop_of(*child).is_some() {
                    worst = worse(worst, StepEnd::canceled("canceled"));
                    continue;
                }
                // Within a batch of targets all are begun; whether there is another batch is asked between them.
                let asked = batch.is_none() || begins_batch;
                let failed = failures.len() + others;
                // What was canceled, or ended nobody knows how, is forgiven by no `continue_on_failure`.
                let enough = failed >= stop_after || (others > 0 && most_failures.is_none());
                if (asked && enough) || left_out > 0 {
                    left_out += 1;
                    continue;
                }
                if batch.is_none() && under_way >= width {
                    return None;
                }
            }
            if !state.is_end() && !self.drive_step(*child) {
                under_way += 1;
                continue;
            }
            match self.run.step(*child).map(|step| step.state) {
                Some(StepState::Failed) => failures.push(*child),
                Some(StepState::Unknown | StepState::Canceled) => {
                    others += 1;
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
        let end = match self.called(&step).filter(|_| end.outcome == StepOutcome::Succeeded) {
            Some(scope) => settle(self.with_outputs(&step, end, &scope.outputs)),
            None => end,
        };
        if step.wait.as_ref().is_some_and(|wait| wait.reason == WaitReason::Runner) {
            self.effects.push(RunEffect::Unready { step: place, attempt: step.attempt + 1 });
        }
        self.release_lock(place);
        self.happen(RunEvent::StepFinished { step: place, attempt: step.attempt, end });
    }

    /// The lock of a called runbook is free again, or no longer waited for.
    pub(super) fn release_lock(&mut self, place: u32) {
        let Some(step) = self.run.step(place) else { return };
        // Without inputs it has none: it never got so far, or was refused it.
        if let (Some(scope), Some(inputs)) = (self.called(step), &step.inputs)
            && let Some(lock) = &scope.concurrency
        {
            self.effects.push(RunEffect::ReleaseLock { step: Some(place), key: lock.key(inputs) });
        }
    }

    /// What a called runbook says of itself.
    fn with_outputs(
        &self,
        step: &StepRun,
        mut end: StepEnd,
        outputs: &BTreeMap<String, Template>,
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
