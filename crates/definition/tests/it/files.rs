//! What a version may hold.

use definition::{ListedFile, Listing, SourceText, limits, read};
use model::runbook::FileMode;

fn files(count: usize, size: u64) -> Listing {
    (0..count)
        .map(|i| (format!("data/{i:05}.txt"), ListedFile { mode: FileMode::Plain, size, outside: false }))
        .collect()
}

fn codes(listing: &Listing) -> Vec<String> {
    let text = "kind: Runbook\nname: x\nfiles: [data/*]\nsteps: [{run: echo}]\n";
    read(&[SourceText { path: "a.yaml", text }], listing).faults.into_iter().map(|fault| fault.code).collect()
}

#[test]
fn a_version_holds_so_many_files_and_not_one_more() {
    assert_eq!(codes(&files(limits::FILES_MAX, 1)), [""; 0]);
    assert_eq!(codes(&files(limits::FILES_MAX + 1, 1)), ["too_many_files"]);
}

#[test]
fn a_version_holds_so_many_bytes_and_not_one_more() {
    assert_eq!(codes(&files(4, limits::FILE_MAX)), [""; 0]);
    assert_eq!(codes(&files(5, limits::FILE_MAX)), ["files_too_large"]);
    assert_eq!(codes(&files(1, limits::FILE_MAX + 1)), ["file_too_large"]);
    assert_eq!(codes(&files(3, u64::MAX)), ["file_too_large"; 3], "sizes do not overflow");
}

#[test]
fn patterns_are_counted_and_bounded() {
    let listing = files(2, 1);
    let read = |patterns: &[String]| {
        let text = format!(
            "kind: Runbook\nname: x\nfiles: {}\nsteps: [{{run: echo}}]\n",
            serde_json::json!(patterns)
        );
        let reading = read(&[SourceText { path: "a.yaml", text: &text }], &listing);
        reading.faults.into_iter().map(|fault| fault.code).collect::<Vec<_>>()
    };
    let pattern = "data/*".to_owned();
    assert_eq!(read(&vec![pattern.clone(); limits::GLOBS_MAX]), [""; 0]);
    assert_eq!(read(&vec![pattern; limits::GLOBS_MAX + 1]), ["too_many"]);
    assert_eq!(read(&["a".repeat(limits::GLOB_MAX + 1)]), ["bad_glob"]);
    let nested = format!("{}{}", "{".repeat(limits::GLOB_MAX / 2), "}".repeat(limits::GLOB_MAX / 2));
    let code = read(&[nested]);
    assert!(code == ["bad_glob"] || code == ["glob_without_match"], "{code:?}");
}
