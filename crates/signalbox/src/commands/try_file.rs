//! `signalbox try`: performs a local file with the same engine, and no server.

use std::path::PathBuf;

use definition::Reading;

use crate::{
    args::{InputArg, input, name},
    commands::{apply, check},
    context::{Context, inputs},
    failure::{Exit, Failure},
    faults, folder,
    follow::Watch,
    rooms,
};

/// Run a runbook from a local file on this machine, without a server.
///
/// Nothing is published and nothing is kept. Output, exit codes and --json are those of `signalbox run`; Ctrl-C
/// cancels.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  signalbox try runbooks/restart-web.yaml -i region=eu")]
pub struct Args {
    /// The file with the runbook; scripts are found from the nearest folder above it that holds `.git`.
    file: PathBuf,
    /// A value for an input; once for each.
    #[arg(short, long = "input", value_name = "NAME=VALUE", value_parser = input)]
    inputs: Vec<InputArg>,
    /// Which runbook, if the file holds several.
    #[arg(long, value_name = "NAME", value_parser = name)]
    runbook: Option<String>,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let inputs = inputs(&args.inputs)?;
    let folder = folder::read(&args.file)?;
    let reading = check::read(&folder);
    if faults::has_errors(&reading.faults) {
        apply::refuse(context, &folder, &reading.faults, "nothing was started");
        return Ok(Exit::Refused);
    }
    let runbook = choose(&reading, args.runbook.as_deref())?;
    let source = apply::request(&folder, &reading)?;
    let mut watch = Watch::run(&context.printer);
    let mut last = None;
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let done = rooms::try_local(source, &runbook, inputs, interrupted, |event| {
        if let Some(view) = watch.event(event) {
            last = Some(view);
        }
    })
    .await;
    if let Err(problem) = done {
        watch.close();
        return Err(client::Error::Problem(Box::new(problem)).into());
    }
    match last {
        Some(view) => Ok(watch.end(view)),
        None => Err(Failure::new(Exit::Unknown, "the run ended without saying how")),
    }
}

fn choose(reading: &Reading, asked: Option<&str>) -> Result<String, Failure> {
    let names: Vec<&str> = reading.definitions.iter().map(|definition| definition.name.as_str()).collect();
    match (asked, names.as_slice()) {
        (Some(asked), names) if names.contains(&asked) => Ok(asked.to_owned()),
        (Some(asked), _) => Err(Failure::usage(format!("there is no runbook {asked} in the file"))),
        (None, [name]) => Ok((*name).to_owned()),
        (None, []) => Err(Failure::usage("there is no runbook in the file")),
        (None, names) => Err(Failure::usage("the file holds several runbooks")
            .hint(format!("say which with --runbook: {}", names.join(", ")))),
    }
}
