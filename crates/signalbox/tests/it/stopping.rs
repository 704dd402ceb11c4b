//! Servers that stop, and servers that are killed: nothing lost, nothing doubled, nothing guessed.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    machine::{Machine, lives, wait_for},
    program::{Home, done},
};

fn ledgers(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"
kind: Runbook
name: stubborn
steps:
  - run: |
      trap '' TERM
      echo "$SIGNALBOX_RUN" >> {folder}/stubborn
      echo $$ > {folder}/group
      (trap '' TERM; sleep 300) &
      echo seen
      sleep 300; sleep 300
---
kind: Runbook
name: two
steps:
  - run: echo one > it; echo "$SIGNALBOX_RUN one" >> {folder}/two; sleep 1
  - run: cat it; echo "$SIGNALBOX_RUN two" >> {folder}/two; echo two
"#
    )
}

#[test]
fn a_signal_to_stop_keeps_every_runs_state() {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine::start(&ledgers(folder.path()));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let stubborn = machine.detach(&["stubborn"]);
    wait_for("the first step", || !read("group").is_empty());
    let two = machine.detach(&["two"]);
    wait_for("the other first step", || !read("two").is_empty());
    let mut follower = machine.home.command(&["runs", "logs", &stubborn, "--follow"]).spawn().unwrap();

    // A call whose body is on its way when the signal comes.
    let mut socket = TcpStream::connect(machine.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let body = r#"{"reason":"in flight"}"#;
    let head = format!(
        "POST /api/v1/projects/default/runbooks/two/runs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{}",
        machine.read("data/admin.token").trim(),
        body.len(),
        &body[..5]
    );
    socket.write_all(head.as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(200));
    let asked = Instant::now();
    machine.signal(Signal::SIGTERM);
    thread::sleep(Duration::from_millis(300));
    socket.write_all(&body.as_bytes()[5..]).unwrap();
    let mut answer = [0; 4096];
    let mut read_so_far = String::new();
    while !read_so_far.contains("\"waits_for\"") {
        let len = socket.read(&mut answer).unwrap();
        assert!(len > 0, "{read_so_far}");
        read_so_far.push_str(&String::from_utf8_lossy(&answer[..len]));
    }
    assert!(read_so_far.starts_with("HTTP/1.1 201 "), "{read_so_far}");
    let started: Value = serde_json::from_str(read_so_far.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let in_flight = started["id"].as_str().unwrap().to_owned();
    drop(socket);
    assert!(TcpStream::connect(machine.address()).is_err(), "nothing new is taken");

    let status = machine.ended(Duration::from_secs(10 + 5 + 3));
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() > Duration::from_secs(9), "steps have their grace");
    assert!(lives(&read("group")), "its shim keeps it");
    assert_eq!(read("two").lines().count(), 1, "no step starts once the server stops");

    machine.start_again();
    assert_eq!(machine.show(&stubborn)["state"], "running", "it is taken up again");
    assert_eq!(machine.signalbox(&["runs", "cancel", &stubborn]).code, Some(0));
    // It does not listen to SIGTERM.
    let view = machine.finished(&stubborn);
    assert_eq!((view["state"].as_str(), view["cause"].as_str()), (Some("canceled"), Some("canceled")));
    assert!(!lives(&read("group")), "nothing of the step is left");
    for run in [&two, &in_flight] {
        assert_eq!(machine.finished(run)["state"], "succeeded");
        let log = machine.signalbox(&["runs", "logs", run]);
        assert_eq!(log.out, "one\ntwo\n");
        for step in ["one", "two"] {
            let line = format!("{run} {step}");
            assert_eq!(read("two").lines().filter(|said| **said == line).count(), 1, "{}", read("two"));
        }
    }
    assert_eq!(read("stubborn"), format!("{stubborn}\n"), "never started again");
    assert_eq!(machine.signalbox(&["runs", "logs", &stubborn]).out, "seen\n", "what it said is kept");
    assert_eq!(follower.wait().unwrap().code(), Some(0), "whoever followed has found the server again");
    wait_for("the working directories to go", || machine.work().is_empty());
    machine.signal(Signal::SIGTERM);
    let asked = Instant::now();
    assert!(machine.ended(Duration::from_secs(5)).success());
    assert!(asked.elapsed() < Duration::from_secs(3), "with nothing to wait for it ends at once");
    let token = machine.read("data/admin.token");
    wait_for("the log", || machine.log.lock().unwrap().contains("stopping"));
    assert!(
        !machine.log.lock().unwrap().contains(token.trim()),
        "no log holds a token, not even the longest one"
    );
}

#[test]
fn killed_at_any_moment_nothing_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    let step = |name: &str| {
        format!(
            "  - name: {name}\n    run: echo \"$SIGNALBOX_RUN {name}\" >> {}; seq 1 300; echo end of {name}\n",
            ledger.display()
        )
    };
    let runbook = format!("kind: Runbook\nname: work\nsteps:\n{}{}{}", step("a"), step("b"), step("c"));
    let mut machine = Machine::start(&runbook);
    let mut acknowledged = Vec::new();
    // Spread over all moments, and others in each round.
    for round in 0..8_u64 {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let load: Vec<_> = (0..3)
                .map(|_| {
                    let (home, over) = (&machine.home, &over);
                    scope.spawn(move || {
                        let mut ids = Vec::new();
                        while !over.load(Ordering::Relaxed) {
                            let done = home.signalbox(&["run", "work", "--detach", "--json"]);
                            if done.code == Some(0) {
                                let run: Value = serde_json::from_str(&done.out).expect("JSON");
                                ids.push(run["id"].as_str().unwrap().to_owned());
                            } else {
                                assert_eq!((done.code, done.out.as_str()), (Some(4), ""), "{}", done.err);
                            }
                        }
                        ids
                    })
                })
                .collect();
            let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
            thread::sleep(Duration::from_millis(250 + round * 53 + u64::from(nanos) % 90));
            machine.signal(Signal::SIGKILL);
            over.store(true, Ordering::Relaxed);
            for thread in load {
                acknowledged.extend(thread.join().unwrap());
            }
        });
        machine.kill_server();
        machine.start_again();
    }
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    let mut states: BTreeMap<String, String> = BTreeMap::new();
    wait_for("the end of all runs", || {
        let listed = machine.json(&["runs", "list", "--limit", "100000"]).remove(0);
        let text = |run: &Value, field: &str| run[field].as_str().unwrap().to_owned();
        states = listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| (text(run, "id"), text(run, "state")))
            .collect();
        states.values().all(|state| matches!(state.as_str(), "succeeded" | "failed" | "unknown"))
    });
    let mut starts: BTreeMap<String, u32> = BTreeMap::new();
    for line in std::fs::read_to_string(&ledger).unwrap().lines() {
        *starts.entry(line.to_owned()).or_default() += 1;
    }
    let twice: Vec<_> = starts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "started twice: {twice:?}");
    let numbers: String = (1..=300).map(|number| format!("{number}\n")).collect();
    let whole: String = ["a", "b", "c"].map(|name| format!("{numbers}end of {name}\n")).concat();
    let mut read = 0;
    for run in &acknowledged {
        let state = states.get(run).unwrap_or_else(|| panic!("run {run} was acknowledged and is gone"));
        assert_ne!(state, "failed", "nothing here fails: {:#}", machine.show(run));
        if state == "succeeded" {
            for step in ["a", "b", "c"] {
                assert_eq!(starts.get(&format!("{run} {step}")), Some(&1));
            }
            // Those of the last rounds were cut most often; asking for all would take a while.
            if read < 60 {
                assert_eq!(machine.signalbox(&["runs", "logs", run]).out, whole);
                read += 1;
            }
        }
    }
    assert!(read > 5, "{states:?}");
    wait_for("the working directories to go", || machine.work().is_empty());
}

