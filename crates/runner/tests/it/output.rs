//! What a step writes is kept byte for byte.

use std::time::Duration;

use model::run::StepOutcome;
use output::{LogKey, Stream};
use runner::Stop;

use crate::scene::{RUN, Scene, script, sh};

#[tokio::test]
async fn all_bytes_are_kept() {
    let scene = Scene::new();
    let performed = scene.sh(r"printf '\377\000\200a\r\n\033[0m no final newline'").await;
    assert_eq!(performed.stdout, b"\xff\0\x80a\r\n\x1b[0m no final newline");
    let all = script(&["/usr/bin/perl"], "print pack('C*', map { $_ % 256 } 0..299999);");
    let performed = scene.perform(&runner::Task { attempt: 2, ..all }).await;
    let expected: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
    assert!(performed.stdout == expected);
}

#[tokio::test]
async fn a_line_of_10_megabytes_is_kept() {
    let performed = Scene::new().sh("head -c 10000000 /dev/zero | tr '\\0' x").await;
    assert_eq!(performed.end.outcome, StepOutcome::Succeeded);
    assert_eq!(performed.stdout.len(), 10_000_000);
    assert!(performed.stdout.iter().all(|byte| *byte == b'x'));
}

#[tokio::test]
async fn both_streams_are_kept_apart_and_in_order_in_time() {
    let scene = Scene::new();
    let performed =
        scene.sh("for n in 1 2 3; do echo out$n; sleep 0.05; echo err$n >&2; sleep 0.05; done").await;
    assert_eq!(performed.text(), "out1\nout2\nout3\n");
    assert_eq!(performed.stderr, b"err1\nerr2\nerr3\n");
    let mut reader = scene.outputs.read(&LogKey { run: RUN.into(), step: 0, attempt: 1 }, 0).unwrap();
    let mut lines = Vec::new();
    while let Some(frame) = reader.try_next().unwrap() {
        lines.extend(frame.bytes);
    }
    assert_eq!(lines, b"out1\nerr1\nout2\nerr2\nout3\nerr3\n");
}

#[tokio::test]
async fn two_floods_at_once_lose_nothing() {
    let performed =
        Scene::new().sh("yes out | head -c 20000000 & yes err | head -c 20000000 >&2; wait").await;
    assert_eq!(performed.stdout.len(), 20_000_000);
    assert_eq!(performed.stderr.len(), 20_000_000);
    assert!(performed.stdout.chunks(4).all(|line| line == b"out\n"));
    assert!(performed.stderr.chunks(4).all(|line| line == b"err\n"));
}

#[tokio::test]
async fn a_quiet_line_shows_at_once() {
    let scene = Scene::new();
    let key = LogKey { run: RUN.into(), step: 0, attempt: 1 };
    let log = scene.outputs.create(key.clone(), 1000).unwrap();
    let mut reader = scene.outputs.read(&key, 0).unwrap();
    let task = sh("echo one; sleep 0.2; printf two; printf three; sleep 1000");
    let stop = Stop::new();
    let (_, ()) = tokio::join!(runner::perform(&task, &scene.workspace, log, stop.clone()), async {
        let first = reader.next().await.unwrap().unwrap();
        assert_eq!((first.stream, first.bytes.as_slice()), (Stream::Stdout, &b"one\n"[..]));
        let mut second = Vec::new();
        while second.len() < 8 {
            let next = tokio::time::timeout(Duration::from_secs(5), reader.next());
            second.extend(next.await.unwrap().unwrap().unwrap().bytes);
        }
        assert_eq!(second, b"twothree");
        stop.cancel();
    });
}

#[tokio::test]
async fn a_log_that_cannot_be_written_does_not_hang_the_step() {
    let scene = Scene::new();
    // A file where the log's folder belongs.
    std::fs::write(scene.folder.path().join("outputs").join(RUN), "").unwrap();
    let key = LogKey { run: RUN.into(), step: 0, attempt: 1 };
    let log = scene.outputs.create(key, 1 << 30).unwrap();
    let task = sh("head -c 3000000 /dev/zero; echo a=1 >>$SIGNALBOX_OUTPUT");
    // In a task of its own, as a server performs: the future may change threads.
    let performing =
        tokio::spawn(async move { runner::perform(&task, &scene.workspace, log, Stop::new()).await });
    let end = performing.await.unwrap();
    assert_eq!(end.outcome, StepOutcome::Succeeded);
    assert_eq!(end.outputs.len(), 1);
    assert!(end.message.unwrap().starts_with("its output was not kept in full: "));
}
