//! The laws of the nouns: the run state machine under random histories, and JSON that comes back as it went.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod examples;
mod facts;
mod generators;
mod health;
mod json;
mod language;
mod machine;
mod parked;
mod programs;
mod results;
mod rules;
mod speed;
mod story;
mod verify;
mod world;
