//! A firing while the run of the one before has not ended.

use model::schedule::Overlap;

/// How far the newest run of the same schedule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Previous {
    /// There is none, or it has ended.
    None,
    /// It has not begun: it waits to be started, or for another run of this schedule.
    Queued,
    /// It has begun and not ended.
    Active,
}

/// What becomes of a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Start,
    /// It is recorded as skipped.
    Skip(&'static str),
    /// It starts when the run before it has ended.
    Queue,
    /// The run before it is canceled, and it starts when that has ended.
    CancelPrevious,
}

/// What becomes of a firing by the policy of its schedule.
pub fn overlap(policy: Overlap, previous: Previous) -> Verdict {
    match (policy, previous) {
        (_, Previous::None) | (Overlap::Allow, _) => Verdict::Start,
        (Overlap::Forbid, Previous::Queued) => Verdict::Skip("the run before it has not begun"),
        (Overlap::Forbid, Previous::Active) => Verdict::Skip("the run before it has not ended"),
        (Overlap::QueueOne, Previous::Active) => Verdict::Queue,
        (Overlap::QueueOne, Previous::Queued) => Verdict::Skip("another firing waits already"),
        (Overlap::CancelPrevious, _) => Verdict::CancelPrevious,
    }
}
