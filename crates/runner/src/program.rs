//! What is executed: the program, found, and its arguments.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use model::{runbook::Script, shebang::shebang};
use nix::fcntl::OFlag;

use crate::{Action, Workspace, bundle::is_inside, environment::PATH, place::Place};

/// More than the kernel itself looks at.
const FIRST_LINE: u64 = 4096;

/// A program and its arguments.
pub(crate) struct Program {
    /// Absolute, so that starting it needs no search.
    pub path: PathBuf,
    /// As it was named.
    pub name: OsString,
    pub args: Vec<OsString>,
}

impl Program {
    /// The program of an action; in words why there is none.
    pub fn of(
        action: &Action,
        workspace: &Workspace,
        place: &Place,
        dir: &Path,
        folders: &str,
    ) -> Result<Self, String> {
        let mut words: Vec<OsString>;
        match action {
            Action::Run { interpreter, script: Script::Body(body) } => {
                place.write_script(body).map_err(|error| {
                    format!("cannot write the script to {}: {error}", place.script.display())
                })?;
                words = interpreter.iter().map(OsString::from).collect();
                words.push(place.script.clone().into());
            }
            Action::Run { interpreter: declared, script: Script::File(path) } => {
                let (path, first) = open_script(workspace, path)?;
                let own = shebang(&first);
                words = own.as_deref().unwrap_or(declared).iter().map(OsString::from).collect();
                words.push(path.into());
            }
            Action::Command { argv } => words = argv.iter().map(OsString::from).collect(),
        }
        let mut words = words.into_iter();
        let name = words.next().filter(|name| !name.is_empty()).ok_or("cannot start: no program is named")?;
        let path = find(&name, dir, folders).ok_or_else(|| not_found(&name, folders))?;
        Ok(Self { path, name, args: words.collect() })
    }

    /// Why it did not start, in words.
    pub fn why_not(&self, error: &io::Error) -> String {
        let name = self.name.display();
        match error.kind() {
            io::ErrorKind::NotFound if self.path.exists() => format!(
                "cannot start `{name}`: it is there, but the interpreter of its `#!` line or its loader is not"
            ),
            io::ErrorKind::NotFound => not_found(&self.name, PATH),
            io::ErrorKind::PermissionDenied => format!(
                "cannot start `{name}`: it may not be executed; give it the right to (`chmod +x`), or run it as a script"
            ),
            io::ErrorKind::ArgumentListTooLong => format!(
                "cannot start `{name}`: its arguments and inputs together are too long for this system; pass large values in files"
            ),
            _ if error.raw_os_error() == Some(nix::errno::Errno::ENOEXEC as i32) => format!(
                "cannot start `{name}`: it is not a program; a script needs a `#!` line, or `run:` in place of `command:`"
            ),
            _ => format!("cannot start `{name}`: {error}"),
        }
    }
}

/// The path of a script of the version, and how it begins.
fn open_script(workspace: &Workspace, script: &str) -> Result<(PathBuf, Vec<u8>), String> {
    let missing =
        |why: String| format!("cannot start: `{script}` cannot be read from the version's files: {why}");
    if !is_inside(script) {
        return Err(missing("its path leads out of them".to_owned()));
    }
    let path = workspace.files().join(script);
    let mut first = Vec::new();
    File::options()
        .read(true)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(&path)
        .and_then(|file| file.take(FIRST_LINE).read_to_end(&mut first))
        .map_err(|error| missing(error.to_string()))?;
    Ok((path, first))
}

/// Look for a program as a shell would. Found here and not by the C library: this names what is missing, and only a
/// full path lets the standard library start it the fast way.
fn find(name: &OsStr, dir: &Path, folders: &str) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Some(dir.join(name));
    }
    folders.split(':').map(|folder| dir.join(folder).join(name)).find(|path| {
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}

fn not_found(name: &OsStr, folders: &str) -> String {
    let bytes = name.as_bytes();
    if let [bytes @ .., b'\r'] = bytes {
        let name = OsString::from_vec(bytes.to_vec());
        return format!(
            "cannot start `{}`: the `#!` line ends with a carriage return; save the script with Unix line ends",
            name.display()
        );
    }
    if bytes.contains(&b'/') {
        format!("cannot start `{}`: there is no such file; install it, or correct the path", name.display())
    } else {
        format!(
            "cannot start `{}`: it is not in {folders}; install it, or give its full path",
            name.display()
        )
    }
}
