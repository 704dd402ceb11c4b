//! Who wants to know when something of a service changes. Hints only: whoever is told reads it again.

use std::sync::Arc;

use model::{
    firing::TimedKind,
    inventory::PRODUCTION,
    service::Service,
    view::{Aspect, ServiceChange},
};
use store::{HealthChanged, ScheduleRow, StoreError, TakenIn};
use tokio::sync::broadcast;

use super::Engine;

/// Changes by which somebody slow may fall behind before he has to begin anew.
const BEHIND: usize = 1024;

/// Something of a service of a project is not as it was.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) project: String,
    pub(crate) change: ServiceChange,
}

pub(crate) struct ServiceChanges(broadcast::Sender<Arc<Told>>);

impl Default for ServiceChanges {
    fn default() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }
}

impl ServiceChanges {
    pub(super) fn follow(&self) -> broadcast::Receiver<Arc<Told>> {
        self.0.subscribe()
    }

    pub(super) fn is_followed(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Tell what is stored already.
    pub(super) fn publish(&self, project: &str, service: &str, environment: &str, what: Aspect) {
        if self.is_followed() {
            let (service, environment) = (service.to_owned(), environment.to_owned());
            let change = ServiceChange { service, environment, what };
            // Nobody listening is no fault.
            let _ = self.0.send(Arc::new(Told { project: project.to_owned(), change }));
        }
    }
}

impl Engine {
    pub(super) fn service_changes(&self) -> &ServiceChanges {
        &self.0.service_changes
    }

    /// Tell that a service's health is another.
    pub(super) fn tell_health(&self, changed: &HealthChanged) {
        let HealthChanged { project, service, environment, before, health } = changed;
        tracing::info!(
            project,
            service,
            environment,
            before = before.name(),
            now = health.health.name(),
            cause = health.cause,
            "health changed"
        );
        self.service_changes().publish(project, service, environment, Aspect::Health);
    }

    /// Tell what a run that observed has changed.
    pub(super) fn tell_taken_in(&self, project: &str, taken: &TakenIn) {
        if let Some(changed) = &taken.health {
            self.tell_health(changed);
        }
        if let Some((service, environment)) = &taken.of
            && (taken.facts_changed || taken.failing_changed)
        {
            self.service_changes().publish(project, service, environment, Aspect::Facts);
        }
    }

    /// Tell the services of a schedule's runbook that it fired, or did not, or that it pauses or goes on.
    pub(crate) async fn tell_firing(&self, row: &ScheduleRow) {
        // Probes and collectors fire all the time; what they saw is told.
        if row.kind != TimedKind::Schedule || !self.service_changes().is_followed() {
            return;
        }
        match self.services_of(row).await {
            Ok((services, environment)) => {
                for service in services {
                    self.service_changes().publish(&row.project_name, &service, &environment, Aspect::Firing);
                }
            }
            Err(error) => {
                tracing::warn!(schedule = row.name, %error, "whose schedule this is could not be read, and its firing was not told");
            }
        }
    }

    /// The services to which a schedule's runbook belongs, and its environment.
    async fn services_of(&self, row: &ScheduleRow) -> Result<(Vec<String>, String), StoreError> {
        let store = &self.0.store;
        let runbook = store.runbook(&row.project_name, &row.runbook).await?.map(|row| row.runbook);
        let (own, environment) =
            runbook.map(|runbook| (runbook.service, runbook.environment)).unwrap_or_default();
        let services = store.published_definitions::<Service>(row.project, "Service").await?;
        let names_it = |service: &Service| {
            service.runbooks.contains(&row.runbook) && own.as_ref() != Some(&service.name)
        };
        let others =
            services.into_iter().map(|published| published.definition).filter(|service| names_it(service));
        let others: Vec<String> = others.map(|service| service.name).collect();
        let services = own.iter().cloned().chain(others).collect();
        Ok((services, environment.unwrap_or_else(|| PRODUCTION.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::RecvError;

    use super::*;

    #[tokio::test]
    async fn whoever_is_too_slow_is_told_so_and_holds_up_nobody() {
        let changes = ServiceChanges::default();
        changes.publish("default", "shop", "production", Aspect::Health);
        let (mut quick, mut slow) = (changes.follow(), changes.follow());
        for _ in 0..=BEHIND {
            changes.publish("default", "shop", "production", Aspect::Facts);
            let told = quick.recv().await.unwrap();
            assert_eq!(
                (told.project.as_str(), told.change.what),
                ("default", Aspect::Facts),
                "nothing of before"
            );
        }
        assert!(matches!(slow.recv().await, Err(RecvError::Lagged(1))));
    }
}
