//! How much of a step's output is kept, and the words for what is not.

/// Counts what is kept and what is dropped.
pub(crate) struct Limit {
    max: u64,
    pub kept: u64,
    pub dropped: u64,
}

impl Limit {
    pub fn new(max: u64) -> Self {
        Self { max, kept: 0, dropped: 0 }
    }

    /// How many of `len` further bytes are kept.
    pub fn take(&mut self, len: usize) -> usize {
        let room = usize::try_from(self.max - self.kept).unwrap_or(usize::MAX);
        let keep = len.min(room);
        self.kept += keep as u64;
        self.dropped += (len - keep) as u64;
        keep
    }

    /// Said to followers when the first byte is dropped.
    pub fn words_at_the_cut(&self) -> String {
        format!("output limit of {} reached: what follows is not kept", size(self.max))
    }

    /// Said at the end, when the loss is known.
    pub fn words_at_the_end(&self) -> String {
        let bytes = if self.dropped == 1 { "byte was" } else { "bytes were" };
        format!(
            "output limit of {} reached: {} further {bytes} not kept",
            size(self.max),
            thousands(self.dropped)
        )
    }
}

/// `256 MiB` where it is even, else all digits.
fn size(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", thousands(bytes / unit));
        }
    }
    format!("{} bytes", thousands(bytes))
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
        let mut limit = Limit::new(256 << 20);
        assert_eq!(limit.take(256 << 20), 256 << 20);
        assert_eq!(limit.take(12_345), 0);
        assert_eq!(
            limit.words_at_the_end(),
            "output limit of 256 MiB reached: 12,345 further bytes were not kept"
        );
        assert_eq!(size(1000), "1,000 bytes");
        assert_eq!(thousands(999), "999");
    }
}
