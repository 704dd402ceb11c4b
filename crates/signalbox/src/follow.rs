//! A followed run on the terminal: the steps' output on standard output, everything else on standard error.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use client::{Client, LiveEvent};
use futures_util::StreamExt;
use model::{
    api::{OutputChunk, OutputStream, RunChange, RunView},
    id::RunId,
    run::{RunState, StepRun, StepState, WaitReason, is_within},
};
use serde::Serialize;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    printer::Printer,
    steps::{self, StepList},
    terminal::Filter,
    tree, words,
};

/// Between two drawings of the step list.
pub const BEAT: Duration = Duration::from_millis(120);
/// Most bytes of a line that wait for its end while the step list is below.
const LINE_MAX: usize = 16 * 1024;

/// What is known of a followed run, and how it is shown.
pub struct Watch<'a> {
    context: &'a Context,
    printer: &'a Printer,
    /// Only the output of this step and of all that is in it.
    step: Option<&'a str>,
    /// Tell of states at all; else only output is written.
    telling: bool,
    list: Option<StepList>,
    view: Option<Box<RunView>>,
    /// What was told of each step last: its state, and what it waited for.
    told: BTreeMap<String, (StepState, Option<String>)>,
    /// Commands that end a wait are told too: there is a server that takes them.
    hints: bool,
    /// Questions that somebody at the terminal is being asked: meanwhile nothing is drawn there.
    questions: Option<Arc<AtomicUsize>>,
    filters: BTreeMap<(String, u32, &'static str), Filter>,
    /// The begin of a line whose end is yet to come.
    partial: String,
}

#[derive(Serialize)]
struct Tagged<'a, T> {
    r#type: &'a str,
    #[serde(flatten)]
    value: &'a T,
}

impl<'a> Watch<'a> {
    /// Output and states, with a live step list where the terminal can draw it.
    pub fn run(context: &'a Context) -> Self {
        Self { list: context.printer.step_list(), telling: true, ..Self::log(context, None) }
    }

    /// As [`Watch::run`], for a run without a server.
    pub fn local(context: &'a Context, questions: Arc<AtomicUsize>) -> Self {
        Self { hints: false, questions: Some(questions), ..Self::run(context) }
    }

    /// Output alone.
    pub fn log(context: &'a Context, step: Option<&'a str>) -> Self {
        Self {
            context,
            printer: &context.printer,
            step,
            telling: false,
            list: None,
            view: None,
            told: BTreeMap::new(),
            hints: true,
            questions: None,
            filters: BTreeMap::new(),
            partial: String::new(),
        }
    }

    /// Shows an event; the run, if it was the last.
    pub fn event(&mut self, event: LiveEvent) -> Option<Box<RunView>> {
        match event {
            LiveEvent::Run(view) => self.state(view),
            LiveEvent::Change(change) => self.change(*change),
            LiveEvent::Output(chunk) => self.output(&chunk),
            LiveEvent::Lost(why) => self.tell(&format!("{why}; looking for it again")),
            LiveEvent::End(view) => return Some(view),
        }
        None
    }

    pub fn beat(&mut self) {
        let asking = self.questions.as_ref().is_some_and(|open| open.load(Ordering::Relaxed) > 0);
        match (&mut self.list, &self.view) {
            (Some(list), _) if asking => list.clear(),
            (Some(list), Some(view)) => list.draw(&view.run),
            _ => {}
        }
    }

