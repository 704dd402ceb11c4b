//! Attempts of steps with real processes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests stop at the first surprise")]

mod ending;
mod ends;
mod environment;
mod hostile;
mod kill;
mod limits;
mod net;
mod output;
mod outputs;
mod scene;
mod secrets;
mod shim;
mod shim_scene;
mod workspace;
