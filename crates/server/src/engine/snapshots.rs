//! How the services of a run stand is written down right before its first step and when it has ended.

use jiff::SignedDuration;
use model::{
    fact::FactState,
    health::service_health,
    id::ProjectId,
    run::{Run, Wait, WaitReason},
    service::Service,
    snapshot::{Collected, FactSnapshot, RunService, ServiceSnapshot, Snapshot},
};
use store::{Moment, StoreError};

use super::Engine;
use crate::clock;

/// Collectors have so long to look once a run has ended.
const AFTER: SignedDuration = SignedDuration::from_mins(2);
/// Ended runs that are seen to at once.
const AT_ONCE: u32 = 100;

impl Engine {
    pub(super) fn write_down_before(&self, run: &Run) {
        // Where collectors look first, it is written down when they have.
        let looked_at_first =
            run.places_of(|step| step.wait.as_ref().is_some_and(is_snapshot)).next().is_some();
        if run.service.is_none() || run.is_background() || looked_at_first {
            return;
        }
        let (engine, run) = (self.clone(), run.clone());
        tokio::spawn(async move {
            if let Err(error) = engine.write_down(&run, Moment::Before, Vec::new()).await {
                tracing::error!(run = %run.id, %error, "how its services stood before it could not be written down");
            }
        });
    }

    pub(super) fn write_down_after(&self, run: &Run) {
        if run.service.is_none() || run.is_background() || run.started_at.is_none() {
            return;
        }
        let (engine, run) = (self.clone(), run.clone());
        tokio::spawn(async move {
            if let Err(error) = engine.look_after(&run).await {
                tracing::error!(run = %run.id, %error, "how its services stood after it could not be written down");
            }
        });
    }

    /// What ended while no server was there to write down how things stood.
    pub(crate) async fn write_down_left_over(&self) -> Result<(), StoreError> {
        for id in self.0.store.open_snapshots(AT_ONCE).await? {
            if let Some(run) = self.0.store.run_by_id(id).await? {
                self.write_down_after(&run);
            }
        }
        Ok(())
    }

    async fn look_after(&self, run: &Run) -> Result<(), StoreError> {
        let store = &self.0.store;
        let version = store.load_version(&run.project, &run.runbook, &run.digest).await?;
        let collectors = version.runbook.snapshot;
        let mut collected = Vec::new();
        if let Some(project) = store.project(&run.project).await?
            && !collectors.is_empty()
        {
            let now = clock::now();
            let deadline = now.checked_add(AFTER).unwrap_or(now);
            let ended = run.finished_at.unwrap_or(now);
            collected = self.collect(project, &collectors, ended, deadline).await?;
        }
        self.write_down(run, Moment::After, collected).await
    }

    pub(super) async fn write_down(
        &self,
        run: &Run,
        moment: Moment,
        collectors: Vec<Collected>,
    ) -> Result<(), StoreError> {
        let Some(mut snapshot) = self.how_it_stands(run).await? else { return Ok(()) };
        snapshot.collectors = collectors;
        self.0.store.keep_snapshot(run.id, &run.project, moment, snapshot).await
    }

    /// How the services of a run stand now; none if it belongs to no service that there is.
    pub(crate) async fn how_it_stands(&self, run: &Run) -> Result<Option<Snapshot>, StoreError> {
        let Some(project) = self.0.store.project(&run.project).await? else { return Ok(None) };
        let mut services = Vec::new();
        for of in self.run_services(run, project).await? {
            services.push(self.service_stands(project, of).await?.bounded());
        }
        if services.is_empty() {
            return Ok(None);
        }
        Ok(Some(Snapshot { at: clock::now(), services, collectors: Vec::new() }))
    }

    /// The service of a run, in the environments of its targets in which that service is.
    pub(crate) async fn run_services(
        &self,
        run: &Run,
        project: ProjectId,
    ) -> Result<Vec<RunService>, StoreError> {
        let Some(name) = &run.service else { return Ok(Vec::new()) };
        let published = self.0.store.published_definition::<Service>(project, "Service", name).await?;
        let Some(service) = published.map(|published| published.definition) else { return Ok(Vec::new()) };
        let of =
            |environment: &String| RunService { service: name.clone(), environment: environment.clone() };
        let named = run.environment.iter().filter(|_| run.environments.is_empty());
        let its: Vec<&String> = run.environments.iter().chain(named).collect();
        // A run that says nothing of where it acts may act on all.
        let anywhere = its.is_empty();
        Ok(service
            .environments
            .iter()
            .filter(|environment| anywhere || its.contains(environment))
            .map(of)
            .collect())
    }

    async fn service_stands(
        &self,
        project: ProjectId,
        of: RunService,
    ) -> Result<ServiceSnapshot, StoreError> {
        let RunService { service, environment } = of;
        let store = &self.0.store;
        let now = clock::now();
        let health = store
            .health(project, Some(service.clone()))
            .await?
            .into_iter()
            .find(|row| row.environment == environment)
            .map_or_else(|| service_health(Vec::new(), None), |row| row.health);
        let mut facts = Vec::new();
        for (collector, of_collector) in store.facts(project, &service).await? {
            if collector.rules.environment != environment {
                continue;
            }
            let expire = collector.rules.expire();
            for fact in of_collector {
                let state = fact.state(now, expire);
                if state != FactState::Gone {
                    let (collector, target, key, value) = (fact.collector, fact.target, fact.key, fact.value);
                    facts.push(FactSnapshot { collector, target, key, value, state });
                }
            }
        }
        let (health, since, cause) = (health.health, health.since, health.cause);
        Ok(ServiceSnapshot { service, environment, health, since, cause, facts, left_out: 0 })
    }
}

fn is_snapshot(wait: &Wait) -> bool {
    matches!(wait.reason, WaitReason::Snapshot { .. })
}
