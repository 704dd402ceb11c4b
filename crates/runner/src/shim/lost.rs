//! When a shim is gone: what became of its attempt, and no process of it left unseen.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use model::run::{Cause, StepEnd};
use nix::sys::signal::Signal;

use super::{
    journal::{Entry, Journal},
    record::EndRecord,
};
use crate::{
    AttemptId, cgroup,
    process::{self, Process, names, unite},
    remove::remove_tree,
};

/// How long a shim that says nothing more may take to be gone.
const GOING: Duration = Duration::from_secs(2);
/// How long the kernel may take to end killed processes.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// What became of the attempt `id` of the shim in `folder`, which does not answer any more; none if it never began.
pub(crate) async fn end_of(
    shims: &Path,
    folder: &Path,
    shim: Option<&Process>,
    id: &AttemptId,
) -> Option<StepEnd> {
    if let Some(shim) = shim {
        see_off(shim).await;
    }
    let record = EndRecord::read(shims, id);
    let entry = Journal::read(folder).filter(|entry| entry.id.is_of(id));
    let end = match (record, &entry) {
        (Some(record), _) => Some(record.end),
        (None, Some(entry)) => {
            let record = EndRecord { id: id.clone(), end: end_orphans(entry).await };
            // Whoever is told this may die before it is stored. Without a record the journal stays, and says it again.
            if let Err(error) = record.write(shims, folder) {
                tracing::error!(attempt = %id, %error, "the end of an attempt cannot be recorded");
                return Some(record.end);
            }
            Some(record.end)
        }
        (None, None) => None,
    };
    forget(folder);
    end
}

/// Remove the folder of a shim that is gone.
pub(crate) fn forget(folder: &Path) {
    if let Err(error) = remove_tree(folder) {
        tracing::warn!(%error, "the folder of a shim is left");
    }
}

/// Wait until it is gone. One that only keeps silent cannot be asked any more, so it is killed.
async fn see_off(shim: &Process) {
    let lives = || Process::of(shim.pid).is_some_and(|now| now.started == shim.started && !now.ended);
    let began = Instant::now();
    while lives() && began.elapsed() < GOING + KILL_WAIT {
        if began.elapsed() > GOING {
            shim.signal(Signal::SIGKILL);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Find the processes of an attempt whose shim is gone, kill them, and make sure.
pub(crate) async fn end_orphans(entry: &Entry) -> StepEnd {
    if entry.boot != process::boot() {
        let _ = remove_tree(&entry.secrets);
        return StepEnd::unknown(Cause::ServerLost, "the machine was restarted while it ran");
    }
    let mut killed = Vec::new();
    let deadline = Instant::now() + KILL_WAIT;
    let mut quiet = 0;
    let left = loop {
        let mut found = process::with_cookie(&entry.cookie);
        unite(&mut found, group(entry));
        quiet = if found.is_empty() { quiet + 1 } else { 0 };
        if quiet == 2 || Instant::now() >= deadline {
            break found;
        }
        entry.cgroup.iter().for_each(|folder| cgroups_under(folder));
        found.iter().for_each(|process| process.signal(Signal::SIGKILL));
        unite(&mut killed, found);
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let _ = remove_tree(&entry.secrets);
    let lost = "its shim was killed while it ran, so nobody can say how it ended";
    if !left.is_empty() {
        let message = format!("{lost}; these processes could not be ended: {}", names(&left));
        return StepEnd::unknown(Cause::LeftProcesses, message);
    }
    let after = match killed.as_slice() {
        [] => "none of its processes was left".to_owned(),
        killed => format!("its processes were killed: {}", names(killed)),
    };
    StepEnd::unknown(Cause::ServerLost, format!("{lost}; {after}"))
}

/// Those in the group of the attempt's first process, as long as that is surely the one.
fn group(entry: &Entry) -> Vec<Process> {
    let Some((pid, started)) = entry.process else { return Vec::new() };
    let Some(first) = Process::of(pid).filter(|first| first.started == started) else { return Vec::new() };
    let of_group = |process: &Process| process.group == first.pid && !process.ended;
    process::all().into_iter().filter(of_group).collect()
}

/// Kill all in the control groups that the shim made.
fn cgroups_under(prefix: &Path) {
    let (Some(root), Some(name)) = (prefix.parent(), prefix.file_name().and_then(|name| name.to_str()))
    else {
        return;
    };
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|entry| entry.starts_with(&format!("{name}-"))) {
            cgroup::kill(&entry.path());
            let _ = fs::remove_dir(entry.path());
        }
    }
}
