//! Ending attempts: time is up, somebody cancels, the server stops, something is left behind.

use std::time::{Duration, Instant};

use model::run::{Cause, StepOutcome};
use runner::{Stop, Task};

use crate::scene::{Performed, Scene, lives, sh};

const SHORT: Duration = Duration::from_secs(2);

/// Perform and cancel once the step has written its line of pids. None of them lives then.
async fn cancel_after_line(scene: &Scene, task: &Task, act: fn(&Stop)) -> Performed {
    let stop = Stop::new();
    let (performed, ()) = tokio::join!(scene.perform_until(task, stop.clone()), async {
        scene.line("pids").await;
        act(&stop);
    });
    all_gone(scene).await;
    performed
}

async fn all_gone(scene: &Scene) {
    for pid in scene.line("pids").await.split_whitespace() {
        assert!(!lives(pid), "{pid} lives");
    }
}

#[tokio::test]
async fn a_timeout_ends_grandchildren() {
    let scene = Scene::new();
    let body = "sh -c 'sleep 1000 & echo $$ $! >>pids.new; wait' & \
                sleep 0.1; echo $$ >>pids.new; tr '\\n' ' ' <pids.new >pids; echo >>pids; wait";
    let task = Task { timeout: Some(SHORT), ..sh(body) };
    let performed = scene.perform(&task).await;
    assert_eq!(performed.end.outcome, StepOutcome::Failed);
    assert_eq!(performed.end.cause, Some(Cause::Timeout));
    assert_eq!(performed.message(), "still running after 2s; its processes were ended");
    assert_eq!(performed.end.signal, Some(15));
    assert_eq!(performed.notes, ["still running after 2s: ending its processes"]);
    assert_eq!(scene.line("pids").await.split_whitespace().count(), 3);
    all_gone(&scene).await;
}

#[tokio::test]
async fn cancel_is_said_when_all_are_gone() {
    let scene = Scene::new();
    let began = Instant::now();
    let task = sh("sleep 1000 & sleep 1000 & echo $$ $! >pids; wait");
    let performed = cancel_after_line(&scene, &task, Stop::cancel).await;
    assert_eq!(performed.end.outcome, StepOutcome::Canceled);
    assert_eq!(performed.end.cause, Some(Cause::Canceled));
    assert!(began.elapsed() < Duration::from_secs(3), "no grace is spent on those who obey");
}

