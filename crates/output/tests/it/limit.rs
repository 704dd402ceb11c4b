//! The limit, and keys that are no keys.

use output::{LogKey, OutputError, Stream};

use crate::scene::{Scene, all, at, bytes, key, out, rest};

#[test]
fn what_is_beyond_the_limit_is_counted_and_said() {
    let scene = Scene::new();
    let mut log = scene.create(10);
    let mut follower = scene.outputs.read(&key(), 0).unwrap();
    out(&mut log, "12345");
    log.append(Stream::Note, at(0), b"a note does not count").unwrap();
    out(&mut log, "67890abc");
    let seen = rest(&mut follower);
    assert_eq!(bytes(&seen), b"1234567890");
    let cut = seen.last().unwrap();
    assert_eq!(cut.stream, Stream::Note);
    assert_eq!(cut.bytes, b"output limit of 10 bytes reached: what follows is not kept");

    for _ in 0..1000 {
        log.append(Stream::Stderr, at(1), &[0; 1234]).unwrap();
    }
    let size = log.finish().unwrap();
    assert_eq!((size.bytes, size.dropped, size.complete), (10, 1_234_003, true));
    let end = rest(&mut follower);
    assert_eq!(end.len(), 1);
    assert_eq!(end[0].bytes, b"output limit of 10 bytes reached: 1,234,003 further bytes were not kept");
    assert_eq!(scene.reopened().size(&key()).unwrap(), size);
}

#[test]
fn exactly_the_limit_is_no_loss() {
    let scene = Scene::new();
    let mut log = scene.create(3);
    out(&mut log, "abc");
    let size = log.finish().unwrap();
    assert_eq!((size.bytes, size.dropped), (3, 0));
    assert_eq!(all(&scene.outputs, 0).len(), 1);
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
