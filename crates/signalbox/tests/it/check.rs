//! `check` and `apply`: all faults at once, each with its place, and nothing read that should not be.

use std::{fs::File, os::unix::fs::symlink};

use crate::{
    fake::{Answer, Fake},
    program::Home,
};

const GREET: &str = "kind: Runbook\nname: greet\nsteps:\n  - name: hello\n    run: ./scripts/hello.sh\n";

fn good(home: &Home) {
    home.write("ops/greet.yaml", GREET);
    home.write("ops/scripts/hello.sh", "#!/bin/sh\necho hello\n");
    home.write("ops/.hidden/not.yaml", "x: [");
    home.write("ops/node_modules/a/not.yaml", "x: [");
    home.write("ops/.git/HEAD", "");
}

#[test]
fn a_good_folder_has_no_faults() {
    let home = Home::new();
    good(&home);
    let done = home.signalbox(&["check", "ops"]);
    assert_eq!(
        (done.code, done.out.as_str(), done.err.as_str()),
        (Some(0), "0 faults; 1 runbook is good\n", "")
    );
    let done = home.signalbox(&["check", "ops", "--json"]);
    assert_eq!(done.code, Some(0));
    assert_eq!(
        done.out,
        "{\"faults\":[],\"definitions\":[{\"kind\":\"Runbook\",\"name\":\"greet\",\"path\":\"greet.yaml\"}]}\n"
    );
}

