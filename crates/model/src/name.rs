//! The two shapes of names that people write, and digests.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest name of a definition, project or token, in characters.
pub const NAME_MAX: usize = 63;

/// Longest name of an input, output or step, in characters.
pub const IDENTIFIER_MAX: usize = 63;

/// Is this a name of a definition or project: `[a-z0-9][a-z0-9-]{0,62}`?
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    starts
        && text.len() <= NAME_MAX
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Is this a name of an input, output or step: `[a-z][a-z0-9_]*`, at most [`IDENTIFIER_MAX`] characters?
pub fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
    starts
        && text.len() <= IDENTIFIER_MAX
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A SHA-256 digest as 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
pub struct Digest(String);

impl Digest {
    /// The digest with these 32 bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(bytes.iter().map(|b| format!("{b:02x}")).collect())
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for the eye only.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl TryFrom<String> for Digest {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() == 64 && digits {
            Ok(Self(text))
        } else {
            Err(format!("`{text}` is not a digest: 64 lower-case hexadecimal digits are expected"))
        }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_identifiers_have_exactly_their_alphabets() {
        assert!(is_name("restart-web") && is_name("0") && is_name(&"a".repeat(63)));
        for bad in ["", "-a", "A", "a_b", "../x", "a/b", "a b", "ä", &"a".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(is_identifier("region") && is_identifier("a1_b"));
        for bad in ["", "1a", "_a", "a-b", "A", "aB", "é", &"a".repeat(64)] {
            assert!(!is_identifier(bad), "{bad}");
        }
    }
}
