//! What comes from outside: whether it can be, and what it means for the step that it is about.

use super::*;
use crate::runbook::Retry;

impl<'e> Machine<'e> {
    pub(super) fn take(&mut self, event: RunEvent) -> Result<(), Refused> {
        match event {
            RunEvent::StepStarted { step, attempt } => self.take_start(step, attempt),
            RunEvent::StepFinished { step, attempt, end } => {
                // A runner that was lost may come back and say what nobody knew.
                if end.outcome == StepOutcome::Unknown || !self.is_lost(step, attempt)? {
                    self.check_running(step, attempt)?;
                }
                self.attempt_over(step, settle(end));
                Ok(())
            }
            RunEvent::StepLost { step, attempt, cause, message } => {
                self.check_running(step, attempt)?;
                self.lost(step, cause, message);
                Ok(())
            }
            RunEvent::StepParked { step, attempt, policy, reason } => {
                self.take_parked(step, attempt, policy.as_deref().map(without_nul), without_nul(&reason))
            }
            RunEvent::StepUnparked { step, attempt } => self.take_unparked(step, attempt),
            RunEvent::StepAnswered { step, answer, outputs } => {
                self.take_answer(step, as_kept(answer), outputs)
            }
            RunEvent::StepResolved { step, attempt, answer } => {
                self.take_resolution(step, attempt, as_kept(answer))
            }
            RunEvent::CancelRequested { by } => self.take_cancel(RunEvent::CancelRequested { by }),
            RunEvent::LockGranted { step } => self.take_lock(step),
            RunEvent::LockRefused { step, message } => {
                self.check_lock(Some(step))?;
                let message = without_nul(&message);
                self.happen(RunEvent::LockRefused { step, message: message.clone() });
                self.attempt_over(step, StepEnd::failed(Cause::Busy, message));
                Ok(())
            }
            RunEvent::SignalsSeen { step, seen } => self.take_signals(step, seen),
            RunEvent::Collected { step, message } => self.take_collected(step, message),
            RunEvent::Restored { backup_of } => self.take_restored(backup_of),
            // Whatever is due happens in any transition.
            RunEvent::Due {} => Ok(()),
            RunEvent::Requested(_)
            | RunEvent::Started {}
            | RunEvent::StepWaiting { .. }
            | RunEvent::Waiting { .. }
            | RunEvent::StepExpanded { .. }
            | RunEvent::StepCalled { .. }
            | RunEvent::StepSkipped { .. }
            | RunEvent::AttemptFinished { .. }
            | RunEvent::PhaseEntered { .. }
            | RunEvent::StoppingBegan { .. }
            | RunEvent::Finished { .. } => Err(Refused::Derived),
        }
    }

    fn take_start(&mut self, place: u32, attempt: u32) -> Result<(), Refused> {
        let step = self.step(place)?;
        let queued = matches!(&step.wait, Some(Wait { reason: WaitReason::Runner, .. }));
        if !queued || attempt != step.attempt + 1 || self.stop_of(place).is_some() {
            return Err(Refused::NotReady { step: place });
        }
        self.start(place, attempt);
        Ok(())
    }

    fn check_running(&self, place: u32, attempt: u32) -> Result<(), Refused> {
        let step = self.step(place)?;
        if self.run.is_performed(&step) && step.attempt == attempt {
            Ok(())
        } else {
            Err(Refused::NotRunning { step: place, attempt })
        }
    }

    /// Only what is about to be performed is refused: whoever says so has begun nothing of it. A number is never given to
    /// another attempt, so that what is said late of one is not taken for the next.
    fn take_parked(
        &mut self,
        place: u32,
        attempt: u32,
        policy: Option<String>,
        reason: String,
    ) -> Result<(), Refused> {
        let step = self.step(place)?;
        let is_about_to = match step.wait.as_ref().map(|wait| &wait.reason) {
            None => self.run.is_performed(&step),
            Some(WaitReason::Verify(_) | WaitReason::Snapshot { .. }) => true,
            Some(WaitReason::Policy { policy: by, reason: why }) => (by, why) != (&policy, &reason),
            Some(_) => false,
        };
        if !is_about_to || step.attempt != attempt {
            return Err(Refused::NotRunning { step: place, attempt });
        }
        self.happen(RunEvent::StepParked { step: place, attempt, policy, reason });
        Ok(())
    }

    fn take_unparked(&mut self, place: u32, attempt: u32) -> Result<(), Refused> {
        if self.run.parked(place) != Some(attempt) || self.stop_of(place).is_some() {
            return Err(Refused::NotParked { step: place, attempt });
        }
        self.happen(RunEvent::StepUnparked { step: place, attempt });
        self.again(place);
        Ok(())
    }

