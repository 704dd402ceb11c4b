//! Steps under shims: performed, left alone, found again.

use std::{fs, os::unix::fs::MetadataExt, time::Duration};

use model::run::{Cause, StepOutcome};
use nix::sys::signal::Signal;
use runner::{Found, Progress, Settings, Stop, Task};

use crate::{
    scene::{command, lives, script, sh},
    shim_scene::{ShimScene, eventually, program},
};

/// The process of the shim under which a step runs writes its number to the file `shim`.
const NAME_SHIM: &str = "echo $PPID >shim; ";

#[tokio::test]
async fn one_shim_serves_step_after_step() {
    let scene = ShimScene::new().await;
    let mut shims = std::collections::BTreeSet::new();
    for attempt in 1..=10 {
        let task = Task {
            attempt,
            ..sh("echo $PPID; echo n=1 >>$SIGNALBOX_OUTPUT; exit $((SIGNALBOX_ATTEMPT - 1))")
        };
        let performed = scene.perform(task).await;
        assert_eq!(performed.end.exit_code, Some(attempt as i32 - 1));
        assert_eq!(performed.end.outputs["n"], "1");
        shims.insert(performed.text());
    }
    assert!(shims.len() <= 2, "{shims:?}");
    for shim in &shims {
        let cwd = fs::read_link(format!("/proc/{}/cwd", shim.trim())).unwrap();
        assert_eq!(cwd, std::path::Path::new("/"));
        let stat = fs::read_to_string(format!("/proc/{}/stat", shim.trim())).unwrap();
        let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap();
        assert_eq!(session, shim.trim(), "it leads a session of its own");
    }
    assert_eq!(fs::read_dir(scene.folder.path().join("shims/ends")).unwrap().count(), 0);
    drop(scene.shims);
    for shim in &shims {
        eventually("an idle shim ends with its server", || !lives(shim.trim())).await;
    }
    eventually("their folders go with them", || {
        fs::read_dir(scene.folder.path().join("shims")).unwrap().count() == 1
    })
    .await;
}

#[tokio::test]
async fn progress_is_told() {
    let scene = ShimScene::new().await;
    let task = scene.here(sh("echo one; sleep 0.3; echo two"));
    let mut seen = Vec::new();
    scene.shims.perform(&task, Stop::new(), |progress| seen.push(progress)).await;
    assert!(matches!(seen[0], Progress::Started { pid } if pid > 1), "{seen:?}");
    assert!(seen[1..].iter().filter(|progress| **progress == Progress::Grew).count() >= 2, "{seen:?}");
}

#[tokio::test]
async fn a_step_outlives_its_server_without_a_gap() {
    let mut scene = ShimScene::new().await;
    let task = scene
        .here(sh("echo before; touch begun; while [ ! -e go ]; do sleep 0.01; done; echo after; exit 3"));
    tokio::select! {
        end = scene.shims.perform(&task, Stop::new(), |_| {}) => panic!("{end:?}"),
        () = eventually("it begins", || scene.work("begun").exists()) => {}
    }
    let found = scene.reopen().await;
    let [Found::Running(attached)] = <[Found; 1]>::try_from(found).unwrap() else { panic!("it goes on") };
    assert_eq!(attached.id(), &task.id());
    fs::write(scene.work("go"), "").unwrap();
    let end = attached.follow(Stop::new(), |_| {}).await;
    let performed = scene.performed(&task.id(), end);
    assert_eq!(performed.end.exit_code, Some(3));
    assert_eq!(performed.text(), "before\nafter\n");
}

#[tokio::test]
async fn a_step_that_is_found_again_can_be_canceled() {
    let mut scene = ShimScene::new().await;
    let task = scene.here(sh("sleep 1000 & echo $$ $! >pids; wait"));
    tokio::select! {
        end = scene.shims.perform(&task, Stop::new(), |_| {}) => panic!("{end:?}"),
        _ = scene.line("pids") => {}
    }
    let found = scene.reopen().await;
    let [Found::Running(attached)] = <[Found; 1]>::try_from(found).unwrap() else { panic!("it goes on") };
    let stop = Stop::new();
    stop.cancel();
    let end = attached.follow(stop, |_| {}).await;
    assert_eq!(end.outcome, StepOutcome::Canceled);
    scene.all_gone("pids").await;
}

