//! `signalbox schedules`: what starts by time, what became of it, and what a document would do before it is applied.

use std::path::PathBuf;

use client::{Client, SchedulesQuery};
use jiff::Timestamp;
use model::{
    api::Page,
    firing::{Firing, FiringState, TimedKind},
    schedule::Schedule,
    view::{PauseRequest, ScheduleSummary, ScheduleView},
};
use schedule::Timing;
use serde::Serialize;

use crate::{
    args::name,
    commands::check,
    context::Context,
    failure::{Exit, Failure},
    faults, folder, instants,
    table::Rows,
    times, words,
};

/// Firings that `show` tells.
const SHOWN: usize = 10;

/// List, show, pause and resume what starts by time, and see when a schedule fires before it is applied.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List what starts by time: schedules, and the probes and collectors of services.
    List {
        /// Only those of this kind: `schedule`, `probe` or `collector`.
        #[arg(long, value_parser = kind)]
        kind: Option<TimedKind>,
        /// Only those of this runbook.
        #[arg(long, value_name = "NAME", value_parser = name)]
        runbook: Option<String>,
    },
    /// Show a schedule: its next firings, and what became of the newest.
    Show {
        /// The schedule's name.
        #[arg(value_parser = name)]
        name: String,
    },
    /// List what became of the firings of a schedule, newest first: each that did not run says why.
    Firings {
        /// The schedule's name.
        #[arg(value_parser = name)]
        name: String,
        /// Most firings to list.
        #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Let a schedule pause: nothing is started until it goes on.
    #[command(after_help = "Example:\n  signalbox schedules pause nightly-restart --reason 'Inventory week'")]
    Pause {
        /// Its name; of a probe or collector that of its runbook.
        #[arg(value_parser = name)]
        name: String,
        /// What it is.
        #[arg(long, value_parser = kind, default_value = "schedule")]
        kind: TimedKind,
        /// Why, for whoever wonders later.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Let a schedule go on from now; what was due meanwhile is recorded, and not made up for.
    Resume {
        /// Its name; of a probe or collector that of its runbook.
        #[arg(value_parser = name)]
        name: String,
        /// What it is.
        #[arg(long, value_parser = kind, default_value = "schedule")]
        kind: TimedKind,
    },
    /// Show when the schedules of a file or folder will fire, without a server.
    ///
    /// Local times stand beside UTC, and every change of clocks on the way is told.
    #[command(after_help = "Examples:\n  signalbox schedules next schedules/nightly.yaml\n  \
            signalbox schedules next . --name nightly-restart --from 2026-03-27 --count 4")]
    Next {
        /// The file or folder.
        path: PathBuf,
        /// Only the schedule of this name.
        #[arg(long, value_name = "NAME", value_parser = name)]
        name: Option<String>,
        /// How many firings.
        #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
        /// After this moment, as `2026-11-26` or `2026-11-26T10:00:00Z` [default: now]
        #[arg(long, value_name = "TIME", value_parser = times::moment)]
        from: Option<Timestamp>,
    },
}

fn kind(text: &str) -> Result<TimedKind, String> {
    TimedKind::from_name(text).ok_or_else(|| "it is one of `schedule`, `probe`, `collector`".to_owned())
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let printer = &context.printer;
    let project = context.project();
    match args.command {
        Command::List { kind, runbook } => {
            let page = context.client()?.schedules(project, &SchedulesQuery { kind, runbook }).await?;
            if printer.is_json() {
                printer.object(&page);
            } else {
                printer.table(&list(page.items));
            }
        }
        Command::Show { name } => {
            let view = context.client()?.schedule(project, &name).await?;
            if printer.is_json() {
                printer.object(&view);
            } else {
                describe(context, &view);
            }
        }
        Command::Firings { name, limit } => {
            let page = firings(context, &context.client()?, &name, limit).await?;
            if printer.is_json() {
                printer.object(&page);
            } else {
                printer.table(&became(&page.items));
            }
        }
        Command::Pause { name, kind, reason } => {
            let request = PauseRequest { reason };
            let summary = context.client()?.pause_schedule(project, kind, &name, &request).await?;
            say(context, &summary);
        }
        Command::Resume { name, kind } => {
            let summary = context.client()?.resume_schedule(project, kind, &name).await?;
            say(context, &summary);
        }
        Command::Next { path, name, count, from } => {
            return next(context, &path, name.as_deref(), count.into(), from.unwrap_or_else(Timestamp::now));
        }
    }
    Ok(Exit::Success)
}

fn list(schedules: Vec<ScheduleSummary>) -> Rows {
    let mut rows = Rows::new(&["name", "kind", "runbook", "when", "next", "last run"]);
    for schedule in schedules {
        let next = next_of(&schedule);
        rows.push(vec![
            schedule.name,
            schedule.kind.name().to_owned(),
            schedule.runbook,
            schedule.when,
            next,
            schedule.last_run.map(|run| run.to_string()).unwrap_or_default(),
        ]);
    }
    rows
}

/// When it fires next, or why it does not.
fn next_of(schedule: &ScheduleSummary) -> String {
    match (&schedule.paused, schedule.next_at) {
        (Some(pause), _) => {
            let why = pause.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("paused since {} by {}{why}", times::local(pause.at), pause.by)
        }
        (None, Some(at)) => times::local(at),
        (None, None) => "no further instant".to_owned(),
    }
}

fn say(context: &Context, summary: &ScheduleSummary) {
    if context.printer.is_json() {
        context.printer.object(summary);
        return;
    }
    let (kind, name) = (summary.kind.name(), &summary.name);
    let line = match &summary.paused {
        Some(_) => {
            let of =
                if summary.kind == TimedKind::Schedule { String::new() } else { format!(" --kind {kind}") };
            let way = context.command(&format!("schedules resume {name}{of}"));
            format!("{kind} {name} pauses; `{way}` lets it go on\n")
        }
        None => format!("{kind} {name} goes on, next {}\n", next_of(summary)),
    };
    context.printer.out(&line);
}

fn describe(context: &Context, view: &ScheduleView) {
    let (summary, schedule) = (&view.summary, &view.schedule);
    let mut lines = vec![match &schedule.title {
        Some(title) => format!("{}: {title}", schedule.name),
        None => schedule.name.clone(),
    }];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<10} {value}"));
    line("project", summary.project.clone());
    line("version", view.digest.short().to_owned());
    line("runbook", schedule.runbook.clone());
    line("when", summary.when.clone());
    line("next", next_of(summary));
    if let Some(waiting) = view.waiting {
        line("waits", format!("the firing of {}, for the run before it", times::local(waiting)));
    }
    for (name, value) in &schedule.inputs {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        line("input", format!("{name}={value}"));
    }
    if let Some(reason) = &schedule.reason {
        line("reason", reason.clone());
    }
    line("catch up", schedule.catch_up.name().to_owned());
    line("overlap", schedule.overlap.name().replace('_', " "));
    if let Some(from) = schedule.from {
        line("from", times::local(from));
    }
    if let Some(until) = schedule.until {
        line("until", times::local(until));
    }
    if let Some(run) = summary.last_run {
        line("last run", run.to_string());
    }
    if let Some(description) = &schedule.description {
        lines.push(format!("\n{}", description.trim_end()));
    }
    let printer = &context.printer;
    printer.out(&(lines.join("\n") + "\n"));
    let paused = if summary.paused.is_some() { ", if it did not pause" } else { "" };
    printer.out(&format!("\nnext{paused}{}\n", later(schedule)));
    printer.table(&instants::table(schedule, &view.next, Timestamp::now()));
    if !view.firings.is_empty() {
        printer.out("\nwhat became of the newest\n");
        printer.table(&became(&view.firings[..view.firings.len().min(SHOWN)]));
    }
}

