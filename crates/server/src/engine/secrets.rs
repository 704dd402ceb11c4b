//! Secrets of runs: what steps get of the stored ones, and what must not be seen of them in anything that is stored.
//!
//! Shims mask what steps write before anything is written. Here it is done again over whatever the engine itself stores and
//! tells: outputs, messages of ends, what people write, reasons. What was used is remembered while the run lasts and this
//! process lives; after a restart secret inputs are read again, and of stored secrets the shims' own masking remains.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use model::{
    id::RunId,
    run::{Requested, Run, RunEvent, StepEnd, StepRun},
    runbook::InputValue,
};
use runner::Masks;
use store::{SecretText, SecretUse, Secrets, StoreError, UsedSecret};

use super::{Engine, perform::cannot_start};
use crate::clock;

type Refusal = Box<StepEnd>;

/// What is masked of each run that goes on.
#[derive(Default)]
pub(super) struct RunMasks(Mutex<HashMap<RunId, Known>>);

#[derive(Default)]
struct Known {
    /// By what they are: an input, or a version of a stored secret.
    values: BTreeMap<String, SecretText>,
    masks: Arc<Masks>,
}

impl RunMasks {
    fn of(&self, run: RunId) -> Option<Arc<Masks>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&run).map(|known| Arc::clone(&known.masks))
    }

    fn add(&self, run: RunId, values: impl IntoIterator<Item = (String, SecretText)>) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = runs.entry(run).or_default();
        let before = known.values.len();
        for (what, value) in values {
            known.values.entry(what).or_insert(value);
        }
        if known.values.len() > before {
            known.masks = Arc::new(Masks::new(known.values.values().map(SecretText::expose)));
        }
    }

    fn forget(&self, run: RunId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
    }
}

impl Engine {
    /// The stored secrets of an attempt. Each use is stored before the value is here.
    pub(super) async fn use_secrets(
        &self,
        run: &Run,
        step: &StepRun,
        attempt: u32,
        names: BTreeSet<String>,
    ) -> Result<BTreeMap<String, UsedSecret>, Refusal> {
        let fault = |error: StoreError| cannot_start(format!("its secrets cannot be used: {error}"));
        let store = &self.0.store;
        let project = store.project(&run.project).await.map_err(fault)?;
        let using = SecretUse {
            project: project.ok_or_else(|| cannot_start("its project is gone"))?,
            project_name: run.project.clone(),
            service: run.service.clone(),
            environment: run.environment.clone(),
            run: run.id,
            by: run.requested_by.id,
            step: step.path.clone(),
            attempt,
            names,
            at: clock::now(),
        };
        let used = store.use_secrets(using).await.map_err(fault)?;
        let values = used.iter().map(|(name, used)| (format!("{name}@{}", used.version), used.value.clone()));
        self.0.masks.add(run.id, values);
        Ok(used)
    }

    /// The values of a run's secret inputs are known here from now on.
    pub(super) fn mask_inputs(&self, run: RunId, secrets: &Secrets) {
        if !secrets.is_empty() {
            let values = secrets.iter().map(|(name, value)| (format!("input {name}"), value.clone()));
            self.0.masks.add(run, values);
        }
    }

    /// Mask why a run is asked for.
    pub(super) fn mask_requested(&self, requested: Requested) -> Requested {
        let run = requested.id;
        let mut requested = requested;
        if let Some(masks) = self.0.masks.of(run) {
            mask_texts(&masks, &mut requested);
        }
        requested
    }

    /// Mask what an event says, before it is stored.
    pub(super) fn mask_event(&self, run: RunId, event: &mut RunEvent) {
        if let Some(masks) = self.0.masks.of(run) {
            mask(&masks, event);
        }
    }

    /// As [`Engine::mask_event`]; for a run of before this start its secret inputs are read first.
    pub(super) async fn mask_end(&self, run: &Run, event: &mut RunEvent) {
        if self.0.masks.of(run.id).is_none()
            && run.inputs.values().any(InputValue::is_sealed)
            && let Ok(Some(project)) = self.0.store.project(&run.project).await
        {
            match self.0.store.secrets(project, run.id).await {
                Ok(secrets) => self.mask_inputs(run.id, &secrets),
                Err(error) => {
                    tracing::warn!(run = %run.id, %error, "its secret inputs cannot be masked again")
                }
            }
        }
        self.mask_event(run.id, event);
    }

    pub(super) fn forget_masks(&self, run: RunId) {
        self.0.masks.forget(run);
    }
}

/// Everything in an event that a step, a person or a message of ours wrote.
fn mask(masks: &Masks, event: &mut RunEvent) {
    match event {
        RunEvent::Requested(requested) => mask_texts(masks, requested),
        RunEvent::StepFinished { end, .. } | RunEvent::AttemptFinished { end, .. } => masks.end(end),
        RunEvent::StepLost { message, .. } | RunEvent::LockRefused { message, .. } => masks.text(message),
        RunEvent::StepAnswered { answer, outputs, .. } => {
            answer.comment.iter_mut().chain(outputs.values_mut()).for_each(|text| masks.text(text));
        }
        RunEvent::StepResolved { answer, .. } => {
            answer.comment.iter_mut().for_each(|text| masks.text(text));
        }
        RunEvent::Collected { message, .. } => message.iter_mut().for_each(|text| masks.text(text)),
        // The rest says nothing that anybody wrote, or is made by the state machine of what was masked before.
        _ => {}
    }
}

fn mask_texts(masks: &Masks, requested: &mut Requested) {
    requested.reason.iter_mut().chain(&mut requested.title).for_each(|text| masks.text(text));
}

#[cfg(test)]
mod tests {
    use model::run::Cause;

    use super::*;

    #[test]
    fn ends_are_masked_with_all_that_the_run_has_used() {
        let masks = RunMasks::default();
        let run = RunId(model::id::Uuid::from_u128(1));
        assert!(masks.of(run).is_none());
        masks.add(run, [("input a".to_owned(), SecretText::new("first-canary".to_owned()))]);
        masks.add(run, [("b@1".to_owned(), SecretText::new("second-canary".to_owned()))]);
        let mut end = StepEnd::failed(Cause::Exit, "said first-canary and c2Vjb25kLWNhbmFyeQ==");
        end.outputs.insert("token".to_owned(), "second-canary".to_owned());
        end.facts.insert("seen".to_owned(), "first-canary".to_owned());
        let mut event = RunEvent::StepFinished { step: 0, attempt: 1, end };
        mask(&masks.of(run).unwrap(), &mut event);
        let RunEvent::StepFinished { end, .. } = event else { panic!() };
        let message = end.message.unwrap();
        assert!(message.starts_with("said *** and ***") && !message.contains("nbmFyeQ"), "{message}");
        assert_eq!((end.outputs["token"].as_str(), end.facts["seen"].as_str()), ("***", "***"));
        masks.forget(run);
        assert!(masks.of(run).is_none());
    }
}
