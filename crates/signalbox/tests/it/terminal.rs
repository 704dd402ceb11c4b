//! At a terminal: what is asked there, and what is never shown.

use std::process::Command;

use crate::program::{Home, done};

/// Runs a program at a terminal of its own; types each answer when its question has come.
const DRIVER: &str = r#"
import os, pty, select, sys, time
answers = [pair.split("=", 1) for pair in sys.argv[1].split("|")]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen, at, end = b"", 0, time.time() + 60
while time.time() < end:
    if select.select([terminal], [], [], 0.2)[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    if answers and answers[0][0].encode() in seen[at:]:
        question, answer = answers.pop(0)
        at = seen.index(question.encode(), at) + len(question)
        time.sleep(0.1)
        os.write(terminal, answer.encode() + b"\n")
os.write(1, seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

fn at_terminal(home: &Home, answers: &str, words: &[&str]) -> crate::program::Done {
    let mut command: Command = home.command_of("/usr/bin/env");
    command.args(["python3", "-c", DRIVER, answers, env!("CARGO_BIN_EXE_signalbox")]).args(words);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TERM", "xterm");
    done(command.output().unwrap())
}

#[test]
fn whoever_tries_a_runbook_is_asked_what_people_are_asked() {
    let home = Home::new();
    home.write(
        "a.yaml",
        "kind: Runbook\nname: ask\ninputs: {token: {type: secret, required: true}}\nsteps:\n  - name: look\n    manual: Is it fine?\n    \
         fields: {n: {type: integer, required: true}}\n  - {name: gate, approve: 'Ship {{ steps.look.outputs.n }}?'}\n  - {name: ship, run: echo shipped}\n",
    );
    let answers = "token (not shown)=hunter22-canary|done/failed=d|n (integer=x|n (integer=7|comment=|Ship 7?=y|comment=go";
    let tried = at_terminal(&home, answers, &["try", "a.yaml", "--secret", "token"]);
    assert_eq!(tried.code, Some(0), "{}{}", tried.out, tried.err);
    assert!(tried.out.contains("must be an integer") && tried.out.contains("shipped"), "{}", tried.out);
    assert!(!tried.out.contains("canary"), "{}", tried.out);

    let no = "token (not shown)=x|done/failed=d|n (integer=7|comment=|Ship 7?=n|comment=not today";
    let tried = at_terminal(&home, no, &["try", "a.yaml", "--secret", "token"]);
    assert!(tried.code == Some(1) && tried.out.contains("not today"), "{}", tried.out);
}

#[test]
fn a_secret_that_is_missing_is_asked_for() {
    let machine = crate::machine::Machine::start(
        "kind: Runbook\nname: sealed\ninputs: {token: {type: secret, required: true}}\nsteps: [{run: 'wc -c < \"$SECRET_TOKEN_FILE\"'}]\n",
    );
    let told = at_terminal(&machine.home, "token (not shown)=hunter22", &["run", "sealed"]);
    assert_eq!(told.code, Some(0), "{}", told.out);
    assert!(told.out.contains("\n8\r\n") || told.out.contains("8\r\n"), "{}", told.out);
}
