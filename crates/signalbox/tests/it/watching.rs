//! Services, facts, teams and schedules at the command line, with probes and collectors that really run.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    machine::{Machine, wait_for},
    program::{Done, Home},
};

/// A shop that depends on payments, both well while a file is there; and a schedule.
fn documents(home: &Home) -> String {
    let folder = home.path().display();
    format!(
        r"kind: Team
name: web
title: Web team
members: [ada, grace]
contact: '#web'
---
kind: Service
name: shop
title: The shop
owner: web
tier: 1
environments: [production, staging]
depends_on: [payments]
---
kind: Service
name: payments
---
kind: Runbook
name: check-shop
probe: {{service: shop, every: 1s}}
steps: [{{name: look, run: 'test -e {folder}/shop', effect: read}}]
---
kind: Runbook
name: check-payments
probe: {{service: payments, every: 1s}}
steps: [{{run: 'test -e {folder}/payments', effect: read}}]
---
kind: Runbook
name: look-at-shop
collects: {{service: shop, every: 1s, expire: 1h}}
steps: [{{run: 'cat {folder}/facts >> $SIGNALBOX_FACTS', effect: read}}]
---
kind: Runbook
name: mend
service: shop
title: Mend the shop
steps: [{{run: 'touch {folder}/shop {folder}/payments'}}]
---
kind: Schedule
name: nightly
runbook: mend
cron: '30 2 * * *'
zone: Europe/Berlin
"
    )
}

/// All is well, and seen to be so.
fn watched() -> Machine {
    let home = Home::new();
    for (name, text) in [("shop", ""), ("payments", ""), ("facts", "version=1\nnodes=3\n")] {
        home.write(name, text);
    }
    let documents = documents(&home);
    let machine = Machine::start_in(home, &documents);
    health(&machine, "shop", "ok");
    health(&machine, "payments", "ok");
    machine
}

fn health(machine: &Machine, service: &str, health: &str) {
    let shown = || machine.json(&["services", "show", service]).remove(0);
    wait_for(&format!("{service} is {health}"), || shown()["environments"][0]["health"]["health"] == health);
}

/// It is refused, and says what to do.
fn refused(done: &Done, message: &str, hint: &str) {
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{}", done.err);
    assert!(done.err.contains(message) && done.err.contains(hint), "{}", done.err);
}

fn row<'d>(done: &'d Done, name: &str) -> Vec<&'d str> {
    let found = done.out.lines().find(|line| line.split('\t').next() == Some(name));
    found.unwrap_or_else(|| panic!("no row {name}: {}{}", done.out, done.err)).split('\t').collect()
}

#[test]
fn a_service_falls_ill_is_seen_and_is_mended() {
    let machine = watched();
    let said = |words: &[&str]| machine.signalbox(words);
    let well = said(&["services", "list"]);
    let shop = row(&well, "shop");
    assert_eq!(shop[3], "production ✓ ok, staging ? unknown", "what nobody watches is not green");
    assert_eq!((shop[1], shop[4], shop[5]), ("? unknown", "1", "web"), "as in the worst of its environments");

    for gone in ["shop", "payments"] {
        std::fs::remove_file(machine.home.path().join(gone)).unwrap();
    }
    health(&machine, "shop", "bad");
    health(&machine, "payments", "bad");
    let ill = said(&["services", "list"]);
    assert!(ill.out.lines().nth(1).unwrap().starts_with("shop\t✗ bad\t"), "worst first: {}", ill.out);
    assert!(row(&ill, "shop")[6].ends_with("; likely because payments is bad"), "{}", ill.out);
    assert_eq!(said(&["services", "list", "--health", "ok"]).out.lines().count(), 1);
    assert_eq!(said(&["services", "list", "--team", "web"]).out.lines().count(), 2);

    let shown = said(&["services", "show", "shop"]);
    for told in [
        "shop: The shop",
        "  production  ✗ bad since ",
        "The probe `check-shop` is bad: step `look`: exit code 1",
        "    likely cause: payments is ✗ bad since ",
        "  staging     ? unknown: Nothing watches it.",
        "  runbook     mend (change): Mend the shop",
        "  schedule    nightly runs mend, 30 2 * * * (Europe/Berlin): next ",
        "version\t\tproduction\t1\t✓ current\t",
        ": ✓ ok → ✗ bad: ",
    ] {
        assert!(shown.out.contains(told), "{told}: {}", shown.out);
    }
    assert!(!shown.out.contains('\x1b'), "a pipe gets no colours");

    assert_eq!(machine.signalbox(&["run", "mend", "--reason", "OPS-9"]).code, Some(0));
    health(&machine, "shop", "ok");
    let history = said(&["services", "health", "shop", "--environment", "production"]);
    let lines: Vec<&str> = history.out.lines().collect();
    assert!(lines[0].starts_with("check-shop in production, 20"), "{}", history.out);
    let strip: Vec<char> = lines[1].trim().chars().collect();
    assert_eq!((strip.len(), strip[0], strip[89]), (90, '·', '▄'), "{}", history.out);
    assert!(history.out.contains("✗ bad → ✓ ok: All its probes are ok."), "{}", history.out);
    let happened = said(&["services", "happenings", "shop", "--from", "1h"]);
    assert!(happened.out.contains("mend succeeded for admin (OPS-9), run "), "{}", happened.out);
    assert_eq!(said(&["services", "happenings", "shop", "--to", "1h"]).out.lines().count(), 1);

    // What changed shortly before it fell ill is told with it.
    std::fs::remove_file(machine.home.path().join("shop")).unwrap();
    health(&machine, "shop", "bad");
    let history = said(&["services", "health", "shop"]);
    assert!(history.out.contains(" before: mend succeeded for admin (OPS-9)"), "{}", history.out);
}

