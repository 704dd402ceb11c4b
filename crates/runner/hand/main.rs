//! What the tests start: shims, launchers, and a server to kill.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use model::runbook::Script;
use runner::{Action, Found, Program, Progress, Settings, Shims, Stop, Task};

fn main() -> ExitCode {
    if let Some(code) = runner::helper() {
        return code;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [root, first, lanes] = args.as_slice() else { return ExitCode::FAILURE };
    let (Ok(first), Ok(lanes)) = (first.parse(), lanes.parse()) else { return ExitCode::FAILURE };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    runtime.block_on(serve(Path::new(root), first, lanes));
    ExitCode::SUCCESS
}

/// Perform step after step in `lanes` at once until somebody kills this process. `<root>/store` is what a store would
/// know: a line before each start, and one for each end.
async fn serve(root: &Path, first: u32, lanes: u32) {
    let settings = Settings { cgroups: None, ..Settings::new(Program::at("/proc/self/exe")) };
    let Ok((shims, found)) = Shims::open(&root.join("shims"), settings).await else { return };
    let mut all = tokio::task::JoinSet::new();
    for found in found {
        let (shims, root) = (shims.clone(), root.to_path_buf());
        all.spawn(async move {
            let (id, end, how) = match found {
                Found::Ended { id, end } => (id, end, "ended"),
                Found::Lost { id, end } => (id, end, "lost"),
                Found::Running(attached) => {
                    (attached.id().clone(), attached.follow(Stop::new(), |_| {}).await, "followed")
                }
            };
            store(&root, &format!("end {} {:?} {how}", id.step, end.outcome));
            let _ = shims.acknowledge(&id);
        });
    }
    for lane in 0..lanes {
        let (shims, root) = (shims.clone(), root.to_path_buf());
        all.spawn(async move {
            for number in 0.. {
                let task = task(&root, first + number * lanes + lane);
                store(&root, &format!("start {}", task.step));
                let end = shims.perform(&task, Stop::new(), |_: Progress| {}).await;
                store(&root, &format!("end {} {:?} performed", task.step, end.outcome));
                let _ = shims.acknowledge(&task.id());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
    while all.join_next().await.is_some() {}
}

fn task(root: &Path, step: u32) -> Task {
    let body = "echo \"start $SIGNALBOX_STEP\" >>$LEDGER; echo out $SIGNALBOX_STEP; sleep 0.0$NAP; \
                echo err >&2; echo \"end $SIGNALBOX_STEP\" >>$LEDGER; echo done=$SIGNALBOX_STEP >>$SIGNALBOX_OUTPUT";
    let action =
        Action::Run { interpreter: vec!["/bin/sh".into(), "-e".into()], script: Script::Body(body.into()) };
    let mut task = Task::new("0198c0de-0000-7000-8000-000000000001", step, 1, action);
    task.step_name = step.to_string();
    task.outputs = root.join("outputs");
    task.runs = root.join("runs");
    task.variables.insert("LEDGER".into(), root.join("ledger").display().to_string());
    task.variables.insert("NAP".into(), (step % 7).to_string());
    task
}

fn store(root: &Path, line: &str) {
    let path: PathBuf = root.join("store");
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    if written.is_err() {
        std::process::exit(1);
    }
}
