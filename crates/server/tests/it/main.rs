//! The server as its users meet it: over HTTP, on a store of its own, with real processes.

// A test that meets something unexpected should stop there and say so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod access;
mod attacks;
mod console;
mod documents;
mod follow;
mod openapi;
mod runs;
mod server;
mod session;
mod tokens;
