//! A secret, used in every way that there is, and then looked for everywhere.

use std::{
    fs,
    io::Write,
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    machine::{Machine, wait_for},
    program::{Done, done},
};

/// A quote and a backslash, so that its escaped forms are others than itself.
const STORED: &str = "Kq7\"canary\\stored-9Zx";
const OTHER: &str = "Wm3-canary-by-name-5Tb";
const INPUT: &str = "Rp8-canary-as-input-2Hc";
const LEARNED: &str = "Jd6-canary-learned-4Vn";

const RUNBOOK: &str = r#"
kind: Runbook
name: leaky
inputs: {password: {type: secret, required: true}}
steps:
  - name: group
    secrets: [stored]
    steps:
      - name: files
        run: |
          #!/bin/bash
          set -eu
          test "$(stat -c %a "$SECRET_STORED_FILE")" = 400
          cat "$SECRET_STORED_FILE" "$SECRET_PASSWORD_FILE"; echo
          base64 -w 0 < "$SECRET_STORED_FILE"; echo
          od -An -v -tx1 < "$SECRET_PASSWORD_FILE" | tr -d ' \n'; echo
          python3 -c 'import json, sys; print(json.dumps({"value": open(sys.argv[1]).read()}))' "$SECRET_STORED_FILE"
          printf 'outputs=%s\n' "$(base64 -w 0 < "$SECRET_PASSWORD_FILE")" >> "$SIGNALBOX_OUTPUT"
          printf 'plain=%s\n' "$(cat "$SECRET_STORED_FILE")" >> "$SIGNALBOX_OUTPUT"
          cp "$SECRET_STORED_FILE" "$TMPDIR/copy"; cp "$SECRET_STORED_FILE" copy
          cat "$SECRET_STORED_FILE" >&2
      - name: variables
        secret_env: {BY_NAME: other}
        run: |
          #!/bin/bash
          set -eu
          test -n "$BY_NAME" && test ! -e "${SECRET_OTHER_FILE-/nowhere}"
          echo "by name: $BY_NAME, ${#BY_NAME} bytes"
          learned=$(printf %s 'aVe6-canary-learned-4Vn' | sed 's/^aVe6/Jd6/')
          printf %s "$learned" > "$SIGNALBOX_MASK"
          echo "learned: $learned"
  - name: look
    manual: Is {{ steps.files.outputs.plain }} right?
  - name: fails
    secrets: [stored]
    continue_on_failure: true
    run: |
      #!/bin/bash
      cat "$SECRET_STORED_FILE" >> "$SIGNALBOX_OUTPUT"
      echo "$(cat "$SECRET_STORED_FILE")" >&2
      exit 3
  - name: nowhere
    secret_env: {BY_NAME: other}
    continue_on_failure: true
    command: [no-such-program-at-all]
  - name: hangs
    secrets: [stored]
    run: |
      #!/bin/bash
      cat "$SECRET_STORED_FILE"
      touch started
      sleep 600
"#;

fn give(machine: &Machine, words: &[&str], value: &str) -> Done {
    let mut command = machine.home.command(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    let told = done(child.wait_with_output().unwrap());
    assert_eq!(told.code, Some(0), "{}", told.err);
    told
}

fn say(told: &mut String, done: &Done) {
    told.push_str(&done.out);
    told.push_str(&done.err);
}

/// The secret as it is, and as it looks in what programs write.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let json = serde_json::to_string(secret).unwrap();
    // What depends on its neighbours is not looked for.
    let aligned = (0..3).map(|before| {
        let text = STANDARD.encode([&vec![b'x'; before], secret.as_bytes()].concat());
        text.as_bytes()[4..text.len() - 4].to_vec()
    });
    let mut forms =
        vec![secret.as_bytes().to_vec(), hex.into_bytes(), json.as_bytes()[1..json.len() - 1].to_vec()];
    forms.extend(aligned);
    forms
}

