//! Events: written beside what they tell of, read in order.

use jiff::Timestamp;
use model::{
    event::Event,
    id::{EventId, PrincipalId, RunId, Uuid},
    run::{Run, RunEvent},
};
use serde_json::Value;
use sqlx::Row;

use crate::{Store, StoreError, engine::in_read};

/// An event about to be written: the envelope without what the store itself knows.
pub(crate) struct NewEvent {
    pub id: Uuid,
    pub at: Timestamp,
    pub kind: &'static str,
    pub principal: Option<Uuid>,
    pub project: Option<String>,
    pub service: Option<String>,
    pub environment: Option<String>,
    pub subject: String,
    pub run: Option<(Uuid, i64)>,
    pub correlation: Uuid,
    pub cause: Option<Uuid>,
    pub data: Value,
}

impl NewEvent {
    /// An event outside of runs, which begins a correlation of its own.
    pub(crate) fn standalone(
        kind: &'static str,
        at: Timestamp,
        principal: Option<PrincipalId>,
        project: Option<String>,
        subject: String,
        data: Value,
    ) -> Self {
        let id = Uuid::now_v7();
        let principal = principal.map(|id| id.0);
        Self {
            id,
            at,
            kind,
            principal,
            project,
            service: None,
            environment: None,
            subject,
            run: None,
            correlation: id,
            cause: None,
            data,
        }
    }

    /// The events of one transition of a run, which it had `before` of. Each is the cause of the next.
    pub(crate) fn of_run(
        run: &Run,
        before: u64,
        at: Timestamp,
        events: &[RunEvent],
    ) -> Result<Vec<Self>, StoreError> {
        let mut cause = None;
        let mut sequence = i64::try_from(before).unwrap_or(i64::MAX);
        let mut written = Vec::with_capacity(events.len());
        for event in events {
            let tagged =
                serde_json::to_value(event).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            if has_nul(&tagged) {
                return Err(StoreError::HasNul);
            }
            let id = Uuid::now_v7();
            let step = event.step().and_then(|place| run.steps.get(usize::try_from(place).ok()?));
            sequence += 1;
            written.push(Self {
                id,
                at,
                kind: event.kind(),
                principal: event.by().map(|by| by.id.0),
                project: Some(run.project.clone()),
                service: run.service.clone(),
                environment: run.environment.clone(),
                subject: match step {
                    Some(step) => format!("run/{}/step/{}", run.id, step.path),
                    None => format!("run/{}", run.id),
                },
                run: Some((run.id.0, sequence)),
                correlation: run.id.0,
                cause,
                data: tagged.get("data").cloned().unwrap_or(Value::Null),
            });
            cause = Some(id);
        }
        Ok(written)
    }
}

/// Does a text in it hold a NUL, which PostgreSQL cannot keep?
pub(crate) fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(entries) => entries.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Most events in one statement: both engines bound the number of values.
pub(crate) const TOGETHER: usize = 256;

/// Add the statement that writes these events to a query.
macro_rules! push_events {
    ($query:expr, $events:expr, $recorded_at:expr) => {{
        $query.push(
            "INSERT INTO events (id, at, recorded_at, type, principal, acting_team, requesting_team, project, \
             service, environment, subject, run, run_seq, correlation, cause, data) ",
        );
        $query.push_values($events, |mut row, event: $crate::events::NewEvent| {
            let none: Option<String> = None;
            row.push_bind(event.id)
                .push_bind(jiff_sqlx::ToSqlx::to_sqlx(event.at))
                .push_bind(jiff_sqlx::ToSqlx::to_sqlx($recorded_at))
                .push_bind(event.kind)
                .push_bind(event.principal)
                .push_bind(none.clone())
                .push_bind(none)
                .push_bind(event.project)
                .push_bind(event.service)
                .push_bind(event.environment)
                .push_bind(event.subject)
                .push_bind(event.run.map(|(run, _)| run))
                .push_bind(event.run.map(|(_, sequence)| sequence))
                .push_bind(event.correlation)
                .push_bind(event.cause)
                .push_bind(sqlx::types::Json(event.data));
        });
    }};
}

/// Write events on a connection of either engine.
macro_rules! insert_events {
    ($connection:expr, $events:expr) => {{
        let recorded_at = $crate::engine::to_microsecond(jiff::Timestamp::now());
        let mut events = std::collections::VecDeque::from($events);
        while !events.is_empty() {
            // Both engines bound the number of values in one statement.
            let some = events.drain(..events.len().min($crate::events::TOGETHER)).collect::<Vec<_>>();
            let mut insert = sqlx::QueryBuilder::new("");
            $crate::events::push_events!(insert, some, recorded_at);
            insert.build().execute(&mut *$connection).await?;
        }
    }};
}

pub(crate) use {insert_events, push_events};

/// An event from a row of either engine.
macro_rules! event_of {
    ($row:expr) => {{
        let row = $row;
        let at: jiff_sqlx::Timestamp = row.try_get("at")?;
        let recorded_at: jiff_sqlx::Timestamp = row.try_get("recorded_at")?;
        let data: sqlx::types::Json<Value> = row.try_get("data")?;
        Event {
            id: EventId(row.try_get("id")?),
            at: at.to_jiff(),
            recorded_at: recorded_at.to_jiff(),
            kind: row.try_get("type")?,
            principal: row.try_get::<Option<Uuid>, _>("principal")?.map(PrincipalId),
            acting_team: row.try_get("acting_team")?,
            requesting_team: row.try_get("requesting_team")?,
            project: row.try_get("project")?,
            service: row.try_get("service")?,
            environment: row.try_get("environment")?,
            subject: row.try_get("subject")?,
            run: row.try_get::<Option<Uuid>, _>("run")?.map(RunId),
            correlation: row.try_get("correlation")?,
            cause: row.try_get::<Option<Uuid>, _>("cause")?.map(EventId),
            data: data.0,
        }
    }};
}

impl Store {
    /// The events of a run, in order.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn run_events(&self, run: RunId) -> Result<Vec<Event>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query("SELECT * FROM events WHERE run = $1 ORDER BY run_seq")
                .bind(run.0)
                .fetch_all(&mut *connection)
                .await?;
            rows.iter().map(|row| Ok(event_of!(row))).collect()
        })
    }

    /// The newest events of the platform and its projects, newest first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn newest_events(&self, limit: u32) -> Result<Vec<Event>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query("SELECT * FROM events ORDER BY id DESC LIMIT $1")
                .bind(i64::from(limit))
                .fetch_all(&mut *connection)
                .await?;
            rows.iter().map(|row| Ok(event_of!(row))).collect()
        })
    }
}
