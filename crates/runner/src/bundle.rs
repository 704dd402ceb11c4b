//! The files of a version, laid out read-only.

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use model::runbook::FileMode;

use crate::RunnerError;

/// A file that belongs to the version that a run performs.
#[derive(Clone, Debug)]
pub struct BundleFile {
    /// From the root of the repository, with `/`, without `./`.
    pub path: String,
    pub mode: FileMode,
    pub bytes: Arc<[u8]>,
}

/// Is it a path that stays inside the folder it is joined to?
pub(crate) fn is_inside(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'))
}

/// Write `files` into the folder `root`, which is made, then take the right to write away.
pub(crate) fn lay_out(root: &Path, files: &[BundleFile]) -> Result<(), RunnerError> {
    let mut folders = BTreeSet::new();
    make_folder(root)?;
    folders.insert(root.to_path_buf());
    for file in files {
        if !is_inside(&file.path) {
            return Err(RunnerError::BadPath(file.path.clone()));
        }
        let path = root.join(&file.path);
        for folder in missing(&path, &folders) {
            make_folder(&folder)?;
            folders.insert(folder);
        }
        write(&path, file).map_err(|source| RunnerError::Create { path, source })?;
    }
    for path in folders {
        fs::set_permissions(&path, Permissions::from_mode(0o555))
            .map_err(|source| RunnerError::Create { path, source })?;
    }
    Ok(())
}

/// The folders above `path` that are not there yet, outermost first.
fn missing(path: &Path, there: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let mut folders: Vec<_> = path
        .ancestors()
        .skip(1)
        .take_while(|folder| !there.contains(*folder))
        .map(Path::to_path_buf)
        .collect();
    folders.reverse();
    folders
}

pub(crate) fn make_folder(path: &Path) -> Result<(), RunnerError> {
    fs::DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(|source| RunnerError::Create { path: path.to_path_buf(), source })
}

fn write(path: &Path, file: &BundleFile) -> io::Result<()> {
    let mode = match file.mode {
        FileMode::Plain => 0o444,
        FileMode::Executable => 0o555,
    };
    File::options().write(true).create_new(true).mode(mode).open(path)?.write_all(&file.bytes)
}
