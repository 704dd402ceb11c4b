//! The file `$SIGNALBOX_OUTPUT`, to which a step appends what later steps and people may read.
//!
//! ```text
//! name=value
//! name<<DELIMITER
//! any number of lines
//! DELIMITER
//! ```

use std::collections::BTreeMap;

use model::name::is_identifier;

use crate::{
    fault::quoted,
    limits::{OUTPUT_MAX, OUTPUTS_MAX},
};

/// The outputs by name, the last one of each; or a sentence that says what is wrong with which line.
pub fn read_outputs(bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
    if bytes.len() > OUTPUTS_MAX {
        return Err(format!(
            "The outputs have {} bytes, but at most {OUTPUTS_MAX} (1 MiB) are read.",
            bytes.len()
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        format!("Line {line} of the outputs is not UTF-8.")
    })?;
    let mut outputs = BTreeMap::new();
    let mut lines = (1..).zip(text.split('\n'));
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let (name, value) = match (line.find('='), line.find("<<")) {
            (equals, Some(at)) if equals.is_none_or(|equals| at < equals) => {
                (&line[..at], read_block(number, &line[at + 2..], &mut lines)?)
            }
            (Some(at), _) => (&line[..at], line[at + 1..].to_owned()),
            (None, _) => {
                return Err(format!(
                    "Line {number} of the outputs is {}, but `name=value` or `name<<DELIMITER` is expected.",
                    quoted(line)
                ));
            }
        };
        if !is_identifier(name) {
            return Err(format!(
                "Line {number} of the outputs names {}, but a name matches `[a-z][a-z0-9_]*` (at most 63).",
                quoted(name)
            ));
        }
        if value.len() > OUTPUT_MAX {
            return Err(format!(
                "The output `{name}` on line {number} has {} bytes, but one output holds at most {OUTPUT_MAX} (64 KiB).",
                value.len()
            ));
        }
        if value.contains('\0') {
            return Err(format!("The output `{name}` on line {number} holds the NUL character."));
        }
        outputs.insert(name.to_owned(), value);
    }
    Ok(outputs)
}

/// The lines up to the delimiter.
fn read_block<'t>(
    begun: usize,
    delimiter: &str,
    lines: &mut impl Iterator<Item = (usize, &'t str)>,
) -> Result<String, String> {
    if delimiter.is_empty() {
        return Err(format!("Line {begun} of the outputs has no delimiter after `<<`."));
    }
    let mut value: Option<String> = None;
    for (_, line) in lines {
        if line == delimiter {
            return Ok(value.unwrap_or_default());
        }
        match &mut value {
            None => value = Some(line.to_owned()),
            Some(value) => {
                value.push('\n');
                value.push_str(line);
            }
        }
    }
    Err(format!("The delimiter {} of line {begun} of the outputs never comes.", quoted(delimiter)))
}