#[tokio::test]
async fn an_end_without_a_server_waits_for_one() {
    let mut scene = ShimScene::new().await;
    let task = scene.here(Task {
        epoch: 7,
        ..sh("touch begun; sleep 0.3; echo a=1 >>$SIGNALBOX_OUTPUT; echo end; exit 4")
    });
    tokio::select! {
        end = scene.shims.perform(&task, Stop::new(), |_| {}) => panic!("{end:?}"),
        () = eventually("it begins", || scene.work("begun").exists()) => {}
    }
    let ends = scene.folder.path().join("shims/ends");
    eventually("the record is written", || fs::read_dir(&ends).unwrap().count() == 1).await;
    for _ in 0..2 {
        let found = scene.reopen().await;
        let [Found::Ended { id, end }] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((id, end.exit_code, end.outputs["a"].as_str()), (&task.id(), Some(4), "1"));
    }
    assert_eq!(scene.performed(&task.id(), sh_end()).text(), "end\n");
    scene.shims.acknowledge(&task.id()).unwrap();
    scene.shims.acknowledge(&task.id()).unwrap();
    assert!(scene.reopen().await.is_empty());
}

fn sh_end() -> model::run::StepEnd {
    model::run::StepEnd::unknown(Cause::ServerLost, "")
}

/// One child in the group, one in a session of its own, one that lost its parent and ignores signals, one without the
/// step's environment.
const FAMILY: &str = "sleep 1000 & echo $! >>new; \
    setsid sh -c 'trap \"\" TERM; echo $$ >>new; while :; do sleep 0.05; done' & \
    (setsid sh -c '(trap \"\" TERM HUP; sh -c \"echo \\$PPID\" >>new; while :; do sleep 0.05; done) &' &) ; \
    while [ $(wc -l <new) -lt 3 ]; do sleep 0.01; done; \
    echo $$ >>new; tr '\\n' ' ' <new >pids; echo >>pids; wait; sleep 1000";

#[tokio::test]
async fn a_killed_shim_leaves_no_process_and_claims_nothing() {
    let scene = ShimScene::new().await;
    let task = scene.here(sh(&format!("{NAME_SHIM}{FAMILY}")));
    let stop = Stop::new();
    let (end, ()) = tokio::join!(scene.shims.perform(&task, stop.clone(), |_| {}), async {
        scene.line("pids").await;
        let shim = scene.line("shim").await;
        std::process::Command::new("kill").args(["-9", &shim]).status().unwrap();
    });
    assert_eq!((end.outcome, end.cause), (StepOutcome::Unknown, Some(Cause::ServerLost)));
    let message = end.message.unwrap();
    assert!(message.contains("its shim was killed") && message.contains("(sleep)"), "{message}");
    scene.all_gone("pids").await;
    // The pool goes on.
    assert_eq!(scene.perform(Task { attempt: 2, ..sh("true") }).await.end.exit_code, Some(0));
}

#[tokio::test]
async fn a_shim_killed_without_a_server_is_found_with_its_processes() {
    let mut scene = ShimScene::new().await;
    let task = scene.here(sh(&format!("{NAME_SHIM}{FAMILY}")));
    tokio::select! {
        end = scene.shims.perform(&task, Stop::new(), |_| {}) => panic!("{end:?}"),
        _ = scene.line("pids") => {}
    }
    let shim = scene.line("shim").await;
    std::process::Command::new("kill").args(["-9", &shim]).status().unwrap();
    eventually("the shim is gone", || !lives(&shim)).await;
    let found = scene.reopen().await;
    let [Found::Lost { id, end }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((id, end.outcome), (&task.id(), StepOutcome::Unknown));
    scene.all_gone("pids").await;
    let found = scene.reopen().await;
    assert!(matches!(found.as_slice(), [Found::Ended { end, .. }] if end.outcome == StepOutcome::Unknown));
    scene.shims.acknowledge(&task.id()).unwrap();
    assert!(scene.reopen().await.is_empty());
}

#[tokio::test]
async fn what_a_frozen_shim_was_told_and_has_not_heard_never_begins() {
    let mut scene = ShimScene::new().await;
    let shim = scene.perform(sh("echo $PPID")).await.text().trim().to_owned();
    let signal = |signal| nix::sys::signal::kill(nix::unistd::Pid::from_raw(shim.parse().unwrap()), signal);
    signal(Signal::SIGSTOP).unwrap();
    let task = scene.here(Task { attempt: 2, ..sh("touch begun") });
    let told = scene.shims.perform(&task, Stop::new(), |_| {});
    assert!(tokio::time::timeout(Duration::from_millis(300), told).await.is_err(), "it does not answer");
    // Whoever finds no trace of an attempt may take it as not begun.
    let found = scene.reopen().await;
    assert!(found.is_empty(), "{found:?}");
    // It is gone already, or about to wake.
    let _ = signal(Signal::SIGCONT);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!scene.work("begun").exists(), "it begins behind everybody's back");
    assert!(!lives(&shim));
}

