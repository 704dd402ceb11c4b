//! `login`, `logout`, and which token is used.

use std::{io::Write, os::unix::fs::PermissionsExt, process::Stdio};

use crate::{
    fake::{Answer, Fake, problem},
    program::{Home, done},
};

const SESSION: &str = r#"{"principal":"0198c5d2-0000-7000-8000-000000000001","name":"ada","role":"admin","method":"token","expires_at":null,"version":"0.1.0"}"#;
const PROJECTS: &str = r#"{"items":[{"name":"default","created_at":"2026-11-23T14:05:11Z"}],"next":null}"#;

/// Knows the tokens `sbx_good` and `sbx_env`.
fn server() -> Fake {
    Fake::start(|asked, _| {
        let known = ["sbx_good", "sbx_env"]
            .iter()
            .any(|t| asked.head.contains(&format!("authorization: bearer {t}\r\n")));
        match asked.line.as_str() {
            _ if !known => problem(401, "Nobody is signed in."),
            "GET /api/v1/session" => Answer::Json(200, SESSION.to_owned()),
            _ => Answer::Json(200, PROJECTS.to_owned()),
        }
    })
}

#[test]
fn a_good_token_is_kept_for_its_owner_alone() {
    let server = server();
    let home = Home::of(&server.url);
    let done = home.signalbox(&["projects", "list"]);
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""));
    assert!(done.err.contains("signalbox login") && done.err.contains("admin.token"), "{}", done.err);

    home.write("token", " sbx_good\n");
    let done = home.signalbox(&["login", "--token-file", "token"]);
    assert_eq!((done.code, done.out), (Some(0), format!("signed in to {} as ada (admin)\n", server.url)));
    assert!(!done.err.contains("sbx_good"));
    let mode = std::fs::metadata(home.credentials()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let done = home.signalbox(&["projects", "list"]);
    assert_eq!(done.out, "name\tcreated\ndefault\t2026-11-23 14:05:11\n");
    assert_eq!(home.signalbox(&["projects", "list", "--json"]).out, format!("{PROJECTS}\n"));

    let elsewhere = home.signalbox(&["projects", "list", "--url", "http://127.0.0.1:1"]);
    assert_eq!(elsewhere.code, Some(4));
    assert_eq!(home.signalbox(&["logout"]).code, Some(0));
    assert!(!std::fs::read_to_string(home.credentials()).unwrap().contains("sbx_good"));
    assert_eq!(home.signalbox(&["projects", "list"]).code, Some(2));
}

#[test]
fn a_piped_token_is_read_and_the_session_printed() {
    let server = server();
    let home = Home::of(&server.url);
    let mut child = home.command(&["login", "--json"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"sbx_good\n").unwrap();
    let done = done(child.wait_with_output().unwrap());
    assert_eq!((done.code, done.out), (Some(0), format!("{SESSION}\n")));
}

#[test]
fn a_bad_token_is_not_kept() {
    let server = server();
    let home = Home::of(&server.url);
    for token in ["sbx_bad", "", "two words", "sbx_\u{7}"] {
        home.write("token", token);
        let done = home.signalbox(&["login", "--token-file", "token"]);
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{token:?}");
    }
    assert!(!home.credentials().exists());
}

#[test]
fn the_environment_goes_before_the_file() {
    let server = server();
    let home = Home::of(&server.url);
    let done = done(home.command(&["projects", "list"]).env("SIGNALBOX_TOKEN", "sbx_env").output().unwrap());
    assert_eq!(done.code, Some(0));
}

#[test]
fn a_broken_credentials_file_is_said_without_its_content() {
    let home = Home::new();
    home.write("config/signalbox/credentials.toml", "[servers\ntoken = \"sbx_secret\"");
    let done = home.signalbox(&["projects", "list"]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("credentials.toml") && !done.err.contains("sbx_secret"), "{}", done.err);
}
