//! `make chaos`: the server, and now and then a step's shim, is killed at random moments under load; afterwards everything
//! is held against what the steps themselves wrote down.
//!
//! The oracles are those of the fault matrix (`docs/reliability.md`): one run for each accepted request, each run ends, no
//! once-step starts again without a known end before it, success means a start and an end in the ledger, no end but
//! `unknown` without a record of it, nothing is left running, the log is there, whole, and each instant of a schedule has one
//! record, and at most one run.
//!
//! `SIGNALBOX_CHAOS_ROUNDS` kills so often (6 in the short form, which every test run performs); `SIGNALBOX_CHAOS_SEED`
//! repeats the moments of an earlier run.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::{Read, Write as _},
    net::TcpStream,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::machine::{Machine, wait_for};

const ROUNDS: u32 = 6;
/// How long all runs may take to end once the faults are over, and what each round may add: the runs that share a lock go one
/// after the other.
const SETTLE: Duration = Duration::from_secs(60);
const SETTLE_OF_A_ROUND: Duration = Duration::from_secs(2);
/// Lines that each step writes to its log.
const LINES: u32 = 200;

/// Steps write `start` and `end` into a file of their own, by run and address.
fn runbooks(ledger: &Path) -> String {
    let step = |name: &str, more: &str, pause: &str| {
        format!(
            "  - name: {name}\n{more}    run: |\n      l=\"{}/$SIGNALBOX_RUN.{name}${{ITEM:+.$ITEM}}\"\n      \
             echo \"start $SIGNALBOX_ATTEMPT\" >> \"$l\"\n      seq 1 {LINES}\n      sleep {pause}\n      \
             echo \"end $SIGNALBOX_ATTEMPT\" >> \"$l\"\n",
            ledger.display()
        )
    };
    let mut text = String::new();
    let mut runbook = |name: &str, head: &str, steps: &[String]| {
        let _ = write!(text, "kind: Runbook\nname: {name}\n{head}steps:\n{}---\n", steps.concat());
    };
    runbook("row", "", &[step("a", "", "0.05"), step("b", "", "0"), step("c", "", "0.1")]);
    let branch = |name: &str| {
        step(name, "", "0.1").replace("\n    ", "\n        ").replacen("  - name", "      - name", 1)
    };
    let wide = format!("  - name: wide\n    parallel:\n{}{}{}", branch("p"), branch("q"), branch("r"));
    runbook("wide", "", &[wide, step("each", "    for_each: {items: [x, y, z, w], width: 2}\n", "0.05")]);
    runbook("safe", "", &[step("again", "    idempotent: true\n", "0.2")]);
    runbook("locked", "concurrency: {key: [chaos], limit: 1}\n", &[step("alone", "", "0.02")]);
    let cleanup = step("tidy", "", "0.02");
    runbook(
        "fails",
        &format!("cleanup:\n{cleanup}"),
        &[step("good", "", "0"), "  - {name: bad, run: exit 3}\n".to_owned()],
    );
    runbook("canceled", &format!("cleanup:\n{cleanup}"), &[step("long", "", "1.5")]);
    runbook(
        "person",
        "",
        &[
            step("before", "", "0"),
            "  - {name: look, manual: Is all well?, fields: {rate: {type: number, required: true}}}\n"
                .to_owned(),
            step("after", "", "0"),
        ],
    );
    // Started by time, and by nobody else.
    runbook("ticks", "", &[step("tick", "", "0")]);
    runbook("lasts", "", &[step("last", "", "1.4")]);
    runbook(
        "watch",
        "probe: {every: 1s, stale_after: 10s}\nservice: shop\n",
        &["  - {run: 'true', effect: read}\n".to_owned()],
    );
    text += "kind: Service\nname: shop\n---\nkind: Schedule\nname: ticks\nrunbook: ticks\nevery: 1s\noverlap: allow\n\
             catch_up: all\n---\nkind: Schedule\nname: lasts\nrunbook: lasts\nevery: 1s\n---\n";
    text
}

/// What the schedules start; they are asked for by nobody.
const SCHEDULES: [&str; 2] = ["ticks", "lasts"];

/// A small generator: the moments of a run can be had again from its seed.
struct Dice(AtomicU64);

impl Dice {
    fn roll(&self, sides: u64) -> u64 {
        let mut x = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % sides
    }
}

/// One call; none if the server went away before it answered.
fn call(
    address: &str,
    token: &str,
    method: &str,
    path: &str,
    key: &str,
    body: &Value,
) -> Option<(u16, Value)> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = format!(
        "{method} /api/v1/projects/default/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         idempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).ok()?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    // A body that was cut off is no answer.
    Some((status, serde_json::from_str(body).ok()?))
}

