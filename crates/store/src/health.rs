//! How services are, how they were, and what says so.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{
    health::{Health, ServiceHealth, Watched},
    id::{ProjectId, RunId, ScheduleId, Uuid},
    uptime::{Counts, Day, share},
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
    pub before: Health,
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

macro_rules! health_row {
    ($row:expr) => {
        HealthRow {
            service: $row.try_get("service")?,
            environment: $row.try_get("environment")?,
            health: $row.try_get::<Json<ServiceHealth>, _>("health")?.0,
        }
    };
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
            rows.iter().map(|row| Ok(health_row!(row))).collect()
        })
    }

    /// How some services of a project are.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn health_of(
        &self,
        project: ProjectId,
        services: &[String],
    ) -> Result<Vec<HealthRow>, StoreError> {
        if services.is_empty() {
            return Ok(Vec::new());
        }
        let services = services.to_vec();
        in_read!(self, |connection| async move {
            let mut select =
                sqlx::QueryBuilder::new("SELECT service, environment, health FROM health WHERE project = ");
            select.push_bind(project.0).push(" AND service IN (");
            let mut several = select.separated(", ");
            for service in services {
                several.push_bind(service);
            }
            let rows =
                select.push(") ORDER BY service, environment").build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(health_row!(row))).collect()
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
                    let before: String = row.try_get("before")?;
                    Ok(HealthChange {
                        service: row.try_get("service")?,
                        environment: row.try_get("environment")?,
                        at: instant(row.try_get("at")?)?,
                        before: Health::from_name(&before)
                            .ok_or_else(|| StoreError::Corrupt(format!("a service was `{before}`")))?,
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

    /// What a probe said on each day (of UTC) from the one of a moment on: of its slices, and of those that were rolled up. Days
    /// that have none are left out.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn uptime(
        &self,
        probe: ScheduleId,
        since: Timestamp,
    ) -> Result<BTreeMap<Day, Counts>, StoreError> {
        let first = Day::of(since);
        let since = micros(first.begins());
        in_read!(self, |connection| async move {
            let mut days: BTreeMap<Day, Counts> = BTreeMap::new();
            // Of what flaps, there are thousands of slices, nearly all within one day: the database adds them up.
            let rows = sqlx::query(
                "SELECT day, good, bad, no_sample FROM slice_days WHERE schedule = $1 AND day >= $2 UNION ALL \
                 SELECT day, CAST(sum(good) AS BIGINT), CAST(sum(bad) AS BIGINT), CAST(sum(no_sample) AS BIGINT) FROM \
                 (SELECT from_at / 86400000000 AS day, CASE outcome WHEN 'good' THEN count ELSE 0 END AS good, \
                 CASE outcome WHEN 'bad' THEN count ELSE 0 END AS bad, \
                 CASE outcome WHEN 'no_sample' THEN count ELSE 0 END AS no_sample FROM slices WHERE schedule = $1 \
                 AND from_at >= $3 AND from_at / 86400000000 = to_at / 86400000000) AS d GROUP BY day",
            )
            .bind(probe.0)
            .bind(first.0)
            .bind(since)
            .fetch_all(&mut *connection)
            .await?;
            for row in &rows {
                let count =
                    |name| Ok::<_, sqlx::Error>(u64::try_from(row.try_get::<i64, _>(name)?).unwrap_or(0));
                let counts =
                    Counts { good: count("good")?, bad: count("bad")?, no_sample: count("no_sample")? };
                days.entry(Day(row.try_get("day")?)).or_default().add(counts);
            }
            let rows = sqlx::query(
                "SELECT from_at, to_at, outcome, count FROM slices WHERE schedule = $1 AND to_at >= $2 \
                 AND from_at / 86400000000 < to_at / 86400000000",
            )
            .bind(probe.0)
            .bind(since)
            .fetch_all(&mut *connection)
            .await?;
            for row in &rows {
                let outcome: String = row.try_get("outcome")?;
                let count = u64::try_from(row.try_get::<i64, _>("count")?).unwrap_or(0);
                let (from, to) = (instant(row.try_get("from_at")?)?, instant(row.try_get("to_at")?)?);
                for (day, count) in share(from, to, count) {
                    if day >= first {
                        days.entry(day).or_default().add(Counts::of(&outcome, count));
                    }
                }
            }
            Ok(days)
        })
    }
}
