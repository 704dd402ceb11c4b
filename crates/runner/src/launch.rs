//! The launcher: this program once more, between shim and step, for what a process can only do to itself.
//!
//! It joins the control group, sets limits, becomes the step's user, and then becomes the step's program. It is the same
//! process as the step: no exit code passes through its hands. Only steps that need it pay for it.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read, Seek, Write},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::{Path, PathBuf},
};

use nix::{
    sys::resource::{Resource, setrlimit},
    unistd,
};
use serde::{Deserialize, Serialize};

use crate::{Limits, Task, cgroup::Cgroup, program::Program, user::User};

/// Names the file with the launcher's orders. The step itself does not see it.
pub(crate) const ORDERS: &str = "SIGNALBOX_LAUNCH";
/// As shells say it of a program that cannot be started; nobody looks at it when the launcher has said why.
const CANNOT_START: u8 = 127;

/// How this program is started as a launcher.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub args: Vec<OsString>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Orders {
    path: PathBuf,
    name: OsString,
    args: Vec<OsString>,
    dir: PathBuf,
    /// Where to join the control group.
    procs: Option<PathBuf>,
    /// Limits that the control group does not hold.
    memory_bytes: Option<u64>,
    processes: Option<u64>,
    user: Option<(u32, u32, String)>,
}

impl Orders {
    pub fn new(
        program: &Program,
        dir: &Path,
        task: &Task,
        cgroup: Option<&Cgroup>,
        user: Option<&User>,
    ) -> Self {
        let held = |file: &str| cgroup.is_some_and(|cgroup| cgroup.folder().join(file).exists());
        let Limits { memory_bytes, processes, .. } = task.limits;
        Self {
            path: program.path.clone(),
            name: program.name.clone(),
            args: program.args.clone(),
            dir: dir.to_path_buf(),
            procs: cgroup.map(Cgroup::procs),
            memory_bytes: memory_bytes.filter(|_| !held("memory.max")),
            // The system counts these by user: for a user that others share it would count the others too.
            processes: processes.filter(|_| !held("pids.max") && user.is_some()),
            user: user.map(|user| (user.uid, user.gid, user.name.clone())),
        }
    }
}

/// The command that becomes the step. Its orders wait in the file `path`.
pub(crate) fn command(
    launch: &Launch,
    orders: &Orders,
    path: &Path,
) -> Result<tokio::process::Command, String> {
    let failed =
        |error: io::Error| format!("cannot start: no orders for its launcher in {}: {error}", path.display());
    let text = serde_json::to_vec(orders).map_err(|error| failed(error.into()))?;
    let _ = fs::remove_file(path);
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(&text))
        .map_err(failed)?;
    // Whatever lies at this program's path by now, the running one is what reads these orders.
    let mut command = tokio::process::Command::new("/proc/self/exe");
    command.arg0("signalbox").args(&launch.args).env_clear().env(ORDERS, path);
    Ok(command)
}

/// Why the launcher could not start the step; none if it did.
pub(crate) fn complaint(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let _ = fs::remove_file(path);
    (!text.is_empty()).then_some(text)
}

/// Be the launcher: become the step. Only answers if that cannot be done; the shim has been told why.
pub fn launch() -> std::process::ExitCode {
    let Some(path) = std::env::var_os(ORDERS) else {
        let _ =
            writeln!(io::stderr(), "signalbox launch: only a shim starts this; nothing here is for people");
        return std::process::ExitCode::from(CANNOT_START);
    };
    let opened = File::options().read(true).write(true).custom_flags(nix::libc::O_NOFOLLOW).open(&path);
    let Ok(mut file) = opened else { return std::process::ExitCode::from(CANNOT_START) };
    let words = match read(&mut file) {
        Ok(orders) => become_step(&orders),
        Err(error) => format!("cannot start: its launcher cannot read its orders: {error}"),
    };
    // Opened while it was still ours to write.
    let _ = file.rewind().and_then(|()| file.write_all(words.as_bytes()));
    std::process::ExitCode::from(CANNOT_START)
}

/// Read the orders and leave nothing in the file, which says that all went well.
fn read(file: &mut File) -> io::Result<Orders> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    file.set_len(0)?;
    Ok(serde_json::from_slice(&text)?)
}

/// In words why not; there is no other answer.
fn become_step(orders: &Orders) -> String {
    match prepare(orders) {
        Err(words) => words,
        Ok(()) => {
            let program =
                Program { path: orders.path.clone(), name: orders.name.clone(), args: orders.args.clone() };
            let error = std::process::Command::new(&program.path)
                .arg0(&program.name)
                .args(&program.args)
                .env_remove(OsStr::new(ORDERS))
                .exec();
            program.why_not(&error)
        }
    }
}

fn prepare(orders: &Orders) -> Result<(), String> {
    if let Some(procs) = &orders.procs {
        fs::write(procs, "0").map_err(|error| {
            format!("cannot start: it cannot join the control group {}: {error}", procs.display())
        })?;
    }
    let limit = |resource, value: u64, what: &str| {
        setrlimit(resource, value, value)
            .map_err(|error| format!("cannot start: its limit of {what} is refused: {error}"))
    };
    if let Some(bytes) = orders.memory_bytes {
        limit(Resource::RLIMIT_AS, bytes, "memory")?;
    }
    if let Some((uid, gid, name)) = &orders.user {
        let refused = |error| format!("cannot start as `{name}`: {error}");
        let named = std::ffi::CString::new(name.as_str()).map_err(|_| format!("cannot start as `{name}`"))?;
        unistd::initgroups(&named, (*gid).into()).map_err(refused)?;
        unistd::setgid((*gid).into()).map_err(refused)?;
        if let Some(processes) = orders.processes {
            limit(Resource::RLIMIT_NPROC, processes, "processes")?;
        }
        unistd::setuid((*uid).into()).map_err(refused)?;
    }
    std::env::set_current_dir(&orders.dir).map_err(|error| {
        let whom = orders.user.as_ref().map(|(_, _, name)| format!(" as `{name}`")).unwrap_or_default();
        format!("cannot start{whom}: it cannot go to {}: {error}", orders.dir.display())
    })
}
