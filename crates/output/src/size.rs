//! How much there is of a log.

/// How much there is of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSize {
    /// Where the next frame will be.
    pub position_end: u64,
    /// Bytes of the step's own output that were kept.
    pub bytes: u64,
    /// Bytes of the step's own output that were not kept; known once the log is closed.
    pub dropped: u64,
    /// Those of `dropped` that could not be written: the disk was full, the folder read-only. The others were beyond
    /// the limit.
    pub lost: u64,
    /// The log was finished, so nothing is missing but what `dropped` counts. A log without files that nobody writes
    /// is complete and empty. One that is still written, or whose writer died, is not.
    pub complete: bool,
}