#[test]
fn a_follower_outlives_its_server_and_says_what_is_known() {
    let mut machine = Machine::start(
        "kind: Runbook\nname: long\nsteps: [{name: wait, run: echo waiting; sleep 4; echo done}]\n",
    );
    let mut child = machine.home.command(&["run", "long"]).spawn().unwrap();
    let mut line = [0; 8];
    child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"waiting\n");
    machine.kill_server();
    thread::sleep(Duration::from_millis(300));
    machine.start_again();
    let told = done(child.wait_with_output().unwrap());
    assert_eq!(
        (told.code, told.out.as_str()),
        (Some(0), "done\n"),
        "no line is lost or comes twice: {}",
        told.err
    );
    assert!(told.err.contains("looking for it again"), "{}", told.err);
}

#[test]
fn a_step_that_had_only_been_asked_for_is_begun_and_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let mut machine = Machine::start(&format!(
        "kind: Runbook\nname: one\nsteps: [{{run: echo $PPID >> {place}/shims; echo $$ >> {place}/groups; sleep 2}}]\n"
    ));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let run = machine.detach(&["one"]);
    wait_for("the step", || !read("groups").is_empty());
    machine.kill_server();
    // As if the server had died right after it stored the start: no shim has heard of it.
    for id in [read("shims"), read("groups")] {
        let id = nix::unistd::Pid::from_raw(id.trim().parse().unwrap());
        nix::sys::signal::kill(id, Signal::SIGKILL).unwrap();
    }
    std::fs::remove_dir_all(machine.home.path().join("data/shims")).unwrap();
    machine.start_again();
    assert_eq!(machine.finished(&run)["state"], "succeeded");
    assert_eq!(read("groups").lines().count(), 2, "it was begun");
    machine.kill_server();
    let said = "1 step had been asked for and not begun when the last server went away; begun now";
    wait_for("the log", || machine.log.lock().unwrap().contains(said));
}

/// Every file below a folder, with its content.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            files.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
    files
}

