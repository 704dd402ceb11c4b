//! Stored secrets, as the API speaks of them: everything but their values, which go in and never come out.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// Most bytes that a stored secret may have.
pub const SECRET_MAX: usize = 64 * 1024;
/// A shorter one is never masked: it would blot out half of every log.
pub const MASKED_LEAST: usize = 8;
/// Fewer different bytes than this, and the value is found wherever somebody draws a line.
const DIFFERENT_LEAST: usize = 4;

/// A value on its way in. It is shown to nobody, and overwritten when it goes.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// For whatever seals it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(***)")
    }
}

/// What a secret's value is to be. Exactly one of `value`, `base64` and `generate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSecret {
    /// As text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<SecretValue>,
    /// Bytes that are no text, in standard base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<SecretValue>,
    /// 256 random bits, as text, which nobody ever sees but the steps that use them.
    #[serde(default)]
    pub generate: bool,
    /// What it is for; as it was, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Keep the version before. It is destroyed otherwise.
    #[serde(default)]
    pub keep: bool,
}

/// A stored secret, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    pub name: String,
    pub description: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    pub created_by: String,
    /// The version that steps get.
    pub version: u64,
    /// When it was set, and by whom.
    #[schema(value_type = String, format = DateTime)]
    pub set_at: Timestamp,
    pub set_by: String,
    /// When a step got any version of it last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used_at: Option<Timestamp>,
    /// It was deleted: its values are destroyed, and its name stays taken.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retired_at: Option<Timestamp>,
    /// All versions, newest first.
    pub versions: Vec<SecretVersionView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretVersionView {
    pub version: u64,
    #[schema(value_type = String, format = DateTime)]
    pub set_at: Timestamp,
    pub set_by: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub destroyed_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used_at: Option<Timestamp>,
}

/// A secret has a new version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretSet {
    pub secret: SecretView,
    /// What is doubtful about the value, without saying anything of it.
    pub warnings: Vec<String>,
}

/// Seal everything under the newest key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RewrapRequest {
    /// New data keys too, after a suspicion that old ones are known to others.
    #[serde(default)]
    pub new_data_keys: bool,
}

/// Everything is sealed under the newest key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rewrapped {
    /// The key.
    pub key: String,
    /// Values that were sealed anew by this call.
    pub values: u64,
    pub new_data_keys: bool,
    /// It went on where an earlier call had stopped.
    pub resumed: bool,
}

/// What is doubtful about a value.
pub fn doubts(value: &[u8]) -> Vec<String> {
    let mut doubts = Vec::new();
    let different = value.iter().collect::<std::collections::BTreeSet<_>>().len();
    if value.len() < MASKED_LEAST {
        doubts.push(format!(
            "The value is shorter than {MASKED_LEAST} bytes: it is never masked in output, and can be guessed."
        ));
    } else if different < DIFFERENT_LEAST {
        doubts.push("The value has hardly any different characters: it can be guessed.".to_owned());
    }
    if value.last().is_some_and(|last| matches!(last, b'\n' | b'\r' | b' ')) {
        doubts.push("The value ends in a space or a line end, which few programs expect.".to_owned());
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_not_shown() {
        let set = SetSecret { value: Some(SecretValue::new("hunter2-hunter2")), ..SetSecret::default() };
        let shown = format!("{set:?}");
        assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn short_and_simple_values_are_doubted() {
        assert_eq!(doubts(b"1234567").len(), 1);
        assert_eq!(doubts(b"aaaaaaaaaaaa").len(), 1);
        assert_eq!(doubts(b"kJ8-hhG5-qqPo\n").len(), 1);
        assert!(doubts(b"kJ8-hhG5-qqPo").is_empty());
    }
}
