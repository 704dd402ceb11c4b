//! Secrets reach the step and nobody else.

use std::{fs, path::Path};

use model::run::StepOutcome;
use runner::{Secret, Stop, Task, TaskFile};

use crate::{
    scene::sh,
    shim_scene::{ShimScene, eventually},
};

const CANARY: &str = "canary-7Hq2+/\"x'\\-secret";

fn file(variable: &str, name: &str, bytes: &[u8], secret: bool) -> TaskFile {
    TaskFile { variable: variable.to_owned(), name: name.to_owned(), bytes: Secret::new(bytes), secret }
}

fn holds(path: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(holds(&path, needle));
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            if bytes.windows(needle.len()).any(|window| window == needle) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test]
async fn a_secret_is_a_file_for_the_step_alone_and_masked_in_all_it_says() {
    let scene = ShimScene::new().await;
    let body = "stat -c '%a %F' $SECRET_DB_FILE $(dirname $SECRET_DB_FILE); dirname $SECRET_DB_FILE >where; \
        cat $SECRET_DB_FILE; echo; base64 -w0 <$SECRET_DB_FILE; echo; \
        printf %s \"$(cat $SECRET_DB_FILE)\" | fold -w 3 >&2; cat $INPUT_UPLOAD; \
        touch begun; while [ ! -e go ]; do sleep 0.01; done; \
        echo \"said=$(cat $SECRET_DB_FILE)\" >>$SIGNALBOX_OUTPUT";
    let mut task = sh(body);
    task.files = vec![
        file("SECRET_DB_FILE", "db", CANARY.as_bytes(), true),
        file("INPUT_UPLOAD", "form.csv", b"a;b\n\xff", false),
    ];
    assert!(!format!("{task:?}").contains("canary"));
    let stop = Stop::new();
    let (performed, ()) = tokio::join!(scene.perform_until(task, stop.clone()), async {
        eventually("it begins", || scene.work("begun").exists()).await;
        // While it runs: in its one file, and nowhere in the data directory; in no argv and no environment.
        assert_eq!(holds(scene.folder.path(), CANARY.as_bytes()), [""; 0]);
        for process in fs::read_dir("/proc").unwrap().flatten() {
            for what in ["cmdline", "environ"] {
                let bytes = fs::read(process.path().join(what)).unwrap_or_default();
                let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
                assert!(!found, "{}", process.path().display());
            }
        }
        fs::write(scene.work("go"), "").unwrap();
    });
    assert_eq!(performed.end.outcome, StepOutcome::Succeeded, "{performed:?}");
    assert_eq!(performed.end.outputs["said"], "***");
    let lines: Vec<&[u8]> = performed.stdout.split(|byte| *byte == b'\n').collect();
    assert_eq!(lines[..2], [&b"400 regular file"[..], b"700 directory"]);
    assert_eq!(lines[2], b"***");
    assert!(lines[3].starts_with(b"***") && lines[3].len() <= 7, "{:?}", String::from_utf8_lossy(lines[3]));
    assert!(performed.stdout.ends_with(b"a;b\n\xff"));
    assert!(performed.stderr.len() <= 6, "{:?}", String::from_utf8_lossy(&performed.stderr));
    let place = fs::read_to_string(scene.work("where")).unwrap();
    assert!(!fs::exists(place.trim()).unwrap(), "gone with the step");
    assert_eq!(holds(scene.folder.path(), b"canary"), [""; 0]);
}

#[tokio::test]
async fn a_file_with_a_path_for_a_name_is_refused() {
    let scene = ShimScene::new().await;
    for (attempt, name) in (1..).zip(["../x", "", "..", "a/b"]) {
        let files = vec![file("INPUT_X", name, b"x", true)];
        let performed = scene.perform(Task { attempt, files, ..sh("true") }).await;
        assert!(performed.message().contains("cannot be the name of a file"), "{}", performed.message());
    }
    let files = vec![file("LD_PRELOAD", "x", b"x", false)];
    let performed = scene.perform(Task { attempt: 9, files, ..sh("true") }).await;
    assert!(performed.message().contains("LD_PRELOAD"), "{}", performed.message());
}

#[tokio::test]
async fn the_secrets_of_a_killed_shim_are_removed() {
    let scene = ShimScene::new().await;
    let mut task =
        scene.here(sh("echo $PPID >shim; dirname $SECRET_DB_FILE >where; touch begun; sleep 1000"));
    task.files = vec![file("SECRET_DB_FILE", "db", CANARY.as_bytes(), true)];
    let stop = Stop::new();
    tokio::join!(scene.shims.perform(&task, stop.clone(), |_| {}), async {
        eventually("it begins", || scene.work("begun").exists()).await;
        let shim = scene.line("shim").await;
        std::process::Command::new("kill").args(["-9", &shim]).status().unwrap();
    });
    assert!(!fs::exists(scene.line("where").await).unwrap());
}

#[tokio::test]
async fn what_a_step_was_just_issued_is_masked_from_the_moment_it_says_so() {
    let scene = ShimScene::new().await;
    let body = "for n in $(seq 50); do token=issued-$n-$(od -An -N8 -tx8 /dev/urandom | tr -d ' '); \
        echo $token >$SIGNALBOX_MASK; echo \"<$token>\"; echo \"<$token>\" >&2; done; echo t=$token >>$SIGNALBOX_OUTPUT";
    let performed = scene.perform(sh(body)).await;
    assert_eq!(performed.text(), "<***>\n".repeat(50));
    assert_eq!(performed.stderr, "<***>\n".repeat(50).into_bytes());
    assert_eq!(performed.end.outputs["t"], "***");
    // The next step of the shim has its own; one that spoils the way only harms itself.
    let body = "echo issued-later >$SIGNALBOX_MASK; rm $SIGNALBOX_MASK; ln -s /etc/passwd $SIGNALBOX_MASK; echo issued-later";
    assert_eq!(scene.perform(Task { attempt: 2, ..sh(body) }).await.text(), "***\n");
    let body = "echo issued-again >$SIGNALBOX_MASK; echo issued-again issued-later";
    let performed = scene.perform(Task { attempt: 3, ..sh(body) }).await;
    assert_eq!(performed.text(), "*** issued-later\n", "{performed:?}");
    // More than it takes, with nobody who reads the output: the step does not hang.
    let body = "head -c 300000 /dev/zero | tr '\\0' x >$SIGNALBOX_MASK; echo done";
    let performed = scene.perform(Task { attempt: 4, ..sh(body) }).await;
    assert_eq!(performed.text(), "done\n");
    assert!(performed.notes[0].contains("8 KiB"), "{:?}", performed.notes);
}
