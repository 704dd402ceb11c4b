//! Starting a shim.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File},
    io,
    os::{
        fd::OwnedFd,
        unix::{fs::DirBuilderExt, fs::OpenOptionsExt, net::UnixStream},
    },
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Duration,
};

use tokio::process::Command;

use super::{
    frame::{FromShim, VERSION},
    line::Line,
};
use crate::{
    Cgroups,
    launch::{Launch, ORDERS},
    perform::cookie,
    process::{self, Process},
};

/// How long a new shim may take to say that it is there.
const HELLO: Duration = Duration::from_secs(30);
/// Tells a process that it is a shim.
const SHIM: &str = "SIGNALBOX_SHIM";

/// The program that becomes shim and launcher.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    shim: Vec<OsString>,
    launch: Vec<OsString>,
}

impl Program {
    /// This very program, even if an upgrade has put another in its place: `shim` and `launch` are its commands, which
    /// answer with [`shim`](crate::shim) and [`launch`](crate::launch).
    pub fn this() -> Self {
        Self { path: "/proc/self/exe".into(), shim: vec!["shim".into()], launch: vec!["launch".into()] }
    }

    /// A program whose `main` calls [`helper`] first.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), shim: Vec::new(), launch: Vec::new() }
    }

    /// For tests: this test binary, in which the test `name` does nothing but to call [`helper`]. What such a
    /// launcher's harness prints shows in the step's output.
    pub fn test(name: &str) -> Self {
        let args: Vec<OsString> =
            [name, "--exact", "--nocapture", "--test-threads=1"].map(OsString::from).to_vec();
        Self { path: "/proc/self/exe".into(), shim: args.clone(), launch: args }
    }

    pub(crate) fn launch(&self) -> Launch {
        Launch { args: self.launch.clone() }
    }
}

/// Be a shim or a launcher if this process was started as one, and answer its exit code then.
pub fn helper() -> Option<ExitCode> {
    if std::env::var_os(ORDERS).is_some() {
        Some(crate::launch())
    } else if std::env::var_os(SHIM).is_some() {
        Some(crate::shim())
    } else {
        None
    }
}

/// How the pool of shims works.
#[derive(Clone, Debug)]
pub struct Settings {
    pub program: Program,
    /// So many are started ahead.
    pub warm: usize,
    /// Idle ones above this are let go.
    pub idle: usize,
    /// Where steps get control groups; [`Cgroups::probe`] finds out.
    pub cgroups: Option<Cgroups>,
    /// A control group for steps without limits too: each then costs a launcher.
    pub always_cgroup: bool,
}

impl Settings {
    pub fn new(program: Program) -> Self {
        Self { program, warm: 2, idle: 16, cgroups: Cgroups::probe(), always_cgroup: false }
    }
}

/// A shim with nothing to do.
pub(crate) struct Idle {
    pub line: Line,
    pub folder: PathBuf,
    pub process: Option<Process>,
}

/// Start a shim and wait until it says that it is there.
pub(crate) async fn start(shims: &Path, settings: &Settings) -> io::Result<Idle> {
    let folder = shims.join(cookie().get(..16).unwrap_or("shim"));
    DirBuilder::new().mode(0o700).create(&folder)?;
    let started = start_in(&folder, settings).await;
    if started.is_err() {
        let _ = fs::remove_dir_all(&folder);
    }
    started
}

async fn start_in(folder: &Path, settings: &Settings) -> io::Result<Idle> {
    let errors = File::options().append(true).create(true).mode(0o600).open(folder.join("errors"))?;
    // The first connection is there before the shim is. Both ends close when another program is executed; the shim's is
    // its standard input, which it puts elsewhere at once.
    let (ours, theirs) = UnixStream::pair()?;
    let mut child = Command::new(&settings.program.path)
        .arg0("signalbox")
        .args(&settings.program.shim)
        .env_clear()
        .env(SHIM, "1")
        // So it learns its folder.
        .current_dir(folder)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()?;
    tokio::spawn(async move {
        // Only so that its entry in the kernel's table goes when it ends.
        let _ = child.wait().await;
    });
    let mut line = Line::from_std(ours)?;
    let hello = tokio::time::timeout(HELLO, line.receive::<FromShim>()).await;
    match hello {
        Ok(Ok(Some(FromShim::Hello { version: VERSION, pid, .. }))) => {
            let process = i32::try_from(pid).ok().and_then(process::Process::of);
            Ok(Idle { line, folder: folder.to_path_buf(), process })
        }
        _ => {
            let words = fs::read_to_string(folder.join("errors")).unwrap_or_default();
            Err(io::Error::other(format!("the shim did not come up: {}", words.trim())))
        }
    }
}
