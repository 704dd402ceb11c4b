//! Schedules: listed, shown with what comes and what came, paused and resumed. Probes and collectors are shown among them: they
//! are started by time as well, and pause by the same call.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{
        Path, Query,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
};
use jiff::{SignedDuration, Timestamp};
use model::{
    api::{Page, Problem},
    firing::{Firing, FiringState, Pause, TimedKind},
    id::ProjectId,
    schedule::{Schedule, When},
    view::{PauseRequest, ScheduleSummary, ScheduleView},
};
use policy::{Action, SchedulePause, ScheduleRead};
use schedule::Timing;
use serde::Deserialize;
use store::{NoRun, ScheduleRow};

use super::{paging::limit, runs::reason, services::project_of};
use crate::{access::Allowed, body::Object, clock, problem::ApiError};

/// Instants that a schedule is shown with.
const NEXT: usize = 10;
/// Definitions that are asked for by their names.
const NAMES_MOST: usize = 200;
/// Most instants of a pause that are counted one by one.
const COUNTED: usize = 100_000;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SchedulesQuery {
    /// Only those of this kind: `schedule`, `probe` or `collector`.
    kind: Option<TimedKind>,
    /// Only those of this runbook.
    runbook: Option<String>,
}

/// What starts by time in a project, by kind and name.
#[utoipa::path(get, path = "/api/v1/projects/{project}/schedules", operation_id = "list_schedules", tag = "view",
    params(("project" = String, Path), SchedulesQuery), responses(
    (status = 200, description = "All of them", body = Page<ScheduleSummary>),
    (status = 404, description = "No such project", body = Problem),
))]
pub(super) async fn list(
    allowed: Allowed<ScheduleRead>,
    Path(project): Path<String>,
    query: Result<Query<SchedulesQuery>, QueryRejection>,
) -> Result<Json<Page<ScheduleSummary>>, ApiError> {
    let Query(query) = query?;
    let id = project_of(&allowed, &project).await?;
    let mut rows = match query.runbook {
        None => allowed.store().schedules(id).await?,
        Some(runbook) => allowed.store().schedules_of(id, &[runbook]).await?,
    };
    rows.retain(|row| query.kind.is_none_or(|kind| row.kind == kind));
    let items = summaries(&allowed, id, &project, rows).await?;
    Ok(Json(Page { items, next: None }))
}

/// What starts by time, as its definitions say it.
pub(super) async fn summaries<A: Action>(
    allowed: &Allowed<A>,
    id: ProjectId,
    project: &str,
    rows: Vec<ScheduleRow>,
) -> Result<Vec<ScheduleSummary>, ApiError> {
    let schedules = rows.iter().filter(|row| row.kind == TimedKind::Schedule).map(|row| row.name.clone());
    let names: Vec<String> = schedules.collect();
    // Beyond some hundred names one by one, all at once are read faster.
    let definitions = if names.len() > NAMES_MOST {
        allowed.store().published_definitions::<Schedule>(id, "Schedule").await?
    } else {
        allowed.store().published_around::<Schedule>(id, "Schedule", &names, None).await?
    };
    let by_name: HashMap<&str, &Schedule> =
        definitions.iter().map(|known| (known.name.as_str(), &known.definition)).collect();
    let summary = |row: ScheduleRow| {
        let definition = by_name.get(row.name.as_str()).filter(|_| row.kind == TimedKind::Schedule).copied();
        summary(project, row, definition)
    };
    Ok(rows.into_iter().map(summary).collect())
}

fn summary(project: &str, row: ScheduleRow, definition: Option<&Schedule>) -> ScheduleSummary {
    ScheduleSummary {
        project: project.to_owned(),
        kind: row.kind,
        title: definition.and_then(|schedule| schedule.title.clone()),
        when: definition.map_or_else(|| every(&row.times), |schedule| words(&schedule.when)),
        name: row.name,
        runbook: row.runbook,
        next_at: row.next_at,
        paused: row.paused,
        last_run: row.last_run,
    }
}

