//! The stream of output as others use it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise, and say what was not run"
)]

mod crash;
mod disk;
mod killed;
mod limit;
mod live;
mod random;
mod scene;
mod sizes;
