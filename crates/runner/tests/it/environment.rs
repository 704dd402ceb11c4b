//! What a step finds around it.

use std::fs;

use crate::scene::{RUN, Scene, command, lives, sh};

#[tokio::test]
async fn the_environment_is_exactly_the_list() {
    let scene = Scene::new();
    let mut task = command(&["env", "-0"]);
    task.attempt = 7;
    task.epoch = 3;
    task.variables.insert("INPUT_REGION".to_owned(), "eu".to_owned());
    task.variables.insert("INPUT_COUNT".to_owned(), "-3".to_owned());
    task.variables.insert("INPUT_DRY_RUN".to_owned(), "true".to_owned());
    let performed = scene.perform(&task).await;
    let run = fs::canonicalize(scene.folder.path()).unwrap().join("runs").join(RUN);
    let run = run.display();
    let mut found: Vec<_> = performed.text().split_terminator('\0').map(str::to_owned).collect();
    let cookies: Vec<_> = found.extract_if(.., |one| one.starts_with("SIGNALBOX_COOKIE=")).collect();
    assert!(cookies.len() == 1 && cookies[0].len() > 40, "{cookies:?}");
    found.sort();
    let mut expected = vec![
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        format!("HOME={run}/work"),
        "LANG=C.UTF-8".to_owned(),
        format!("TMPDIR={run}/0-7.tmp"),
        format!("SIGNALBOX_RUN={RUN}"),
        "SIGNALBOX_PROJECT=shop".to_owned(),
        "SIGNALBOX_RUNBOOK=restart-web".to_owned(),
        "SIGNALBOX_STEP=restart".to_owned(),
        "SIGNALBOX_ATTEMPT=7".to_owned(),
        "SIGNALBOX_EPOCH=3".to_owned(),
        format!("SIGNALBOX_FILES={run}/files"),
        format!("SIGNALBOX_OUTPUT={run}/0-7.output"),
        format!("SIGNALBOX_MASK={run}/0-7.mask"),
        "INPUT_REGION=eu".to_owned(),
        "INPUT_COUNT=-3".to_owned(),
        "INPUT_DRY_RUN=true".to_owned(),
    ];
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_step_leads_its_own_process_group_and_reads_nothing() {
    let scene = Scene::new();
    // The fields of `stat` that follow the name: state, parent, group.
    let performed = scene.sh("cat; echo $$; set -- $(cut -d')' -f2 /proc/$$/stat); echo $3").await;
    let text = performed.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], lines[1]);
}

/// Files that whoever started this process left open for its children: not ours to close.
pub fn left_open_for_us() -> Vec<String> {
    let close_on_exec = 0o2_000_000;
    let passed_on = |fd: &String| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        flags.is_some_and(|flags| i64::from_str_radix(flags.trim(), 8).unwrap() & close_on_exec == 0)
    };
    let open = fs::read_dir("/proc/self/fd").unwrap();
    open.map(|entry| entry.unwrap().file_name().into_string().unwrap()).filter(passed_on).collect()
}

#[tokio::test]
async fn no_file_of_the_server_is_open_in_a_step() {
    let scene = Scene::new();
    let before = left_open_for_us();
    let performed = scene.perform(&command(&["ls", "/proc/self/fd"])).await;
    let text = performed.text();
    let own: Vec<_> = text.lines().filter(|fd| !before.iter().any(|open| open == fd)).collect();
    // The folder that `ls` reads; the three streams were there before.
    assert_eq!(own.len(), 1, "{own:?} {before:?}");
}

#[tokio::test]
async fn steps_share_the_working_directory_and_nothing_else() {
    let scene = Scene::new();
    let first =
        scene.sh("pwd; echo hello >greeting; echo x >$TMPDIR/mine; stat -c %a $TMPDIR; echo $TMPDIR").await;
    let mut task = sh("cat greeting; ls -A $TMPDIR; echo $TMPDIR");
    task.step = 1;
    let second = scene.perform(&task).await;
    let first = first.text();
    let lines: Vec<_> = first.lines().collect();
    assert_eq!(lines[0], scene.workspace.work().display().to_string());
    assert_eq!(lines[1], "700");
    let second = second.text();
    assert!(second.starts_with("hello\n/"), "{second}");
    assert_ne!(second.lines().last(), Some(lines[2]));
    assert!(!fs::exists(lines[2]).unwrap());
    assert!(scene.left_of_attempts().is_empty());
}

#[tokio::test]
async fn what_a_step_leaves_in_its_own_place_goes_with_it() {
    let scene = Scene::new();
    let performed =
        scene.sh("mkdir -p $TMPDIR/a/b; echo x >$TMPDIR/a/b/c; chmod 0 $TMPDIR/a; rm $SIGNALBOX_OUTPUT; mkdir $SIGNALBOX_OUTPUT.d $SIGNALBOX_OUTPUT").await;
    assert!(performed.message().contains("not a plain file"));
    assert_eq!(scene.left_of_attempts(), ["0-1.output.d"]);
}

#[tokio::test]
async fn a_dropped_attempt_leaves_no_process() {
    let scene = Scene::new();
    let task = sh("sleep 1000 & echo $$ $! >pids; wait");
    tokio::select! {
        _ = scene.perform(&task) => panic!("it cannot end"),
        _ = scene.line("pids") => {}
    }
    for pid in scene.line("pids").await.split(' ') {
        for _ in 0..100 {
            if lives(pid) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
        assert!(!lives(pid));
    }
}

#[tokio::test]
async fn the_platform_s_own_and_the_loader_s_variables_cannot_be_set() {
    let scene = Scene::new();
    for (attempt, name) in (1..).zip(["SIGNALBOX_RUN", "SIGNALBOX_X", "LD_PRELOAD", "", "A=B"]) {
        let mut task = runner::Task { attempt, ..sh("touch started") };
        task.variables.insert(name.to_owned(), "/tmp/x".to_owned());
        let performed = scene.perform(&task).await;
        assert_eq!(performed.end.cause, Some(model::run::Cause::CannotStart));
        assert!(performed.message().contains("cannot start: the variable"), "{}", performed.message());
    }
    let mut task = runner::Task { attempt: 9, ..command(&["tool"]) };
    std::fs::create_dir(scene.work("bin")).unwrap();
    let tool = scene.work("bin/tool");
    std::fs::write(&tool, "#!/bin/sh\necho mine $PATH\n").unwrap();
    std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", scene.work("bin").display());
    task.variables.insert("PATH".to_owned(), path.clone());
    assert_eq!(scene.perform(&task).await.text(), format!("mine {path}\n"));
}

#[tokio::test]
async fn a_step_starts_in_its_directory_and_cannot_be_led_out() {
    let scene = Scene::new();
    fs::create_dir_all(scene.work("deep/er")).unwrap();
    std::os::unix::fs::symlink("/etc", scene.work("link")).unwrap();
    let dir = |attempt, dir: &str| runner::Task { attempt, dir: Some(dir.to_owned()), ..sh("pwd -P") };
    let real = fs::canonicalize(scene.work("deep/er")).unwrap();
    assert_eq!(scene.perform(&dir(1, "./deep/er")).await.text(), format!("{}\n", real.display()));
    assert_eq!(scene.perform(&dir(2, "/usr")).await.text(), "/usr\n");
    for (attempt, bad) in (3..).zip(["..", "deep/../..", "link", "missing"]) {
        let performed = scene.perform(&dir(attempt, bad)).await;
        let message = performed.message();
        let words = if bad == "missing" { "is not a directory" } else { "leads out" };
        assert!(message.starts_with("cannot start: `dir") && message.contains(words), "{message}");
    }
}
