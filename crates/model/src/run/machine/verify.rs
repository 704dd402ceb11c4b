//! What a run waits for that looks: collectors before its first step, signals after its last one.
//!
//! Whoever watches says what is seen; here it is decided what that means. What was seen holds until it is too old, so that
//! no silence ever passes for a yes (law 7).

use super::{given::without_nul, *};
use crate::watch::{Signal, Verify};

/// Seconds that collectors have before a run's first step.
const SNAPSHOT_S: u64 = 120;

impl Machine<'_> {
    pub(super) fn begin_snapshot(&mut self, place: u32, collectors: &[String]) {
        self.ensure_started();
        let reason = WaitReason::Snapshot { collectors: collectors.to_vec() };
        self.wait(place, 1, reason, due(self.at, SNAPSHOT_S));
        self.effects.push(RunEffect::Watch { step: place });
    }

    pub(super) fn begin_verify(&mut self, place: u32, verify: &Verify) {
        let mut signals = Vec::with_capacity(verify.all.len());
        for signal in &verify.all {
            let signal = match signal {
                Signal::Probe(probe) => Expected::Probe { probe: probe.clone() },
                Signal::Fact { service, environment, key, equals } => {
                    match self.evaluate.text(equals, &self.values(Some(place), &[&equals.0])) {
                        Ok(equals) => Expected::Fact {
                            service: service.clone(),
                            environment: environment.clone(),
                            key: key.clone(),
                            equals: without_nul(&equals),
                        },
                        Err(message) => return self.fail(place, format!("fact `{key}`: {message}")),
                    }
                }
            };
            signals.push(Awaited { signal, seen: Seen::nothing() });
        }
        self.ensure_started();
        // A time beyond the calendar never comes.
        let deadline = due(self.at, verify.within_s).unwrap_or(Timestamp::MAX);
        let verifying = Verifying { signals, hold_s: verify.hold_s, held_since: None, deadline };
        self.wait(place, 1, WaitReason::Verify(verifying), Some(deadline));
        self.effects.push(RunEffect::Watch { step: place });
    }

    pub(super) fn take_collected(&mut self, place: u32, message: Option<String>) -> Result<(), Refused> {
        let step = self.step(place)?;
        if !matches!(&step.wait, Some(Wait { reason: WaitReason::Snapshot { .. }, .. })) {
            return Err(Refused::NotWatching { step: place });
        }
        let message = message.map(|message| without_nul(&message));
        self.finish(place, StepEnd { message, ..StepEnd::succeeded() });
        Ok(())
    }

    pub(super) fn take_signals(&mut self, place: u32, seen: Vec<Seen>) -> Result<(), Refused> {
        let step = self.step(place)?;
        let Some(Wait { reason: WaitReason::Verify(known), since, .. }) = &step.wait else {
            return Err(Refused::NotWatching { step: place });
        };
        if seen.len() != known.signals.len() {
            return Err(Refused::NotWatching { step: place });
        }
        let mut now = known.clone();
        // What was seen before must have reached until now, or there was a break.
        let unbroken = known.holds_at(self.at);
        for (awaited, seen) in now.signals.iter_mut().zip(seen) {
            awaited.seen = Seen { says: without_nul(&seen.says), ..seen };
        }
        let held_since = if unbroken { known.held_since } else { None };
        now.held_since = now.holds_at(self.at).then(|| held_since.unwrap_or(self.at));
        if now != *known {
            let since = *since;
            self.watch_on(place, step.attempt, since, now);
        }
        Ok(())
    }

    /// It holds, its time is up, or it goes on waiting. True if it moved.
    pub(super) fn drive_verify(&mut self, place: u32, wait: &Wait, verifying: &Verifying) -> bool {
        let holds = verifying.holds_at(self.at);
        let held = match (verifying.held_since.filter(|_| holds), verifying.hold_s) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(since), Some(hold_s)) => due(since, hold_s).is_some_and(|held| held <= self.at),
        };
        if held {
            self.finish(place, StepEnd::succeeded());
            return true;
        }
        if verifying.deadline <= self.at {
            let missing = verifying.missing();
            let message = if missing.is_empty() {
                "the signals did not hold for long enough in time".to_owned()
            } else {
                format!("what must hold did not come to hold in time: {missing}")
            };
            self.failed_or_over(place, StepEnd::failed(Cause::Verify, message));
            return true;
        }
        let is_due = wait.until.is_some_and(|until| until <= self.at);
        if is_due && !holds {
            // What held became too old before it had held for long enough.
            let broken = Verifying { held_since: None, ..verifying.clone() };
            let attempt = self.run.step(place).map_or(1, |step| step.attempt);
            self.watch_on(place, attempt, wait.since, broken);
        }
        false
    }

    fn watch_on(&mut self, place: u32, attempt: u32, since: Timestamp, verifying: Verifying) {
        let held = verifying.held_since.and_then(|since| due(since, verifying.hold_s.unwrap_or(0)));
        let until = held.map_or(verifying.deadline, |held| held.min(verifying.deadline));
        let wait = Wait { reason: WaitReason::Verify(verifying), since, until: Some(until) };
        self.happen(RunEvent::StepWaiting { step: place, attempt, wait });
    }
}
