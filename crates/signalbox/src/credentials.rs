//! The tokens that `signalbox login` keeps, by server, in a file that only its owner can read.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    #[serde(default)]
    servers: BTreeMap<String, Server>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    token: String,
}

impl Credentials {
    pub fn load() -> Result<Self, Failure> {
        let Some(path) = path() else { return Ok(Self::default()) };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Failure::usage(format!("{} cannot be read: {error}", path.display()))),
        };
        toml::from_str(&text).map_err(|error| {
            // The message alone: the rest of the error quotes the file, and with it tokens.
            Failure::usage(format!("{} cannot be read: {}", path.display(), error.message()))
                .hint("remove it and sign in again with `signalbox login`")
        })
    }

    pub fn token(&self, url: &str) -> Option<String> {
        self.servers.get(url).map(|server| server.token.clone())
    }

    pub fn set(&mut self, url: &str, token: String) {
        self.servers.insert(url.to_owned(), Server { token });
    }

    /// Was there one?
    pub fn remove(&mut self, url: &str) -> bool {
        self.servers.remove(url).is_some()
    }

    /// Replaces the file as a whole; gives its place.
    pub fn save(&self) -> Result<PathBuf, Failure> {
        let path = path().ok_or_else(|| {
            Failure::usage("there is no place for credentials: neither XDG_CONFIG_HOME nor HOME is set")
                .hint("set SIGNALBOX_TOKEN instead")
        })?;
        let text = toml::to_string(self)
            .map_err(|e| Failure::usage(format!("credentials cannot be written: {e}")))?;
        write_private(&path, &text)
            .map_err(|e| Failure::usage(format!("{} cannot be written: {e}", path.display())))?;
        Ok(path)
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = folder.join(format!(".credentials.{}", std::process::id()));
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

fn path() -> Option<PathBuf> {
    xdg("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("signalbox").join("credentials.toml"))
}

/// A base folder: the variable if it holds an absolute path, else this folder of the home directory.
pub fn xdg(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |value: OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
    let given = std::env::var_os(variable).and_then(absolute);
    given.or_else(|| std::env::var_os("HOME").and_then(absolute).map(|home| home.join(below_home)))
}
