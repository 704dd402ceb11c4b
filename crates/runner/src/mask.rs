//! Masking: what a step writes leaves without the secrets it was given.
//!
//! All patterns are looked for at once in the stream of bytes, however it is cut into writes. Matches that overlap become
//! one `***`, whatever their length. Held back is only the longest end that might be the beginning of a pattern, so a
//! prompt without a newline shows at once; it is never let go for being slow, only at the end of the stream.
//!
//! A second look at a copy without colours, line ends and invisible characters finds secrets that such things cut into
//! pieces; of these up to three bytes in front of the first cut may have gone out already.
//!
//! It is done where the step runs, before anything is written. The server does it again with [`Masks::text`] over what it stores
//! and tells itself.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use model::run::StepEnd;

use crate::patterns::patterns;

const MASK: &[u8] = b"***";
/// For less than this the second look holds nothing back: the last letter of a line is often some pattern's first.
const HELD_MIN: usize = 4;
/// More than this between the parts of a secret, and the second look gives up.
const FILLING: usize = 4096;

/// What must not be seen.
#[derive(Default)]
pub struct Masks {
    automaton: Option<AhoCorasick>,
    /// Patterns that were there from the beginning.
    given: Vec<Vec<u8>>,
    /// All, sorted, each once.
    patterns: Vec<Vec<u8>>,
    longest: usize,
}

impl Masks {
    pub fn new<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> Self {
        let given = patterns(secrets);
        Self { given: given.clone(), ..Self::of(given) }
    }

    /// What the step asks for, all of it, beside what was given.
    pub(crate) fn learn(&mut self, learned: &[u8]) {
        let given = std::mem::take(&mut self.given);
        let mut all = given.clone();
        all.extend(patterns([learned].into_iter()));
        all.sort();
        all.dedup();
        *self = Self { given, ..Self::of(all) };
    }

    fn of(patterns: Vec<Vec<u8>>) -> Self {
        if patterns.is_empty() {
            return Self::default();
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        // The size is that of the task, which the server has bounded; the library's own bound is far above.
        let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&patterns).ok();
        Self { given: Vec::new(), automaton, patterns, longest }
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Mask a text that is there as a whole.
    pub fn text(&self, text: &mut String) {
        if self.is_empty() {
            return;
        }
        let mut masked = Vec::with_capacity(text.len());
        let mut masker = Masker::default();
        masker.feed(self, text.as_bytes(), &mut masked);
        masker.finish(self, &mut masked);
        if masked != text.as_bytes() {
            *text = String::from_utf8_lossy(&masked).into_owned();
        }
    }

    /// Mask all that the end of a step says. An output whose very name holds a secret goes: under another name nobody would
    /// look for it.
    pub fn end(&self, end: &mut StepEnd) {
        for values in [&mut end.outputs, &mut end.facts] {
            values.retain(|name, value| {
                self.text(value);
                !self.is_in(name)
            });
        }
        if let Some(message) = &mut end.message {
            self.text(message);
        }
    }

    fn is_in(&self, text: &str) -> bool {
        let mut masked = text.to_owned();
        self.text(&mut masked);
        masked != text
    }

    /// Where `bytes` hold patterns: sorted, overlapping ones united.
    fn matches(&self, bytes: &[u8], bare: Option<&Bare>) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        if let Some(automaton) = &self.automaton {
            found.extend(automaton.find_overlapping_iter(bytes).map(|found| found.range()));
            if let Some(bare) = bare {
                let there = automaton.find_overlapping_iter(&bare.bytes).map(|found| bare.raw(found.range()));
                found.extend(there);
            }
        }
        found
    }

    /// Length of the longest end of `bytes` that is a beginning of a pattern, but not all of it.
    fn begun(&self, bytes: &[u8]) -> usize {
        let longest = bytes.len().min(self.longest.saturating_sub(1));
        (1..=longest).rev().find(|len| self.is_beginning(&bytes[bytes.len() - len..])).unwrap_or(0)
    }

    fn is_beginning(&self, end: &[u8]) -> bool {
        let at = self.patterns.partition_point(|pattern| pattern.as_slice() <= end);
        self.patterns.get(at).is_some_and(|pattern| pattern.starts_with(end))
    }
}

/// One stream.
#[derive(Default)]
pub struct Masker {
    /// What came last and is still looked at.
    held: Vec<u8>,
    /// So many bytes at the front of `held` have gone out.
    sent: usize,
    /// Matches in `held` whose mask has gone out.
    said: Vec<Range<usize>>,
}

impl Masker {
    /// Take what came, give what may go out.
    pub fn feed(&mut self, masks: &Masks, bytes: &[u8], out: &mut Vec<u8>) {
        self.step(masks, bytes, false, out);
    }

