//! What probes and collectors saw becomes slices, health and facts, and of their runs only those are kept that tell something:
//! failures, changes of result, and the newest of each. All of one run in one transaction.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use model::{
    fact::{self, Change, Collection, Fact},
    health::{Evidence, Health, Outcome, Rules, ServiceHealth, Slice, Watched, service_health},
    id::{PrincipalId, RunId, ScheduleId, Uuid},
    run::{Branch, Run},
    watch::{Collects, Probe},
};
use serde_json::json;
use sqlx::{Row, types::Json};

use crate::{
    Store, StoreError,
    engine::{in_read, in_write, to_microsecond},
    events::{NewEvent, insert_events},
    facts::fact_of,
    moving::micros,
    retention::CHANGES_OF_A_FACT,
    schedules::instant,
};

/// Runs of one stretch of failures that are kept whole, beside the newest.
const FAILURES_KEPT: i64 = 50;
/// Changed facts that one event names.
const NAMED: usize = 100;

const PROBE: &str = "SELECT project, service, environment, rules, watched FROM probes WHERE schedule = $1";

/// What came of a run that observed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TakenIn {
    /// Whose health changed, and how.
    pub health: Option<HealthChanged>,
    /// The service and environment that it looked at.
    pub of: Option<(String, String)>,
    /// Some facts are not as they were.
    pub facts_changed: bool,
    /// The collector began to fail, or fails no more.
    pub failing_changed: bool,
    /// What it saw says nothing any more right after this, if nothing is seen until then.
    pub stale_at: Option<Timestamp>,
    /// This run is gone from the store: its output may go.
    pub pruned: Option<RunId>,
}

/// A service's health became another.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthChanged {
    pub project: String,
    pub service: String,
    pub environment: String,
    pub before: Health,
    pub health: ServiceHealth,
}

/// Remove all of a run but its output.
macro_rules! delete_run {
    ($context:expr, $connection:expr, $run:expr) => {{
        let run: Uuid = $run;
        for delete in [
            "DELETE FROM events WHERE run = $1",
            "DELETE FROM run_steps WHERE run = $1",
            "DELETE FROM run_plans WHERE run = $1",
            "DELETE FROM tasks WHERE run = $1",
            "DELETE FROM locks WHERE run = $1",
            "DELETE FROM sealed WHERE run = $1",
            "DELETE FROM runs WHERE id = $1",
        ] {
            sqlx::query(delete).bind(run).execute(&mut *$connection).await?;
        }
        $context.cache.forget(RunId(run));
    }};
}

/// What all probes of a service in an environment say at a moment.
macro_rules! evidence {
    ($connection:expr, $project:expr, $service:expr, $environment:expr, $now:expr) => {{
        let rows = sqlx::query(
            "SELECT name, rules, watched, blind FROM probes WHERE project = $1 AND service = $2 AND environment = $3",
        )
        .bind($project)
        .bind($service.clone())
        .bind($environment.clone())
        .fetch_all(&mut *$connection)
        .await?;
        let mut evidence = Vec::with_capacity(rows.len());
        for row in &rows {
            let (rules, watched): (Json<Probe>, Json<Watched>) = (row.try_get("rules")?, row.try_get("watched")?);
            let name: String = row.try_get("name")?;
            let blind: Option<String> = row.try_get("blind")?;
            evidence.push(said(&name, &watched.0, &rules.0, blind, $now));
        }
        evidence
    }};
}

/// What a probe says, and why it says nothing.
pub(crate) fn said(
    name: &str,
    watched: &Watched,
    probe: &Probe,
    blind: Option<String>,
    now: Timestamp,
) -> Evidence {
    let mut evidence = Evidence::of(name, watched, Rules::from(probe), now);
    if let (Health::Stale | Health::Unknown, Some(blind)) = (evidence.health, blind) {
        evidence.why = format!("{} It could not look: {blind}", evidence.why);
    }
    evidence
}

