//! Versions that were performed lately, whole, so that a start reads nothing but its run.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use model::{name::Digest, runbook::Runbook};
use runner::BundleFile;
use store::{Store, StoreError};

/// Versions kept.
const KEPT: usize = 64;
/// Bytes of files kept; a larger version is read each time.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// A version, ready to be performed.
pub(crate) struct Version {
    pub(crate) runbook: Runbook,
    pub(crate) files: Vec<BundleFile>,
}

type Key = (String, String, Digest);

#[derive(Default)]
pub(crate) struct Versions(Mutex<VecDeque<(Key, Arc<Version>)>>);

impl Versions {
    /// A version that a run is pinned to, or that it calls. Its files' digests are checked: what was published is what
    /// runs (law 3).
    pub(crate) async fn of(
        &self,
        store: &Store,
        project: &str,
        runbook: &str,
        digest: &Digest,
    ) -> Result<Arc<Version>, StoreError> {
        let key = (project.to_owned(), runbook.to_owned(), digest.clone());
        let known = |kept: &VecDeque<(Key, Arc<Version>)>| {
            kept.iter().find(|(other, _)| *other == key).map(|(_, version)| version.clone())
        };
        if let Some(version) = known(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(version);
        }
        let loaded = store.load_version(project, runbook, digest).await?;
        let mut files = Vec::with_capacity(loaded.files.len());
        for stored in loaded.files {
            if definition::sha256(&stored.bytes) != stored.file.sha256 {
                return Err(StoreError::Corrupt(format!(
                    "the file `{}` is not what was published",
                    stored.file.path
                )));
            }
            files.push(BundleFile {
                path: stored.file.path,
                mode: stored.file.mode,
                bytes: stored.bytes.into(),
            });
        }
        let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
        let version = Arc::new(Version { runbook: loaded.runbook, files });
        if bytes <= KEPT_BYTES {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_front((key, version.clone()));
            kept.truncate(KEPT);
        }
        Ok(version)
    }
}