#[tokio::test]
async fn who_ignores_the_signal_gets_the_grace_then_is_killed() {
    let scene = Scene::new();
    let body =
        "trap '' TERM; sh -c 'sleep 1000' & echo $$ $! >pids; echo started; while :; do sleep 0.05; done";
    let task = Task { grace: Duration::from_millis(400), ..sh(body) };
    let began = Instant::now();
    let performed = cancel_after_line(&scene, &task, Stop::cancel).await;
    let took = began.elapsed();
    assert_eq!(performed.end.outcome, StepOutcome::Canceled);
    assert_eq!(performed.end.signal, Some(9));
    assert_eq!(performed.text(), "started\n");
    assert!(took >= task.grace && took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn a_step_may_clean_up_in_its_grace() {
    let scene = Scene::new();
    let body = "trap 'echo bye; echo undone=yes >>$SIGNALBOX_OUTPUT; exit 0' TERM; echo $$ >pids; \
                while :; do sleep 0.02; done";
    let performed = cancel_after_line(&scene, &sh(body), Stop::cancel).await;
    assert_eq!(performed.end.outcome, StepOutcome::Canceled);
    assert_eq!(performed.end.exit_code, Some(0));
    assert_eq!(performed.text(), "bye\n");
    assert_eq!(performed.end.outputs.get("undone").map(String::as_str), Some("yes"));
}

#[tokio::test]
async fn a_stopped_process_can_be_canceled() {
    let scene = Scene::new();
    let began = Instant::now();
    let performed = cancel_after_line(&scene, &sh("echo $$ >pids; kill -STOP $$"), Stop::cancel).await;
    assert_eq!(performed.end.outcome, StepOutcome::Canceled);
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_server_that_stops_waits_for_nobody_and_claims_nothing() {
    let scene = Scene::new();
    let began = Instant::now();
    let body = "trap '' TERM; sleep 1000 & echo $$ $! >pids; while :; do sleep 0.05; done";
    let performed = cancel_after_line(&scene, &sh(body), Stop::kill_now).await;
    assert_eq!(performed.end.outcome, StepOutcome::Unknown);
    assert_eq!(performed.end.cause, Some(Cause::ServerLost));
    assert!(began.elapsed() < Duration::from_secs(3));

    let stop = Stop::new();
    let again = Task { attempt: 2, ..sh(body) };
    std::fs::remove_file(scene.work("pids")).unwrap();
    let (performed, ()) = tokio::join!(scene.perform_until(&again, stop.clone()), async {
        scene.line("pids").await;
        stop.cancel();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.kill_now();
    });
    assert_eq!(performed.end.outcome, StepOutcome::Canceled, "the cancel came first, and all are gone");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn canceled_before_it_started_starts_nothing() {
    let scene = Scene::new();
    let stop = Stop::new();
    stop.cancel();
    let performed = scene.perform_until(&sh("touch started"), stop.clone()).await;
    assert_eq!(performed.end.outcome, StepOutcome::Canceled);
    stop.kill_now();
    stop.cancel();
    let performed = scene.perform_until(&Task { attempt: 2, ..sh("touch started") }, stop).await;
    assert_eq!((performed.end.outcome, performed.end.cause), (StepOutcome::Failed, Some(Cause::CannotStart)));
    assert!(!scene.work("started").exists());
}

#[tokio::test]
async fn a_step_ends_with_its_main_process() {
    let scene = Scene::new();
    let began = Instant::now();
    // The child holds the pipe and would for long.
    let performed = scene.sh("sleep 1000 & echo $! >pids; echo done").await;
    assert_eq!(performed.end.outcome, StepOutcome::Succeeded);
    assert_eq!(performed.text(), "done\n");
    assert!(performed.notes[0].contains("ending what it left behind"), "{:?}", performed.notes);
    assert!(performed.notes[0].contains("(sleep)"));
    assert!(began.elapsed() < Duration::from_secs(3));
    all_gone(&scene).await;

    let began = Instant::now();
    let stubborn = Task { attempt: 2, ..sh("(trap '' TERM; while :; do sleep 0.1; done) & echo $! >pids") };
    let performed = scene.perform(&stubborn).await;
    assert_eq!(performed.end.outcome, StepOutcome::Succeeded);
    assert!(began.elapsed() < Duration::from_secs(5));
    all_gone(&scene).await;
}

#[tokio::test]
async fn what_ends_by_itself_right_after_is_let_be() {
    let scene = Scene::new();
    let body = "exec > >(cat); echo through the other process";
    let task = crate::scene::script(&["/bin/bash"], body);
    let performed = scene.perform(&task).await;
    assert_eq!(performed.text(), "through the other process\n");
    assert!(performed.notes.is_empty());
}

#[tokio::test]
async fn a_child_that_left_the_group_does_not_hang_the_step() {
    let scene = Scene::new();
    let began = Instant::now();
    let performed = scene
        .sh("setsid sh -c 'echo $$ >pids; exec sleep 30' & while [ ! -s pids ]; do sleep 0.01; done")
        .await;
    assert_eq!(performed.end.outcome, StepOutcome::Succeeded);
    assert!(performed.notes[0].contains("holds its output open"), "{:?}", performed.notes);
    assert!(began.elapsed() < Duration::from_secs(4));
    let escaped = scene.line("pids").await;
    std::process::Command::new("kill").arg(escaped).status().unwrap();
}

#[tokio::test]
async fn the_end_before_the_cancel_counts() {
    let scene = Scene::new();
    let stop = Stop::new();
    let performed = scene.perform_until(&sh("exit 4"), stop.clone()).await;
    stop.cancel();
    assert!(stop.is_asked());
    assert_eq!(performed.end.cause, Some(Cause::Exit));
}
