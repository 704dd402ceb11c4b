//! A machine's clock that is set while the server runs, by a day, ahead and back.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    machine::{Machine, wait_for},
    program::Home,
};

/// The library that tells programs another time; none if it is not installed.
fn library() -> Option<PathBuf> {
    let found = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    found.map(|path| path.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}

fn runbooks(ledger: &Path) -> String {
    let ledger = ledger.display();
    let say = |word: &str| format!("echo \"$SIGNALBOX_RUN {word}\" >> {ledger}");
    let mut text = String::new();
    let mut runbook = |name: &str, more: &str, steps: &[String]| {
        text += &format!("---\nkind: Runbook\nname: {name}\n{more}steps:\n");
        for step in steps {
            text += &format!("  - {step}\n");
        }
    };
    let run = |name: &str, script: &str| format!("{{name: {name}, run: '{script}'}}");
    runbook("parks", "", &["wait: 4s".to_owned(), run("parked", &say("parked"))]);
    runbook(
        "parks-later",
        "",
        &[run("first", "sleep 4"), "wait: 2s".to_owned(), run("later", &say("later"))],
    );
    runbook("has-time", "timeout: 1h\n", &[run("long", "sleep 4"), run("more", &say("more"))]);
    runbook("runs-out", "timeout: 4s\n", &["wait: 1h".to_owned(), run("never", &say("never"))]);
    runbook("step-runs-out", "", &["{run: sleep 300, timeout: 4s}".to_owned()]);
    let again = format!("test -e again && {}; test -e again || (touch again; exit 1)", say("again"));
    runbook("retries", "", &[format!("{{name: again, run: '{again}', retry: {{attempts: 2, wait: 4s}}}}")]);
    runbook("asks", "", &["{name: look, manual: Is all well?, timeout: 2h}".to_owned()]);
    runbook("ticks", "", &[run("tick", "true")]);
    text += "---\nkind: Schedule\nname: ticks\nrunbook: ticks\nevery: 2s\noverlap: allow\ncatch_up: all\n";
    text
}

#[test]
fn a_clock_that_is_set_by_a_day_makes_nothing_early_and_nothing_late() {
    let Some(library) = library() else {
        eprintln!("a clock that is set was not tried: apt-get install faketime");
        return;
    };
    let home = Home::new();
    let set = home.write("clock", "+0\n");
    let ledger = home.path().join("ledger");
    let surroundings = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", set.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("NO_FAKE_STAT", "1".to_owned()),
    ];
    let mut machine = Machine::start_among(home, &surroundings, &runbooks(&ledger));
    // A clock is set at once: a file that is half written would be another time.
    let set_to = |by: &str| {
        let next = machine.home.write("clock.next", format!("{by}\n"));
        std::fs::rename(next, &set).unwrap();
    };
    let off = || machine.status()["clock_off_s"].as_i64().unwrap();
    let mut ids = Vec::new();
    for (by, seconds) in [("+1d", 24 * 60 * 60), ("-1d", -24 * 60 * 60)] {
        assert_eq!(off(), 0);
        let names = ["parks", "parks-later", "has-time", "runs-out", "step-runs-out", "retries", "asks"];
        let runs = names.map(|name| machine.detach(&[name]));
        let of = |name: &str| &runs[names.iter().position(|known| *known == name).unwrap()];
        wait_for("the first attempt", || machine.show(of("retries"))["state"] == "waiting");
        let began = Instant::now();
        set_to(by);
        assert!((off() - seconds).abs() <= 2, "the status says it: {}", off());
        let fresh = machine.detach(&["parks"]);
        // Neither a day early nor a day late.
        thread::sleep(Duration::from_secs(1));
        for (name, state) in [("parks", "waiting"), ("runs-out", "waiting"), ("has-time", "running")] {
            assert_eq!(machine.show(of(name))["state"], state, "{by}: {name} is not over yet");
        }
        for name in ["parks", "parks-later", "has-time", "retries"] {
            let view = machine.finished(of(name));
            assert_eq!(view["state"], "succeeded", "{by}: {name}: {view:#}");
        }
        assert_eq!(machine.finished(&fresh)["state"], "succeeded", "{by}: work goes on meanwhile");
        for name in ["runs-out", "step-runs-out"] {
            let view = machine.finished(of(name));
            assert_eq!(
                (view["state"].as_str(), view["cause"].as_str()),
                (Some("failed"), Some("timeout")),
                "{by}: {name}: {view:#}"
            );
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{by}: {:?}", began.elapsed());
        assert_eq!(machine.show(of("asks"))["state"], "waiting", "{by}: a person has two hours");
        set_to("+0");
        assert_eq!(off(), 0, "it is right again");
        assert_eq!(machine.signalbox(&["step", "done", of("asks"), "look"]).code, Some(0));
        let after = machine.detach(&["parks"]);
        for run in [of("asks"), &after] {
            assert_eq!(machine.finished(run)["state"], "succeeded", "{by}");
        }
        ids.extend([of("parks").clone(), fresh, after].map(|run| format!("{run} parked")));
        let rest = [("parks-later", "later"), ("has-time", "more"), ("retries", "again")];
        ids.extend(rest.map(|(name, word)| format!("{} {word}", of(name))));
        for run in &runs {
            check_moments(&machine.show(run));
        }
    }
    let mut said: Vec<String> =
        std::fs::read_to_string(&ledger).unwrap().lines().map(str::to_owned).collect();
    said.sort();
    ids.sort();
    assert_eq!(said, ids, "every step was started once, and none that should not have been");

    check_firings(&machine.json(&["schedules", "firings", "ticks", "--limit", "200"]).remove(0));

    machine.kill_server();
    wait_for("the log", || !machine.log.lock().unwrap().is_empty());
    let log = machine.log.lock().unwrap().clone();
    for words in ["clock was set ahead", "clock was set back", "clock is right again"] {
        assert!(log.contains(words), "the log says `{words}`: {log}");
    }
}

/// Every second instant of true time has its run, none is left out, and none is of a time that never was.
fn check_firings(listed: &Value) {
    let firings = listed["items"].as_array().unwrap();
    assert!(firings.len() >= 5, "{listed:#}");
    let now = Timestamp::now();
    let mut before: Option<Timestamp> = None;
    for firing in firings {
        let due_at: Timestamp = firing["due_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(firing["state"], "fired", "{firing:#}");
        assert!(now.duration_since(due_at).abs() < SignedDuration::from_mins(5), "{firing:#}");
        assert!(before.is_none_or(|before| before == due_at + SignedDuration::from_secs(2)), "{firing:#}");
        before = Some(due_at);
    }
}

/// What is stored about time is what it was, not what the clock said.
fn check_moments(view: &Value) {
    let now = Timestamp::now();
    let near = |moment: &Value| {
        let moment: Timestamp = moment.as_str().unwrap().parse().unwrap();
        moment.duration_since(now).abs() < SignedDuration::from_mins(5)
    };
    for field in ["requested_at", "started_at", "finished_at"] {
        assert!(near(&view[field]), "{field} of {view:#}");
    }
}
