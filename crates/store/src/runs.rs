//! Runs: rows are projections, events are what happened. Both change in one transaction with the tasks.

use jiff::Timestamp;
use model::{
    api::RunView,
    id::{ProjectId, RunId},
    run::{Requested, Run, RunEffect, RunEvent, RunState, Transition, transition},
};
use sqlx::{Row, types::Json};

use crate::{
    Answered, Key, Store, StoreError,
    dialect::dialect,
    engine::{in_read, in_write, to_microsecond},
    events::{NewEvent, insert_events},
    idempotency::claim_key,
    tasks::apply_effects,
};

/// Which runs a list shows.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub runbook: Option<String>,
    /// Any of these; empty means all.
    pub states: Vec<RunState>,
    /// Only those asked for before this one.
    pub after: Option<RunId>,
    pub limit: u32,
}

/// A run after a transition.
#[derive(Clone, Debug, PartialEq)]
pub struct Advanced {
    pub run: Run,
    pub effects: Vec<RunEffect>,
}

/// Keep a transition on a connection of either engine: the run's row, its events, its tasks.
macro_rules! keep_transition {
    ($connection:expr, $before:expr, $at:expr, $transition:expr) => {{
        let before: &model::run::Run = &$before;
        let transition: &model::run::Transition = $transition;
        let run = &transition.run;
        let events = NewEvent::of_run(run, before.revision, $at, &transition.events)?;
        let updated = sqlx::query(
            "UPDATE runs SET state = $1, revision = $2, run = $3 WHERE id = $4 AND revision = $5",
        )
        .bind(run.state.name())
        .bind(i64::try_from(run.revision).unwrap_or(i64::MAX))
        .bind(Json(run))
        .bind(run.id.0)
        .bind(i64::try_from(before.revision).unwrap_or(i64::MAX))
        .execute(&mut *$connection)
        .await?;
        if updated.rows_affected() != 1 {
            return Err(StoreError::Corrupt(format!(
                "run {} is not at revision {}",
                run.id, before.revision
            )));
        }
        insert_events!($connection, events);
        apply_effects!($connection, run.id.0, $at, &transition.effects, before.next_step().is_some());
    }};
}

pub(crate) use keep_transition;

impl Store {
    /// Store a new run and queue its first task. With a key that came before, nothing happens and the first answer comes
    /// again.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] if the key came with another body, [`StoreError::HasNul`].
    pub async fn request_run(
        &self,
        project: ProjectId,
        requested: Requested,
        at: Timestamp,
        key: Option<Key>,
    ) -> Result<Answered<RunView>, StoreError> {
        self.store_new(project, requested, at, key, false).await
    }

    /// As [`Store::request_run`], for a caller whose runner has a place free: the start of the first step is stored in the
    /// same transaction, and nothing is queued. Unless the answer is replayed, the caller must perform that step.
    ///
    /// # Errors
    /// As [`Store::request_run`].
    pub async fn start_run(
        &self,
        project: ProjectId,
        requested: Requested,
        at: Timestamp,
        key: Option<Key>,
    ) -> Result<Answered<RunView>, StoreError> {
        self.store_new(project, requested, at, key, true).await
    }

