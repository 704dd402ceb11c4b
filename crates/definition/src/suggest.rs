//! The known word that was probably meant.

/// Longest word for which a near one is looked for: the comparison takes the square of it.
const LONGEST: usize = 64;

/// The nearest of the known words, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase().replace('-', "_");
    let near_enough = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|known| known.len().abs_diff(word.len()) <= near_enough && known.len() <= LONGEST)
        .map(|known| (distance(&word, &known.to_lowercase().replace('-', "_")), known))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// A hint: the word that was meant, else all that there are.
pub(crate) fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => format!("Known here: {}.", crate::fault::listed(known, "and")),
    }
}

/// How many letters have to be changed, added, left out or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for j in 0..=b.len() {
        rows[0][j] = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

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
