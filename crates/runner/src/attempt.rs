//! What an attempt has for itself: its script, the file for its outputs, its TMPDIR. All gone when it has ended.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
};

use crate::{Task, Workspace, remove::remove_tree};

pub(crate) struct Attempt {
    pub script: PathBuf,
    pub outputs: PathBuf,
    pub tmp: PathBuf,
}

impl Attempt {
    /// Make the TMPDIR and an empty file for the outputs.
    pub fn prepare(task: &Task, workspace: &Workspace) -> io::Result<Self> {
        let path = |thing| workspace.of_attempt(task.step, task.attempt, thing);
        let attempt = Self { script: path("script"), outputs: path("output"), tmp: path("tmp") };
        fs::DirBuilder::new().mode(0o700).create(&attempt.tmp)?;
        File::options().write(true).create_new(true).mode(0o600).open(&attempt.outputs)?;
        Ok(attempt)
    }

    pub fn write_script(&self, body: &str) -> io::Result<()> {
        File::options()
            .write(true)
            .create_new(true)
            .mode(0o500)
            .open(&self.script)?
            .write_all(body.as_bytes())
    }

    /// Remove everything. A TMPDIR with something in it may be large, so that goes to a thread for slow work.
    pub async fn clear(self) {
        let mut left = Vec::new();
        for path in [self.script, self.outputs] {
            if fs::remove_file(&path).is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                left.push(path);
            }
        }
        if fs::remove_dir(&self.tmp).is_err() {
            left.push(self.tmp);
        }
        if left.is_empty() {
            return;
        }
        let removed = tokio::task::spawn_blocking(move || left.iter().try_for_each(|path| remove_tree(path)));
        // Whatever is left goes with the run's folder; it takes nothing from the step's end.
        match removed.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "an attempt left something behind"),
            Err(error) => tracing::warn!(%error, "clearing up after an attempt did not end well"),
        }
    }
}
