//! Patterns of inputs: regular expressions that take linear time, whatever they are and whatever they are held against.

use regex::{Regex, RegexBuilder};

use crate::limits::{PATTERN_MAX, PATTERN_SIZE_MAX};

/// Compiles a pattern that the whole value must match; in words why it cannot be.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_MAX {
        return Err(format!("it has {} bytes, but at most {PATTERN_MAX} are read", pattern.len()));
    }
    // By itself first: `a)|(b` is no pattern, whatever is put around it.
    build(pattern)?;
    build(&format!(r"\A(?:{pattern})\z"))
}

fn build(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_SIZE_MAX)
        .dfa_size_limit(PATTERN_SIZE_MAX)
        .nest_limit(50)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large once it is compiled".to_owned(),
            error => {
                // The last line of its drawing says what is wrong.
                let text = error.to_string();
                let line = text.lines().last().unwrap_or_default();
                line.trim_start_matches("error: ").chars().filter(|c| !c.is_control()).take(120).collect()
            }
        })
}