/// What jitter does to every firing.
fn later(schedule: &Schedule) -> String {
    let told = |most| format!(", each performed up to {} later", times::seconds(most));
    schedule.jitter_s.map(told).unwrap_or_default()
}

async fn firings(
    context: &Context,
    client: &Client,
    name: &str,
    limit: u32,
) -> Result<Page<Firing>, Failure> {
    /// Most that the API gives at once.
    const PAGE: u32 = 200;
    let mut found: Page<Firing> = Page { items: Vec::new(), next: None };
    loop {
        let missing = limit.saturating_sub(u32::try_from(found.items.len()).unwrap_or(u32::MAX));
        let after = found.next.take();
        let page = client.firings(context.project(), name, Some(missing.min(PAGE)), after.as_deref()).await?;
        found.items.extend(page.items);
        found.next = page.next;
        if found.next.is_none() || found.items.len() as u64 >= u64::from(limit) {
            return Ok(found);
        }
    }
}

fn became(firings: &[Firing]) -> Rows {
    let mut rows = Rows::new(&["due", "what became of it", "run", "why not"]);
    for firing in firings {
        let state = match (firing.state, firing.count) {
            (state, 0 | 1) => state.name().to_owned(),
            (state, count) => format!("{} {count} times", state.name()),
        };
        let due = match firing.after {
            Some(after) => format!("{}, and since {}", times::local(firing.due_at), times::local(after)),
            None => times::local(firing.due_at),
        };
        let run = firing.run.map(|run| run.to_string()).unwrap_or_default();
        let why = firing.reason.clone().filter(|_| firing.state != FiringState::Fired);
        rows.push(vec![due, state, run, why.unwrap_or_default()]);
    }
    rows
}

