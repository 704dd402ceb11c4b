//! How much of a step's output is kept, and the words for what is not.

/// How many bytes of a step's own output are kept: the first half of the limit as it comes, the last half at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Of one step.
    pub step: u64,
    /// What is left of what all steps of the run may write together, if that is limited. The caller keeps count.
    pub run: Option<u64>,
}

impl From<u64> for Limit {
    fn from(step: u64) -> Self {
        Self { step, run: None }
    }
}

impl Limit {
    pub(crate) fn bytes(self) -> u64 {
        self.run.map_or(self.step, |run| run.min(self.step))
    }

    /// Bytes kept as they come.
    pub(crate) fn head(self) -> u64 {
        self.bytes() / 2
    }

    /// Bytes kept of what comes last.
    pub(crate) fn tail(self) -> u64 {
        self.bytes() - self.head()
    }

    fn name(self) -> String {
        if self.bytes() < self.step {
            format!("output limit of the run, {} left for this step,", size(self.bytes()))
        } else {
            format!("output limit of {}", size(self.bytes()))
        }
    }

    /// Said to followers when they see no more for now.
    pub(crate) fn words_at_the_cut(self) -> String {
        format!(
            "{} reached: the middle is being left out; the last {} will be shown at the end",
            self.name(),
            size(self.tail())
        )
    }

    /// Said at the end, in the place of what is missing.
    pub(crate) fn words_for_the_middle(self, missing: u64) -> String {
        let words = words_for_the_middle(missing);
        if missing == 0 { words } else { format!("{words}: {}", self.name().trim_end_matches(',')) }
    }
}

/// The same of a log whose limit is not known.
pub(crate) fn words_for_the_middle(missing: u64) -> String {
    match missing {
        0 => "nothing had to be left out: the rest follows".to_owned(),
        1 => "1 byte is missing here".to_owned(),
        _ => format!("{} bytes are missing here", thousands(missing)),
    }
}

/// Said in the place of what could not be written.
pub(crate) fn words_for_lost(bytes: u64, why: &str) -> String {
    let bytes_were = if bytes == 1 { "byte was" } else { "bytes were" };
    format!("{} {bytes_were} not kept: {why}", thousands(bytes))
}

/// `256 MiB` where it is even, else all digits.
fn size(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", thousands(bytes / unit));
        }
    }
    if bytes == 1 { "1 byte".to_owned() } else { format!("{} bytes", thousands(bytes)) }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_name_limit_and_loss() {
        let limit = Limit::from(256 << 20);
        assert_eq!(
            limit.words_at_the_cut(),
            "output limit of 256 MiB reached: the middle is being left out; the last 128 MiB will be shown at the end"
        );
        assert_eq!(
            limit.words_for_the_middle(12_345),
            "12,345 bytes are missing here: output limit of 256 MiB"
        );
        let of_the_run = Limit { step: 256 << 20, run: Some(1000) };
        assert_eq!(
            of_the_run.words_for_the_middle(1),
            "1 byte is missing here: output limit of the run, 1,000 bytes left for this step"
        );
        assert_eq!(words_for_lost(1, "no space left"), "1 byte was not kept: no space left");
        assert_eq!(size(1000), "1,000 bytes");
        assert_eq!(thousands(999), "999");
    }

    #[test]
    fn the_halves_are_the_whole() {
        for bytes in [0, 1, 2, 3, 10, u64::MAX] {
            let limit = Limit::from(bytes);
            assert_eq!(limit.head() + limit.tail(), bytes);
        }
    }
}