#[test]
fn facts_are_shown_with_their_age_and_compared() {
    let machine = watched();
    let said = |words: &[&str]| machine.signalbox(words);
    wait_for("facts", || said(&["facts", "shop"]).out.lines().count() == 3);
    thread::sleep(Duration::from_millis(1100));
    machine.home.write("facts", "version=2\n");
    wait_for("changed facts", || row(&said(&["facts", "shop"]), "version")[3] == "2");
    let facts = said(&["facts", "shop", "--environment", "production"]);
    assert_eq!(row(&facts, "version")[4], "✓ current");
    assert_eq!(row(&facts, "version")[7], "1");
    assert_eq!(row(&facts, "nodes")[4], "- gone", "{}", facts.out);

    let at = machine.json(&["facts", "shop"])[0]["facts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|fact| fact["key"] == "version")
        .and_then(|fact| fact["changed_at"].as_str()?.parse::<jiff::Timestamp>().ok())
        .unwrap();
    let before = (at - jiff::SignedDuration::from_millis(500)).to_string();
    let diff = said(&["facts", "diff", "shop", "--at", &before]);
    assert_eq!(row(&diff, "version"), ["version", "", "1", "2"]);
    assert_eq!(row(&diff, "nodes"), ["nodes", "", "3", "(not there)"]);
    assert!(diff.err.contains("0 the same, 2 not"), "{}", diff.err);
    let diff = said(&["facts", "diff", "shop", "--environment", "staging", "--against", "production"]);
    assert_eq!(row(&diff, "version"), ["version", "", "2", "(not there)"]);

    std::fs::remove_file(machine.home.path().join("facts")).unwrap();
    wait_for("a failing collector", || said(&["facts", "shop"]).err.contains("collector look-at-shop"));
    let failing = said(&["facts", "shop"]);
    assert!(
        failing.err.contains("in production fails: ") && failing.err.contains("it saw all last "),
        "{}",
        failing.err
    );
    assert_eq!(row(&failing, "version")[3], "2", "what was seen stays, with its age");
}

#[test]
fn a_schedule_pauses_goes_on_and_tells_its_firings() {
    let machine = watched();
    let said = |words: &[&str]| machine.signalbox(words);
    let listed = said(&["schedules", "list", "--kind", "schedule"]);
    assert_eq!(listed.out.lines().count(), 2, "{}", listed.out);
    assert_eq!(row(&listed, "nightly")[1..4], ["schedule", "mend", "30 2 * * * (Europe/Berlin)"]);
    assert_eq!(row(&said(&["schedules", "list"]), "check-shop")[1], "probe");
    let paused = said(&["schedules", "pause", "nightly", "--reason", "Inventory week"]);
    assert!(
        paused.out.starts_with("schedule nightly pauses; `signalbox schedules resume nightly"),
        "{}",
        paused.out
    );
    let shown = said(&["schedules", "show", "nightly"]);
    assert!(
        shown.out.contains("by admin: Inventory week") && shown.out.contains("if it did not pause"),
        "{}",
        shown.out
    );
    assert!(shown.out.contains(" 02:30:00 +0"), "in its zone: {}", shown.out);
    let on = said(&["schedules", "resume", "nightly"]);
    assert!(on.out.starts_with("schedule nightly goes on, next 20"), "{}", on.out);

    machine.home.write("often.yaml", "kind: Schedule\nname: often\nrunbook: mend\nevery: 1s\n");
    assert_eq!(said(&["apply", "often.yaml"]).code, Some(0));
    wait_for("a firing", || said(&["schedules", "firings", "often"]).out.contains("\tfired\t"));
    said(&["schedules", "pause", "often", "--reason", "enough"]);
    thread::sleep(Duration::from_millis(2100));
    said(&["schedules", "resume", "often"]);
    let firings = said(&["schedules", "firings", "often"]);
    assert!(
        firings.out.contains("skipped") && firings.out.contains("It paused, by admin: enough"),
        "{}",
        firings.out
    );
    assert_eq!(said(&["schedules", "firings", "often", "--limit", "1"]).out.lines().count(), 2);

    let probe = said(&["schedules", "pause", "check-shop", "--kind", "probe"]);
    assert!(
        probe.out.starts_with("probe check-shop pauses") && probe.out.contains("--kind probe"),
        "{}",
        probe.out
    );
    let teams = said(&["teams", "list"]);
    assert_eq!(row(&teams, "web")[1..], ["Web team", "ada grace", "#web", "shop", "shop"]);
    assert!(said(&["teams", "show", "web"]).out.contains("  owns       shop"));
}

#[test]
fn what_is_not_there_is_told_with_what_to_do() {
    let machine = watched();
    let said = |words: &[&str]| machine.signalbox(words);
    let lists = ["services list", "teams list", "schedules list"]
        .map(|list| format!("`signalbox {list} --project default`"));
    for (words, named, list) in [
        (&["services", "show", "nope"][..], "service `nope`", &lists[0]),
        (&["services", "health", "nope"], "service `nope`", &lists[0]),
        (&["services", "happenings", "nope"], "service `nope`", &lists[0]),
        (&["facts", "nope"], "service `nope`", &lists[0]),
        (&["facts", "diff", "nope", "--at", "1h"], "service `nope`", &lists[0]),
        (&["teams", "show", "nope"], "team `nope`", &lists[1]),
        (&["schedules", "show", "nope"], "schedule `nope`", &lists[2]),
        (&["schedules", "firings", "nope"], "schedule `nope`", &lists[2]),
        (&["schedules", "pause", "nope"], "schedule `nope`", &lists[2]),
        (&["schedules", "resume", "check-shop"], "schedule `check-shop`", &lists[2]),
    ] {
        refused(&said(words), named, list);
    }
    for words in [
        &["facts", "shop", "--environment", "dev"][..],
        &["facts", "diff", "shop", "--environment", "dev", "--at", "1h"],
        &["facts", "diff", "shop", "--against", "dev"],
        &["services", "health", "shop", "--environment", "dev"],
    ] {
        refused(&said(words), "environment `dev` of service `shop`", "It is in: production, staging.");
    }
    let member = said(&["tokens", "create", "mia", "--role", "member"]).out;
    let mut pause = machine.home.command(&["schedules", "pause", "nightly"]);
    let done = crate::program::done(pause.env("SIGNALBOX_TOKEN", member.trim()).output().unwrap());
    refused(&done, "action schedule.pause", "hint: ");
}

#[test]
fn with_json_the_view_is_the_objects_of_the_api() {
    let machine = watched();
    let page = &["items", "next"][..];
    for (words, fields) in [
        (&["services", "list"][..], page),
        (&["services", "show", "shop"], &["service", "environments", "runbooks"]),
        (&["services", "health", "shop"], &["strips", "changes"]),
        (&["services", "happenings", "shop"], page),
        (&["facts", "shop"], &["collectors", "facts"]),
        (&["facts", "diff", "shop", "--at", "1h"], &["against", "differences", "same"]),
        (&["teams", "list"], page),
        (&["teams", "show", "web"], &["team", "owns"]),
        (&["schedules", "list"], page),
        (&["schedules", "show", "nightly"], &["schedule", "next", "firings"]),
        (&["schedules", "firings", "nightly"], page),
        (&["schedules", "pause", "nightly"], &["name", "paused"]),
        (&["schedules", "resume", "nightly"], &["name", "paused"]),
    ] {
        let objects = machine.json(words);
        assert_eq!(objects.len(), 1, "{words:?}");
        assert!(fields.iter().all(|field| objects[0].get(field).is_some()), "{words:?}: {}", objects[0]);
    }
}

const PREVIEWED: &str = "kind: Schedule\nname: nightly\nrunbook: restart-web\ncron: '30 2 * * *'\nzone: Europe/Berlin\njitter: 5m\n---\n\
    kind: Schedule\nname: tidy\nrunbook: restart-web\nevery: 15m\n---\n\
    kind: Schedule\nname: once\nrunbook: restart-web\ncron: '0 12 1 6 *'\nuntil: 2026-06-02\n";

#[test]
fn a_schedule_is_previewed_before_it_is_applied() {
    let home = Home::new();
    home.write("schedules.yaml", PREVIEWED);
    let next = |rest: &[&str]| home.signalbox(&[&["schedules", "next", "schedules.yaml"], rest].concat());
    let spring = next(&["--name", "nightly", "--from", "2026-03-28", "--count", "3"]);
    assert_eq!(
        spring.out,
        "nightly runs restart-web, each performed up to 5 min 00 s later\n\
         local time\tzone\tUTC\tclocks\n\
         Sat 2026-03-28 02:30:00 +01\tEurope/Berlin\tSat 2026-03-28 01:30:00\t\n\
         Sun 2026-03-29 03:00:00 +02\tEurope/Berlin\tSun 2026-03-29 01:00:00\tforward 1 h on 2026-03-29 at 02:00\n\
         Mon 2026-03-30 02:30:00 +02\tEurope/Berlin\tMon 2026-03-30 00:30:00\t\n",
        "{}",
        spring.err
    );
    let autumn = next(&["--name", "nightly", "--from", "2026-10-25T00:00:00Z", "--count", "2", "--json"]);
    let told: Value = serde_json::from_str(&autumn.out).unwrap();
    assert_eq!(told["next"], json!(["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]), "the first time only");
    assert_eq!((&told["zone"], &told["jitter_s"]), (&json!("Europe/Berlin"), &json!(300)));
    let tidy = next(&["--name", "tidy", "--from", "2026-03-28T00:01:00Z", "--count", "2"]).out;
    assert_eq!(
        tidy.lines().skip(1).collect::<Vec<_>>(),
        ["UTC\tafter", "Sat 2026-03-28 00:15:00\t14 min 00 s", "Sat 2026-03-28 00:30:00\t15 min 00 s"]
    );
    let all = next(&["--from", "2026-05-01", "--json"]);
    assert_eq!(all.out.lines().count(), 3);
    let once = next(&["--name", "once", "--from", "2026-05-01"]);
    assert!(
        once.code == Some(0) && once.err.contains("1 firing from then on, and no further one"),
        "{}",
        once.err
    );

    refused(&next(&["--name", "weekly"]), "there is no schedule weekly", "there are nightly, tidy, once");
    refused(&next(&["--from", "tomorrow"]), "a time is written `2026-11-26`", "");
    refused(
        &home.signalbox(&["schedules", "next", "nowhere.yaml"]),
        "there is no file or folder nowhere.yaml",
        "",
    );
    home.write("runbook.yaml", "kind: Runbook\nname: x\nsteps: [{run: echo}]\n");
    refused(
        &home.signalbox(&["schedules", "next", "runbook.yaml"]),
        "there is no schedule",
        "kind: Schedule",
    );
    home.write("schedules.yaml", PREVIEWED.replace("30 2", "61 2"));
    let faulty = next(&[]);
    assert_eq!((faulty.code, faulty.out.as_str()), (Some(1), ""));
    assert!(
        faulty.err.contains("bad_cron") && faulty.err.contains("when it fires cannot be told"),
        "{}",
        faulty.err
    );
}
