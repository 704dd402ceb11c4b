//! From what somebody sent to what the store keeps: decode, check, bind each definition to its files by digest.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use definition::{ListedFile, Listing, SourceText};
use model::{
    api::{ApplyRequest, Fault, SourceFile},
    definition::Compiled,
    name::Digest,
    runbook::VersionFile,
};
use store::NewDefinition;

/// A repository without faults.
pub(crate) struct Checked {
    pub(crate) definitions: Vec<NewDefinition>,
    /// What each of them became, in the same order.
    pub(crate) compiled: Vec<Compiled>,
    pub(crate) files: BTreeMap<Digest, Vec<u8>>,
    pub(crate) remarks: Vec<Fault>,
}

struct Decoded<'a> {
    source: &'a SourceFile,
    sha256: Digest,
    bytes: Vec<u8>,
}

/// Check what was sent, as the sender could have done: nothing is taken on trust.
///
/// # Errors
/// All faults, and the remarks with them.
pub(crate) fn check(request: &ApplyRequest) -> Result<Checked, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut decoded: BTreeMap<&str, Decoded<'_>> = BTreeMap::new();
    for source in &request.files {
        match STANDARD.decode(&source.content_base64) {
            Ok(bytes) => {
                let sha256 = definition::sha256(&bytes);
                let twice = decoded.insert(&source.path, Decoded { source, sha256, bytes }).is_some();
                if twice {
                    faults.push(Fault::without_place(
                        "file_twice",
                        &source.path,
                        "This file was sent twice.",
                    ));
                }
            }
            Err(error) => {
                let message = format!("The content of this file is not base64: {error}.");
                faults.push(Fault::without_place("not_base64", &source.path, &message));
            }
        }
    }
    let listing: Listing = decoded
        .iter()
        .map(|(path, file)| {
            let size = file.bytes.len() as u64;
            ((*path).to_owned(), ListedFile { mode: file.source.mode, size, outside: false })
        })
        .collect();
    let texts: Vec<SourceText<'_>> = request
        .documents
        .iter()
        .map(|document| SourceText { path: &document.path, text: &document.text })
        .collect();
    let reading = definition::read(&texts, &listing);
    let failed = reading.has_errors() || !faults.is_empty();
    faults.extend(reading.faults);
    if failed {
        return Err(faults);
    }

    let mut files = BTreeMap::new();
    let mut definitions = Vec::with_capacity(reading.definitions.len());
    let mut compiled = Vec::with_capacity(reading.definitions.len());
    for read in reading.definitions {
        let mut own = Vec::with_capacity(read.files.len());
        for path in &read.files {
            // The check has found each of them in the listing.
            let Some(file) = decoded.get(path.as_str()) else { continue };
            own.push(VersionFile {
                path: path.clone(),
                mode: file.source.mode,
                size: file.bytes.len() as u64,
                sha256: file.sha256.clone(),
            });
            files.entry(file.sha256.clone()).or_insert_with(|| file.bytes.clone());
        }
        definitions.push(NewDefinition {
            kind: read.kind.name().to_owned(),
            name: read.name,
            path: read.path.clone(),
            digest: definition::digest(&read.document, &own),
            text: read.text,
            document: read.document,
            compiled: stored(&read.compiled).map_err(|error| vec![not_stored(&read.path, &error)])?,
            service: read.compiled.service().map(str::to_owned),
            effect: read.compiled.as_runbook().map(|runbook| runbook.effect),
            files: own,
        });
        compiled.push(read.compiled);
    }
    Ok(Checked { definitions, compiled, files, remarks: faults })
}

/// As the store keeps it: the definition itself, whose kind stands beside it.
fn stored(compiled: &Compiled) -> serde_json::Result<serde_json::Value> {
    match compiled {
        Compiled::Runbook(runbook) => serde_json::to_value(runbook),
        Compiled::Inventory(inventory) => serde_json::to_value(inventory),
        Compiled::Team(team) => serde_json::to_value(team),
        Compiled::Service(service) => serde_json::to_value(service),
        Compiled::Schedule(schedule) => serde_json::to_value(schedule),
    }
}

fn not_stored(path: &str, error: &serde_json::Error) -> Fault {
    Fault::without_place("not_stored", path, &format!("This definition cannot be kept: {error}."))
}
