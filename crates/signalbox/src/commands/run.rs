//! `signalbox run`: starts a run and follows it.

use client::IdempotencyKey;
use model::api::StartRequest;

use crate::{
    args::{InputArg, input, name},
    context::{Context, inputs},
    failure::{Exit, Failure},
    follow::{Watch, follow},
};

/// Run a runbook and watch it.
///
/// The steps' output goes to standard output, everything else to standard error. With --json there is one object a
/// line: `{"type":"output",...}`, `{"type":"run",...}`, and last the run itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  signalbox run restart-web -i region=eu --reason OPS-7
  id=$(signalbox run restart-web -i region=eu --detach)

Exits 0 when the run succeeded, 1 when it failed or was canceled, 2 when nothing was started,
3 when nobody knows how it ended, 4 when the server cannot be reached. Ctrl-C stops following,
not the run, and exits 130.")]
pub struct Args {
    /// The runbook's name.
    #[arg(value_parser = name)]
    runbook: String,
    /// A value for an input; once for each.
    #[arg(short, long = "input", value_name = "NAME=VALUE", value_parser = input)]
    inputs: Vec<InputArg>,
    /// Why, for whoever reads it later.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Stream the output and wait for the end (the default).
    #[arg(long, conflicts_with = "detach")]
    follow: bool,
    /// Print the new run's id and leave.
    #[arg(long)]
    detach: bool,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let request =
        StartRequest { inputs: inputs(&args.inputs)?, reason: args.reason, via: Some("cli".to_owned()) };
    let client = context.client()?;
    let key = IdempotencyKey::random()?;
    let started = tokio::select! {
        started = client.start_run(context.project(), &args.runbook, &request, &key) => started,
        _ = tokio::signal::ctrl_c() => {
            context.printer.err("stopped before the server answered: whether a run was started is not known");
            context.printer.err(&format!("  {}", context.command("runs list")));
            return Ok(Exit::Interrupted);
        }
    };
    let view = started.map_err(|error| {
        let known = error.is_unheard() || error.problem().is_some_and(|problem| problem.status < 500);
        let mut failure = Failure::from(error);
        if !known {
            failure = failure.place("whether a run was started is not known");
        }
        failure
    })?;
    if args.detach {
        if context.printer.is_json() {
            context.printer.object(&view);
        } else {
            context.printer.out(&format!("{}\n", view.run.id));
        }
        return Ok(Exit::Success);
    }
    follow(context, &client, view.run.id, Watch::run(&context.printer)).await
}
