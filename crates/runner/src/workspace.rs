//! The folder of one run.
//!
//! ```text
//! <root>/<run>/work/                  where all steps of the run work, one after the other
//! <root>/<run>/<bundle>/              a version's files, read-only; only if it has any
//! <root>/<run>/<step>-<attempt>.*     script, outputs and TMPDIR of an attempt, while it runs
//! ```
//!
//! Making and removing a folder costs more than all else around a small step, so there are no more of them.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    BundleFile, RunnerError,
    bundle::{lay_out, make_folder},
    process::Process,
    remove::remove_tree,
};

/// The folder of one run, from its first step until it has ended.
#[derive(Clone, Debug)]
pub struct Workspace {
    folder: PathBuf,
    work: PathBuf,
    files: PathBuf,
}

impl Workspace {
    /// Make the folder of a run under `root`.
    ///
    /// # Errors
    /// If it is there already, or something in it cannot be made; nothing is left of it then.
    pub fn create(root: &Path, run: &str, files: &[BundleFile]) -> Result<Self, RunnerError> {
        let workspace = Self::at(root, run)?;
        workspace.make_own_folder(root)?;
        let made = make_folder(&workspace.work)
            .and_then(|()| if files.is_empty() { Ok(()) } else { lay_out(&workspace.files, files) });
        match made {
            Ok(()) => Ok(workspace),
            Err(error) => {
                // The first error says what is wrong; a second one would only hide it.
                let _ = remove_tree(&workspace.folder);
                Err(error)
            }
        }
    }

    /// The folder of a run whose first step has made it.
    ///
    /// # Errors
    /// If it is not there.
    pub fn open(root: &Path, run: &str) -> Result<Self, RunnerError> {
        let workspace = Self::at(root, run)?;
        if workspace.work.is_dir() { Ok(workspace) } else { Err(RunnerError::Missing(workspace.folder)) }
    }

