//! What performing a step costs beside starting the same script bare: `cargo run --release -p runner --example overhead`.

use std::{
    io::{self, Write},
    process::Stdio,
    time::{Duration, Instant},
};

use model::runbook::Script;
use output::{LogKey, Outputs};
use runner::{Action, Stop, Task, Workspace, perform};
use tokio::process::Command;

const ROUNDS: u32 = 400;
const FLOOD: u64 = 1 << 30;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("runs");
    let outputs = Outputs::open(folder.path().join("outputs"))?;
    let script = folder.path().join("noop.sh");
    std::fs::write(&script, "true\n")?;

    let [mut bare, mut performed, mut created, mut removed] = [const { Vec::<Duration>::new() }; 4];
    for round in 0..ROUNDS {
        // Turn about, so that noise of the machine meets both.
        let began = Instant::now();
        let status = Command::new("/bin/sh")
            .arg("-e")
            .arg(&script)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await?;
        bare.push(began.elapsed());
        assert!(status.success());

        let task = task(round, "true\n");
        let began = Instant::now();
        let workspace = Workspace::create(&root, &task.run, &[])?;
        created.push(began.elapsed());
        let began = Instant::now();
        let log = outputs.create(key(&task), 1 << 20)?;
        let end = perform(&task, &workspace, log, Stop::new()).await;
        performed.push(began.elapsed());
        assert_eq!(end.exit_code, Some(0));
        let began = Instant::now();
        workspace.remove()?;
        removed.push(began.elapsed());
    }
    let mut out = io::stdout().lock();
    for (what, mut times) in [
        ("bare spawn", bare),
        ("perform", performed),
        ("workspace create", created),
        ("workspace remove", removed),
    ] {
        times.sort();
        let at = |part: usize| times[times.len() * part / 100].as_micros();
        writeln!(out, "{what:<17} p50 {:>6} us   p99 {:>6} us", at(50), at(99))?;
    }

    let task = task(ROUNDS, &format!("yes 'restarted web@eu-1 in 12 ms' | head -c {FLOOD}\n"));
    let workspace = Workspace::create(&root, &task.run, &[])?;
    let log = outputs.create(key(&task), u64::MAX)?;
    let began = Instant::now();
    perform(&task, &workspace, log, Stop::new()).await;
    let took = began.elapsed().as_secs_f64();
    let size = outputs.size(&key(&task))?;
    assert_eq!(size.bytes, FLOOD);
    let peak = std::fs::read_to_string("/proc/self/status")?;
    let peak = peak.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    writeln!(out, "1 GiB of output   {took:.2} s, {:.0} MB/s; {peak}", FLOOD as f64 / 1e6 / took)?;
    Ok(())
}

fn task(number: u32, body: &str) -> Task {
    let action = Action::Run {
        interpreter: vec!["/bin/sh".to_owned(), "-e".to_owned()],
        script: Script::Body(body.to_owned()),
    };
    let run = format!("0198c0de-0000-7000-8000-{number:012x}");
    Task { timeout: Some(Duration::from_secs(600)), ..Task::new(run, 0, 1, action) }
}

fn key(task: &Task) -> LogKey {
    LogKey { run: task.run.clone(), step: task.step, attempt: task.attempt }
}
