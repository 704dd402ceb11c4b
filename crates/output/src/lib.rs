//! What steps write, kept in append-only, compressed, indexed segment files in a folder; never in a database.
//!
//! Each step attempt has one log, a row of [`Frame`]s. Frames gather in a block in memory; a full block is
//! compressed and goes to `<run>/<step>-<attempt>.seg`, its place to the `.idx` beside it. What has been shown of the
//! block in memory stands in a plain `.tail`, so that the death of this process takes back nothing that anybody saw.
//! A log that stays small never leaves its tail, and a step that writes nothing leaves no file at all.

mod error;
mod files;
mod frame;
mod key;
mod limit;
mod log;
mod outputs;
mod reader;
mod record;
mod recover;
mod writer;

pub use error::OutputError;
pub use frame::{Frame, Stream};
pub use key::LogKey;
pub use log::LogSize;
pub use outputs::Outputs;
pub use reader::LogReader;
pub use writer::LogWriter;
