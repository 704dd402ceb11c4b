//! The server is killed at random moments, again and again; the steps' own ledger says what really happened.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ::output::{LogKey, Outputs, Stream};

use crate::scene::RUN;

const KILLS: u32 = 25;
const LANES: u32 = 4;

fn count(text: &str, first: &str) -> BTreeMap<u32, Vec<String>> {
    let mut all: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] == first {
            all.entry(words[1].parse().unwrap()).or_default().push(words[2..].join(" "));
        }
    }
    all
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn server(root: &Path, first: u32, lanes: u32) -> Child {
    Command::new(env!("CARGO_BIN_EXE_runner-test-hand"))
        .args([&root.display().to_string(), &first.to_string(), &lanes.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// One last server with no work of its own, until all is settled.
fn settle(root: &Path) {
    let mut last = server(root, 0, 0);
    let began = Instant::now();
    while last.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never settles");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(fs::read_dir(root.join("shims/ends")).unwrap().count(), 0);
}

/// Processes that are shims in this folder: they lead a session and have its journal open. So has a step, for a moment,
/// but it leads none.
fn shims(root: &Path) -> Vec<String> {
    let root = root.join("shims").canonicalize().unwrap();
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let open = fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        let is =
            |path: PathBuf| path.starts_with(&root) && path.file_name().is_some_and(|name| name == "journal");
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        let session =
            stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(3).map(str::to_owned));
        if session.as_deref() != process.file_name().to_str() {
            continue;
        }
        if open.filter_map(|fd| fs::read_link(fd.path()).ok()).any(is) {
            found.push(process.file_name().into_string().unwrap());
        }
    }
    found
}

fn left(root: &Path) -> Vec<PathBuf> {
    let ledger = format!("LEDGER={}", root.join("ledger").display()).into_bytes();
    let of_a_step = |process: &PathBuf| {
        fs::read(process.join("environ"))
            .is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == ledger))
    };
    fs::read_dir("/proc").unwrap().flatten().map(|process| process.path()).filter(of_a_step).collect()
}

#[test]
fn a_killed_server_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for kill in 0..KILLS {
        let mut server = server(folder.path(), kill * 100_000, LANES);
        std::thread::sleep(Duration::from_millis(30 + random.next() % 250));
        server.kill().unwrap();
        server.wait().unwrap();
    }
    settle(folder.path());

    let (store, ledger) = (read("store"), read("ledger"));
    let (asked, ended) = (count(&store, "start"), count(&store, "end"));
    let (began, finished) = (count(&ledger, "start"), count(&ledger, "end"));
    let outputs = Outputs::open(folder.path().join("outputs")).unwrap();
    assert!(began.len() > KILLS as usize, "too little happened: {}", began.len());
    for (step, times) in &began {
        assert_eq!(times.len(), 1, "step {step} was performed twice");
        assert!(asked.contains_key(step));
        assert!(finished.contains_key(step), "step {step} was cut off by the death of the server");
        let ends = ended.get(step).unwrap_or_else(|| panic!("the end of step {step} is lost"));
        assert!(ends.iter().all(|end| end.starts_with("Succeeded ")), "step {step}: {ends:?}");
        let key = LogKey { run: RUN.to_owned(), step: *step, attempt: 1 };
        let mut reader = outputs.read(&key, 0).unwrap();
        let mut text = Vec::new();
        while let Some(frame) = reader.try_next().unwrap() {
            assert_ne!(frame.stream, Stream::Note);
            text.extend(frame.bytes);
        }
        assert_eq!(String::from_utf8(text).unwrap(), format!("out {step}\nerr\n"));
    }
    // Asked for and never begun: the server died before the shim had read it. Those never have an end either.
    for step in asked.keys().filter(|step| !began.contains_key(step)) {
        assert!(!ended.contains_key(step), "step {step} ended without having begun");
    }
    let ways: Vec<_> = ["performed", "followed", "ended"]
        .map(|way| ended.values().filter(|ends| ends.iter().any(|end| end.ends_with(way))).count())
        .to_vec();
    println!("{} steps; seen to their end, found running, found ended: {ways:?}", began.len());
    assert!(ways[1] > 0);
}

#[test]
fn where_shims_are_killed_too_nothing_is_doubled_guessed_or_left() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..KILLS {
        let mut server = server(folder.path(), round * 100_000, LANES);
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(20 + random.next() % 120));
            let shims = shims(folder.path());
            if !shims.is_empty() {
                let victim = &shims[random.next() as usize % shims.len()];
                Command::new("kill").args(["-9", victim]).stderr(Stdio::null()).status().unwrap();
            }
        }
        if !random.next().is_multiple_of(3) {
            server.kill().unwrap();
        } else {
            // Both at once.
            server.kill().unwrap();
            for shim in shims(folder.path()) {
                Command::new("kill").args(["-9", &shim]).stderr(Stdio::null()).status().unwrap();
            }
        }
        server.wait().unwrap();
    }
    settle(folder.path());

    let (store, ledger) = (read("store"), read("ledger"));
    let (asked, ended) = (count(&store, "start"), count(&store, "end"));
    let (began, finished) = (count(&ledger, "start"), count(&ledger, "end"));
    let mut unknown = 0;
    for (step, times) in &began {
        assert_eq!(times.len(), 1, "step {step} was performed twice");
        assert!(asked.contains_key(step));
        let ends = ended.get(step).unwrap_or_else(|| panic!("the end of step {step} is lost"));
        let first = ends[0].split(' ').next().unwrap();
        assert!(ends.iter().all(|end| end.starts_with(first)), "step {step}: {ends:?}");
        assert!(matches!(first, "Succeeded" | "Unknown"), "step {step}: {ends:?}");
        assert!(first != "Succeeded" || finished.contains_key(step), "step {step} is said to have succeeded");
        unknown += u32::from(first == "Unknown");
    }
    for (step, ends) in &ended {
        let known = began.contains_key(step) || ends.iter().all(|end| end.starts_with("Unknown"));
        assert!(known, "step {step} never began: {ends:?}");
    }
    assert!(unknown > 0, "no shim died with a step under way");
    println!("{} steps, {unknown} unknown", began.len());
    let left = left(folder.path());
    assert!(left.is_empty(), "processes of steps are left: {left:?}");
}
