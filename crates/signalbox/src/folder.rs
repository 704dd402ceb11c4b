//! Reads an operations repository from disk: its documents, and a list of every file they may name.

use std::{
    fs::{self, File, Metadata},
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use model::{api::Fault, runbook::FileMode};

use definition::{ListedFile, Listing, SourceText, limits::DOCUMENT_MAX};

use crate::failure::Failure;

/// Most files below a root.
const FILES_MAX: usize = 20_000;

/// What was found.
pub struct Folder {
    /// Paths are given from here.
    pub root: PathBuf,
    /// A folder was asked for, not a single file.
    pub whole: bool,
    pub documents: Vec<Document>,
    pub listing: Listing,
    /// Documents that could not be read.
    pub faults: Vec<Fault>,
}

/// A file of documents.
pub struct Document {
    pub path: String,
    pub text: String,
}

/// Reads a folder, or a single document with the files that it names. `root` says from where a single document's paths
/// count, if it is not the folder that [`root_of`] finds.
pub fn read(path: &Path, root: Option<&Path>) -> Result<Folder, Failure> {
    let real = path.canonicalize().map_err(|e| unreadable(path, &e))?;
    let whole = real.is_dir();
    let root = match root {
        Some(_) if whole => {
            return Err(Failure::usage("--root goes with a single file").hint("a folder is its own root"));
        }
        Some(root) => root.canonicalize().map_err(|e| unreadable(root, &e))?,
        None if whole => real.clone(),
        None => root_of(&real),
    };
    if !real.starts_with(&root) {
        return Err(Failure::usage(format!("{} is not below {}", path.display(), root.display())));
    }
    let mut folder =
        Folder { root, whole, documents: Vec::new(), listing: Listing::new(), faults: Vec::new() };
    if whole {
        for path in folder.walk(&folder.root.clone())? {
            folder.document(&path);
        }
        return Ok(folder);
    }
    let name = real.strip_prefix(&folder.root).ok().and_then(named);
    let name = name.ok_or_else(|| Failure::usage(format!("the path {} is not UTF-8", path.display())))?;
    if !real.is_file() {
        return Err(Failure::usage(format!("{} is neither a file nor a folder", path.display())));
    }
    folder.document(&name);
    folder.list_mentions()?;
    Ok(folder)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::NotFound {
        Failure::usage(format!("there is no file or folder {}", path.display()))
    } else {
        Failure::usage(format!("{} cannot be read: {error}", path.display()))
    }
}

/// The nearest folder above a file that holds `.git`, else its own.
fn root_of(file: &Path) -> PathBuf {
    let own = file.parent().unwrap_or(Path::new("/"));
    own.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(own).to_owned()
}

impl Folder {
    /// What the definition room reads.
    pub fn sources(&self) -> Vec<SourceText<'_>> {
        self.documents.iter().map(|d| SourceText { path: &d.path, text: &d.text }).collect()
    }

    /// The text of a document, by its path from the root.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.documents.iter().find(|document| document.path == path).map(|document| document.text.as_str())
    }

    /// The bytes of a listed file.
    pub fn content(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let listed = self.listing.get(path).filter(|file| !file.outside);
        let size =
            listed.map(|file| file.size).ok_or_else(|| Failure::usage(format!("there is no file {path}")))?;
        let mut bytes = Vec::new();
        // A file that grows meanwhile is cut rather than read without end; the digest then says so.
        File::open(self.root.join(path))
            .and_then(|file| file.take(size).read_to_end(&mut bytes))
            .map_err(|e| unreadable(&self.root.join(path), &e))?;
        Ok(bytes)
    }

    /// Lists what the documents speak of, and nothing else: around a single file there may be a whole disk.
    fn list_mentions(&mut self) -> Result<(), Failure> {
        let mentions = definition::mentions(&self.sources());
        for name in mentions.files {
            let path = self.root.join(&name);
            let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
            if !climbs(&name)
                && let Some(file) = self.listed(&path, is_link)
            {
                self.listing.insert(name, file);
            }
        }
        for name in mentions.folders {
            let path = self.root.join(&name);
            // A folder that is a link out of the root is not followed, here as in a whole folder.
            let inside = path.canonicalize().is_ok_and(|real| real.starts_with(&self.root));
            if climbs(&name) || !inside {
                continue;
            }
            if path.is_dir() {
                self.walk(&path)?;
            } else if let Some(file) = self.listed(&path, true) {
                self.listing.insert(name, file);
            }
        }
        Ok(())
    }

    /// Lists every file below `start`; gives the paths of the documents.
    fn walk(&mut self, start: &Path) -> Result<Vec<String>, Failure> {
        let mut documents = Vec::new();
        // Folders still to be read, and whether documents count in them.
        let mut folders = vec![(start.to_owned(), true)];
        while let Some((folder, visible)) = folders.pop() {
            let entries = fs::read_dir(&folder).map_err(|e| unreadable(&folder, &e))?;
            for entry in entries {
                let entry = entry.map_err(|e| unreadable(&folder, &e))?;
                let path = entry.path();
                // What has no UTF-8 name cannot be named in a document.
                let Some(name) = path.strip_prefix(&self.root).ok().and_then(named) else { continue };
                let last = entry.file_name();
                let kind = entry.file_type().map_err(|e| unreadable(&path, &e))?;
                if kind.is_dir() {
                    let hidden = last.as_encoded_bytes().starts_with(b".");
                    if last != ".git" && last != "node_modules" {
                        folders.push((path, visible && !hidden));
                    }
                    continue;
                }
                let Some(file) = self.listed(&path, kind.is_symlink()) else { continue };
                if visible && matches!(path.extension().and_then(|e| e.to_str()), Some("yaml" | "yml")) {
                    documents.push(name.clone());
                }
                self.listing.insert(name, file);
                if self.listing.len() > FILES_MAX {
                    return Err(Failure::usage(format!(
                        "more than {FILES_MAX} files in {}",
                        self.root.display()
                    ))
                    .hint("give the folder that holds the runbooks and their scripts, and nothing else"));
                }
            }
        }
        documents.sort();
        Ok(documents)
    }

    /// A plain file, or a link to one; anything else is no file of a repository.
    fn listed(&self, path: &Path, maybe_link: bool) -> Option<ListedFile> {
        let metadata: Metadata = fs::metadata(path).ok()?;
        let outside = maybe_link && !path.canonicalize().ok()?.starts_with(&self.root);
        let executable = metadata.permissions().mode() & 0o111 != 0;
        let mode = if executable { FileMode::Executable } else { FileMode::Plain };
        metadata.is_file().then_some(ListedFile { mode, size: metadata.len(), outside })
    }

    /// Reads a document, or says why it cannot be read.
    fn document(&mut self, path: &str) {
        let outside = self.listing.get(path).is_some_and(|file| file.outside);
        let read = if outside {
            Err(fault("document_outside", path, "This file is a symbolic link that leads out of the folder.")
                .with("Put the file itself here."))
        } else {
            read_document(&self.root.join(path), path)
        };
        match read {
            Ok(text) => self.documents.push(Document { path: path.to_owned(), text }),
            Err(fault) => self.faults.push(*fault.0),
        }
    }
}

