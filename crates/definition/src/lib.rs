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

mod backstage;
mod diff;
mod digest;
mod draft;
mod expression;
mod fault;
mod fields;
mod files;
mod input;
mod inputs;
mod inventory;
pub mod limits;
mod mentions;
mod parse;
mod pattern;
mod places;
mod plan;
mod quantity;
mod read;
mod references;
mod render;
mod runbook;
mod scalar;
mod schedule;
mod schema;
mod script;
mod secret;
mod service;
mod source;
mod step;
mod suggest;
mod tree;
mod value;
mod watch;
mod write;

pub use backstage::{Imported, ImportedDocument, import_backstage};
pub use diff::diff;
pub use digest::{bundle_digest, digest, inputs_digest, inventory_digest, sha256};
pub use expression::engine::Expressions;
pub use fault::Code;
pub use files::{ListedFile, Listing};
pub use inputs::{Asking, ReadInputs, check_option, read_fields, read_inputs, read_so_far, visible};
pub use mentions::{Mentions, mentions};
pub use plan::plan_steps;
pub use quantity::bytes as size_in_bytes;
pub use read::{Definition, Kind, Reading, SourceText, read};
pub use references::{Known, check_references};
pub use render::{render, templates};
pub use schema::schema;
pub use secret::SecretText;
