//! How an attempt ends by itself: exit, signal and a start that fails are told apart.

use std::{fs, os::unix::fs::PermissionsExt};

use model::{
    run::{Cause, StepOutcome},
    runbook::{FileMode, Script},
};

use runner::Action;

use crate::scene::{Performed, Scene, command, file, script, sh, task};

fn failed(performed: &Performed, cause: Cause, words: &str) {
    assert_eq!(performed.end.outcome, StepOutcome::Failed);
    assert_eq!(performed.end.cause, Some(cause));
    assert!(performed.message().contains(words), "{}", performed.message());
}

#[tokio::test]
async fn success_says_nothing() {
    let end = Scene::new().sh("true").await.end;
    assert_eq!((end.outcome, end.cause, end.message), (StepOutcome::Succeeded, None, None));
    assert_eq!((end.exit_code, end.signal), (Some(0), None));
}

#[tokio::test]
async fn an_exit_code_is_told() {
    let performed = Scene::new().sh("false; exit 0").await;
    failed(&performed, Cause::Exit, "exit code 1");
    let performed = Scene::new().sh("exit 3").await;
    failed(&performed, Cause::Exit, "exit code 3");
    assert_eq!((performed.end.exit_code, performed.end.signal), (Some(3), None));
}

#[tokio::test]
async fn a_signal_is_named() {
    let performed = Scene::new().sh("kill -SEGV $$").await;
    failed(&performed, Cause::Signal, "SIGSEGV");
    assert_eq!((performed.end.exit_code, performed.end.signal), (None, Some(11)));
    failed(&Scene::new().sh("kill -KILL $$").await, Cause::Signal, "SIGKILL");
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let scene = Scene::new();
    fs::write(scene.work("plain"), "echo hello\n").unwrap();
    fs::write(scene.work("script"), "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(scene.work("script"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(scene.work("text"), "hello\n").unwrap();
    fs::set_permissions(scene.work("text"), fs::Permissions::from_mode(0o755)).unwrap();
    let nul = "a\0b".to_owned();
    for (attempt, (task, words)) in (1..).zip([
        (script(&["/no/such/shell"], "x"), "`/no/such/shell`: there is no such file; install it"),
        (script(&["no-such-shell", "-e"], "x"), "`no-such-shell`: it is not in /usr/local/sbin:"),
        (script(&["/bin/sh\r"], "x"), "carriage return"),
        (command(&["no-such-tool", "--all"]), "`no-such-tool`: it is not in"),
        (command(&["./plain"]), "`./plain`: it may not be executed"),
        (command(&["./script"]), "the interpreter of its `#!` line"),
        (command(&["./text"]), "it is not a program"),
        (command(&["/"]), "it may not be executed"),
        (command(&[]), "no program is named"),
        (command(&[""]), "no program is named"),
        (command(&["echo", &nul]), "nul byte"),
        (command(&["echo", &"x".repeat(4 << 20)]), "too long for this system"),
    ]) {
        let task = runner::Task { attempt, ..task };
        let performed = scene.perform(&task).await;
        failed(&performed, Cause::CannotStart, words);
        assert_eq!((performed.end.exit_code, performed.end.signal), (None, None));
        assert!(performed.stdout.is_empty() && performed.stderr.is_empty());
    }
    assert!(scene.left_of_attempts().is_empty());
}

#[tokio::test]
async fn a_script_file_is_run_by_its_own_first_line() {
    let scene = Scene::with_files(&[
        file(
            "scripts/own.pl",
            FileMode::Plain,
            "#!/usr/bin/perl -l\nprint \"perl $ENV{SIGNALBOX_ATTEMPT}\";",
        ),
        file(
            "scripts/env.sh",
            FileMode::Executable,
            "#!/usr/bin/env bash\necho \"bash ${BASH_VERSION%%.*} $0\"",
        ),
        file("none", FileMode::Plain, "echo declared; false; echo not reached"),
    ]);
    let run = |attempt, path: &str| {
        let action = Action::Run {
            interpreter: vec!["/bin/sh".to_owned(), "-e".to_owned()],
            script: Script::File(path.to_owned()),
        };
        runner::Task { attempt, ..task(action) }
    };
    assert_eq!(scene.perform(&run(1, "scripts/own.pl")).await.text(), "perl 1\n");
    let text = scene.perform(&run(2, "scripts/env.sh")).await.text();
    assert!(text.starts_with("bash 5 /") && text.ends_with("/files/scripts/env.sh\n"), "{text}");
    assert_eq!(scene.perform(&run(3, "none")).await.text(), "declared\n");
    failed(&scene.perform(&run(4, "scripts/gone.sh")).await, Cause::CannotStart, "`scripts/gone.sh`");
    failed(&scene.perform(&run(5, "../work/x")).await, Cause::CannotStart, "leads out of them");
    failed(&scene.perform(&run(6, "/etc/passwd")).await, Cause::CannotStart, "leads out of them");
}

#[tokio::test]
async fn a_step_without_its_folder_cannot_start() {
    let scene = Scene::new();
    fs::remove_dir_all(scene.workspace.work().parent().unwrap()).unwrap();
    failed(&scene.perform(&sh("true")).await, Cause::CannotStart, "no room for it");
}
