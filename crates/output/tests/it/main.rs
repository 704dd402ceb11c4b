//! The stream of output as others use it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests stop at the first surprise")]

mod crash;
mod limit;
mod live;
mod random;
mod scene;