/// Look again how a service is in an environment, and keep it. Answers whether its health is another.
macro_rules! refresh_health {
    ($connection:expr, $project:expr, $project_name:expr, $service:expr, $environment:expr, $now:expr, $by:expr) => {{
        let (project, now): (Uuid, Timestamp) = ($project, $now);
        let (project_name, service, environment): (String, String, String) = ($project_name, $service, $environment);
        let evidence = evidence!($connection, project, service, environment, now);
        let row = sqlx::query(
            "SELECT health FROM health WHERE project = $1 AND service = $2 AND environment = $3",
        )
        .bind(project)
        .bind(service.clone())
        .bind(environment.clone())
        .fetch_optional(&mut *$connection)
        .await?;
        let before: Option<ServiceHealth> = match row {
            Some(row) => Some(row.try_get::<Json<ServiceHealth>, _>("health")?.0),
            None => None,
        };
        let unwatched = evidence.is_empty();
        let after = service_health(evidence, before.as_ref());
        let was = before.as_ref().map_or(Health::Unknown, |before| before.health);
        if unwatched && before.is_none() {
            None
        } else {
            if before.as_ref() != Some(&after) {
                sqlx::query(
                    "INSERT INTO health (project, service, environment, health) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (project, service, environment) DO UPDATE SET health = excluded.health",
                )
                .bind(project)
                .bind(service.clone())
                .bind(environment.clone())
                .bind(Json(after.clone()))
                .execute(&mut *$connection)
                .await?;
            }
            if after.health == was {
                None
            } else {
                // Two changes never have one moment: the later one is kept a microsecond after the other.
                let row = sqlx::query(
                    "SELECT max(at) AS last FROM health_changes WHERE project = $1 AND service = $2 AND environment = $3",
                )
                .bind(project)
                .bind(service.clone())
                .bind(environment.clone())
                .fetch_one(&mut *$connection)
                .await?;
                let last: Option<i64> = row.try_get("last")?;
                let at = last.map_or(micros(now), |last| micros(now).max(last + 1));
                sqlx::query(
                    "INSERT INTO health_changes (project, service, environment, at, before, health) \
                     VALUES ($1, $2, $3, $4, $5, $6)",
                )
                .bind(project)
                .bind(service.clone())
                .bind(environment.clone())
                .bind(at)
                .bind(was.name())
                .bind(Json(after.clone()))
                .execute(&mut *$connection)
                .await?;
                let mut event = NewEvent::standalone(
                    "health.changed",
                    now,
                    $by,
                    Some(project_name.clone()),
                    format!("service/{service}"),
                    json!({"from": was, "to": after.health, "cause": after.cause}),
                );
                event.service = Some(service.clone());
                event.environment = Some(environment.clone());
                insert_events!($connection, vec![event]);
                Some(HealthChanged { project: project_name, service, environment, before: was, health: after })
            }
        }
    }};
}

pub(crate) use refresh_health;