/// Processes whose environment says that they belong to a run; with the shims, the parents of such.
fn processes_of_runs() -> Vec<(i32, i32, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        let run = environ.split(|byte| *byte == 0).find_map(|line| line.strip_prefix(b"SIGNALBOX_RUN="));
        let Some(run) = run.map(|run| String::from_utf8_lossy(run).into_owned()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
        let state = fields.next().unwrap_or("X").to_owned();
        let parent = fields.next().and_then(|parent| parent.parse().ok()).unwrap_or(0);
        if !matches!(state.as_str(), "Z" | "X") {
            found.push((pid, parent, run));
        }
    }
    found
}

#[derive(Default)]
struct Accepted {
    /// By key: the run that was acknowledged.
    runs: BTreeMap<String, (String, String)>,
}

#[test]
fn killed_at_any_moment_under_load_everything_adds_up() {
    let rounds =
        std::env::var("SIGNALBOX_CHAOS_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let seed = std::env::var("SIGNALBOX_CHAOS_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed
        .unwrap_or_else(|| u64::from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos()));
    println!("chaos: {rounds} rounds, SIGNALBOX_CHAOS_SEED={seed}");
    let dice = Dice(AtomicU64::new(seed));

    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine::start(&runbooks(folder.path()));
    let token = machine.read("data/admin.token").trim().to_owned();
    let address = machine.address();
    let accepted = Mutex::new(Accepted::default());
    let mut shims_killed = 0;

    for round in 0..rounds {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for worker in 0..3 {
                let (over, accepted, dice, token, address) = (&over, &accepted, &dice, &token, &address);
                scope.spawn(move || load(worker, round, over, accepted, dice, token, address));
            }
            thread::sleep(Duration::from_millis(100 + dice.roll(700)));
            if dice.roll(4) == 0 && kill_a_shim(&machine, &dice) {
                shims_killed += 1;
                thread::sleep(Duration::from_millis(dice.roll(200)));
            }
            machine.signal(Signal::SIGKILL);
            over.store(true, Ordering::Relaxed);
        });
        machine.kill_server();
        if dice.roll(3) == 0 {
            // Long enough for steps to end while no server is there.
            thread::sleep(Duration::from_millis(dice.roll(600)));
        }
        machine.start_again();
    }

    // The last requests of each round: the same key until there is an answer.
    let all = settle(&token, &address, &accepted, SETTLE + SETTLE_OF_A_ROUND * rounds);
    let accepted = accepted.into_inner().unwrap();
    check(&machine, folder.path(), &accepted, &all, shims_killed);
    println!("chaos: {} runs, {rounds} kills of the server, {shims_killed} of a shim", all.len());
}

/// Ask for runs, answer and cancel some, until the server is gone.
fn load(
    worker: u32,
    round: u32,
    over: &AtomicBool,
    accepted: &Mutex<Accepted>,
    dice: &Dice,
    token: &str,
    address: &str,
) {
    const RUNBOOKS: [&str; 7] = ["row", "wide", "safe", "locked", "fails", "canceled", "person"];
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let runbook = RUNBOOKS[usize::try_from(dice.roll(RUNBOOKS.len() as u64)).unwrap()];
        let key = format!("{round}-{worker}-{number}");
        accepted.lock().unwrap().runs.insert(key.clone(), (runbook.to_owned(), String::new()));
        let path = format!("runbooks/{runbook}/runs");
        let Some((status, run)) = call(address, token, "POST", &path, &key, &json!({})) else { continue };
        assert_eq!(status, 201, "{run}");
        let id = run["id"].as_str().unwrap().to_owned();
        accepted.lock().unwrap().runs.insert(key, (runbook.to_owned(), id.clone()));
        if runbook == "canceled" {
            thread::sleep(Duration::from_millis(dice.roll(300)));
            let _ =
                call(address, token, "POST", &format!("runs/{id}/cancel"), &format!("c{id}"), &Value::Null);
        }
        thread::sleep(Duration::from_millis(dice.roll(60)));
    }
}

/// Kill the shim of a step that runs.
fn kill_a_shim(machine: &Machine, dice: &Dice) -> bool {
    let server = i32::try_from(machine.server_id()).unwrap();
    // Other tests have shims too, and count on them.
    let home = machine.home.path();
    let is_ours =
        |pid: &i32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(home));
    let of_runs: Vec<_> = processes_of_runs().into_iter().filter(|(pid, ..)| is_ours(pid)).collect();
    let inside: BTreeSet<i32> = of_runs.iter().map(|(pid, ..)| *pid).collect();
    let shims: Vec<i32> = of_runs
        .iter()
        .map(|(_, parent, _)| *parent)
        .filter(|parent| !inside.contains(parent) && *parent > 1 && *parent != server)
        .collect();
    if shims.is_empty() {
        return false;
    }
    let shim = shims[usize::try_from(dice.roll(shims.len() as u64)).unwrap()];
    kill(Pid::from_raw(shim), Signal::SIGKILL).is_ok()
}

