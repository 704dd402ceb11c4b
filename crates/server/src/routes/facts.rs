//! Facts: what a service is like, and how that differs from an earlier moment or another environment.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{Path, Query, rejection::QueryRejection},
};
use jiff::Timestamp;
use model::{
    api::Problem,
    fact::{self, Fact},
    view::{CollectorView, FactView, FactsDiff, FactsView},
};
use policy::ServiceRead;
use serde::Deserialize;
use store::FactChange;

use super::services::{EnvironmentQuery, is_there, known, project_of};
use crate::{access::Allowed, clock, problem::ApiError};

/// What is known of a service's state and configuration.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}/facts", operation_id = "service_facts", tag = "view",
    params(("project" = String, Path), ("service" = String, Path), EnvironmentQuery), responses(
    (status = 200, description = "All facts, those that are gone or stale too", body = FactsView),
    (status = 404, description = "No such service, or it is not in that environment", body = Problem),
))]
pub(super) async fn show(
    allowed: Allowed<ServiceRead>,
    Path((project, name)): Path<(String, String)>,
    query: Result<Query<EnvironmentQuery>, QueryRejection>,
) -> Result<Json<FactsView>, ApiError> {
    let Query(query) = query?;
    let id = project_of(&allowed, &project).await?;
    let service = known(&allowed, id, &project, &name).await?.definition;
    is_there(&service, query.environment.as_deref())?;
    let now = clock::now();
    let mut view = FactsView { collectors: Vec::new(), facts: Vec::new() };
    for (collector, facts) in allowed.store().facts(id, &name).await? {
        if query.environment.as_ref().is_some_and(|environment| *environment != collector.rules.environment) {
            continue;
        }
        let expire = collector.rules.expire();
        view.facts.extend(facts.into_iter().map(|fact| FactView {
            state: fact.state(now, expire),
            environment: fact.environment,
            collector: fact.collector,
            target: fact.target,
            key: fact.key,
            value: fact.value,
            observed_at: fact.observed_at,
            changed_at: fact.changed_at,
            previous: fact.previous,
            run: fact.run,
        }));
        view.collectors.push(CollectorView {
            collector: collector.name,
            environment: collector.rules.environment,
            every_s: collector.rules.every_s,
            expire_s: collector.rules.expire_s,
            observed_at: collector.observed_at,
            failure: collector.failure,
        });
    }
    Ok(Json(view))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DiffQuery {
    /// The environment whose facts are looked at now; the service's first one unless said.
    environment: Option<String>,
    /// Against the same environment at this moment.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// Against this environment now.
    against: Option<String>,
}

/// How the facts of a service differ from those at an earlier moment, or from those of another environment.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}/facts/diff", operation_id = "service_facts_diff", tag = "view",
    params(("project" = String, Path), ("service" = String, Path), DiffQuery), responses(
    (status = 200, description = "What is not the same", body = FactsDiff),
    (status = 400, description = "Neither a moment nor an environment to compare with, or both", body = Problem),
    (status = 404, description = "No such service, or it is not in that environment", body = Problem),
))]
pub(super) async fn diff(
    allowed: Allowed<ServiceRead>,
    Path((project, name)): Path<(String, String)>,
    query: Result<Query<DiffQuery>, QueryRejection>,
) -> Result<Json<FactsDiff>, ApiError> {
    let Query(query) = query?;
    let id = project_of(&allowed, &project).await?;
    let service = known(&allowed, id, &project, &name).await?.definition;
    let first = service.environments.first().cloned().unwrap_or_default();
    let environment = query.environment.unwrap_or(first);
    is_there(&service, Some(&environment))?;
    let mut now: Vec<Fact> = Vec::new();
    let mut others: Vec<Fact> = Vec::new();
    let other = query.against;
    is_there(&service, other.as_deref())?;
    for (collector, facts) in allowed.store().facts(id, &name).await? {
        if collector.rules.environment == environment {
            now.extend(facts);
        } else if Some(&collector.rules.environment) == other.as_ref() {
            others.extend(facts);
        }
    }
    let against = match (other, query.at) {
        (Some(other), None) => other,
        (None, Some(moment)) => {
            let then = allowed.store().facts_at(id, &name, &environment, moment).await?;
            others = then.into_iter().map(fact_then).collect();
            moment.to_string()
        }
        _ => {
            return Err(ApiError::bad_request(
                "Say either `at`, a moment, or `against`, another environment.",
            ));
        }
    };
    let differences = fact::diff(&others, &now);
    let places: BTreeSet<_> =
        now.iter().filter(|fact| !fact.gone).map(|fact| (&fact.target, &fact.key)).collect();
    let differ = differences.iter().filter(|one| one.after.is_some()).count();
    Ok(Json(FactsDiff {
        service: name,
        environment,
        against,
        same: places.len().saturating_sub(differ) as u64,
        differences,
    }))
}

/// A fact as a change left it.
fn fact_then(change: FactChange) -> Fact {
    let FactChange { service, environment, target, key, at, value, previous, run } = change;
    Fact {
        service,
        environment,
        collector: String::new(),
        target,
        key,
        gone: value.is_none(),
        value: value.unwrap_or_default(),
        observed_at: at,
        changed_at: at,
        run,
        previous,
    }
}