#[tokio::test]
async fn a_shim_killed_while_idle_costs_nothing() {
    let scene = ShimScene::with(Settings { warm: 1, idle: 1, ..Settings::new(program()) }).await;
    let shim = scene.perform(sh("echo $PPID")).await.text();
    eventually("it is idle", || scene.shims.idle() == 1).await;
    std::process::Command::new("kill").args(["-9", shim.trim()]).status().unwrap();
    let performed = scene.perform(Task { attempt: 2, ..sh("echo $PPID") }).await;
    assert_eq!(performed.end.exit_code, Some(0));
    assert_ne!(performed.text(), shim);
}

#[tokio::test]
async fn cancel_and_timeout_end_the_whole_family() {
    let scene = ShimScene::new().await;
    let grace = Duration::from_millis(300);
    let stop = Stop::new();
    let canceled = scene.perform_until(Task { grace, ..sh(FAMILY) }, stop.clone());
    let (performed, ()) = tokio::join!(canceled, async {
        scene.line("pids").await;
        stop.cancel();
    });
    assert_eq!(performed.end.outcome, StepOutcome::Canceled, "{performed:?}");
    assert_eq!(scene.line("pids").await.split_whitespace().count(), 4);
    scene.all_gone("pids").await;

    fs::remove_file(scene.work("pids")).unwrap();
    fs::remove_file(scene.work("new")).unwrap();
    let timeout = Some(Duration::from_secs(3));
    let performed = scene.perform(Task { attempt: 2, grace, timeout, ..sh(FAMILY) }).await;
    assert_eq!((performed.end.outcome, performed.end.cause), (StepOutcome::Failed, Some(Cause::Timeout)));
    scene.all_gone("pids").await;
}

#[tokio::test]
async fn what_a_step_leaves_behind_is_ended_wherever_it_went() {
    let scene = ShimScene::new().await;
    let body = "setsid sh -c 'trap \"\" TERM; echo $$ >pids; while :; do sleep 0.05; done' & \
                while [ ! -s pids ]; do sleep 0.01; done";
    let task = Task { grace: Duration::from_millis(100), ..sh(body) };
    let performed = scene.perform(task).await;
    assert_eq!(performed.end.outcome, StepOutcome::Succeeded);
    assert!(performed.notes[0].contains("ending what it left behind"), "{:?}", performed.notes);
    scene.all_gone("pids").await;
}

#[tokio::test]
async fn all_bytes_survive() {
    let scene = ShimScene::new().await;
    let performed = scene.perform(sh(r"printf '\377\000\200a\r\n\033[0m no final newline'")).await;
    assert_eq!(performed.stdout, b"\xff\0\x80a\r\n\x1b[0m no final newline");
    let long = Task { attempt: 2, ..sh("head -c 10000000 /dev/zero | tr '\\0' x") };
    let performed = scene.perform(long).await;
    assert!(performed.stdout.len() == 10_000_000 && performed.stdout.iter().all(|byte| *byte == b'x'));
    let many = script(&["/usr/bin/perl"], "print \"$_\\n\" for 1..1000000;");
    let performed = scene.perform(Task { attempt: 3, ..many }).await;
    let expected: String = (1..=1_000_000).map(|number| format!("{number}\n")).collect();
    assert!(performed.stdout == expected.into_bytes());
}

#[tokio::test]
async fn nothing_of_one_step_reaches_the_next_through_the_shim_s_folder() {
    let scene = ShimScene::with(Settings { warm: 0, idle: 1, ..Settings::new(program()) }).await;
    let first = scene
        .perform(sh("echo x >$TMPDIR/left; ln $SIGNALBOX_OUTPUT kept; echo a=1 >>$SIGNALBOX_OUTPUT; \
             chmod 777 $TMPDIR; rm $0; ln -s ../../victim $0; echo $TMPDIR; echo $0; echo $PPID"))
        .await;
    assert_eq!(first.message(), "");
    let lines: Vec<_> = first.text().lines().map(str::to_owned).collect();
    let victim = std::path::Path::new(&lines[1]).parent().unwrap().join("../../victim");
    fs::write(&victim, "whole").unwrap();
    let second = scene
        .perform(Task { attempt: 2, ..sh("ls -A $TMPDIR; cat $SIGNALBOX_OUTPUT; echo b=2 >>$SIGNALBOX_OUTPUT; echo $TMPDIR; stat -c %a $TMPDIR; echo $PPID") })
        .await;
    let text = second.text();
    assert_eq!(text, format!("{}\n700\n{}\n", lines[0], lines[2]), "the same place, as new");
    assert_eq!(second.end.outputs.len(), 1);
    assert_eq!(fs::read_to_string(scene.work("kept")).unwrap(), "a=1\n");
    assert_eq!(fs::read_to_string(victim).unwrap(), "whole");
    // A step that leaves all as it was: the same files serve the next.
    let inode = |path: &str| fs::metadata(path).unwrap().ino();
    let before = inode(&lines[0]);
    scene.perform(Task { attempt: 3, ..sh("echo c=3 >>$SIGNALBOX_OUTPUT") }).await;
    assert_eq!(before, inode(&lines[0]));
}

