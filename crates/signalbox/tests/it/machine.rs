//! A real server that can be stopped, killed and started again, and a home that is signed in to it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ExitStatus},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::program::{Done, Home};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Machine {
    pub home: Home,
    server: Option<Child>,
    /// What its servers find in their environment besides.
    surroundings: Vec<(String, String)>,
    /// All that its servers have said.
    pub log: Arc<Mutex<String>>,
}

impl Machine {
    /// With these runbooks applied.
    pub fn start(runbooks: &str) -> Self {
        Self::start_in(Home::new(), runbooks)
    }

    /// In a home whose data directory may be there already.
    pub fn start_in(home: Home, runbooks: &str) -> Self {
        Self::start_among(home, &[], runbooks)
    }

    /// With servers that find this in their environment.
    pub fn start_among(home: Home, surroundings: &[(&str, String)], runbooks: &str) -> Self {
        let surroundings =
            surroundings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut machine = Self { home, server: None, surroundings, log: Arc::default() };
        machine.start_server("127.0.0.1:0");
        let signed_in = machine.signalbox(&["login", "--token-file", "data/admin.token"]);
        assert_eq!(signed_in.code, Some(0), "{}", signed_in.err);
        machine.home.write("runbooks.yaml", runbooks);
        let applied = machine.signalbox(&["apply", "runbooks.yaml"]);
        assert_eq!(applied.code, Some(0), "{}", applied.err);
        machine
    }

    fn start_server(&mut self, listen: &str) {
        // With a file open that is none of its business.
        let server = self.home.command(&["server", "--data-dir", "data", "--listen", listen]);
        let mut command = self.home.command_of("/bin/sh");
        command
            .args(["-c", "exec \"$@\" 9</etc/passwd", "sh"])
            .arg(server.get_program())
            .args(server.get_args());
        command.env("CANARY_OF_THE_SERVER", "must-not-be-seen").env("SIGNALBOX_LOG", "debug");
        command.envs(self.surroundings.iter().map(|(name, value)| (name, value)));
        let mut server = command.spawn().unwrap();
        let mut log = BufReader::new(server.stderr.take().unwrap());
        let (mut line, mut said) = (String::new(), String::new());
        while !line.contains("is ready at ") {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "the server did not start: {said}");
            said.push_str(&line);
        }
        self.home.url = line.trim().rsplit(' ').next().unwrap().to_owned();
        let all = Arc::clone(&self.log);
        thread::spawn(move || {
            let mut rest = String::new();
            let _ = log.read_to_string(&mut rest);
            *all.lock().unwrap() += &(said + &rest);
        });
        self.server = Some(server);
    }

    /// Start again, where it was.
    pub fn start_again(&mut self) {
        let address = self.address();
        self.start_server(&address);
    }

    pub fn address(&self) -> String {
        self.home.url.trim_start_matches("http://").to_owned()
    }

    pub fn server_id(&self) -> u32 {
        self.server.as_ref().unwrap().id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.server_id().try_into().unwrap()), signal).unwrap();
    }

    /// Wait until the server has ended by itself.
    pub fn ended(&mut self, most: Duration) -> ExitStatus {
        let mut server = self.server.take().unwrap();
        let deadline = Instant::now() + most;
        while Instant::now() < deadline {
            if let Some(status) = server.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = server.kill();
        let _ = server.wait();
        panic!("the server did not end within {most:?}");
    }

    pub fn kill_server(&mut self) {
        let mut server = self.server.take().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
    }

    pub fn signalbox(&self, words: &[&str]) -> Done {
        self.home.signalbox(words)
    }

    /// The objects that a command prints with `--json`, one a line.
    pub fn json(&self, words: &[&str]) -> Vec<Value> {
        let done = self.signalbox(&[words, &["--json"]].concat());
        assert_eq!(done.code, Some(0), "{words:?}: {}", done.err);
        done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Start a run and leave: its id.
    pub fn detach(&self, words: &[&str]) -> String {
        let run = self.json(&[&["run", "--detach"], words].concat());
        run[0]["id"].as_str().unwrap().to_owned()
    }

    pub fn show(&self, run: &str) -> Value {
        self.json(&["runs", "show", run]).remove(0)
    }

    pub fn finished(&self, run: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let view = self.show(run);
            if matches!(view["state"].as_str(), Some("succeeded" | "failed" | "canceled" | "unknown")) {
                return view;
            }
            assert!(Instant::now() < deadline, "waited too long for the end of this run: {view:#}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the server says of itself.
    pub fn status(&self) -> Value {
        let mut socket = TcpStream::connect(self.address()).unwrap();
        let token = self.read("data/admin.token");
        let head = format!(
            "GET /api/v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
            token.trim()
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.home.path().join(path)).unwrap_or_default()
    }

    /// What is in the folder of working directories.
    pub fn work(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.home.path().join("data/work")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Is anything left of this process group? What has ended and was not asked after by its parent does not count.
pub fn lives(group: &str) -> bool {
    let group = group.trim();
    assert!(!group.is_empty());
    std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
        fields.get(2) == Some(&group) && !matches!(fields[0], "Z" | "X")
    })
}