#[test]
fn what_a_newer_version_wrote_is_refused_and_left_as_it_is() {
    let mut machine = Machine::start("kind: Runbook\nname: one\nsteps: [{run: echo one}]\n");
    let run = machine.detach(&["one"]);
    machine.finished(&run);
    machine.signal(Signal::SIGTERM);
    assert!(machine.ended(Duration::from_secs(15)).success());
    let newer = "import sqlite3\nd = sqlite3.connect('data/signalbox.db')\n\
                 d.execute(\"INSERT INTO _sqlx_migrations VALUES (999, 'from the future', '2036-01-01', 1, x'00', 1)\")\nd.commit()\nd.close()\n";
    let written =
        Command::new("python3").args(["-c", newer]).current_dir(machine.home.path()).output().unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let data = machine.home.path().join("data");
    let before = content(&data);
    let refused = machine.signalbox(&["server", "--data-dir", "data", "--listen", "127.0.0.1:0"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{}", refused.err);
    assert!(refused.err.contains("error: ") && refused.err.contains("newer"), "{}", refused.err);
    assert!(refused.err.lines().count() <= 3, "a sentence and a hint: {}", refused.err);
    let after = content(&data);
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after));
    assert!(before == after, "not one byte is changed");
}

#[test]
fn a_server_that_cannot_start_says_so_in_a_sentence() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    home.write("a-file", "");
    home.write("broken/signalbox.db", "this is no database, and it is not empty either");
    for (data, listen) in [
        ("data", address.as_str()),
        ("a-file", "127.0.0.1:0"),
        ("a-file/data", "127.0.0.1:0"),
        ("broken", "127.0.0.1:0"),
    ] {
        let refused = home.signalbox(&["server", "--data-dir", data, "--listen", listen]);
        assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{data}: {}", refused.err);
        assert!(
            refused.err.starts_with("error: ") && refused.err.lines().count() <= 3,
            "{data}: {}",
            refused.err
        );
    }
    assert_eq!(home.signalbox(&["server", "--listen", "127.0.0.1:99999"]).code, Some(2));
}

#[test]
fn a_program_that_tries_a_file_leaves_nothing_when_it_is_asked_to_end() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let home = Home::new();
        let tmp = home.path().join("tmp");
        std::fs::create_dir(&tmp).unwrap();
        let group = home.path().join("group");
        home.write(
            "long.yaml",
            format!(
                "kind: Runbook\nname: long\nsteps: [{{run: echo $$ > {}; sleep 60; sleep 60}}]\n",
                group.display()
            ),
        );
        let child = home.command(&["try", "long.yaml"]).env("TMPDIR", &tmp).spawn().unwrap();
        let read = || std::fs::read_to_string(&group).unwrap_or_default();
        wait_for("the step", || !read().is_empty());
        let made = std::fs::read_dir(&tmp).unwrap().next().unwrap().unwrap();
        assert_eq!(
            made.metadata().unwrap().permissions().mode() & 0o777,
            0o700,
            "nobody else may look into it"
        );
        let id = i32::try_from(child.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), signal).unwrap();
        let stopped = done(child.wait_with_output().unwrap());
        assert_eq!(stopped.code, Some(130), "{}", stopped.err);
        assert!(!lives(&read()));
        assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0, "its folder is gone");
    }
}

/// A small file system of its own, gone with the value.
struct Small(std::path::PathBuf);

impl Small {
    /// None where this user may not mount.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let options = ["-t", "tmpfs", "-o", "size=24m,mode=0700", "signalbox-test"];
        let mounted =
            Command::new("mount").args(options).arg(at).output().is_ok_and(|done| done.status.success());
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room() {
    let home = Home::new();
    let data = home.path().join("data");
    let Some(small) = Small::mount(&data) else {
        eprintln!("a full disk was not tried: this user may not mount");
        return;
    };
    let runbook = "kind: Runbook\nname: two\nsteps:\n  - run: echo one; sleep 3\n  - run: echo two\n";
    let mut machine = Machine::start_in(home, runbook);
    let before = machine.detach(&["two"]);
    machine.finished(&before);
    let under_way = machine.detach(&["two"]);
    wait_for("its first step to say something", || {
        machine.signalbox(&["runs", "logs", &under_way]).out == "one\n"
    });
    // Every byte is taken while its first step runs.
    let mut full = std::fs::File::create(data.join("filler")).unwrap();
    while full.write_all(&[0; 4096]).is_ok() {}
    let refused = machine.signalbox(&["run", "two", "--detach"]);
    assert_ne!(refused.code, Some(0), "nothing is acknowledged that cannot be kept: {}", refused.out);
    assert!(refused.err.contains("space") || refused.err.contains("full"), "it says why: {}", refused.err);
    thread::sleep(Duration::from_secs(4));
    assert_eq!(machine.show(&before)["state"], "succeeded", "what is there can be read");
    drop(full);
    std::fs::remove_file(data.join("filler")).unwrap();
    assert_eq!(machine.finished(&under_way)["state"], "succeeded", "its end was kept, and it went on");
    let after = machine.detach(&["two"]);
    assert_eq!(machine.finished(&after)["state"], "succeeded");
    machine.kill_server();
    machine.start_again();
    for run in [&before, &under_way, &after] {
        assert_eq!(machine.show(run)["state"], "succeeded");
        assert_eq!(machine.signalbox(&["runs", "logs", run]).out, "one\ntwo\n");
    }
    machine.kill_server();
    drop(machine);
    drop(small);
}
