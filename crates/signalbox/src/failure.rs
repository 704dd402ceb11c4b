//! The exit codes, and the one sentence with which a command ends that could not do what it was asked for.

use std::process::ExitCode;

use client::Error;
use model::api::{Fault, Problem};

/// How the program ends. People script against these numbers; `docs/cli.md` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Success = 0,
    /// The run failed or was canceled; the documents have faults.
    Failed = 1,
    /// Nothing was started or changed: wrong usage, faulty inputs, no right, no such thing.
    Refused = 2,
    /// Nobody knows how the run ended.
    Unknown = 3,
    /// The server cannot be reached, or stays lost.
    Unreachable = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command stops: what happened, where, and what to do next.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    pub places: Vec<String>,
    pub hints: Vec<String>,
    /// Faults in what was sent, to be drawn with their source where there is one.
    pub faults: Vec<Fault>,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), places: Vec::new(), hints: Vec::new(), faults: Vec::new() }
    }

    /// The command line or what it names is wrong; nothing was done.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, message)
    }

    pub fn place(mut self, place: impl Into<String>) -> Self {
        self.places.push(place.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Problem(problem) => of_problem(*problem),
            Error::Unreachable { ref source, .. } => Self::new(Exit::Unreachable, error.to_string())
                .place(root_cause(source.as_ref()))
                .hint("start one with `signalbox server`, or say where it is with `--url` or SIGNALBOX_URL"),
            Error::Unexpected { .. } => Self::new(Exit::Unreachable, error.to_string())
                .hint("is this the address of a Signalbox server, and of a version that this program knows?"),
        }
    }
}

fn of_problem(problem: Problem) -> Failure {
    // Of what went wrong inside a server nobody can say that nothing was done.
    let exit = if problem.status >= 500 { Exit::Unreachable } else { Exit::Refused };
    let mut failure = Failure::new(exit, problem.detail);
    if let Some(action) = problem.action {
        failure = failure.place(format!("action {action}"));
    }
    if let Some(policy) = problem.policy {
        failure = failure.place(format!("policy {policy}"));
    }
    if let (Some(id), true) = (problem.request_id, problem.status >= 500) {
        failure = failure.place(format!("request {id}, to be found in the server's log"));
    }
    failure.hints.extend(problem.hint);
    if problem.status == 401 {
        failure = failure.hint("sign in with `signalbox login`, or set SIGNALBOX_TOKEN").hint(
            "a server's first start writes the administrator's token to `admin.token` in its data directory",
        );
    }
    failure.faults = problem.faults;
    failure
}

/// The innermost of a chain of errors, which says most.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