    /// The stream has ended: nothing that is held back can become a secret any more.
    pub fn finish(&mut self, masks: &Masks, out: &mut Vec<u8>) {
        if !self.held.is_empty() {
            self.step(masks, &[], true, out);
        }
    }

    fn step(&mut self, masks: &Masks, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        let bare = Bare::of(&all);
        let edge =
            if last { Edge { look: all.len(), go: all.len() } } else { Edge::of(masks, &all, bare.as_ref()) };
        // What has gone out cannot be called back.
        let go = edge.go.max(self.sent);
        let mut ranges = masks.matches(&all, bare.as_ref());
        ranges.extend(self.said.iter().cloned());

        let mut at = self.sent;
        let mut said = Vec::new();
        for range in unite(ranges) {
            let open = self.said.iter().any(|said| overlap(said, &range));
            if range.start >= go {
                if open {
                    said.push(range.start - edge.look.min(go)..range.end - edge.look.min(go));
                }
                continue;
            }
            if at < range.start {
                out.extend_from_slice(&all[at..range.start]);
            }
            let new = range.end > self.sent && !open;
            if new {
                out.extend_from_slice(MASK);
            }
            at = at.max(range.end.min(go));
            if range.end > edge.look {
                said.push(range.start.saturating_sub(edge.look)..range.end - edge.look);
            }
        }
        out.extend_from_slice(&all[at..go]);
        self.said = said;
        self.sent = go - edge.look.min(go);
        all.drain(..edge.look.min(go));
        self.held = all;
    }
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

/// How far a stream may go out, and how much of it is looked at again.
struct Edge {
    look: usize,
    go: usize,
}

impl Edge {
    fn of(masks: &Masks, all: &[u8], bare: Option<&Bare>) -> Self {
        let raw = all.len() - masks.begun(all);
        let Some(bare) = bare else { return Self { look: raw, go: raw } };
        let len = masks.begun(&bare.bytes);
        if len == 0 {
            return Self { look: raw, go: raw };
        }
        let look = raw.min(bare.places[bare.bytes.len() - len]);
        if all.len() - look > 4 * masks.longest + FILLING {
            // Nobody reads a secret out of that.
            return Self { look: raw, go: raw };
        }
        Self { look, go: if len >= HELD_MIN { look } else { raw } }
    }
}

impl Drop for Masker {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.held);
    }
}

/// Sorted; those that overlap become one. Those that only touch stay two.
fn unite(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut united: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match united.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => united.push(range),
        }
    }
    united
}

/// A copy without what a terminal does not show as text.
struct Bare {
    bytes: Vec<u8>,
    /// Where each byte stands in the original.
    places: Vec<usize>,
}

impl Bare {
    /// None if it would be the same.
    fn of(raw: &[u8]) -> Option<Self> {
        raw.iter().any(|byte| matches!(byte, 0x1b | b'\r' | b'\n' | 0xe2 | 0xef)).then(|| {
            let mut bare =
                Self { bytes: Vec::with_capacity(raw.len()), places: Vec::with_capacity(raw.len()) };
            let mut at = 0;
            while at < raw.len() {
                match unseen(&raw[at..]) {
                    0 => {
                        bare.bytes.push(raw[at]);
                        bare.places.push(at);
                        at += 1;
                    }
                    len => at += len,
                }
            }
            bare
        })
    }

    fn raw(&self, range: Range<usize>) -> Range<usize> {
        // A match has a last byte.
        self.places[range.start]..self.places[range.end - 1] + 1
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.bytes);
    }
}

