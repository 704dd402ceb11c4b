//! Services: worst first, and each with all that is known of it.

use std::{cmp::Reverse, collections::HashMap};

use axum::{
    Json,
    extract::{Path, Query, rejection::QueryRejection},
};
use jiff::{SignedDuration, Timestamp};
use model::{
    api::{Page, Problem},
    firing::{FiringState, TimedKind},
    health::{Health, ServiceHealth, service_health},
    id::{ProjectId, RunId},
    runbook::Runbook,
    service::Service,
    view::{
        EnvironmentHealth, EnvironmentView, Happening, HealthChangeView, HealthHistory, Neighbour,
        ServiceRunbook, ServiceSummary, ServiceView, UptimeStrip, What,
    },
};
use policy::{Action, ServiceRead};
use serde::Deserialize;
use store::{
    FactChange, FactChangeFilter, HealthChange, HealthChangeFilter, HealthRow, Published, RunFilter,
};

use super::{definitions::no_project, paging::limit, schedules::summaries};
use crate::{access::Allowed, clock, problem::ApiError, uptime};

/// Days of a strip.
const DAYS: u32 = 90;
/// What changed so shortly before something fell ill may be why.
const SHORTLY: SignedDuration = SignedDuration::from_mins(15);
/// Changes of health that are shown with what came before them.
const EXPLAINED: usize = 10;
/// Happenings of one kind in one answer.
const HAPPENINGS: u32 = 200;

/// How everything is, by service and environment.
struct Healths(HashMap<(String, String), ServiceHealth>);

impl Healths {
    async fn of<A: Action>(allowed: &Allowed<A>, project: ProjectId) -> Result<Self, ApiError> {
        Ok(Self::from_rows(allowed.store().health(project, None).await?))
    }

    /// Of a service and of those that it depends on.
    async fn around<A: Action>(
        allowed: &Allowed<A>,
        project: ProjectId,
        service: &Service,
    ) -> Result<Self, ApiError> {
        Ok(Self::from_rows(allowed.store().health_of(project, &with_dependencies(service)).await?))
    }

    fn from_rows(rows: Vec<HealthRow>) -> Self {
        Self(rows.into_iter().map(|row| ((row.service, row.environment), row.health)).collect())
    }

    fn get(&self, service: &str, environment: &str) -> ServiceHealth {
        let known = self.0.get(&(service.to_owned(), environment.to_owned()));
        known.cloned().unwrap_or_else(|| service_health(Vec::new(), None))
    }

    /// Those that a service depends on, as they are in an environment; the ill ones first.
    fn dependencies(
        &self,
        service: &Service,
        environment: &str,
        all: &[Published<Service>],
    ) -> Vec<Neighbour> {
        let there = |name: &&String| {
            let known = all.iter().find(|other| other.name == **name);
            known.is_none_or(|known| known.definition.is_in(environment))
        };
        let neighbour = |name: &String| {
            let ServiceHealth { health, since, cause, .. } = self.get(name, environment);
            Neighbour { service: name.clone(), health, since, cause }
        };
        let mut found: Vec<Neighbour> = service.depends_on.iter().filter(there).map(neighbour).collect();
        found.sort_by_key(|neighbour| Reverse((is_ill(neighbour.health), neighbour.health)));
        found
    }
}

/// Is something known to be wrong, or not to be known any more? What nobody ever watched is not ill.
fn is_ill(health: Health) -> bool {
    !matches!(health, Health::Ok | Health::Unknown)
}

fn with_dependencies(service: &Service) -> Vec<String> {
    std::iter::once(&service.name).chain(&service.depends_on).cloned().collect()
}

pub(super) async fn project_of<A: Action>(allowed: &Allowed<A>, name: &str) -> Result<ProjectId, ApiError> {
    allowed.store().project(name).await?.ok_or_else(|| no_project(name))
}

pub(super) async fn known<A: Action>(
    allowed: &Allowed<A>,
    id: ProjectId,
    project: &str,
    name: &str,
) -> Result<Published<Service>, ApiError> {
    let hint = format!("`signalbox services list --project {project}` shows which there are.");
    let missing = || ApiError::not_found(&format!("service `{name}` in project `{project}`"), &hint);
    allowed.store().published_definition::<Service>(id, "Service", name).await?.ok_or_else(missing)
}

