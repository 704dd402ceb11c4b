//! How one file of a version differs from the same file of another.

use std::time::Duration;

use model::api::FileDiff;
use similar::{ChangeTag, TextDiff};

/// Beyond this many bytes a difference is told and not drawn.
const DRAWN_MAX: usize = 4 * 1024 * 1024;

/// The unified diff of a file; none if it does not differ. `None` on one side: it is not there.
pub fn diff(path: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> Option<FileDiff> {
    if before == after {
        return None;
    }
    let mut file = FileDiff {
        path: path.to_owned(),
        text: String::new(),
        binary: false,
        added: before.is_none(),
        removed: after.is_none(),
        lines_added: 0,
        lines_removed: 0,
    };
    let text =
        |bytes: Option<&'_ [u8]>| std::str::from_utf8(bytes.unwrap_or_default()).ok().map(str::to_owned);
    let (Some(old), Some(new)) = (text(before), text(after)) else {
        file.binary = true;
        return Some(file);
    };
    if old.len() + new.len() > DRAWN_MAX || old.contains('\0') || new.contains('\0') {
        file.binary = true;
        return Some(file);
    }
    // Where time runs out the answer is coarser, and still right.
    let drawn = TextDiff::configure().timeout(Duration::from_secs(2)).diff_lines(&old, &new);
    for change in drawn.iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => file.lines_added += 1,
            ChangeTag::Delete => file.lines_removed += 1,
            ChangeTag::Equal => {}
        }
    }
    let from = if file.added { "/dev/null".to_owned() } else { format!("a/{path}") };
    let to = if file.removed { "/dev/null".to_owned() } else { format!("b/{path}") };
    file.text = drawn.unified_diff().header(&from, &to).to_string();
    Some(file)
}
