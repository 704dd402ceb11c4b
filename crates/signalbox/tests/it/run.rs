//! `run` and `runs`: what goes where, and the exit codes.

use std::{
    io::{BufRead, BufReader},
    time::{Duration, Instant},
};

use model::{
    api::OutputStream::{Note, Stderr, Stdout},
    run::{RunState, StepState},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    fake::{Answer, Fake, RUN, change, event, json, output, problem, run},
    program::{Home, done},
};

/// Starts `greet` and tells of it with these events.
fn server(events: Vec<String>, hold: bool) -> Fake {
    Fake::start(move |asked, before| match asked.line.as_str() {
        "POST /api/v1/projects/default/runbooks/greet/runs" => {
            Answer::Json(201, json(&run(RunState::Queued, StepState::Pending)))
        }
        line if line.ends_with("/live") => Answer::Events(events[before.min(events.len() - 1)].clone(), hold),
        line if line.contains("/log") => Answer::Bytes(b"raw \xff\x1b[2J\r\n".to_vec()),
        line if line.starts_with("GET") => {
            Answer::Json(200, json(&run(RunState::Running, StepState::Running)))
        }
        _ => problem(404, "There is no such runbook."),
    })
}

fn whole(end: RunState) -> String {
    let step = if end == RunState::Succeeded { StepState::Succeeded } else { StepState::Failed };
    event(1, "run", &run(RunState::Queued, StepState::Pending))
        + &event(2, "change", &change(RunState::Running, StepState::Running))
        + &event(3, "output", &output(Stdout, b"one\n\x1b[2J"))
        + &event(4, "output", &output(Stderr, b"\xff\xfe"))
        + &event(5, "output", &output(Note, b"the output was cut"))
        + &event(6, "change", &change(end, step))
        + &event(7, "end", &run(end, step))
}

#[test]
fn output_goes_to_standard_output_byte_for_byte_and_the_rest_to_standard_error() {
    let server = server(vec![whole(RunState::Succeeded)], false);
    let home = Home::of(&server.url);
    let raw = home.command(&["run", "greet", "-i", "who=a=b", "--reason", "OPS-7"]).output().unwrap();
    assert_eq!(raw.stdout, b"one\n\x1b[2J\xff\xfe");
    let done = done(raw);
    assert_eq!(done.code, Some(0));
    insta::assert_snapshot!("run_plain", done.err);
    let body = &server.asked("POST")[0].body;
    assert_eq!(body, r#"{"inputs":{"who":"a=b"},"reason":"OPS-7","via":"cli"}"#);
}

#[test]
fn the_end_of_the_run_is_the_exit_code() {
    for (end, code) in [(RunState::Failed, 1), (RunState::Canceled, 1), (RunState::Unknown, 3)] {
        let server = server(vec![whole(end)], false);
        assert_eq!(Home::of(&server.url).signalbox(&["run", "greet"]).code, Some(code), "{end:?}");
    }
}

#[test]
fn json_is_one_object_a_line_and_the_run_last() {
    let server = server(vec![whole(RunState::Succeeded)], false);
    let done = Home::of(&server.url).signalbox(&["run", "greet", "--json"]);
    let lines: Vec<serde_json::Value> =
        done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<Option<&str>> = lines.iter().map(|line| line["type"].as_str()).collect();
    let (change, output) = (Some("change"), Some("output"));
    assert_eq!(types, [Some("run"), change, output, output, output, change, None]);
    assert_eq!((&lines[2]["text"], &lines[3]["bytes_base64"]), (&"one\n\u{1b}[2J".into(), &"//4=".into()));
    assert_eq!((&lines[6]["id"], &lines[6]["state"]), (&RUN.into(), &"succeeded".into()));
}

#[test]
fn a_detached_run_is_told_by_its_id() {
    let server = server(vec![String::new()], false);
    let home = Home::of(&server.url);
    let done = home.signalbox(&["run", "greet", "--detach"]);
    assert_eq!((done.code, done.out, done.err), (Some(0), format!("{RUN}\n"), String::new()));
    let done = home.signalbox(&["run", "greet", "--detach", "--json"]);
    let object: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, &object["id"]), (Some(0), &RUN.into()));
}

#[test]
fn a_refusal_says_why_and_what_next() {
    let server = server(vec![String::new()], false);
    let done = Home::of(&server.url).signalbox(&["run", "other", "--json"]);
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""));
    insta::assert_snapshot!("run_refused", done.err);
}

