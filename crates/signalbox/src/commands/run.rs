//! `signalbox run`: starts a run and follows it.

use client::{Client, Error, IdempotencyKey};
use model::api::{RunView, StartRequest};

use crate::{
    args::name,
    context::Context,
    failure::{Exit, Failure},
    follow::{Watch, follow},
    inputs::{InputArgs, PresetArg, ask_missing_secrets},
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
  signalbox run rotate-keys --preset nightly --secret-file token=token.txt --file motd=motd.txt

Exits 0 when the run succeeded, 1 when it failed or was canceled, 2 when nothing was started,
3 when nobody knows how it ended, 4 when the server cannot be reached. Ctrl-C stops following,
not the run, and exits 130.")]
pub struct Args {
    /// The runbook's name.
    #[arg(value_parser = name)]
    runbook: String,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    preset: PresetArg,
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
    let client = context.client()?;
    let inputs = args.inputs.gather(context, &client, Some((&args.runbook, &args.preset))).await?;
    let mut request = StartRequest { inputs, reason: args.reason, via: Some("cli".to_owned()) };
    let mut started = start(context, &client, &args.runbook, &request).await?;
    if let Some(Err(error)) = &started
        && let Some(problem) = error.problem()
        && let Some(secrets) = ask_missing_secrets(context, &client, &args.runbook, problem).await?
    {
        request.inputs.extend(secrets);
        started = start(context, &client, &args.runbook, &request).await?;
    }
    let Some(started) = started else { return Ok(Exit::Interrupted) };
    let view = started.map_err(not_started)?;
    if args.detach {
        detached(context, &view);
        return Ok(Exit::Success);
    }
    follow(context, &client, view.run.id, Watch::run(context)).await
}

/// None if Ctrl-C came before the answer.
async fn start(
    context: &Context,
    client: &Client,
    runbook: &str,
    request: &StartRequest,
) -> Result<Option<Result<RunView, Error>>, Failure> {
    let key = IdempotencyKey::random()?;
    tokio::select! {
        started = client.start_run(context.project(), runbook, request, &key) => Ok(Some(started)),
        _ = tokio::signal::ctrl_c() => {
            context.printer.err("stopped before the server answered: whether a run was started is not known");
            context.printer.err(&format!("  {}", context.command("runs list")));
            Ok(None)
        }
    }
}

pub fn not_started(error: Error) -> Failure {
    let known = error.is_unheard() || error.problem().is_some_and(|problem| problem.status < 500);
    let mut failure = Failure::from(error);
    if !known {
        failure = failure.place("whether a run was started is not known");
    }
    failure
}

/// The run's id, or the run itself for programs.
pub fn detached(context: &Context, view: &RunView) {
    if context.printer.is_json() {
        context.printer.object(view);
    } else {
        context.printer.out(&format!("{}\n", view.run.id));
    }
}
