//! What a monitoring system asks for again and again: all of it in one read, and of services' facts not more than a bound.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use model::{health::Health, service::Service, watch::Collects};
use serde::Deserialize;
use sqlx::{Row, types::Json};

use crate::{Store, StoreError, definitions::compiled_form, engine::in_read, schedules::instant};

/// How everything is at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Monitored {
    /// Runs that have not ended, by state; not those of probes and collectors.
    pub runs: Vec<(String, u64)>,
    /// Steps that wait for a place.
    pub waiting_tasks: u64,
    pub services: Vec<MonitoredService>,
    pub probes: Vec<MonitoredProbe>,
    pub collectors: Vec<MonitoredCollector>,
    pub facts: Vec<MonitoredFact>,
    /// Facts beyond the bound.
    pub facts_left_out: u64,
}

/// Where something is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Whereabouts {
    pub project: String,
    pub service: String,
    pub environment: String,
}

/// A service in one of its environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitoredService {
    pub place: Whereabouts,
    pub health: Health,
    pub since: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitoredProbe {
    pub place: Whereabouts,
    pub name: String,
    /// When it was good or bad last.
    pub newest: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitoredCollector {
    pub place: Whereabouts,
    pub name: String,
    /// When it looked last with success.
    pub observed_at: Option<Timestamp>,
    /// Its newest run did not succeed.
    pub failed: bool,
}

/// A fact that is neither gone nor stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitoredFact {
    pub place: Whereabouts,
    pub collector: String,
    /// Empty for the service as a whole.
    pub target: String,
    pub key: String,
    pub value: String,
}

/// Of a service's health, what is asked for here.
#[derive(Deserialize)]
struct Said {
    health: Health,
    since: Option<Timestamp>,
}

/// Of what a probe has seen.
#[derive(Deserialize)]
struct Seen {
    newest: Option<Newest>,
}

#[derive(Deserialize)]
struct Newest {
    at: Timestamp,
}

/// Facts that are there, of collectors that are wanted.
const CURRENT: &str = "FROM collectors c JOIN schedules s ON s.id = c.schedule JOIN projects p ON p.id = c.project \
     JOIN facts f ON f.schedule = c.schedule WHERE s.retired = 0 AND f.gone = 0 ";

macro_rules! whereabouts {
    ($row:expr) => {
        Whereabouts {
            project: $row.try_get("project")?,
            service: $row.try_get("service")?,
            environment: $row.try_get("environment")?,
        }
    };
}

