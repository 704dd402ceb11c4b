//! What a step writes, made fit for a terminal: colours, line ends and tabs pass, everything else that could move the cursor,
//! reach the clipboard or reorder text becomes visible.

use std::fmt::Write;

/// Longest colour sequence that is waited for.
const SEQUENCE_MAX: usize = 64;

/// Filters one stream, cut into pieces anywhere. What may yet become something else is held back until the next piece.
#[derive(Debug, Default)]
pub struct Filter {
    held: Vec<u8>,
    coloured: bool,
}

/// What the bytes at hand begin with.
enum Token {
    /// As many bytes, to be shown as they are.
    Pass(usize),
    /// As many bytes, a colour sequence; does it switch all colours off?
    Colour(usize, bool),
    /// As many bytes, shown as this.
    Show(usize, String),
    /// More bytes are needed to tell.
    Open,
}

impl Filter {
    /// Filters the next piece.
    pub fn feed(&mut self, bytes: &[u8]) -> String {
        let mut input = std::mem::take(&mut self.held);
        input.extend_from_slice(bytes);
        let mut text = String::with_capacity(input.len());
        let rest = self.take(&input, false, &mut text);
        self.held = input[rest..].to_vec();
        text
    }

    /// What was held back, now that nothing follows, and the end of all colours.
    pub fn finish(&mut self) -> String {
        let input = std::mem::take(&mut self.held);
        let mut text = String::new();
        self.take(&input, true, &mut text);
        if std::mem::take(&mut self.coloured) {
            text.push_str("\x1b[0m");
        }
        text
    }

    /// Takes tokens as long as they can be told; gives the place of what cannot.
    fn take(&mut self, input: &[u8], last: bool, text: &mut String) -> usize {
        let mut at = 0;
        while at < input.len() {
            let rest = &input[at..];
            let taken = match token(rest, last) {
                Token::Open => break,
                Token::Pass(taken) => {
                    text.push_str(&String::from_utf8_lossy(&rest[..taken]));
                    taken
                }
                Token::Colour(taken, off) => {
                    self.coloured = !off;
                    text.push_str(&String::from_utf8_lossy(&rest[..taken]));
                    taken
                }
                Token::Show(taken, shown) => {
                    text.push_str(&shown);
                    taken
                }
            };
            at += taken;
        }
        at
    }
}

/// A whole text made fit at once.
pub fn clean(text: &str) -> String {
    let mut filter = Filter::default();
    let mut shown = filter.feed(text.as_bytes());
    shown.push_str(&filter.finish());
    shown
}

fn token(bytes: &[u8], last: bool) -> Token {
    match bytes[0] {
        b'\n' | b'\t' => Token::Pass(1),
        b'\r' => match bytes.get(1) {
            Some(b'\n') => Token::Pass(2),
            None if !last => Token::Open,
            _ => Token::Show(1, "\\r".into()),
        },
        0x1b => escape(bytes, last),
        byte @ (0..0x20 | 0x7f) => Token::Show(1, format!("\\x{byte:02x}")),
        0x20..0x7f => {
            let plain = bytes.iter().position(|b| !(0x20..0x7f).contains(b)).unwrap_or(bytes.len());
            Token::Pass(plain)
        }
        _ => character(bytes, last),
    }
}

/// `ESC [ digits ; digits m` passes, and nothing else that begins with ESC.
fn escape(bytes: &[u8], last: bool) -> Token {
    let shown = || Token::Show(1, "\\x1b".into());
    if bytes.get(1).is_some_and(|b| *b != b'[') {
        return shown();
    }
    let end = bytes.iter().skip(2).position(|b| !matches!(b, b'0'..=b'9' | b';' | b':'));
    match end {
        Some(length) if bytes[2 + length] == b'm' && length <= SEQUENCE_MAX => {
            Token::Colour(length + 3, bytes[2..2 + length].iter().all(|b| matches!(b, b'0' | b';')))
        }
        None if !last && bytes.len() <= SEQUENCE_MAX => Token::Open,
        _ => shown(),
    }
}