    /// Does the step wait for somebody who knows how this attempt ended?
    fn is_lost(&self, place: u32, attempt: u32) -> Result<bool, Refused> {
        let step = self.step(place)?;
        let reason = step.wait.as_ref().map(|wait| &wait.reason);
        Ok(matches!(reason, Some(WaitReason::Lost { attempt: lost, .. }) if *lost == attempt))
    }

    fn take_answer(
        &mut self,
        place: u32,
        answer: Answer,
        outputs: BTreeMap<String, String>,
    ) -> Result<(), Refused> {
        let step = self.step(place)?;
        let asked = match (step.wait.as_ref().map(|wait| &wait.reason), answer.verdict) {
            (Some(WaitReason::Person { .. }), AnswerVerdict::Done | AnswerVerdict::Failed) => true,
            (Some(WaitReason::Approval { .. }), AnswerVerdict::Approved | AnswerVerdict::Declined) => {
                if answer.by.id == self.run.requested_by.id {
                    return Err(Refused::OwnRequest);
                }
                true
            }
            _ => false,
        };
        if !asked {
            return Err(Refused::NotAsked { step: step.path.clone(), state: step.state });
        }
        let said = answer.comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
        let mut end = match answer.verdict {
            AnswerVerdict::Failed => {
                StepEnd::failed(Cause::Declined, format!("{} says that it failed{said}", answer.by.name))
            }
            AnswerVerdict::Declined => {
                StepEnd::failed(Cause::Declined, format!("{} declined{said}", answer.by.name))
            }
            _ => StepEnd::succeeded(),
        };
        end.outputs.clone_from(&outputs);
        let end = settle(end);
        self.happen(RunEvent::StepAnswered { step: place, answer, outputs: end.outputs.clone() });
        self.failed_or_over(place, end);
        Ok(())
    }

    fn take_resolution(&mut self, place: u32, attempt: u32, answer: Answer) -> Result<(), Refused> {
        let step = self.step(place)?;
        if !self.is_lost(place, attempt)? {
            return Err(Refused::NotAsked { step: step.path.clone(), state: step.state });
        }
        let verdict = answer.verdict;
        if verdict == AnswerVerdict::ResolvedRetry && self.stop_of(place).is_some() {
            return Err(Refused::Stopping);
        }
        let said = answer.comment.clone().unwrap_or_default();
        let by = answer.by.name.clone();
        let resolved = RunEvent::StepResolved { step: place, attempt, answer };
        match verdict {
            AnswerVerdict::ResolvedSucceeded => {
                self.happen(resolved);
                let message = Some(format!("{by} says that it succeeded: {said}"));
                self.finish(place, StepEnd { message, ..StepEnd::succeeded() });
            }
            AnswerVerdict::ResolvedFailed => {
                self.happen(resolved);
                self.failed_or_over(
                    place,
                    StepEnd::failed(Cause::Lost, format!("{by} says that it failed: {said}")),
                );
            }
            AnswerVerdict::ResolvedRetry => {
                self.happen(resolved);
                let end = StepEnd::unknown(Cause::Lost, "nobody knows how it ended; it is tried again");
                self.happen(RunEvent::AttemptFinished { step: place, attempt, end });
                self.again(place);
            }
            _ => return Err(Refused::NotAsked { step: step.path.clone(), state: step.state }),
        }
        Ok(())
    }

    fn take_cancel(&mut self, event: RunEvent) -> Result<(), Refused> {
        let body = &self.run.body;
        let changes = match body.phase {
            Phase::Cleanup => !body.cleanup_stopping,
            Phase::Main | Phase::OnFailure => {
                body.stopping != Some(Stopping::Canceled)
                    || self.run.steps.iter().any(|step| step.cleans_up())
            }
        };
        if !changes {
            return Err(Refused::AlreadyCanceling);
        }
        self.begin_stopping(event);
        Ok(())
    }

