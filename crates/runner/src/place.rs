//! What an attempt has for itself: its script, the file for its outputs, its TMPDIR, the files it is given.
//!
//! Making and removing files costs more than all else around a small step. So a shim has one place and uses it again
//! and again, as long as a step leaves it as it found it; anything else is thrown away and made anew.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::OFlag,
    sys::stat::Mode,
    sys::statfs::{TMPFS_MAGIC, statfs},
    unistd::{AccessFlags, access, mkfifo},
};

use crate::{Task, TaskFile, Workspace, asks::Asks, remove::remove_tree, user::User};

/// Folders in memory, in the order in which they are tried.
const IN_MEMORY: [&str; 2] = ["/dev/shm", "/run"];

pub(crate) struct Place {
    pub script: PathBuf,
    pub outputs: PathBuf,
    /// Of a collector: made for each attempt, and gone with it.
    pub facts: Option<PathBuf>,
    pub tmp: PathBuf,
    /// A FIFO: what the step writes to it is masked.
    pub mask: PathBuf,
    /// For the launcher's instructions.
    pub launch: PathBuf,
    /// What it has of the files that the task carries.
    given: Given,
    /// Of a shim, for the next attempt too.
    kept: bool,
    owner: Option<User>,
    /// Number of things that were put aside, for their names.
    aside: u32,
}

#[derive(Default)]
struct Given {
    /// Variable and path.
    files: Vec<(String, PathBuf)>,
    /// Each to be removed.
    folders: Vec<PathBuf>,
}

impl Place {
    /// In the run's folder, for one attempt only.
    pub fn once(task: &Task, workspace: &Workspace, owner: Option<User>) -> Self {
        let path = |thing: &str| workspace.of_attempt(task.step, task.attempt, thing);
        Self::of(path, false, owner)
    }

    /// In a shim's folder, for attempt after attempt.
    pub fn kept(folder: &Path) -> Self {
        Self::of(|thing: &str| folder.join(thing), true, None)
    }

    fn of(path: impl Fn(&str) -> PathBuf, kept: bool, owner: Option<User>) -> Self {
        Self {
            script: path("script"),
            outputs: path("output"),
            facts: None,
            tmp: path("tmp"),
            mask: path("mask"),
            launch: path("launch"),
            given: Given::default(),
            kept,
            owner,
            aside: 0,
        }
    }

