//! The name of a version: what it says and the files it uses, whatever the order of its keys, its comments and its quotes.

use model::{
    inventory::Inventory,
    name::Digest,
    runbook::{InputValues, VersionFile},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// SHA-256 over the document's RFC 8785 form, followed by a line for each file in the order of their paths: a line break,
/// its mode as six octal digits, its own SHA-256 and its path, with blanks between.
///
/// The canonical form holds no line break and neither does a path that [`crate::read`] let pass, so that no two versions
/// can look alike here.
pub fn digest(document: &serde_json::Value, files: &[VersionFile]) -> Digest {
    let mut hash = Sha256::new_with_prefix(canonical(document));
    let mut files: Vec<&VersionFile> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    for file in files {
        hash.update(format!("\n{} {} {}", file.mode.octal(), file.sha256, file.path));
    }
    Digest::from_bytes(&hash.finalize().into())
}

/// SHA-256 over the RFC 8785 form of the values: what an approval is bound to.
pub fn inputs_digest(values: &InputValues) -> Digest {
    sha256(&canonical(values))
}

/// The digest of an inventory's targets, whatever document they stand in.
pub fn inventory_digest(inventory: &Inventory) -> Digest {
    sha256(&canonical(inventory))
}

/// SHA-256 over a line for each version that a run is pinned to, each once and in the order of the lines: kind, name and digest,
/// with blanks between.
/// What an approval is bound to (law 3): whatever changed in any of them, this is another.
pub fn bundle_digest<'v>(versions: impl IntoIterator<Item = (&'v str, &'v str, &'v Digest)>) -> Digest {
    let mut lines: Vec<String> =
        versions.into_iter().map(|(kind, name, digest)| format!("{kind} {name} {digest}\n")).collect();
    lines.sort();
    lines.dedup();
    sha256(lines.concat().as_bytes())
}

pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(&Sha256::digest(bytes).into())
}

fn canonical(value: &impl Serialize) -> Vec<u8> {
    #[expect(
        clippy::expect_used,
        reason = "JSON values and maps of scalars have text keys and finite numbers"
    )]
    serde_json_canonicalizer::to_vec(value).expect("a JSON value has a canonical form")
}
