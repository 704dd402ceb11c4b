//! The definition language from outside: documents as data, and what must hold for any document.

#![allow(
    clippy::disallowed_methods,
    reason = "tests read their fixtures and measure time; the room itself may not"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it takes for granted")]

mod backstage;
mod digests;
mod docs;
mod expressions;
mod files;
mod fixtures;
mod hostile;
mod inputs;
mod plans;
mod properties;
mod repository;
mod rules;
