//! One attempt, from its first process to its last.

use std::{
    io,
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};

use model::run::{Cause, StepEnd, StepOutcome};
use output::{LogWriter, OutputError};
use tokio::{process::Child, sync::Notify};

use crate::{
    Cgroups, Stop, Task, Workspace,
    cgroup::Cgroup,
    end::{by_itself, ended, say, span},
    ending::{Reason, end_early, end_left_behind},
    launch::{self, Launch},
    mask::Masks,
    outputs,
    place::Place,
    pump::Pump,
    spawn::{Scene, Started, start},
    stop::Wish,
    tree::Reach,
    user::User,
};

/// How long the pipes are read on after all processes of the tree have ended: somebody outside may hold them.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Told the process that was started.
pub(crate) type OnStarted<'a> = &'a mut (dyn FnMut(u32) + Send);

/// Who performs, and by which means.
pub(crate) struct Stage<'a> {
    pub reach: Reach,
    pub cookie: String,
    pub launch: Launch,
    /// Where each attempt gets a control group of its own.
    pub cgroups: Option<Cgroups>,
    /// A group for attempts without limits too: no process can hide from its end.
    pub always_cgroup: bool,
    /// Of a shim. Steps of other users have one of their own.
    pub place: Option<&'a mut Place>,
    /// Told when readers of the log see more than before.
    pub grew: Option<Arc<Notify>>,
}

/// Perform an attempt without a shim: start its process, write its output to `log`, and answer how it ended. No process
/// of its group is left then, unless the answer says so. If this future is dropped, the group is killed.
pub async fn perform(task: &Task, workspace: &Workspace, log: LogWriter, stop: Stop) -> StepEnd {
    let stage = Stage {
        reach: Reach::Group,
        cookie: cookie(),
        launch: Launch::default(),
        cgroups: None,
        always_cgroup: false,
        place: None,
        grew: None,
    };
    perform_on(stage, task, workspace, log, &stop, &mut |_| {}).await
}

/// A word that nobody else has.
pub(crate) fn cookie() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // Without a source of chance: still no other process has this pid now.
        let now = Instant::now();
        return format!("{}-{now:?}", std::process::id()).replace([' ', '{', '}', ':', ','], "");
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) async fn perform_on(
    stage: Stage<'_>,
    task: &Task,
    workspace: &Workspace,
    log: LogWriter,
    stop: &Stop,
    on_started: OnStarted<'_>,
) -> StepEnd {
    let not_started = match stop.wish() {
        Wish::GoOn => None,
        Wish::Cancel => Some(ended(StepOutcome::Canceled, Cause::Canceled, "canceled before it started")),
        Wish::Kill => Some(cannot_start("not started: the server is stopping")),
    };
    if let Some(end) = not_started {
        return finish(end, log, None).await;
    }
    let masks = Masks::new(task.secrets().map(|secret| secret.bytes()));
    let mut pump = Pump::new(log, masks, stage.grew.clone());
    let mut end = attempt(stage, task, workspace, &mut pump, stop, on_started).await;
    // No secret leaves by another door than the log.
    pump.masks().end(&mut end);
    let (log, broken) = pump.into_log();
    finish(end, log, broken).await
}

async fn attempt(
    stage: Stage<'_>,
    task: &Task,
    workspace: &Workspace,
    pump: &mut Pump,
    stop: &Stop,
    on_started: OnStarted<'_>,
) -> StepEnd {
    let user = match User::of(task.run_as.as_deref()) {
        Ok(user) => user,
        Err(words) => return cannot_start(words),
    };
    let mut own;
    let place = match (stage.place, &user) {
        (Some(place), None) => place,
        _ => {
            own = Place::once(task, workspace, user.clone());
            &mut own
        }
    };
    place.observes(task.facts);
    let given = user.as_ref().map_or(Ok(()), |user| workspace.give(user.uid, user.gid));
    let prepared =
        given.and_then(|()| place.prepare()).and_then(|()| place.give_files(&task.files, &stage.cookie));
    let end = match prepared {
        Err(error) => {
            let folder = workspace.work().display();
            cannot_start(format!("cannot start: no room for it in {folder}: {error}"))
        }
        Ok(()) => {
            let scene = Scene {
                task,
                workspace,
                reach: stage.reach,
                cookie: &stage.cookie,
                launch: &stage.launch,
                user: user.as_ref(),
            };
            let cgroups = stage.cgroups.filter(|_| stage.always_cgroup || task.limits.any());
            tries(&scene, place, cgroups.as_ref(), pump, stop, on_started).await
        }
    };
    place.clear().await;
    end
}

/// One try, or as many as the task wants until one succeeds.
async fn tries(
    scene: &Scene<'_>,
    place: &mut Place,
    cgroups: Option<&Cgroups>,
    pump: &mut Pump,
    stop: &Stop,
    on_started: OnStarted<'_>,
) -> StepEnd {
    let began = Instant::now();
    let due = scene.task.timeout.map(|timeout| began + timeout);
    for number in 1_u64.. {
        let end = one_try(scene, place, cgroups, due, pump, stop, on_started).await;
        let Some(repeat) = scene.task.repeat else { return end };
        let exit_code = end.exit_code;
        let again =
            end.outcome == StepOutcome::Failed && matches!(end.cause, Some(Cause::Exit | Cause::Signal));
        let words = end.message.clone().unwrap_or_else(|| "good".to_owned());
        pump.note(&format!("try {number}: {words}"));
        if !again {
            return end;
        }
        if began.elapsed() + repeat.interval > repeat.within {
            let mut end = ended(
                StepOutcome::Failed,
                Cause::NotAsExpected,
                format!("not good within {} ({number} tries); the last: {words}", span(repeat.within)),
            );
            end.exit_code = exit_code;
            return end;
        }
        let until = Instant::now() + repeat.interval;
        let wish = tokio::select! {
            () = tokio::time::sleep_until(until.into()) => Wish::GoOn,
            wish = stop.at_least(Wish::Cancel) => wish,
        };
        match wish {
            Wish::GoOn => {}
            Wish::Cancel => {
                return ended(StepOutcome::Canceled, Cause::Canceled, "canceled between two tries");
            }
            Wish::Kill => {
                return StepEnd::unknown(Cause::ServerLost, "the server was stopped between two tries");
            }
        }
        if let Err(error) = place.prepare() {
            return cannot_start(format!("cannot start try {}: {error}", number + 1));
        }
    }
    cannot_start("no try was made")
}

