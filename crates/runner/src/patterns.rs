//! The forms in which a secret may show.

use std::collections::BTreeSet;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// Shorter ones are never masked: they would blot out half of every log.
const SHORTEST: usize = 8;

/// A pattern is shorter than twice this, so that little is held back and looking is quick.
const PIECE: usize = 512;
/// Of longer ones only the plain form and base64 are looked for: every byte of a pattern costs memory and time at the start
/// of the step. Their lines are looked for in every form.
const LONG: usize = 2048;

/// All forms of all secrets, sorted, each once.
pub(crate) fn patterns<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut all = BTreeSet::new();
    for secret in secrets {
        for part in parts(secret) {
            for form in forms(&part) {
                pieces(&form, &mut all);
            }
        }
    }
    all.into_iter().filter(|pattern| pattern.len() >= SHORTEST).collect()
}

/// A form, or the pieces of a long one: a text that holds it holds them all, one behind the other.
fn pieces(form: &[u8], all: &mut BTreeSet<Vec<u8>>) {
    let mut rest = form;
    while rest.len() >= 2 * PIECE {
        let (piece, after) = rest.split_at(PIECE);
        all.insert(piece.to_vec());
        rest = after;
    }
    all.insert(rest.to_vec());
}

/// The secret, its lines, and the values that it is composed of.
fn parts(secret: &[u8]) -> Vec<Vec<u8>> {
    let trimmed = secret.trim_ascii();
    // Not the line end behind it: that belongs to the text around.
    let mut parts = vec![trimmed.to_vec()];
    parts.extend(secret.split(|byte| *byte == b'\n').map(|line| line.trim_ascii().to_vec()));
    if let Ok(text) = std::str::from_utf8(trimmed) {
        if let Ok(json) = serde_json::from_str(text) {
            strings(&json, &mut parts);
        }
        if let Some((_, rest)) = text.split_once("://") {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            if let Some((user, _)) = authority.rsplit_once('@')
                && let Some((_, password)) = user.split_once(':')
            {
                parts.push(password.as_bytes().to_vec());
                parts.push(percent_decoded(password.as_bytes()));
            }
        } else if let Some((_, password)) = text.split_once(':')
            && !text.contains('\n')
        {
            parts.push(password.as_bytes().to_vec());
        }
    }
    parts.retain(|part| part.len() >= SHORTEST);
    parts.sort();
    parts.dedup();
    parts
}

/// The strings in a JSON value; names are no secrets.
fn strings(json: &serde_json::Value, parts: &mut Vec<Vec<u8>>) {
    match json {
        serde_json::Value::String(text) => parts.push(text.as_bytes().to_vec()),
        serde_json::Value::Array(values) => values.iter().for_each(|value| strings(value, parts)),
        serde_json::Value::Object(fields) => fields.values().for_each(|value| strings(value, parts)),
        _ => {}
    }
}

fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    if secret.len() > LONG {
        let mut forms: Vec<_> = (0..3).map(|shift| base64(&STANDARD_NO_PAD, secret, shift)).collect();
        forms.push(secret.to_vec());
        return forms;
    }
    let text = String::from_utf8_lossy(secret);
    let mut forms = vec![
        secret.to_vec(),
        json(&text, false),
        json(&text, true),
        // Inside single quotes, and after `printf %q`.
        secret.iter().flat_map(|byte| if *byte == b'\'' { b"'\\''".to_vec() } else { vec![*byte] }).collect(),
        escaped(secret, |byte| {
            !byte.is_ascii_alphanumeric() && !b"_-./:=@%+,".contains(&byte) && byte < 0x80
        }),
        // Inside double quotes.
        escaped(secret, |byte| b"\"\\$`".contains(&byte)),
        backslashed(secret),
        percent(secret, b"-_.~", true),
        percent(secret, b"-_.~", false),
        // As `encodeURIComponent` and as forms have it.
        percent(secret, b"-_.!~*'()", true),
        String::from_utf8_lossy(&percent(secret, b"-_.*", true)).replace("%20", "+").into_bytes(),
        // As paths have it.
        percent(secret, b"-_.~/:@!$&'()*+,;=", true),
        secret.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
        secret.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect(),
    ];
    for shift in 0..3 {
        forms.push(base64(&STANDARD_NO_PAD, secret, shift));
        forms.push(base64(&URL_SAFE_NO_PAD, secret, shift));
    }
    forms
}

/// As it shows behind `shift` other bytes and in front of any, without the letters that depend on these.
fn base64(engine: &base64::engine::GeneralPurpose, secret: &[u8], shift: usize) -> Vec<u8> {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(secret);
    let text = zeroize::Zeroizing::new(engine.encode(&bytes));
    zeroize::Zeroize::zeroize(&mut bytes);
    let from = [0, 2, 3][shift];
    let to = (shift + secret.len()) * 8 / 6;
    text.as_bytes()[from..to].to_vec()
}

/// Inside a JSON string, with `\u` for what is not ASCII or without.
fn json(text: &str, ascii: bool) -> Vec<u8> {
    let quoted = serde_json::Value::from(text).to_string();
    let inside = &quoted[1..quoted.len() - 1];
    if !ascii {
        return inside.as_bytes().to_vec();
    }
    let mut out = String::new();
    for letter in inside.chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out.into_bytes()
}

