//! Room on the stack for Cedar, which is recursive in the text it reads and in the policies it evaluates.
//!
//! Without it, 150 nested parentheses (350 bytes) abort the process on a worker's 2 MiB, and a `forbid` that runs out
//! of stack while it is evaluated is an error that Cedar skips: an *allow*.

/// Enough for the deepest text that [`crate::document`] lets through, also in a debug build.
const PARSE: usize = 256 << 20;

/// At least this much is left when an evaluation begins.
const EVALUATE: usize = 8 << 20;

/// Reads, validates or drops policy text.
pub(crate) fn parsing<T>(work: impl FnOnce() -> T) -> T {
    stacker::grow(PARSE, work)
}

/// Evaluates.
pub(crate) fn evaluating<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(EVALUATE, 2 * EVALUATE, work)
}
