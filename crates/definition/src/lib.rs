//! The definition language: from the text that people write to what the engine performs.
//!
//! This room is pure. It is given texts and the listing of the files beside them, and answers with definitions and with
//! every fault at its place; it opens no file and asks no clock. Its way, a file for each stage:
//!
//! ```text
//! text ─ source ─► parse ─► tree ─► read ─► runbook ─► input, step, script, files ─► Definition
//!                  events   nodes   kinds   keys       values                          │
//!        fault: everything that is wrong, found in one pass                         digest
//! ```
//!
//! Beside that way stand the values of one run: `inputs` reads what whoever starts it gave.

#![forbid(unsafe_code)]

mod digest;
mod fault;
mod fields;
mod files;
mod input;
mod inputs;
pub mod limits;
mod mentions;
mod parse;
mod quantity;
mod read;
mod runbook;
mod scalar;
mod schema;
mod script;
mod source;
mod step;
mod suggest;
mod tree;

pub use digest::{digest, inputs_digest, sha256};
pub use fault::Code;
pub use files::{ListedFile, Listing};
pub use inputs::read_inputs;
pub use mentions::{Mentions, mentions};
pub use read::{Definition, Kind, Reading, SourceText, read};
pub use schema::schema;