#[tokio::test]
async fn no_file_of_the_server_is_open_in_shim_or_step() {
    let before = crate::environment::left_open_for_us();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let scene = ShimScene::new().await;
    let performed = scene.perform(sh("echo $PPID; ls -l /proc/$PPID/fd /proc/self/fd")).await;
    let text = performed.text();
    let inode =
        fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&listener))).unwrap();
    assert!(text.contains("socket:"), "{text}");
    assert!(!text.contains(&inode.display().to_string()), "{text}");
    let performed = scene.perform(Task { attempt: 2, ..command(&["ls", "/proc/self/fd"]) }).await;
    let text = performed.text();
    let own: Vec<_> = text.lines().filter(|fd| !before.iter().any(|open| open == fd)).collect();
    assert_eq!(own.len(), 1, "the folder that it lists: {own:?} {before:?}");
}

#[tokio::test]
async fn a_folder_with_a_long_name_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("x".repeat(100));
    fs::create_dir(&long).unwrap();
    let folder = tempfile::tempdir_in(long).unwrap();
    let mut scene = ShimScene::within(folder, Settings::new(program())).await;
    let task = scene.here(sh("touch begun; while [ ! -e go ]; do sleep 0.01; done"));
    tokio::select! {
        end = scene.shims.perform(&task, Stop::new(), |_| {}) => panic!("{end:?}"),
        () = eventually("it begins", || scene.work("begun").exists()) => {}
    }
    fs::write(scene.work("go"), "").unwrap();
    for found in scene.reopen().await {
        if let Found::Running(attached) = found {
            attached.follow(Stop::new(), |_| {}).await;
        }
    }
}

#[tokio::test]
async fn a_program_that_is_no_shim_is_said() {
    let settings = Settings { warm: 0, ..Settings::new(runner::Program::at("/bin/false")) };
    let scene = ShimScene::with(settings).await;
    let end = scene.shims.perform(&scene.here(sh("true")), Stop::new(), |_| {}).await;
    assert_eq!(end.cause, Some(Cause::CannotStart));
    assert!(end.message.unwrap().contains("no shim can be started"));
}

#[tokio::test]
async fn a_check_is_repeated_until_it_is_good() {
    let scene = ShimScene::new().await;
    let repeat =
        Some(runner::Repeat { interval: Duration::from_millis(50), within: Duration::from_secs(20) });
    let body = "echo try; n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) >n; test $n -ge 3";
    let performed = scene.perform(Task { repeat, ..sh(body) }).await;
    assert_eq!(performed.end.outcome, StepOutcome::Succeeded);
    assert_eq!(performed.text(), "try\n".repeat(4));
    assert_eq!(
        performed.notes,
        ["try 1: exit code 1", "try 2: exit code 1", "try 3: exit code 1", "try 4: good"]
    );

    let repeat =
        Some(runner::Repeat { interval: Duration::from_millis(50), within: Duration::from_millis(300) });
    let performed = scene.perform(Task { attempt: 2, repeat, ..sh("exit 9") }).await;
    assert_eq!((performed.end.cause, performed.end.exit_code), (Some(Cause::NotAsExpected), Some(9)));
    assert!(performed.message().starts_with("not good within 300ms ("), "{}", performed.message());

    let stop = Stop::new();
    let repeat =
        Some(runner::Repeat { interval: Duration::from_secs(100), within: Duration::from_secs(1000) });
    let task = Task { attempt: 3, repeat, ..sh("touch tried; exit 1") };
    let (performed, ()) = tokio::join!(scene.perform_until(task, stop.clone()), async {
        eventually("a try", || scene.work("tried").exists()).await;
        stop.cancel();
    });
    assert_eq!(performed.end.outcome, StepOutcome::Canceled);
}
