//! Documents written as a person would: short words bare, the rest in quotes, paragraphs as blocks.

use std::fmt::Write;

use crate::scalar::{Scalar, resolve};

/// A document under construction; keys that have no value are left out.
#[derive(Default)]
pub(crate) struct Writer(String);

impl Writer {
    pub fn text(&mut self, key: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        match block(value) {
            Some(block) => self.line(format_args!("{key}: {block}")),
            None => self.line(format_args!("{key}: {}", scalar(value))),
        }
    }

    pub fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            let values: Vec<String> = values.iter().map(|value| scalar(value)).collect();
            self.line(format_args!("{key}: [{}]", values.join(", ")));
        }
    }

    /// A list of mappings, each on a line.
    pub fn mappings(&mut self, key: &str, rows: &[Vec<(&str, &str)>]) {
        if rows.is_empty() {
            return;
        }
        self.line(format_args!("{key}:"));
        for row in rows {
            let pairs: Vec<String> =
                row.iter().map(|(key, value)| format!("{key}: {}", scalar(value))).collect();
            self.line(format_args!("  - {{{}}}", pairs.join(", ")));
        }
    }

    pub fn finish(self) -> String {
        self.0
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into a text cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// A text as it can stand anywhere, in a list too.
fn scalar(text: &str) -> String {
    let mut bytes = text.bytes();
    let bare = bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b" _./@-".contains(&b))
        && !text.ends_with(' ')
        && resolve(text) == Scalar::Text;
    // Every JSON text is a YAML text. What YAML would not let stand as it is, is written as an escape.
    if bare { text.to_owned() } else { escaped(text) }
}

fn escaped(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let mut written = String::with_capacity(json.len());
    for c in json.chars() {
        match u32::from(c) {
            0x7F..=0xA0 | 0x2028 | 0x2029 | 0xFEFF | 0xFFFE..=0xFFFF => {
                let _ = write!(written, "\\u{:04X}", u32::from(c));
            }
            _ => written.push(c),
        }
    }
    written
}

/// Several lines as a block, if they come back from it as they are.
fn block(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
    let plain = |c: char| {
        c == '\t'
            || c >= ' ' && !matches!(u32::from(c), 0x7F..=0xA0 | 0x2028 | 0x2029 | 0xFEFF | 0xFFFE..=0xFFFF)
    };
    let first_stands = lines.first().is_some_and(|line| !line.is_empty() && !line.starts_with([' ', '\t']));
    let last_stands = lines.last().is_some_and(|line| !line.trim().is_empty());
    if lines.len() < 2 || !first_stands || !last_stands || !text.chars().all(|c| c == '\n' || plain(c)) {
        return None;
    }
    let mut block = String::from(if text.ends_with('\n') { "|" } else { "|-" });
    for line in lines {
        block.push('\n');
        if !line.is_empty() {
            block.push_str("  ");
            block.push_str(line);
        }
    }
    Some(block)
}