/// Add what a probe says, or that it could not look, to what is known of it; `$row` is of the probe. Answers whether a service's
/// health is another now, which run is not kept any more, and when the probe has said nothing for too long.
macro_rules! take_slice {
    ($context:expr, $connection:expr, $schedule:expr, $row:expr, $project_name:expr, $at:expr, $run:expr, $outcome:expr,
     $now:expr) => {{
        let (schedule, at, now): (Uuid, Timestamp, Timestamp) = ($schedule, $at, $now);
        let (run, outcome): (Option<Uuid>, &Outcome) = ($run, $outcome);
        let row = $row;
        let (rules, watched): (Json<Probe>, Json<Watched>) = (row.try_get("rules")?, row.try_get("watched")?);
        let rules = Rules::from(&rules.0);
        let (mut watched, mut blind) = (watched.0, None);
        match outcome {
            Outcome::NoSample { why } => blind = Some(why.clone()),
            sample => {
                let why = sample.why().map(str::to_owned);
                watched = watched.with(Slice { at, good: *sample == Outcome::Good, run: run.map(RunId), why }, rules);
            }
        }
        let stale_at = watched.stale_at(rules).filter(|stale| *stale >= now);
        sqlx::query("UPDATE probes SET watched = $1, blind = $2, stale_at = $3 WHERE schedule = $4")
            .bind(Json(watched))
            .bind(blind)
            .bind(stale_at.map(micros))
            .bind(schedule)
            .execute(&mut *$connection)
            .await?;

        let last = sqlx::query(
            "SELECT from_at, to_at, outcome, count, first_run, last_run FROM slices WHERE schedule = $1 \
             ORDER BY from_at DESC LIMIT 1",
        )
        .bind(schedule)
        .fetch_optional(&mut *$connection)
        .await?;
        let mut pruned = None;
        let mut extended = false;
        if let Some(last) = last {
            let (from, to): (i64, i64) = (last.try_get("from_at")?, last.try_get("to_at")?);
            let said: String = last.try_get("outcome")?;
            let gap = at.duration_since(instant(to)?) > rules.stale_after;
            // What comes late lies within what is known already.
            if at <= instant(to)? || (said == outcome.name() && !gap) {
                extended = true;
                let count: i64 = last.try_get("count")?;
                let (first, newest): (Option<Uuid>, Option<Uuid>) =
                    (last.try_get("first_run")?, last.try_get("last_run")?);
                sqlx::query(
                    "UPDATE slices SET to_at = $1, count = count + 1, last_run = coalesce($2, last_run), why = $3 \
                     WHERE schedule = $4 AND from_at = $5",
                )
                .bind(micros(at).max(to))
                .bind(run)
                .bind(outcome.why().map(str::to_owned))
                .bind(schedule)
                .bind(from)
                .execute(&mut *$connection)
                .await?;
                let tells = *outcome != Outcome::Good && count <= FAILURES_KEPT;
                if let Some(newest) = newest.filter(|newest| Some(*newest) != first && !tells && run.is_some()) {
                    delete_run!($context, $connection, newest);
                    pruned = Some(RunId(newest));
                }
            }
        }
        if !extended {
            sqlx::query(
                "INSERT INTO slices (schedule, from_at, to_at, outcome, count, first_run, last_run, why) \
                 VALUES ($1, $2, $3, $4, 1, $5, $6, $7)",
            )
            .bind(schedule)
            .bind(micros(at))
            .bind(micros(at))
            .bind(outcome.name())
            .bind(run)
            .bind(run)
            .bind(outcome.why().map(str::to_owned))
            .execute(&mut *$connection)
            .await?;
        }
        let changed = refresh_health!(
            $connection,
            row.try_get("project")?,
            $project_name,
            row.try_get("service")?,
            row.try_get("environment")?,
            now,
            Some(PrincipalId(schedule))
        );
        (changed, pruned, stale_at)
    }};
}

