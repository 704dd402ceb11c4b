//! The commands for people, with the real server: plan, answer, decide, retry, presets, versions, inventories, backup.

use std::{io::Write, process::Stdio};

use crate::{
    machine::Machine,
    program::{Done, Home, done},
};

const RUNBOOKS: &str = r#"
kind: Inventory
name: shop
targets:
  - {name: web1, address: 10.0.0.1, environment: staging, labels: {role: web}}
  - {name: web2, environment: staging, labels: {role: web}}
---
kind: Runbook
name: release
title: Ship a release
inputs:
  region: {type: choice, options: [eu, us], required: true}
  motd: {type: file}
  token: {type: secret}
steps:
  - name: build
    run: |
      cat "${INPUT_MOTD:-/dev/null}"
      echo "version=1.2-$INPUT_REGION" >> "$SIGNALBOX_OUTPUT"
  - name: roll
    on: {inventory: shop, where: {role: web}, batch: 1}
    run: echo "to $TARGET_NAME"
  - name: look
    manual: |
      Is the error rate back to normal?
      Look at the dashboard.
    fields: {error_rate: {type: number, required: true}}
  - name: gate
    approve: Ship it?
  - name: ship
    run: test "$INPUT_REGION" = eu
"#;

fn shown(done: &Done) -> String {
    assert_eq!(done.code, Some(0), "{}", done.err);
    done.out.clone()
}

