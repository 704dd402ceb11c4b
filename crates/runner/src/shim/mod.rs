//! Shims: each step lives under a small process of its own, which outlives the server.
//!
//! ```text
//! <dir>/<name>/socket       a server that comes back finds its step here
//! <dir>/<name>/journal      the attempt that is under way: written before its process is
//! <dir>/<name>/errors       what the shim itself had to say
//! <dir>/<name>/script ...   the place of the step, used again and again
//! <dir>/ends/<attempt>      how an attempt ended, until the server has stored it
//! ```
//!
//! Nothing here waits for the disk. Both files survive the death of any process; after a power cut the processes are
//! gone too, what the store knows is that the attempt was started, and a record that is missing then makes it `unknown`,
//! which is the truth.

mod found;
mod frame;
mod journal;
mod line;
mod lost;
mod record;
mod serve;
mod shims;
mod start;

pub use found::{Attached, Found};
pub use frame::Progress;
pub use serve::shim;
pub use shims::Shims;
pub use start::{Program, Settings, helper};