/// Does a path lead anywhere but downwards?
fn climbs(path: &str) -> bool {
    path.starts_with('/') || path.split('/').any(|part| part == "..")
}

fn read_document(file: &Path, path: &str) -> Result<String, Told> {
    let broken =
        |e: std::io::Error| fault("document_unreadable", path, &format!("This file cannot be read: {e}."));
    const MAX: u64 = DOCUMENT_MAX as u64;
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(broken)?;
    let size = opened.metadata().map_err(broken)?.len();
    if size <= MAX {
        opened.take(MAX + 1).read_to_end(&mut bytes).map_err(broken)?;
    }
    if size > MAX || bytes.len() > DOCUMENT_MAX {
        let message = format!("This file has {size} bytes, but at most {DOCUMENT_MAX} are read.");
        let hint = "Split it; what is no definition may have another ending than `.yaml` and `.yml`.";
        return Err(fault("document_too_large", path, &message).with(hint));
    }
    String::from_utf8(bytes).map_err(|e| not_utf8(path, &e))
}

fn not_utf8(path: &str, error: &std::string::FromUtf8Error) -> Told {
    let offset = error.utf8_error().valid_up_to();
    let before = String::from_utf8_lossy(&error.as_bytes()[..offset]).into_owned();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let mut told = fault("not_utf8", path, "This file is not UTF-8.").with("Save it as UTF-8.");
    told.0.line = before.matches('\n').count() + 1;
    told.0.column = before[line_start..].chars().count() + 1;
    told.0.offset = offset;
    told.0.length = 1;
    told
}

struct Told(Box<Fault>);

impl Told {
    fn with(mut self, hint: &str) -> Self {
        self.0.hint = Some(hint.to_owned());
        self
    }
}

fn fault(code: &str, path: &str, message: &str) -> Told {
    Told(Box::new(Fault::without_place(code, path, message)))
}

/// A relative path with `/`, if it is UTF-8.
fn named(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    parts.map(|parts| parts.join("/"))
}
