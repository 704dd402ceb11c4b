//! Outputs of real steps, and what harm a step may try with the file.

use model::run::{Cause, StepOutcome};
use runner::Task;

use crate::scene::{Performed, Scene, sh};

fn bad(performed: &Performed, words: &str) {
    assert_eq!(performed.end.outcome, StepOutcome::Failed);
    assert_eq!(performed.end.cause, Some(Cause::BadOutput));
    assert!(performed.message().contains(words), "{}", performed.message());
    assert_eq!(performed.end.exit_code, Some(0));
}

#[tokio::test]
async fn outputs_are_read_after_success_and_failure() {
    let scene = Scene::new();
    let body = r#"
echo "count=3" >> "$SIGNALBOX_OUTPUT"
{ echo "list<<EOF"; printf 'a b\n\n$(id)\n'; echo EOF; } >> "$SIGNALBOX_OUTPUT"
"#;
    let performed = scene.sh(body).await;
    assert_eq!(performed.end.outcome, StepOutcome::Succeeded);
    let outputs: Vec<_> =
        performed.end.outputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(outputs, [("count", "3"), ("list", "a b\n\n$(id)")]);

    let performed = scene
        .perform(&Task {
            attempt: 2,
            ..sh("echo a=1 >>$SIGNALBOX_OUTPUT; echo oops >>$SIGNALBOX_OUTPUT; exit 5")
        })
        .await;
    assert_eq!(performed.end.cause, Some(Cause::Exit));
    assert!(
        performed.message().starts_with("exit code 5; `$SIGNALBOX_OUTPUT`, line 2: "),
        "{}",
        performed.message()
    );
    assert_eq!(performed.end.outputs["a"], "1");
}

#[tokio::test]
async fn what_cannot_be_read_fails_a_success() {
    let scene = Scene::new();
    for (attempt, (body, words)) in (1..).zip([
        ("echo oops >>$SIGNALBOX_OUTPUT", "line 1: `oops` is neither"),
        ("head -c 1048577 /dev/zero >>$SIGNALBOX_OUTPUT", "more than 1 MiB"),
        ("rm $SIGNALBOX_OUTPUT; ln -s /etc/passwd $SIGNALBOX_OUTPUT", "is a symbolic link"),
        ("rm $SIGNALBOX_OUTPUT; mkfifo $SIGNALBOX_OUTPUT", "not a plain file"),
        ("rm $SIGNALBOX_OUTPUT; mkdir $SIGNALBOX_OUTPUT", "not a plain file"),
        ("rm $SIGNALBOX_OUTPUT; ln -s /dev/zero $SIGNALBOX_OUTPUT", "is a symbolic link"),
    ]) {
        let performed = scene.perform(&Task { attempt, ..sh(body) }).await;
        bad(&performed, words);
        assert!(performed.end.outputs.is_empty());
    }
    assert!(std::fs::metadata("/etc/passwd").unwrap().len() > 0);
    assert!(scene.left_of_attempts().is_empty());

    let performed = scene.perform(&Task { attempt: 9, ..sh("rm $SIGNALBOX_OUTPUT") }).await;
    assert_eq!(performed.end.outcome, StepOutcome::Succeeded);
}

#[tokio::test]
async fn a_collector_writes_facts_apart_from_outputs_and_nobody_else_can() {
    let scene = Scene::new();
    let body = "echo version=7 >>$SIGNALBOX_FACTS; echo a=1 >>$SIGNALBOX_OUTPUT";
    let performed = scene.perform(&Task { facts: true, ..sh(body) }).await;
    assert_eq!(performed.end.outcome, StepOutcome::Succeeded, "{}", performed.message());
    assert_eq!(performed.end.facts, [("version".to_owned(), "7".to_owned())].into());
    assert_eq!(performed.end.outputs, [("a".to_owned(), "1".to_owned())].into());

    let performed = scene.perform(&Task { attempt: 2, ..sh("test -z \"${SIGNALBOX_FACTS+set}\"") }).await;
    assert_eq!(performed.end.outcome, StepOutcome::Succeeded, "others have no such file");

    let lie = "echo good=1 >>$SIGNALBOX_FACTS; head -c 5000 /dev/zero | tr '\\0' x >v; echo \"long=$(cat v)\" >>$SIGNALBOX_FACTS";
    let performed = scene.perform(&Task { attempt: 3, facts: true, ..sh(lie) }).await;
    bad(&performed, "`$SIGNALBOX_FACTS`, line 2: the value of `long` is longer than 4 KiB");
    assert!(scene.left_of_attempts().is_empty());
}
