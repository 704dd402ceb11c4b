//! When schedules fire, to the instant, and what becomes of each instant.
//!
//! A pure room: it is told what time it is, and the time zones are those that are built in ([`TZDATA`]), the same on every
//! machine. Three questions, a file for each:
//!
//! - `timing`: at which instants does a schedule fire?
//! - `due`: which of them are to be performed now, and which have passed for good?
//! - `overlap`: what becomes of one while the run of the one before has not ended?

#![forbid(unsafe_code)]

mod cron;
mod due;
mod hash;
mod overlap;
mod timing;
mod zone;

pub use due::{Due, MISSED_MAX, Missed, Reason, Window, due};
pub use overlap::{Previous, Verdict, overlap};
pub use timing::{BadTiming, Timing, jitter};
pub use zone::{TZDATA, start_of_day, zone, zone_names};
