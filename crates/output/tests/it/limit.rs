//! The limit, and keys that are no keys.

use output::{Limit, LogKey, OutputError, Stream};

use crate::scene::{RUN, Scene, all, at, bytes, key, noise, out, rest};

#[test]
fn head_and_tail_are_kept_and_the_middle_is_counted() {
    let scene = Scene::new();
    let mut log = scene.create(10);
    let mut follower = scene.outputs.read(&key(), 0).unwrap();
    out(&mut log, "123");
    log.append(Stream::Note, at(0), b"a note does not count").unwrap();
    out(&mut log, "45abcdef");
    let seen = rest(&mut follower);
    assert_eq!(bytes(&seen), b"12345");
    let cut = seen.last().unwrap();
    assert_eq!(cut.stream, Stream::Note);
    assert_eq!(
        cut.bytes,
        b"output limit of 10 bytes reached: the middle is being left out; the last 5 bytes will be shown at the end"
    );

    for _ in 0..1000 {
        log.append(Stream::Stderr, at(1), &[0; 1234]).unwrap();
    }
    out(&mut log, "987");
    out(&mut log, "654");
    log.flush();
    assert!(rest(&mut follower).is_empty());
    assert_eq!(log.position(), follower.position());
    let size = log.finish().unwrap();
    let missing = 1_234_000 + 6 + 1;
    assert_eq!((size.bytes, size.dropped, size.lost, size.complete), (10, missing, 0, true));
    let end = rest(&mut follower);
    assert_eq!(end[0].bytes, b"1,234,007 bytes are missing here: output limit of 10 bytes");
    assert_eq!(bytes(&end), b"87654");
    assert_eq!(scene.reopened().size(&key()).unwrap(), size);
    assert_eq!(all(&scene.reopened(), 0), [seen, end].concat());
}

#[test]
fn exactly_the_limit_is_no_loss() {
    let scene = Scene::new();
    let mut log = scene.create(3);
    out(&mut log, "abc");
    let size = log.finish().unwrap();
    assert_eq!((size.bytes, size.dropped, size.complete), (3, 0, true));
    let frames = all(&scene.outputs, 0);
    assert_eq!(bytes(&frames), b"abc");
    let words: Vec<_> = frames.iter().filter(|frame| frame.stream == Stream::Note).collect();
    assert_eq!(words[1].bytes, b"nothing had to be left out: the rest follows");
}

#[test]
fn half_of_the_limit_shows_as_it_comes() {
    let scene = Scene::new();
    let mut log = scene.create(6);
    out(&mut log, "abc");
    log.flush();
    assert_eq!(log.finish().unwrap().bytes, 3);
    assert_eq!(all(&scene.outputs, 0).len(), 1);
}

/// Many blocks, of every kind of frame: what comes last is there to the byte, or to the line.
#[test]
fn the_ring_keeps_what_comes_last() {
    for (limit, piece, pieces) in
        [(1 << 20, 64 * 1024, 100), (3_000_000, 100_000, 50), (600_000, 1000, 5000), (1 << 20, 300_000, 4)]
    {
        let scene = Scene::new();
        let mut log = scene.create(limit);
        let mut written = Vec::new();
        for number in 0..pieces {
            let piece = noise(number + 1, piece);
            log.append(Stream::Stdout, at(0), &piece).unwrap();
            written.extend(piece);
            if number % 7 == 0 {
                log.flush();
            }
        }
        let size = log.finish().unwrap();
        let kept = bytes(&all(&scene.outputs, 0));
        assert_eq!(kept.len() as u64, size.bytes);
        assert_eq!(size.bytes + size.dropped, written.len() as u64);
        let head = kept.iter().zip(&written).take_while(|(kept, written)| kept == written).count();
        let half = limit as usize / 2;
        assert!(head >= (half - 4096).min(written.len()), "{head} of {half}");
        assert!(written.ends_with(&kept[head..]));
        assert!(kept.len() <= limit as usize && kept.len() + 8192 >= (limit as usize).min(written.len()));
        let ring = scene.folder.path().join(RUN).join("0-1.ring");
        let on_disk = std::fs::metadata(ring).unwrap().len();
        assert!(on_disk <= limit * 3 / 4 + (4 << 20), "{on_disk} for {limit}");
    }
}

#[test]
fn what_is_left_of_the_run_is_a_limit_too() {
    let scene = Scene::new();
    let mut log = scene.outputs.create(key(), Limit { step: 1000, run: Some(4) }).unwrap();
    out(&mut log, "abcdefgh");
    let size = log.finish().unwrap();
    assert_eq!((size.bytes, size.dropped), (4, 4));
    let frames = all(&scene.outputs, 0);
    assert_eq!(bytes(&frames), b"abgh");
    let words = "4 bytes are missing here: output limit of the run, 4 bytes left for this step";
    assert!(frames.iter().any(|frame| frame.bytes == words.as_bytes()), "{frames:?}");
}

#[test]
fn a_run_that_is_no_uuid_is_refused() {
    let scene = Scene::new();
    let upper = "0198C0DE-0000-7000-8000-000000000001".to_owned();
    let climbing = format!("../{}", "a".repeat(33));
    for run in ["", "..", "x", &upper, &climbing] {
        let key = LogKey { run: run.to_owned(), step: 0, attempt: 1 };
        assert!(matches!(scene.outputs.create(key.clone(), 1), Err(OutputError::BadRun(_))));
        assert!(matches!(scene.outputs.read(&key, 0), Err(OutputError::BadRun(_))));
        assert!(scene.outputs.remove_run(run).is_err());
    }
}

#[test]
fn one_attempt_has_one_log() {
    let scene = Scene::new();
    let log = scene.create(1);
    assert!(matches!(scene.outputs.create(key(), 1), Err(OutputError::Exists(_))));
    drop(log);
    // Nothing was written, so there is nothing to write over.
    drop(scene.create(1));
}