impl Store {
    /// Runs of probes and collectors that have ended and were not taken in.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn ended_observations(&self, limit: u32) -> Result<Vec<RunId>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT o.run FROM observing o JOIN runs r ON r.id = o.run WHERE r.finished_at IS NOT NULL LIMIT $1",
            )
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await?;
            rows.iter().map(|row| Ok(RunId(row.try_get("run")?))).collect()
        })
    }

    /// Take in what a run of a probe or collector saw, which has ended. What was taken in before changes nothing.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn take_in(&self, run: &Run, outcome: Outcome, now: Timestamp) -> Result<TakenIn, StoreError> {
        let now = to_microsecond(now);
        let at = to_microsecond(run.finished_at.unwrap_or(now));
        let (id, project_name) = (run.id, run.project.clone());
        let seen = seen(run);
        let context = Arc::clone(&self.context);
        in_write!(self, |connection| async move {
            let context = &*context;
            let row = sqlx::query("DELETE FROM observing WHERE run = $1 RETURNING schedule")
                .bind(id.0)
                .fetch_optional(&mut *connection)
                .await?;
            let Some(row) = row else { return Ok(TakenIn::default()) };
            let schedule: Uuid = row.try_get("schedule")?;
            let by = Some(PrincipalId(schedule));
            let mut taken = TakenIn::default();

            let probe = sqlx::query(PROBE).bind(schedule).fetch_optional(&mut *connection).await?;
            if let Some(row) = probe {
                taken.of = Some((row.try_get("service")?, row.try_get("environment")?));
                let (changed, pruned, stale_at) = take_slice!(
                    context,
                    connection,
                    schedule,
                    row,
                    project_name.clone(),
                    at,
                    Some(id.0),
                    &outcome,
                    now
                );
                (taken.health, taken.pruned, taken.stale_at) = (changed, pruned, stale_at);
            }

            let collector = sqlx::query(
                "SELECT project, service, environment, name, rules, observed_at, observed_in, failures, last_run, keeps \
                 FROM collectors WHERE schedule = $1",
            )
            .bind(schedule)
            .fetch_optional(&mut *connection)
            .await?;
            if let Some(row) = collector {
                let project: Uuid = row.try_get("project")?;
                let collection = Collection {
                    service: row.try_get("service")?,
                    environment: row.try_get("environment")?,
                    collector: row.try_get("name")?,
                    run: id,
                    at,
                    succeeded: outcome == Outcome::Good,
                    seen,
                };
                let rules: Json<Collects> = row.try_get("rules")?;
                taken.of = Some((collection.service.clone(), collection.environment.clone()));
                taken.stale_at = rules.0.stale_at(at);
                let last = (row.try_get("observed_at")?, row.try_get("observed_in")?);
                let rows = sqlx::query("SELECT * FROM facts WHERE schedule = $1")
                    .bind(schedule)
                    .fetch_all(&mut *connection)
                    .await?;
                let mut current: Vec<Fact> = Vec::with_capacity(rows.len());
                for row in &rows {
                    current.push(fact_of!(row, &collection, last));
                }
                let mut changes = Vec::new();
                for (fact, change) in fact::fold(&current, &collection) {
                    // As it was, by a collection that saw all: it says so for each of its facts.
                    if change == Change::Same && collection.succeeded {
                        continue;
                    }
                    let target = fact.target.clone().unwrap_or_default();
                    let changed = change != Change::Same;
                    let stored = sqlx::query(
                        "INSERT INTO facts (schedule, target, key, value, observed_at, changed_at, run, previous, gone, \
                         changes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
                         ON CONFLICT (schedule, target, key) DO UPDATE SET value = excluded.value, \
                         observed_at = excluded.observed_at, changed_at = excluded.changed_at, run = excluded.run, \
                         previous = excluded.previous, gone = excluded.gone, changes = facts.changes + excluded.changes \
                         RETURNING changes",
                    )
                    .bind(schedule)
                    .bind(target.clone())
                    .bind(fact.key.clone())
                    .bind(fact.value.clone())
                    .bind(micros(fact.observed_at))
                    .bind(micros(fact.changed_at))
                    .bind(fact.run.0)
                    .bind(fact.previous.clone())
                    .bind(i64::from(fact.gone))
                    .bind(i64::from(changed))
                    .fetch_one(&mut *connection)
                    .await?;
                    if !changed {
                        continue;
                    }
                    let changes_kept: i64 = stored.try_get("changes")?;
                    let value = (!fact.gone).then(|| fact.value.clone());
                    let previous = if fact.gone { Some(fact.value) } else { fact.previous };
                    if changes.len() < NAMED {
                        changes.push(json!({"target": fact.target, "key": fact.key, "change": change}));
                    }
                    taken.facts_changed = true;
                    sqlx::query(
                        "INSERT INTO fact_changes (project, service, environment, target, key, at, value, previous, run, \
                         schedule) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
                    )
                    .bind(project)
                    .bind(collection.service.clone())
                    .bind(collection.environment.clone())
                    .bind(target.clone())
                    .bind(fact.key.clone())
                    .bind(micros(at))
                    .bind(value)
                    .bind(previous)
                    .bind(id.0)
                    .bind(schedule)
                    .execute(&mut *connection)
                    .await?;
                    // What changes whenever somebody looks does not push out what others remember.
                    if changes_kept >= CHANGES_OF_A_FACT + CHANGES_OF_A_FACT / 10 {
                        sqlx::query(
                            "DELETE FROM fact_changes WHERE project = $1 AND service = $2 AND environment = $3 \
                             AND target = $4 AND key = $5 AND at <= (SELECT at FROM fact_changes WHERE project = $1 \
                             AND service = $2 AND environment = $3 AND target = $4 AND key = $5 \
                             ORDER BY at DESC LIMIT 1 OFFSET $6)",
                        )
                        .bind(project)
                        .bind(collection.service.clone())
                        .bind(collection.environment.clone())
                        .bind(target.clone())
                        .bind(fact.key.clone())
                        .bind(CHANGES_OF_A_FACT)
                        .execute(&mut *connection)
                        .await?;
                        sqlx::query(
                            "UPDATE facts SET changes = $1 WHERE schedule = $2 AND target = $3 AND key = $4",
                        )
                        .bind(CHANGES_OF_A_FACT)
                        .bind(schedule)
                        .bind(target)
                        .bind(fact.key)
                        .execute(&mut *connection)
                        .await?;
                    }
                }
                if taken.facts_changed {
                    let mut event = NewEvent::standalone(
                        "fact.changed",
                        now,
                        by,
                        Some(project_name),
                        format!("service/{}", collection.service),
                        json!({"collector": collection.collector, "run": id, "changes": changes}),
                    );
                    event.service = Some(collection.service.clone());
                    event.environment = Some(collection.environment.clone());
                    insert_events!(connection, vec![event]);
                }
                let failed: i64 = row.try_get("failures")?;
                let failures = if collection.succeeded { 0 } else { failed + 1 };
                taken.failing_changed = (failures > 0) != (failed > 0);
                let tells = taken.facts_changed || (failures > 0 && failures <= FAILURES_KEPT);
                let (last, keeps): (Option<Uuid>, i64) = (row.try_get("last_run")?, row.try_get("keeps")?);
                if let Some(last) = last.filter(|_| keeps == 0) {
                    delete_run!(context, connection, last);
                    taken.pruned = Some(RunId(last));
                }
                let mut update = sqlx::QueryBuilder::new("UPDATE collectors SET last_run = ");
                update.push_bind(id.0).push(", keeps = ").push_bind(i64::from(tells));
                update.push(", failures = ").push_bind(failures);
                update.push(", failure = ").push_bind(outcome.why().map(str::to_owned));
                if collection.succeeded {
                    update.push(", observed_at = ").push_bind(micros(at));
                    update.push(", observed_in = ").push_bind(id.0);
                }
                update.push(" WHERE schedule = ").push_bind(schedule);
                update.build().execute(&mut *connection).await?;
            }
            Ok(taken)
        })
    }

    /// Take in that a probe or collector could not look at all: no run of it was started.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn did_not_look(
        &self,
        schedule: ScheduleId,
        project_name: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<TakenIn, StoreError> {
        let now = to_microsecond(now);
        let (project_name, why) = (project_name.to_owned(), why.to_owned());
        let context = Arc::clone(&self.context);
        in_write!(self, |connection| async move {
            let context = &*context;
            let mut taken = TakenIn::default();
            let collector = sqlx::query(
                "UPDATE collectors SET failure = $1 WHERE schedule = $2 AND failure IS DISTINCT FROM $1 RETURNING service, environment",
            )
            .bind(why.clone())
            .bind(schedule.0)
            .fetch_optional(&mut *connection)
            .await?;
            if let Some(row) = collector {
                taken.of = Some((row.try_get("service")?, row.try_get("environment")?));
                taken.failing_changed = true;
            }
            let probe = sqlx::query(PROBE).bind(schedule.0).fetch_optional(&mut *connection).await?;
            let Some(row) = probe else { return Ok(taken) };
            let outcome = Outcome::NoSample { why };
            let (changed, _, stale_at) =
                take_slice!(context, connection, schedule.0, row, project_name, now, None, &outcome, now);
            (taken.health, taken.stale_at) = (changed, stale_at);
            Ok(taken)
        })
    }

    /// Take in that probes have said nothing for too long by now. Answers whose health changed.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn take_in_silence(&self, now: Timestamp) -> Result<Vec<HealthChanged>, StoreError> {
        let now = to_microsecond(now);
        in_write!(self, |connection| async move {
            let rows = sqlx::query(
                "UPDATE probes SET stale_at = NULL WHERE stale_at < $1 RETURNING project, service, environment, schedule",
            )
            .bind(micros(now))
            .fetch_all(&mut *connection)
            .await?;
            let mut silent: BTreeMap<(Uuid, String, String), Uuid> = BTreeMap::new();
            for row in &rows {
                let of = (row.try_get("project")?, row.try_get("service")?, row.try_get("environment")?);
                silent.insert(of, row.try_get("schedule")?);
            }
            let mut changed = Vec::new();
            for ((project, service, environment), schedule) in silent {
                let row = sqlx::query("SELECT name FROM projects WHERE id = $1")
                    .bind(project)
                    .fetch_one(&mut *connection)
                    .await?;
                let by = Some(PrincipalId(schedule));
                let name: String = row.try_get("name")?;
                changed.extend(refresh_health!(connection, project, name, service, environment, now, by));
            }
            Ok(changed)
        })
    }

    /// When the next probe has said nothing for too long, if it stays silent.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn next_silence(&self) -> Result<Option<Timestamp>, StoreError> {
        in_read!(self, |connection| async move {
            let row = sqlx::query("SELECT min(stale_at) AS next FROM probes WHERE stale_at IS NOT NULL")
                .fetch_one(&mut *connection)
                .await?;
            row.try_get::<Option<i64>, _>("next")?.map(instant).transpose()
        })
    }
}

