//! The server as its users meet it: over HTTP, on a store of its own, with real processes.

// A test that meets something unexpected should stop there and say so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod access;
mod attacks;
mod backup;
mod choices;
mod console;
mod documents;
mod follow;
mod metrics;
mod openapi;
mod pair;
mod parked;
mod people;
mod plans;
mod presets;
mod remembering;
mod retries;
mod runs;
mod secrets;
mod server;
mod session;
mod timetable;
mod tokens;
mod uploads;
mod versions;
mod watching;

/// What the servers of these tests start for their steps; a test like any other it is only if nobody started it so.
#[test]
fn helper() {
    if runner::helper().is_some() {
        std::process::exit(0);
    }
}
