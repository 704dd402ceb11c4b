//! Durations (`1h30m`) and sizes (`256MiB`), always with their unit: a bare number means something else to everyone.

use model::duration::seconds;

use crate::{
    fault::{Code, Faults, quoted},
    fields,
    limits::{OUTPUT_LIMIT_MAX, OUTPUT_LIMIT_MIN, TIMEOUT_MAX_S, TIMEOUT_MIN_S},
    tree::{Content, Node},
};

const SIZES: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// A timeout in seconds.
pub(crate) fn timeout(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<u64> {
    let seconds = duration(node, what, faults)?;
    if !(TIMEOUT_MIN_S..=TIMEOUT_MAX_S).contains(&seconds) {
        let written = quoted(faults.source.slice(node.span));
        let message = format!("{what} must be between 1 second and 30 days, but it is {written}.");
        faults.error(Code::BadDuration, node.span, message);
        return None;
    }
    Some(seconds)
}

/// Any duration in seconds, up to 30 days.
pub(crate) fn wait(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<u64> {
    let seconds = duration(node, what, faults)?;
    if seconds > TIMEOUT_MAX_S {
        faults.error(Code::BadDuration, node.span, format!("{what} must be at most 30 days."));
        return None;
    }
    Some(seconds)
}

/// Any duration in seconds.
pub(crate) fn duration(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<u64> {
    let text = match &node.content {
        Content::Text(text) => text,
        Content::Integer(number) => {
            let message = format!("{what} must be a duration with its unit, but it is a bare number.");
            let hint = if *number > 0 {
                format!("Write `{number}s` for seconds, `{number}m` for minutes.")
            } else {
                EXAMPLE.to_owned()
            };
            faults.error(Code::BadDuration, node.span, message).hint(hint);
            return None;
        }
        _ => return fields::wrong_type(node, what, "a duration like `30s`", faults),
    };
    let seconds = seconds(text);
    if seconds.is_none() {
        faults
            .error(
                Code::BadDuration,
                node.span,
                format!("{what} must be a duration, but it is {}.", quoted(text)),
            )
            .hint(EXAMPLE);
    }
    seconds
}

const EXAMPLE: &str = "Durations are written like `30s`, `5m`, `2h`, `1d` or `1h30m`.";

/// A size in bytes.
pub(crate) fn size(node: &Node, what: &str, faults: &mut Faults<'_>) -> Option<u64> {
    let bytes = match &node.content {
        Content::Text(text) => bytes(text),
        Content::Integer(number) => u64::try_from(*number).ok(),
        _ => return fields::wrong_type(node, what, "a size like `256MiB`", faults),
    };
    let told = match bytes {
        Some(bytes) if (OUTPUT_LIMIT_MIN..=OUTPUT_LIMIT_MAX).contains(&bytes) => {
            return Some(bytes);
        }
        Some(_) => format!("{what} must be between 1 byte and 1 TiB."),
        None => format!("{what} must be a size, but it is {}.", quoted(faults.source.slice(node.span))),
    };
    faults
        .error(Code::BadSize, node.span, told)
        .hint("Sizes are written like `512KiB`, `256MiB`, `2GiB` or, in powers of ten, `500MB`; a bare number is bytes.");
    None
}

/// A whole number within bounds.
pub(crate) fn count(
    node: &Node,
    what: &str,
    bounds: std::ops::RangeInclusive<i64>,
    faults: &mut Faults<'_>,
) -> Option<u32> {
    let number = fields::integer(node, what, faults)?;
    if !bounds.contains(&number) {
        let message =
            format!("{what} must be between {} and {}, but it is {number}.", bounds.start(), bounds.end());
        faults.error(Code::OutOfBounds, node.span, message);
        return None;
    }
    u32::try_from(number).ok()
}

/// `25%` as 25; none if it is not written so. What is beyond 100 is for the caller to judge.
pub(crate) fn percent(text: &str) -> Option<u32> {
    let digits = text.strip_suffix('%')?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// A size like `256MiB` in bytes; none if it is not written so.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let (number, unit) = text.split_at(text.len() - digits.len());
    let number: u64 = number.parse().ok()?;
    if unit.is_empty() {
        return Some(number);
    }
    let (_, length) = SIZES.iter().find(|(name, _)| *name == unit)?;
    Some(number.saturating_mul(*length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary_or_decimal_by_their_unit() {
        for (text, expected) in [
            ("512KiB", 524_288),
            ("256MiB", 268_435_456),
            ("2GiB", 2_147_483_648),
            ("5KB", 5_000),
            ("7B", 7),
            ("9", 9),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        assert_eq!(bytes("99999999999TiB"), Some(u64::MAX));
        for bad in ["", "MiB", "1 MiB", "1mib", "1M", "1.5GiB", "-1B", "1MiBs"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }
}
