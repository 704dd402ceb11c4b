//! Secrets that sign somebody in: made here, shown once, kept as hashes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// 32 random bytes; what is guessed is not this.
const SECRET_BYTES: usize = 32;
const TOKEN_PREFIX: &str = "sbx_";

/// A new token: `sbx_` and 43 characters. The prefix lets scanners of leaked secrets know it.
pub(crate) fn new_token() -> Result<String, getrandom::Error> {
    random().map(|secret| format!("{TOKEN_PREFIX}{secret}"))
}

/// A new session's secret.
pub(crate) fn new_session() -> Result<String, getrandom::Error> {
    random()
}

fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What the store keeps. A fast hash is right here: these secrets have 256 random bits, unlike passwords.
pub(crate) fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
