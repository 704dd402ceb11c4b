//! What a step says to the steps after it, in the file `$SIGNALBOX_OUTPUT`, and what a collector observed, in the same form in
//! `$SIGNALBOX_FACTS`:
//!
//! ```text
//! name=value
//! name<<END
//! many
//! lines
//! END
//! ```
//!
//! The last value of a name counts; empty lines count for nothing.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use model::name::is_identifier;
use nix::{errno::Errno, fcntl::OFlag};

/// Most bytes of the file.
const FILE_MAX: usize = 1024 * 1024;

/// Which of the two files it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Outputs,
    Facts,
}

impl Kind {
    pub fn variable(self) -> &'static str {
        match self {
            Self::Outputs => "SIGNALBOX_OUTPUT",
            Self::Facts => "SIGNALBOX_FACTS",
        }
    }

    fn one(self) -> &'static str {
        match self {
            Self::Outputs => "an output",
            Self::Facts => "a fact",
        }
    }

    /// Most bytes of one value.
    fn value_max(self) -> usize {
        match self {
            Self::Outputs => 64 * 1024,
            Self::Facts => 4 * 1024,
        }
    }
}

/// What stands before the first fault, and that fault in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outputs {
    pub values: BTreeMap<String, String>,
    pub fault: Option<String>,
}

/// Read what a step that has ended wrote. The step could put anything at this path.
pub(crate) fn read(path: &Path, kind: Kind) -> Outputs {
    match read_file(path, kind.variable()) {
        Ok(text) => parse(&text, kind),
        Err(fault) => Outputs { values: BTreeMap::new(), fault: Some(fault) },
    }
}

fn read_file(path: &Path, variable: &str) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| format!("`${variable}` cannot be read: {error}");
    let plain = "append to it, do not put something else in its place";
    // Neither is a link followed nor a FIFO waited for.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.raw_os_error() == Some(Errno::ELOOP as i32) => {
            return Err(format!("`${variable}` is a symbolic link: {plain}"));
        }
        opened => opened.map_err(failed)?,
    };
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(format!("`${variable}` is not a plain file any more: {plain}"));
    }
    let mut text = Vec::new();
    if about.len() > 0 {
        file.take(FILE_MAX as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    }
    if text.len() > FILE_MAX {
        return Err(format!("`${variable}` holds more than 1 MiB: it is for small values"));
    }
    Ok(text)
}

fn parse(text: &[u8], kind: Kind) -> Outputs {
    let mut outputs = Outputs::default();
    let mut lines = Lines { rest: text, number: 0 };
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let number = lines.number;
        match parse_one(line, kind, &mut lines) {
            Ok((name, value)) => {
                outputs.values.insert(name, value);
            }
            Err(fault) => {
                outputs.fault = Some(format!("`${}`, line {number}: {fault}", kind.variable()));
                break;
            }
        }
    }
    outputs
}

/// One output, which begins at `line` and may take further lines.
fn parse_one(line: &[u8], kind: Kind, lines: &mut Lines<'_>) -> Result<(String, String), String> {
    let marks = |(place, byte): (usize, &u8)| *byte == b'=' || line[place..].starts_with(b"<<");
    let place = line
        .iter()
        .enumerate()
        .position(marks)
        .ok_or_else(|| format!("`{}` is neither `name=value` nor `name<<END`", shown(line)))?;
    let name =
        std::str::from_utf8(&line[..place]).ok().filter(|name| is_identifier(name)).ok_or_else(|| {
            format!(
                "`{}` is not a name of {}: a-z first, then a-z, 0-9 and `_`, at most 63 characters",
                shown(&line[..place]),
                kind.one()
            )
        })?;
    let value = match &line[place..] {
        [b'=', value @ ..] => value.to_vec(),
        mark => until(&mark[2..], name, lines)?,
    };
    let most = kind.value_max();
    if value.len() > most {
        let instead = match kind {
            Kind::Outputs => "keep it in a file of the working directory",
            Kind::Facts => "observe a digest of it, or a part",
        };
        return Err(format!("the value of `{name}` is longer than {} KiB: {instead}", most / 1024));
    }
    if value.contains(&0) {
        return Err(format!("the value of `{name}` holds a NUL"));
    }
    let value = String::from_utf8(value).map_err(|_| format!("the value of `{name}` is not UTF-8"))?;
    Ok((name.to_owned(), value))
}

