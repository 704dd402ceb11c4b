//! The one place that asks what time it is.

use jiff::{Timestamp, Unit};

/// Now, to the microsecond: what both engines keep.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Microsecond).unwrap_or(now)
}