/// Ask again for what was not answered, answer what waits for a person, and wait for the end of all.
fn settle(token: &str, address: &str, accepted: &Mutex<Accepted>, patience: Duration) -> Vec<Value> {
    let open: Vec<(String, String)> = {
        let accepted = accepted.lock().unwrap();
        let open = accepted.runs.iter().filter(|(_, (_, id))| id.is_empty());
        open.map(|(key, (runbook, _))| (key.clone(), runbook.clone())).collect()
    };
    for (key, runbook) in open {
        let path = format!("runbooks/{runbook}/runs");
        let (status, run) = call(address, token, "POST", &path, &key, &json!({})).unwrap();
        assert_eq!(status, 201, "{run}");
        let id = run["id"].as_str().unwrap().to_owned();
        accepted.lock().unwrap().runs.insert(key, (runbook, id));
    }
    let get = |path: &str| call(address, token, "GET", path, "-", &Value::Null).unwrap().1;
    for schedule in SCHEDULES {
        let path = format!("schedules/{schedule}/pause");
        let (status, answer) = call(address, token, "POST", &path, &path, &json!({})).unwrap();
        assert_eq!(status, 200, "{answer}");
    }
    let deadline = Instant::now() + patience;
    loop {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = get(&format!("runs?limit=200{after}"));
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        let open: Vec<&Value> = all
            .iter()
            .filter(|run| {
                !matches!(run["state"].as_str(), Some("succeeded" | "failed" | "canceled" | "unknown"))
            })
            .collect();
        if open.is_empty() {
            return all;
        }
        assert!(Instant::now() < deadline, "these do not end: {open:#?}");
        for run in open {
            let id = run["id"].as_str().unwrap();
            let post = |step: &str, what: &str, body: Value| {
                let path = format!("runs/{id}/steps/{step}/{what}");
                let (status, answer) =
                    call(address, token, "POST", &path, &format!("{what}-{id}-{step}"), &body).unwrap();
                // It may have moved meanwhile.
                assert!(matches!(status, 200 | 202 | 409), "{status} {answer}");
            };
            if run["runbook"] == "canceled" {
                let _ = call(
                    address,
                    token,
                    "POST",
                    &format!("runs/{id}/cancel"),
                    &format!("c{id}"),
                    &Value::Null,
                );
            }
            for step in get(&format!("runs/{id}"))["steps"].as_array().into_iter().flatten() {
                let path = step["path"].as_str().unwrap().replace('[', "%5B").replace(']', "%5D");
                match step["wait"]["for"].as_str() {
                    Some("person") => post(&path, "answer", json!({"done": true, "fields": {"rate": 0.5}})),
                    Some("lost") => {
                        post(&path, "resolve", json!({"as": "failed", "reason": "its shim was killed"}))
                    }
                    _ => {}
                }
            }
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// Lines that are not the next number, with what came before them.
fn foreign(log: &str) -> Vec<(&str, &str)> {
    let lines: Vec<&str> = log.lines().collect();
    let number = |line: &str| line.parse::<u32>().unwrap_or(0);
    let follows = |pair: &&[&str]| number(pair[1]) != number(pair[0]) + 1;
    lines.windows(2).filter(follows).map(|pair| (pair[0], pair[1])).collect()
}

/// I9: every instant of each schedule has one record, and at most one run; no run is of no instant.
fn check_firings(machine: &Machine, runs: &[&Value]) {
    let (address, token) = (machine.address(), machine.read("data/admin.token"));
    let get = |path: &str| call(&address, token.trim(), "GET", path, "-", &Value::Null).unwrap().1;
    let mut known: BTreeSet<String> = runs.iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect();
    for schedule in SCHEDULES {
        let (mut firings, mut after) = (Vec::new(), String::new());
        loop {
            let page = get(&format!("schedules/{schedule}/firings?limit=200{after}"));
            firings.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        let second =
            |value: &Value| value.as_str().map(|at| at.parse::<jiff::Timestamp>().unwrap().as_second());
        // Newest first: each begins where the one before it ends.
        let mut before: Option<i64> = None;
        for firing in &firings {
            let last = second(&firing["due_at"]).unwrap();
            if let Some(before) = before {
                assert_eq!(last, before, "{schedule}: an instant has no record, or two: {firings:#?}");
            }
            before = Some(second(&firing["after"]).unwrap_or(last - 1));
            match firing["state"].as_str().unwrap() {
                "fired" => {
                    let run = firing["run"].as_str().unwrap();
                    assert!(known.remove(run), "{schedule}: run {run} is there twice, or not at all");
                }
                _ => assert!(firing["reason"].is_string(), "{schedule}: nobody says why: {firing:#}"),
            }
        }
        let fired = firings.iter().filter(|firing| firing["state"] == "fired").count();
        assert!(fired > 0, "{schedule} has started something");
    }
    assert_eq!(known, BTreeSet::new(), "runs of no instant");
    wait_for("the probe's word after all that", || {
        get("services/shop")["environments"][0]["health"]["health"] == "ok"
    });
}

fn check(machine: &Machine, ledger: &Path, accepted: &Accepted, all: &[Value], shims_killed: usize) {
    // I1: one run for each accepted request.
    let asked: BTreeSet<&str> = accepted.runs.values().map(|(_, id)| id.as_str()).collect();
    let by_time = |run: &&Value| SCHEDULES.iter().any(|name| run["runbook"] == *name);
    let (timed, others): (Vec<&Value>, Vec<&Value>) = all.iter().partition(by_time);
    let there: BTreeSet<&str> = others.iter().map(|run| run["id"].as_str().unwrap()).collect();
    assert_eq!(asked.len(), accepted.runs.len(), "two requests got one run");
    assert_eq!(asked, there, "runs that nobody asked for, or that are gone");

    check_firings(machine, &timed);

    let mut lost = 0;
    for run in all {
        let id = run["id"].as_str().unwrap();
        let view = machine.show(id);
        let mut of_run = Vec::new();
        for step in view["steps"].as_array().unwrap() {
            let name = step["name"].as_str().unwrap();
            if !matches!(
                name,
                "a" | "b"
                    | "c"
                    | "p"
                    | "q"
                    | "r"
                    | "each"
                    | "again"
                    | "alone"
                    | "tidy"
                    | "good"
                    | "long"
                    | "before"
                    | "after"
                    | "tick"
                    | "last"
            ) || step["layer"] == "items"
            {
                continue;
            }
            let item =
                step["branch"]["item"]["value"].as_str().map(|item| format!(".{item}")).unwrap_or_default();
            let said = fs::read_to_string(ledger.join(format!("{id}.{name}{item}"))).unwrap_or_default();
            let starts = said.lines().filter(|line| line.starts_with("start")).count();
            let ends = said.lines().filter(|line| line.starts_with("end")).count();
            let state = step["state"].as_str().unwrap();
            let resolved =
                step["answer"]["verdict"].as_str().is_some_and(|verdict| verdict.starts_with("resolved"));
            lost += usize::from(resolved || step["cause"] == "server_lost" || state == "unknown");
            // I3: a once-step is not started again; this runbook's safe step may be.
            if name != "again" {
                assert!(starts <= 1, "step {name} of {id} started {starts} times");
            }
            match state {
                // I4: success means a start and an end.
                "succeeded" => {
                    assert!(starts >= 1 && ends >= 1, "step {name} of {id} succeeded, but wrote {said:?}");
                    assert_eq!(step["exit_code"], 0);
                    of_run.push(step["path"].as_str().unwrap().to_owned());
                }
                "skipped" | "pending" => {
                    assert_eq!(starts, 0, "step {name} of {id} was {state}, and started")
                }
                // I5: nothing of these fails by itself.
                "failed" => assert!(resolved, "step {name} of {id}: {step:#}"),
                "canceled" | "unknown" => {}
                other => panic!("step {name} of {id} is {other} after the end"),
            }
        }
        // I7: the log is there, whole.
        for path in of_run.into_iter().take(2) {
            let log = machine.signalbox(&["runs", "logs", id, "--step", &path]);
            let lines = log.out.lines().count();
            let whole = lines >= LINES as usize && lines.is_multiple_of(LINES as usize);
            assert!(whole, "{path} of {id}: {lines} lines; {:#?}; {view:#}", foreign(&log.out));
        }
        if run["runbook"] == "fails" && run["state"] == "failed" {
            let tidy = view["steps"].as_array().unwrap().iter().filter(|step| step["name"] == "tidy").count();
            assert_eq!(tidy, 1, "cleanup of {id} is begun once");
        }
    }
    assert!(lost <= shims_killed, "{lost} attempts were lost, but only {shims_killed} shims were killed");
    // I6, and no orphan.
    let ids: BTreeSet<String> = all.iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect();
    let left: Vec<_> = processes_of_runs().into_iter().filter(|(_, _, run)| ids.contains(run)).collect();
    assert!(left.is_empty(), "processes are left: {left:?}");
}