#[test]
fn every_fault_is_shown_at_once_and_drawn_at_its_place() {
    let home = Home::new();
    good(&home);
    home.write("ops/bad.yaml", "kind: Runbook\nname: ../x\nstpes: []\nsteps: [{run: ./../../etc/passwd}]\n");
    home.write("ops/latin.yml", b"kind: Runbook\nname: caf\xe9\n");
    File::create(home.path().join("ops/huge.yaml")).unwrap().set_len(100 * 1024 * 1024).unwrap();
    symlink("/etc/passwd", home.path().join("ops/leak.yaml")).unwrap();
    let done = home.signalbox(&["check", "ops"]);
    assert_eq!((done.code, done.err.as_str()), (Some(1), ""));
    for part in [
        "bad.yaml:2:7]",
        "bad.yaml:3:1]",
        "stpes: []",
        "bad.yaml:4:15]",
        "huge.yaml: This file has 104857600 bytes",
        "latin.yml:2:10: This file is not UTF-8.",
        "leak.yaml: This file is a symbolic link",
        "6 faults in 4 files; 1 runbook is good\n",
    ] {
        assert!(done.out.contains(part), "{part} is missing in\n{}", done.out);
    }
    assert!(!done.out.contains("root:"), "the link was read");

    let json: serde_json::Value =
        serde_json::from_str(&home.signalbox(&["check", "ops", "--json"]).out).unwrap();
    let codes: Vec<&str> =
        json["faults"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert_eq!(
        codes,
        ["bad_name", "unknown_key", "bad_path", "document_too_large", "not_utf8", "document_outside"]
    );
}

#[test]
fn a_huge_document_is_never_read_into_memory() {
    let home = Home::new();
    let file = home.write("huge.yaml", "");
    File::options().write(true).open(file).unwrap().set_len(8 * 1024 * 1024 * 1024).unwrap();
    let done = home.signalbox(&["check", "."]);
    assert_eq!(done.code, Some(1));
    assert!(done.out.contains("8589934592 bytes"));
}

#[test]
fn a_link_to_a_script_outside_is_a_fault_and_one_inside_is_none() {
    let home = Home::new();
    home.write("ops/greet.yaml", GREET);
    std::fs::create_dir(home.path().join("ops/scripts")).unwrap();
    let script = home.path().join("ops/scripts/hello.sh");
    symlink("/bin/sh", &script).unwrap();
    let done = home.signalbox(&["check", "ops"]);
    assert!(done.code == Some(1) && done.out.contains("file_outside"), "{}", done.out);
    std::fs::remove_file(&script).unwrap();
    home.write("ops/real.sh", "#!/bin/sh\n");
    symlink("../real.sh", &script).unwrap();
    assert_eq!(home.signalbox(&["check", "ops"]).code, Some(0));
}

#[test]
fn the_root_of_a_single_file_is_the_repository_or_its_own_folder() {
    let home = Home::new();
    home.write("repo/runbooks/greet.yaml", GREET);
    home.write("repo/scripts/hello.sh", "#!/bin/sh\n");
    assert_eq!(home.signalbox(&["check", "repo/runbooks/greet.yaml"]).code, Some(1));
    home.write("repo/.git", "gitdir: elsewhere");
    let done = home.signalbox(&["check", "repo/runbooks/greet.yaml", "--json"]);
    assert!(done.code == Some(0) && done.out.contains("\"path\":\"runbooks/greet.yaml\""), "{}", done.out);
    assert_eq!(home.signalbox(&["check", "repo/runbooks"]).code, Some(1));
}

#[test]
fn a_path_that_is_not_there_is_one_sentence() {
    let home = Home::new();
    for command in ["check", "apply", "try"] {
        let done = home.signalbox(&[command, "nowhere"]);
        assert_eq!((done.code, done.err.as_str()), (Some(2), "error: there is no file or folder nowhere\n"));
    }
}

#[test]
fn apply_sends_nothing_that_has_faults() {
    let home = Home::new();
    home.write("ops/bad.yaml", "kind: Runbook\nname: greet\n");
    let done = home.signalbox(&["apply", "ops"]);
    assert_eq!((done.code, done.out.as_str()), (Some(1), ""));
    assert!(done.err.ends_with("1 fault in 1 file; nothing was sent\n"), "{}", done.err);
}

#[test]
fn apply_sends_documents_and_the_files_they_name() {
    let digest = "4f".repeat(32);
    let answer = format!(
        r#"{{"project":"shop","dry_run":true,"results":[{{"kind":"Runbook","name":"greet","path":"greet.yaml","digest":"{digest}","outcome":"published"}}],"remarks":[]}}"#
    );
    let reply = answer.clone();
    let server = Fake::start(move |_, _| Answer::Json(200, reply.clone()));
    let home = Home::of(&server.url);
    good(&home);
    home.write("ops/unnamed.txt", "stays here");
    let words = ["apply", "ops", "--project", "shop", "--dry-run", "--prune"];
    let done = home.signalbox(&words);
    assert_eq!((done.code, done.out.as_str()), (Some(0), "published  runbook greet  4f4f4f4f4f4f\n"));
    assert_eq!(done.err, "nothing was changed: this was a dry run\n");
    let asked = server.asked("POST /api/v1/projects/shop/apply");
    assert!(asked[0].head.contains("idempotency-key: "));
    let body: serde_json::Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(body["documents"], serde_json::json!([{"path": "greet.yaml", "text": GREET}]));
    let files = body["files"].as_array().unwrap();
    assert!(files.len() == 1 && files[0]["path"] == "scripts/hello.sh" && files[0]["mode"] == "100644");
    assert!(body["dry_run"] == true && body["prune"] == true);
    assert_eq!(home.signalbox(&[&words[..], &["--json"]].concat()).out, answer + "\n");
}

#[test]
fn faults_that_only_the_server_finds_are_drawn_like_others() {
    let server = Fake::start(|_, _| {
        let body = r#"{"type":"/problems/faulty","title":"Faulty","status":422,"detail":"x","faults":[{"severity":"error",
            "code":"taken","path":"greet.yaml","line":2,"column":7,"offset":20,"length":5,"message":"This name is taken."}]}"#;
        Answer::Json(422, body.to_owned())
    });
    let home = Home::of(&server.url);
    good(&home);
    let done = home.signalbox(&["apply", "ops"]);
    assert_eq!((done.code, done.out.as_str()), (Some(1), ""));
    assert!(done.err.contains("greet.yaml:2:7]") && done.err.contains("2 │ name: greet"), "{}", done.err);
}
