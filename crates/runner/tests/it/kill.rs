//! The server is killed at random moments, again and again; the steps' own ledger says what really happened.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Stdio},
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

#[test]
fn a_killed_server_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for kill in 0..KILLS {
        let mut server = Command::new(env!("CARGO_BIN_EXE_runner-test-hand"))
            .args([&folder.path().display().to_string(), &(kill * 100_000).to_string(), &LANES.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(30 + random % 250));
        server.kill().unwrap();
        server.wait().unwrap();
    }
    // One last server with no work of its own, until all is settled.
    let mut server = Command::new(env!("CARGO_BIN_EXE_runner-test-hand"))
        .args([&folder.path().display().to_string(), "0", "0"])
        .spawn()
        .unwrap();
    let began = Instant::now();
    while server.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never settles");
        std::thread::sleep(Duration::from_millis(10));
    }

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
    let left: Vec<_> = fs::read_dir(folder.path().join("shims/ends")).unwrap().collect();
    assert!(left.is_empty());
}
