//! Following a log while it is written.

use std::time::Duration;

use output::Stream;

use crate::scene::{Scene, all, at, bytes, key, noise, out};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_see_all_with_no_gap() {
    let scene = Scene::new();
    let mut log = scene.create(u64::MAX);
    let followers: Vec<_> = (0..4_u64)
        .map(|number| {
            let outputs = scene.outputs.clone();
            tokio::spawn(async move {
                let mut frames = Vec::new();
                let mut reader = outputs.read(&key(), 0).unwrap();
                while let Some(frame) = reader.next().await.unwrap() {
                    // Some are slow, and one loses its connection again and again.
                    if number == 1 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    if number == 2 {
                        reader = outputs.read(&key(), frame.next).unwrap();
                    }
                    frames.push(frame);
                }
                frames
            })
        })
        .collect();
    let mut written = Vec::new();
    for round in 0..300_u64 {
        let piece = noise(round + 1, (round as usize * 37) % 30_000);
        log.append(if round % 3 == 0 { Stream::Stderr } else { Stream::Stdout }, at(0), &piece).unwrap();
        written.extend(piece);
        if round % 5 == 0 {
            log.flush();
            tokio::task::yield_now().await;
        }
    }
    log.finish().unwrap();
    let frames = all(&scene.outputs, 0);
    assert_eq!(bytes(&frames), written);
    for follower in followers {
        assert!(follower.await.unwrap() == frames);
    }
}

#[tokio::test]
async fn a_follower_waits_and_is_woken() {
    let scene = Scene::new();
    let mut log = scene.create(u64::MAX);
    let mut reader = scene.outputs.read(&key(), 0).unwrap();
    out(&mut log, "hidden until flushed");
    let early = tokio::time::timeout(Duration::from_millis(20), reader.next()).await;
    assert!(early.is_err());
    assert_eq!(scene.outputs.size(&key()).unwrap().position_end, 0);

    let waiting = tokio::spawn(async move {
        let first = reader.next().await.unwrap().unwrap();
        (first, reader.next().await.unwrap())
    });
    tokio::task::yield_now().await;
    log.flush();
    tokio::task::yield_now().await;
    log.finish().unwrap();
    let (first, end) = waiting.await.unwrap();
    assert_eq!(first.bytes, b"hidden until flushed");
    assert_eq!(first.at, at(0));
    assert_eq!(end, None);
}

#[tokio::test]
async fn a_log_that_was_never_written_ends_at_once() {
    let scene = Scene::new();
    assert_eq!(scene.outputs.read(&key(), 0).unwrap().next().await.unwrap(), None);
    assert!(scene.outputs.size(&key()).unwrap().complete);
}

/// Reads of files by this thread so far.
fn reads() -> u64 {
    let io = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("syscr: ")).unwrap().parse().unwrap()
}

#[test]
fn looking_for_nothing_new_costs_two_reads() {
    let scene = Scene::new();
    let mut log = scene.create(u64::MAX);
    let mut reader = scene.outputs.read(&key(), 0).unwrap();
    for len in [10, 300_000, 10] {
        log.append(Stream::Stdout, at(0), &noise(1, len)).unwrap();
        log.flush();
        while reader.try_next().unwrap().is_some() {}
        let before = reads();
        for _ in 0..1000 {
            assert_eq!(reader.try_next().unwrap(), None);
        }
        let looked = reads() - before;
        assert!(looked <= 2010, "{looked} reads for 1000 looks");
    }
}