    /// Whatever would go on by itself waits for a person, for as long as it takes: it may have gone on already, in the time
    /// between the backup and now, and somebody may have seen it end.
    fn take_restored(&mut self, backup_of: Timestamp) -> Result<(), Refused> {
        let message =
            format!("restored from a backup of {backup_of}: what became of it since then is not known");
        if let Some(Wait { reason: WaitReason::Lock { key, .. }, .. }) = self.run.wait.clone() {
            // It has no step yet that a person could be asked about.
            self.happen(RunEvent::Restored { backup_of });
            self.effects.push(RunEffect::ReleaseLock { step: None, key });
            self.end_run(StepEnd::unknown(Cause::Lost, message));
            return Ok(());
        }
        let mut held = Vec::new();
        for (place, step) in (0..).zip(self.run.steps.clone()) {
            let lost = |attempt| Wait {
                reason: WaitReason::Lost { attempt, message: message.clone() },
                since: self.at,
                until: None,
            };
            let attempt = step.attempt.max(1);
            let (attempt, wait) = match &step.wait {
                None if self.run.is_performed(&step) => (attempt, lost(attempt)),
                None => continue,
                Some(Wait { reason: WaitReason::Runner | WaitReason::Retry { .. }, .. }) => {
                    (step.attempt + 1, lost(step.attempt + 1))
                }
                Some(Wait { reason: WaitReason::Policy { .. }, .. }) if self.run.is_task(&step) => {
                    (step.attempt + 1, lost(step.attempt + 1))
                }
                Some(Wait {
                    reason:
                        WaitReason::Time
                        | WaitReason::Lock { .. }
                        | WaitReason::Verify(_)
                        | WaitReason::Snapshot { .. }
                        | WaitReason::Policy { .. },
                    ..
                }) => (attempt, lost(attempt)),
                // A person is asked already; that nobody answered in time means nothing now.
                Some(Wait { until: None, .. }) => continue,
                Some(wait) => (attempt, Wait { until: None, ..wait.clone() }),
            };
            held.push((place, step, attempt, wait));
        }
        if held.is_empty() && self.run.body.untimed {
            return Err(Refused::NothingDue);
        }
        for (place, step, ..) in &held {
            match step.wait.as_ref().map(|wait| &wait.reason) {
                Some(WaitReason::Runner) => {
                    self.effects.push(RunEffect::Unready { step: *place, attempt: step.attempt + 1 });
                }
                Some(WaitReason::Lock { .. }) => self.release_lock(*place),
                _ => {}
            }
        }
        self.happen(RunEvent::Restored { backup_of });
        for (step, was, attempt, wait) in held {
            if was.wait.is_none() {
                let message = message.clone();
                self.happen(RunEvent::StepLost { step, attempt, cause: Cause::ServerLost, message });
            }
            self.happen(RunEvent::StepWaiting { step, attempt, wait });
        }
        Ok(())
    }

    fn check_lock(&self, step: Option<u32>) -> Result<(), Refused> {
        let wait = match step {
            None => self.run.wait.clone(),
            Some(place) => self.step(place)?.wait.clone(),
        };
        if matches!(wait, Some(Wait { reason: WaitReason::Lock { .. }, .. })) {
            Ok(())
        } else {
            Err(Refused::NoLock)
        }
    }

    fn take_lock(&mut self, step: Option<u32>) -> Result<(), Refused> {
        self.check_lock(step)?;
        self.happen(RunEvent::LockGranted { step });
        Ok(())
    }

    /// An attempt has ended, and it is known how, or known that nobody knows.
    fn attempt_over(&mut self, place: u32, end: StepEnd) {
        if end.outcome == StepOutcome::Unknown {
            let cause = end.cause.unwrap_or(Cause::Lost);
            self.lost(place, cause, end.message.unwrap_or_else(|| "nobody can say how it ended".to_owned()));
            return;
        }
        match self.next_try(place, &end) {
            Some(retry) => self.retry(place, retry, end),
            None => self.failed_or_over(place, end),
        }
    }

