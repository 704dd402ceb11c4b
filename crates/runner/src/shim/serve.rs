//! The shim itself: a process between server and step that outlives the one and ends the other.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::{fd::AsFd, unix::net::UnixListener as StdListener, unix::net::UnixStream as StdStream},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use model::run::{Cause, StepEnd};
use nix::{
    sys::{
        prctl::set_child_subreaper,
        resource::{Resource, getrlimit, setrlimit},
    },
    unistd,
};
use output::Outputs;
use tokio::{
    net::UnixListener,
    signal::unix::{SignalKind, signal},
    sync::{Notify, mpsc},
    task::JoinHandle,
};

use super::{
    frame::{FromShim, How, Order, ToShim, VERSION},
    journal::{Entry, Journal},
    line::{Line, with_socket},
    record::EndRecord,
};
use crate::{
    AttemptId, Stop, Workspace,
    perform::{Stage, cannot_start, cookie, perform_on},
    place::Place,
    process::{self, Process},
    tree::Reach,
};

/// How long until another try to write down an end for which there was no room.
const AGAIN: Duration = Duration::from_secs(1);

/// Be a shim, until the server is gone and nothing is under way. The working directory is the shim's folder, standard
/// input its connection to the server.
pub fn shim() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A file in the shim's folder, or the terminal of somebody who tried the command.
            let _ = writeln!(io::stderr(), "signalbox shim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let stream = StdStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    stream
        .local_addr()
        .map_err(|_| io::Error::other("only the server starts this; nothing here is for people"))?;
    unistd::dup2_stdin(File::open("/dev/null")?)?;
    let folder = std::env::current_dir()?;
    let shims =
        folder.parent().ok_or_else(|| io::Error::other("a shim needs a folder of its own"))?.to_path_buf();
    // Nothing of the server's terminal or group reaches it. It fails for who leads a group, which has one then.
    let _ = unistd::setsid();
    set_child_subreaper(true)?;
    // Secrets of steps must not end in a core file.
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_CORE) {
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, hard);
    }
    let listener = with_socket(&folder, |path| StdListener::bind(path))?;
    listener.set_nonblocking(true)?;
    let journal = Journal::create(&folder)?;
    std::env::set_current_dir("/")?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shim = Shim {
        place: Some(Place::kept(&folder)),
        shims,
        folder: folder.clone(),
        journal: Arc::new(journal),
        unrecorded: None,
        outputs: None,
    };
    runtime.block_on(async {
        let line = Line::from_std(stream)?;
        shim.run(line, UnixListener::from_std(listener)?).await
    })?;
    // What was put aside is being removed; it goes with the folder.
    drop(runtime);
    fs::remove_dir_all(&folder)
}

struct Shim {
    shims: PathBuf,
    folder: PathBuf,
    journal: Arc<Journal>,
    /// None while an attempt has it.
    place: Option<Place>,
    /// An end that could not be written down yet.
    unrecorded: Option<EndRecord>,
    /// Where logs were written last.
    outputs: Option<(PathBuf, Outputs)>,
}

/// An attempt under way.
struct Job {
    id: AttemptId,
    stop: Stop,
    grew: Arc<Notify>,
    started: mpsc::UnboundedReceiver<u32>,
    done: JoinHandle<(StepEnd, Place)>,
}

/// What happens next.
enum Next {
    Frame(io::Result<Option<ToShim>>),
    Connected(io::Result<Line>),
    Started(u32),
    Grew,
    Done(Result<Box<(StepEnd, Place)>, tokio::task::JoinError>),
    /// Time to try again to write down an end.
    Again,
}

impl Shim {
    async fn run(mut self, line: Line, listener: UnixListener) -> io::Result<()> {
        // Whoever stops the service stops the server; steps go on, as they do when it dies. A handler, not a disposition:
        // steps would inherit that.
        let mut term = signal(SignalKind::terminate())?;
        let mut line = Some(line);
        let mut job: Option<Job> = None;
        greet(&mut line, None).await;
        loop {
            if line.is_none() && job.is_none() && self.unrecorded.is_none() {
                return Ok(());
            }
            match next(&mut line, &listener, &mut job, self.unrecorded.is_some(), &mut term).await {
                Next::Frame(Ok(Some(ToShim::Task(order)))) if job.is_none() => {
                    // The server has taken the end of the one before.
                    self.unrecorded = None;
                    job = Some(self.begin(*order));
                }
                // The server has one attempt at a time for us.
                Next::Frame(Ok(Some(ToShim::Task(_)))) => line = None,
                Next::Frame(Ok(Some(ToShim::Stop(how)))) => {
                    if let Some(job) = &job {
                        match how {
                            How::Cancel => job.stop.cancel(),
                            How::Kill => job.stop.kill_now(),
                        }
                    }
                }
                Next::Frame(Ok(None) | Err(_)) => line = None,
                Next::Connected(connected) => {
                    line = connected.ok();
                    let ended = self.unrecorded.as_ref();
                    let running = job.as_ref().map(|job| &job.id).or(ended.map(|record| &record.id)).cloned();
                    greet(&mut line, running).await;
                    if let Some(record) = ended {
                        say(&mut line, &FromShim::Ended(Box::new(record.end.clone()))).await;
                    }
                }
                Next::Again => self.record(),
                Next::Started(pid) => say(&mut line, &FromShim::Started { pid }).await,
                Next::Grew => say(&mut line, &FromShim::Grew).await,
                Next::Done(done) => {
                    let Some(job) = job.take() else { continue };
                    let end = self.finish(&job.id, done);
                    say(&mut line, &FromShim::Ended(Box::new(end))).await;
                }
            }
        }
    }

