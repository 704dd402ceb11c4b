//! The folder of a run.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use model::runbook::FileMode;
use runner::{BundleFile, RunnerError, Workspace};

use crate::scene::{RUN, Scene, file};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn files_lie_read_only_beside_the_work() {
    let scene = Scene::with_files(&[
        file("scripts/deep/drain.py", FileMode::Executable, "#!/usr/bin/python3\n"),
        file("scripts/deep/module.py", FileMode::Plain, "x = 1\n"),
        file("räume und so.txt", FileMode::Plain, ""),
    ]);
    let files = scene.workspace.files();
    assert_eq!(mode(files), 0o555);
    assert_eq!(mode(&files.join("scripts")), 0o555);
    assert_eq!(mode(&files.join("scripts/deep")), 0o555);
    assert_eq!(mode(&files.join("scripts/deep/drain.py")), 0o555);
    assert_eq!(mode(&files.join("scripts/deep/module.py")), 0o444);
    assert_eq!(mode(scene.workspace.work()), 0o700);
    assert_eq!(mode(files.parent().unwrap()), 0o700);
    let performed = scene.sh("cat $SIGNALBOX_FILES/scripts/deep/module.py; ls $SIGNALBOX_FILES").await;
    assert_eq!(performed.text(), "x = 1\nräume und so.txt\nscripts\n");

    let root = scene.folder.path().join("runs");
    assert!(matches!(Workspace::create(&root, RUN, &[]), Err(RunnerError::Create { .. })));
    Workspace::open(&root, RUN).unwrap().remove().unwrap();
    assert!(!root.join(RUN).exists());
    assert!(matches!(Workspace::open(&root, RUN), Err(RunnerError::Missing(_))));
    scene.workspace.remove().unwrap();
}

#[test]
fn paths_that_climb_are_refused_and_leave_nothing() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().join("not/there/yet");
    for path in ["../x", "/etc/x", "a/../../x", "a//b", "./a", "a/.", "", "a/", "a\0b"] {
        let files = [file("good", FileMode::Plain, ""), file(path, FileMode::Plain, "")];
        assert!(matches!(Workspace::create(&root, RUN, &files), Err(RunnerError::BadPath(_))), "{path}");
        assert!(!root.join(RUN).exists());
    }
    let twice: [BundleFile; 2] = [file("a", FileMode::Plain, ""), file("a/b", FileMode::Plain, "")];
    assert!(Workspace::create(&root, RUN, &twice).is_err());
    for run in ["", "..", "../../etc", &"A".repeat(36), &"/".repeat(36)] {
        assert!(matches!(Workspace::create(&root, run, &[]), Err(RunnerError::BadRun(_))));
        assert!(matches!(Workspace::open(&root, run), Err(RunnerError::BadRun(_))));
    }
}

#[tokio::test]
async fn all_goes_whatever_a_step_did_and_no_link_is_followed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("kept"), "kept").unwrap();
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o750)).unwrap();
    let scene = Scene::with_files(&[file("a/b/c", FileMode::Plain, "")]);
    symlink(outside.path(), scene.work("link")).unwrap();
    let performed = scene
        .sh("mkdir -p x/y/z; touch x/y/z/f; chmod 0 x/y/z x/y x; mkfifo fifo; mkdir -p open/in; chmod 555 open/in open; chmod 500 . ..")
        .await;
    assert_eq!(performed.message(), "");
    let root = scene.folder.path().join("runs");
    scene.workspace.remove().unwrap();
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(outside.path().join("kept")).unwrap(), "kept");
    assert_eq!(mode(outside.path()), 0o750);
}

#[tokio::test]
async fn a_working_directory_that_is_no_longer_one_harms_nobody() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("kept"), "kept").unwrap();
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o750)).unwrap();
    let scene = Scene::new();
    let swapped = format!(
        "mv \"$HOME\" ../moved; ln -s {0} \"$HOME\"; rm -r \"$TMPDIR\"; ln -s {0} \"$TMPDIR\"",
        outside.path().display()
    );
    assert_eq!(scene.sh(&swapped).await.message(), "");
    let root = scene.folder.path().join("runs");
    scene.workspace.remove().unwrap();
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(outside.path().join("kept")).unwrap(), "kept");
    assert_eq!(mode(outside.path()), 0o750);

    let scene = Scene::new();
    assert_eq!(scene.sh("rm -r \"$HOME\"").await.message(), "");
    let message = scene.sh("true").await.message().to_owned();
    assert!(message.contains("working directory is gone"), "{message}");
}

#[test]
fn a_new_server_clears_up_after_the_old_one() {
    let root = tempfile::tempdir().unwrap();
    assert!(Workspace::list(&root.path().join("nowhere")).unwrap().is_empty());
    for run in 0..3 {
        let run = format!("0198c0de-0000-7000-8000-00000000000{run}");
        Workspace::create(root.path(), &run, &[file("a/b", FileMode::Plain, "x")]).unwrap();
    }
    symlink("/etc", root.path().join("link")).unwrap();
    let kept = "0198c0de-0000-7000-8000-000000000001".to_owned();
    let mut gone = Workspace::list(root.path()).unwrap();
    gone.retain(|name| name != kept.as_str());
    let later = "0198c0de-0000-7000-8000-000000000009".to_owned();
    Workspace::create(root.path(), &later, &[]).unwrap();
    Workspace::remove_these(root.path(), &gone).unwrap();
    let mut left: Vec<_> = fs::read_dir(root.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [kept, later], "a run that goes on keeps its directory, and one that began since");
    Workspace::remove_these(root.path(), &Workspace::list(root.path()).unwrap()).unwrap();
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    assert!(fs::exists("/etc/passwd").unwrap());
}

#[test]
fn what_a_living_process_is_just_making_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: String| std::fs::create_dir_all(folder.path().join(name).join("work")).unwrap();
    let (mine, nobody_s) = (format!("{}-7", std::process::id()), format!("{}-7", i32::MAX));
    made(mine.clone());
    made(nobody_s.clone());
    Workspace::remove_these(folder.path(), &Workspace::list(folder.path()).unwrap()).unwrap();
    assert!(folder.path().join(mine).join("work").is_dir());
    assert!(!folder.path().join(nobody_s).exists());
}
