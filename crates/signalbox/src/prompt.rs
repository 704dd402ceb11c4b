//! `try` asks whoever sits at the terminal what a server would ask people: manual steps, gates, lost attempts.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use definition::Asking;
use jiff::Timestamp;
use model::{
    id::{PrincipalId, Uuid},
    run::{Answer, AnswerVerdict, Requester, RunEvent, StepRun, UploadedFile, WaitReason},
    runbook::{Evidence, Input},
};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::{inputs::read_file, terminal};

/// A step that waits for somebody.
struct Question {
    place: u32,
    step: StepRun,
}

/// Asks one question after the other, beside the run.
pub struct Prompter {
    questions: mpsc::Sender<Question>,
    /// Questions that are not answered yet: while there are any, nothing else draws on the terminal.
    open: Arc<AtomicUsize>,
    /// What was asked already.
    asked: Vec<(u32, u32, Timestamp)>,
}

impl Prompter {
    /// Answers go to `answers`. Without a terminal every question is answered with a no that says so.
    pub fn start(answers: UnboundedSender<RunEvent>) -> Self {
        let (questions, received) = mpsc::channel::<Question>();
        let open = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&open);
        let attended = io::stdin().is_terminal() && io::stderr().is_terminal();
        // A thread that nobody waits for: the program may end while it reads.
        thread::spawn(move || {
            for question in received {
                let event = if attended { ask(&question) } else { None };
                let event = event.unwrap_or_else(|| nobody(&question, attended));
                left.fetch_sub(1, Ordering::Relaxed);
                if answers.send(event).is_err() {
                    return;
                }
            }
        });
        Self { questions, open, asked: Vec::new() }
    }

    /// How many questions are open.
    pub fn open(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.open)
    }

    /// A step as it is now: is there something to ask?
    pub fn see(&mut self, place: u32, step: &StepRun) {
        let Some(wait) = &step.wait else { return };
        let asks = matches!(
            wait.reason,
            WaitReason::Person { .. } | WaitReason::Approval { .. } | WaitReason::Lost { .. }
        );
        let this = (place, step.attempt, wait.since);
        if !asks || self.asked.contains(&this) {
            return;
        }
        self.asked.push(this);
        self.open.fetch_add(1, Ordering::Relaxed);
        if self.questions.send(Question { place, step: step.clone() }).is_err() {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Somebody else than whoever asked for the run, as far as the state machine can tell: here one person is both.
fn by(name: &str) -> Requester {
    Requester { id: PrincipalId(Uuid::max()), name: name.to_owned() }
}

fn said(name: &str, verdict: AnswerVerdict, comment: Option<String>) -> Answer {
    Answer { by: by(name), at: Timestamp::now(), verdict, comment, evidence: None }
}

/// The answer of nobody.
fn nobody(question: &Question, attended: bool) -> RunEvent {
    let why = if attended {
        "no answer came from the terminal"
    } else {
        "there is no terminal at which somebody could be asked"
    };
    let comment = Some(why.to_owned());
    let no = |verdict| said("`signalbox try`", verdict, comment.clone());
    let step = question.place;
    match question.step.wait.as_ref().map(|wait| &wait.reason) {
        Some(WaitReason::Lost { attempt, .. }) => {
            RunEvent::StepResolved { step, attempt: *attempt, answer: no(AnswerVerdict::ResolvedFailed) }
        }
        Some(WaitReason::Approval { .. }) => {
            RunEvent::StepAnswered { step, answer: no(AnswerVerdict::Declined), outputs: BTreeMap::new() }
        }
        _ => RunEvent::StepAnswered { step, answer: no(AnswerVerdict::Failed), outputs: BTreeMap::new() },
    }
}

/// None if the keyboard has come to its end.
fn ask(question: &Question) -> Option<RunEvent> {
    let place = question.place;
    let path = &question.step.path;
    match &question.step.wait.as_ref()?.reason {
        WaitReason::Person { instructions, fields, evidence } => {
            say(&format!("\n{path} waits for you:\n{}", indented(instructions)));
            let done = choose("is it done?", &["done", "failed"])? == "done";
            let outputs = if done { ask_fields(fields)? } else { BTreeMap::new() };
            let evidence = if done && *evidence != Evidence::None { ask_file(*evidence)? } else { None };
            let comment = optional("comment")?;
            let verdict = if done { AnswerVerdict::Done } else { AnswerVerdict::Failed };
            let answer = Answer { evidence, ..said("you", verdict, comment) };
            Some(RunEvent::StepAnswered { step: place, answer, outputs })
        }
        WaitReason::Approval { message } => {
            say(&format!("\n{path} asks:\n{}", indented(message)));
            let yes = choose("approve?", &["yes", "no"])? == "yes";
            let comment = optional("comment")?;
            let verdict = if yes { AnswerVerdict::Approved } else { AnswerVerdict::Declined };
            let answer = said("you", verdict, comment);
            Some(RunEvent::StepAnswered { step: place, answer, outputs: BTreeMap::new() })
        }
        WaitReason::Lost { attempt, message } => {
            say(&format!("\nnobody can learn how attempt {attempt} of {path} ended: {message}"));
            let verdict = match choose("how did it end?", &["succeeded", "failed", "retry"])?.as_str() {
                "succeeded" => AnswerVerdict::ResolvedSucceeded,
                "failed" => AnswerVerdict::ResolvedFailed,
                _ => AnswerVerdict::ResolvedRetry,
            };
            let reason = loop {
                if let Some(reason) = optional("how do you know?")? {
                    break reason;
                }
            };
            let answer = said("you", verdict, Some(reason));
            Some(RunEvent::StepResolved { step: place, attempt: *attempt, answer })
        }
        _ => None,
    }
}

fn ask_fields(fields: &[Input]) -> Option<BTreeMap<String, String>> {
    loop {
        let mut given = BTreeMap::new();
        for field in fields {
            let required = if field.required { ", required" } else { "" };
            if let Some(text) = optional(&format!("{} ({}{required})", field.name, field.kind.name()))? {
                given.insert(field.name.clone(), Value::String(text));
            }
        }
        let asking = Asking { now: Timestamp::now(), caller: "you" };
        match definition::read_fields(fields, &given, &asking) {
            Ok(read) => {
                return Some(read.into_iter().map(|(name, value)| (name, value.to_variable())).collect());
            }
            Err(faults) => faults.iter().for_each(|fault| say(&fault.message)),
        }
    }
}

/// A file that proves it. It is looked at, and kept nowhere: nothing of a try is.
fn ask_file(evidence: Evidence) -> Option<Option<UploadedFile>> {
    loop {
        let Some(path) = optional("a file that proves it")? else {
            if evidence == Evidence::Required {
                continue;
            }
            return Some(None);
        };
        match read_file(Path::new(&path)) {
            Ok((name, bytes)) => {
                let (sha256, size) = (definition::sha256(&bytes), bytes.len() as u64);
                return Some(Some(UploadedFile { sha256, name, size }));
            }
            Err(failure) => say(&failure.message),
        }
    }
}

fn say(text: &str) {
    // A terminal that is gone hears nothing.
    let _ = console::Term::stderr().write_line(&terminal::clean(text));
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("  {line}\n")).collect()
}

/// One of these words, or the beginning of one.
fn choose(question: &str, words: &[&str]) -> Option<String> {
    loop {
        let given = line(&format!("{question} [{}] ", words.join("/")))?;
        let given = given.trim().to_lowercase();
        if let Some(word) = words.iter().find(|word| !given.is_empty() && word.starts_with(&given)) {
            return Some((*word).to_owned());
        }
    }
}

/// Some text, or nothing.
fn optional(question: &str) -> Option<Option<String>> {
    let text = line(&format!("{question}: "))?;
    Some(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn line(question: &str) -> Option<String> {
    let _ = console::Term::stderr().write_str(&terminal::clean(question));
    let mut text = String::new();
    match io::stdin().read_line(&mut text) {
        Ok(read) if read > 0 => Some(text),
        _ => None,
    }
}