fn all_forms() -> Vec<Vec<u8>> {
    [STORED, OTHER, INPUT, LEARNED].iter().flat_map(|secret| forms(secret)).collect()
}

fn holds(bytes: &[u8], forms: &[Vec<u8>]) -> Option<String> {
    let found = forms.iter().find(|form| bytes.windows(form.len()).any(|window| window == form.as_slice()));
    found.map(|form| String::from_utf8_lossy(form).into_owned())
}

/// Every file below a folder.
fn search(folder: &Path, forms: &[Vec<u8>], except: &[&Path]) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let about = entry.metadata().unwrap();
        if about.is_dir() {
            search(&path, forms, except);
        } else if about.is_file() && !except.contains(&path.as_path()) {
            let bytes = fs::read(&path).unwrap_or_default();
            assert_eq!(holds(&bytes, forms), None, "in {}", path.display());
        }
    }
}

/// What any process of this machine shows: its arguments; and its environment, but for the step that asked for it by name.
fn watch_processes(forms: Vec<Vec<u8>>, over: Arc<AtomicBool>) -> thread::JoinHandle<Option<String>> {
    thread::spawn(move || {
        let own = std::process::id().to_string();
        while !over.load(Ordering::Relaxed) {
            for process in fs::read_dir("/proc").unwrap().flatten() {
                let name = process.file_name().into_string().unwrap_or_default();
                if name == own || name.parse::<u32>().is_err() {
                    continue;
                }
                let arguments = fs::read(process.path().join("cmdline")).unwrap_or_default();
                if let Some(form) = holds(&arguments, &forms) {
                    return Some(format!(
                        "{form} in the arguments of {}",
                        String::from_utf8_lossy(&arguments)
                    ));
                }
                let environment = fs::read(process.path().join("environ")).unwrap_or_default();
                let asked = environment.windows(8).any(|window| window == b"BY_NAME=");
                if let (false, Some(form)) = (asked, holds(&environment, &forms)) {
                    return Some(format!(
                        "{form} in the environment of {}",
                        String::from_utf8_lossy(&arguments)
                    ));
                }
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    })
}

#[test]
fn a_canary_that_is_used_in_every_way_is_found_nowhere() {
    let forms = all_forms();
    let mut machine = Machine::start(RUNBOOK);
    let over = Arc::new(AtomicBool::new(false));
    let processes = watch_processes(forms.clone(), Arc::clone(&over));
    let mut told = String::new();
    say(&mut told, &give(&machine, &["secrets", "set", "stored", "--json"], &format!("{STORED}\n")));
    say(
        &mut told,
        &give(&machine, &["secrets", "set", "other", "--description", "By name"], "an-older-value"),
    );
    say(&mut told, &give(&machine, &["secrets", "rotate", "other"], OTHER));
    let short = give(&machine, &["secrets", "set", "short"], "1234567");
    assert!(short.err.contains("never masked"), "{}", short.err);
    say(&mut told, &machine.signalbox(&["plan", "leaky", "--json"]));

    // What is an argument of the command line is seen by all: a reason that holds a secret comes another way.
    let token = machine.read("data/admin.token");
    let token = token.trim();
    let body = json!({"inputs": {"password": INPUT}, "reason": format!("because {INPUT}")}).to_string();
    let (status, begun) = ask(&machine, "POST", "projects/default/runbooks/leaky/runs", token, &body);
    assert_eq!(status, 201, "{begun}");
    let run = serde_json::from_str::<Value>(&begun).unwrap()["id"].as_str().unwrap().to_owned();
    told.push_str(&begun);
    let step = |name: &str| {
        let view = machine.show(&run);
        let steps = view["steps"].as_array().cloned().unwrap_or_default();
        steps.into_iter().find(|step| step["path"] == name).unwrap_or_default()
    };
    wait_for("the manual step", || step("look")["state"] == "waiting");
    let log = machine.signalbox(&["runs", "logs", &run, "--step", "variables"]);
    assert_eq!(log.out, format!("by name: ***, {} bytes\nlearned: ***\n", OTHER.len()), "{}", log.err);
    let comment = format!("it is {STORED}, and {}", STANDARD.encode(OTHER));
    let body = json!({"done": true, "comment": comment}).to_string();
    let path = format!("projects/default/runs/{run}/steps/look/answer");
    let (status, answered) = ask(&machine, "POST", &path, token, &body);
    assert_eq!(status, 200, "{answered}");
    told.push_str(&answered);
    wait_for("the last step", || step("hangs")["state"] == "running");
    wait_for("its output", || {
        machine.signalbox(&["runs", "logs", &run, "--step", "hangs"]).out.contains("***")
    });
    machine.signalbox(&["runs", "cancel", &run]);
    let view = machine.finished(&run);
    over.store(true, Ordering::Relaxed);
    assert_eq!(view["state"], "canceled", "{view:#}");
    for (name, state) in [("fails", "failed"), ("nowhere", "failed"), ("hangs", "canceled")] {
        assert_eq!(step(name)["state"], state, "{view:#}");
    }
    assert!(step("group.files")["outputs"]["plain"].as_str().unwrap().contains("***"), "{view:#}");
    assert_eq!(view["reason"], "because ***");

    for words in [
        &["runs", "show", &run][..],
        &["runs", "show", &run, "--json"],
        &["runs", "logs", &run],
        &["runs", "logs", &run, "--json"],
        &["runs", "list", "--json"],
        &["secrets", "list", "--json"],
        &["secrets", "show", "stored", "--json"],
        &["secrets", "rewrap", "--new-data-keys", "--json"],
        &["secrets", "delete", "short"],
    ] {
        let done = machine.signalbox(words);
        assert_eq!(done.code, Some(0), "{words:?}: {}", done.err);
        say(&mut told, &done);
    }
    let shown = machine.json(&["secrets", "show", "stored"]).remove(0);
    assert!(shown["used_at"].is_string() && shown["version"] == 1, "{shown:#}");
    say(&mut told, &machine.signalbox(&["backup", "everything.backup"]));
    for path in
        [format!("runs/{run}"), format!("runs/{run}/events"), format!("runs/{run}/log"), "secrets".to_owned()]
    {
        let (status, answer) = ask(&machine, "GET", &format!("projects/default/{path}"), token, "");
        assert_eq!(status, 200, "{path}: {answer}");
        told.push_str(&answer);
    }
    // What cannot be read is told without a word of it.
    for body in [
        format!("{{\"value\": [\"{OTHER}\"]}}"),
        format!("{{\"{OTHER}\": 1}}"),
        format!("\"{OTHER}\""),
        OTHER.to_owned(),
    ] {
        let (status, refused) = ask(&machine, "PUT", "projects/default/secrets/other", token, &body);
        assert_eq!(status, 400, "{refused}");
        told.push_str(&refused);
    }
    assert_eq!(holds(told.as_bytes(), &forms), None);
    assert_eq!(processes.join().unwrap(), None);

    // Also in the write-ahead log, and once more when everything is written home.
    let home = machine.home.path().to_owned();
    search(&home, &forms, &[]);
    machine.signal(nix::sys::signal::Signal::SIGTERM);
    machine.ended(Duration::from_secs(20));
    wait_for("the log's end", || machine.log.lock().unwrap().contains("stopping"));
    assert_eq!(holds(machine.log.lock().unwrap().as_bytes(), &forms), None, "in the server's log");
    search(&home, &forms, &[]);
    let memory = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    for left in memory.filter(|entry| entry.file_name().to_string_lossy().starts_with("signalbox-")) {
        search(&left.path(), &forms, &[]);
    }
}

/// A call over a plain connection: status and answer.
fn ask(machine: &Machine, method: &str, path: &str, token: &str, body: &str) -> (u16, String) {
    use std::io::Read;
    let mut socket = std::net::TcpStream::connect(machine.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "{method} /api/v1/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(body.as_bytes()).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
