//! The real program, from outside: what it prints, and how it ends.
#![allow(clippy::unwrap_used)]

mod chaos;
mod check;
mod fake;
mod machine;
mod program;
mod real;
mod run;
mod sign_in;
mod stopping;
mod usage;
mod whole;
