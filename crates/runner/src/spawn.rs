//! The one function behind which processes are started.

use std::{
    io,
    path::{Component, Path, PathBuf},
    process::Stdio,
};

use tokio::{
    net::unix::pipe::Receiver,
    process::{Child, Command},
};

use crate::{
    Task, Workspace,
    asks::Asks,
    cgroup::Cgroup,
    environment::{environment, path},
    launch::{self, Launch},
    place::Place,
    program::Program,
    tree::{Reach, Tree},
    user::User,
};

/// A process that was started, in a group of its own.
pub(crate) struct Started {
    pub pid: u32,
    pub child: Child,
    pub tree: Tree,
    pub stdout: Receiver,
    pub stderr: Receiver,
    /// What it writes to `$SIGNALBOX_MASK`.
    pub asks: Asks,
}

/// What starting needs to know beside the task.
pub(crate) struct Scene<'a> {
    pub task: &'a Task,
    pub workspace: &'a Workspace,
    pub reach: Reach,
    pub cookie: &'a str,
    pub launch: &'a Launch,
    pub user: Option<&'a User>,
}

/// Start the process of an attempt; in words why it cannot be started.
///
/// Everything set here is something that `posix_spawn` can do, so that the standard library needs no `fork`: with a
/// large server around it, that would be slow. What it cannot do (limits, another user) the launcher does.
pub(crate) fn start(scene: &Scene<'_>, place: &Place, cgroup: Option<Cgroup>) -> Result<Started, String> {
    let Scene { task, workspace, .. } = scene;
    let dir = directory(task, workspace)?;
    let program = Program::of(&task.action, workspace, place, &dir, path(task))?;
    let environment = environment(task, workspace, place, scene.cookie)?;
    let (stdout, stdout_end) = pipe().map_err(no_pipe)?;
    let (stderr, stderr_end) = pipe().map_err(no_pipe)?;
    let asks = place.open_mask().map_err(no_pipe)?;
    let own = cgroup.is_none() && scene.user.is_none() && !task.limits.any();
    let mut command = if own {
        let mut command = Command::new(&program.path);
        command.arg0(&program.name).args(&program.args).env_clear().current_dir(&dir);
        command
    } else {
        let orders = launch::Orders::new(&program, &dir, task, cgroup.as_ref(), scene.user);
        launch::command(scene.launch, &orders, &place.launch)?
    };
    let child = command
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(stdout_end)
        .stderr(stderr_end)
        .process_group(0)
        .spawn()
        .map_err(|error| match (dir.is_dir(), own) {
            (true, true) => program.why_not(&error),
            (true, false) => format!("cannot start: its launcher does not start: {error}"),
            (false, _) if dir == workspace.work() => {
                "cannot start: the working directory is gone; a step before removed it".to_owned()
            }
            (false, _) => format!("cannot start: `dir` is not a directory: {}", dir.display()),
        })?;
    let pid = child.id().ok_or("cannot start: the process has no id")?;
    let tree = Tree::of(pid, scene.reach, scene.cookie.to_owned(), cgroup)
        .ok_or("cannot start: the process has no id")?;
    Ok(Started { pid, child, tree, stdout, stderr, asks })
}

/// Where the process starts.
fn directory(task: &Task, workspace: &Workspace) -> Result<PathBuf, String> {
    let work = workspace.work();
    let Some(dir) = &task.dir else { return Ok(work.to_path_buf()) };
    let joined = work.join(dir);
    if Path::new(dir).is_absolute() {
        return Ok(joined);
    }
    let climbs = || format!("cannot start: `dir: {dir}` leads out of the working directory");
    let lexical =
        Path::new(dir).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !lexical {
        return Err(climbs());
    }
    // A link that a step before made may lead anywhere.
    match (joined.canonicalize(), work.canonicalize()) {
        (Ok(real), Ok(work)) if !real.starts_with(&work) => Err(climbs()),
        _ => Ok(joined),
    }
}

/// A pipe: our end does not block, the step's does.
fn pipe() -> io::Result<(Receiver, io::PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((Receiver::from_owned_fd(reader.into())?, writer))
}

fn no_pipe(error: io::Error) -> String {
    format!("cannot start: no pipe for its output: {error}")
}
