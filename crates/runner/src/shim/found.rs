//! After a restart: the attempts that an earlier server left under their shims.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use model::run::{Cause, StepEnd};
use nix::sys::signal::Signal;
use tokio::{net::UnixStream, task::JoinSet};

use super::{
    Progress,
    frame::FromShim,
    journal::Journal,
    line::{Line, with_socket},
    lost,
    record::{ENDS, EndRecord},
    shims::follow,
};
use crate::{AttemptId, Stop, process::Process};

/// How long a shim may take to say what it does.
const HELLO: Duration = Duration::from_secs(3);

/// An attempt of an earlier server.
#[derive(Debug)]
pub enum Found {
    /// It goes on.
    Running(Attached),
    /// It ended while no server was there. The record stays until it is acknowledged.
    Ended { id: AttemptId, end: StepEnd },
    /// Its shim died. Its processes were found and killed, unless `end` says otherwise; nobody can say how it ended.
    /// Until it is acknowledged, it is found as ended after this.
    Lost { id: AttemptId, end: StepEnd },
}

impl Found {
    pub fn id(&self) -> &AttemptId {
        match self {
            Self::Running(attached) => &attached.id,
            Self::Ended { id, .. } | Self::Lost { id, .. } => id,
        }
    }
}

/// An attempt that goes on under a shim of an earlier server. Dropped, it still goes on.
pub struct Attached {
    id: AttemptId,
    shims: PathBuf,
    folder: PathBuf,
    line: Line,
    process: Option<Process>,
}

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attached").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Attached {
    pub fn id(&self) -> &AttemptId {
        &self.id
    }

    /// As [`Shims::perform`](crate::Shims::perform), from here on. Its log may have grown before the first word of it.
    pub async fn follow(mut self, stop: Stop, mut on: impl FnMut(Progress) + Send) -> StepEnd {
        if let Some(end) = follow(&mut self.line, &stop, &mut on).await {
            return end;
        }
        let end = lost::end_of(&self.shims, &self.folder, self.process.as_ref(), &self.id).await;
        end.unwrap_or_else(|| {
            StepEnd::unknown(Cause::ServerLost, "its shim is gone, and left no word of how it ended")
        })
    }
}

pub(crate) async fn find(shims: &Path) -> io::Result<Vec<Found>> {
    let mut looks = JoinSet::new();
    for entry in fs::read_dir(shims)? {
        let entry = entry?;
        if entry.file_name() != ENDS && entry.file_type()?.is_dir() {
            let shims = shims.to_path_buf();
            looks.spawn(async move { look(&shims, &entry.path()).await });
        }
    }
    let mut found: Vec<Found> = looks.join_all().await.into_iter().flatten().collect();
    // Last, so that no end is missed that comes while we look.
    for record in EndRecord::all(shims) {
        // A lost one has a record by now.
        if found.iter().any(|found| matches!(found, Found::Lost { id, .. } if id.is_of(&record.id))) {
            continue;
        }
        found.retain(|found| !found.id().is_of(&record.id));
        found.push(Found::Ended { id: record.id, end: record.end });
    }
    Ok(found)
}

/// What the shim in `folder` does or did; none if nothing, or its end is recorded.
async fn look(shims: &Path, folder: &Path) -> Option<Found> {
    let mut shim = None;
    if let Ok(stream) = connect(folder) {
        // Asked of the kernel, since the shim may not answer.
        let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
        shim = pid.and_then(Process::of);
        let mut line = Line::new(stream);
        let hello = tokio::time::timeout(HELLO, line.receive::<FromShim>()).await;
        let attached = |id: AttemptId, line| {
            let (shims, folder) = (shims.to_path_buf(), folder.to_path_buf());
            Found::Running(Attached { id, shims, folder, line, process: shim.clone() })
        };
        match hello {
            Ok(Ok(Some(FromShim::Hello { running: Some(id), .. }))) => return Some(attached(id, line)),
            // With nothing to do it ends, as every shim whose server has gone.
            Ok(Ok(Some(_))) => return None,
            // It is there and says nothing: stopped by somebody, or starved. It will go on, or end.
            Err(_) => match Journal::read(folder) {
                Some(entry) => return Some(attached(entry.id, line)),
                // It may have been told to begin something that it has not heard yet. Whoever finds no trace of an attempt
                // takes it as not begun, so it must not hear of it any more.
                None => silence(shim.as_ref()).await,
            },
            Ok(Ok(None) | Err(_)) => {}
        }
    }
    let id = Journal::read(folder).map(|entry| entry.id);
    let Some(id) = id else {
        lost::forget(folder);
        return None;
    };
    let end = lost::end_of(shims, folder, shim.as_ref(), &id).await?;
    Some(Found::Lost { id, end })
}

/// End a shim that does nothing, and see it gone.
async fn silence(shim: Option<&Process>) {
    let Some(shim) = shim else { return };
    let there = || Process::of(shim.pid).is_some_and(|now| now.started == shim.started && !now.ended);
    while there() {
        shim.signal(Signal::SIGKILL);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn connect(folder: &Path) -> io::Result<UnixStream> {
    let stream = with_socket(folder, |path| std::os::unix::net::UnixStream::connect(path))?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}
