//! Help, completions, wrong usage.

use crate::program::Home;

#[test]
fn help_says_what_there_is() {
    let home = Home::new();
    insta::assert_snapshot!("help", home.signalbox(&["--help"]).out);
    insta::assert_snapshot!("help_run", home.signalbox(&["run", "--help"]).out);
    insta::assert_snapshot!("help_server", home.signalbox(&["server", "--help"]).out);
    for words in [
        &["apply"][..],
        &["backup"],
        &["check"],
        &["completions"],
        &["facts"],
        &["facts", "diff"],
        &["import", "backstage"],
        &["inventories", "list"],
        &["inventories", "show"],
        &["plan"],
        &["presets", "delete"],
        &["presets", "list"],
        &["presets", "save"],
        &["restore"],
        &["runs", "retry"],
        &["schedules", "firings"],
        &["schedules", "list"],
        &["schedules", "next"],
        &["schedules", "pause"],
        &["schedules", "resume"],
        &["schedules", "show"],
        &["secrets", "delete"],
        &["secrets", "list"],
        &["secrets", "rewrap"],
        &["secrets", "rotate"],
        &["secrets", "set"],
        &["secrets", "show"],
        &["services", "happenings"],
        &["services", "health"],
        &["services", "list"],
        &["services", "show"],
        &["step", "approve"],
        &["step", "decline"],
        &["step", "done"],
        &["step", "fail"],
        &["step", "resolve"],
        &["teams", "list"],
        &["teams", "show"],
        &["versions", "diff"],
        &["versions", "history"],
        &["versions", "rollback"],
        &["login"],
        &["logout"],
        &["projects", "list"],
        &["runbooks", "list"],
        &["runbooks", "show"],
        &["runs", "cancel"],
        &["runs", "list"],
        &["runs", "logs"],
        &["runs", "show"],
        &["schema"],
        &["tokens", "create"],
        &["tokens", "list"],
        &["tokens", "revoke"],
        &["try"],
    ] {
        let done = home.signalbox(&[words, &["--help"]].concat());
        assert_eq!(done.code, Some(0), "{words:?}");
        assert!(done.out.contains("--json") && done.out.contains("--project"), "{words:?}");
    }
}

#[test]
fn version_and_completions_go_to_standard_output() {
    let home = Home::new();
    assert_eq!(home.signalbox(&["--version"]).out, format!("signalbox {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        let done = home.signalbox(&["completions", shell]);
        assert!(done.code == Some(0) && done.out.contains("runbooks") && done.err.is_empty(), "{shell}");
    }
}

#[test]
fn the_schema_is_json() {
    let home = Home::new();
    let schema: serde_json::Value =
        serde_json::from_str(&home.signalbox(&["schema", "runbook"]).out).unwrap();
    assert_eq!(schema["type"], "object");
    let schema: serde_json::Value =
        serde_json::from_str(&home.signalbox(&["schema", "inventory"]).out).unwrap();
    assert_eq!(schema["type"], "object");
    assert_eq!(home.signalbox(&["schema", "fish"]).code, Some(2));
}

#[test]
fn wrong_usage_exits_2_and_prints_nothing_on_standard_output() {
    let home = Home::new();
    home.write("one.yaml", "kind: Runbook\nname: greet\nsteps: [{run: echo}]\n");
    for words in [
        &["fly"][..],
        &["run"],
        &["run", "greet", "-i", "region"],
        &["run", "greet", "-i", "=eu"],
        &["run", "greet", "-i", "a=1", "-i", "a=2"],
        &["run", "../x"],
        &["run", "greet", "--follow", "--detach"],
        &["run", "greet", "--project", "A B"],
        &["runs", "list", "--state", "flying"],
        &["runs", "list", "--limit", "0"],
        &["runs", "show", "not-an-id"],
        &["runs", "list", "--from", "yesterday"],
        &["services", "list", "--health", "fine"],
        &["services", "happenings", "shop", "--from", "yesterday"],
        &["facts"],
        &["facts", "diff", "shop"],
        &["facts", "diff", "shop", "--at", "1h", "--against", "staging"],
        &["schedules", "list", "--kind", "cron"],
        &["schedules", "next", "one.yaml", "--count", "0"],
        &["plan", "greet", "-i", "region"],
        &["run", "greet", "--secret-file", "token=nowhere"],
        &["run", "greet", "--file", "motd=nowhere"],
        &["step", "done", "not-an-id", "look"],
        &["step", "decline", "0198c5d2-8a54-7e11-9c3b-5b1f0e6a7d42", "gate"],
        &["step", "resolve", "0198c5d2-8a54-7e11-9c3b-5b1f0e6a7d42", "x", "--as", "perhaps", "--reason", "x"],
        &["versions", "rollback", "greet", "xyz"],
        &["presets", "save", "greet", "A B"],
        &["backup", "one.yaml"],
        &["restore", "one.yaml"],
        &["restore", "one.yaml", "--data-dir", "."],
        &["server", "--choices-host", "http://a/b"],
        &["tokens", "create", "ada"],
        &["tokens", "create", "ada", "--role", "king"],
        &["apply", "one.yaml", "--prune"],
        &["projects", "list", "--url", "ftp://host"],
        &["projects", "list", "--url", "http://me:secret@host"],
        &["server", "--listen", "everywhere"],
    ] {
        let done = home.signalbox(words);
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{words:?}: {}", done.err);
        assert!(done.err.contains("error: ") && !done.err.contains("secret"), "{words:?}: {}", done.err);
    }
}

#[test]
fn a_server_that_is_not_there_exits_4() {
    let home = Home::new();
    home.write("one.yaml", "kind: Runbook\nname: greet\nsteps: [{run: echo}]\n");
    for words in [
        &["run", "greet"][..],
        &["run", "greet", "--json"],
        &["apply", "one.yaml"],
        &["runs", "list"],
        &["projects", "list"],
        &["tokens", "list"],
    ] {
        let done = home.signalbox(words);
        assert_eq!((done.code, done.out.as_str()), (Some(4), ""), "{words:?}");
        assert!(done.err.contains("cannot be reached") && done.err.contains("hint: "), "{}", done.err);
        assert!(!done.err.contains("not known"), "nothing was sent: {}", done.err);
    }
}
