//! Facts as they are, as they were at a moment, and how they changed.

use jiff::Timestamp;
use model::{
    fact::Fact,
    id::{ProjectId, RunId, Uuid},
    watch::Collects,
};
use sqlx::{Row, types::Json};

use crate::{Store, StoreError, engine::in_read, moving::micros, schedules::instant};

/// A collector, and what it saw last.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectorRow {
    pub name: String,
    pub rules: Collects,
    /// When it looked last with success.
    pub observed_at: Option<Timestamp>,
    /// The run that did.
    pub observed_in: Option<RunId>,
    /// Why its newest run did not succeed.
    pub failure: Option<String>,
    /// Its newest run that was taken in.
    pub last_run: Option<RunId>,
}

/// One change of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactChange {
    pub service: String,
    pub environment: String,
    pub target: Option<String>,
    pub key: String,
    pub at: Timestamp,
    /// None if it is gone.
    pub value: Option<String>,
    pub previous: Option<String>,
    pub run: RunId,
}

/// Which changes of facts are asked for.
#[derive(Clone, Debug, Default)]
pub struct FactChangeFilter {
    pub service: Option<String>,
    pub environment: Option<String>,
    /// This moment and later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    pub limit: u32,
}

/// When a collector looked last with success, and in which run.
pub(crate) type Observed = (Option<i64>, Option<Uuid>);

/// A row of a fact, of what `$of` says of its service. What is there was seen whenever its collector saw all.
macro_rules! fact_of {
    ($row:expr, $of:expr, $last:expr) => {{
        let (row, of): (_, &model::fact::Collection) = ($row, $of);
        let last: $crate::facts::Observed = $last;
        let gone = row.try_get::<i64, _>("gone")? != 0;
        let (observed, run): (i64, Uuid) = (row.try_get("observed_at")?, row.try_get("run")?);
        let (observed, run) = match last {
            (Some(at), Some(later)) if !gone && at > observed => (at, later),
            _ => (observed, run),
        };
        let target: String = row.try_get("target")?;
        model::fact::Fact {
            service: of.service.clone(),
            environment: of.environment.clone(),
            collector: of.collector.clone(),
            target: (!target.is_empty()).then_some(target),
            key: row.try_get("key")?,
            value: row.try_get("value")?,
            observed_at: $crate::schedules::instant(observed)?,
            changed_at: $crate::schedules::instant(row.try_get("changed_at")?)?,
            run: model::id::RunId(run),
            previous: row.try_get("previous")?,
            gone,
        }
    }};
}

pub(crate) use fact_of;

macro_rules! collector_of {
    ($row:expr) => {{
        let row = $row;
        CollectorRow {
            name: row.try_get("name")?,
            rules: row.try_get::<Json<Collects>, _>("rules")?.0,
            observed_at: row.try_get::<Option<i64>, _>("observed_at")?.map(instant).transpose()?,
            observed_in: row.try_get::<Option<Uuid>, _>("observed_in")?.map(RunId),
            failure: row.try_get("failure")?,
            last_run: row.try_get::<Option<Uuid>, _>("last_run")?.map(RunId),
        }
    }};
}

macro_rules! change_of {
    ($row:expr) => {{
        let row = $row;
        let target: String = row.try_get("target")?;
        FactChange {
            service: row.try_get("service")?,
            environment: row.try_get("environment")?,
            target: (!target.is_empty()).then_some(target),
            key: row.try_get("key")?,
            at: instant(row.try_get("at")?)?,
            value: row.try_get("value")?,
            previous: row.try_get("previous")?,
            run: RunId(row.try_get("run")?),
        }
    }};
}

impl Store {
    /// The collectors of a service, by environment and name, each with its facts, by target and key; those that are gone too.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn facts(
        &self,
        project: ProjectId,
        service: &str,
    ) -> Result<Vec<(CollectorRow, Vec<Fact>)>, StoreError> {
        let service = service.to_owned();
        in_read!(self, |connection| async move {
            let collectors = sqlx::query(
                "SELECT c.schedule, c.name, c.rules, c.observed_at, c.observed_in, c.failure, c.last_run FROM collectors c \
                 JOIN schedules s ON s.id = c.schedule WHERE c.project = $1 AND c.service = $2 AND s.retired = 0 \
                 ORDER BY c.environment, c.name",
            )
            .bind(project.0)
            .bind(service)
            .fetch_all(&mut *connection)
            .await?;
            let mut all = Vec::with_capacity(collectors.len());
            for collector in &collectors {
                let schedule: Uuid = collector.try_get("schedule")?;
                let last: Observed = (collector.try_get("observed_at")?, collector.try_get("observed_in")?);
                let row = collector_of!(collector);
                let of = model::fact::Collection {
                    service: row.rules.service.clone(),
                    environment: row.rules.environment.clone(),
                    collector: row.name.clone(),
                    run: RunId(Uuid::nil()),
                    at: Timestamp::UNIX_EPOCH,
                    succeeded: false,
                    seen: std::collections::BTreeMap::new(),
                };
                let rows = sqlx::query("SELECT * FROM facts WHERE schedule = $1 ORDER BY target, key")
                    .bind(schedule)
                    .fetch_all(&mut *connection)
                    .await?;
                let mut facts = Vec::with_capacity(rows.len());
                for fact in &rows {
                    facts.push(fact_of!(fact, &of, last));
                }
                all.push((row, facts));
            }
            Ok(all)
        })
    }

    /// A collector of a project, by the name of its runbook.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn collector(
        &self,
        project: ProjectId,
        name: &str,
    ) -> Result<Option<CollectorRow>, StoreError> {
        let name = name.to_owned();
        in_read!(self, |connection| async move {
            let row = sqlx::query(
                "SELECT c.name, c.rules, c.observed_at, c.observed_in, c.failure, c.last_run FROM collectors c \
                 JOIN schedules s ON s.id = c.schedule WHERE c.project = $1 AND c.name = $2 AND s.retired = 0",
            )
            .bind(project.0)
            .bind(name)
            .fetch_optional(&mut *connection)
            .await?;
            row.map(|row| Ok(collector_of!(&row))).transpose()
        })
    }

    /// Changes of facts, newest first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn fact_changes(
        &self,
        project: ProjectId,
        filter: FactChangeFilter,
    ) -> Result<Vec<FactChange>, StoreError> {
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(
                "SELECT service, environment, target, key, at, value, previous, run FROM fact_changes WHERE project = ",
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
            select.push(" ORDER BY at DESC, target, key LIMIT ").push_bind(i64::from(filter.limit));
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(change_of!(row))).collect()
        })
    }

    /// The last change of each fact of a service in an environment up to a moment: so the facts were then, but for those that
    /// are gone in it.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn facts_at(
        &self,
        project: ProjectId,
        service: &str,
        environment: &str,
        moment: Timestamp,
    ) -> Result<Vec<FactChange>, StoreError> {
        let (service, environment) = (service.to_owned(), environment.to_owned());
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT service, environment, target, key, at, value, previous, run FROM fact_changes f \
                 WHERE project = $1 AND service = $2 AND environment = $3 AND at = (SELECT max(at) FROM fact_changes l \
                 WHERE l.project = f.project AND l.service = f.service AND l.environment = f.environment \
                 AND l.target = f.target AND l.key = f.key AND l.at <= $4) ORDER BY target, key",
            )
            .bind(project.0)
            .bind(service)
            .bind(environment)
            .bind(micros(moment))
            .fetch_all(&mut *connection)
            .await?;
            rows.iter().map(|row| Ok(change_of!(row))).collect()
        })
    }
}
