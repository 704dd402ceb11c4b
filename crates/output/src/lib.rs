//! What steps write, kept in append-only, compressed, indexed segment files in a folder; never in a database.
//!
//! Each step attempt has one log, a row of [`Frame`]s. Frames gather in a block in memory; a full block is
//! compressed and goes to `<run>/<step>-<attempt>.seg`, its place to the `.idx` beside it. What has been shown of the
//! block in memory stands in a plain `.tail`, so that the death of the writer takes back nothing that anybody saw.
//! A log that stays small never leaves its tail, and a step that writes nothing leaves no file at all.
//!
//! The process that writes a log is often another than those that read it: readers know nothing but the files, and a
//! nudge only tells them to look. Beyond the first half of its limit a log goes to slots of a `.ring`, where the last
//! half is kept until the end.

mod abandoned;
mod early_sync;
mod error;
mod files;
mod frame;
mod key;
mod limit;
mod live;
#[cfg(test)]
mod order;
mod outputs;
mod packer;
mod reader;
mod record;
mod ring;
mod sink;
mod size;
mod view;
mod writer;

pub use error::OutputError;
pub use frame::{Frame, Stream};
pub use key::LogKey;
pub use limit::Limit;
pub use outputs::Outputs;
pub use reader::LogReader;
pub use size::LogSize;
pub use writer::LogWriter;