async fn one_try(
    scene: &Scene<'_>,
    place: &mut Place,
    cgroups: Option<&Cgroups>,
    due: Option<Instant>,
    pump: &mut Pump,
    stop: &Stop,
    on_started: OnStarted<'_>,
) -> StepEnd {
    let cgroup = match cgroups.map(|cgroups| cgroups.make(&scene.task.limits)).transpose() {
        Ok(cgroup) => cgroup,
        Err(error) => return cannot_start(format!("cannot start: its limits cannot be set: {error}")),
    };
    if let Some(words) = not_held(scene, cgroups, cgroup.as_ref()) {
        pump.note(&words);
    }
    match start(scene, place, cgroup) {
        Ok(started) => {
            on_started(started.pid);
            follow(scene.task, started, due, pump, stop, place).await
        }
        Err(words) => cannot_start(words),
    }
}

/// Which limits this machine cannot hold, in words for the log.
fn not_held(scene: &Scene<'_>, cgroups: Option<&Cgroups>, cgroup: Option<&Cgroup>) -> Option<String> {
    let limits = scene.task.limits;
    let group = |has: fn(&Cgroups) -> bool| cgroup.is_some() && cgroups.is_some_and(has);
    let mut words = Vec::new();
    if limits.memory_bytes.is_some() && !group(|groups| groups.memory) {
        words.push("memory is limited for each process by itself, not for all together");
    }
    if limits.cpu.is_some() && !group(|groups| groups.cpu) {
        words.push("CPU is not limited");
    }
    if limits.processes.is_some() && !group(|groups| groups.processes) {
        words.push(match scene.user {
            Some(_) => "the number of processes is limited for the user, not for the step",
            None => "the number of processes is not limited",
        });
    }
    (!words.is_empty()).then(|| format!("this machine has no control groups for it: {}", words.join("; ")))
}

/// From the running process to the end of its tree and of its output.
async fn follow(
    task: &Task,
    started: Started,
    due: Option<Instant>,
    pump: &mut Pump,
    stop: &Stop,
    place: &Place,
) -> StepEnd {
    let Started { mut child, mut tree, stdout, stderr, asks, .. } = started;
    pump.attach(stdout, stderr, asks);
    let mut end = match pump.meanwhile(exit_or_reason(task, due, &mut child, stop)).await {
        Ok(status) => {
            let left = end_left_behind(task, &mut tree, pump, stop).await;
            let mut end = by_itself(status);
            if let Some(names) = left {
                say(&mut end, &format!("processes that it left behind could not be ended: {names}"));
            }
            end
        }
        Err(reason) => end_early(task, reason, &mut child, &mut tree, pump, stop).await,
    };
    if let Some(words) = launch::complaint(&place.launch) {
        end = cannot_start(words);
    } else if tree.ran_out_of_memory()
        && end.outcome == StepOutcome::Failed
        && end.cause != Some(Cause::Timeout)
    {
        end.cause = Some(Cause::OutOfMemory);
        end.message = Some(match task.limits.memory_bytes {
            Some(bytes) => {
                format!("out of memory: it may use {bytes} bytes; raise its limit, or let it use less")
            }
            None => "out of memory: the system had none left for it".to_owned(),
        });
    }
    if tokio::time::timeout(LAST_WORDS, pump.run()).await.is_err() {
        pump.note("a process outside the step's process group holds its output open; no more of it is read");
    }
    pump.close();
    with_outputs(end, place)
}

/// The main process's own end, or the reason to end it.
async fn exit_or_reason(
    task: &Task,
    due: Option<Instant>,
    child: &mut Child,
    stop: &Stop,
) -> Result<io::Result<ExitStatus>, Reason> {
    let time_is_up = async {
        match due {
            Some(due) => {
                tokio::time::sleep_until(due.into()).await;
                Reason::Timeout(task.timeout.unwrap_or_default())
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

/// Add what the step wrote to `$SIGNALBOX_OUTPUT` and `$SIGNALBOX_FACTS`. A fault there fails a step that had succeeded.
fn with_outputs(mut end: StepEnd, place: &Place) -> StepEnd {
    let outputs = outputs::read(&place.outputs, outputs::Kind::Outputs);
    end.outputs = outputs.values;
    let mut faults = Vec::from_iter(outputs.fault);
    if let Some(path) = &place.facts {
        let facts = outputs::read(path, outputs::Kind::Facts);
        end.facts = facts.values;
        faults.extend(facts.fault);
    }
    for fault in faults {
        if end.outcome == StepOutcome::Succeeded {
            end.outcome = StepOutcome::Failed;
            end.cause = Some(Cause::BadOutput);
        }
        say(&mut end, &fault);
    }
    end
}

pub(crate) fn cannot_start(message: impl Into<String>) -> StepEnd {
    ended(StepOutcome::Failed, Cause::CannotStart, message)
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
