//! Stories: what is told to a run (`> ok build`), and below it every event that followed.

use std::fmt::Write;

use jiff::SignedDuration;
use model::{
    duration,
    run::{AnswerVerdict, Branch, Phase, RunEvent, StepEnd, StepOutcome, Stopping, Wait, WaitReason},
};

use crate::{
    programs::{Program, bob},
    world::{World, end},
};

/// Performs a story and holds it against what it says. All laws are held on the way. There is a place for every attempt.
///
/// `ok STEP [KEY=VALUE]`, `fail STEP [EXIT]`, `canceled STEP`, `lose STEP`, `done|failed|approved|declined STEP`,
/// `resolved_succeeded|resolved_failed|resolved_retry STEP`, `cancel`, `pass 5m`, `grant STEP|run`, `refuse STEP`,
/// `park STEP POLICY`, `unpark STEP`.
#[track_caller]
pub fn story(program: &Program, expected: &str) -> World {
    let mut world = World::new(program, u32::MAX);
    let mut told = String::new();
    let mut shown = 1;
    for line in expected.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some(command) = line.strip_prefix("> ") else { continue };
        let refused = if command == "begin" { None } else { perform(&mut world, command).err() };
        writeln!(told, "> {command}").unwrap();
        if let Some(refused) = refused {
            writeln!(told, "  refused: {refused}").unwrap();
        }
        for stamped in &world.stored[shown..] {
            writeln!(told, "  {}", say(&world, &stamped.event)).unwrap();
        }
        shown = world.stored.len();
    }
    let plain = |text: &str| {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    let (told, expected) = (plain(&told), plain(expected));
    assert!(told == expected, "it went so:\n{told}\nand not so:\n{expected}");
    world
}

fn perform(world: &mut World, command: &str) -> Result<(), String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let verdict = AnswerVerdict::ALL.into_iter().find(|verdict| verdict.name() == words[0]);
    let place = |name: &str| world.run.place_of(name).unwrap_or_else(|| panic!("there is no step {name}"));
    let attempt = |name: &str| (place(name), world.run.steps[place(name) as usize].attempt);
    let finished = |outcome| {
        let (step, attempt) = attempt(words[1]);
        let mut end = end(outcome);
        for word in &words[2..] {
            match word.split_once('=') {
                Some((key, value)) => _ = end.outputs.insert(key.into(), value.into()),
                None => end.exit_code = Some(word.parse().unwrap()),
            }
        }
        RunEvent::StepFinished { step, attempt, end }
    };
    let event = match words[0] {
        "ok" => finished(StepOutcome::Succeeded),
        "fail" => finished(StepOutcome::Failed),
        "canceled" => finished(StepOutcome::Canceled),
        "lose" => world.lose(attempt(words[1])),
        "park" => {
            let (step, attempt) = attempt(words[1]);
            let policy = Some(words[2].to_owned());
            RunEvent::StepParked { step, attempt, policy, reason: "not now".into() }
        }
        "unpark" => {
            let (step, attempt) = attempt(words[1]);
            RunEvent::StepUnparked { step, attempt }
        }
        "cancel" => RunEvent::CancelRequested { by: bob() },
        "pass" => {
            world.at += SignedDuration::from_secs(duration::seconds(words[1]).unwrap() as i64);
            RunEvent::Due {}
        }
        "grant" if words[1] == "run" => world.grant(None),
        "grant" => {
            let place = place(words[1]);
            world.grant(Some(place))
        }
        "refuse" => {
            let place = place(words[1]);
            world.refuse(place)
        }
        _ => world.say(place(words[1]), bob(), verdict.unwrap_or_else(|| panic!("what is `{command}`?"))),
    };
    world.send(event, u32::MAX).map_err(|refused| refused.to_string())
}