    fn state(&mut self, view: Box<RunView>) {
        match self.printer.is_json() {
            _ if !self.telling => {}
            true => self.printer.object_line(&Tagged { r#type: "run", value: &view }),
            false if self.list.is_none() => self.tell_changes(&view),
            false => {}
        }
        self.view = Some(view);
        self.beat();
    }

    fn change(&mut self, change: RunChange) {
        if self.telling && self.printer.is_json() {
            self.printer.object_line(&Tagged { r#type: "change", value: &change });
        }
        let Some(mut view) = self.view.take() else { return };
        let before = (view.run.state, view.waits_for.clone());
        let changed = change.run.steps.clone();
        client::apply(&mut view, change);
        if self.telling && !self.printer.is_json() && self.list.is_none() {
            self.tell_run(&view, Some(before));
            for step in changed {
                self.tell_step(&view, &step);
            }
        }
        self.view = Some(view);
        self.beat();
    }

    fn tell_changes(&mut self, view: &RunView) {
        let before = self.view.as_ref().map(|view| (view.run.state, view.waits_for.clone()));
        self.tell_run(view, before);
        for branch in tree::branches(&view.run) {
            self.tell_step(view, branch.step);
        }
    }

    fn tell_run(&self, view: &RunView, before: Option<(RunState, Option<String>)>) {
        // What a step waits for is told of the step.
        let own = view.run.state == RunState::Waiting && view.run.wait.is_none();
        let news = before != Some((view.run.state, view.waits_for.clone()));
        if news && !own && !view.run.state.is_end() {
            self.tell(&words::run(view));
        }
    }

    fn tell_step(&mut self, view: &RunView, step: &StepRun) {
        let waits = step.wait.as_ref().map(words::wait);
        let now = (step.state, waits);
        if self.told.get(&step.path) == Some(&now) {
            return;
        }
        // Every step waits for a place; most for no time that anybody would notice.
        let on_its_way = matches!(step.wait.as_ref().map(|wait| &wait.reason), Some(WaitReason::Runner));
        let quiet = step.state == StepState::Pending || on_its_way;
        self.told.insert(step.path.clone(), now);
        if quiet {
            return;
        }
        self.tell(&words::step(step));
        if let (true, Some(way)) = (self.hints, words::way_on(self.context, &view.run, step)) {
            self.tell(&format!("  answer with {way}"));
        }
    }

    fn output(&mut self, chunk: &OutputChunk) {
        if self.step.is_some_and(|step| !is_within(&chunk.step, step)) {
            return;
        }
        if self.printer.is_json() {
            if self.telling {
                self.printer.object_line(&Tagged { r#type: "output", value: chunk });
            } else {
                self.printer.object_line(chunk);
            }
            return;
        }
        let bytes = match (&chunk.text, &chunk.bytes_base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(encoded)) => BASE64_STANDARD.decode(encoded).unwrap_or_default(),
            (None, None) => Vec::new(),
        };
        let stream = match chunk.stream {
            OutputStream::Note => {
                return self.tell(&format!("{}: {}", chunk.step, String::from_utf8_lossy(&bytes)));
            }
            OutputStream::Stdout => "stdout",
            OutputStream::Stderr => "stderr",
        };
        if self.printer.out_is_terminal() {
            let filter = self.filters.entry((chunk.step.clone(), chunk.attempt, stream)).or_default();
            let text = filter.feed(&bytes);
            self.show(&text);
        } else {
            self.printer.out_bytes(&bytes);
        }
    }

    /// Writes filtered text to the terminal: with a list below, only whole lines.
    fn show(&mut self, text: &str) {
        let Some(list) = &self.list else { return self.printer.out_bytes(text.as_bytes()) };
        self.partial.push_str(text);
        let whole = match self.partial.rfind('\n') {
            Some(end) => end + 1,
            None if self.partial.len() > LINE_MAX => {
                self.partial.push('\n');
                self.partial.len()
            }
            None => return,
        };
        let lines: String = self.partial.drain(..whole).collect();
        list.above(|| self.printer.out_bytes(lines.as_bytes()));
    }

    /// A line on standard error, above the list.
    fn tell(&self, line: &str) {
        match &self.list {
            Some(list) => list.above(|| self.printer.err(line)),
            None => self.printer.err(line),
        }
    }

    /// Nothing follows: writes what was held back and takes the list away.
    pub fn close(&mut self) {
        let mut held: String = std::mem::take(&mut self.filters).values_mut().map(Filter::finish).collect();
        if let Some(mut list) = self.list.take() {
            list.clear();
            held.insert_str(0, &std::mem::take(&mut self.partial));
            if !held.trim_start_matches("\x1b[0m").is_empty() {
                // What follows must not stand on the step's last line.
                held.push('\n');
            }
            if let Some(view) = &self.view {
                self.printer.out_bytes(held.as_bytes());
                held.clear();
                for branch in tree::branches(&view.run) {
                    self.printer.err(&steps::line(&branch, 0, self.printer.canvas(true).colours));
                }
            }
        }
        if self.printer.out_is_terminal() {
            self.printer.out_bytes(held.as_bytes());
        }
    }

    /// The run has ended: says so, and gives the exit code that says the same.
    pub fn end(&mut self, view: Box<RunView>) -> Exit {
        match self.printer.is_json() {
            _ if !self.telling => {}
            true => self.printer.object_line(&view),
            false if self.list.is_none() => self.tell_changes(&view),
            false => {}
        }
        let exit = exit_of(view.run.state);
        let last = words::run(&view);
        self.view = Some(view);
        self.close();
        if self.telling {
            self.printer.err(&last);
        }
        exit
    }
}

/// The exit code that a run's end is told by.
pub fn exit_of(state: RunState) -> Exit {
    match state {
        RunState::Succeeded => Exit::Success,
        RunState::Failed | RunState::Canceled => Exit::Failed,
        RunState::Unknown
        | RunState::Queued
        | RunState::Running
        | RunState::Waiting
        | RunState::Canceling => Exit::Unknown,
    }
}

/// Follows a run of the server until it ends, Ctrl-C stops following, or the server stays lost.
pub async fn follow(
    context: &Context,
    client: &Client,
    run: RunId,
    mut watch: Watch<'_>,
) -> Result<Exit, Failure> {
    let mut live = std::pin::pin!(client.follow(context.project(), run, None));
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut beat = tokio::time::interval(BEAT);
    loop {
        tokio::select! {
            _ = &mut interrupted => {
                watch.close();
                context.printer.err(&format!("run {run} goes on; this only stopped following it. To cancel it:"));
                context.printer.err(&format!("  {}", context.command(&format!("runs cancel {run}"))));
                return Ok(Exit::Interrupted);
            }
            _ = beat.tick() => watch.beat(),
            next = live.next() => match next {
                Some(Ok(live)) => {
                    if let Some(view) = watch.event(live.event) {
                        return Ok(watch.end(view));
                    }
                }
                Some(Err(error)) => {
                    watch.close();
                    return Err(lost(context, run, error.into()));
                }
                None => return Err(lost(context, run, Failure::new(Exit::Unreachable, "the live stream ended early"))),
            },
        }
    }
}

/// The run was started; whatever went wrong since concerns the following alone.
fn lost(context: &Context, run: RunId, failure: Failure) -> Failure {
    let mut failure = failure.place(format!("as far as is known run {run} goes on, on the server"));
    failure.exit = Exit::Unreachable;
    failure.hints = vec![format!("look again with `{}`", context.command(&format!("runs show {run}")))];
    failure
}