/// An environment that is asked for is one of the service.
pub(super) fn is_there(service: &Service, environment: Option<&str>) -> Result<(), ApiError> {
    match environment.filter(|environment| !service.is_in(environment)) {
        None => Ok(()),
        Some(other) => {
            let hint = format!("It is in: {}.", service.environments.join(", "));
            Err(ApiError::not_found(&format!("environment `{other}` of service `{}`", service.name), &hint))
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ServicesQuery {
    /// Only those in this state somewhere: `bad`, `data_error`, `stale`, `unknown`, `degraded` or `ok`.
    health: Option<Health>,
    /// Only those that this team owns or operates.
    team: Option<String>,
    /// Only those with this text in their name or title.
    text: Option<String>,
    /// How many at most: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<u32>,
}

/// The services of a project, worst first.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services", operation_id = "list_services", tag = "view",
    params(("project" = String, Path), ServicesQuery), responses(
    (status = 200, description = "A page of services", body = Page<ServiceSummary>),
    (status = 404, description = "No such project", body = Problem),
))]
pub(super) async fn list(
    allowed: Allowed<ServiceRead>,
    Path(project): Path<String>,
    query: Result<Query<ServicesQuery>, QueryRejection>,
) -> Result<Json<Page<ServiceSummary>>, ApiError> {
    let Query(query) = query?;
    let limit = usize::try_from(limit(query.limit)?).unwrap_or(usize::MAX);
    let id = project_of(&allowed, &project).await?;
    let services = allowed.store().published_definitions::<Service>(id, "Service").await?;
    let healths = Healths::of(&allowed, id).await?;
    let mut all: Vec<ServiceSummary> =
        services.iter().map(|service| summary(&project, &service.definition, &healths, &services)).collect();
    let text = query.text.map(|text| text.to_lowercase());
    all.retain(|service| {
        let named = |text: &String| {
            service.name.contains(text.as_str())
                || service.title.as_ref().is_some_and(|title| title.to_lowercase().contains(text.as_str()))
        };
        let of_team = |team: &String| [&service.owner, &service.operator].contains(&&Some(team.clone()));
        text.as_ref().is_none_or(named)
            && query.team.as_ref().is_none_or(of_team)
            && query
                .health
                .is_none_or(|health| service.environments.iter().any(|known| known.health == health))
    });
    all.sort_by(|a, b| {
        let rank = |service: &ServiceSummary| (Reverse(service.health), service.tier.unwrap_or(u8::MAX));
        rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name))
    });
    let from = usize::try_from(query.after.unwrap_or(0)).unwrap_or(usize::MAX);
    let more = all.len() > from.saturating_add(limit);
    let items = all.into_iter().skip(from).take(limit).collect();
    Ok(Json(Page { items, next: more.then(|| (from + limit).to_string()) }))
}

fn summary(
    project: &str,
    service: &Service,
    healths: &Healths,
    all: &[Published<Service>],
) -> ServiceSummary {
    let environments: Vec<EnvironmentHealth> = service
        .environments
        .iter()
        .map(|environment| {
            let ServiceHealth { health, since, cause, .. } = healths.get(&service.name, environment);
            let ill_dependencies = if is_ill(health) {
                let mut ill = healths.dependencies(service, environment, all);
                ill.retain(|neighbour| is_ill(neighbour.health));
                ill
            } else {
                Vec::new()
            };
            EnvironmentHealth { environment: environment.clone(), health, since, cause, ill_dependencies }
        })
        .collect();
    let (health, since) = worst(&environments);
    ServiceSummary {
        project: project.to_owned(),
        name: service.name.clone(),
        title: service.title.clone(),
        owner: service.owner.clone(),
        operator: service.operator().map(str::to_owned),
        tier: service.tier,
        lifecycle: service.lifecycle,
        health,
        since,
        environments,
    }
}

/// How it is where it is worst, and since when.
fn worst(environments: &[EnvironmentHealth]) -> (Health, Option<Timestamp>) {
    let health = environments.iter().map(|environment| environment.health).max().unwrap_or(Health::Unknown);
    let sinces = environments.iter().filter(|it| it.health == health).filter_map(|it| it.since);
    // All of it is ok only since the last of its environments is; it is ill since the first of them is.
    (health, if health == Health::Ok { sinces.max() } else { sinces.min() })
}

