//! The one function behind which processes are started.

use std::{io, process::Stdio};

use tokio::{
    net::unix::pipe::Receiver,
    process::{Child, Command},
};

use crate::{Task, Workspace, attempt::Attempt, environment::environment, group::Group, program::Program};

/// A process that was started, in a group of its own.
pub(crate) struct Started {
    pub child: Child,
    pub group: Group,
    pub stdout: Receiver,
    pub stderr: Receiver,
}

/// Start the process of an attempt; in words why it cannot be started.
///
/// Everything set here is something that `posix_spawn` can do, so that the standard library needs no `fork`: with a
/// large server around it, that would be slow.
pub(crate) fn start(task: &Task, workspace: &Workspace, attempt: &Attempt) -> Result<Started, String> {
    let program = Program::of(&task.action, workspace, attempt)?;
    let (stdout, stdout_end) = pipe().map_err(no_pipe)?;
    let (stderr, stderr_end) = pipe().map_err(no_pipe)?;
    let child = Command::new(&program.path)
        .arg0(&program.name)
        .args(&program.args)
        .env_clear()
        .envs(environment(task, workspace, attempt))
        .current_dir(workspace.work())
        .stdin(Stdio::null())
        .stdout(stdout_end)
        .stderr(stderr_end)
        .process_group(0)
        .spawn()
        .map_err(|error| match workspace.work().is_dir() {
            true => program.why_not(&error),
            false => "cannot start: the working directory is gone; a step before removed it".to_owned(),
        })?;
    let group = child.id().and_then(Group::led_by).ok_or("cannot start: the process has no id")?;
    Ok(Started { child, group, stdout, stderr })
}

/// A pipe: our end does not block, the step's does.
fn pipe() -> io::Result<(Receiver, io::PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((Receiver::from_owned_fd(reader.into())?, writer))
}

fn no_pipe(error: io::Error) -> String {
    format!("cannot start: no pipe for its output: {error}")
}