    fn begin(&mut self, order: Order) -> Job {
        let Order { task, launch, cgroups, always_cgroup } = order;
        let id = task.id();
        let stop = Stop::new();
        let grew = Arc::new(Notify::new());
        let (started, receiver) = mpsc::unbounded_channel();
        let mut place = self.place.take().unwrap_or_else(|| Place::kept(&self.folder));
        let cookie = cookie();
        let mut entry = Entry {
            id: id.clone(),
            cookie: cookie.clone(),
            boot: process::boot().to_owned(),
            process: None,
            secrets: place.folder_of_secrets(&cookie),
            cgroup: cgroups.as_ref().map(|cgroups| cgroups.of_this_process()),
        };
        let log = self.outputs(&task.outputs).and_then(|outputs| {
            outputs
                .create(id.log_key(), task.output_limit)
                .map_err(|error| format!("its output cannot be kept: {error}"))
        });
        let workspace = Workspace::open_or_create(&task.runs, &task.run)
            .map(|workspace| workspace.with_bundle(&task.bundle))
            .map_err(|error| format!("its working directory cannot be made: {error}"));
        // Before anything is started: whoever reads this later looks for processes.
        let written = self.journal.write(Some(&entry)).map_err(|error| {
            format!("the journal of its shim in {} cannot be written: {error}", self.folder.display())
        });
        let journal = Arc::clone(&self.journal);
        let watched = (stop.clone(), Arc::clone(&grew));
        let done = tokio::spawn(async move {
            let (stop, grew) = watched;
            let (log, workspace) = match (log, workspace, written) {
                (Ok(log), Ok(workspace), Ok(())) => (log, workspace),
                (Err(words), ..) | (_, Err(words), _) | (.., Err(words)) => {
                    return (cannot_start(words), place);
                }
            };
            let stage = Stage {
                reach: Reach::Descendants,
                cookie,
                launch,
                cgroups,
                always_cgroup,
                place: Some(&mut place),
                grew: Some(grew),
            };
            let mut on_started = |pid: u32| {
                let process = i32::try_from(pid).ok().and_then(Process::of);
                entry.process = process.map(|process| (process.pid, process.started));
                // Without it the cookie still finds the processes.
                let _ = journal.write(Some(&entry));
                let _ = started.send(pid);
            };
            let end = perform_on(stage, &task, &workspace, log, &stop, &mut on_started).await;
            (end, place)
        });
        Job { id, stop, grew, started: receiver, done }
    }

    fn finish(
        &mut self,
        id: &AttemptId,
        done: Result<Box<(StepEnd, Place)>, tokio::task::JoinError>,
    ) -> StepEnd {
        let end = match done {
            Ok(done) => {
                let (end, place) = *done;
                self.place = Some(place);
                end
            }
            Err(error) => {
                StepEnd::unknown(Cause::ServerLost, format!("its shim failed while it ran: {error}"))
            }
        };
        self.unrecorded = Some(EndRecord { id: id.clone(), end: end.clone() });
        self.record();
        end
    }

    /// Write the end down. Until that is done the journal keeps naming the attempt, so that nobody believes that it never
    /// began, and this process lives.
    fn record(&mut self) {
        let Some(record) = &self.unrecorded else { return };
        match record.write(&self.shims, &self.folder) {
            Ok(()) => {
                let _ = self.journal.write(None);
                self.unrecorded = None;
            }
            Err(error) => {
                let id = &record.id;
                let _ =
                    writeln!(io::stderr(), "signalbox shim: the end of {id} cannot be recorded yet: {error}");
            }
        }
    }

    fn outputs(&mut self, root: &Path) -> Result<&Outputs, String> {
        if self.outputs.as_ref().is_none_or(|(path, _)| path != root) {
            let opened = Outputs::open(root)
                .map_err(|error| format!("its output cannot be kept in {}: {error}", root.display()))?;
            self.outputs = Some((root.to_path_buf(), opened));
        }
        self.outputs.as_ref().map(|(_, outputs)| outputs).ok_or_else(String::new)
    }
}

async fn greet(line: &mut Option<Line>, running: Option<AttemptId>) {
    say(line, &FromShim::Hello { version: VERSION, pid: std::process::id(), running }).await;
}

/// A server that is gone misses it, and finds the record.
async fn say(line: &mut Option<Line>, frame: &FromShim) {
    if let Some(open) = line
        && open.send(frame).await.is_err()
    {
        *line = None;
    }
}

async fn next(
    line: &mut Option<Line>,
    listener: &UnixListener,
    job: &mut Option<Job>,
    unrecorded: bool,
    term: &mut tokio::signal::unix::Signal,
) -> Next {
    let busy = job.is_some() || unrecorded;
    loop {
        let connected = line.is_some();
        let from_server = async {
            match line {
                Some(line) => line.receive().await,
                None => std::future::pending().await,
            }
        };
        let from_job = async {
            match job {
                Some(Job { done, started, grew, .. }) => tokio::select! {
                    biased;
                    Some(pid) = started.recv() => Next::Started(pid),
                    end = done => Next::Done(end.map(Box::new)),
                    () = grew.notified() => Next::Grew,
                },
                None => std::future::pending().await,
            }
        };
        return tokio::select! {
            next = from_job => next,
            frame = from_server => Next::Frame(frame),
            // One server at a time: the next is heard when the one before is gone, with all that it had said.
            accepted = listener.accept(), if !connected => {
                Next::Connected(accepted.map(|(stream, _)| Line::new(stream)))
            }
            () = tokio::time::sleep(AGAIN), if unrecorded => Next::Again,
            _ = term.recv() => if busy { continue } else { Next::Frame(Ok(None)) },
        };
    }
}
