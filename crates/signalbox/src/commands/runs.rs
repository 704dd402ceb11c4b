//! `signalbox runs`: what ran and runs.

use client::{Client, IdempotencyKey, RunsQuery};
use futures_util::TryStreamExt;
use model::{
    api::{Page, RunSummary, RunView},
    id::RunId,
    run::RunState,
};

use crate::{
    args::name,
    context::Context,
    failure::{Exit, Failure},
    follow::{Watch, follow},
    steps,
    table::Rows,
    terminal::Filter,
    times, words,
};

/// Most that the API gives at once.
const PAGE: u32 = 200;

/// List, show, read and cancel runs.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List runs, newest first.
    #[command(after_help = "Example:\n  signalbox runs list --runbook restart-web --state failed,unknown")]
    List {
        /// Only of this runbook.
        #[arg(long, value_name = "NAME", value_parser = name)]
        runbook: Option<String>,
        /// Only in one of these states.
        #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = state)]
        state: Vec<RunState>,
        /// Most runs to list.
        #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show a run: its state, steps, inputs and outputs.
    Show {
        /// The run's id.
        id: RunId,
    },
    /// Print what the steps wrote, byte for byte.
    #[command(
        after_help = "Example:\n  signalbox runs logs 0198c5d2-8a54-7e11-9c3b-5b1f0e6a7d42 --step build"
    )]
    Logs {
        /// The run's id.
        id: RunId,
        /// Only of this step.
        #[arg(long, value_name = "NAME")]
        step: Option<String>,
        /// Go on until the run ends.
        #[arg(long)]
        follow: bool,
    },
    /// Cancel a run.
    Cancel {
        /// The run's id.
        id: RunId,
    },
}

fn state(text: &str) -> Result<RunState, String> {
    let names: Vec<&str> = RunState::ALL.iter().map(|state| state.name()).collect();
    RunState::from_name(text).ok_or_else(|| format!("a state is one of {}", names.join(", ")))
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    match args.command {
        Command::List { runbook, state, limit } => {
            let query = RunsQuery { runbook, states: state, limit: None, after: None };
            list(context, &client, query, limit).await
        }
        Command::Show { id } => {
            let view = client.run(context.project(), id).await?;
            if context.printer.is_json() {
                context.printer.object(&view);
            } else {
                context.printer.out(&describe(&view, context.printer.canvas(false).colours));
            }
            Ok(Exit::Success)
        }
        Command::Logs { id, step, follow } => logs(context, &client, id, step.as_deref(), follow).await,
        Command::Cancel { id } => {
            let view = client.cancel_run(context.project(), id, &IdempotencyKey::random()?).await?;
            if context.printer.is_json() {
                context.printer.object(&view);
            } else {
                context.printer.out(&format!("{}\n", words::run(&view)));
            }
            Ok(Exit::Success)
        }
    }
}

async fn list(context: &Context, client: &Client, mut query: RunsQuery, limit: u32) -> Result<Exit, Failure> {
    let mut found: Page<RunSummary> = Page { items: Vec::new(), next: None };
    loop {
        let missing = limit.saturating_sub(u32::try_from(found.items.len()).unwrap_or(u32::MAX));
        query.limit = Some(missing.min(PAGE));
        query.after = found.next.take();
        let page = client.runs(context.project(), &query).await?;
        found.items.extend(page.items);
        found.next = page.next;
        if found.next.is_none() || found.items.len() as u64 >= u64::from(limit) {
            break;
        }
    }
    if context.printer.is_json() {
        context.printer.object(&found);
        return Ok(Exit::Success);
    }
    let mut rows = Rows::new(&["id", "runbook", "state", "requested", "took", "by", "reason"]);
    for run in &found.items {
        let took = run.started_at.map(|started| times::between(started, run.finished_at));
        rows.push(vec![
            run.id.to_string(),
            run.runbook.clone(),
            run.state.name().to_owned(),
            times::local(run.requested_at),
            took.unwrap_or_default(),
            run.requested_by.clone(),
            run.reason.clone().unwrap_or_default(),
        ]);
    }
    context.printer.table(&rows);
    Ok(Exit::Success)
}

fn describe(view: &RunView, colours: bool) -> String {
    let run = &view.run;
    let mut lines = vec![words::run(view)];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<10} {value}"));
    line("runbook", format!("{} ({})", run.runbook, run.digest.short()));
    line("project", run.project.clone());
    line("requested", format!("{} by {}", times::local(run.requested_at), run.requested_by.name));
    if let Some(reason) = &run.reason {
        line("reason", reason.clone());
    }
    if let Some(by) = &run.cancel_requested_by {
        line("canceled", format!("by {}", by.name));
    }
    for (name, value) in &run.inputs {
        line("input", format!("{name}={}", value.to_variable()));
    }
    for step in &run.steps {
        lines.push(steps::line(step, 0, colours));
        lines.extend(step.outputs.iter().map(|(name, value)| format!("    {name}={value}")));
    }
    lines.join("\n") + "\n"
}

async fn logs(
    context: &Context,
    client: &Client,
    id: RunId,
    step: Option<&str>,
    following: bool,
) -> Result<Exit, Failure> {
    let printer = &context.printer;
    if following || printer.is_json() {
        let view = client.run(context.project(), id).await?;
        known_step(&view, step)?;
        if !following && !view.run.state.is_end() {
            return Err(Failure::usage(format!(
                "run {id} has not ended, so the list of its output is not whole"
            ))
            .hint("add --follow to wait for the end, or leave --json out"));
        }
        let exit = follow(context, client, id, Watch::log(printer, step)).await?;
        // How the run ended is not what was asked for.
        return Ok(if exit == Exit::Interrupted { exit } else { Exit::Success });
    }
    if step.is_some() {
        known_step(&client.run(context.project(), id).await?, step)?;
    }
    let mut log = client.log(context.project(), id, step).await?;
    let mut filter = Filter::default();
    while let Some(bytes) = log.try_next().await? {
        if printer.out_is_terminal() {
            printer.out_bytes(filter.feed(&bytes).as_bytes());
        } else {
            printer.out_bytes(&bytes);
        }
        if !printer.out_is_open() {
            break;
        }
    }
    printer.out_bytes(filter.finish().as_bytes());
    Ok(Exit::Success)
}

fn known_step(view: &RunView, step: Option<&str>) -> Result<(), Failure> {
    let names: Vec<&str> = view.run.steps.iter().map(|step| step.name.as_str()).collect();
    match step {
        Some(step) if !names.contains(&step) => Err(Failure::usage(format!("the run has no step {step}"))
            .hint(format!("its steps are {}", names.join(", ")))),
        _ => Ok(()),
    }
}
