//! One attempt, from its first process to its last.

use std::{io, process::ExitStatus, time::Duration};

use model::run::{Cause, StepEnd, StepOutcome};
use output::{LogWriter, OutputError};
use tokio::process::Child;

use crate::{
    Stop, Task, Workspace,
    attempt::Attempt,
    end::{by_itself, ended, say},
    ending::{Reason, end_early, end_left_behind},
    outputs,
    pump::Pump,
    spawn::{Started, start},
    stop::Wish,
};

/// How long the pipes are read on after all processes of the group have ended: somebody outside may hold them.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Perform an attempt: start its process, write its output to `log`, and answer how it ended. No process of its group
/// is left then, unless the answer says so. If this future is dropped, the group is killed.
pub async fn perform(task: &Task, workspace: &Workspace, log: LogWriter, stop: Stop) -> StepEnd {
    let not_started = match stop.wish() {
        Wish::GoOn => None,
        Wish::Cancel => Some(ended(StepOutcome::Canceled, Cause::Canceled, "canceled before it started")),
        Wish::Kill => {
            Some(ended(StepOutcome::Failed, Cause::CannotStart, "not started: the server is stopping"))
        }
    };
    if let Some(end) = not_started {
        return finish(end, log, None).await;
    }
    let attempt = match Attempt::prepare(task, workspace) {
        Ok(attempt) => attempt,
        Err(error) => {
            let message = format!("cannot start: no room for it in {}: {error}", workspace.work().display());
            return finish(ended(StepOutcome::Failed, Cause::CannotStart, message), log, None).await;
        }
    };
    let (end, log, broken) = match start(task, workspace, &attempt) {
        Ok(started) => follow(task, started, log, &stop, &attempt).await,
        Err(message) => (ended(StepOutcome::Failed, Cause::CannotStart, message), log, None),
    };
    attempt.clear().await;
    finish(end, log, broken).await
}

/// From the running process to the end of its group and of its output.
async fn follow(
    task: &Task,
    started: Started,
    log: LogWriter,
    stop: &Stop,
    attempt: &Attempt,
) -> (StepEnd, LogWriter, Option<OutputError>) {
    let Started { mut child, mut group, stdout, stderr } = started;
    let mut pump = Pump::new(stdout, stderr, log);
    let end = match pump.meanwhile(exit_or_reason(task, &mut child, stop)).await {
        Ok(status) => {
            let left = end_left_behind(task, &mut group, &mut pump, stop).await;
            let mut end = by_itself(status);
            if let Some(names) = left {
                say(&mut end, &format!("processes that it left behind could not be ended: {names}"));
            }
            end
        }
        Err(reason) => end_early(task, reason, &mut child, &mut group, &mut pump, stop).await,
    };
    if tokio::time::timeout(LAST_WORDS, pump.run()).await.is_err() {
        pump.note("a process outside the step's process group holds its output open; no more of it is read");
    }
    let (log, broken) = pump.into_log();
    (with_outputs(end, attempt), log, broken)
}

/// The main process's own end, or the reason to end it.
async fn exit_or_reason(
    task: &Task,
    child: &mut Child,
    stop: &Stop,
) -> Result<io::Result<ExitStatus>, Reason> {
    let time_is_up = async {
        match task.timeout {
            Some(timeout) => {
                tokio::time::sleep(timeout).await;
                Reason::Timeout(timeout)
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        status = child.wait() => Ok(status),
        wish = stop.at_least(Wish::Cancel) => {
            Err(if wish == Wish::Kill { Reason::ServerStops } else { Reason::Canceled })
        }
        reason = time_is_up => Err(reason),
    }
}

/// Add what the step wrote to `$SIGNALBOX_OUTPUT`. A fault there fails a step that had succeeded.
fn with_outputs(mut end: StepEnd, attempt: &Attempt) -> StepEnd {
    let outputs = outputs::read(&attempt.outputs);
    end.outputs = outputs.values;
    if let Some(fault) = outputs.fault {
        if end.outcome == StepOutcome::Succeeded {
            end.outcome = StepOutcome::Failed;
            end.cause = Some(Cause::BadOutput);
        }
        say(&mut end, &fault);
    }
    end
}

/// Finish the log before the end is told, so that whoever knows the end finds all of the output.
async fn finish(mut end: StepEnd, log: LogWriter, broken: Option<OutputError>) -> StepEnd {
    let finished = if log.is_empty() {
        log.finish()
    } else {
        // It waits for the disk.
        match tokio::task::spawn_blocking(move || log.finish()).await {
            Ok(finished) => finished,
            Err(error) => {
                tracing::error!(%error, "finishing a step's output did not end well");
                return end;
            }
        }
    };
    // The first error says why; that the log is broken since then says little.
    if let Some(error) = broken.or(finished.err()) {
        say(&mut end, &format!("its output was not kept in full: {error}"));
    }
    end
}
