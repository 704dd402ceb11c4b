//! The real program, from outside: what it prints, and how it ends.
#![allow(clippy::unwrap_used)]

mod canary;
mod chaos;
mod check;
mod clock;
mod documents;
mod fake;
mod import;
mod machine;
mod people;
mod program;
mod read_only;
mod real;
mod run;
mod sign_in;
mod stopping;
mod storefront;
mod terminal;
mod usage;
mod watching;
mod whole;