/// A service: is it well, since when and why, what may be done about it, what comes.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}", operation_id = "show_service", tag = "view",
    params(("project" = String, Path), ("service" = String, Path)), responses(
    (status = 200, description = "As it is now", body = ServiceView),
    (status = 404, description = "No such service", body = Problem),
))]
pub(super) async fn show(
    allowed: Allowed<ServiceRead>,
    Path((project, name)): Path<(String, String)>,
) -> Result<Json<ServiceView>, ApiError> {
    let id = project_of(&allowed, &project).await?;
    let published = known(&allowed, id, &project, &name).await?;
    let service = published.definition;
    // Those that it depends on, and those that may depend on it: whoever does names it.
    let named = format!("\"{name}\"");
    let all = allowed
        .store()
        .published_around::<Service>(id, "Service", &with_dependencies(&service), Some(&named))
        .await?;
    let healths = Healths::around(&allowed, id, &service).await?;
    let environments = service
        .environments
        .iter()
        .map(|environment| EnvironmentView {
            environment: environment.clone(),
            health: healths.get(&name, environment),
            dependencies: healths.dependencies(&service, environment, &all),
        })
        .collect();
    let dependents = all
        .iter()
        .filter(|other| other.definition.depends_on.contains(&name))
        .map(|other| other.name.clone());
    let runbooks = runbooks_of(&allowed, id, &service).await?;
    let names: Vec<String> = runbooks.iter().map(|runbook| runbook.name.clone()).collect();
    let schedules =
        summaries(&allowed, id, &project, allowed.store().schedules_of(id, &names).await?).await?;
    Ok(Json(ServiceView {
        project,
        digest: published.digest,
        published_at: published.published_at,
        published_by: published.published_by,
        environments,
        dependents: dependents.collect(),
        runbooks: runbooks
            .into_iter()
            .map(|runbook| ServiceRunbook {
                watches: match (&runbook.probe, &runbook.collects) {
                    (Some(_), _) => Some(TimedKind::Probe),
                    (None, Some(_)) => Some(TimedKind::Collector),
                    (None, None) => None,
                },
                name: runbook.name,
                title: runbook.title,
                effect: runbook.effect,
            })
            .collect(),
        schedules,
        service,
    }))
}

/// The runbooks that say they belong to a service, that watch it, and that it names.
async fn runbooks_of<A: Action>(
    allowed: &Allowed<A>,
    id: ProjectId,
    service: &Service,
) -> Result<Vec<Runbook>, ApiError> {
    let says = format!("\"service\":\"{}\"", service.name);
    let all =
        allowed.store().published_around::<Runbook>(id, "Runbook", &service.runbooks, Some(&says)).await?;
    let is_its = |runbook: &Runbook| {
        runbook.service.as_ref() == Some(&service.name)
            || service.runbooks.contains(&runbook.name)
            || runbook.probe.as_ref().is_some_and(|probe| probe.service == service.name)
            || runbook.collects.as_ref().is_some_and(|collects| collects.service == service.name)
    };
    Ok(all.into_iter().map(|published| published.definition).filter(is_its).collect())
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EnvironmentQuery {
    /// Only this environment.
    pub(super) environment: Option<String>,
}

/// How a service was: ninety days of each probe, and each change of health with what came shortly before it.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}/health", operation_id = "service_health", tag = "view",
    params(("project" = String, Path), ("service" = String, Path), EnvironmentQuery), responses(
    (status = 200, description = "Its history", body = HealthHistory),
    (status = 404, description = "No such service, or it is not in that environment", body = Problem),
))]
pub(super) async fn health(
    allowed: Allowed<ServiceRead>,
    Path((project, name)): Path<(String, String)>,
    query: Result<Query<EnvironmentQuery>, QueryRejection>,
) -> Result<Json<HealthHistory>, ApiError> {
    let Query(query) = query?;
    let id = project_of(&allowed, &project).await?;
    let service = known(&allowed, id, &project, &name).await?.definition;
    is_there(&service, query.environment.as_deref())?;
    let (store, now) = (allowed.store(), clock::now());
    let mut strips = Vec::new();
    for probe in store.probes(id, Some(name.clone())).await? {
        if query.environment.as_ref().is_some_and(|environment| *environment != probe.rules.environment) {
            continue;
        }
        let counted = store.uptime(probe.schedule, uptime::since(now, DAYS)).await?;
        strips.push(UptimeStrip {
            probe: probe.name,
            environment: probe.rules.environment,
            days: uptime::days(&counted, now, DAYS),
        });
    }
    let filter = HealthChangeFilter {
        service: Some(name.clone()),
        environment: query.environment,
        from: Some(uptime::since(now, DAYS)),
        to: None,
        limit: HAPPENINGS,
    };
    let mut changes = Vec::new();
    let mut explained = 0;
    let changed = store.health_changes(id, filter).await?;
    let runs: Vec<RunId> = changed.iter().filter_map(shown_by).collect();
    let kept = store.runs_kept(&runs).await?;
    for change in changed {
        let mut preceded_by = Vec::new();
        if is_ill(change.health.health) && explained < EXPLAINED {
            explained += 1;
            let from = change.at.checked_sub(SHORTLY).unwrap_or(change.at);
            for of in std::iter::once(&name).chain(&service.depends_on) {
                preceded_by
                    .extend(changes_of(&allowed, id, &project, of, Some(from), Some(change.at)).await?);
            }
            preceded_by.sort_by_key(|happening| Reverse(happening.at));
        }
        let run = shown_by(&change).filter(|run| kept.contains(run));
        changes.push(change_view(change, run, preceded_by));
    }
    Ok(Json(HealthHistory { strips, changes }))
}

