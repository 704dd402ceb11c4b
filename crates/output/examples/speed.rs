//! How fast a log takes what comes out of a pipe, beside `cat` into a file and into nothing.
//!
//! `cargo run --release -p output --example speed -- [MiB] [--follow]`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops at the first surprise, and says what it found"
)]

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use jiff::Timestamp;
use output::{LogKey, Outputs, Stream};

const RUN: &str = "0198c0de-0000-7000-8000-000000000001";
const MIB: usize = 1024 * 1024;
/// As the pump reads.
const BUFFER: usize = 256 * 1024;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let bytes = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1024) * MIB;
    let follow = arguments.any(|argument| argument == "--follow");
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let source = folder.path().join("source");
    write_source(&source, bytes).unwrap();

    for round in 1..=3 {
        println!("round {round}");
        measure("cat into a file", bytes, || {
            let copy = File::create(folder.path().join("copy")).unwrap();
            cat(&source, copy.into()).wait().unwrap();
        });
        fs::remove_file(folder.path().join("copy")).unwrap();
        measure("cat into a pipe that is read and dropped", bytes, || {
            let mut buffer = vec![0; BUFFER];
            let mut child = cat(&source, Stdio::piped());
            let mut pipe = enlarged(child.stdout.take().unwrap());
            while pipe.read(&mut buffer).unwrap() > 0 {}
            child.wait().unwrap();
        });
        let outputs = Outputs::open(folder.path().join("outputs")).unwrap();
        let key = LogKey { run: RUN.into(), step: 0, attempt: round };
        let before = cpu_seconds();
        let mut appended = 0.0;
        let mut follower = None;
        measure("cat into a log", bytes, || {
            let mut log = outputs.create(key.clone(), u64::MAX).unwrap();
            if follow {
                follower = Some(read_all(outputs.clone(), key.clone()));
            }
            let began = Instant::now();
            let mut buffer = vec![0; BUFFER];
            let mut child = cat(&source, Stdio::piped());
            let mut pipe = enlarged(child.stdout.take().unwrap());
            loop {
                let len = pipe.read(&mut buffer).unwrap();
                if len == 0 {
                    break;
                }
                log.append(Stream::Stdout, Timestamp::now(), &buffer[..len]).unwrap();
            }
            child.wait().unwrap();
            appended = began.elapsed().as_secs_f64();
            log.finish().unwrap();
        });
        let took = cpu_seconds() - before;
        let seg =
            fs::metadata(folder.path().join("outputs").join(RUN).join(format!("0-{round}.seg"))).unwrap();
        println!(
            "    {:.0} MB/s before the disk was waited for, {took:.2} CPU seconds here, {} MiB on the disk",
            bytes as f64 / 1e6 / appended,
            seg.len() / MIB as u64
        );
        if let Some(follower) = follower {
            assert_eq!(follower.join().unwrap(), bytes);
        }
        measure("read back", bytes, || {
            assert_eq!(read_all(outputs.clone(), key.clone()).join().unwrap(), bytes)
        });
        outputs.remove_run(RUN).unwrap();
    }
}

fn measure(what: &str, bytes: usize, act: impl FnOnce()) {
    let began = Instant::now();
    act();
    let took = began.elapsed().as_secs_f64();
    println!("  {what}: {:.0} MB/s, {took:.2} s", bytes as f64 / 1e6 / took);
}

fn cat(source: &Path, into: Stdio) -> Child {
    Command::new("cat").arg(source).stdout(into).spawn().unwrap()
}

fn enlarged(pipe: std::process::ChildStdout) -> std::process::ChildStdout {
    nix::fcntl::fcntl(&pipe, nix::fcntl::FcntlArg::F_SETPIPE_SZ(MIB as i32)).unwrap();
    pipe
}

fn read_all(outputs: Outputs, key: LogKey) -> std::thread::JoinHandle<usize> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut reader = outputs.read(&key, 0).unwrap();
            let mut bytes = 0;
            while let Some(frame) = reader.next().await.unwrap() {
                bytes += frame.bytes.len();
            }
            bytes
        })
    })
}

/// Lines as programs write them: alike, never the same.
fn write_source(path: &Path, bytes: usize) -> io::Result<()> {
    let mut block = Vec::with_capacity(16 * MIB + 200);
    let mut seed = 1_u32;
    while block.len() < 16 * MIB {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        writeln!(
            block,
            "2026-11-01T10:{:02}:{:02}Z INFO request {seed:x} answered in {} ms, {} bytes",
            seed % 60,
            (seed >> 8) % 60,
            (seed >> 20) % 900,
            (seed >> 4) % 100_000
        )?;
    }
    let mut file = File::create(path)?;
    for left in (1..=bytes).rev().step_by(16 * MIB) {
        file.write_all(&block[..left.min(16 * MIB)])?;
    }
    Ok(())
}

/// Of this process, without its children.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}