    /// Make the TMPDIR and an empty file for the outputs.
    pub fn prepare(&mut self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.tmp) {
            Err(error) if self.kept && error.kind() == io::ErrorKind::AlreadyExists => {}
            made => {
                made?;
                self.give(&self.tmp)?;
            }
        }
        if !self.kept || !self.empty_outputs()? {
            File::options().write(true).create_new(true).mode(0o600).open(&self.outputs)?;
            self.give(&self.outputs)?;
        }
        if let Some(facts) = &self.facts {
            remove_tree(facts).map_err(io::Error::other)?;
            File::options().write(true).create_new(true).mode(0o600).open(facts)?;
            self.give(facts)?;
        }
        Ok(())
    }

    /// The attempt observes, or not: call it before [`Place::prepare`].
    pub fn observes(&mut self, facts: bool) {
        self.facts = facts.then(|| self.outputs.with_extension("facts"));
    }

    pub fn write_script(&self, body: &str) -> io::Result<()> {
        if self.kept
            && let Some((mut file, len)) = self.reuse(&self.script, 0o700)?
        {
            // Over what is there, and cut where it was longer: file systems that guard against careless writers bring a
            // file to the disk that is emptied and written anew, and let the next one wait for that.
            file.write_all(body.as_bytes())?;
            return if len > body.len() as u64 { file.set_len(body.len() as u64) } else { Ok(()) };
        }
        let mode = if self.kept { 0o700 } else { 0o500 };
        let mut file = File::options().write(true).create_new(true).mode(mode).open(&self.script)?;
        self.give(&self.script)?;
        file.write_all(body.as_bytes())
    }

    /// The end of the FIFO that is read. Held open for both ways, so that a step waits for nobody when it opens it.
    pub fn open_mask(&self) -> io::Result<Asks> {
        let open = || {
            let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
            File::options().read(true).write(true).custom_flags(flags).open(&self.mask)
        };
        if self.kept
            && let Ok(file) = open()
        {
            let about = file.metadata()?;
            if about.file_type().is_fifo() && about.nlink() == 1 && about.mode() & 0o7777 == 0o600 {
                return Asks::new(file);
            }
        }
        if self.mask.symlink_metadata().is_ok() {
            remove_tree(&self.mask).map_err(io::Error::other)?;
        }
        mkfifo(&self.mask, Mode::S_IRUSR | Mode::S_IWUSR)?;
        self.give(&self.mask)?;
        Asks::new(open()?)
    }

    /// Empty the file for the outputs; false if it is not there.
    fn empty_outputs(&self) -> io::Result<bool> {
        match self.reuse(&self.outputs, 0o600)? {
            Some((_, 0)) => Ok(true),
            Some((file, _)) => file.set_len(0).map(|()| true),
            None => Ok(false),
        }
    }

    /// The file from the attempt before and its length; none if it is not there. What a step has changed about it, or put in
    /// its place, is removed: another name of it, or a link, would hand this step's things to that one.
    fn reuse(&self, path: &Path, mode: u32) -> io::Result<Option<(File, u64)>> {
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let opened = File::options().write(true).custom_flags(flags).open(path);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) => None,
            Ok(file) => Some(file),
        };
        if let Some(file) = file {
            let about = file.metadata()?;
            if about.is_file() && about.nlink() == 1 && about.mode() & 0o7777 == mode {
                return Ok(Some((file, about.len())));
            }
        }
        remove_tree(path).map_err(io::Error::other)?;
        Ok(None)
    }

    /// Write the files that the task carries, each readable by the step alone.
    pub fn give_files(&mut self, files: &[TaskFile], cookie: &str) -> io::Result<()> {
        let mut folders: [Option<PathBuf>; 2] = [None, None];
        for file in files {
            let plain = !matches!(file.name.as_str(), "" | "." | "..") && !file.name.contains(['/', '\0']);
            if !plain {
                return Err(io::Error::other(format!(
                    "`{}` cannot be the name of a file",
                    file.name.escape_debug()
                )));
            }
            let folder = match &folders[usize::from(file.secret)] {
                Some(folder) => folder.clone(),
                None => {
                    let folder = self.folder(file.secret, cookie);
                    DirBuilder::new().mode(0o700).create(&folder)?;
                    self.given.folders.push(folder.clone());
                    self.give(&folder)?;
                    folders[usize::from(file.secret)].insert(folder).clone()
                }
            };
            let path = folder.join(&file.name);
            File::options()
                .write(true)
                .create_new(true)
                .mode(0o400)
                .open(&path)?
                .write_all(file.bytes.bytes())?;
            self.give(&path)?;
            self.given.files.push((file.variable.clone(), path));
        }
        Ok(())
    }

    /// Where secrets are: in memory if the system has a place for that, so that no disk ever holds them.
    pub fn folder_of_secrets(&self, cookie: &str) -> PathBuf {
        self.folder(true, cookie)
    }

    fn folder(&self, secret: bool, cookie: &str) -> PathBuf {
        match (secret, if secret { in_memory() } else { None }) {
            (_, Some(folder)) => folder.join(format!("signalbox-{cookie}")),
            (true, None) => self.script.with_extension("secrets"),
            (false, None) => self.script.with_extension("files"),
        }
    }

    /// Variable and path of each file that the step was given.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.given.files.iter().map(|(variable, path)| (variable.as_str(), path.as_path()))
    }

    /// The step's user, where it has one of its own.
    fn give(&self, path: &Path) -> io::Result<()> {
        match &self.owner {
            Some(user) => chown(path, Some(user.uid), Some(user.gid)),
            None => Ok(()),
        }
    }

    /// Remove everything, or make it ready for the next attempt. What may be large goes to a thread for slow work, which
    /// is waited for only if the place is not used again.
    pub async fn clear(&mut self) {
        let mut left = std::mem::take(&mut self.given).folders;
        // A secret is gone before the end is told.
        left.extend(self.facts.take());
        left.retain(|folder| remove_tree(folder).is_err());
        if self.kept {
            // Outputs may hold what nobody else may see.
            if fs::symlink_metadata(&self.outputs).is_ok_and(|about| about.len() > 0)
                && let Err(error) = self.empty_outputs()
            {
                tracing::warn!(%error, "the outputs of an attempt are left");
            }
            if !is_untouched(&self.tmp)
                && let Some(aside) = self.put_aside()
            {
                left.push(aside);
            }
        } else {
            for path in [&self.script, &self.outputs, &self.mask, &self.launch] {
                if fs::remove_file(path).is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                    left.push(path.clone());
                }
            }
            if fs::remove_dir(&self.tmp).is_err() {
                left.push(self.tmp.clone());
            }
        }
        if left.is_empty() {
            return;
        }
        let removing = tokio::task::spawn_blocking(move || {
            // Whatever is left goes with the folder around it; it takes nothing from the step's end.
            if let Err(error) = left.iter().try_for_each(|path| remove_tree(path)) {
                tracing::warn!(%error, "an attempt left something behind");
            }
        });
        if !self.kept
            && let Err(error) = removing.await
        {
            tracing::warn!(%error, "clearing up after an attempt did not end well");
        }
    }

    /// Give what is at the TMPDIR another name, so that the next attempt has a new one at once.
    fn put_aside(&mut self) -> Option<PathBuf> {
        self.aside += 1;
        let aside = self.tmp.with_extension(format!("old-{}", self.aside));
        match fs::rename(&self.tmp, &aside) {
            Ok(()) => Some(aside),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) => {
                // The step took our right to rename it away, or something is in the way.
                let _ = fs::set_permissions(&self.tmp, Permissions::from_mode(0o700));
                let _ = remove_tree(&self.tmp);
                None
            }
        }
    }
}

/// A folder in memory that we may write to.
pub(crate) fn in_memory() -> Option<&'static Path> {
    IN_MEMORY.iter().map(Path::new).find(|folder| {
        let memory = statfs(*folder).is_ok_and(|about| about.filesystem_type() == TMPFS_MAGIC);
        memory && access(*folder, AccessFlags::W_OK).is_ok()
    })
}

/// An empty folder of our own with the rights that we gave it?
fn is_untouched(folder: &Path) -> bool {
    let right =
        fs::symlink_metadata(folder).is_ok_and(|about| about.is_dir() && about.mode() & 0o7777 == 0o700);
    right && fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}