/// How many bytes at the front are no text: a line end, a control sequence, an invisible character.
fn unseen(bytes: &[u8]) -> usize {
    match bytes {
        [b'\r' | b'\n', ..] => 1,
        [0xe2, 0x80, 0x8b..=0x8f, ..] | [0xe2, 0x81, 0xa0, ..] | [0xef, 0xbb, 0xbf, ..] => 3,
        [0x1b, b'[', rest @ ..] => {
            let end = rest.iter().position(|byte| (0x40..=0x7e).contains(byte));
            2 + end.map_or(rest.len(), |end| end + 1)
        }
        [0x1b, b']', rest @ ..] => {
            let end = rest.iter().position(|byte| *byte == 0x07 || *byte == 0x1b);
            2 + match end {
                Some(end) if rest[end] == 0x1b => (end + 2).min(rest.len()),
                Some(end) => end + 1,
                None => rest.len(),
            }
        }
        [0x1b] => 1,
        [0x1b, ..] => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masks(secrets: &[&str]) -> Masks {
        Masks::new(secrets.iter().map(|secret| secret.as_bytes()))
    }

    fn whole(masks: &Masks, text: &[u8]) -> Vec<u8> {
        pieces(masks, text, &[text.len().max(1)])
    }

    fn pieces(masks: &Masks, text: &[u8], lengths: &[usize]) -> Vec<u8> {
        let mut masker = Masker::default();
        let mut out = Vec::new();
        let mut rest = text;
        for len in lengths.iter().cycle() {
            let (piece, after) = rest.split_at((*len).min(rest.len()));
            masker.feed(masks, piece, &mut out);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        masker.finish(masks, &mut out);
        out
    }

    #[test]
    fn overlapping_matches_become_one_and_touching_ones_two() {
        let masks = masks(&["abcdefgh", "efghijkl"]);
        assert_eq!(whole(&masks, b"x abcdefghijkl y"), b"x *** y");
        assert_eq!(whole(&masks, b"abcdefghabcdefgh"), b"******");
        assert_eq!(whole(&masks, b"abcdefg"), b"abcdefg");
        assert_eq!(whole(&masks, b""), b"");
    }

    #[test]
    fn an_end_says_nothing_of_a_secret_not_even_by_a_name() {
        let masks = masks(&["hunter2long"]);
        let mut end = StepEnd::failed(model::run::Cause::Exit, "it said hunter2long");
        end.outputs = [("hunter2long", "1"), ("token", "hunter2long"), ("fine", "2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        masks.end(&mut end);
        assert_eq!(end.message.as_deref(), Some("it said ***"));
        let left: Vec<_> = end.outputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(left, [("fine", "2"), ("token", "***")]);
    }

    #[test]
    fn a_prompt_shows_at_once_and_a_slow_secret_never_does() {
        let masks = masks(&["hunter2-long"]);
        let mut masker = Masker::default();
        let mut out = Vec::new();
        masker.feed(&masks, b"Password: ", &mut out);
        assert_eq!(out, b"Password: ");
        masker.feed(&masks, b"hunter2-", &mut out);
        assert_eq!(out, b"Password: ");
        masker.feed(&masks, b"long!", &mut out);
        assert_eq!(out, b"Password: ***!");
        masker.feed(&masks, b"hunt", &mut out);
        masker.finish(&masks, &mut out);
        assert_eq!(out, b"Password: ***!hunt");
    }

    #[test]
    fn colours_and_line_ends_hide_nothing() {
        let masks = masks(&["correct horse battery"]);
        for text in [
            "corr\x1b[31mect horse\x1b[0m battery",
            "correct \nhorse batt\r\nery",
            "correct\u{200b} horse bat\u{feff}tery",
            "corr\x1b]0;title\x07ect horse battery",
        ] {
            assert_eq!(whole(&masks, format!("<{text}>").as_bytes()), b"<***>", "{text:?}");
        }
        use base64::Engine;
        let long = base64::engine::general_purpose::STANDARD.encode("correct horse battery");
        let wrapped = format!("{}\n{}", &long[..16], &long[16..]);
        let shown = String::from_utf8(whole(&masks, wrapped.as_bytes())).unwrap();
        assert!(shown.starts_with("***") && shown.len() <= 3 + 4, "{shown}");
    }

    const ALPHABET: &[u8] = b"abA=%\\";

    proptest! {
        #[test]
        fn split_equals_whole(
            secrets in prop::collection::vec("[ab]{8,12}", 1..4),
            text in prop::collection::vec(prop::sample::select(ALPHABET), 0..80),
            put in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4),
            lengths in prop::collection::vec(1_usize..7, 1..8),
        ) {
            let mut text = text;
            for (secret, place) in put {
                let secret = secret.get(&secrets);
                let place = place.index(text.len() + 1);
                text.splice(place..place, secret.bytes());
            }
            let masks = Masks::new(secrets.iter().map(|secret| secret.as_bytes()));
            let all = whole(&masks, &text);
            prop_assert_eq!(&pieces(&masks, &text, &lengths), &all);
            for secret in &secrets {
                prop_assert!(!all.windows(secret.len()).any(|window| window == secret.as_bytes()));
            }
        }

        #[test]
        fn cut_by_colours_at_most_three_bytes_show(
            lengths in prop::collection::vec(1_usize..7, 1..8), cut in 1_usize..20,
        ) {
            let secret = "KJH7-xkQ9_fdsWe4-ppLm";
            let masks = masks(&[secret]);
            let text = format!("before {}\x1b[1m\n{} after", &secret[..cut], &secret[cut..]);
            let shown = pieces(&masks, text.as_bytes(), &lengths);
            let shown = String::from_utf8(shown).unwrap();
            prop_assert!(shown.contains("***") && !shown.contains(&secret[3.max(cut)..]), "{}", shown);
            prop_assert!(shown.len() <= "before ***x\x1b[1m\n after".len() + 3, "{}", shown);
        }
    }
}
