//! A flood passes through little memory. A process of its own, since it looks at the memory of the whole process.

#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::time::Instant;

use jiff::Timestamp;
use output::{LogKey, Outputs, Stream};

const FLOOD: usize = 200 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_stays_out_of_memory_and_comes_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = Outputs::open(folder.path()).unwrap();
    let key = LogKey { run: "0198c0de-0000-7000-8000-000000000001".into(), step: 0, attempt: 1 };
    let line: Vec<u8> =
        (0..64 * 1024).map(|n: u32| b"0123456789abcdef restarting web@eu\n"[n as usize % 35]).collect();
    let before = peak_memory();

    let mut log = outputs.create(key.clone(), u64::MAX).unwrap();
    let reader = outputs.clone();
    let at = key.clone();
    let follower = tokio::spawn(async move {
        let mut reader = reader.read(&at, 0).unwrap();
        let mut bytes = 0;
        while let Some(frame) = reader.next().await.unwrap() {
            bytes += frame.bytes.len();
        }
        bytes
    });
    let began = Instant::now();
    for _ in 0..FLOOD / line.len() {
        log.append(Stream::Stdout, Timestamp::now(), &line).unwrap();
    }
    let size = log.finish().unwrap();
    let took = began.elapsed();
    assert_eq!(size.bytes, FLOOD as u64);
    assert_eq!(follower.await.unwrap(), FLOOD);

    let grown = peak_memory() - before;
    println!("{:.0} MB/s, {} KiB of memory", FLOOD as f64 / 1e6 / took.as_secs_f64(), grown / 1024);
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes of memory");
}

/// The most memory that this process ever had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}
