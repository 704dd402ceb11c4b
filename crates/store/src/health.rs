//! How services are, how they were, and what says so.

use jiff::Timestamp;
use model::{
    health::{ServiceHealth, Watched},
    id::{ProjectId, RunId, ScheduleId, Uuid},
    watch::Probe,
};
use sqlx::{Row, types::Json};

use crate::{Store, StoreError, engine::in_read, moving::micros, schedules::instant};

/// The health of a service in an environment, as it was seen last.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthRow {
    pub service: String,
    pub environment: String,
    pub health: ServiceHealth,
}

/// One change of a service's health.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthChange {
    pub service: String,
    pub environment: String,
    pub at: Timestamp,
    /// None of the first.
    pub before: Option<ServiceHealth>,
    pub health: ServiceHealth,
}

/// Which changes of health are asked for.
#[derive(Clone, Debug, Default)]
pub struct HealthChangeFilter {
    pub service: Option<String>,
    pub environment: Option<String>,
    /// This moment and later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    pub limit: u32,
}

/// A probe, and what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeRow {
    pub schedule: ScheduleId,
    pub name: String,
    pub rules: Probe,
    pub watched: Watched,
    /// Why it could not look last.
    pub blind: Option<String>,
}

/// Slices with the same outcome in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceSpan {
    pub from: Timestamp,
    /// The last of them.
    pub to: Timestamp,
    /// `good`, `bad` or `no_sample`.
    pub outcome: String,
    pub count: u64,
    pub first_run: Option<RunId>,
    pub last_run: Option<RunId>,
    pub why: Option<String>,
}

macro_rules! probe_of {
    ($row:expr) => {{
        let row = $row;
        ProbeRow {
            schedule: ScheduleId(row.try_get("schedule")?),
            name: row.try_get("name")?,
            rules: row.try_get::<Json<Probe>, _>("rules")?.0,
            watched: row.try_get::<Json<Watched>, _>("watched")?.0,
            blind: row.try_get("blind")?,
        }
    }};
}

impl Store {
    /// How all services of a project are; of one service if it is named.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn health(
        &self,
        project: ProjectId,
        service: Option<String>,
    ) -> Result<Vec<HealthRow>, StoreError> {
        in_read!(self, |connection| async move {
            let mut select =
                sqlx::QueryBuilder::new("SELECT service, environment, health FROM health WHERE project = ");
            select.push_bind(project.0);
            if let Some(service) = service {
                select.push(" AND service = ").push_bind(service);
            }
            select.push(" ORDER BY service, environment");
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter()
                .map(|row| {
                    Ok(HealthRow {
                        service: row.try_get("service")?,
                        environment: row.try_get("environment")?,
                        health: row.try_get::<Json<ServiceHealth>, _>("health")?.0,
                    })
                })
                .collect()
        })
    }

    /// Changes of health, newest first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn health_changes(
        &self,
        project: ProjectId,
        filter: HealthChangeFilter,
    ) -> Result<Vec<HealthChange>, StoreError> {
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(
                "SELECT service, environment, at, before, health FROM health_changes WHERE project = ",
            );
            select.push_bind(project.0);
            if let Some(service) = filter.service {
                select.push(" AND service = ").push_bind(service);
            }
            if let Some(environment) = filter.environment {
                select.push(" AND environment = ").push_bind(environment);
            }
            if let Some(from) = filter.from {
                select.push(" AND at >= ").push_bind(micros(from));
            }
            if let Some(to) = filter.to {
                select.push(" AND at < ").push_bind(micros(to));
            }
            select.push(" ORDER BY at DESC, service, environment LIMIT ").push_bind(i64::from(filter.limit));
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter()
                .map(|row| {
                    Ok(HealthChange {
                        service: row.try_get("service")?,
                        environment: row.try_get("environment")?,
                        at: instant(row.try_get("at")?)?,
                        before: row.try_get::<Json<Option<ServiceHealth>>, _>("before")?.0,
                        health: row.try_get::<Json<ServiceHealth>, _>("health")?.0,
                    })
                })
                .collect()
        })
    }

    /// The probes of a project, of one service if it is named, by service, environment and name.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn probes(
        &self,
        project: ProjectId,
        service: Option<String>,
    ) -> Result<Vec<ProbeRow>, StoreError> {
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(
                "SELECT schedule, name, rules, watched, blind FROM probes WHERE project = ",
            );
            select.push_bind(project.0);
            if let Some(service) = service {
                select.push(" AND service = ").push_bind(service);
            }
            select.push(" ORDER BY service, environment, name");
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(probe_of!(row))).collect()
        })
    }

    /// A probe of a project, by the name of its runbook.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn probe(&self, project: ProjectId, name: &str) -> Result<Option<ProbeRow>, StoreError> {
        let name = name.to_owned();
        in_read!(self, |connection| async move {
            let row = sqlx::query(
                "SELECT p.schedule, p.name, p.rules, p.watched, p.blind FROM probes p \
                 JOIN schedules s ON s.id = p.schedule WHERE p.project = $1 AND p.name = $2 AND s.retired = 0",
            )
            .bind(project.0)
            .bind(name)
            .fetch_optional(&mut *connection)
            .await?;
            row.map(|row| Ok(probe_of!(&row))).transpose()
        })
    }

    /// What a probe has said since a moment, in order: spans that end then or later.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn slice_spans(
        &self,
        probe: ScheduleId,
        since: Timestamp,
    ) -> Result<Vec<SliceSpan>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT from_at, to_at, outcome, count, first_run, last_run, why FROM slices \
                 WHERE schedule = $1 AND to_at >= $2 ORDER BY from_at",
            )
            .bind(probe.0)
            .bind(micros(since))
            .fetch_all(&mut *connection)
            .await?;
            rows.iter()
                .map(|row| {
                    Ok(SliceSpan {
                        from: instant(row.try_get("from_at")?)?,
                        to: instant(row.try_get("to_at")?)?,
                        outcome: row.try_get("outcome")?,
                        count: u64::try_from(row.try_get::<i64, _>("count")?).unwrap_or(0),
                        first_run: row.try_get::<Option<Uuid>, _>("first_run")?.map(RunId),
                        last_run: row.try_get::<Option<Uuid>, _>("last_run")?.map(RunId),
                        why: row.try_get("why")?,
                    })
                })
                .collect()
        })
    }
}
