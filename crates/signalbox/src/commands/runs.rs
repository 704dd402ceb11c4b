//! `signalbox runs`: what ran and runs.

use client::{Client, IdempotencyKey, RunsQuery};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use model::{
    api::{Page, RetryRequest, RunSummary, RunView},
    id::RunId,
    run::{RunState, is_within},
};

use crate::{
    args::name,
    commands::run::{detached, not_started},
    context::Context,
    failure::{Exit, Failure},
    follow::{Watch, follow},
    inputs::{InputArgs, ask_missing_secrets},
    steps,
    table::Rows,
    terminal::Filter,
    times, tree, words,
};

/// Most that the API gives at once.
const PAGE: u32 = 200;

/// List, show, read, cancel and retry runs.
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
        /// Only of this service.
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// Only those that this principal asked for.
        #[arg(long, value_name = "NAME")]
        requested_by: Option<String>,
        /// Only with this text in the reason, the title or the runbook's name.
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// Only those asked for at this moment or later, as `2026-11-26`, `2026-11-26T10:00:00Z`, or `2h` ago.
        #[arg(long, value_name = "TIME", value_parser = times::past)]
        from: Option<Timestamp>,
        /// Only those asked for before this moment.
        #[arg(long, value_name = "TIME", value_parser = times::past)]
        to: Option<Timestamp>,
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
        /// Only of this step, by its address or its name, and of all that is in it.
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
    /// Try an ended run again: a new run of the same version with the same inputs. Secrets are asked for again.
    #[command(
        after_help = "Example:\n  signalbox runs retry 0198c5d2-8a54-7e11-9c3b-5b1f0e6a7d42 --from migrate --follow"
    )]
    Retry {
        /// The run's id.
        id: RunId,
        /// Begin with this outermost step; those before it are skipped, and their outputs are taken over.
        #[arg(long, value_name = "STEP")]
        from: Option<String>,
        /// Why, for whoever reads it later.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Ask for a secret input without echo; without a terminal a line of standard input is read for each.
        #[arg(long = "secret", value_name = "NAME")]
        secrets: Vec<String>,
        /// Read a secret input from a file, whole but for one line end.
        #[arg(long = "secret-file", value_name = "NAME=PATH", value_parser = crate::args::input)]
        secret_files: Vec<crate::args::InputArg>,
        /// Stream the output and wait for the end; else the new run's id is printed.
        #[arg(long)]
        follow: bool,
    },
}

fn state(text: &str) -> Result<RunState, String> {
    let names: Vec<&str> = RunState::ALL.iter().map(|state| state.name()).collect();
    RunState::from_name(text).ok_or_else(|| format!("a state is one of {}", names.join(", ")))
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    match args.command {
        Command::List { runbook, state, service, requested_by, text, from, to, limit } => {
            let query = RunsQuery {
                runbook,
                states: state,
                service,
                requested_by,
                text,
                from: from.map(|from| from.to_string()),
                to: to.map(|to| to.to_string()),
                ..RunsQuery::default()
            };
            list(context, &client, query, limit).await
        }
        Command::Show { id } => {
            let view = client.run(context.project(), id).await?;
            if context.printer.is_json() {
                context.printer.object(&view);
            } else {
                context.printer.out(&describe(context, &view));
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
        Command::Retry { id, from, reason, secrets, secret_files, follow: following } => {
            let given = InputArgs { secrets, secret_files, ..InputArgs::default() };
            let inputs = given.local(context)?;
            let mut request = RetryRequest { from, inputs, reason, via: Some("cli".to_owned()) };
            let view = retry(context, &client, id, &mut request).await?;
            if following {
                return follow(context, &client, view.run.id, Watch::run(context)).await;
            }
            detached(context, &view);
            Ok(Exit::Success)
        }
    }
}

async fn retry(
    context: &Context,
    client: &Client,
    id: RunId,
    request: &mut RetryRequest,
) -> Result<RunView, Failure> {
    let again = |key| client.retry_run(context.project(), id, request, key);
    let error = match again(&IdempotencyKey::random()?).await {
        Ok(view) => return Ok(view),
        Err(error) => error,
    };
    if let Some(problem) = error.problem() {
        let runbook = client.run(context.project(), id).await.map(|view| view.run.runbook);
        if let Ok(runbook) = runbook
            && let Some(secrets) = ask_missing_secrets(context, client, &runbook, problem).await?
        {
            request.inputs.extend(secrets);
            let key = IdempotencyKey::random()?;
            return client.retry_run(context.project(), id, request, &key).await.map_err(not_started);
        }
    }
    Err(not_started(error))
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
    let mut rows = Rows::new(&["id", "runbook", "state", "requested", "took", "by", "reason", "waits for"]);
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
            run.waits_for.clone().unwrap_or_default(),
        ]);
    }
    context.printer.table(&rows);
    Ok(Exit::Success)
}

fn describe(context: &Context, view: &RunView) -> String {
    let run = &view.run;
    let colours = context.printer.canvas(false).colours;
    let mut lines = vec![words::run(view)];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<10} {value}"));
    line("runbook", format!("{} ({})", run.runbook, run.digest.short()));
    if let Some(bundle) = &run.bundle {
        line("bundle", bundle.short().to_owned());
    }
    line("project", run.project.clone());
    line("requested", format!("{} by {}", times::local(run.requested_at), run.requested_by.name));
    if let Some(reason) = &run.reason {
        line("reason", reason.clone());
    }
    if let Some(of) = &run.retry_of {
        let from = of.from.as_deref().map(|from| format!(", from step {from}")).unwrap_or_default();
        line("retry of", format!("{}{from}", of.run));
    }
    if let Some(by) = &run.cancel_requested_by {
        line("canceled", format!("by {}", by.name));
    }
    for (name, value) in &run.inputs {
        let shown = if value.is_sealed() { "(sealed)".to_owned() } else { value.to_variable() };
        line("input", format!("{name}={shown}"));
    }
    for branch in tree::branches(run) {
        let (step, indent) = (branch.step, "  ".repeat(branch.depth));
        lines.push(steps::line(&branch, 0, colours));
        if let Some(way) = words::way_on(context, run, step) {
            lines.push(format!("{indent}    answer with {way}"));
        }
        if let Some(answer) = &step.answer {
            let said = answer.comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
            let verdict = answer.verdict.name().replace('_', " ");
            lines.push(format!("{indent}    {verdict} by {}{said}", answer.by.name));
        }
        lines.extend(step.outputs.iter().map(|(name, value)| format!("{indent}    {name}={value}")));
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
        let exit = follow(context, client, id, Watch::log(context, step)).await?;
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
    let is = |named: &str| view.run.steps.iter().any(|step| is_within(&step.path, named));
    match step {
        Some(step) if !is(step) => {
            let names: Vec<&str> =
                tree::branches(&view.run).iter().map(|branch| branch.step.path.as_str()).collect();
            Err(Failure::usage(format!("the run has no step {step}"))
                .hint(format!("its steps are {}", names.join(", "))))
        }
        _ => Ok(()),
    }
}