fn escaped(secret: &[u8], which: impl Fn(u8) -> bool) -> Vec<u8> {
    let one = |byte: &u8| if which(*byte) { vec![b'\\', *byte] } else { vec![*byte] };
    secret.iter().flat_map(one).collect()
}

/// As programming languages print strings.
fn backslashed(secret: &[u8]) -> Vec<u8> {
    let one = |byte: &u8| match byte {
        b'\n' => b"\\n".to_vec(),
        b'\r' => b"\\r".to_vec(),
        b'\t' => b"\\t".to_vec(),
        b'\\' => b"\\\\".to_vec(),
        b'"' => b"\\\"".to_vec(),
        0x20..=0x7e => vec![*byte],
        _ => format!("\\x{byte:02x}").into_bytes(),
    };
    secret.iter().flat_map(one).collect()
}

fn percent(secret: &[u8], bare: &[u8], upper: bool) -> Vec<u8> {
    let one = |byte: &u8| match (byte.is_ascii_alphanumeric() || bare.contains(byte), upper) {
        (true, _) => vec![*byte],
        (false, true) => format!("%{byte:02X}").into_bytes(),
        (false, false) => format!("%{byte:02x}").into_bytes(),
    };
    secret.iter().flat_map(one).collect()
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let code = text.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (text[at], code.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;
    use crate::mask::Masks;

    fn masked(secret: &str, text: &str) -> String {
        let mut text = text.to_owned();
        Masks::new([secret.as_bytes()].into_iter()).text(&mut text);
        text
    }

    #[test]
    fn the_encodings_that_are_masked() {
        let secret = "pä'ss \"w$rd\\1/+?";
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let table = [
            ("raw", secret.to_owned()),
            ("json", r#"pä'ss \"w$rd\\1/+?"#.to_owned()),
            ("json in ascii", r#"p\u00e4'ss \"w$rd\\1/+?"#.to_owned()),
            ("shell quotes", r#"pä'\''ss "w$rd\1/+?"#.to_owned()),
            ("percent", "p%C3%A4%27ss%20%22w%24rd%5C1%2F%2B%3F".to_owned()),
            ("percent in small letters", "p%c3%a4%27ss%20%22w%24rd%5c1%2f%2b%3f".to_owned()),
            ("encodeURIComponent", "p%C3%A4'ss%20%22w%24rd%5C1%2F%2B%3F".to_owned()),
            ("form", "p%C3%A4%27ss+%22w%24rd%5C1%2F%2B%3F".to_owned()),
            ("python bytes", r#"p\xc3\xa4'ss \"w$rd\\1/+?"#.to_owned()),
            ("hex", hex.clone()),
            ("HEX", hex.to_uppercase()),
        ];
        for (what, text) in table {
            assert_eq!(masked(secret, &format!("<{text}>")), "<***>", "{what}");
        }
        for before in ["", "a", "ab", "abc"] {
            for after in ["", "y", "yz"] {
                let text = format!("{before}{secret}{after}");
                for shown in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                    let left = masked(secret, &shown);
                    assert!(left.contains("***"), "{shown}");
                    assert!(left.len() <= 3 + 4 + 1 + 4 + 2, "{shown}: {left}");
                }
            }
        }
    }

    #[test]
    fn parts_of_a_composed_secret_are_masked() {
        assert_eq!(masked("first-line-1\nsecond-line-2\n", "at second-line-2!"), "at ***!");
        assert_eq!(masked(r#"{"user": "u", "key": "s3cr3t-key-1"}"#, "s3cr3t-key-1"), "***");
        assert_eq!(masked("admin:s3cr3t-pass", "s3cr3t-pass"), "***");
        assert_eq!(masked("postgres://u:s3cr3t%2Dpass@db/x", "s3cr3t-pass"), "***");
        assert_eq!(masked("postgres://u:s3cr3t-pass@db/x", "it is s3cr3t-pass"), "it is ***");
    }

    #[test]
    fn a_long_secret_is_masked_to_its_last_byte_and_costs_little() {
        let began = std::time::Instant::now();
        let long: String = (0..3000).map(|number| format!("{number:x}/")).collect();
        for secret in [long.as_str(), &"x".repeat(8192)] {
            let left = masked(secret, &format!("<{secret}>"));
            assert!(left.starts_with("<***") && left.bytes().all(|byte| b"<*>".contains(&byte)), "{left}");
            let left = masked(secret, &STANDARD.encode(secret));
            assert!(left.trim_start_matches('*').len() <= 4, "{left}");
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    }

    #[test]
    fn what_is_not_masked_is_known() {
        let secret = "correct-horse";
        for text in [
            "esroh-tcerroc",
            "CORRECT-HORSE",
            "correct",
            &STANDARD.encode(STANDARD.encode("correct-horse-xx")),
        ] {
            assert_eq!(masked(secret, text), text);
        }
        assert_eq!(masked("short12", "short12"), "short12", "under 8 bytes");
    }
}
