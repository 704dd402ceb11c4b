//! What a runbook says of the view: its service, and what it is as a probe, a collector, or one that verifies.

use std::collections::BTreeSet;

use model::{
    runbook::{Effect, InputKind, Runbook, Step, StepAction},
    watch::Signal,
};

use super::{Scope, Walker, hint, written};
use crate::fault::{Code, quoted};

impl<'w> Walker<'w> {
    /// Its own service, and all that is said of the view; `scope` is what can be spoken of after the last step.
    pub(super) fn watch(&mut self, scope: &Scope) {
        let runbook = self.runbook;
        // A project may have runbooks and no services yet.
        if let Some(service) = runbook.service.as_deref().filter(|_| !self.known.services.is_empty()) {
            self.service("service", service);
        }
        if let Some(probe) = &runbook.probe {
            self.placed("probe", &probe.service, &probe.environment);
            self.reads("probe", "A probe");
        }
        if let Some(collects) = &runbook.collects {
            self.placed("collects", &collects.service, &collects.environment);
            self.reads("collects", "A collector");
        }
        for name in &runbook.snapshot {
            let key = format!("snapshot/{name}");
            if self.called(name, &key).is_some_and(|called| called.collects.is_none()) {
                let message = format!("The runbook {} collects nothing.", quoted(name));
                let hint = "A collector has `collects: {service: …, every: …, expire: …}`.".to_owned();
                self.say(Code::NoCollector, &key, message, Some(hint));
            }
        }
        for (index, signal) in runbook.verify.iter().flat_map(|verify| &verify.all).enumerate() {
            let key = format!("verify/{index}");
            match signal {
                Signal::Probe(name) => {
                    let key = format!("{key}/probe");
                    if self.called(name, &key).is_some_and(|called| called.probe.is_none()) {
                        let message = format!("The runbook {} is no probe.", quoted(name));
                        let hint = "A probe has `probe: {service: …, every: …}`.".to_owned();
                        self.say(Code::NoProbe, &key, message, Some(hint));
                    }
                }
                Signal::Fact { service, environment, equals, .. } => {
                    self.placed(&key, service, environment);
                    self.template(&format!("{key}/equals"), &equals.0, scope);
                }
            }
        }
    }

    fn service(&mut self, key: &str, name: &str) {
        let (known, strict) = (self.known, self.strict);
        written::is_there(&known.services, "service", Code::UnknownService, key, name, strict, self.tell);
    }

    /// The service is there, and in this environment.
    fn placed(&mut self, key: &str, service: &str, environment: &str) {
        self.service(&format!("{key}/service"), service);
        let Some(known) = self.known.services.get(service) else { return };
        if !known.is_in(environment) {
            let message =
                format!("The service {} is not in the environment {}.", quoted(service), quoted(environment));
            let there: Vec<&str> = known.environments.iter().map(String::as_str).collect();
            let hint = hint(environment, &there, "environments");
            self.say(Code::UnknownEnvironment, &format!("{key}/environment"), message, Some(hint));
        }
    }

    /// What is run again and again without anybody asking only reads, waits for nobody and needs nothing from anybody.
    fn reads(&mut self, key: &str, what: &str) {
        let runbook = self.runbook;
        let mut open = vec![runbook];
        let mut seen = BTreeSet::from([runbook.name.as_str()]);
        while let Some(runbook) = open.pop() {
            for step in runbook.written_steps() {
                self.step_reads(runbook, step, key, what);
                if let StepAction::Runbook { name, .. } = &step.action
                    && let Some(called) = self.known.runbooks.get(name)
                    && seen.insert(&called.name)
                {
                    open.push(called);
                }
            }
        }
        for input in runbook.inputs.iter().filter(|input| input.required && input.show_if.is_none()) {
            let message = format!(
                "{what} is run without anybody asking, so that nobody gives its input {}.",
                quoted(&input.name)
            );
            let hint = match input.kind {
                InputKind::Secret => "It may not be required.",
                _ => "Give it a `default`.",
            };
            self.say(Code::MissingInput, &format!("inputs/{}", input.name), message, Some(hint.to_owned()));
        }
    }

    fn step_reads(&mut self, of: &Runbook, step: &Step, key: &str, what: &str) {
        let place = if of.name == self.runbook.name {
            quoted(&step.name)
        } else {
            format!("{} of {}", quoted(&step.name), quoted(&of.name))
        };
        match &step.action {
            // A group is told by what is in it.
            StepAction::Parallel { .. } | StepAction::Steps { .. } => {}
            StepAction::Manual(_) | StepAction::Approve { .. } => {
                let message = format!("{what} waits for no person, but its step {place} does.");
                self.say(Code::WaitsForPerson, key, message, None);
            }
            _ if step.effect != Effect::Read => {
                let message = format!(
                    "{what} only reads, but its step {place} has the effect `{}`.",
                    step.effect.name()
                );
                let hint = "If it does only read, say so: `effect: read`.".to_owned();
                self.say(Code::NotReading, key, message, Some(hint));
            }
            _ => {}
        }
    }
}
