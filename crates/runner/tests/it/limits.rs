//! Limits, control groups, other users.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use model::run::{Cause, StepOutcome};
use runner::{Cgroups, Limits, Settings, Stop, Task};

use crate::{
    scene::sh,
    shim_scene::{ShimScene, program},
};

fn memory(bytes: u64) -> Limits {
    Limits { memory_bytes: Some(bytes), ..Limits::default() }
}

#[tokio::test]
async fn a_control_group_for_each_step_kills_all_in_it() {
    let Some(cgroups) = Cgroups::probe() else {
        println!("not run: this machine lets us make no control group (version 2) with cgroup.kill");
        return;
    };
    let settings = Settings { cgroups: Some(cgroups), always_cgroup: true, ..Settings::new(program()) };
    let scene = ShimScene::with(settings).await;
    let body = "cat /proc/self/cgroup; \
        setsid sh -c 'trap \"\" TERM; echo $$ >pids; while :; do sleep 0.05; done' & wait";
    let stop = Stop::new();
    let task = Task { grace: Duration::from_millis(100), ..sh(body) };
    let (performed, ()) = tokio::join!(scene.perform_until(task, stop.clone()), async {
        scene.line("pids").await;
        stop.cancel();
    });
    assert_eq!(performed.end.outcome, StepOutcome::Canceled, "{performed:?}");
    let text = performed.text();
    let group = text.lines().find_map(|line| line.strip_prefix("0::")).unwrap();
    assert!(group.contains("/signalbox/"), "{text}");
    scene.all_gone("pids").await;
    assert!(!fs::exists(format!("/sys/fs/cgroup/unified{group}")).unwrap());
    assert!(!fs::exists(format!("/sys/fs/cgroup{group}")).unwrap());
    // What cannot start says so through the launcher too.
    let performed = scene.perform(Task { attempt: 2, ..crate::scene::command(&["./none"]) }).await;
    assert_eq!(performed.end.cause, Some(Cause::CannotStart), "{performed:?}");
    assert!(performed.message().contains("there is no such file"), "{}", performed.message());
    let performed = scene.perform(Task { attempt: 3, ..sh("exit 127") }).await;
    assert_eq!((performed.end.cause, performed.end.exit_code), (Some(Cause::Exit), Some(127)));
}

#[tokio::test]
async fn memory_is_limited_and_running_out_of_it_is_told() {
    let cgroups = Cgroups::probe().filter(|cgroups| cgroups.memory);
    if cgroups.is_none() {
        println!(
            "not run: this machine has no memory controller for control groups; limits by setrlimit are"
        );
    }
    let by_group = cgroups.is_some();
    let scene = ShimScene::with(Settings { cgroups, ..Settings::new(program()) }).await;
    let greedy = "head -c 200000000 /dev/zero | tail -c 200000000 | wc -c";
    let performed = scene
        .perform(Task {
            limits: memory(50 << 20),
            ..sh(&format!("set -e; {greedy} >n; test $(cat n) -eq 200000000"))
        })
        .await;
    assert_eq!(performed.end.outcome, StepOutcome::Failed, "{performed:?}");
    if by_group {
        assert_eq!(performed.end.cause, Some(Cause::OutOfMemory));
    } else {
        assert!(
            performed.notes[0].contains("memory is limited for each process by itself"),
            "{:?}",
            performed.notes
        );
    }
    let performed = scene.perform(Task { attempt: 2, limits: memory(1 << 30), ..sh(greedy) }).await;
    assert_eq!(performed.text().trim(), "200000000", "{performed:?}");
}

#[tokio::test]
async fn the_number_of_processes_is_limited() {
    let Some(cgroups) = Cgroups::probe().filter(|cgroups| cgroups.processes) else {
        println!("not run: this machine has no pids controller for control groups");
        return;
    };
    let scene = ShimScene::with(Settings { cgroups: Some(cgroups), ..Settings::new(program()) }).await;
    let limits = Limits { processes: Some(10), ..Limits::default() };
    let performed = scene.perform(Task { limits, ..sh("for n in $(seq 30); do sleep 1 & done; wait") }).await;
    assert_eq!(performed.end.outcome, StepOutcome::Failed);
}

#[tokio::test]
async fn what_is_not_held_is_said() {
    let scene = ShimScene::with(Settings { cgroups: None, ..Settings::new(program()) }).await;
    let limits = Limits { cpu: Some(0.5), processes: Some(5), memory_bytes: None };
    let performed = scene.perform(Task { limits, ..sh("echo done") }).await;
    assert_eq!(performed.text(), "done\n");
    assert!(
        performed.notes[0].contains("CPU is not limited; the number of processes is not"),
        "{performed:?}"
    );
}

#[tokio::test]
async fn a_step_runs_as_another_user() {
    if !nix::unistd::geteuid().is_root() {
        println!("not run: only root can run steps as other users");
        let scene = ShimScene::new().await;
        let performed = scene.perform(Task { run_as: Some("root".to_owned()), ..sh("true") }).await;
        assert!(performed.message().contains("only a server that runs as root"), "{}", performed.message());
        return;
    }
    let scene = ShimScene::with(Settings { cgroups: None, ..Settings::new(program()) }).await;
    // The data directory is closed to others; the runs of other users are elsewhere.
    let open = tempfile::tempdir().unwrap();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o711)).unwrap();
    fs::set_permissions(scene.folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let data = scene.folder.path().display();
    fs::write(scene.folder.path().join("key"), "key").unwrap();
    let body = format!(
        "id -un; echo $USER; pwd; touch mine; stat -c %U mine; echo x >$TMPDIR/x; cat $SECRET_A_FILE; echo; \
         echo o=1 >>$SIGNALBOX_OUTPUT; ls {data} 2>/dev/null && exit 3; cat {data}/key 2>/dev/null && exit 4; \
         cat /proc/$PPID/environ 2>/dev/null && exit 5; id -G"
    );
    let mut task = scene.here(Task { run_as: Some("nobody".to_owned()), ..sh(&body) });
    task.runs = open.path().to_path_buf();
    task.files = vec![runner::TaskFile {
        variable: "SECRET_A_FILE".to_owned(),
        name: "a".to_owned(),
        bytes: runner::Secret::new(*b"secret"),
        secret: true,
    }];
    task.limits.processes = Some(1000);
    let end = scene.shims.perform(&task, Stop::new(), |_| {}).await;
    let performed = scene.performed(&task.id(), end);
    assert_eq!(performed.message(), "", "{performed:?}");
    let text = performed.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], ["nobody", "nobody"]);
    assert_eq!(lines[3..5], ["nobody", "secret"]);
    assert!(!lines[5].split(' ').any(|group| group == "0"), "{text}");
    assert_eq!(performed.end.outputs["o"], "1");
    let left: Vec<_> = fs::read_dir(open.path().join(&task.run))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, ["work"]);

    // Where it cannot go is said.
    let closed = scene.here(Task { attempt: 2, run_as: Some("nobody".to_owned()), ..sh("true") });
    let end = scene.shims.perform(&closed, Stop::new(), |_| {}).await;
    assert_eq!(end.cause, Some(Cause::CannotStart), "{end:?}");
    assert!(end.message.unwrap().starts_with("cannot start as `nobody`: it cannot go to /"));
    let unknown = scene.here(Task { attempt: 3, run_as: Some("no-such-user".to_owned()), ..sh("true") });
    let end = scene.shims.perform(&unknown, Stop::new(), |_| {}).await;
    assert!(end.message.unwrap().contains("there is no user `no-such-user`"));
}