    /// How it is tried again after this end, if it is to be. Only what is known to have ended is.
    pub(super) fn next_try(&self, place: u32, end: &StepEnd) -> Option<&'e Retry> {
        let step = self.run.step(place)?;
        let retry = self.planned(step)?.retry.as_ref()?;
        let fits =
            retry.on_exit.is_empty() || end.exit_code.is_some_and(|code| retry.on_exit.contains(&code));
        let has_room = self.run.steps.len() + fold::size(self.plan, step.planned) <= fold::STEPS_MAX;
        let again = end.outcome == StepOutcome::Failed && fits && step.tries() < retry.attempts;
        (again && has_room && self.stop_of(place).is_none()).then_some(retry)
    }

    /// The attempt has failed; the next one comes at once, or after a pause.
    pub(super) fn retry(&mut self, place: u32, retry: &Retry, end: StepEnd) {
        let Ok(step) = self.step(place) else { return };
        let message = end.message.clone().unwrap_or_default();
        self.release_lock(place);
        self.happen(RunEvent::AttemptFinished { step: place, attempt: step.attempt, end });
        let pause = SignedDuration::try_from_secs_f64(retry.wait_after(step.tries())).unwrap_or_default();
        match self.at.checked_add(pause) {
            Ok(until) if until > self.at => {
                self.wait(place, step.attempt, WaitReason::Retry { message }, Some(until));
            }
            _ => self.again(place),
        }
    }

    /// The next attempt, of a task or of a group; a wait begins once more.
    pub(super) fn again(&mut self, place: u32) {
        let Ok(step) = self.step(place) else { return };
        match self.planned(&step) {
            _ if self.run.is_task(&step) => self.queue(place),
            Some(planned)
                if matches!(
                    planned.action,
                    PlannedAction::Wait(_) | PlannedAction::Snapshot { .. } | PlannedAction::Verify(_)
                ) =>
            {
                self.begin_one(place, planned);
            }
            _ => self.start_group(place, step.attempt + 1),
        }
    }

    /// It has ended for good; if it failed, its handlers come first.
    pub(super) fn failed_or_over(&mut self, place: u32, end: StepEnd) {
        let Ok(step) = self.step(place) else { return };
        // A loop that cannot begin has no times, and handlers are those of each time.
        let handled =
            step.layer == Layer::One && self.planned(&step).is_some_and(|it| !it.on_failure.is_empty());
        if end.outcome == StepOutcome::Failed && handled && self.stop_of(place).is_none() {
            let attempt = step.attempt;
            self.happen(RunEvent::AttemptFinished { step: place, attempt, end: end.clone() });
            self.happen(RunEvent::PhaseEntered { step: Some(place), phase: Phase::OnFailure, verdict: end });
        } else {
            self.finish(place, end);
        }
    }

    /// Nobody can learn how the attempt ended: nothing is guessed (law 4).
    fn lost(&mut self, place: u32, cause: Cause, message: String) {
        let Ok(step) = self.step(place) else { return };
        let Some(planned) = self.planned(&step) else { return };
        let attempt = step.attempt;
        let message = without_nul(&message);
        self.happen(RunEvent::StepLost { step: place, attempt, cause, message: message.clone() });
        let tries = planned.retry.as_ref().map_or(0, |retry| retry.attempts).max(1 + LOST_AGAIN);
        if planned.safe && step.tries() < tries && self.stop_of(place).is_none() {
            let end = StepEnd::unknown(cause, message);
            self.happen(RunEvent::AttemptFinished { step: place, attempt, end });
            self.queue(place);
            return;
        }
        match self.plan.scope(planned.scope).map(|scope| scope.on_lost).unwrap_or_default() {
            OnLost::Ask { for_s } => {
                let until = due(self.at, for_s);
                self.wait(place, attempt, WaitReason::Lost { attempt, message }, until);
            }
            OnLost::Unknown | OnLost::Retry => self.finish(place, StepEnd::unknown(cause, message)),
        }
    }
}

/// No database column and no environment can hold a NUL.
pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// An answer as it is kept.
fn as_kept(answer: Answer) -> Answer {
    Answer { comment: answer.comment.map(|comment| without_nul(&comment)), ..answer }
}

/// A result as it is kept. It is never refused for its form, since that would leave its step running for ever: a cause is
/// named wherever there must be one, and no text has a NUL.
pub(super) fn settle(mut end: StepEnd) -> StepEnd {
    let unfit = |(key, value): (&String, &String)| key.contains('\0') || value.contains('\0');
    if end.outputs.iter().any(unfit) {
        let names: Vec<String> =
            end.outputs.iter().filter(|output| unfit(*output)).map(|(name, _)| without_nul(name)).collect();
        end.outputs.retain(|name, value| !unfit((name, value)));
        if end.outcome == StepOutcome::Succeeded {
            end.outcome = StepOutcome::Failed;
            end.cause = Some(Cause::BadOutput);
            end.message = Some(format!("an output must not hold a NUL character: {}", names.join(", ")));
        }
    }
    end.message = end.message.map(|message| without_nul(&message));
    end.cause = match end.outcome {
        StepOutcome::Succeeded => None,
        StepOutcome::Failed if end.signal.is_some() => end.cause.or(Some(Cause::Signal)),
        StepOutcome::Failed => end.cause.or(Some(Cause::Exit)),
        StepOutcome::Canceled => end.cause.or(Some(Cause::Canceled)),
        StepOutcome::Unknown => end.cause.or(Some(Cause::ServerLost)),
    };
    end
}
