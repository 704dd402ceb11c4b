//! What holds for every text, however it came about.

use definition::{SourceText, digest, interpreter, read};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::repository::{listing, read_one};

const WHOLE: &str = include_str!("fixtures/good/whole-language.yaml");
const SEVERAL: &str = include_str!("fixtures/good/several.yaml");
const BAD: &str = include_str!("fixtures/bad/types.yaml");

/// Reads a text and checks what every answer has to keep to.
fn holds(text: &str) {
    let reading = read(&[SourceText { path: "a.yaml", text }], &listing());
    for fault in &reading.faults {
        let marked = text.get(fault.offset..fault.offset + fault.length);
        assert!(marked.is_some_and(|marked| !marked.contains('\n')), "{fault:?}");
        assert!(fault.line >= 1 && fault.column >= 1, "{fault:?}");
        assert!(!fault.message.chars().any(char::is_control), "{fault:?}");
    }
    for definition in &reading.definitions {
        assert!(text.contains(&definition.text));
        assert_eq!(definition.document["name"], json!(definition.name));
        // A definition's own text means the same as it did among the others.
        let alone = read(&[SourceText { path: "a.yaml", text: &definition.text }], &listing());
        assert_eq!(alone.definitions.len(), 1, "{:?}", definition.text);
        assert_eq!(alone.definitions[0].document, definition.document);
    }
}

/// A text that somebody has had their hands in: pieces cut out, doubled, or put in from elsewhere.
fn mutated() -> impl Strategy<Value = String> {
    let cut = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), piece());
    (prop::sample::select(vec![WHOLE, SEVERAL, BAD]), prop::collection::vec(cut, 1..6)).prop_map(
        |(text, cuts)| {
            let mut text: Vec<char> = text.chars().collect();
            for (from, length, piece) in cuts {
                if text.is_empty() {
                    break;
                }
                let from = from.index(text.len());
                let to = from + length.index((text.len() - from).min(12) + 1);
                text.splice(from..to.min(text.len()), piece.chars());
            }
            text.into_iter().collect()
        },
    )
}

fn piece() -> impl Strategy<Value = String> {
    let sharp = [
        "",
        "\n",
        "\n  ",
        "\n- ",
        "---\n",
        "...\n",
        ": ",
        "- ",
        "? ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a ",
        "*a",
        "!t ",
        "!!str ",
        "|",
        ">-\n",
        "'",
        "\"",
        "\\",
        "#",
        "%YAML 1.2\n",
        "<<: ",
        "\t",
        "\r",
        "\0",
        "\u{feff}",
        "ä",
        "😀",
        "~",
        "null",
        "apiVersion: v1\n",
        "99999999999999999999",
        "1.5",
        "{{",
        "\u{2028}",
        "\u{85}",
    ];
    prop_oneof![prop::sample::select(sharp.map(str::to_owned).to_vec()), ".{0,8}"]
}

/// A document as JSON, and its text as YAML with the keys in a given order.
fn flow(value: &Value, order: u64) -> String {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", json!(key), flow(value, order))).collect();
            let turn = usize::try_from(order).unwrap_or(0) % pairs.len().max(1);
            pairs.rotate_left(turn);
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| flow(item, order)).collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

fn runbook() -> impl Strategy<Value = Value> {
    let text = "[ -~äöü😀]{1,20}";
    (text, text, prop::collection::vec(text, 1..4), 1..10_000_i64).prop_map(
        |(title, description, arguments, limit)| {
            let arguments: Vec<String> = ["echo".to_owned()]
                .into_iter()
                .chain(arguments.iter().map(|a| a.replace("{{", "")))
                .collect();
            let mut document = Map::new();
            document.insert("kind".to_owned(), json!("Runbook"));
            document.insert("name".to_owned(), json!("x"));
            document.insert("title".to_owned(), json!(title));
            document.insert("description".to_owned(), json!(description));
            document.insert("output_limit".to_owned(), json!(limit));
            document.insert("inputs".to_owned(), json!({"a": {"type": "integer", "default": limit}}));
            document.insert("steps".to_owned(), json!([{"command": arguments}]));
            Value::Object(document)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in "(.|\n){0,300}") {
        holds(&text);
    }

    #[test]
    fn any_mutated_document_is_answered(text in mutated()) {
        holds(&text);
    }

    #[test]
    fn any_yaml_confetti_is_answered(pieces in prop::collection::vec(piece(), 0..40)) {
        holds(&pieces.concat());
    }

    #[test]
    fn any_first_line_has_an_interpreter(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let declared = ["sh".to_owned()];
        prop_assert!(!interpreter(&bytes, &declared).is_empty());
        prop_assert!(!interpreter(&[&b"#!"[..], &bytes].concat(), &declared).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_keys_and_comments_leave_the_digest_alone(document in runbook(), order in 0..20_u64) {
        let text = format!("# {order}\n{}\n# end\n", flow(&document, order));
        let reading = read_one(&text);
        prop_assert_eq!(&reading.faults, &[], "{}", text);
        prop_assert_eq!(&reading.definitions[0].document, &document);
        prop_assert_eq!(digest(&reading.definitions[0].document, &[]), digest(&document, &[]));
    }

    #[test]
    fn any_other_value_is_another_digest(
        document in runbook(),
        key in prop::sample::select(vec!["title", "name", "steps", "output_limit"]),
        other in "[a-z]{5}",
    ) {
        let mut changed = document.clone();
        changed[key] = json!(format!("{}{other}", changed[key]));
        prop_assert_ne!(digest(&changed, &[]), digest(&document, &[]));
    }
}
