//! The digest is the name of a version: the same meaning has the same one, anything else another.

use std::collections::BTreeMap;

use definition::{digest, inputs_digest, sha256};
use model::runbook::{FileMode, InputValue, VersionFile};
use serde_json::json;

use crate::repository::sound;

fn file(path: &str, mode: FileMode, bytes: &[u8]) -> VersionFile {
    VersionFile { path: path.to_owned(), mode, size: bytes.len() as u64, sha256: sha256(bytes) }
}

#[test]
fn it_is_what_the_documentation_says() {
    let files = [file("b.sh", FileMode::Executable, b"two"), file("a.txt", FileMode::Plain, b"one")];
    let written = format!(
        "{{\"a\":[1,\"ä\"],\"b\":null}}\n100644 {} a.txt\n100755 {} b.sh",
        sha256(b"one"),
        sha256(b"two")
    );
    assert_eq!(digest(&json!({"b": null, "a": [1, "ä"]}), &files), sha256(written.as_bytes()));
    assert_eq!(sha256(b"").as_str(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn it_does_not_see_order_comments_quotes_or_indentation() {
    let one = sound(
        "kind: Runbook\nname: x\ntitle: A title\ninputs: {a: {type: string, default: b}}\n\
         steps: [{run: echo, timeout: 1m}]\n",
    );
    let two = sound(
        "---\n# A comment.\nsteps:\n    - timeout: '1m'   # why\n      run: \"echo\"\n'title': >-\n  A\n  title\nname: x\n\
         inputs:\n  a:\n    default: b\n    type: string\nkind: Runbook\n",
    );
    assert_ne!(one.text, two.text);
    assert_eq!(one.document, two.document);
    assert_eq!(digest(&one.document, &[]), digest(&two.document, &[]));
}

#[test]
fn it_sees_each_value_and_each_part_of_a_file() {
    let document = json!({"a": "1", "b": [true, {"c": 1}]});
    let base = [file("x", FileMode::Plain, b"one"), file("y", FileMode::Plain, b"two")];
    let mut all = vec![
        digest(&document, &base),
        digest(&document, &[]),
        digest(&document, &base[..1]),
        digest(&document, &base[1..]),
        digest(&document, &[file("x", FileMode::Executable, b"one"), base[1].clone()]),
        digest(&document, &[file("x", FileMode::Plain, b"onE"), base[1].clone()]),
        digest(&document, &[file("z", FileMode::Plain, b"one"), base[1].clone()]),
        digest(&document, &[file("x", FileMode::Plain, b"two"), file("y", FileMode::Plain, b"one")]),
    ];
    for other in [
        json!({"a": 1, "b": [true, {"c": 1}]}),
        json!({"a": "1", "b": [false, {"c": 1}]}),
        json!({"a": "1", "b": [{"c": 1}, true]}),
        json!({"a": "1", "b": [true, {"c": 2}]}),
        json!({"a": "1", "b": [true, {"c": null}]}),
        json!({"a": "1", "b": [true, {}]}),
        json!({"a": "1"}),
        json!({"A": "1", "b": [true, {"c": 1}]}),
    ] {
        all.push(digest(&other, &base));
    }
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "all differ");
}

#[test]
fn numbers_have_one_form() {
    for (written, canonical) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1.0", "1"),
        ("1.50", "1.5"),
        ("-17", "-17"),
        ("9007199254740991", "9007199254740991"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("123456789012345678901234.0", "1.2345678901234569e+23"),
    ] {
        let reading = crate::repository::read_one(&format!(
            "kind: Runbook\nname: x\nsteps: [{{run: echo}}]\ntimeout: {written}\n"
        ));
        assert!(reading.has_errors(), "no number is a timeout");
        let value = written
            .parse::<i64>()
            .map(|n| json!(n))
            .unwrap_or_else(|_| json!(written.parse::<f64>().unwrap()));
        assert_eq!(
            digest(&json!({"n": value}), &[]),
            sha256(format!("{{\"n\":{canonical}}}").as_bytes()),
            "{written} is {value}"
        );
    }
}

#[test]
fn keys_are_ordered_as_utf_16() {
    let expected = "{\"\\r\":1,\"1\":2,\"ö\":3,\"€\":4,\"😀\":5,\"\u{fb33}\":6}";
    let value = json!({"€": 4, "\r": 1, "\u{fb33}": 6, "1": 2, "😀": 5, "ö": 3});
    assert_eq!(digest(&value, &[]), sha256(expected.as_bytes()));
}

#[test]
fn inputs_of_another_type_are_other_inputs() {
    let one = BTreeMap::from([("a".to_owned(), InputValue::Integer(42))]);
    let two = BTreeMap::from([("a".to_owned(), InputValue::Text("42".to_owned()))]);
    assert_eq!(inputs_digest(&one), sha256(b"{\"a\":42}"));
    assert_eq!(inputs_digest(&two), sha256(b"{\"a\":\"42\"}"));
    assert_eq!(inputs_digest(&BTreeMap::new()), sha256(b"{}"));
}
