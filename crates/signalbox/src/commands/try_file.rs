//! `signalbox try`: performs a local file with the same engine, and no server.

use std::{
    collections::BTreeMap,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use client::LiveEvent;
use definition::Reading;
use serde_json::json;
use server::{SecretText, TryError, TryEvent, Trying};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    args::{InputArg, name},
    commands::{apply, check, secrets::read_value},
    context::Context,
    failure::{Exit, Failure},
    faults, folder,
    follow::{BEAT, Watch},
    inputs::{InputArgs, read_file},
    prompt::Prompter,
};

/// Run a runbook from a local file on this machine, without a server.
///
/// Nothing is published and nothing is kept. Runbooks that it calls are taken from the same file or folder. Manual
/// steps and gates are asked at the terminal; without one they fail. Output, exit codes and --json are those of
/// `signalbox run`; Ctrl-C cancels.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  signalbox try runbooks/restart-web.yaml -i region=eu")]
pub struct Args {
    /// The file with the runbook, or a folder (then say which with --runbook); the scripts of a file are found from the
    /// nearest folder above it that holds `.git`.
    file: PathBuf,
    /// From where a single file's scripts are found [default: the nearest folder above it that holds `.git`, else its own]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(flatten)]
    inputs: InputArgs,
    /// A stored secret that steps use, from a file, whole but for one line end; else it is taken from the variable
    /// `SIGNALBOX_SECRET_<NAME>`.
    #[arg(long = "stored-secret", value_name = "NAME=PATH", value_parser = crate::args::input)]
    stored_secrets: Vec<InputArg>,
    /// Which runbook, if the file holds several.
    #[arg(long, value_name = "NAME", value_parser = name)]
    runbook: Option<String>,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let mut inputs = args.inputs.local(context)?;
    let mut files = Vec::new();
    for InputArg { key, value } in &args.inputs.files {
        let (name, bytes) = read_file(Path::new(value))?;
        let file = json!({"file": definition::sha256(&bytes), "name": name, "size": bytes.len()});
        if inputs.insert(key.clone(), file).is_some() {
            return Err(Failure::usage(format!("the input {key} is given twice")));
        }
        files.push((name, bytes));
    }
    let folder = folder::read(&args.file, args.root.as_deref())?;
    let reading = check::read(&folder);
    if faults::has_errors(&reading.faults) {
        apply::refuse(context, &folder, &reading.faults, "nothing was started");
        return Ok(Exit::Refused);
    }
    let runbook = choose(&reading, args.runbook.as_deref())?;
    let source = apply::request(&folder, &reading)?;
    let secrets = secrets(context, &reading, &args.stored_secrets)?;
    // Not only Ctrl-C: whatever asks this program to end must not leave the run's processes and files behind.
    let broken = |e| Failure::new(Exit::Refused, format!("signals cannot be waited for: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    let nohup = ignores_hangup();
    let mut hangup = signal(SignalKind::hangup()).map_err(broken)?;
    let (answers, answered) = tokio::sync::mpsc::unbounded_channel();
    let mut prompter = Prompter::start(answers);
    let watch = Mutex::new(Watch::local(context, prompter.open()));
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
        let event = match event {
            TryEvent::Run(view) => {
                for (place, step) in (0..).zip(&view.run.steps) {
                    prompter.see(place, step);
                }
                LiveEvent::Run(view)
            }
            TryEvent::Change(change) => {
                for (place, step) in change.places.iter().zip(&change.run.steps) {
                    prompter.see(*place, step);
                }
                LiveEvent::Change(change)
            }
            TryEvent::Output(chunk) => LiveEvent::Output(chunk),
        };
        hold(&watch).event(event);
    };
    let what = Trying {
        source,
        runbook: &runbook,
        inputs: &inputs,
        files,
        secrets,
        program: server::Program::this(),
        answers: answered,
    };
    let mut trying = std::pin::pin!(server::try_local(what, event, cancel));
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
        // Whatever broke afterwards, the run may have begun.
        TryError::Store(_) | TryError::Follow(_) => Exit::Unknown,
        _ => Exit::Refused,
    };
    let mut failure = Failure::new(exit, error.to_string());
    if let TryError::NoSecrets(names) = &error {
        let variable = secret_variable(names.first().map_or("name", String::as_str));
        failure =
            failure.hint(format!("give it with --stored-secret NAME=PATH, or in the variable {variable}"));
    }
    if let TryError::Faulty(faults) | TryError::Inputs(faults) = error {
        failure.faults = faults;
    }
    failure
}

/// The stored secrets that steps of these documents name, as far as somebody gives them.
fn secrets(
    context: &Context,
    reading: &Reading,
    given: &[InputArg],
) -> Result<BTreeMap<String, SecretText>, Failure> {
    let mut secrets = BTreeMap::new();
    for InputArg { key, value } in given {
        let bytes = read_value(context, key, Some(Path::new(value)))?;
        if secrets.insert(key.clone(), SecretText::from(bytes.to_vec())).is_some() {
            return Err(Failure::usage(format!("the stored secret {key} is given twice")));
        }
    }
    let runbooks = reading.definitions.iter().filter_map(|definition| definition.runbook());
    for step in runbooks.flat_map(|runbook| runbook.written_steps()) {
        for name in step.secrets.iter().chain(step.secret_env.values()) {
            let value = std::env::var_os(secret_variable(name)).filter(|value| !value.is_empty());
            if let (false, Some(value)) = (secrets.contains_key(name), value) {
                secrets.insert(name.clone(), SecretText::from(value.into_vec()));
            }
        }
    }
    Ok(secrets)
}

fn secret_variable(name: &str) -> String {
    format!("SIGNALBOX_SECRET_{}", name.to_ascii_uppercase().replace('-', "_"))
}

fn choose(reading: &Reading, asked: Option<&str>) -> Result<String, Failure> {
    let runbooks = reading.definitions.iter().filter(|definition| definition.runbook().is_some());
    let names: Vec<&str> = runbooks.map(|definition| definition.name.as_str()).collect();
    match (asked, names.as_slice()) {
        (Some(asked), names) if names.contains(&asked) => Ok(asked.to_owned()),
        (Some(asked), _) => Err(Failure::usage(format!("there is no runbook {asked} here"))),
        (None, [name]) => Ok((*name).to_owned()),
        (None, []) => Err(Failure::usage("there is no runbook here")),
        (None, names) => Err(Failure::usage("there are several runbooks here")
            .hint(format!("say which with --runbook: {}", names.join(", ")))),
    }
}
