//! A folder with shims, output and runs, and short ways to perform under a shim.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use ::output::{Outputs, Stream};
use model::run::StepEnd;
use runner::{AttemptId, Found, Program, Settings, Shims, Stop, Task};
use tempfile::TempDir;

use crate::scene::{Performed, RUN, lives};

pub struct ShimScene {
    pub folder: TempDir,
    pub shims: Shims,
    pub outputs: Outputs,
    /// Two warm ones are there at first.
    pub settings: Settings,
}

pub fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_runner-test-hand"))
}

impl ShimScene {
    pub async fn new() -> Self {
        Self::with(Settings::new(program())).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::within(tempfile::tempdir().unwrap(), settings).await
    }

    pub async fn within(folder: TempDir, settings: Settings) -> Self {
        let outputs = Outputs::open(folder.path().join("outputs")).unwrap();
        let (shims, found) = Shims::open(&folder.path().join("shims"), settings.clone()).await.unwrap();
        assert!(found.is_empty(), "{found:?}");
        Self { folder, shims, outputs, settings }
    }

    /// The task, in this folder.
    pub fn here(&self, task: Task) -> Task {
        Task { outputs: self.folder.path().join("outputs"), runs: self.folder.path().join("runs"), ..task }
    }

    pub async fn perform(&self, task: Task) -> Performed {
        self.perform_until(task, Stop::new()).await
    }

    pub async fn perform_until(&self, task: Task, stop: Stop) -> Performed {
        let task = self.here(task);
        let end = self.shims.perform(&task, stop, |_| {}).await;
        self.shims.acknowledge(&task.id()).unwrap();
        self.performed(&task.id(), end)
    }

    /// What it wrote, as another process reads it.
    pub fn performed(&self, id: &AttemptId, end: StepEnd) -> Performed {
        let (mut stdout, mut stderr, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        let mut reader = self.outputs.read(&id.log_key(), 0).unwrap();
        while let Some(frame) = reader.try_next().unwrap() {
            match frame.stream {
                Stream::Stdout => stdout.extend(frame.bytes),
                Stream::Stderr => stderr.extend(frame.bytes),
                Stream::Note => notes.push(String::from_utf8(frame.bytes).unwrap()),
            }
        }
        Performed { end, stdout, stderr, notes }
    }

    /// Let the server die and another come.
    pub async fn reopen(&mut self) -> Vec<Found> {
        let (shims, found) =
            Shims::open(&self.folder.path().join("shims"), self.settings.clone()).await.unwrap();
        self.shims = shims;
        found
    }

    pub fn work(&self, name: &str) -> PathBuf {
        self.folder.path().join("runs").join(RUN).join("work").join(name)
    }

    /// Wait until a step has written a whole line to a file in the working directory.
    pub async fn line(&self, name: &str) -> String {
        let mut line = None;
        eventually("the step writes its line", || {
            let text = std::fs::read_to_string(self.work(name)).unwrap_or_default();
            line = text.strip_suffix('\n').map(str::to_owned);
            line.is_some()
        })
        .await;
        line.unwrap()
    }

    pub async fn all_gone(&self, name: &str) {
        for pid in self.line(name).await.split_whitespace() {
            assert!(!lives(pid), "{pid} lives");
        }
    }
}

pub async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(15), "{what}: never");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
