//! Which interpreter a script file asks for, by the kernel's rules.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

/// The interpreter of a script that begins with these bytes, and at most one argument: what its `#!` line says, else
/// the declared one.
pub fn interpreter(script: &[u8], declared: &[String]) -> Vec<OsString> {
    let declared = || declared.iter().map(OsString::from).collect();
    let Some(line) = script.strip_prefix(b"#!") else { return declared() };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = trim(line);
    let end = line.iter().position(|byte| is_blank(*byte)).unwrap_or(line.len());
    let (program, argument) = line.split_at(end);
    if program.is_empty() {
        return declared();
    }
    // All that follows is one argument, blanks inside included.
    let argument = trim(argument);
    [program, argument]
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(|word| OsStr::from_bytes(word).to_os_string())
        .collect()
}

fn trim(mut line: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = line
        && is_blank(*first)
    {
        line = rest;
    }
    while let [rest @ .., last] = line
        && is_blank(*last)
    {
        line = rest;
    }
    line
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_read_as_the_kernel_reads_it() {
        let declared = ["/bin/sh".to_owned(), "-e".to_owned()];
        for (script, words) in [
            ("#!/bin/bash\nx", vec!["/bin/bash"]),
            ("#! \t/usr/bin/env  python3 -u \t\nx", vec!["/usr/bin/env", "python3 -u"]),
            ("#!/usr/bin/perl -w", vec!["/usr/bin/perl", "-w"]),
            ("#!/bin/sh\r\n", vec!["/bin/sh\r"]),
            ("#!\n", vec!["/bin/sh", "-e"]),
            ("#!  \n/bin/bash", vec!["/bin/sh", "-e"]),
            (" #!/bin/bash\n", vec!["/bin/sh", "-e"]),
            ("# !/bin/bash\n", vec!["/bin/sh", "-e"]),
            ("", vec!["/bin/sh", "-e"]),
        ] {
            assert_eq!(interpreter(script.as_bytes(), &declared), words, "{script:?}");
        }
    }
}
