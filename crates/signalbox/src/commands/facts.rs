//! `signalbox facts`: in which state and configuration a service is, and how that differs from another.

use client::Against;
use jiff::Timestamp;
use model::{
    fact::FactState,
    view::{FactView, FactsView},
};

use crate::{
    args::name,
    context::Context,
    failure::{Exit, Failure},
    table::Rows,
    times,
};

/// Show what is known of a service's state and configuration, and how it differs from another moment or environment.
///
/// A fact is current, stale (nobody has seen it for too long) or gone (it was not there when its collector looked last).
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  signalbox facts shop --environment production\n  signalbox facts diff shop --at 2h\n  \
        signalbox facts diff shop --environment staging --against production"
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The service's name.
    #[arg(value_parser = name, required = true)]
    service: Option<String>,
    /// Only in this environment.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show how the facts of now differ from those of a moment, or from those of another environment.
    #[command(group = clap::ArgGroup::new("other").required(true))]
    Diff {
        /// The service's name.
        #[arg(value_parser = name)]
        service: String,
        /// Where it is looked at now [default: the first of its environments]
        #[arg(long, value_name = "NAME")]
        environment: Option<String>,
        /// Against the same environment at this moment, as `2026-11-26`, `2026-11-26T10:00:00Z`, or `2h` ago.
        #[arg(long, value_name = "TIME", value_parser = times::past, group = "other")]
        at: Option<Timestamp>,
        /// Against this environment now.
        #[arg(long, value_name = "NAME", group = "other")]
        against: Option<String>,
    },
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    match (args.command, args.service) {
        (None, Some(service)) => {
            let view = client.facts(context.project(), &service, args.environment.as_deref()).await?;
            if context.printer.is_json() {
                context.printer.object(&view);
                return Ok(Exit::Success);
            }
            context.printer.table(&table(&view));
            warn_of_failing(context, &view);
            if view.collectors.is_empty() {
                context
                    .printer
                    .err("nothing collects facts of it: a runbook with `collects:` does (docs/services.md)");
            }
        }
        (Some(Command::Diff { service, environment, at, against }), _) => {
            let against = match (at, against) {
                (Some(at), _) => Against::Moment(at.to_string()),
                (None, Some(other)) => Against::Environment(other),
                (None, None) => return Err(Failure::usage("say either --at or --against")),
            };
            let diff =
                client.facts_diff(context.project(), &service, environment.as_deref(), &against).await?;
            if context.printer.is_json() {
                context.printer.object(&diff);
                return Ok(Exit::Success);
            }
            let mut rows = Rows::new(&["key", "target", "before", "now"]);
            if let Against::Environment(_) = against {
                rows = Rows::new(&["key", "target", "there", "here"]);
            }
            for one in &diff.differences {
                let value =
                    |value: &Option<String>| value.clone().unwrap_or_else(|| "(not there)".to_owned());
                rows.push(vec![
                    one.key.clone(),
                    one.target.clone().unwrap_or_default(),
                    value(&one.before),
                    value(&one.after),
                ]);
            }
            context.printer.table(&rows);
            let other = match at {
                Some(at) => times::local(at),
                None => diff.against.clone(),
            };
            context.printer.err(&format!(
                "{} in {} against {other}: {} the same, {} not",
                diff.service,
                diff.environment,
                diff.same,
                diff.differences.len()
            ));
        }
        (None, None) => {
            return Err(
                Failure::usage("name a service").hint("`signalbox services list` shows which there are")
            );
        }
    }
    Ok(Exit::Success)
}

/// Each fact, with its age and whether it still holds.
pub fn table(view: &FactsView) -> Rows {
    let mut rows =
        Rows::new(&["key", "target", "environment", "value", "state", "seen", "as it is since", "before"]);
    for fact in &view.facts {
        let seen = match fact.state {
            FactState::Gone => String::new(),
            _ => format!("{} ago", times::between(fact.observed_at, None)),
        };
        rows.push(vec![
            fact.key.clone(),
            fact.target.clone().unwrap_or_default(),
            fact.environment.clone(),
            fact.value.clone(),
            state(fact).to_owned(),
            seen,
            times::local(fact.changed_at),
            fact.previous.clone().unwrap_or_default(),
        ]);
    }
    rows
}

fn state(fact: &FactView) -> &'static str {
    match fact.state {
        FactState::Current => "✓ current",
        FactState::Stale => "~ stale",
        FactState::Gone => "- gone",
    }
}

/// Collectors whose newest run did not succeed: what they would have seen is not known.
pub fn warn_of_failing(context: &Context, view: &FactsView) {
    for collector in &view.collectors {
        if let Some(why) = &collector.failure {
            let last = collector.observed_at.map_or_else(
                || "it never saw anything".to_owned(),
                |at| format!("it saw all last {} ago", times::between(at, None)),
            );
            context.printer.err(&format!(
                "collector {} in {} fails: {why}; {last}",
                collector.collector, collector.environment
            ));
        }
    }
}