#[test]
fn a_start_whose_answer_never_came_is_told_as_it_is() {
    let server = Fake::start(|_, _| Answer::Close);
    let done = Home::of(&server.url).signalbox(&["run", "greet"]);
    assert_eq!(done.code, Some(4));
    assert!(done.err.contains("whether a run was started is not known"), "{}", done.err);
    assert_eq!(server.asked("POST").len(), 2);
}

#[test]
fn a_lost_connection_is_taken_up_again() {
    let broken = event(1, "run", &run(RunState::Running, StepState::Running))
        + &event(2, "output", &output(Stdout, b"a\n"));
    let rest = event(3, "output", &output(Stdout, b"b\n"))
        + &event(4, "end", &run(RunState::Succeeded, StepState::Succeeded));
    let server = server(vec![broken, rest], false);
    let done = Home::of(&server.url).signalbox(&["run", "greet"]);
    assert_eq!((done.code, done.out.as_str()), (Some(0), "a\nb\n"));
    assert!(done.err.contains("looking for it again"), "{}", done.err);
    assert!(server.asked("GET").last().unwrap().head.contains("last-event-id: 2\r\n"));
}

#[test]
fn ctrl_c_stops_following_and_says_how_to_cancel() {
    let events = event(1, "run", &run(RunState::Running, StepState::Running))
        + &event(2, "output", &output(Stdout, b"a\n"));
    let server = server(vec![events], true);
    let mut child = Home::of(&server.url).command(&["run", "greet"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let done = done(child.wait_with_output().unwrap());
    assert_eq!(done.code, Some(130));
    let command = format!("  signalbox runs cancel {RUN} --url {}\n", server.url);
    assert!(done.err.contains("goes on") && done.err.ends_with(&command), "{}", done.err);
}

#[test]
fn a_reader_that_leaves_does_not_change_the_end() {
    let server = server(vec![whole(RunState::Failed)], false);
    let mut child = Home::of(&server.url).command(&["run", "greet"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_log_is_printed_byte_for_byte() {
    let server = server(vec![whole(RunState::Failed)], false);
    let home = Home::of(&server.url);
    let raw = home.command(&["runs", "logs", RUN, "--step", "hello"]).output().unwrap();
    assert_eq!((raw.status.code(), raw.stdout), (Some(0), b"raw \xff\x1b[2J\r\n".to_vec()));
    assert_eq!(
        server.asked("GET").last().unwrap().line,
        format!("GET /api/v1/projects/default/runs/{RUN}/log?step=hello")
    );
    let done = home.signalbox(&["runs", "logs", RUN, "--step", "other"]);
    assert!(done.code == Some(2) && done.err.contains("its steps are hello"), "{}", done.err);
    let followed = home.command(&["runs", "logs", RUN, "--follow"]).output().unwrap();
    assert_eq!((followed.status.code(), followed.stdout), (Some(0), b"one\n\x1b[2J\xff\xfe".to_vec()));
    let pieces = home.signalbox(&["runs", "logs", RUN, "--follow", "--json"]).out;
    assert_eq!(pieces.lines().next(), Some(json(&output(Stdout, b"one\n\x1b[2J")).as_str()));
    assert_eq!(pieces.lines().count(), 3);
    let open = home.signalbox(&["runs", "logs", RUN, "--json"]);
    assert!(open.code == Some(2) && open.err.contains("--follow"), "{}", open.err);
}

#[test]
fn a_run_is_shown_for_people_and_for_programs() {
    let server = server(vec![String::new()], false);
    let home = Home::of(&server.url);
    let shown = home.signalbox(&["runs", "show", RUN]);
    assert!(
        shown.out.contains("greet (4f4f4f4f4f4f)") && shown.out.contains("hello: running"),
        "{}",
        shown.out
    );
    let done = home.signalbox(&["runs", "show", RUN, "--json"]);
    assert_eq!(done.out, json(&run(RunState::Running, StepState::Running)) + "\n");
}

#[test]
fn a_server_that_fails_is_not_waited_for() {
    let server = Fake::start(|_, _| problem(503, "The store does not answer."));
    let begun = Instant::now();
    let done = Home::of(&server.url).signalbox(&["runs", "list"]);
    assert_eq!(done.code, Some(4));
    assert!(begun.elapsed() < Duration::from_secs(5));
}
