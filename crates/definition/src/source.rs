//! One YAML file, and where in it a byte stands.

/// A half-open range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: usize,
    pub end: usize,
}

pub(crate) struct Source<'a> {
    pub path: &'a str,
    pub text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    /// Where each character begins; none if the text is ASCII, where a character is a byte. The parser counts in
    /// characters and columns are told in characters, so that both ways are needed, and often.
    characters: Option<Vec<usize>>,
}

impl<'a> Source<'a> {
    pub fn new(path: &'a str, text: &'a str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let characters = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        Self { path, text, lines, characters }
    }

    /// The byte at which the character with this number begins.
    pub fn byte(&self, character: usize) -> usize {
        match &self.characters {
            None => character.min(self.text.len()),
            Some(starts) => starts.get(character).copied().unwrap_or(self.text.len()),
        }
    }

    /// Line and column, both from 1, the column in characters.
    pub fn place(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        (line, self.character(byte) - self.character(start) + 1)
    }

    /// The part of a span that stands on its first line, without the blanks at its end: what is marked.
    pub fn first_line(&self, span: Span) -> Span {
        let start = span.start.min(self.text.len());
        let end = span.end.clamp(start, self.text.len());
        let marked = self.text.get(start..end).unwrap_or_default();
        let marked = marked.lines().next().unwrap_or_default().trim_end();
        Span { start, end: start + marked.len() }
    }

    pub fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    fn character(&self, byte: usize) -> usize {
        match &self.characters {
            None => byte,
            Some(starts) => starts.partition_point(|start| *start < byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_spans_count_bytes() {
        let source = Source::new("a.yaml", "ä: ö\nb: 😀x\n");
        let x = source.text.find('x').unwrap();
        assert_eq!(source.place(x), (2, 5));
        assert_eq!(source.byte(8), "ä: ö\nb: ".len());
        assert_eq!(source.place(source.text.len()), (3, 1));
        assert_eq!(source.byte(999), source.text.len());
        assert_eq!(Source::new("a", "").place(0), (1, 1));
    }

    #[test]
    fn a_mark_stays_on_its_line() {
        let source = Source::new("a.yaml", "run: |  \n  one\n  two\n");
        let span = source.first_line(Span { start: 5, end: 21 });
        assert_eq!(source.slice(span), "|");
    }
}
