//! What a step leaves in `$SIGNALBOX_OUTPUT`.

use std::collections::BTreeMap;

use definition::{limits, read_outputs};
use proptest::prelude::*;

fn outputs(text: &str) -> Vec<(String, String)> {
    read_outputs(text.as_bytes()).unwrap().into_iter().collect()
}

fn one(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

#[test]
fn a_line_is_a_name_and_all_the_rest() {
    assert_eq!(outputs(""), []);
    assert_eq!(outputs("\n \n"), []);
    assert_eq!(outputs("a=1"), one("a", "1"));
    assert_eq!(outputs("a=\n"), one("a", ""));
    assert_eq!(outputs("a= b = c << d \n"), one("a", " b = c << d "));
    assert_eq!(outputs("a=1\na=2\n"), one("a", "2"), "the last one wins");
    assert_eq!(outputs("a=x\r\n"), one("a", "x\r"), "bytes are kept");
}

#[test]
fn a_block_is_all_lines_up_to_its_delimiter() {
    assert_eq!(outputs("a<<END\nEND\n"), one("a", ""));
    assert_eq!(outputs("a<<END\n\nEND\n"), one("a", ""));
    assert_eq!(outputs("a<<END\nx=1\n END\nENDE\n\nEND\n"), one("a", "x=1\n END\nENDE\n"));
    assert_eq!(outputs("a<<E=O<<F\nx\nE=O<<F"), one("a", "x"));
    assert_eq!(outputs("a<<E\n1\nE\nb=2\n"), [one("a", "1"), one("b", "2")].concat());
}

#[test]
fn a_fault_names_its_line() {
    for (bytes, sentence) in [
        (
            &b"a=1\nnonsense\n"[..],
            "Line 2 of the outputs is `nonsense`, but `name=value` or `name<<DELIMITER` is expected.",
        ),
        (b"\n\nA=1", "Line 3 of the outputs names `A`, but a name matches `[a-z][a-z0-9_]*` (at most 63)."),
        (b"=1", "Line 1 of the outputs names ``, but a name matches `[a-z][a-z0-9_]*` (at most 63)."),
        (b"a =1", "Line 1 of the outputs names `a `, but a name matches `[a-z][a-z0-9_]*` (at most 63)."),
        (b"a<<\nx\n", "Line 1 of the outputs has no delimiter after `<<`."),
        (b"b=1\na<<END\nx\n END", "The delimiter `END` of line 2 of the outputs never comes."),
        (b"a=1\nb=\xff\n", "Line 2 of the outputs is not UTF-8."),
        (b"a=1\nb=x\0y\n", "The output `b` on line 2 holds the NUL character."),
        (
            b"\x1b[31m",
            "Line 1 of the outputs is `\\u{1b}[31m`, but `name=value` or `name<<DELIMITER` is expected.",
        ),
    ] {
        assert_eq!(read_outputs(bytes).unwrap_err(), sentence);
    }
}

#[test]
fn sizes_are_taken_to_the_limit_and_not_a_byte_beyond() {
    let value = |n| format!("a={}", "x".repeat(n));
    assert!(read_outputs(value(limits::OUTPUT_MAX).as_bytes()).is_ok());
    assert!(read_outputs(value(limits::OUTPUT_MAX + 1).as_bytes()).unwrap_err().contains("line 1"));
    assert!(read_outputs(&vec![b'\n'; limits::OUTPUTS_MAX]).is_ok());
    assert!(read_outputs(&vec![b'\n'; limits::OUTPUTS_MAX + 1]).is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        values in prop::collection::btree_map("[a-z][a-z0-9_]{0,10}", "([^\0]|\n|=|<<){0,40}", 0..6),
    ) {
        let mut file = String::new();
        for (name, value) in &values {
            file += &match value.contains('\n') {
                true => format!("{name}<<--END OF VALUE--\n{value}\n--END OF VALUE--\n"),
                false => format!("{name}={value}\n"),
            };
        }
        let read: BTreeMap<String, String> = read_outputs(file.as_bytes()).unwrap();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_outputs(&bytes);
    }
}