/// A character of several bytes, or one that is not UTF-8.
fn character(bytes: &[u8], last: bool) -> Token {
    let head = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) if error.error_len().is_none() && !last => return Token::Open,
        Err(_) => return Token::Show(1, format!("\\x{:02x}", bytes[0])),
    };
    match valid.chars().next() {
        Some(c) if c.is_control() || is_reordering(c) => {
            let mut shown = String::new();
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            Token::Show(c.len_utf8(), shown)
        }
        Some(c) => Token::Pass(c.len_utf8()),
        None => Token::Show(1, format!("\\x{:02x}", bytes[0])),
    }
}

/// Controls that make text look like another text.
fn is_reordering(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(pieces: &[&[u8]]) -> String {
        let mut filter = Filter::default();
        let mut text: String = pieces.iter().map(|piece| filter.feed(piece)).collect();
        text.push_str(&filter.finish());
        text
    }

    #[test]
    fn what_may_pass_passes_and_the_rest_is_shown() {
        let cases: [(&[u8], &str); 16] = [
            (b"plain\ttext\n", "plain\ttext\n"),
            ("é€😀\n".as_bytes(), "é€😀\n"),
            (b"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
            (b"\x1b[38:2::1:2:3mx\x1b[m", "\x1b[38:2::1:2:3mx\x1b[m"),
            (b"\x1b[31mleft on", "\x1b[31mleft on\x1b[0m"),
            (b"a\r\nb", "a\r\nb"),
            (b"fine\rgone", "fine\\rgone"),
            (b"end\r", "end\\r"),
            (b"\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
            (b"\x1b[2J\x1b[H", "\\x1b[2J\\x1b[H"),
            (b"\x1b[?25l\x1bc\x1b", "\\x1b[?25l\\x1bc\\x1b"),
            (b"\x00\x08\x7f", "\\x00\\x08\\x7f"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("a\u{202e}b\u{2066}".as_bytes(), "a\\u{202e}b\\u{2066}"),
            (b"\xff\xc3(\xe2\x82", "\\xff\\xc3(\\xe2\\x82"),
            ("\u{200f}ש\u{301}".as_bytes(), "\u{200f}ש\u{301}"),
        ];
        for (input, expected) in cases {
            assert_eq!(pieces(&[input]), expected, "{input:?}");
            for cut in 0..=input.len() {
                assert_eq!(pieces(&[&input[..cut], &input[cut..]]), expected, "{input:?} cut at {cut}");
            }
            let single: Vec<&[u8]> = input.chunks(1).collect();
            assert_eq!(pieces(&single), expected, "{input:?} byte by byte");
        }
    }

    #[test]
    fn a_sequence_without_end_is_not_waited_for() {
        let mut filter = Filter::default();
        let endless = [b"\x1b[".to_vec(), vec![b'1'; 1000]].concat();
        assert!(filter.feed(&endless).starts_with("\\x1b[111"));
    }

    proptest! {
        #[test]
        fn whatever_comes_only_colours_lines_and_tabs_reach_the_terminal(bytes: Vec<u8>, cut: prop::sample::Index) {
            let cut = cut.index(bytes.len() + 1);
            let text = pieces(&[&bytes[..cut], &bytes[cut..]]);
            prop_assert_eq!(&text, &pieces(&[&bytes]));
            let mut rest = text.as_str();
            while let Some(at) = rest.find('\x1b') {
                let sequence = &rest[at + 1..];
                prop_assert!(sequence.starts_with('['));
                let end = sequence[1..].find(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':'));
                prop_assert_eq!(end.and_then(|end| sequence[1 + end..].chars().next()), Some('m'));
                rest = sequence;
            }
            let ends = text.replace("\r\n", "\n");
            prop_assert!(ends.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\x1b')));
            prop_assert!(!text.chars().any(is_reordering));
        }
    }
}
