//! What performing a step costs beside starting the same script bare: `cargo run --release -p runner --example overhead`.

use std::{
    io::{self, Write},
    path::Path,
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use model::runbook::Script;
use output::{LogKey, Outputs};
use runner::{Action, Program, Settings, Shims, Stop, Task, Workspace, perform};
use tokio::{process::Command, task::JoinSet};

const ROUNDS: u32 = 400;
const LANES: [u32; 3] = [1, 4, 16];
const FLOOD: u64 = 1 << 30;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<ExitCode, Failure> {
    if let Some(code) = runner::helper() {
        return Ok(code);
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure())?;
    Ok(ExitCode::SUCCESS)
}

async fn measure() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("runs");
    let outputs = Outputs::open(folder.path().join("outputs"))?;
    let script = folder.path().join("noop.sh");
    std::fs::write(&script, "true\n")?;
    let settings = Settings { cgroups: None, ..Settings::new(Program::at("/proc/self/exe")) };
    let (shims, _) = Shims::open(&folder.path().join("shims"), settings).await?;
    let mut out = io::stdout().lock();

    let mut times: [Vec<Duration>; 6] = Default::default();
    for round in 0..ROUNDS {
        // Turn about, so that noise of the machine meets all.
        let began = Instant::now();
        bare(&script).await?;
        times[0].push(began.elapsed());

        let task = task(folder.path(), round, "true\n");
        let began = Instant::now();
        let workspace = Workspace::create(&root, &task.run, &[])?;
        times[1].push(began.elapsed());
        let began = Instant::now();
        let log = outputs.create(task.id().log_key(), 1 << 20)?;
        let end = perform(&task, &workspace, log, Stop::new()).await;
        times[2].push(began.elapsed());
        assert_eq!(end.exit_code, Some(0));

        let task = Task { attempt: 2, ..task };
        let began = Instant::now();
        let mut started = Duration::ZERO;
        let end = shims.perform(&task, Stop::new(), |_| started = began.elapsed()).await;
        times[4].push(began.elapsed());
        times[3].push(started);
        assert_eq!(end.exit_code, Some(0));
        shims.acknowledge(&task.id())?;

        let began = Instant::now();
        workspace.remove()?;
        times[5].push(began.elapsed());
    }
    let names =
        ["bare spawn", "workspace create", "perform", "shim: started", "shim: performed", "workspace remove"];
    for times in &mut times {
        times.sort();
    }
    let middle = |times: &[Duration]| times[times.len() / 2].as_secs_f64();
    for (name, times) in names.iter().zip(&times) {
        let at = |part: usize| times[times.len() * part / 100].as_micros();
        writeln!(out, "{name:<17} p50 {:>6} us   p99 {:>6} us", at(50), at(99))?;
    }
    writeln!(out, "shim: performed   {:.2} of bare spawn", middle(&times[4]) / middle(&times[0]))?;

    for lanes in LANES {
        let rate = |began: Instant| f64::from(ROUNDS) / began.elapsed().as_secs_f64();
        let began = Instant::now();
        let mut all = JoinSet::new();
        for _ in 0..lanes {
            let script = script.clone();
            all.spawn(async move {
                for _ in 0..ROUNDS / lanes {
                    bare(&script).await?;
                }
                io::Result::Ok(())
            });
        }
        all.join_all().await.into_iter().collect::<io::Result<()>>()?;
        let bare = rate(began);
        let began = Instant::now();
        let mut all = JoinSet::new();
        for lane in 0..lanes {
            let (shims, folder) = (shims.clone(), folder.path().to_path_buf());
            all.spawn(async move {
                for number in 0..ROUNDS / lanes {
                    let task = task(&folder, 10_000 * lanes + 1000 * lane + number, "true\n");
                    let end = shims.perform(&task, Stop::new(), |_| {}).await;
                    assert_eq!(end.exit_code, Some(0));
                    shims.acknowledge(&task.id())?;
                }
                io::Result::Ok(())
            });
        }
        all.join_all().await.into_iter().collect::<io::Result<()>>()?;
        let shimmed = rate(began);
        writeln!(
            out,
            "{lanes:>2} at once        bare {bare:.0}/s, under shims {shimmed:.0}/s: {:.2}",
            shimmed / bare
        )?;
    }

    let task = task(folder.path(), ROUNDS, &format!("yes 'restarted web@eu-1 in 12 ms' | head -c {FLOOD}\n"));
    let began = Instant::now();
    shims.perform(&task, Stop::new(), |_| {}).await;
    let took = began.elapsed().as_secs_f64();
    let size = outputs.size(&LogKey { run: task.run.clone(), step: 0, attempt: 1 })?;
    assert_eq!(size.bytes, FLOOD);
    writeln!(out, "1 GiB of output   {took:.2} s, {:.0} MB/s", FLOOD as f64 / 1e6 / took)?;
    Ok(())
}

async fn bare(script: &Path) -> io::Result<()> {
    let status = Command::new("/bin/sh")
        .arg("-e")
        .arg(script)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await?;
    assert!(status.success());
    Ok(())
}

fn task(folder: &Path, number: u32, body: &str) -> Task {
    let action = Action::Run {
        interpreter: vec!["/bin/sh".to_owned(), "-e".to_owned()],
        script: Script::Body(body.to_owned()),
    };
    Task {
        timeout: Some(Duration::from_secs(600)),
        output_limit: u64::MAX,
        outputs: folder.join("outputs"),
        runs: folder.join("runs"),
        ..Task::new(format!("0198c0de-0000-7000-8000-{number:012x}"), 0, 1, action)
    }
}