/// Without what differs from run to run.
fn plain(text: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        if bare.len() == 36 && bare.matches('-').count() == 4 {
            word.replace(bare, "RUN")
        } else if bare.len() == 12 && bare.bytes().all(|b| b.is_ascii_hexdigit()) {
            word.replace(bare, "DIGEST")
        } else if bare.len() == 10 && bare.matches('-').count() == 2 {
            word.replace(bare, "DAY")
        } else if bare.len() == 8 && word.matches(':').count() >= 2 {
            word.replace(bare, "TIME")
        } else if word.starts_with("http://127.0.0.1:") {
            "URL".to_owned()
        } else {
            word.to_owned()
        }
    };
    let line = |line: &str| {
        let line = line.split(' ').map(word).collect::<Vec<_>>().join(" ");
        match line.find(" after ") {
            Some(at) if line.contains(" s") => format!("{} after A WHILE", &line[..at]),
            _ => line,
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn a_plan_shows_steps_targets_and_effects() {
    let machine = Machine::start(RUNBOOKS);
    let plan = machine.signalbox(&["plan", "release", "-i", "region=eu"]);
    insta::assert_snapshot!("plan", plain(&shown(&plan)));
    let faulty = machine.signalbox(&["plan", "release", "-i", "region=mars"]);
    assert!(faulty.code == Some(2) && faulty.err.contains("region"), "{}", faulty.err);
    assert!(machine.json(&["runs", "list"])[0]["items"].as_array().unwrap().is_empty());
}

#[test]
fn people_answer_decide_and_try_again() {
    let machine = Machine::start(RUNBOOKS);
    machine.home.write("motd.txt", "hello\n");
    machine.home.write("token.txt", "hunter22-canary\n");
    let words = ["release", "-i", "region=us", "--file", "motd=motd.txt", "--secret-file", "token=token.txt"];
    let run = machine.detach(&words);
    crate::machine::wait_for("the manual step", || machine.show(&run)["state"] == "waiting");
    let told = machine.signalbox(&["runs", "show", &run]);
    insta::assert_snapshot!("show_waiting", plain(&shown(&told)).replace(&machine.home.url, "URL"));
    let list = shown(&machine.signalbox(&["runs", "list", "--text", "ship", "--state", "waiting"]));
    assert!(list.contains("person") && list.lines().count() == 2, "{list}");

    let missing = machine.signalbox(&["step", "done", &run, "look"]);
    assert!(missing.code == Some(2) && missing.err.contains("error_rate"), "{}", missing.err);
    assert_eq!(machine.signalbox(&["step", "done", &run, "look", "-f", "error_rate=0.2"]).code, Some(0));
    let own = machine.signalbox(&["step", "approve", &run, "gate"]);
    assert!(own.code == Some(2) && own.err.contains("somebody else"), "{}", own.err);
    let ada = machine.signalbox(&["tokens", "create", "ada", "--role", "member"]).out.trim().to_owned();
    let by_ada =
        |words: &[&str]| done(machine.home.command(words).env("SIGNALBOX_TOKEN", &ada).output().unwrap());
    assert_eq!(by_ada(&["step", "approve", &run, "gate", "--comment", "go"]).code, Some(0));
    assert_eq!(machine.finished(&run)["state"], "failed");
    let log = shown(&machine.signalbox(&["runs", "logs", &run]));
    assert_eq!(log, "hello\nto web1\nto web2\n");
    for following in [&[][..], &["--follow"]] {
        let rolled = [&["runs", "logs", &run, "--step", "roll"], following].concat();
        assert_eq!(shown(&machine.signalbox(&rolled)), "to web1\nto web2\n", "a loop with all its times");
    }

    let refused = machine.signalbox(&["runs", "retry", &run, "--from", "ship"]);
    assert!(refused.code == Some(2) && refused.err.contains("token"), "{}", refused.err);
    let mut again =
        machine.home.command(&["runs", "retry", &run, "--from", "ship", "--secret", "token", "--follow"]);
    let mut child = again.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"hunter23-canary\n").unwrap();
    let again = done(child.wait_with_output().unwrap());
    assert!(again.code == Some(1) && again.err.contains("look: skipped"), "{}", again.err);
    assert!(!again.err.contains("canary"));
}

#[test]
fn following_says_who_is_waited_for_and_how_to_answer() {
    let machine = Machine::start(
        "kind: Runbook\nname: ask\nsteps: [{name: look, manual: Look., fields: {n: {type: integer, required: true}}}]\n",
    );
    let child = machine.home.command(&["run", "ask"]).spawn().unwrap();
    let mut run = String::new();
    crate::machine::wait_for("the manual step", || {
        let runs = machine.json(&["runs", "list"]);
        run = runs[0]["items"][0]["id"].as_str().unwrap_or_default().to_owned();
        runs[0]["items"][0]["state"] == "waiting"
    });
    assert_eq!(machine.signalbox(&["step", "done", &run, "look", "-f", "n=1"]).code, Some(0));
    let followed = done(child.wait_with_output().unwrap());
    assert_eq!(followed.code, Some(0), "{}", followed.err);
    assert!(followed.err.contains("look: waiting for a person: Look."), "{}", followed.err);
    let command = format!("answer with `signalbox step done {run} look");
    assert!(followed.err.contains(&command) && followed.err.contains("-f n=VALUE"), "{}", followed.err);
}

#[test]
fn presets_are_kept_used_and_forgotten() {
    let machine = Machine::start(RUNBOOKS);
    assert_eq!(machine.signalbox(&["presets", "save", "release", "europe", "-i", "region=eu"]).code, Some(0));
    let list = shown(&machine.signalbox(&["presets", "list", "release"]));
    assert!(list.contains("europe\tregion=eu\t"), "{list}");
    let planned = machine.json(&["plan", "release", "--preset", "europe"]);
    assert_eq!(planned[0]["inputs"]["region"], "eu");
    let other = machine.json(&["plan", "release", "--preset", "europe", "-i", "region=us"]);
    assert_eq!(other[0]["inputs"]["region"], "us", "what is given goes before what was kept");
    let secret = machine.signalbox(&["presets", "save", "release", "x", "-i", "token=canary"]);
    assert!(secret.code == Some(2) && !secret.err.contains("canary"), "{}", secret.err);
    assert_eq!(machine.signalbox(&["presets", "delete", "release", "europe"]).code, Some(0));
    assert_eq!(machine.signalbox(&["plan", "release", "--preset", "europe"]).code, Some(2));
}

#[test]
fn versions_and_inventories_are_looked_at_and_put_back() {
    let machine = Machine::start(RUNBOOKS);
    machine.home.write("runbooks.yaml", RUNBOOKS.replace("Ship it?", "Really?"));
    assert_eq!(machine.signalbox(&["apply", "runbooks.yaml"]).code, Some(0));
    let versions = machine.json(&["versions", "history", "release"]);
    let digest = |at: usize| versions[0]["items"][at]["digest"].as_str().unwrap().to_owned();
    let (new, old) = (digest(0), digest(1));
    let diff = shown(&machine.signalbox(&["versions", "diff", "release", &old[..8], &new[..8]]));
    assert!(diff.contains("-    approve: Ship it?\n+    approve: Really?\n"), "{diff}");
    assert_eq!(
        shown(&machine.signalbox(&["versions", "diff", "release", &old[..8]])),
        diff,
        "to the current one"
    );
    let back = shown(&machine.signalbox(&["versions", "rollback", "release", &old[..6]]));
    assert!(back.starts_with("published"), "{back}");
    let history = shown(&machine.signalbox(&["versions", "history", "release"]));
    assert!(history.contains(&format!("{}\t", &old[..12])) && history.contains("current"), "{history}");
    let none = machine.signalbox(&["versions", "rollback", "release", "0000"]);
    assert!(none.code == Some(2) && none.err.contains("no version"), "{}", none.err);

    assert!(shown(&machine.signalbox(&["inventories", "list"])).contains("shop\t\t2\t"));
    let targets = shown(&machine.signalbox(&["inventories", "show", "shop"]));
    assert_eq!(
        targets,
        "target\taddress\tenvironment\tlabels\nweb1\t10.0.0.1\tstaging\trole=web\nweb2\t\tstaging\trole=web\n"
    );
}

#[test]
fn a_backup_is_taken_and_restored_without_overwriting_anything() {
    let mut machine = Machine::start(RUNBOOKS);
    let run = machine.detach(&["release", "-i", "region=eu"]);
    crate::machine::wait_for("the manual step", || machine.show(&run)["state"] == "waiting");
    let taken = machine.signalbox(&["backup", "all.backup"]);
    assert!(taken.code == Some(0) && taken.err.contains("key"), "{}", taken.err);
    let again = machine.signalbox(&["backup", "all.backup"]);
    assert!(again.code == Some(2) && again.err.contains("there already"), "{}", again.err);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(machine.home.path().join("all.backup")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    machine.kill_server();

    let refused = machine.signalbox(&["restore", "all.backup", "--data-dir", "data"]);
    assert!(refused.code == Some(2) && refused.err.contains("not empty"), "{}", refused.err);
    let restored = machine.signalbox(&["restore", "all.backup", "--data-dir", "other", "--key", "data/key"]);
    assert_eq!(restored.code, Some(0), "{}", restored.err);
    assert!(restored.err.contains("asks a person") && !restored.err.contains("secret"), "{}", restored.err);
    let bare = machine.signalbox(&["restore", "all.backup", "--data-dir", "bare"]);
    assert!(bare.code == Some(0) && !bare.err.contains("secret"), "none is lost: {}", bare.err);
    let whole = std::fs::read(machine.home.path().join("all.backup")).unwrap();
    machine.home.write("half.backup", &whole[..whole.len() / 2]);
    let half = machine.signalbox(&["restore", "half.backup", "--data-dir", "third"]);
    assert!(half.code == Some(2) && !machine.home.path().join("third").exists(), "{}", half.err);

    std::fs::remove_dir_all(machine.home.path().join("data")).unwrap();
    std::fs::rename(machine.home.path().join("other"), machine.home.path().join("data")).unwrap();
    machine.start_again();
    assert_eq!(machine.show(&run)["state"], "waiting");
    assert_eq!(shown(&machine.signalbox(&["runs", "logs", &run])), "to web1\nto web2\n");
}

/// At three in the morning: whatever was on its way yesterday must not be done again by itself.
#[test]
fn a_restored_server_goes_on_with_nothing_until_a_person_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    let say = |word: &str| format!("echo {word} >> {}", ledger.display());
    let runbooks = format!(
        "kind: Runbook\nname: parks\ntimeout: 3s\nsteps: [{{name: pause, wait: 2s}}, {{name: go, run: {go}}}]\n\
         cleanup: [{{name: tidy, run: {tidy}}}]\n\
         ---\nkind: Runbook\nname: looks\nsteps: [{{name: look, effect: read, run: {look}; sleep 60}}]\n\
         ---\nkind: Runbook\nname: asks\nsteps: [{{name: ask, manual: Well?, timeout: 2s}}]\n\
         cleanup: [{{name: tidy, run: {tidy}}}]\n\
         ---\nkind: Runbook\nname: alone\nconcurrency: {{key: [a], limit: 1}}\n\
         steps: [{{name: one, run: {one}; sleep 60}}]\n",
        go = say("go"),
        tidy = say("tidy"),
        look = say("look"),
        one = say("one"),
    );
    let machine = Machine::start(&runbooks);
    let holds = machine.detach(&["alone"]);
    let queued = machine.detach(&["alone"]);
    let looks = machine.detach(&["looks"]);
    let read = || std::fs::read_to_string(&ledger).unwrap_or_default();
    crate::machine::wait_for("the steps", || read().lines().count() == 2);
    let parks = machine.detach(&["parks"]);
    let asks = machine.detach(&["asks"]);
    let taken = machine.signalbox(&["backup", "all.backup"]);
    assert_eq!(taken.code, Some(0), "{}", taken.err);
    // The world goes on: all of them end.
    for run in [&queued, &holds, &looks] {
        assert_eq!(machine.signalbox(&["runs", "cancel", run]).code, Some(0));
    }
    for run in [&queued, &holds, &looks, &parks, &asks] {
        machine.finished(run);
    }

    let home = Home::new();
    let file = machine.home.path().join("all.backup").display().to_string();
    let restored = home.signalbox(&["restore", &file, "--data-dir", "data"]);
    assert_eq!(restored.code, Some(0), "{}", restored.err);
    home.write("data/admin.token", machine.read("data/admin.token"));
    let before = read();
    let mut again = Machine::start_in(home, &runbooks);
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(read(), before, "nothing was started by itself");
    for (run, waits) in [(&holds, "lost"), (&looks, "lost"), (&parks, "lost"), (&asks, "person")] {
        let view = again.show(run);
        assert_eq!((view["state"].as_str(), view["finished_at"].is_null()), (Some("waiting"), true));
        let step = &view["steps"][0];
        assert_eq!(
            (step["wait"]["for"].as_str(), step["attempt"].as_u64()),
            (Some(waits), Some(1)),
            "{step:#}"
        );
        assert!(step["wait"]["until"].is_null(), "for as long as it takes: {step:#}");
    }
    assert!(again.show(&parks)["waits_for"].to_string().contains("restored from a backup"));
    assert_eq!(again.show(&queued)["state"], "unknown", "it had not begun");

    let resolve = |run: &str, step: &str, verdict: &str| {
        let words = ["step", "resolve", run, step, "--as", verdict, "--reason", "seen"];
        let done = again.signalbox(&words);
        assert_eq!(done.code, Some(0), "{}", done.err);
    };
    // Once more, wait and all: the time that the whole run had is over, and does not count any more.
    resolve(&parks, "pause", "retry");
    assert_eq!(again.finished(&parks)["state"], "succeeded");
    resolve(&looks, "look", "succeeded");
    resolve(&holds, "one", "failed");
    assert_eq!(again.signalbox(&["step", "done", &asks, "ask"]).code, Some(0));
    let states = [&looks, &holds, &asks].map(|run| again.finished(run)["state"].clone());
    assert_eq!(states, ["succeeded", "failed", "succeeded"]);
    let since = read()[before.len()..].lines().collect::<Vec<_>>().join(" ");
    assert_eq!(since, "go tidy tidy", "what people said, and no more");
    again.kill_server();
    crate::machine::wait_for("the log", || again.log.lock().unwrap().contains("this is a backup of"));
}

#[test]
fn trying_without_a_terminal_fails_where_somebody_would_be_asked() {
    let home = Home::new();
    home.write(
        "a.yaml",
        "kind: Runbook\nname: outer\nsteps: [{name: call, runbook: inner}, {name: look, manual: Look.}]\n",
    );
    home.write("b.yaml", "kind: Runbook\nname: inner\nsteps: [{run: echo inside}]\n");
    let done = home.signalbox(&["try", ".", "--runbook", "outer"]);
    assert_eq!((done.code, done.out.as_str()), (Some(1), "inside\n"), "{}", done.err);
    assert!(done.err.contains("there is no terminal"), "{}", done.err);
    assert_eq!(home.signalbox(&["try", ".", "--runbook", "nothing"]).code, Some(2));
}

#[test]
fn trying_takes_files_and_secrets() {
    let home = Home::new();
    home.write(
        "a.yaml",
        "kind: Runbook\nname: read\ninputs: {motd: {type: file, required: true}, token: {type: secret, required: true}}\nsteps:\n  - run: cat \"$INPUT_MOTD\"; wc -c < \"$SECRET_TOKEN_FILE\"\n",
    );
    home.write("motd.txt", b"\xffhello\n");
    home.write("token.txt", "hunter22\n");
    let words = ["try", "a.yaml", "--file", "motd=motd.txt", "--secret-file", "token=token.txt"];
    let raw = home.command(&words).output().unwrap();
    assert_eq!(
        (raw.status.code(), raw.stdout),
        (Some(0), b"\xffhello\n8\n".to_vec()),
        "{}",
        String::from_utf8_lossy(&raw.stderr)
    );
}

/// What schedules performed between a backup and its restore is performed by nobody again, not even by one that catches up with all.
#[test]
fn a_restored_server_performs_no_instant_of_the_time_that_it_does_not_know() {
    let runbooks = "kind: Runbook\nname: ticks\nsteps: [{run: 'true'}]\n---\n\
                    kind: Schedule\nname: ticks\nrunbook: ticks\nevery: 1s\noverlap: allow\ncatch_up: all\n";
    let firings = |machine: &Machine| {
        let listed = machine.json(&["schedules", "firings", "ticks"]).remove(0);
        listed["items"].as_array().unwrap().clone()
    };
    let fired = |machine: &Machine| -> std::collections::BTreeSet<String> {
        let firings = firings(machine);
        let fired = firings.iter().filter(|firing| firing["state"] == "fired");
        fired.map(|firing| firing["due_at"].as_str().unwrap().to_owned()).collect()
    };
    let machine = Machine::start(runbooks);
    crate::machine::wait_for("the first firings", || fired(&machine).len() >= 2);
    let before = fired(&machine);
    let taken = machine.signalbox(&["backup", "all.backup"]);
    assert_eq!(taken.code, Some(0), "{}", taken.err);
    crate::machine::wait_for("firings that the backup does not know", || {
        fired(&machine).difference(&before).count() >= 4
    });

    let home = Home::new();
    let file = machine.home.path().join("all.backup").display().to_string();
    let restored = home.signalbox(&["restore", &file, "--data-dir", "data"]);
    assert_eq!(restored.code, Some(0), "{}", restored.err);
    home.write("data/admin.token", machine.read("data/admin.token"));
    let paused = machine.signalbox(&["schedules", "pause", "ticks"]);
    assert_eq!(paused.code, Some(0), "{}", paused.err);
    let known = fired(&machine);
    let again = Machine::start_in(home, runbooks);
    crate::machine::wait_for("a new firing", || {
        fired(&again).iter().any(|due_at| Some(due_at) > known.last())
    });
    let passed: Vec<_> = firings(&again)
        .into_iter()
        .filter(|firing| firing["reason"].as_str().is_some_and(|why| why.contains("restored from a backup")))
        .map(|firing| firing["due_at"].as_str().unwrap().to_owned())
        .collect();
    assert!(passed.len() >= 3, "each has its record: {passed:?}");
    let twice: Vec<_> = passed.iter().filter(|due_at| fired(&again).contains(*due_at)).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let later = passed.iter().min().unwrap();
    let doubled: Vec<_> = fired(&again).into_iter().filter(|it| it >= later && known.contains(it)).collect();
    assert!(doubled.is_empty(), "performed by both: {doubled:?}");
}

/// The probes and collectors of the same folder look, since the runbook waits for what they see; by time, none does.
#[test]
fn trying_verifies_with_the_probes_and_collectors_of_its_folder() {
    let home = Home::new();
    let up = home.path().join("up").display().to_string();
    home.write(
        "all.yaml",
        format!(
            "kind: Service\nname: shop\n---\nkind: Runbook\nname: check-shop\nprobe: {{service: shop, every: 1h}}\n\
             steps: [{{run: test -e {up}, effect: read}}]\n---\n\
             kind: Runbook\nname: look-at-shop\ncollects: {{service: shop, every: 1h, expire: 2h}}\n\
             steps: [{{run: echo version=2 >> \"$SIGNALBOX_FACTS\", effect: read}}]\n---\n\
             kind: Runbook\nname: mend\nservice: shop\nsnapshot: [look-at-shop]\n\
             inputs: {{how: {{type: string, required: true}}}}\n\
             steps: [{{name: mend, run: '$INPUT_HOW {up}'}}]\n\
             verify: {{within: 3s, all: [{{probe: check-shop}}, {{fact: version, equals: 2}}]}}\n"
        ),
    );
    let tried =
        |how: &str| home.signalbox(&["try", "all.yaml", "--runbook", "mend", "-i", &format!("how={how}")]);
    let mended = tried("touch");
    assert_eq!(mended.code, Some(0), "{}", mended.err);
    let broken = tried("rm");
    assert_eq!(broken.code, Some(1), "{}", broken.err);
    assert!(broken.err.contains("did not come to hold in time: probe `check-shop`: bad"), "{}", broken.err);
}
