//! What a plain scalar means: the few forms that nobody writes by accident; everything else is text.
//!
//! So `no`, `0755`, `1e3` and `0x1f` stay the text that they are, and mean the same to everyone who reads the file.

use crate::limits::INTEGER_MAX;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Boolean(bool),
    Integer(i64),
    Decimal(f64),
    Text,
    /// A number that not every reader would read alike.
    OutOfRange,
}

pub(crate) fn resolve(plain: &str) -> Scalar {
    match plain {
        "" | "~" | "null" => return Scalar::Null,
        "true" => return Scalar::Boolean(true),
        "false" => return Scalar::Boolean(false),
        _ => {}
    }
    match plain.split_once('.') {
        None if is_integer(plain) => integer(plain).map_or(Scalar::OutOfRange, Scalar::Integer),
        Some((whole, fraction)) if is_integer(whole) && is_digits(fraction) => match plain.parse::<f64>() {
            Ok(value) if value.is_finite() => Scalar::Decimal(value),
            _ => Scalar::OutOfRange,
        },
        _ => Scalar::Text,
    }
}

/// Reads `-?(0|[1-9][0-9]*)` within the range that every JSON reader keeps.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let value = text.parse::<i64>().ok().filter(|_| is_integer(text))?;
    (-INTEGER_MAX..=INTEGER_MAX).contains(&value).then_some(value)
}

/// `-?(0|[1-9][0-9]*)`
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    is_digits(digits) && (digits == "0" || !digits.starts_with('0'))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plainest_forms_are_more_than_text() {
        for null in ["", "~", "null"] {
            assert_eq!(resolve(null), Scalar::Null, "{null}");
        }
        assert_eq!(resolve("true"), Scalar::Boolean(true));
        assert_eq!(resolve("false"), Scalar::Boolean(false));
        assert_eq!(resolve("0"), Scalar::Integer(0));
        assert_eq!(resolve("-17"), Scalar::Integer(-17));
        assert_eq!(resolve("9007199254740991"), Scalar::Integer(INTEGER_MAX));
        assert_eq!(resolve("-9007199254740991"), Scalar::Integer(-INTEGER_MAX));
        assert_eq!(resolve("2.50"), Scalar::Decimal(2.5));
        for big in [
            "9007199254740992",
            "-9007199254740992",
            "99999999999999999999",
            &format!("{}.0", "9".repeat(400)),
        ] {
            assert_eq!(resolve(big), Scalar::OutOfRange, "{big}");
        }
        for text in [
            "no",
            "yes",
            "on",
            "True",
            "NULL",
            "Null",
            "1e3",
            "0755",
            "0x1f",
            "0o17",
            "1_000",
            "+1",
            "1.",
            ".5",
            "-",
            "--1",
            "1.2.3",
            "00",
            "01.5",
            ".inf",
            ".nan",
            "12:30",
            "2026-01-01",
            "١",
        ] {
            assert_eq!(resolve(text), Scalar::Text, "{text}");
        }
    }
}