impl Store {
    /// How everything is now, with so many facts at most.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn monitored(&self, now: Timestamp, facts_most: u32) -> Result<Monitored, StoreError> {
        in_read!(self, |connection| async move {
            let mut monitored = Monitored::default();
            let count = |row: i64| u64::try_from(row).unwrap_or(0);
            let rows = sqlx::query(
                "SELECT r.state, count(*) AS runs FROM projects p CROSS JOIN runs r WHERE r.project = p.id \
                 AND r.background = 0 AND r.state IN ('queued', 'running', 'waiting', 'canceling') GROUP BY r.state",
            )
            .fetch_all(&mut *connection)
            .await?;
            for row in &rows {
                monitored.runs.push((row.try_get("state")?, count(row.try_get("runs")?)));
            }
            let row =
                sqlx::query("SELECT count(*) AS waiting FROM tasks").fetch_one(&mut *connection).await?;
            monitored.waiting_tasks = count(row.try_get("waiting")?);

            let rows = sqlx::query(
                "SELECT p.name AS project, h.service, h.environment, h.health FROM health h \
                 JOIN projects p ON p.id = h.project",
            )
            .fetch_all(&mut *connection)
            .await?;
            let mut said: HashMap<Whereabouts, Said> = HashMap::with_capacity(rows.len());
            for row in &rows {
                said.insert(whereabouts!(row), row.try_get::<Json<Said>, _>("health")?.0);
            }
            let rows = sqlx::query(
                "SELECT p.name AS project, d.digest, v.compiled, v.compiled_sha256 FROM definitions d \
                 JOIN versions v ON v.definition = d.id AND v.digest = d.digest JOIN projects p ON p.id = d.project \
                 WHERE d.retired_at IS NULL AND d.kind = 'Service' ORDER BY p.name, d.name",
            )
            .fetch_all(&mut *connection)
            .await?;
            for row in &rows {
                let compiled: String = row.try_get("compiled")?;
                let service: Service =
                    compiled_form(&compiled, row.try_get("compiled_sha256")?, row.try_get("digest")?)?;
                for environment in service.environments {
                    let project = row.try_get("project")?;
                    let place = Whereabouts { project, service: service.name.clone(), environment };
                    // What nobody has looked at is unknown (law 7), and has been since nobody knows when.
                    let (health, since) =
                        said.get(&place).map_or((Health::Unknown, None), |said| (said.health, said.since));
                    monitored.services.push(MonitoredService { place, health, since });
                }
            }

            let rows = sqlx::query(
                "SELECT p.name AS project, b.service, b.environment, b.name, b.watched FROM probes b \
                 JOIN projects p ON p.id = b.project ORDER BY p.name, b.service, b.environment, b.name",
            )
            .fetch_all(&mut *connection)
            .await?;
            for row in &rows {
                let seen: Json<Seen> = row.try_get("watched")?;
                let newest = seen.0.newest.map(|newest| newest.at);
                monitored.probes.push(MonitoredProbe {
                    place: whereabouts!(row),
                    name: row.try_get("name")?,
                    newest,
                });
            }
            let rows = sqlx::query(
                "SELECT p.name AS project, c.service, c.environment, c.name, c.observed_at, c.failure FROM collectors c \
                 JOIN schedules s ON s.id = c.schedule JOIN projects p ON p.id = c.project WHERE s.retired = 0 \
                 ORDER BY p.name, c.service, c.environment, c.name",
            )
            .fetch_all(&mut *connection)
            .await?;
            for row in &rows {
                monitored.collectors.push(MonitoredCollector {
                    place: whereabouts!(row),
                    name: row.try_get("name")?,
                    observed_at: row.try_get::<Option<i64>, _>("observed_at")?.map(instant).transpose()?,
                    failed: row.try_get::<Option<String>, _>("failure")?.is_some(),
                });
            }

            let mut select = sqlx::QueryBuilder::new(
                "SELECT p.name AS project, c.service, c.environment, c.name, c.rules, c.observed_at, f.target, f.key, \
                 f.value, f.observed_at AS seen_at ",
            );
            select
                .push(CURRENT)
                .push("ORDER BY p.name, c.service, c.environment, c.name, f.target, f.key LIMIT ");
            select.push_bind(i64::from(facts_most));
            let rows = select.build().fetch_all(&mut *connection).await?;
            for row in &rows {
                let rules: Json<Collects> = row.try_get("rules")?;
                let (seen, observed): (i64, Option<i64>) =
                    (row.try_get("seen_at")?, row.try_get("observed_at")?);
                let seen = instant(seen.max(observed.unwrap_or(seen)))?;
                let expire = i64::try_from(rules.0.expire_s).unwrap_or(i64::MAX);
                // What was seen too long ago is not how it is now.
                if now.duration_since(seen) > SignedDuration::from_secs(expire) {
                    continue;
                }
                monitored.facts.push(MonitoredFact {
                    place: whereabouts!(row),
                    collector: row.try_get("name")?,
                    target: row.try_get("target")?,
                    key: row.try_get("key")?,
                    value: row.try_get("value")?,
                });
            }
            if rows.len() as u64 >= u64::from(facts_most) {
                let mut select = sqlx::QueryBuilder::new("SELECT count(*) AS facts ");
                let row = select.push(CURRENT).build().fetch_one(&mut *connection).await?;
                monitored.facts_left_out = count(row.try_get("facts")?).saturating_sub(rows.len() as u64);
            }
            Ok(monitored)
        })
    }
}