    /// The folder of a run for one of its steps: opened, or made without files if it is not there. What is made twice at
    /// once is made once.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn open_or_create(root: &Path, run: &str) -> Result<Self, RunnerError> {
        let workspace = Self::at(root, run)?;
        if workspace.work.is_dir() {
            return Ok(workspace);
        }
        if workspace.folder.is_dir() {
            // Somebody may have put both there since the first look.
            return if workspace.work.is_dir() { Ok(workspace) } else { Err(RunnerError::Gone) };
        }
        workspace.make_whole(root)?;
        Ok(workspace)
    }

    /// Make the run's folder with the working directory in it, both or neither, whenever this process dies. Two who do it
    /// at once do it once.
    fn make_whole(&self, root: &Path) -> Result<(), RunnerError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = self.folder.parent().unwrap_or(root);
        let beside = Self::beside(root, &format!("{}-{number}", std::process::id()));
        beside.make_own_folder(root)?;
        make_folder(&beside.work)?;
        match fs::rename(&beside.folder, &self.folder) {
            Ok(()) => Ok(()),
            Err(_) if self.work.is_dir() => remove_tree(&beside.folder),
            Err(source) => {
                let _ = remove_tree(&beside.folder);
                Err(RunnerError::Create { path: self.folder.clone(), source })
            }
        }
    }

    fn beside(root: &Path, name: &str) -> Self {
        let folder = root.join(name);
        Self { work: folder.join("work"), files: folder.join("files"), folder }
    }

    /// With the files of this bundle.
    #[must_use]
    pub(crate) fn with_bundle(mut self, bundle: &str) -> Self {
        self.files = self.folder.join(bundle);
        self
    }

    /// Lay out the files of a version for the steps of a run, under the name `bundle`, unless that is done already. Two who
    /// do it at once do it once.
    ///
    /// # Errors
    /// If something cannot be made.
    pub fn lay_out(root: &Path, run: &str, bundle: &str, files: &[BundleFile]) -> Result<(), RunnerError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let workspace = Self::open_or_create(root, run)?.with_bundle(bundle);
        if workspace.files.is_dir() {
            return Ok(());
        }
        // Beside it first: what has its name is whole, whenever this process dies.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let beside = workspace.folder.join(format!("{bundle}.{}-{number}", std::process::id()));
        let made = lay_out(&beside, files).and_then(|()| match fs::rename(&beside, &workspace.files) {
            Err(error) if workspace.files.is_dir() => {
                tracing::debug!(%error, "the files of a version were laid out by somebody else");
                remove_tree(&beside)
            }
            moved => moved.map_err(|source| RunnerError::Create { path: workspace.files.clone(), source }),
        });
        if made.is_err() {
            // The first error says what is wrong; a second one would only hide it.
            let _ = remove_tree(&beside);
        }
        made
    }

    /// Let `user` work here, and others pass through the run's folder, in which all else has rights of its own.
    pub(crate) fn give(&self, uid: u32, gid: u32) -> io::Result<()> {
        let about = fs::symlink_metadata(&self.work)?;
        if about.uid() != uid {
            fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o711))?;
            std::os::unix::fs::lchown(&self.work, Some(uid), Some(gid))?;
        }
        Ok(())
    }

    /// The folder of a run, whether it is there or not: to remove it.
    ///
    /// # Errors
    /// If `run` is not the id of a run.
    pub fn of(root: &Path, run: &str) -> Result<Self, RunnerError> {
        Self::at(root, run)
    }

    /// Remove the folder, whatever the steps did to the rights in it. May take long after a large checkout.
    ///
    /// # Errors
    /// If something is left.
    pub fn remove(self) -> Result<(), RunnerError> {
        // Two calls for the common case, an empty working directory. What cannot go by itself goes with the folder, which
        // the steps may have locked.
        for folder in [&self.work, &self.files] {
            let _ = remove_tree(folder);
        }
        remove_tree(&self.folder)
    }

    /// What lies under `root` now: folders of runs, and what was left of others. Not what a living process is just making.
    ///
    /// # Errors
    /// If it cannot be listed.
    pub fn list(root: &Path) -> Result<Vec<OsString>, RunnerError> {
        let failed = |source| RunnerError::Remove { path: root.to_path_buf(), source };
        let entries = match fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
        let names: Vec<OsString> = names.collect::<Result<_, _>>().map_err(failed)?;
        Ok(names.into_iter().filter(|name| !is_being_made(name)).collect())
    }

    /// Remove what an earlier process left behind: these, of [`Workspace::list`], and nothing that has come since, which
    /// belongs to a run that goes on.
    ///
    /// # Errors
    /// The first of what is left, after all else was removed.
    pub fn remove_these(root: &Path, names: &[OsString]) -> Result<(), RunnerError> {
        names.iter().map(|name| remove_tree(&root.join(name))).fold(Ok(()), Result::and)
    }

    /// Where the steps work.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Where the version's files lie.
    pub fn files(&self) -> &Path {
        &self.files
    }

    /// The path of an attempt's own thing.
    pub(crate) fn of_attempt(&self, step: u32, attempt: u32, thing: &str) -> PathBuf {
        self.folder.join(format!("{step}-{attempt}.{thing}"))
    }

    /// Becomes a part of paths, so nothing but a UUID is let through.
    pub(crate) fn is_run(run: &str) -> bool {
        run.len() == 36 && run.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-')
    }

    fn at(root: &Path, run: &str) -> Result<Self, RunnerError> {
        if !Self::is_run(run) {
            return Err(RunnerError::BadRun(run.to_owned()));
        }
        // Steps have another working directory, so their paths must not hang on this process's.
        let root = std::path::absolute(root)
            .map_err(|source| RunnerError::Create { path: root.to_path_buf(), source })?;
        let folder = root.join(run);
        Ok(Self { work: folder.join("work"), files: folder.join("files"), folder })
    }

    fn make_own_folder(&self, root: &Path) -> Result<(), RunnerError> {
        match make_folder(&self.folder) {
            Err(RunnerError::Create { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(root)
                    .map_err(|source| RunnerError::Create { path: root.to_path_buf(), source })?;
                make_folder(&self.folder)
            }
            made => made,
        }
    }
}

/// A folder that a living process is about to give a run's name: a shim that outlived its server. `PID-NUMBER`.
fn is_being_made(name: &std::ffi::OsStr) -> bool {
    let pid =
        name.to_str().and_then(|name| name.split_once('-')).and_then(|(pid, _)| pid.parse::<i32>().ok());
    pid.and_then(Process::of).is_some_and(|process| !process.ended)
}