/// As the definition says it.
fn words(when: &When) -> String {
    match when {
        When::Cron { expressions, zone } => format!("{} ({zone})", expressions.join("; ")),
        When::Every { every_s } => every(&serde_json::json!(every_s)),
    }
}

fn every(seconds: &serde_json::Value) -> String {
    let span = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds.as_i64().unwrap_or(0));
    let seconds = span.as_second();
    let (days, hours, minutes, rest) =
        (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    format!("every {}", parts.join(" "))
}

/// A schedule: what comes, and what became of the newest instants.
#[utoipa::path(get, path = "/api/v1/projects/{project}/schedules/{schedule}", operation_id = "show_schedule", tag = "view",
    params(("project" = String, Path), ("schedule" = String, Path)), responses(
    (status = 200, description = "The published version", body = ScheduleView),
    (status = 404, description = "No such schedule", body = Problem),
))]
pub(super) async fn show(
    allowed: Allowed<ScheduleRead>,
    Path((project, name)): Path<(String, String)>,
) -> Result<Json<ScheduleView>, ApiError> {
    let id = project_of(&allowed, &project).await?;
    let row = known(&allowed, id, &project, &name, TimedKind::Schedule).await?;
    let published = allowed.store().published_definition::<Schedule>(id, "Schedule", &name).await?;
    let published = published.ok_or_else(|| no_schedule(&project, &name))?;
    let firings = allowed.store().firings(row.id, None, 50).await?;
    let timing = Timing::of(&published.definition).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(Json(ScheduleView {
        digest: published.digest,
        next: timing.firings(clock::now()).take(NEXT).collect(),
        waiting: row.waiting,
        firings,
        summary: summary(&project, row, Some(&published.definition)),
        schedule: published.definition,
    }))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FiringsQuery {
    /// Only instants before this one: the `due_at` of the last of the page before.
    #[param(value_type = Option<String>, format = DateTime)]
    after: Option<Timestamp>,
    /// How many at most: 1 to 200, 50 unless said.
    limit: Option<u32>,
}

/// What became of the instants of a schedule, newest first.
#[utoipa::path(get, path = "/api/v1/projects/{project}/schedules/{schedule}/firings", operation_id = "list_firings", tag = "view",
    params(("project" = String, Path), ("schedule" = String, Path), FiringsQuery), responses(
    (status = 200, description = "A page of them", body = Page<Firing>),
    (status = 404, description = "No such schedule", body = Problem),
))]
pub(super) async fn firings(
    allowed: Allowed<ScheduleRead>,
    Path((project, name)): Path<(String, String)>,
    query: Result<Query<FiringsQuery>, QueryRejection>,
) -> Result<Json<Page<Firing>>, ApiError> {
    let Query(query) = query?;
    let limit = limit(query.limit)?;
    let id = project_of(&allowed, &project).await?;
    let row = known(&allowed, id, &project, &name, TimedKind::Schedule).await?;
    let items = allowed.store().firings(row.id, query.after, limit + 1).await?;
    Ok(Json(super::paging::page(items, limit, |firing| firing.due_at.to_string())))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct KindQuery {
    /// `schedule` unless said; `probe` or `collector` for a runbook that is one.
    kind: Option<TimedKind>,
}

/// Let a schedule pause: none of its instants starts a run until it goes on.
#[utoipa::path(post, path = "/api/v1/projects/{project}/schedules/{schedule}/pause", operation_id = "pause_schedule", tag = "view",
    params(("project" = String, Path), ("schedule" = String, Path), KindQuery), request_body = PauseRequest, responses(
    (status = 200, description = "It pauses", body = ScheduleSummary),
    (status = 404, description = "No such schedule", body = Problem),
))]
pub(super) async fn pause(
    allowed: Allowed<SchedulePause>,
    Path((project, name)): Path<(String, String)>,
    query: Result<Query<KindQuery>, QueryRejection>,
    body: Result<Json<Object<PauseRequest>>, JsonRejection>,
) -> Result<Json<ScheduleSummary>, ApiError> {
    let Query(query) = query?;
    let Json(Object(request)) = body?;
    let kind = query.kind.unwrap_or(TimedKind::Schedule);
    let id = project_of(&allowed, &project).await?;
    let row = known(&allowed, id, &project, &name, kind).await?;
    let by = allowed.principal();
    let pause = Pause { at: clock::now(), by: by.name.clone(), reason: reason(request.reason)? };
    allowed.store().pause_schedule(row.id, by.id, pause).await?;
    allowed.engine().tell_firing(&row).await;
    shown(&allowed, id, &project, &name, kind).await
}

