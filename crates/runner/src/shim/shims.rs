//! The server's side: a pool of shims.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use model::run::StepEnd;

use super::{
    Settings,
    found::{self, Found},
    frame::{FromShim, How, Order, Progress, ToShim},
    line::Line,
    lost,
    record::{ENDS, EndRecord},
    start::{Idle, start},
};
use crate::{AttemptId, RunnerError, Stop, Task, Workspace, perform::cannot_start, stop::Wish};

/// A shim that dies before it began an attempt is nobody's fault; more than this is.
const TRIES: usize = 3;

/// Performs attempts, each under a shim. All clones are one pool.
///
/// When the last clone is dropped, idle shims end. Those with a step under way go on: the future of
/// [`perform`](Self::perform) may be dropped at any time, and the next [`open`](Self::open) finds what became of it.
#[derive(Clone)]
pub struct Shims {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    settings: Settings,
    idle: Mutex<Vec<Idle>>,
    /// Being started ahead.
    coming: AtomicUsize,
}

impl Shims {
    /// Use the folder `dir`, which is made if it is not there, and find what an earlier server left there: attempts that
    /// go on, that ended, or that are lost. Nothing of an attempt is left running unseen after this.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub async fn open(dir: &Path, settings: Settings) -> Result<(Self, Vec<Found>), RunnerError> {
        let failed = |source| RunnerError::Create { path: dir.to_path_buf(), source };
        let dir = std::path::absolute(dir).map_err(failed)?;
        for folder in [&dir, &dir.join(ENDS)] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let found = found::find(&dir).await.map_err(failed)?;
        let inner = Inner { dir, settings, idle: Mutex::default(), coming: AtomicUsize::new(0) };
        let shims = Self { inner: Arc::new(inner) };
        shims.refill();
        Ok((shims, found))
    }

    /// Perform an attempt under a shim and answer how it ended; its record stays until it is
    /// [acknowledged](Self::acknowledge). No process of it is left then, unless the answer says so.
    pub async fn perform(&self, task: &Task, stop: Stop, mut on: impl FnMut(Progress) + Send) -> StepEnd {
        if !Workspace::is_run(&task.run) {
            return cannot_start(format!("cannot start: {}", RunnerError::BadRun(task.run.clone())));
        }
        let settings = &self.inner.settings;
        let order = ToShim::Task(Box::new(Order {
            task: task.clone(),
            launch: settings.program.launch(),
            cgroups: settings.cgroups.clone(),
            always_cgroup: settings.always_cgroup,
        }));
        for _ in 0..TRIES {
            let mut shim = match self.take().await {
                Ok(shim) => shim,
                Err(error) => return cannot_start(format!("cannot start: no shim can be started: {error}")),
            };
            let sent = shim.line.send(&order).await;
            if sent.is_ok()
                && let Some(end) = follow(&mut shim.line, &stop, &mut on).await
            {
                self.give_back(shim);
                return end;
            }
            let ended = lost::end_of(&self.inner.dir, &shim.folder, shim.process.as_ref(), &task.id()).await;
            if let Some(end) = ended {
                return end;
            }
            // It had not begun, for certain: another shim may.
            tracing::warn!(attempt = %task.id(), "a shim died before it began");
        }
        cannot_start(format!("cannot start: {TRIES} shims died before they began it"))
    }

    /// The end of this attempt is stored: its record is needed no more.
    ///
    /// # Errors
    /// If the record cannot be removed. It is found again after a restart, and may be acknowledged again.
    pub fn acknowledge(&self, id: &AttemptId) -> io::Result<()> {
        EndRecord::remove(&self.inner.dir, id)
    }

    /// Shims that wait for work.
    pub fn idle(&self) -> usize {
        self.inner.lock().len()
    }

    async fn take(&self) -> io::Result<Idle> {
        let taken = self.inner.lock().pop();
        self.refill();
        match taken {
            Some(idle) => Ok(idle),
            None => start(&self.inner.dir, &self.inner.settings).await,
        }
    }

    fn give_back(&self, shim: Idle) {
        let mut idle = self.inner.lock();
        // Above the most, it is let go: it ends when its connection closes, and takes its folder along.
        if idle.len() < self.inner.settings.idle {
            idle.push(shim);
        }
    }

    /// Start what is missing ahead, in nobody's way.
    fn refill(&self) {
        let there = self.inner.lock().len() + self.inner.coming.load(Ordering::Relaxed);
        for _ in there..self.inner.settings.warm {
            self.inner.coming.fetch_add(1, Ordering::Relaxed);
            let pool = Arc::downgrade(&self.inner);
            let (dir, settings) = (self.inner.dir.clone(), self.inner.settings.clone());
            tokio::spawn(async move {
                let started = start(&dir, &settings).await;
                let Some(pool) = pool.upgrade() else { return };
                pool.coming.fetch_sub(1, Ordering::Relaxed);
                match started {
                    // Below those that have worked: their memory is warm.
                    Ok(shim) => pool.lock().insert(0, shim),
                    Err(error) => tracing::warn!(%error, "no shim could be started ahead"),
                }
            });
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follow the attempt of a shim to its end; none if the shim is gone before.
pub(crate) async fn follow(
    line: &mut Line,
    stop: &Stop,
    on: &mut (impl FnMut(Progress) + Send),
) -> Option<StepEnd> {
    let mut said = Wish::GoOn;
    loop {
        let wished = async {
            match said {
                Wish::GoOn => stop.at_least(Wish::Cancel).await,
                Wish::Cancel => stop.at_least(Wish::Kill).await,
                Wish::Kill => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            frame = line.receive::<FromShim>() => match frame {
                Ok(Some(FromShim::Ended(end))) => return Some(*end),
                Ok(Some(FromShim::Started { pid })) => on(Progress::Started { pid }),
                Ok(Some(FromShim::Grew)) => on(Progress::Grew),
                Ok(Some(FromShim::Hello { .. })) => {}
                Ok(None) | Err(_) => return None,
            },
            wish = wished => {
                said = wish;
                let how = if wish == Wish::Kill { How::Kill } else { How::Cancel };
                // That it is gone shows when it is listened to.
                let _ = line.send(&ToShim::Stop(how)).await;
            }
        }
    }
}
