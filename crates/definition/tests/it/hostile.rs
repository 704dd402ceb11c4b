//! Texts that are made to hurt: each is refused soon, with its place. The bounds are far above what these take even in a
//! debug build on a busy machine, and far below what they would take if nothing stopped them.

use std::time::{Duration, Instant};

use definition::{Asking, ListedFile, Listing, SourceText, limits, read, read_inputs};
use model::runbook::{FileMode, Input};
use serde_json::json;

use crate::{
    inputs::STRING,
    repository::{codes, listing, read_one},
};

fn soon(name: &str, text: &str, bound: Duration) -> Vec<String> {
    let begun = Instant::now();
    let codes = codes(text);
    let took = begun.elapsed();
    assert!(took < bound, "{name} took {took:?}");
    codes
}

#[test]
fn brackets_end_at_the_depth_that_is_read() {
    for bracket in ["[", "{", "[{", "{a: ", "- ", "? ", "[[] , ", "{? "] {
        let text = bracket.repeat(40 * 1024 / bracket.len());
        let codes = soon(bracket, &text, Duration::from_secs(5));
        assert!(codes == ["too_deep"] || codes == ["syntax"], "{bracket}: {codes:?}");
    }
    let block: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(codes(&block), ["too_deep"]);
}

#[test]
fn the_deepest_that_is_read_is_read() {
    let nested =
        |depth: usize| format!("kind: Runbook\nname: x\nsteps: {}{}\n", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(codes(&nested(limits::DEPTH_MAX - 1)), ["wrong_type"]);
    assert_eq!(codes(&nested(limits::DEPTH_MAX)), ["too_deep"]);
}

#[test]
fn an_alias_bomb_is_never_lit() {
    let mut text = "a0: &a0 [lol, lol, lol]\n".to_owned();
    for i in 1..40 {
        text += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(", "));
    }
    let codes = soon("alias bomb", &text, Duration::from_secs(10));
    assert_eq!(codes.iter().filter(|code| *code == "alias").count(), 39 * 9);
    assert!(codes.contains(&"missing_kind".to_owned()));
}

#[test]
fn size_is_refused_without_parsing() {
    let text = "[".repeat(limits::DOCUMENT_MAX + 1);
    assert_eq!(soon("large", &text, Duration::from_secs(5)), ["document_too_large"]);
    let text = format!(
        "{}{}",
        "kind: Runbook\nname: x\nsteps: [{run: echo}]\n#",
        "x".repeat(limits::DOCUMENT_MAX - 44)
    );
    assert_eq!(text.len(), limits::DOCUMENT_MAX);
    assert_eq!(soon("at the limit", &text, Duration::from_secs(10)), [""; 0]);
}

#[test]
fn a_file_full_of_anything_ends_soon() {
    // A quarter of what is read: enough to tell, and soon enough for a test.
    let full = limits::DOCUMENT_MAX / 4;
    let fill = |piece: &str| piece.repeat(full / piece.len());
    let flow = format!("{}{}", "[".repeat(30), fill("a,"));
    let texts = [
        ("items", fill("- a\n")),
        ("flow items", flow[..full].to_owned()),
        ("items of a deep list", format!("{}{}", "[".repeat(200), fill("a,"))),
        ("keys of a deep mapping", format!("{}{}", "{".repeat(200), fill("a,"))),
        ("flow pairs", format!("[{}", &fill("a: b,")[1..])),
        ("documents", fill("---\n")),
        ("foreign documents", fill("---\napiVersion: v1\n")),
        ("wide characters", fill("ä: ö\n")),
        ("empty values", fill("-\n")),
        ("quotes", fill("\"")),
        ("colons", fill("a: ")),
        ("question marks", fill("? a\n")),
        ("anchors", fill("- &a\n")),
        ("tags", fill("- !t a\n")),
        ("blanks", fill(" ")),
        ("comments", fill("#\n")),
        ("one word", fill("a")),
        ("folded", format!("a: >\n{}", fill("  a\n\n"))),
        ("carriage returns", fill("\r")),
    ];
    for (name, text) in texts {
        let text = &text[..text.len().min(full)];
        soon(name, text, Duration::from_secs(30));
    }
}

#[test]
fn nodes_and_faults_are_counted() {
    let many = format!("a: [{}]\n", vec!["b"; limits::NODES_MAX].join(","));
    assert!(codes(&many).contains(&"too_many_nodes".to_owned()));
    let text: String = (0..5000).map(|i| format!("key{i}: x\n")).collect();
    let reading = read_one(&format!("kind: Runbook\nname: x\nsteps: [{{run: echo}}]\n{text}"));
    assert_eq!(reading.faults.len(), limits::FAULTS_MAX + 1);
    let last = reading.faults.last().unwrap();
    assert_eq!(last.code, "too_many_faults");
    assert_eq!(last.message, "This file has 4000 more faults, which are not shown.");
    assert!(reading.definitions.is_empty());
}

/// Looking for what was meant must not take longer than finding out that it is missing.
#[test]
fn many_slips_are_told_soon() {
    let file = ListedFile { mode: FileMode::Plain, size: 1, outside: false };
    let listing: Listing = (0..1000).map(|i| (format!("{}{i:06}", "a".repeat(50)), file)).collect();
    let steps: String = (0..1000).map(|i| format!("  - run: ./{}x{i:05}\n", "a".repeat(50))).collect();
    let text = format!("kind: Runbook\nname: x\nsteps:\n{steps}");
    let begun = Instant::now();
    let reading = read(&[SourceText { path: "a.yaml", text: &text }], &listing);
    assert_eq!(reading.faults.len(), 1000);

    let inputs: Vec<Input> = (0..200)
        .map(|i| Input {
            name: format!("{}{i:03}", "a".repeat(60)),
            kind: STRING,
            required: false,
            default: None,
            default_from: None,
            description: None,
            show_if: None,
            policy_visible: false,
        })
        .collect();
    let given = (0..15_000).map(|i| (format!("{}{i:05}", "a".repeat(58)), json!(1))).collect();
    let asking = Asking { now: jiff::Timestamp::UNIX_EPOCH, caller: "ada" };
    assert_eq!(read_inputs(&inputs, &[], &given, &asking).unwrap_err().len(), 15_000);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn files_are_counted() {
    let texts = vec![SourceText { path: "a.yaml", text: "" }; limits::DOCUMENTS_MAX + 1];
    let reading = read(&texts, &listing());
    assert_eq!(reading.faults.len(), 1);
    assert_eq!(reading.faults[0].code, "too_many_documents");
}
