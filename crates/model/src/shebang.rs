//! The first line of a script, read as the kernel reads it (`execve(2)`, *Interpreter scripts*).

/// The interpreter that a script's `#!` line names, and all the rest of the line as one argument; none without such a line,
/// or if it is not text.
///
/// Unlike the kernel this passes over a carriage return at the line's end, which only ever means a file from elsewhere.
pub fn shebang(script: &[u8]) -> Option<Vec<String>> {
    let line = script.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim_matches([' ', '\t', '\r']);
    let (program, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let words = [program, argument.trim_start_matches([' ', '\t'])];
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).map(str::to_owned).collect();
    if words.is_empty() { None } else { Some(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_read_as_the_kernel_does() {
        for (script, expected) in [
            ("#!/bin/sh\n", vec!["/bin/sh"]),
            ("#!/usr/bin/env python3\nprint()", vec!["/usr/bin/env", "python3"]),
            ("#! \t/usr/bin/env  -S perl -w \n", vec!["/usr/bin/env", "-S perl -w"]),
            ("#!/bin/sh -e\r\n", vec!["/bin/sh", "-e"]),
            ("#!/bin/sh", vec!["/bin/sh"]),
        ] {
            let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(shebang(script.as_bytes()), Some(expected), "{script:?}");
        }
        for none in ["#!\n", "#!  \n/bin/sh", "echo '#!/bin/sh'", " #!/bin/sh", "# !/bin/sh", ""] {
            assert_eq!(shebang(none.as_bytes()), None, "{none:?}");
        }
        assert_eq!(shebang(b"#!/bin/\xff\n"), None);
        assert_eq!(shebang(b"\x7fELF\0"), None);
    }
}
