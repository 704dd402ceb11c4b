//! Durations as people write them: `30s`, `5m`, `1h30m`, always with their unit.

/// From the longest to the shortest, in which order they are also written.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Seconds; none if it is not a duration.
pub fn seconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum: u64 = 0;
    for (unit, length) in UNITS {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        if let Some(after) = after.strip_prefix(unit) {
            // No digits, or too many of them, are not a number; a sum beyond all bounds is refused by the caller.
            let number: u64 = number.parse().ok()?;
            sum = sum.saturating_add(number.saturating_mul(length));
            rest = after;
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(sum)
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
}
