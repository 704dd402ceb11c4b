//! The nouns of Signalbox and their laws: names, ids, runbooks, runs, events, and what the API says of them.
//!
//! A pure room (`docs/architecture.md`): no clock, no randomness, no I/O, no async. Times and ids come in as values.

#![forbid(unsafe_code)]

pub mod api;
pub mod definition;
pub mod duration;
pub mod evaluate;
pub mod event;
pub mod fact;
pub mod firing;
pub mod health;
pub mod id;
pub mod inventory;
pub mod name;
pub mod run;
pub mod runbook;
pub mod schedule;
pub mod secret;
pub mod service;
pub mod shebang;
pub mod snapshot;
pub mod uptime;
pub mod view;
pub mod watch;