/// Let a schedule go on from now. What was due while it paused is recorded, and not made up for.
#[utoipa::path(post, path = "/api/v1/projects/{project}/schedules/{schedule}/resume", operation_id = "resume_schedule", tag = "view",
    params(("project" = String, Path), ("schedule" = String, Path), KindQuery), responses(
    (status = 200, description = "It goes on", body = ScheduleSummary),
    (status = 404, description = "No such schedule", body = Problem),
    (status = 409, description = "Its times cannot be told any more", body = Problem),
))]
pub(super) async fn resume(
    allowed: Allowed<SchedulePause>,
    Path((project, name)): Path<(String, String)>,
    query: Result<Query<KindQuery>, QueryRejection>,
) -> Result<Json<ScheduleSummary>, ApiError> {
    let Query(query) = query?;
    let kind = query.kind.unwrap_or(TimedKind::Schedule);
    let id = project_of(&allowed, &project).await?;
    let row = known(&allowed, id, &project, &name, kind).await?;
    let now = clock::now();
    let timing = allowed.engine().timing_of(&row).await?.ok_or_else(|| {
        ApiError::new(
            StatusCode::CONFLICT,
            "no-times",
            "No times",
            format!("The times of `{name}` cannot be told."),
        )
        .hint("Look at its definition, and apply it again.")
    })?;
    let last = timing.between(row.seen_to, now).take(COUNTED).last();
    let skipped = last.filter(|_| kind == TimedKind::Schedule).map(|due_at| NoRun {
        due_at,
        state: FiringState::Skipped,
        reason: match &row.paused {
            Some(Pause { by, reason: Some(why), .. }) => format!("It paused, by {by}: {why}"),
            Some(Pause { by, .. }) => format!("It paused, by {by}."),
            None => "It paused.".to_owned(),
        },
        after: Some(row.seen_to),
        count: timing.between(row.seen_to, now).take(COUNTED).count() as u64,
    });
    let next_at = allowed.engine().next_of(&row, &timing, now).await?;
    allowed.store().resume_schedule(&row, allowed.principal().id, skipped, next_at, now).await?;
    allowed.engine().timetable_changed(next_at);
    allowed.engine().tell_firing(&row).await;
    shown(&allowed, id, &project, &name, kind).await
}

async fn shown<A: Action>(
    allowed: &Allowed<A>,
    id: ProjectId,
    project: &str,
    name: &str,
    kind: TimedKind,
) -> Result<Json<ScheduleSummary>, ApiError> {
    let row = known(allowed, id, project, name, kind).await?;
    let published = match kind {
        TimedKind::Schedule => allowed.store().published_definition::<Schedule>(id, "Schedule", name).await?,
        TimedKind::Probe | TimedKind::Collector => None,
    };
    Ok(Json(summary(project, row, published.as_ref().map(|published| &published.definition))))
}

async fn known<A: Action>(
    allowed: &Allowed<A>,
    id: ProjectId,
    project: &str,
    name: &str,
    kind: TimedKind,
) -> Result<ScheduleRow, ApiError> {
    allowed.store().schedule(id, kind, name).await?.ok_or_else(|| no_schedule(project, name))
}

fn no_schedule(project: &str, name: &str) -> ApiError {
    let hint = format!("`signalbox schedules list --project {project}` shows which there are.");
    ApiError::not_found(&format!("schedule `{name}` in project `{project}`"), &hint)
}
