//! Law 2: inputs never meet an interpreter. Whatever a value holds, the process gets it byte for byte.

use std::fs;

use crate::scene::{Scene, command, script};

/// Values that would do harm if anything evaluated them, each leaving a file named `canary` behind.
fn values() -> Vec<String> {
    let mut values: Vec<String> = [
        "'; touch canary; rm -rf / #",
        "\"; touch canary; #",
        "$(touch canary)",
        "`touch canary`",
        "$(id)",
        "${HOME}$PATH$$",
        "a\nb\n\ntouch canary\n",
        "\r\n\t\u{b}\u{1b}[31m",
        "🚦 ünïcode \u{202e} \u{feff}",
        "\\n\\0\\x41\\\\",
        "-e",
        "--",
        "--help",
        "-rf",
        "*",
        "~",
        "%s%n{{7*7}}${{7*7}}#{7*7}<%= 7*7 %>",
        "| touch canary",
        "&& touch canary &",
        "__import__('os').system('touch canary')",
        "@{[system 'touch canary']}",
        "' . system('touch canary') . '",
        "!!",
        " leading and trailing ",
        "",
        "=",
    ]
    .map(str::to_owned)
    .to_vec();
    values.push("x'\"$`\\\n".repeat(64 * 1024 / 7));
    values
}

/// Writes the value of INPUT_VALUE, and nothing else, to standard output.
const ECHOES: [(&[&str], &str); 5] = [
    (&["/bin/sh", "-e"], r#"printf %s "$INPUT_VALUE""#),
    (&["/bin/bash", "-e"], r#"printf %s "$INPUT_VALUE""#),
    (&["/usr/bin/python3"], "import os, sys\nsys.stdout.buffer.write(os.environb[b'INPUT_VALUE'])"),
    (&["/usr/bin/perl"], "print $ENV{INPUT_VALUE};"),
    (&["/usr/bin/node"], "process.stdout.write(process.env.INPUT_VALUE)"),
];

#[tokio::test]
async fn inputs_arrive_byte_for_byte_and_are_never_evaluated() {
    for (interpreter, body) in ECHOES {
        if !fs::exists(interpreter[0]).unwrap() {
            println!("{} is not there: passed over", interpreter[0]);
            continue;
        }
        let scene = Scene::new();
        for (attempt, value) in (1..).zip(values()) {
            let mut task = script(interpreter, body);
            task.attempt = attempt;
            task.variables.insert("INPUT_VALUE".to_owned(), value.clone());
            let performed = scene.perform(&task).await;
            assert_eq!(performed.message(), "", "{interpreter:?} {value:.40}");
            assert!(performed.stdout == value.as_bytes(), "{interpreter:?} {value:.40}");
            assert!(performed.stderr.is_empty());
        }
        assert_eq!(
            fs::read_dir(scene.workspace.work()).unwrap().count(),
            0,
            "{interpreter:?} evaluated a value"
        );
    }
}

#[tokio::test]
async fn arguments_of_a_command_meet_no_shell() {
    let scene = Scene::new();
    for (attempt, value) in (1..).zip(values()) {
        let mut task = command(&["printf", "%s|%s", &value, "end"]);
        task.attempt = attempt;
        let performed = scene.perform(&task).await;
        assert_eq!(performed.stdout, format!("{value}|end").into_bytes(), "{value:.40}");
    }
    assert_eq!(fs::read_dir(scene.workspace.work()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_mebibyte_of_inputs_fits() {
    let scene = Scene::new();
    let mut task = script(&["/bin/sh"], "env | wc -c");
    for number in 0..16 {
        task.variables.insert(format!("INPUT_INPUT_{number}"), "x".repeat(64 * 1024 - 1));
    }
    let performed = scene.perform(&task).await;
    assert_eq!(performed.message(), "");
    assert!(performed.text().trim().parse::<usize>().unwrap() > 1_048_000);
}