    async fn store_new(
        &self,
        project: ProjectId,
        requested: Requested,
        at: Timestamp,
        key: Option<Key>,
        go_on: bool,
    ) -> Result<Answered<RunView>, StoreError> {
        let at = to_microsecond(at);
        let begun = advance(None, at, RunEvent::Requested(Box::new(requested)), go_on)?;
        let events = NewEvent::of_run(&begun.run, 0, at, &begun.events)?;
        in_write!(self, |connection| async move {
            let answer = RunView::new(begun.run.clone(), None);
            if let Some(key) = &key {
                let before: Option<RunView> = claim_key!(connection, key, &answer);
                if let Some(answer) = before {
                    return Ok(Answered { answer, replayed: true });
                }
            }
            let run = &begun.run;
            sqlx::query(
                "INSERT INTO runs (id, project, runbook, digest, state, revision, run) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(run.id.0)
            .bind(project.0)
            .bind(run.runbook.clone())
            .bind(run.digest.as_str())
            .bind(run.state.name())
            .bind(i64::try_from(run.revision).unwrap_or(i64::MAX))
            .bind(Json(run))
            .execute(&mut *connection)
            .await?;
            insert_events!(connection, events);
            apply_effects!(connection, run.id.0, at, &begun.effects, false);
            Ok(Answered { answer, replayed: false })
        })
    }

    /// Take an event into a run: its row, events and tasks change together. With `go_on`, the task that becomes ready is
    /// started in the same transaction, for the runner that just came free.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the event cannot happen now.
    pub async fn advance(
        &self,
        id: RunId,
        at: Timestamp,
        event: RunEvent,
        go_on: bool,
    ) -> Result<Advanced, StoreError> {
        let at = to_microsecond(at);
        in_write!(self, |connection| async move {
            let row = sqlx::query(dialect(&*connection).run_for_update)
                .bind(id.0)
                .fetch_optional(&mut *connection)
                .await?
                .ok_or(StoreError::NotFound("run"))?;
            let run: Json<Run> = row.try_get("run")?;
            let moved = advance(Some(&run.0), at, event, go_on)?;
            keep_transition!(connection, run.0, at, &moved);
            Ok(Advanced { run: moved.run, effects: moved.effects })
        })
    }

    /// As [`Store::advance`], for a call with a key.
    ///
    /// # Errors
    /// [`StoreError::Refused`], [`StoreError::KeyReused`].
    pub async fn advance_once(
        &self,
        id: RunId,
        at: Timestamp,
        event: RunEvent,
        key: Key,
    ) -> Result<Answered<(RunView, Vec<RunEffect>)>, StoreError> {
        let at = to_microsecond(at);
        in_write!(self, |connection| async move {
            let row = sqlx::query(dialect(&*connection).run_for_update)
                .bind(id.0)
                .fetch_optional(&mut *connection)
                .await?
                .ok_or(StoreError::NotFound("run"))?;
            let run: Json<Run> = row.try_get("run")?;
            let moved = advance(Some(&run.0), at, event, false);
            let view = moved.as_ref().map(|moved| RunView::new(moved.run.clone(), None)).ok();
            let before: Option<Option<RunView>> = claim_key!(connection, &key, &view);
            match before {
                Some(Some(answer)) => return Ok(Answered { answer: (answer, Vec::new()), replayed: true }),
                Some(None) => return Err(StoreError::Corrupt("a kept answer is empty".into())),
                None => {}
            }
            // A refusal takes the key back with the transaction: the call may come again.
            let moved = moved?;
            keep_transition!(connection, run.0, at, &moved);
            let answer = RunView::new(moved.run, None);
            Ok(Answered { answer: (answer, moved.effects), replayed: false })
        })
    }

    /// A run of this project.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn run(&self, project: &str, id: RunId) -> Result<Option<Run>, StoreError> {
        let project = project.to_owned();
        in_read!(self, |connection| async move {
            let row = sqlx::query("SELECT r.run FROM runs r JOIN projects p ON p.id = r.project WHERE r.id = $1 AND p.name = $2")
                .bind(id.0)
                .bind(project)
                .fetch_optional(&mut *connection)
                .await?;
            let Some(row) = row else { return Ok(None) };
            let run: Json<Run> = row.try_get("run")?;
            Ok(Some(run.0))
        })
    }

    /// Runs of a project, newest first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn runs(&self, project: &str, filter: RunFilter) -> Result<Vec<Run>, StoreError> {
        let project = project.to_owned();
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new(
                "SELECT run FROM runs WHERE project = (SELECT id FROM projects WHERE name = ",
            );
            select.push_bind(project).push(")");
            if let Some(runbook) = filter.runbook {
                select.push(" AND runbook = ").push_bind(runbook);
            }
            if !filter.states.is_empty() {
                select.push(" AND state IN (");
                let mut states = select.separated(", ");
                for state in filter.states {
                    states.push_bind(state.name());
                }
                select.push(")");
            }
            if let Some(after) = filter.after {
                select.push(" AND id < ").push_bind(after.0);
            }
            select.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(filter.limit));
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(row.try_get::<Json<Run>, _>("run")?.0)).collect()
        })
    }

    /// The newest run of each of these runbooks.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn newest_runs(
        &self,
        project: ProjectId,
        runbooks: Vec<String>,
    ) -> Result<Vec<Run>, StoreError> {
        if runbooks.is_empty() {
            return Ok(Vec::new());
        }
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new("SELECT run FROM runs WHERE id IN (");
            let mut first = true;
            for runbook in runbooks {
                // One index probe each, however many runs there are.
                select.push(if first { "" } else { ", " });
                first = false;
                select.push("(SELECT id FROM runs WHERE project = ").push_bind(project.0);
                select.push(" AND runbook = ").push_bind(runbook).push(" ORDER BY id DESC LIMIT 1)");
            }
            select.push(")");
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(row.try_get::<Json<Run>, _>("run")?.0)).collect()
        })
    }

    /// Runs whose steps may be running: what a server finds when it starts.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn unfinished_runs(&self) -> Result<Vec<Run>, StoreError> {
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new("SELECT run FROM runs WHERE state IN (");
            let mut states = select.separated(", ");
            for state in RunState::ALL.into_iter().filter(|state| !state.is_end()) {
                states.push_bind(state.name());
            }
            select.push(") ORDER BY id");
            let rows = select.build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(row.try_get::<Json<Run>, _>("run")?.0)).collect()
        })
    }
}

/// One event, and with `go_on` the start of the step that it makes ready.
fn advance(run: Option<&Run>, at: Timestamp, event: RunEvent, go_on: bool) -> Result<Transition, StoreError> {
    let mut moved = transition(run, at, event)?;
    let ready = moved.effects.iter().find_map(|effect| match effect {
        RunEffect::Ready { step, attempt } => Some((*step, *attempt)),
        _ => None,
    });
    if let (true, Some((step, attempt))) = (go_on, ready) {
        let started = transition(Some(&moved.run), at, RunEvent::StepStarted { step, attempt })?;
        moved.run = started.run;
        moved.events.extend(started.events);
        moved.effects.retain(|effect| !matches!(effect, RunEffect::Ready { .. }));
        moved.effects.extend(started.effects);
    }
    Ok(moved)
}