/// The run that showed a change; it may not be kept any more.
fn shown_by(change: &HealthChange) -> Option<RunId> {
    change.health.evidence.first().and_then(|evidence| evidence.run)
}

fn change_view(change: HealthChange, run: Option<RunId>, preceded_by: Vec<Happening>) -> HealthChangeView {
    HealthChangeView {
        environment: change.environment,
        at: change.at,
        before: change.before,
        health: change.health.health,
        cause: change.health.cause,
        run,
        preceded_by,
    }
}

/// Runs and changed facts of a service in a span of time.
async fn changes_of<A: Action>(
    allowed: &Allowed<A>,
    id: ProjectId,
    project: &str,
    service: &str,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Vec<Happening>, ApiError> {
    let store = allowed.store();
    let filter =
        RunFilter { service: Some(service.to_owned()), from, to, limit: HAPPENINGS, ..RunFilter::default() };
    let page = store.runs(project, filter).await?;
    let run = |run: model::api::RunSummary| Happening {
        at: run.requested_at,
        service: service.to_owned(),
        what: What::Run { run: Box::new(run) },
    };
    let mut found: Vec<Happening> = page.runs.into_iter().map(run).collect();
    let filter = FactChangeFilter {
        service: Some(service.to_owned()),
        environment: None,
        from,
        to,
        limit: HAPPENINGS,
    };
    found.extend(store.fact_changes(id, filter).await?.into_iter().map(|change| {
        let FactChange { service, environment, target, key, at, value, previous, run } = change;
        Happening { at, service, what: What::Fact { environment, target, key, value, previous, run } }
    }));
    Ok(found)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HappeningsQuery {
    /// At this moment or later; a day ago unless said.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Before this moment; now unless said.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// What happened to a service, newest first: runs, changes of health, changed facts, firings without a run.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}/happenings", operation_id = "service_happenings", tag = "view",
    params(("project" = String, Path), ("service" = String, Path), HappeningsQuery), responses(
    (status = 200, description = "At most 200 of each kind", body = Page<Happening>),
    (status = 404, description = "No such service", body = Problem),
))]
pub(super) async fn happenings(
    allowed: Allowed<ServiceRead>,
    Path((project, name)): Path<(String, String)>,
    query: Result<Query<HappeningsQuery>, QueryRejection>,
) -> Result<Json<Page<Happening>>, ApiError> {
    let Query(query) = query?;
    let id = project_of(&allowed, &project).await?;
    let service = known(&allowed, id, &project, &name).await?.definition;
    let from = query.from.or_else(|| clock::now().checked_sub(SignedDuration::from_hours(24)).ok());
    let mut items = changes_of(&allowed, id, &project, &name, from, query.to).await?;
    let store = allowed.store();
    let filter = HealthChangeFilter {
        service: Some(name.clone()),
        environment: None,
        from,
        to: query.to,
        limit: HAPPENINGS,
    };
    items.extend(store.health_changes(id, filter).await?.into_iter().map(|change| Happening {
        at: change.at,
        service: change.service,
        what: What::Health {
            environment: change.environment,
            before: change.before,
            health: change.health.health,
            cause: change.health.cause,
        },
    }));
    let runbooks = runbooks_of(&allowed, id, &service).await?;
    let names: Vec<String> = runbooks.into_iter().map(|runbook| runbook.name).collect();
    for row in store.schedules_of(id, &names).await? {
        if row.kind != TimedKind::Schedule {
            continue;
        }
        for firing in store.firings(row.id, query.to, HAPPENINGS).await? {
            if firing.state == FiringState::Fired || from.is_some_and(|from| firing.due_at < from) {
                continue;
            }
            let reason = firing.reason.unwrap_or_default();
            let what = What::Firing { schedule: row.name.clone(), reason };
            items.push(Happening { at: firing.due_at, service: name.clone(), what });
        }
    }
    items.sort_by_key(|happening| Reverse(happening.at));
    Ok(Json(Page { items, next: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ok_since_its_last_environment_is_and_ill_since_the_first() {
        let at = |second| Timestamp::from_second(second).ok();
        let of = |health, second| EnvironmentHealth {
            environment: "production".to_owned(),
            health,
            since: at(second),
            cause: String::new(),
            ill_dependencies: Vec::new(),
        };
        let worst = |all: &[(Health, i64)]| {
            worst(&all.iter().map(|(health, second)| of(*health, *second)).collect::<Vec<_>>())
        };
        assert_eq!(worst(&[(Health::Ok, 9), (Health::Ok, 3)]), (Health::Ok, at(9)));
        assert_eq!(worst(&[(Health::Bad, 9), (Health::Bad, 3), (Health::Ok, 1)]), (Health::Bad, at(3)));
        assert_eq!(worst(&[]), (Health::Unknown, None));
    }
}
