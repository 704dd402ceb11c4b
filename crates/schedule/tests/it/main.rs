//! When things fire, held against slower and simpler ways to find out.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it takes for granted")]

mod clocks;
mod decisions;
mod expressions;
mod reference;
mod timings;