/// What `next` tells of one schedule.
#[derive(Serialize)]
struct Preview<'a> {
    name: &'a str,
    zone: Option<String>,
    jitter_s: Option<u64>,
    next: &'a [Timestamp],
}

fn next(
    context: &Context,
    path: &std::path::Path,
    wanted: Option<&str>,
    count: usize,
    from: Timestamp,
) -> Result<Exit, Failure> {
    let printer = &context.printer;
    let folder = folder::read(path, None)?;
    let reading = check::read(&folder);
    if faults::has_errors(&reading.faults) {
        printer.err(&faults::draw(&reading.faults, |path| folder.text(path), printer.canvas(true)));
        printer.err(&format!("{}; when it fires cannot be told", faults::summary(&reading.faults)));
        return Ok(Exit::Failed);
    }
    let all: Vec<&Schedule> =
        reading.definitions.iter().filter_map(|definition| definition.schedule()).collect();
    let shown: Vec<&Schedule> =
        all.iter().filter(|it| wanted.is_none_or(|wanted| it.name == wanted)).copied().collect();
    if shown.is_empty() {
        let names: Vec<&str> = all.iter().map(|schedule| schedule.name.as_str()).collect();
        return Err(match wanted {
            Some(wanted) if !names.is_empty() => {
                Failure::usage(format!("there is no schedule {wanted} in {}", path.display()))
                    .hint(format!("there are {}", names.join(", ")))
            }
            _ => Failure::usage(format!("there is no schedule in {}", path.display()))
                .hint("a schedule is a document with `kind: Schedule` (docs/schedules.md)"),
        });
    }
    for (place, schedule) in shown.iter().enumerate() {
        let timing = Timing::of(schedule).map_err(|error| Failure::usage(error.to_string()))?;
        let instants: Vec<Timestamp> = timing.firings(from).take(count).collect();
        if printer.is_json() {
            let zone = instants::zone_of(schedule).map(|(name, _)| name);
            let (name, jitter_s) = (schedule.name.as_str(), schedule.jitter_s);
            printer.object_line(&Preview { name, zone, jitter_s, next: &instants });
            continue;
        }
        let gap = if place > 0 { "\n" } else { "" };
        printer.out(&format!("{gap}{} runs {}{}\n", schedule.name, schedule.runbook, later(schedule)));
        printer.table(&instants::table(schedule, &instants, from));
        if instants.len() < count {
            let told = words::count(instants.len(), "firing");
            printer.err(&format!("{}: {told} from then on, and no further one", schedule.name));
        }
    }
    Ok(Exit::Success)
}
