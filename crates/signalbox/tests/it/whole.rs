//! The whole way, as people with bad intentions and bad luck go it.

use std::{
    ffi::OsString,
    io::{Read, Write},
    net::TcpStream,
    os::unix::ffi::OsStringExt,
    process::Stdio,
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    machine::{Machine, lives, wait_for},
    program::{Done, done},
};

/// Values that would do harm if anything evaluated them.
fn hostile(canary: &str) -> Vec<String> {
    vec![
        "'; rm -rf / #".to_owned(),
        format!("'; touch {canary} #"),
        format!("$(touch {canary})"),
        format!("`touch {canary}`"),
        format!("\"; touch {canary}; \""),
        "$(id) ${HOME} \\x41 %s {{7*7}}".to_owned(),
        "a\nb\r\n\n\t\u{1b}[2J\u{1}".to_owned(),
        "🚦 \u{202e}ünï \u{feff}".to_owned(),
        "-rf --help".to_owned(),
        "@/etc/passwd".to_owned(),
        "=".to_owned(),
        String::new(),
        "q'\"$`\\\n é".repeat(64 * 1024 / 10)[..].to_owned(),
        "\u{1}".repeat(64 * 1024),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A runbook with `count` inputs that writes each of them in hexadecimal, one a line, in four languages.
fn dump(count: usize) -> String {
    let inputs: Vec<String> = (0..count).map(|n| format!("v{n}: {{type: string}}")).collect();
    let numbers = (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
    let lines = |language: &str| match language {
        "sh" | "bash" => (0..count)
            .map(|n| format!("      printf %s \"$INPUT_V{n}\" | od -An -v -tx1 | tr -d ' \\n'; echo\n"))
            .collect(),
        "python" => format!(
            "      import os\n      for n in range({count}): print(os.environb.get(b'INPUT_V%d' % n, b'').hex())\n"
        ),
        _ => format!("      print unpack('H*', $ENV{{\"INPUT_V$_\"}}), \"\\n\" for qw({numbers});\n"),
    };
    let step = |name: &str, interpreter: &str| {
        format!("  - name: {name}\n    run: |\n      #!{interpreter}\n{}", lines(name))
    };
    let steps = [
        ("sh", "/bin/sh -e"),
        ("bash", "/bin/bash"),
        ("python", "/usr/bin/python3"),
        ("perl", "/usr/bin/perl"),
    ];
    let steps: String = steps.map(|(name, interpreter)| step(name, interpreter)).concat();
    format!("kind: Runbook\nname: dump\ninputs: {{{}}}\nsteps:\n{steps}", inputs.join(", "))
}

/// `POST` of JSON, over a plain connection: the status and the answer.
fn post(machine: &Machine, token: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut socket = TcpStream::connect(machine.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let body = body.to_string();
    let head = format!(
        "POST /api/v1/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

#[test]
fn hostile_inputs_go_the_whole_way_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let canary = folder.path().join("canary");
    let values = hostile(&canary.display().to_string());
    let machine = Machine::start(&dump(17));
    let token = machine.read("data/admin.token").trim().to_owned();
    let start = "projects/default/runbooks/dump/runs";

    let mut all = values;
    all.resize(17, String::new());
    let expected =
        |values: &[String]| -> String { values.iter().map(|value| hex(value.as_bytes()) + "\n").collect() };
    let given: Vec<String> = all.iter().enumerate().map(|(n, value)| format!("v{n}={value}")).collect();
    let words: Vec<&str> = given.iter().flat_map(|given| ["-i", given.as_str()]).collect();
    let by_cli = machine.detach(&[&["dump"], words.as_slice()].concat());
    let inputs: serde_json::Map<String, Value> =
        all.iter().enumerate().map(|(n, value)| (format!("v{n}"), json!(value))).collect();
    let (status, run) = post(&machine, &token, start, &json!({"inputs": inputs, "reason": all[1]}));
    assert_eq!(status, 201, "{run}");
    let by_api = run["id"].as_str().unwrap().to_owned();
    for run in [&by_cli, &by_api] {
        let view = machine.finished(run);
        assert_eq!(view["state"], "succeeded", "{:#}", view["steps"]);
        assert_eq!(view["inputs"]["v12"], json!(all[12]), "it is shown as it is");
        for step in ["sh", "bash", "python", "perl"] {
            let log = machine.signalbox(&["runs", "logs", run, "--step", step]);
            assert!(log.out == expected(&all), "{step} did not get what was given");
        }
    }
    assert!(!canary.exists());

    // To the byte, and one over; each of them six bytes in JSON.
    let full: Vec<String> = (0..16).map(|_| "\u{1}".repeat(64 * 1024)).collect();
    let body = |values: &[String]| {
        let inputs: serde_json::Map<String, Value> =
            values.iter().enumerate().map(|(n, value)| (format!("v{n}"), json!(value))).collect();
        json!({"inputs": inputs})
    };
    let (status, run) = post(&machine, &token, start, &body(&full));
    assert_eq!(status, 201, "1 MiB is taken: {run}");
    let view = machine.finished(run["id"].as_str().unwrap());
    assert_eq!(view["state"], "succeeded", "{:#}", view["steps"]);
    let over = [full.clone(), vec!["y".to_owned()]].concat();
    for (what, bad) in [
        ("one byte over 1 MiB", body(&over)),
        ("one byte over 64 KiB", body(&["x".repeat(64 * 1024 + 1)])),
        ("64 KiB of two-byte characters and one", body(&["é".repeat(32 * 1024) + "x"])),
        ("a NUL", body(&["a\0b".to_owned()])),
        ("a list", json!({"inputs": {"v0": ["x"]}})),
    ] {
        let (status, refused) = post(&machine, &token, start, &bad);
        assert_eq!(status, 422, "{what}: {refused}");
        assert!(refused["faults"].as_array().is_some_and(|faults| !faults.is_empty()), "{what}");
    }
    let one_over = format!("v0={}", "x".repeat(64 * 1024 + 1));
    let refused = machine.signalbox(&["run", "dump", "-i", &one_over]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{}", refused.err);
    assert!(!refused.err.contains("xxxx"), "no message repeats a value");
    let mut no_text = machine.home.command(&["run", "dump", "-i"]);
    no_text.arg(OsString::from_vec(b"v0=\xff\xfe".to_vec()));
    let refused = done(no_text.output().unwrap());
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{}", refused.err);
}

const PEOPLE: &str = r#"
kind: Runbook
name: long
steps: [{name: wait, run: echo waiting; exec sleep 60}]
---
kind: Runbook
name: fine
steps: [{run: 'echo fine; echo "a=b" >> "$SIGNALBOX_OUTPUT"'}]
---
kind: Runbook
name: broken
steps: [{run: exit 7}]
"#;

#[test]
fn two_people_meet_on_one_run() {
    let machine = Machine::start(PEOPLE);
    let created = machine.signalbox(&["tokens", "create", "mia", "--role", "member"]);
    let token = created.out.trim().to_owned();
    let mia = |words: &[&str]| -> Done {
        done(machine.home.command(words).env("SIGNALBOX_TOKEN", &token).output().unwrap())
    };
    let mut following = machine
        .home
        .command(&["run", "long", "--reason", "OPS-7"])
        .env("SIGNALBOX_TOKEN", &token)
        .spawn()
        .unwrap();
    let mut line = [0; 8];
    following.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    let listed = machine.json(&["runs", "list", "--state", "running"]).remove(0);
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&listed["items"][0]["requested_by"], &listed["items"][0]["reason"]),
        (&json!("mia"), &json!("OPS-7"))
    );
    assert_eq!(machine.signalbox(&["runs", "cancel", &id]).code, Some(0));
    let told = done(following.wait_with_output().unwrap());
    assert_eq!(told.code, Some(1), "{}", told.err);
    let view = machine.finished(&id);
    assert_eq!((&view["state"], &view["cancel_requested_by"]["name"]), (&json!("canceled"), &json!("admin")));
    assert!(mia(&["runs", "show", &id]).out.contains("canceled   by admin"));

    machine.home.write("other.yaml", PEOPLE);
    for words in
        [&["apply", "other.yaml"][..], &["tokens", "create", "eve", "--role", "admin"], &["tokens", "list"]]
    {
        let refused = mia(words);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{words:?}");
        for named in ["action ", "policy ", "hint: "] {
            assert!(refused.err.contains(named), "{words:?}: {named}: {}", refused.err);
        }
        assert!(!refused.err.contains(&token));
    }
    let nobody =
        done(machine.home.command(&["runs", "list"]).env("SIGNALBOX_TOKEN", "sbx_wrong").output().unwrap());
    assert!(nobody.code == Some(2) && !nobody.err.contains("sbx_wrong"), "{}", nobody.err);
}

#[test]
fn with_json_there_is_nothing_else_on_standard_output() {
    let machine = Machine::start(PEOPLE);
    let run = machine.detach(&["fine"]);
    machine.finished(&run);
    let has = |object: &Value, fields: &[&str]| fields.iter().all(|field| object.get(field).is_some());
    let page = &["items", "next"][..];
    for (words, fields) in [
        (&["apply", "runbooks.yaml"][..], &["project", "results"][..]),
        (&["apply", "runbooks.yaml", "--dry-run"], &["project", "results"]),
        (&["check", "runbooks.yaml"], &["faults", "definitions"]),
        (&["projects", "list"], page),
        (&["runbooks", "list"], page),
        (&["runbooks", "show", "fine"], &["project", "digest", "text"]),
        (&["runs", "list"], page),
        (&["runs", "show", &run], &["id", "state", "steps", "outputs"]),
        (&["tokens", "list"], page),
        (&["tokens", "create", "mia", "--role", "member"], &["token", "secret"]),
        (&["run", "fine", "--detach"], &["id", "state"]),
        (&["login", "--token-file", "data/admin.token"], &["name", "role"]),
    ] {
        let objects = machine.json(words);
        assert_eq!(objects.len(), 1, "{words:?}");
        assert!(has(&objects[0], fields), "{words:?}: {}", objects[0]);
    }
    let view = machine.show(&run);
    assert!(has(&view["steps"][0], &["name", "state", "exit_code", "started_at", "finished_at"]));
    assert_eq!(view["outputs"]["step_1"]["a"], "b");
    let chunks = machine.json(&["runs", "logs", &run]);
    assert_eq!(chunks[0]["text"], "fine\n");
    // How a run ended changes nothing about what is printed, only the exit code.
    for (runbook, code, state) in [("fine", 0, "succeeded"), ("broken", 1, "failed")] {
        for how in
            [&["run", runbook, "--json"][..], &["try", "runbooks.yaml", "--runbook", runbook, "--json"]]
        {
            let told = machine.signalbox(how);
            assert_eq!(told.code, Some(code), "{how:?}: {}", told.err);
            let objects: Vec<Value> =
                told.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            assert_eq!(objects.last().unwrap()["state"], state);
        }
    }
    for refused in [
        &["run", "nothing"][..],
        &["run", "fine", "-i", "x=y"],
        &["runs", "show", "0198c5d2-8a54-7e11-9c3b-5b1f0e6a7d42"],
        &["apply", "nowhere"],
    ] {
        let told = machine.signalbox(&[refused, &["--json"]].concat());
        assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{refused:?}: {}", told.err);
    }
    let mut child = machine.home.command(&["run", "long", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut seen = Vec::new();
    let out = child.stdout.as_mut().unwrap();
    wait_for("the first output", || {
        let mut bytes = [0; 4096];
        let len = out.read(&mut bytes).unwrap();
        seen.extend_from_slice(&bytes[..len]);
        String::from_utf8_lossy(&seen).contains("waiting")
    });
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT)
        .unwrap();
    let mut rest = String::new();
    child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    let told = done(child.wait_with_output().unwrap());
    assert_eq!(told.code, Some(130));
    let all = String::from_utf8_lossy(&seen).into_owned() + &rest;
    assert!(all.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{all}");
    let listed = machine.json(&["runs", "list", "--state", "running"]).remove(0);
    let id = listed["items"][0]["id"].as_str().unwrap();
    assert!(told.err.contains(&format!("signalbox runs cancel {id}")), "{}", told.err);
    assert_eq!(machine.json(&["runs", "cancel", id])[0]["state"], "canceling");
    assert_eq!(machine.finished(id)["state"], "canceled");
}

const STEPS: &str = r#"
kind: Runbook
name: surroundings
steps: [{run: env; echo; cat /proc/$$/environ | tr '\0' '\n'; ls -l /proc/$$/fd}]
---
kind: Runbook
name: daemon
steps:
  - run: |
      setsid sh -c 'echo $$ > "$HOME/../../daemon"; exec sleep 300' &
      while [ ! -s ../../daemon ]; do sleep 0.01; done
      echo begun
  - run: |
      mkdir -p a/b/c d; touch a/b/c/f; ln -s / root; ln -s "$SIGNALBOX_FILES" files
      chmod 0 a/b/c; chmod 500 a/b a d .; echo filled
---
kind: Runbook
name: elsewhere
steps:
  - run: |
      echo made > "$TMPDIR/x"; mv "$HOME" ../moved; ln -s /etc "$HOME"
      rm "$SIGNALBOX_OUTPUT"; ln -s /etc/passwd "$SIGNALBOX_OUTPUT"; chmod 500 ..
---
kind: Runbook
name: homeless
steps:
  - run: rm -rf "$HOME"
  - run: echo never
---
kind: Runbook
name: cut
output_limit: 64KiB
steps: [{run: yes 0123456 | head -c 1000000; echo end >&2}]
---
kind: Runbook
name: flood
output_limit: 1GiB
steps: [{run: yes a line of output that is as long as lines in logs often are | head -c 200000000}]
"#;

#[test]
fn steps_see_nothing_of_the_server_and_leave_nothing_behind() {
    let machine = Machine::start(STEPS);
    let told = machine.signalbox(&["run", "surroundings"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    for foreign in
        ["CANARY", "must-not-be-seen", "SIGNALBOX_URL", "SIGNALBOX_TOKEN", "SIGNALBOX_LOG", "XDG_", "TZ="]
    {
        assert!(!told.out.contains(foreign), "{foreign}: {}", told.out);
    }
    // Its own three and its script.
    let open: Vec<&str> = told.out.lines().filter(|line| line.contains(" -> ")).collect();
    assert!(open.len() <= 4 && !told.out.contains("/etc/passwd"), "{open:#?}");

    let told = machine.signalbox(&["run", "daemon"]);
    let daemon = machine.read("data/work/daemon");
    assert_eq!((told.code, told.out.as_str()), (Some(0), "begun\nfilled\n"), "{}", told.err);
    assert!(told.err.contains("ending what it left behind"), "{}", told.err);
    assert!(!lives(&daemon), "a daemon is found wherever it went");
    std::fs::remove_file(machine.home.path().join("data/work/daemon")).unwrap();

    let told = machine.signalbox(&["run", "elsewhere"]);
    assert!(told.code == Some(1) && told.err.contains("symbolic link"), "{}", told.err);
    assert!(!told.err.contains("root:"));
    assert!(std::fs::metadata("/etc/passwd").is_ok());
    let told = machine.signalbox(&["run", "homeless"]);
    assert!(told.code == Some(1) && told.err.contains("working directory is gone"), "{}", told.err);
    wait_for("the working directories to go", || machine.work().is_empty());
}

#[test]
fn a_flood_is_kept_or_cut_and_the_server_stays_small() {
    let machine = Machine::start(STEPS);
    let told = machine.signalbox(&["run", "cut"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.out.len() <= 64 * 1024 + 8 && told.out.len() >= 60 * 1024, "{}", told.out.len());
    assert!(told.err.contains("64"), "a note says that it was cut: {}", told.err);

    let run = machine.detach(&["flood"]);
    // Somebody who follows and reads nothing, and another who reads all.
    let path = format!("/api/v1/projects/default/runs/{run}/live");
    let mut slow = TcpStream::connect(machine.address()).unwrap();
    let token = machine.read("data/admin.token");
    let asked = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", token.trim());
    slow.write_all(asked.as_bytes()).unwrap();
    assert_eq!(machine.finished(&run)["state"], "succeeded");
    let mut reader = machine.home.command(&["runs", "logs", &run]).spawn().unwrap();
    let len = std::io::copy(reader.stdout.as_mut().unwrap(), &mut std::io::sink()).unwrap();
    assert_eq!((len, reader.wait().unwrap().code()), (200_000_000, Some(0)));
    let status = std::fs::read_to_string(format!("/proc/{}/status", machine.server_id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 150 * 1024, "{peak} KiB");
    drop(slow);
}

#[test]
fn a_step_that_runs_as_another_user_reaches_its_own_things_and_nothing_else() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("run_as was not tried: these tests do not run as root");
        return;
    }
    let runbook = r#"
kind: Runbook
name: as-nobody
run_as: nobody
inputs: {pass: {type: secret, required: true}}
steps:
  - run: |
      id -un; echo made > here; cat here; cat "$SECRET_PASS_FILE" | wc -c
      echo "who=$(id -un)" >> "$SIGNALBOX_OUTPUT"
      for f in ../../../signalbox.db ../../../admin.token ../../../key; do cat "$f" && echo READ "$f"; done
      ls ../../.. && echo LISTED; ls ../../../output && echo LISTED; ls ../../../shims && echo LISTED
      true
"#;
    let machine = Machine::start(runbook);
    // The test's own folder is closed to others, as a home directory may be.
    let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(machine.home.path(), open).unwrap();
    machine.home.write("pass", "0123456789");
    let told = machine.signalbox(&["run", "as-nobody", "--secret-file", "pass=pass"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.out.starts_with("nobody\nmade\n10\n"), "{}", told.out);
    assert!(!told.out.contains("READ") && !told.out.contains("LISTED"), "{}", told.out);
}
