//! `signalbox runbooks`: what is published.

use client::RunbooksQuery;
use model::{
    api::{Page, RunbookSummary, RunbookView},
    runbook::{Input, InputKind},
};

use crate::{
    args::name,
    context::Context,
    failure::{Exit, Failure},
    table::Rows,
    times,
};

/// List and show published runbooks.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the project's runbooks.
    List {
        /// Retired ones too.
        #[arg(long)]
        retired: bool,
    },
    /// Show a runbook: its inputs, steps and text.
    Show {
        /// The runbook's name.
        #[arg(value_parser = name)]
        name: String,
    },
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    match args.command {
        Command::List { retired } => {
            let mut query = RunbooksQuery { retired, limit: Some(200), after: None };
            let mut all = Vec::new();
            loop {
                let page = client.runbooks(context.project(), &query).await?;
                all.extend(page.items);
                match page.next {
                    Some(next) => query.after = Some(next),
                    None => break,
                }
            }
            list(context, all);
        }
        Command::Show { name } => {
            let view = client.runbook(context.project(), &name).await?;
            if context.printer.is_json() {
                context.printer.object(&view);
            } else {
                context.printer.out(&describe(&view));
            }
        }
    }
    Ok(Exit::Success)
}

fn list(context: &Context, runbooks: Vec<RunbookSummary>) {
    if context.printer.is_json() {
        context.printer.object(&Page { items: runbooks, next: None });
        return;
    }
    let mut rows = Rows::new(&["name", "title", "effect", "version", "published", "last run"]);
    for runbook in runbooks {
        let last =
            runbook.last_run.map(|run| format!("{} {}", run.state.name(), times::local(run.requested_at)));
        let retired = if runbook.retired_at.is_some() { " (retired)" } else { "" };
        rows.push(vec![
            runbook.name + retired,
            runbook.title.unwrap_or_default(),
            runbook.effect.name().to_owned(),
            runbook.digest.short().to_owned(),
            times::local(runbook.published_at),
            last.unwrap_or_default(),
        ]);
    }
    context.printer.table(&rows);
}

fn describe(view: &RunbookView) -> String {
    let runbook = &view.runbook;
    let mut lines = vec![match &runbook.title {
        Some(title) => format!("{}: {title}", runbook.name),
        None => runbook.name.clone(),
    }];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<10} {value}"));
    line("project", view.project.clone());
    line("version", view.digest.short().to_owned());
    line("published", format!("{} by {}", times::local(view.published_at), view.published_by));
    if let Some(at) = view.retired_at {
        line("retired", times::local(at));
    }
    if let Some(service) = &runbook.service {
        line("service", service.clone());
    }
    line("effect", runbook.effect.name().to_owned());
    line("from", view.path.clone());
    for input in &runbook.inputs {
        line("input", describe_input(input));
    }
    for (name, steps) in
        [("step", &runbook.steps), ("on failure", &runbook.on_failure), ("cleanup", &runbook.cleanup)]
    {
        for step in steps {
            line(name, format!("{} ({}, {})", step.name, step.action.name(), step.effect.name()));
        }
    }
    for file in &view.files {
        line("file", format!("{} ({} bytes)", file.path, file.size));
    }
    if let Some(description) = &runbook.description {
        lines.push(format!("\n{}", description.trim_end()));
    }
    lines.push(format!("\n{}", view.text.trim_end()));
    lines.join("\n") + "\n"
}

fn describe_input(input: &Input) -> String {
    let kind = match &input.kind {
        InputKind::Choice { options, .. } if !options.is_empty() => options.join(" | "),
        kind => kind.name().to_owned(),
    };
    let mut text = format!("{} ({kind}", input.name);
    match &input.default {
        Some(default) => text.push_str(&format!(", default {})", default.to_variable())),
        None if let Some(from) = input.default_from => text.push_str(&format!(", default {})", from.name())),
        None if input.required => text.push_str(", required)"),
        None => text.push(')'),
    }
    if let Some(description) = &input.description {
        text.push_str(&format!(": {}", description.trim_end()));
    }
    text
}
