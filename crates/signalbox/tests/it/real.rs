//! The whole way with the real server: sign in, apply, run, watch, cancel; and the same engine without one.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::program::{Home, done};

const RUNBOOKS: &str = r#"
kind: Runbook
name: greet
inputs:
  who: {type: string, required: true}
steps:
  - name: hello
    run: |
      printf 'hello %s\n\377\033[2J' "$INPUT_WHO"
      echo "greeting=hi" >> "$SIGNALBOX_OUTPUT"
---
kind: Runbook
name: broken
steps: [{run: exit 3}]
---
kind: Runbook
name: slow
steps: [{name: wait, run: echo waiting; exec sleep 60}]
"#;

/// A running server, and a home that is signed in to it.
struct Real {
    home: Home,
    server: Child,
}

impl Real {
    fn start() -> Self {
        let mut home = Home::new();
        let mut server =
            home.command(&["server", "--data-dir", "data", "--listen", "127.0.0.1:0"]).spawn().unwrap();
        let mut log = BufReader::new(server.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("is ready at ") {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "the server did not start");
        }
        home.url = line.trim().rsplit(' ').next().unwrap().to_owned();
        thread::spawn(move || log.read_to_string(&mut String::new()));
        let signed_in = home.signalbox(&["login", "--token-file", "data/admin.token"]);
        assert_eq!(signed_in.code, Some(0), "{}", signed_in.err);
        home.write("runbooks.yaml", RUNBOOKS);
        let applied = home.signalbox(&["apply", "runbooks.yaml"]);
        assert_eq!((applied.code, applied.out.lines().count()), (Some(0), 3), "{}", applied.err);
        Self { home, server }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

/// Starts a command and waits for its first line on standard output.
fn until_first_line(mut command: Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = [0; 8];
    child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"waiting\n");
    child
}

#[test]
fn a_runbook_is_written_applied_run_and_watched() {
    let real = Real::start();
    let home = &real.home;
    assert!(home.signalbox(&["apply", "runbooks.yaml"]).out.starts_with("unchanged "));

    let raw = home.command(&["run", "greet", "-i", "who=$(id) 'x", "--reason", "OPS-7"]).output().unwrap();
    assert_eq!(raw.stdout, b"hello $(id) 'x\n\xff\x1b[2J");
    assert_eq!(raw.status.code(), Some(0));

    let told = home.signalbox(&["run", "greet", "-i", "who=x", "--json"]);
    let last: serde_json::Value = serde_json::from_str(told.out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["state"], &last["outputs"]["hello"]["greeting"]), (&"succeeded".into(), &"hi".into()));
    let log = home.command(&["runs", "logs", last["id"].as_str().unwrap()]).output().unwrap();
    assert_eq!(log.stdout, b"hello x\n\xff\x1b[2J");

    let broken = home.signalbox(&["run", "broken"]);
    assert!(broken.code == Some(1) && broken.err.contains("exit code 3"), "{}", broken.err);
    for refused in
        [&["run", "greet"][..], &["run", "nothing"], &["run", "greet", "-i", "who=x", "-i", "other=y"]]
    {
        let done = home.signalbox(refused);
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{refused:?}: {}", done.err);
    }
    assert_eq!(home.signalbox(&["runs", "list"]).out.lines().count(), 4);
    assert_eq!(home.signalbox(&["runbooks", "list"]).out.lines().count(), 4);
}

#[test]
fn ctrl_c_leaves_the_run_and_cancel_ends_it() {
    let real = Real::start();
    let home = &real.home;
    let child = until_first_line(home.command(&["run", "slow"]));
    signal(&child, Signal::SIGINT);
    let left = done(child.wait_with_output().unwrap());
    assert_eq!(left.code, Some(130));
    let id = left.err.lines().last().unwrap().split(' ').find(|word| word.len() == 36).unwrap().to_owned();
    let shown = || -> serde_json::Value {
        serde_json::from_str(&home.signalbox(&["runs", "show", &id, "--json"]).out).unwrap()
    };
    assert_eq!(shown()["state"], "running");
    assert_eq!(home.signalbox(&["runs", "cancel", &id]).code, Some(0));
    assert_eq!(home.signalbox(&["runs", "logs", &id, "--follow"]).out, "waiting\n");
    assert_eq!(shown()["state"], "canceled");
    assert_eq!(home.signalbox(&["runs", "cancel", &id]).code, Some(2));
}

#[test]
fn a_run_that_is_canceled_meanwhile_exits_1() {
    let real = Real::start();
    let child = until_first_line(real.home.command(&["run", "slow"]));
    let runs: serde_json::Value =
        serde_json::from_str(&real.home.signalbox(&["runs", "list", "--json"]).out).unwrap();
    assert_eq!(
        real.home.signalbox(&["runs", "cancel", runs["items"][0]["id"].as_str().unwrap()]).code,
        Some(0)
    );
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
}

#[test]
fn a_member_may_run_and_not_apply() {
    let real = Real::start();
    let home = &real.home;
    let created = home.signalbox(&["tokens", "create", "ada", "--role", "member"]);
    let token = created.out.trim();
    let ada = |words: &[&str]| done(home.command(words).env("SIGNALBOX_TOKEN", token).output().unwrap());
    assert_eq!(ada(&["run", "greet", "-i", "who=x"]).code, Some(0));
    let refused = ada(&["apply", "runbooks.yaml"]);
    assert!(refused.code == Some(2) && refused.err.contains("definition.apply"), "{}", refused.err);
    let tokens: serde_json::Value =
        serde_json::from_str(&home.signalbox(&["tokens", "list", "--json"]).out).unwrap();
    let id = tokens["items"].as_array().unwrap().iter().find(|token| token["name"] == "ada").unwrap()["id"]
        .clone();
    assert_eq!(home.signalbox(&["tokens", "revoke", id.as_str().unwrap()]).code, Some(0));
    assert_eq!(ada(&["runs", "list"]).code, Some(2));
}

#[test]
fn a_file_is_tried_without_a_server() {
    let home = Home::new();
    home.write("runbooks.yaml", RUNBOOKS);
    let raw = home.command(&["try", "runbooks.yaml", "--runbook", "greet", "-i", "who=x"]).output().unwrap();
    assert_eq!((raw.status.code(), raw.stdout), (Some(0), b"hello x\n\xff\x1b[2J".to_vec()));
    assert_eq!(home.signalbox(&["try", "runbooks.yaml", "--runbook", "broken"]).code, Some(1));
    assert_eq!(home.signalbox(&["try", "runbooks.yaml", "--runbook", "greet"]).code, Some(2));
    assert_eq!(home.signalbox(&["try", "runbooks.yaml"]).code, Some(2));
    let child = until_first_line(home.command(&["try", "runbooks.yaml", "--runbook", "slow"]));
    signal(&child, Signal::SIGINT);
    let stopped = done(child.wait_with_output().unwrap());
    assert!(stopped.code == Some(130) && stopped.err.contains("canceled"), "{}", stopped.err);
}

#[test]
fn two_servers_do_not_share_a_data_directory() {
    let real = Real::start();
    let second = real.home.signalbox(&["server", "--data-dir", "data", "--listen", "127.0.0.1:0"]);
    assert!(second.code == Some(1) && second.err.contains("error: "), "{}", second.err);
}
