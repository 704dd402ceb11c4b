//! Removing what steps left, whatever they did to its rights. No symbolic link is followed.

use std::{fs, io, path::Path};

use nix::{
    fcntl::AT_FDCWD,
    sys::stat::{FchmodatFlags, Mode, fchmodat},
};

use crate::RunnerError;

/// Remove a file or a folder with all that is in it; fine if it is not there.
pub(crate) fn remove_tree(path: &Path) -> Result<(), RunnerError> {
    // Most often it is an empty folder or not there: one call.
    let removed = match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => fs::remove_file(path),
        Err(error) if error.kind() != io::ErrorKind::NotFound => remove_full(path),
        done => done,
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(RunnerError::Remove { path: path.to_path_buf(), source }),
        Ok(()) => Ok(()),
    }
}

fn remove_full(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            unlock(path)?;
            fs::remove_dir_all(path)
        }
        done => done,
    }
}

/// Give ourselves the right to remove what is in these folders.
fn unlock(folder: &Path) -> io::Result<()> {
    fchmodat(AT_FDCWD, folder, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // The type is that of the entry itself, so a link to a folder is no folder.
        if entry.file_type()?.is_dir() {
            unlock(&entry.path())?;
        }
    }
    Ok(())
}
