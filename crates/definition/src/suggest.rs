//! The known word that was probably meant.

use crate::fault::{listed, quoted};

/// Longest word for which a near one is looked for: the comparison takes the square of it.
const LONGEST: usize = 64;

/// Most slips that are forgiven, however long the word.
const SLIPS: usize = 3;

/// The nearest of the known words, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = letters(word);
    let allowed = (word.len() / 3).clamp(1, SLIPS);
    known
        .into_iter()
        .filter(|known| known.len() <= LONGEST)
        .filter_map(|known| Some((distance(&word, &letters(known), allowed)?, known)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// What of a word is compared: neither its case nor which dash it has.
fn letters(word: &str) -> Vec<char> {
    word.to_lowercase().chars().map(|c| if c == '-' { '_' } else { c }).collect()
}

/// A hint: the word that was meant, else all that there are.
pub(crate) fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("Did you mean {}?", quoted(near)),
        None => format!("Known here: {}.", listed(known, "and")),
    }
}

/// How many letters have to be changed, added, left out or swapped with their neighbour, if that is not more than allowed.
///
/// Only the cells within `allowed` of the diagonal are looked at: beyond them more letters are added or left out than that.
fn distance(a: &[char], b: &[char], allowed: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > allowed {
        return None;
    }
    let far = allowed + 1;
    let mut before_last = vec![far; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![far; b.len() + 1];
        if i <= allowed {
            row[0] = i;
        }
        for j in i.saturating_sub(allowed).max(1)..=(i + allowed).min(b.len()) {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before_last[j - 2] + 1);
            }
            row[j] = least;
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|distance| *distance <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        let distance = |a, b| distance(&letters(a), &letters(b), 3);
        for (a, b, slips) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "abd", 1),
            ("abc", "acb", 1),
            ("abc", "ab", 1),
            ("abc", "xabc", 1),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("output-limit", "Output_Limit", 0),
        ] {
            assert_eq!(distance(a, b), Some(slips), "{a} {b}");
            assert_eq!(distance(b, a), Some(slips), "{b} {a}");
        }
        for (a, b) in [("abcd", ""), ("abcdef", "uvwxyz"), ("abcdefgh", "efghabcd")] {
            assert_eq!(distance(a, b), None, "{a} {b}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["name", "timeout", "output_limit", "steps"];
        for (slip, meant) in
            [("tiemout", "timeout"), ("Name", "name"), ("output-limit", "output_limit"), ("step", "steps")]
        {
            assert_eq!(nearest(slip, known), Some(meant), "{slip}");
        }
        for stranger in ["colour", "", "x", &"steps".repeat(1000)] {
            assert_eq!(nearest(stranger, known), None, "{stranger}");
        }
    }
}