/// What the steps of a collector observed, by target.
fn seen(run: &Run) -> BTreeMap<fact::Place, String> {
    let mut seen = BTreeMap::new();
    for (place, step) in run.steps.iter().enumerate() {
        let target = target_of(run, place);
        for (key, value) in &step.facts {
            seen.insert((target.clone(), key.clone()), value.clone());
        }
    }
    seen
}

/// The target that a step acts on: its own, or that of what is around it.
fn target_of(run: &Run, place: usize) -> Option<String> {
    let mut step = run.steps.get(place);
    while let Some(inner) = step {
        if let Some(Branch::Target(target)) = &inner.branch {
            return Some(target.name.clone());
        }
        step = inner.parent.and_then(|parent| run.steps.get(usize::try_from(parent).ok()?));
    }
    None
}

/// Rules of what watches, as a definition says them now.
#[derive(Clone, Debug, PartialEq)]
pub enum Watch {
    Probe(Probe),
    Collects(Collects),
}

/// Keep the rules of what watches in line with its definition. Another service, environment or rule begins anew.
macro_rules! watch {
    ($connection:expr, $schedule:expr, $project:expr, $name:expr, $watch:expr) => {{
        let (schedule, project): (Uuid, Uuid) = ($schedule, $project);
        match $watch {
            $crate::observing::Watch::Probe(probe) => {
                sqlx::query(
                    "INSERT INTO probes (schedule, project, service, environment, name, rules, watched) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (schedule) DO UPDATE SET \
                     service = excluded.service, environment = excluded.environment, rules = excluded.rules, \
                     watched = CASE WHEN probes.service = excluded.service AND probes.environment = excluded.environment \
                     THEN probes.watched ELSE excluded.watched END",
                )
                .bind(schedule)
                .bind(project)
                .bind(probe.service.clone())
                .bind(probe.environment.clone())
                .bind($name)
                .bind(Json(probe))
                .bind(Json(model::health::Watched::default()))
                .execute(&mut *$connection)
                .await?;
            }
            $crate::observing::Watch::Collects(collects) => {
                sqlx::query(
                    "INSERT INTO collectors (schedule, project, service, environment, name, rules, failures, keeps) \
                     VALUES ($1, $2, $3, $4, $5, $6, 0, 1) ON CONFLICT (schedule) DO UPDATE SET \
                     service = excluded.service, environment = excluded.environment, rules = excluded.rules",
                )
                .bind(schedule)
                .bind(project)
                .bind(collects.service.clone())
                .bind(collects.environment.clone())
                .bind($name)
                .bind(Json(collects))
                .execute(&mut *$connection)
                .await?;
            }
        }
    }};
}

pub(crate) use {delete_run, evidence, watch};
