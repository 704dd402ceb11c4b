//! Starts `signalbox` in an environment of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A home directory, and how the program is started in it.
pub struct Home {
    pub folder: TempDir,
    pub url: String,
}

/// What a command did.
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Home {
    /// With a server that is not there.
    pub fn new() -> Self {
        Self::of("http://127.0.0.1:1")
    }

    pub fn of(url: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), url: url.to_owned() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn credentials(&self) -> PathBuf {
        self.path().join("config/signalbox/credentials.toml")
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.command_of(env!("CARGO_BIN_EXE_signalbox"));
        command.args(words);
        command
    }

    /// Another program, in the same surroundings.
    pub fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.path())
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("SIGNALBOX_URL", &self.url)
            .env("TZ", "UTC")
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn signalbox(&self, words: &[&str]) -> Done {
        done(self.command(words).output().unwrap())
    }

    /// Writes a file of the home directory, with its folders.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }
}

pub fn done(output: Output) -> Done {
    Done {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
