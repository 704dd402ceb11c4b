//! Policy text before it is parsed: how long and how deep it is, and where its statements begin and end.
//!
//! Cedar's reader and evaluator are recursive, so that a short text can exhaust any stack. What goes to it has few
//! nested brackets and few operators; brackets and operators inside of strings and comments do not count.

use std::ops::Range;

/// As many bytes as a document may have.
pub(crate) const MAX_BYTES: usize = 64 << 10;
/// As deep as brackets may be nested.
pub(crate) const MAX_DEPTH: usize = 32;
/// As many operators as one policy may have: each can make the tree one deeper.
pub(crate) const MAX_OPERATORS: usize = 256;

/// One policy in the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statement {
    pub at: Range<usize>,
    /// As `@id("…")` says, with escapes as they stand.
    pub id: Option<String>,
    /// The bytes of the value of `@mode("…")`.
    pub mode: Option<Range<usize>>,
}

/// A limit that the text goes beyond.
#[derive(Debug)]
pub(crate) struct Limit {
    pub at: usize,
    pub message: String,
    pub help: &'static str,
}

/// Takes the text apart into its policies.
pub(crate) fn statements(text: &str) -> Result<Vec<Statement>, Limit> {
    if text.len() > MAX_BYTES {
        return Err(Limit {
            at: 0,
            message: format!("The document has {} bytes, and {MAX_BYTES} are the limit.", text.len()),
            help: "Divide it into several documents.",
        });
    }
    Scan { text, bytes: text.as_bytes(), place: 0 }.statements()
}

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    place: usize,
}

impl Scan<'_> {
    fn statements(mut self) -> Result<Vec<Statement>, Limit> {
        let mut statements = Vec::new();
        let mut current: Option<Statement> = None;
        let (mut depth, mut operators) = (0_usize, 0_usize);
        while let Some(byte) = self.bytes.get(self.place).copied() {
            let start = self.place;
            if byte.is_ascii_whitespace() {
                self.place += 1;
                continue;
            }
            if self.text[start..].starts_with("//") {
                self.place += self.text[start..].find('\n').unwrap_or(self.text.len() - start);
                continue;
            }
            let statement =
                current.get_or_insert_with(|| Statement { at: start..start, ..Statement::default() });
            match byte {
                b'"' => {
                    self.string();
                }
                b'@' if depth == 0 => self.annotation(statement),
                b'(' | b'[' | b'{' => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(Limit {
                            at: start,
                            message: format!("Brackets are nested more than {MAX_DEPTH} deep."),
                            help: "Write the condition flatter, or as several policies.",
                        });
                    }
                    self.place += 1;
                }
                b')' | b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    self.place += 1;
                }
                b';' => {
                    self.place += 1;
                    statement.at.end = self.place;
                    statements.extend(current.take());
                    (depth, operators) = (0, 0);
                }
                _ => operators += self.word_or_sign(byte),
            }
            if operators > MAX_OPERATORS {
                return Err(Limit {
                    at: start,
                    message: format!("The policy has more than {MAX_OPERATORS} operators."),
                    help: "Write it as several policies, or compare with a set: [\"a\", \"b\"].contains(x).",
                });
            }
        }
        // Without a semicolon at its end; that is for Cedar to say.
        if let Some(mut statement) = current {
            statement.at.end = self.text.len();
            statements.push(statement);
        }
        Ok(statements)
    }

    /// Goes past a string and says what bytes are in it.
    fn string(&mut self) -> Range<usize> {
        let start = self.place + 1;
        let mut place = start;
        while let Some(byte) = self.bytes.get(place) {
            match byte {
                b'\\' => place += 2,
                b'"' => break,
                _ => place += 1,
            }
        }
        let end = place.min(self.bytes.len());
        self.place = (end + 1).min(self.bytes.len());
        start..end
    }

    fn space(&mut self) {
        while let Some(byte) = self.bytes.get(self.place) {
            if byte.is_ascii_whitespace() {
                self.place += 1;
            } else if self.text[self.place..].starts_with("//") {
                self.place += self.text[self.place..].find('\n').unwrap_or(self.text.len() - self.place);
            } else {
                break;
            }
        }
    }

    /// `@name("value")`, as far as it is one: the rest is for Cedar to say.
    fn annotation(&mut self, statement: &mut Statement) {
        self.place += 1;
        self.space();
        let name = self.word();
        self.space();
        if self.bytes.get(self.place) != Some(&b'(') {
            return;
        }
        self.place += 1;
        self.space();
        if self.bytes.get(self.place) == Some(&b'"') {
            let value = self.string();
            match &self.text[name] {
                "id" => statement.id = Some(self.text[value].to_owned()),
                "mode" => statement.mode = Some(value),
                _ => {}
            }
        }
        self.space();
        if self.bytes.get(self.place) == Some(&b')') {
            self.place += 1;
        }
    }

    fn word(&mut self) -> Range<usize> {
        let start = self.place;
        while self.bytes.get(self.place).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            self.place += 1;
        }
        start..self.place
    }

    /// How many operators begin here: one or none.
    fn word_or_sign(&mut self, byte: u8) -> usize {
        if byte.is_ascii_alphabetic() || byte == b'_' {
            let word = self.word();
            return usize::from(matches!(
                &self.text[word],
                "if" | "when" | "unless" | "in" | "has" | "is" | "like"
            ));
        }
        // Signs of two characters count once or twice: the limit is far above what anybody writes.
        self.place += 1;
        while !self.text.is_char_boundary(self.place) {
            self.place += 1;
        }
        usize::from(matches!(byte, b'.' | b'+' | b'-' | b'*' | b'!' | b'&' | b'|' | b'<' | b'>' | b'='))
    }
}
