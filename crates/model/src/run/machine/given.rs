//! What comes from outside: whether it can be, and what it means for the step that it is about.

use super::*;

impl Machine<'_> {
    pub(super) fn take(&mut self, event: RunEvent) -> Result<(), Refused> {
        match event {
            RunEvent::StepStarted { step, attempt } => self.take_start(step, attempt),
            RunEvent::StepFinished { step, attempt, end } => {
                self.check_running(step, attempt)?;
                self.attempt_over(step, settle(end));
                Ok(())
            }
            RunEvent::StepLost { step, attempt, cause, message } => {
                self.check_running(step, attempt)?;
                self.lost(step, cause, message);
                Ok(())
            }
            RunEvent::StepAnswered { step, answer, outputs } => self.take_answer(step, answer, outputs),
            RunEvent::StepResolved { step, attempt, answer } => self.take_resolution(step, attempt, answer),
            RunEvent::CancelRequested { by } => self.take_cancel(RunEvent::CancelRequested { by }),
            RunEvent::LockGranted { step } => self.take_lock(step),
            RunEvent::LockRefused { step, message } => {
                self.check_lock(Some(step))?;
                self.happen(RunEvent::LockRefused { step, message: message.clone() });
                self.finish(step, StepEnd::failed(Cause::Busy, message));
                Ok(())
            }
            RunEvent::Due {} => {
                if run_due(&self.run).is_some_and(|due| due <= self.at) {
                    self.happen(RunEvent::StoppingBegan { step: None, why: Stopping::Timeout });
                    self.stop_running();
                }
                Ok(())
            }
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
        let lost = matches!(&step.wait, Some(Wait { reason: WaitReason::Lost { attempt: lost, .. }, .. }) if *lost == attempt);
        if !lost {
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
                self.queue(place);
            }
            _ => return Err(Refused::NotAsked { step: step.path.clone(), state: step.state }),
        }
        Ok(())
    }

    fn take_cancel(&mut self, event: RunEvent) -> Result<(), Refused> {
        let body = &self.run.body;
        let again = match body.phase {
            Phase::Cleanup => body.cleanup_stopping,
            Phase::Main | Phase::OnFailure => body.stopping == Some(Stopping::Canceled),
        };
        if again {
            return Err(Refused::AlreadyCanceling);
        }
        self.happen(event);
        self.stop_running();
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
        if end.outcome == StepOutcome::Failed && self.retry(place, &end) {
            return;
        }
        self.failed_or_over(place, end);
    }

    /// Try it again, if it is to be. Only what is known to have ended is.
    pub(super) fn retry(&mut self, place: u32, end: &StepEnd) -> bool {
        let Ok(step) = self.step(place) else { return false };
        let Some(retry) = self.planned(&step).and_then(|planned| planned.retry) else { return false };
        let fits =
            retry.on_exit.is_empty() || end.exit_code.is_some_and(|code| retry.on_exit.contains(&code));
        if !fits || step.attempt >= retry.attempts || self.stop_of(place).is_some() {
            return false;
        }
        self.happen(RunEvent::AttemptFinished { step: place, attempt: step.attempt, end: end.clone() });
        let pause = SignedDuration::try_from_secs_f64(retry.wait_after(step.attempt)).unwrap_or_default();
        match self.at.checked_add(pause) {
            Ok(until) if until > self.at => {
                let message = end.message.clone().unwrap_or_default();
                self.wait(place, step.attempt, WaitReason::Retry { message }, Some(until));
            }
            _ => self.again(place),
        }
        true
    }

    /// The next attempt, of a task or of a group.
    pub(super) fn again(&mut self, place: u32) {
        let Ok(step) = self.step(place) else { return };
        if self.run.is_task(&step) {
            self.queue(place);
        } else {
            self.start_group(place, step.attempt + 1);
        }
    }

    /// It has ended for good; if it failed, its handlers come first.
    pub(super) fn failed_or_over(&mut self, place: u32, end: StepEnd) {
        let handlers = self.step(place).is_ok_and(|step| {
            step.layer == Layer::One
                && !fold::list(&self.run.plan, Some(step.planned), Phase::OnFailure).is_empty()
        });
        if end.outcome == StepOutcome::Failed && handlers && self.stop_of(place).is_none() {
            let attempt = self.run.step(place).map_or(1, |step| step.attempt);
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
        self.happen(RunEvent::StepLost { step: place, attempt, cause, message: message.clone() });
        let on_lost = self.run.plan.scope(planned.scope).map(|scope| scope.on_lost).unwrap_or_default();
        let again = planned.safe || on_lost == OnLost::Retry;
        if again && attempt <= LOST_AGAIN && self.stop_of(place).is_none() {
            let end = StepEnd::unknown(cause, message);
            self.happen(RunEvent::AttemptFinished { step: place, attempt, end });
            self.queue(place);
            return;
        }
        match on_lost {
            // A step that is safe to repeat needs nobody's word: whatever it did, it can be done again.
            OnLost::Ask { for_s } if !planned.safe => {
                let until = due(self.at, for_s);
                self.wait(place, attempt, WaitReason::Lost { attempt, message }, until);
            }
            _ => self.finish(place, StepEnd::unknown(cause, message)),
        }
    }
}

/// A result as it is kept. It is never refused for its form, since that would leave its step running for ever: a cause is
/// named wherever there must be one, and text has no NUL, which no database column and no environment can hold.
fn settle(mut end: StepEnd) -> StepEnd {
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
    end
}
