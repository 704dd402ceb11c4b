//! The real program, from outside: what it prints, and how it ends.
#![allow(clippy::unwrap_used)]

mod check;
mod fake;
mod program;
mod run;
mod sign_in;
mod usage;