fn say(world: &World, event: &RunEvent) -> String {
    let path = |step: &u32| world.step(*step).path.clone();
    let owner = |step: &Option<u32>| step.as_ref().map_or("run".to_owned(), path);
    let ended = |end: &StepEnd| {
        let mut text = format!("{:?}", end.outcome).to_lowercase();
        if let Some(cause) = end.cause {
            write!(text, ", {}", cause.name()).unwrap();
        }
        if let Some(message) = &end.message {
            write!(text, ": {message}").unwrap();
        }
        text
    };
    let waits = |wait: &Wait| match &wait.reason {
        WaitReason::Runner => "waits for a runner".to_owned(),
        WaitReason::Person { instructions, .. } => format!("waits for a person: {instructions}"),
        WaitReason::Approval { message } => format!("waits for an approval: {message}"),
        WaitReason::Time => format!("waits until {}", wait.until.unwrap().strftime("%H:%M:%S")),
        WaitReason::Retry { .. } => {
            format!("waits until {} to try again", wait.until.unwrap().strftime("%H:%M:%S"))
        }
        WaitReason::Lock { key, .. } => format!("waits for lock {key}"),
        WaitReason::Verify(verifying) => format!("waits for {}", verifying.missing()),
        WaitReason::Snapshot { collectors } => format!("waits for {}", collectors.join(", ")),
        WaitReason::Policy { policy, reason } => {
            format!("waits for {}", WaitReason::policy_words(policy.as_deref(), reason))
        }
        WaitReason::Lost { attempt, .. } => format!("waits for whoever knows how attempt {attempt} ended"),
    };
    match event {
        RunEvent::Requested(_) => "requested".into(),
        RunEvent::Started {} => "run begins".into(),
        RunEvent::StepStarted { step, attempt: 1 } => format!("{} begins", path(step)),
        RunEvent::StepStarted { step, attempt } => format!("{} begins, attempt {attempt}", path(step)),
        RunEvent::StepFinished { step, end, .. } => format!("{} {}", path(step), ended(end)),
        RunEvent::AttemptFinished { step, attempt, end } => {
            format!("{} attempt {attempt} {}", path(step), ended(end))
        }
        RunEvent::StepLost { step, attempt, .. } => format!("{} attempt {attempt} lost", path(step)),
        RunEvent::StepParked { step, policy, reason, .. } => {
            format!("{} parks for {}", path(step), WaitReason::policy_words(policy.as_deref(), reason))
        }
        RunEvent::StepUnparked { step, .. } => format!("{} is permitted", path(step)),
        RunEvent::StepAnswered { step, answer, .. } | RunEvent::StepResolved { step, answer, .. } => {
            format!("{}: {} says {}", path(step), answer.by.name, answer.verdict.name())
        }
        RunEvent::CancelRequested { by } => format!("{} cancels", by.name),
        RunEvent::LockGranted { step } => format!("{} has its lock", owner(step)),
        RunEvent::LockRefused { step, .. } => format!("{} is refused its lock", path(step)),
        RunEvent::Restored { .. } => "restored".into(),
        RunEvent::Due {} => "due".into(),
        RunEvent::SignalsSeen { step, .. } => format!("{} is looked at", path(step)),
        RunEvent::Collected { step, .. } => format!("{} has collected", path(step)),
        RunEvent::StepWaiting { step, wait, .. } => format!("{} {}", path(step), waits(wait)),
        RunEvent::Waiting { wait } => format!("run {}", waits(wait)),
        RunEvent::StepExpanded { step, branches } => {
            let branch = |branch: &Branch| match branch {
                Branch::Item { value, .. } => value.as_str().map_or(value.to_string(), str::to_owned),
                Branch::Target(target) => target.name.clone(),
            };
            let branches: Vec<String> = branches.iter().map(branch).collect();
            format!("{} for {}", path(step), branches.join(" "))
        }
        RunEvent::StepCalled { step, inputs } => {
            let inputs: Vec<String> =
                inputs.iter().map(|(name, value)| format!(" {name}={}", value.to_variable())).collect();
            format!("{} calls{}", path(step), inputs.concat())
        }
        RunEvent::StepSkipped { step, message } => format!("{} skipped: {message}", path(step)),
        RunEvent::PhaseEntered { step, phase, .. } => match phase {
            Phase::Main => format!("{} main", owner(step)),
            Phase::OnFailure => format!("{} handles its failure", owner(step)),
            Phase::Cleanup => format!("{} cleans up", owner(step)),
        },
        RunEvent::StoppingBegan { step, why: Stopping::Timeout } => format!("{} is out of time", owner(step)),
        RunEvent::StoppingBegan { step, why: Stopping::Canceled } => format!("{} is canceled", owner(step)),
        RunEvent::Finished { state, cause, message } => {
            let cause = cause.map(|cause| format!(", {}", cause.name())).unwrap_or_default();
            let message = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
            format!("run {}{cause}{message}", state.name())
        }
    }
}
