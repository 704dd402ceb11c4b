//! A run's folder and a task, and short ways to perform it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ::output::{LogKey, Outputs, Stream};
use model::{
    run::StepEnd,
    runbook::{FileMode, Script},
};
use runner::{Action, BundleFile, Stop, Task, Workspace, perform};
use tempfile::TempDir;

pub const RUN: &str = "0198c0de-0000-7000-8000-000000000001";

pub struct Scene {
    pub folder: TempDir,
    pub outputs: Outputs,
    pub workspace: Workspace,
}

/// How an attempt ended and what it wrote.
#[derive(Debug)]
pub struct Performed {
    pub end: StepEnd,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub notes: Vec<String>,
}

impl Scene {
    pub fn new() -> Self {
        Self::with_files(&[])
    }

    pub fn with_files(files: &[BundleFile]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let outputs = Outputs::open(folder.path().join("outputs")).unwrap();
        let workspace = Workspace::create(&folder.path().join("runs"), RUN, files).unwrap();
        Self { folder, outputs, workspace }
    }

    pub async fn perform(&self, task: &Task) -> Performed {
        self.perform_until(task, Stop::new()).await
    }

    pub async fn perform_until(&self, task: &Task, stop: Stop) -> Performed {
        let key = LogKey { run: task.run.clone(), step: task.step, attempt: task.attempt };
        let log = self.outputs.create(key.clone(), 1 << 30).unwrap();
        let end = perform(task, &self.workspace, log, stop).await;
        let (mut stdout, mut stderr, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        let mut reader = self.outputs.read(&key, 0).unwrap();
        while let Some(frame) = reader.try_next().unwrap() {
            match frame.stream {
                Stream::Stdout => stdout.extend(frame.bytes),
                Stream::Stderr => stderr.extend(frame.bytes),
                Stream::Note => notes.push(String::from_utf8(frame.bytes).unwrap()),
            }
        }
        Performed { end, stdout, stderr, notes }
    }

    /// Perform a body of `sh`.
    pub async fn sh(&self, body: &str) -> Performed {
        self.perform(&sh(body)).await
    }

    pub fn work(&self, name: &str) -> PathBuf {
        self.workspace.work().join(name)
    }

    /// Wait until a step has written a whole line to a file in the working directory.
    pub async fn line(&self, name: &str) -> String {
        for _ in 0..1000 {
            let text = fs::read_to_string(self.work(name)).unwrap_or_default();
            if let Some(line) = text.strip_suffix('\n') {
                return line.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{name} was not written");
    }

    /// Names beside `work` and `files` in the run's folder.
    pub fn left_of_attempts(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.workspace.work().parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "work" && name != "files")
            .collect();
        names.sort();
        names
    }
}

impl Performed {
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    pub fn message(&self) -> &str {
        self.end.message.as_deref().unwrap_or_default()
    }
}

pub fn sh(body: &str) -> Task {
    script(&["/bin/sh", "-e"], body)
}

pub fn script(interpreter: &[&str], body: &str) -> Task {
    let interpreter = interpreter.iter().map(ToString::to_string).collect();
    task(Action::Run { interpreter, script: Script::Body(body.to_owned()) })
}

pub fn command(argv: &[&str]) -> Task {
    task(Action::Command { argv: argv.iter().map(ToString::to_string).collect() })
}

pub fn task(action: Action) -> Task {
    Task {
        project: "shop".to_owned(),
        runbook: "restart-web".to_owned(),
        step_name: "restart".to_owned(),
        ..Task::new(RUN, 0, 1, action)
    }
}

pub fn file(path: &str, mode: FileMode, bytes: &str) -> BundleFile {
    BundleFile { path: path.to_owned(), mode, bytes: Arc::from(bytes.as_bytes()) }
}

/// Is this process there, and not just its unread end?
pub fn lives(pid: &str) -> bool {
    fs::read_to_string(Path::new("/proc").join(pid).join("stat"))
        .is_ok_and(|stat| !matches!(stat.rsplit_once(") ").map(|(_, rest)| &rest[..1]), Some("Z" | "X")))
}
