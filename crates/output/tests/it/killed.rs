//! Another process writes, is killed at any moment, and loses nothing that was shown.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::Duration,
};

use output::{Frame, LogWriter, Stream};

use crate::scene::{Scene, all, at, bytes, key, noise, rest};

const FOLDER: &str = "OUTPUT_TEST_FOLDER";
const SEED: &str = "OUTPUT_TEST_SEED";

/// Not a test: what the other process does, until it is killed. It tells on standard output how far others see.
#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn the_other_process() {
    let (Ok(folder), Ok(seed)) = (std::env::var(FOLDER), std::env::var(SEED)) else { return };
    let seed: u64 = seed.parse().unwrap();
    let limit = if seed.is_multiple_of(2) { u64::MAX } else { 2_000_000 };
    let mut log = LogWriter::create(folder.as_ref(), key(), limit).unwrap();
    log.on_growth(|position| {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "\ngrew {position}");
    });
    for round in 0..20_000_u64 {
        let len = match (seed + round) % 13 {
            0 => 300_000,
            1 => 50_000,
            few => few as usize * 17,
        };
        log.append(Stream::Stdout, at(0), &noise(round + 1, len)).unwrap();
        if !(seed + round).is_multiple_of(3) {
            log.flush();
        }
    }
    std::thread::sleep(Duration::from_secs(60));
}

fn other_process(scene: &Scene, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::the_other_process", "--ignored", "--nocapture"])
        .env(FOLDER, scene.folder.path())
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What that process would have written, as far as it is needed.
fn written(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for round in 0.. {
        if bytes.len() >= len {
            break;
        }
        let piece = match (seed + round) % 13 {
            0 => 300_000,
            1 => 50_000,
            few => few as usize * 17,
        };
        bytes.extend(noise(round + 1, piece));
    }
    bytes.truncate(len);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_shown_survives_the_kill() {
    for seed in 0..12_u64 {
        let scene = Scene::new();
        scene.outputs.expect(key());
        assert!(!scene.outputs.size(&key()).unwrap().complete);
        let follower = tokio::spawn({
            let outputs = scene.outputs.clone();
            async move {
                let mut frames: Vec<Frame> = Vec::new();
                let mut reader = outputs.read(&key(), 0).unwrap();
                while let Some(frame) = reader.next().await.unwrap() {
                    // Some come back, at a place where they were.
                    if frames.len() % 7 == 3 {
                        reader = outputs.read(&key(), frame.next).unwrap();
                    }
                    frames.push(frame);
                }
                frames
            }
        });
        let mut child = other_process(&scene, seed);
        let pipe = BufReader::new(child.stdout.take().unwrap());
        let told = tokio::task::spawn_blocking({
            let outputs = scene.outputs.clone();
            move || {
                let mut told = 0;
                for line in pipe.lines().map_while(Result::ok) {
                    if let Some(position) = line.strip_prefix("grew ").and_then(|text| text.parse().ok()) {
                        told = position;
                        outputs.nudge(&key());
                    }
                }
                told
            }
        });
        tokio::time::sleep(Duration::from_millis(15 + seed * seed * 2)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let told: u64 = told.await.unwrap();
        // As somebody finds it who comes between the death and the closing.
        let found = all(&scene.reopened(), 0);
        assert!(found.last().map_or(0, |frame| frame.next) >= told, "what was told is there");
        assert!(!scene.outputs.size(&key()).unwrap().complete);
        let size = scene.outputs.close_abandoned(&key()).unwrap();
        assert!(!size.complete && !scene.outputs.is_live(&key()));

        let frames = all(&scene.reopened(), 0);
        assert_eq!(frames[..found.len()], found);
        assert_eq!(follower.await.unwrap(), frames, "the follower saw it all, once");
        assert_eq!(frames.last().unwrap().bytes, b"the log breaks off here: the supervisor of the step died");
        assert_eq!(size.bytes, bytes(&frames).len() as u64);
        let head = bytes(&found);
        assert_eq!(head, written(seed, head.len()));
    }
}

#[tokio::test]
async fn a_writer_that_never_began_leaves_a_note() {
    let scene = Scene::new();
    scene.outputs.expect(key());
    let mut reader = scene.outputs.read(&key(), 0).unwrap();
    let waiting = tokio::spawn(async move { (reader.next().await.unwrap(), reader.next().await.unwrap()) });
    tokio::task::yield_now().await;
    let size = scene.outputs.close_abandoned(&key()).unwrap();
    assert_eq!((size.bytes, size.complete), (0, false));
    let (note, end) = waiting.await.unwrap();
    assert_eq!(note.unwrap().stream, Stream::Note);
    assert_eq!(end, None);
    assert_eq!(scene.reopened().size(&key()).unwrap(), size);
}

#[tokio::test]
async fn a_finished_log_is_not_closed_again() {
    let scene = Scene::new();
    let mut log = scene.create(u64::MAX);
    log.append(Stream::Stdout, at(0), b"all").unwrap();
    let size = log.finish().unwrap();
    assert_eq!(scene.outputs.close_abandoned(&key()).unwrap(), size);
    assert!(size.complete);
    assert_eq!(all(&scene.outputs, 0).len(), 1);
}

/// As between a server and a shim: two registries, one folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_is_seen_soon_after_the_nudge_and_without_it_too() {
    let scene = Scene::new();
    scene.outputs.expect(key());
    let mut log = LogWriter::create(scene.folder.path(), key(), u64::MAX).unwrap();
    let (told, mut hear) = tokio::sync::mpsc::unbounded_channel();
    let outputs = scene.outputs.clone();
    tokio::spawn(async move {
        let mut reader = outputs.read(&key(), 0).unwrap();
        while let Some(frame) = reader.next().await.unwrap() {
            told.send((frame, std::time::Instant::now())).unwrap();
        }
    });
    let mut waits = Vec::new();
    for number in 0..200_i64 {
        log.append(Stream::Stdout, at(number), b"a line\n").unwrap();
        log.flush();
        let nudged = std::time::Instant::now();
        scene.outputs.nudge(&key());
        let (frame, seen) = hear.recv().await.unwrap();
        assert_eq!(frame.at, at(number));
        waits.push(seen.saturating_duration_since(nudged));
    }
    waits.sort();
    println!("from the nudge to the frame: half within {:?}, the slowest {:?}", waits[100], waits[199]);
    assert!(waits[100] < Duration::from_millis(5), "{:?}", waits[100]);

    log.append(Stream::Stdout, at(1000), b"nobody nudges\n").unwrap();
    log.flush();
    let found = tokio::time::timeout(Duration::from_secs(5), hear.recv()).await.unwrap().unwrap();
    assert_eq!(found.0.bytes, b"nobody nudges\n");
    log.finish().unwrap();
    scene.outputs.finished(&key());
    assert!(hear.recv().await.is_none());
    assert!(scene.outputs.size(&key()).unwrap().complete);
}

#[test]
fn what_is_expected_but_not_begun_is_not_complete() {
    let scene = Scene::new();
    scene.outputs.expect(key());
    assert!(scene.outputs.is_live(&key()));
    assert!(!scene.outputs.size(&key()).unwrap().complete);
    let mut reader = scene.outputs.read(&key(), 0).unwrap();
    assert!(rest(&mut reader).is_empty());
    scene.outputs.finished(&key());
    assert!(scene.outputs.size(&key()).unwrap().complete);
}
