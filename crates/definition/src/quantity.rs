//! Durations (`1h30m`) and sizes (`256MiB`), always with their unit: a bare number means something else to everyone.

use crate::{
    fault::{Code, Faults, quoted},
    fields,
    limits::{OUTPUT_LIMIT_MAX, OUTPUT_LIMIT_MIN, TIMEOUT_MAX_S, TIMEOUT_MIN_S},
    tree::{Content, Node},
};

/// From the longest to the shortest, in which order they are also written.
const TIMES: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

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
    let Some(seconds) = seconds(text) else {
        faults
            .error(
                Code::BadDuration,
                node.span,
                format!("{what} must be a duration, but it is {}.", quoted(text)),
            )
            .hint(EXAMPLE);
        return None;
    };
    if !(TIMEOUT_MIN_S..=TIMEOUT_MAX_S).contains(&seconds) {
        let message = format!("{what} must be between 1 second and 30 days, but it is {}.", quoted(text));
        faults.error(Code::BadDuration, node.span, message);
        return None;
    }
    Some(seconds)
}

const EXAMPLE: &str = "Durations are written like `30s`, `5m`, `2h`, `1d` or `1h30m`.";

fn seconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum: u64 = 0;
    for (unit, length) in TIMES {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if let Some(after) = rest[digits..].strip_prefix(unit) {
            // No digits, or too many of them, are not a number; a sum beyond all bounds is refused by the caller.
            let number: u64 = rest[..digits].parse().ok()?;
            sum = sum.saturating_add(number.saturating_mul(length));
            rest = after;
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(sum)
}

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

fn bytes(text: &str) -> Option<u64> {
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
    fn durations_go_from_the_longest_unit_to_the_shortest() {
        for (text, expected) in [
            ("30s", 30),
            ("5m", 300),
            ("2h", 7_200),
            ("1d", 86_400),
            ("1h30m", 5_400),
            ("1d2h3m4s", 93_784),
            ("0s", 0),
            ("90m", 5_400),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        assert_eq!(seconds("18446744073709551615d"), Some(u64::MAX));
        for bad in [
            "",
            "s",
            "30",
            "1.5h",
            "30m1h",
            "1m1m",
            " 1m",
            "1m ",
            "-1m",
            "1M",
            "1ms",
            "99999999999999999999s",
            "1h30",
            "１m",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

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
