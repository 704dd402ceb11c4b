//! `signalbox try`: performs a local file with the same engine, and no server.

use std::{
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use client::LiveEvent;
use definition::Reading;
use server::{TryError, TryEvent};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    args::{InputArg, input, name},
    commands::{apply, check},
    context::{Context, inputs},
    failure::{Exit, Failure},
    faults, folder,
    follow::{BEAT, Watch},
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
    /// From where a single file's scripts are found [default: the nearest folder above it that holds `.git`, else its own]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// A value for an input; once for each.
    #[arg(short, long = "input", value_name = "NAME=VALUE", value_parser = input)]
    inputs: Vec<InputArg>,
    /// Which runbook, if the file holds several.
    #[arg(long, value_name = "NAME", value_parser = name)]
    runbook: Option<String>,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let inputs = inputs(&args.inputs)?;
    let folder = folder::read(&args.file, args.root.as_deref())?;
    let reading = check::read(&folder);
    if faults::has_errors(&reading.faults) {
        apply::refuse(context, &folder, &reading.faults, "nothing was started");
        return Ok(Exit::Refused);
    }
    let runbook = choose(&reading, args.runbook.as_deref())?;
    let source = apply::request(&folder, &reading)?;
    // Not only Ctrl-C: whatever asks this program to end must not leave the run's processes and files behind.
    let broken = |e| Failure::new(Exit::Refused, format!("signals cannot be waited for: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    let nohup = ignores_hangup();
    let mut hangup = signal(SignalKind::hangup()).map_err(broken)?;
    let watch = Mutex::new(Watch::run(&context.printer));
    let interrupted = AtomicBool::new(false);
    let cancel = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv(), if !nohup => {}
        }
        interrupted.store(true, Ordering::Relaxed);
    };
    let event = |event| {
        hold(&watch).event(match event {
            TryEvent::Run(view) => LiveEvent::Run(view),
            TryEvent::Output(chunk) => LiveEvent::Output(chunk),
        });
    };
    let mut trying = std::pin::pin!(server::try_local(source, &runbook, &inputs, event, cancel));
    let mut beat = tokio::time::interval(BEAT);
    let done = loop {
        tokio::select! {
            done = &mut trying => break done,
            _ = beat.tick() => hold(&watch).beat(),
        }
    };
    match done {
        Ok(view) => {
            let exit = hold(&watch).end(Box::new(view));
            Ok(if interrupted.load(Ordering::Relaxed) { Exit::Interrupted } else { exit })
        }
        Err(error) => {
            hold(&watch).close();
            Err(failure(error))
        }
    }
}

/// Was it started with `nohup`? Asked before anybody waits for that signal.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

fn hold<'a, 'w>(watch: &'a Mutex<Watch<'w>>) -> MutexGuard<'a, Watch<'w>> {
    watch.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failure(error: TryError) -> Failure {
    let exit = match &error {
        TryError::Faulty(_) | TryError::Inputs(_) | TryError::NoRunbook(_) | TryError::Directory(_) => {
            Exit::Refused
        }
        // Whatever broke afterwards, the run may have begun.
        TryError::Store(_) | TryError::Follow(_) => Exit::Unknown,
    };
    let mut failure = Failure::new(exit, error.to_string());
    if let TryError::Faulty(faults) | TryError::Inputs(faults) = error {
        failure.faults = faults;
    }
    failure
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