/// The lines until one that is `mark`.
fn until(mark: &[u8], name: &str, lines: &mut Lines<'_>) -> Result<Vec<u8>, String> {
    if mark.is_empty() {
        return Err(format!("`{name}<<` names no word that ends the value"));
    }
    let mut value: Option<Vec<u8>> = None;
    loop {
        let line = lines.next().ok_or_else(|| {
            format!("the value of `{name}` has no end: no line is exactly `{}`", shown(mark))
        })?;
        if line == mark {
            return Ok(value.unwrap_or_default());
        }
        match &mut value {
            Some(value) => {
                value.push(b'\n');
                value.extend_from_slice(line);
            }
            none => *none = Some(line.to_vec()),
        }
    }
}

/// For a message: not too long, with nothing that would confuse a terminal.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
    text.escape_debug().to_string()
}

struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let (line, rest) = match end {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &self.rest[self.rest.len()..]),
        };
        self.rest = rest;
        self.number += 1;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let outputs = parse(text.as_bytes(), Kind::Outputs);
        assert_eq!(outputs.fault, None);
        outputs.values.into_iter().collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(values(""), []);
        assert_eq!(values("\n\n"), []);
        assert_eq!(values("a=1"), [pair("a", "1")]);
        assert_eq!(values("a=\n"), [pair("a", "")]);
        assert_eq!(values("a= x=y<<z \n"), [pair("a", " x=y<<z ")]);
        assert_eq!(values("a=1\nb=2\na=3\n"), [pair("a", "3"), pair("b", "2")]);
        assert_eq!(values("a<<END\none\n\n EOF\nEND\nb=1\n"), [pair("a", "one\n\n EOF"), pair("b", "1")]);
        assert_eq!(values("a<<=\n\n="), [pair("a", "")]);
        assert_eq!(values("a<<E\n\n\nE"), [pair("a", "\n")]);
        assert_eq!(values("a<<E\nE\n"), [pair("a", "")]);
        assert_eq!(values("emoji=🚦\r"), [pair("emoji", "🚦\r")]);
    }

    #[test]
    fn a_fault_names_its_line_and_keeps_what_was_before() {
        for (text, fault) in [
            ("nonsense", "neither `name=value`"),
            ("Region=eu", "`Region` is not a name"),
            ("=x", "`` is not a name"),
            ("b<<\n", "names no word"),
            ("b<<END\nx\nEND \n", "no line is exactly `END`"),
            ("b=\0", "holds a NUL"),
        ] {
            let outputs = parse(format!("a=1\n\n{text}").as_bytes(), Kind::Outputs);
            let words = outputs.fault.unwrap();
            assert!(words.starts_with("`$SIGNALBOX_OUTPUT`, line 3: ") && words.contains(fault), "{words}");
            assert_eq!(outputs.values.into_iter().collect::<Vec<_>>(), [pair("a", "1")]);
        }
        assert!(parse(b"a=\xff", Kind::Outputs).fault.unwrap().contains("not UTF-8"));
        assert!(parse(format!("a={}", "x".repeat(64 * 1024)).as_bytes(), Kind::Outputs).fault.is_none());
        assert!(
            parse(format!("a={}", "x".repeat(64 * 1024 + 1)).as_bytes(), Kind::Outputs)
                .fault
                .unwrap()
                .contains("64 KiB")
        );
    }

    #[test]
    fn facts_are_smaller() {
        let facts = |length: usize| parse(format!("a={}", "x".repeat(length)).as_bytes(), Kind::Facts);
        assert_eq!(facts(4096).fault, None);
        let fault = facts(4097).fault.unwrap();
        assert!(fault.starts_with("`$SIGNALBOX_FACTS`, line 1: ") && fault.contains("4 KiB"), "{fault}");
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'='), Just(b'<'), Just(b'a'), any::<u8>()], 0..200)) {
            parse(&text, Kind::Facts);
        }

        #[test]
        fn any_value_comes_back(value in "[^\0]{0,300}") {
            let outputs = parse(format!("v<<--end--\n{value}\n--end--\n").as_bytes(), Kind::Outputs);
            prop_assert_eq!(outputs.values.get("v"), Some(&value));
        }
    }
}
