//! The only writer to the terminal. Programs get bytes as they are; a terminal gets nothing that could act on it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use serde::Serialize;

use crate::{failure::Failure, steps::StepList, table::Rows, terminal};

/// Width of drawings that go to a program.
const PLAIN_WIDTH: u16 = 100;

/// Standard output and standard error, and what stands behind them.
pub struct Printer {
    json: bool,
    out_terminal: bool,
    err_terminal: bool,
    colours: bool,
    out_closed: AtomicBool,
    out_failed: AtomicBool,
}

impl Printer {
    pub fn new(json: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            json,
            out_terminal: io::stdout().is_terminal(),
            err_terminal: io::stderr().is_terminal(),
            colours: !no_color && !dumb,
            out_closed: AtomicBool::new(false),
            out_failed: AtomicBool::new(false),
        }
    }

    /// Does standard output carry the API's objects and nothing else?
    pub fn is_json(&self) -> bool {
        self.json
    }

    pub fn out_is_terminal(&self) -> bool {
        self.out_terminal
    }

    /// Colours and width of what is drawn on standard output or standard error.
    pub fn canvas(&self, error: bool) -> Canvas {
        let terminal = if error { self.err_terminal } else { self.out_terminal };
        let term = if error { console::Term::stderr() } else { console::Term::stdout() };
        let width = if terminal { term.size_checked().map(|(_, columns)| columns) } else { None };
        Canvas { colours: terminal && self.colours, width: width.unwrap_or(PLAIN_WIDTH).max(40) }
    }

    /// A live step list, where standard error is a terminal that can draw one.
    pub fn step_list(&self) -> Option<StepList> {
        let term = console::Term::stderr();
        let able = self.err_terminal && !self.json && term.features().is_attended();
        let dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
        (able && !dumb).then(|| StepList::new(usize::from(term.size().0), self.colours))
    }

    /// Text on standard output, with its line ends.
    pub fn out(&self, text: &str) {
        if self.out_terminal {
            self.out_bytes(terminal::clean(text).as_bytes())
        } else {
            self.out_bytes(text.as_bytes())
        }
    }

    /// Bytes on standard output as they are; for a terminal they have been filtered before.
    pub fn out_bytes(&self, bytes: &[u8]) {
        if self.out_closed.load(Ordering::Relaxed) {
            return;
        }
        let mut out = io::stdout().lock();
        if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
            drop(out);
            self.out_closed.store(true, Ordering::Relaxed);
            // A reader that has seen enough, as `head`, is no error.
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.out_failed.store(true, Ordering::Relaxed);
                self.err(&format!("error: cannot write to standard output: {error}"));
            }
        }
    }

    /// Is there still a reader of standard output?
    pub fn out_is_open(&self) -> bool {
        !self.out_closed.load(Ordering::Relaxed)
    }

    pub fn out_has_failed(&self) -> bool {
        self.out_failed.load(Ordering::Relaxed)
    }

    /// One of the API's objects: on one line for programs, spread out for people.
    pub fn object(&self, value: &impl Serialize) {
        let text = if self.out_terminal {
            serde_json::to_string_pretty(value)
        } else {
            serde_json::to_string(value)
        };
        self.json_text(text);
    }

    /// One of many objects, each on its line.
    pub fn object_line(&self, value: &impl Serialize) {
        self.json_text(serde_json::to_string(value));
    }

    fn json_text(&self, text: serde_json::Result<String>) {
        match text {
            Ok(text) => self.out(&(text + "\n")),
            Err(error) => {
                self.out_failed.store(true, Ordering::Relaxed);
                self.err(&format!("error: cannot be written as JSON: {error}"));
            }
        }
    }

    pub fn table(&self, rows: &Rows) {
        let width = self.out_terminal.then(|| self.canvas(false).width);
        self.out(&rows.draw(width));
    }

    /// A line on standard error: everything that is not the result.
    pub fn err(&self, line: &str) {
        let text = if self.err_terminal { terminal::clean(line) } else { line.to_owned() };
        let _ = writeln!(io::stderr().lock(), "{}", text.trim_end_matches('\n'));
    }

    pub fn failure(&self, failure: &Failure) {
        let (red, bold, off) =
            if self.canvas(true).colours { ("\x1b[31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
        self.err(&format!("{red}{bold}error{off}: {}", failure.message));
        for place in &failure.places {
            self.err(&format!("  {place}"));
        }
        for hint in &failure.hints {
            self.err(&format!("{bold}hint{off}: {hint}"));
        }
    }
}

/// How something is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Canvas {
    pub colours: bool,
    pub width: u16,
}
