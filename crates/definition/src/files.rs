//! The files that belong to a version: its scripts, and what `files` names.

use std::collections::{BTreeMap, BTreeSet};

use globset::{GlobBuilder, GlobSet};
use model::runbook::FileMode;

use crate::{
    fault::{Code, Faults, quoted},
    fields,
    limits::{FILE_MAX, FILES_MAX, FILES_MAX_TOTAL, GLOB_MAX, GLOBS_MAX},
    source::Span,
    suggest,
    tree::Node,
};

/// A file below the root, as whoever looked there found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedFile {
    pub mode: FileMode,
    /// Bytes.
    pub size: u64,
    /// Is it a symbolic link that leads out of the root?
    pub outside: bool,
}

/// The files below the root, by their path from it with `/` and without `./`.
pub type Listing = BTreeMap<String, ListedFile>;

/// In a longer listing no near name is looked for, and only for so many missing files: each takes a look at all.
const SUGGEST_AMONG: usize = 2000;
const SUGGEST_TIMES: usize = 10;

/// The files of one version, being gathered.
pub(crate) struct VersionFiles<'l> {
    listing: &'l Listing,
    paths: BTreeSet<&'l str>,
    suggestions_left: usize,
}

impl<'l> VersionFiles<'l> {
    pub fn new(listing: &'l Listing) -> Self {
        Self { listing, paths: BTreeSet::new(), suggestions_left: SUGGEST_TIMES }
    }

    /// Adds the script file that `run` names, as written with its `./`, and answers its path.
    pub fn script(&mut self, written: &str, span: Span, faults: &mut Faults<'_>) -> Option<String> {
        let path = written.strip_prefix("./").unwrap_or(written);
        check_path(path, written, span, faults)?;
        if let Some((path, file)) = self.listing.get_key_value(path) {
            self.add(path, *file, span, faults)?;
            return Some(path.clone());
        }
        let program = path.split_whitespace().next().unwrap_or_default();
        if program != path && self.listing.contains_key(program) {
            let arguments = quoted(path[program.len()..].trim());
            let message = format!("A script file takes no arguments, but {arguments} follow `./{program}`.");
            faults
                .error(Code::ScriptArguments, span, message)
                .hint("It can read inputs from \"$INPUT_REGION\"; a program with arguments is a `command`.");
            return None;
        }
        let near = self.near(path);
        let told = faults.error(
            Code::FileMissing,
            span,
            format!("There is no file {} below the root.", quoted(written)),
        );
        match near {
            Some(near) => told.hint(format!("Did you mean {}?", quoted(&format!("./{near}")))),
            None => told.hint(
                "Paths begin at the root of the folder; a script body of one line does not begin with `./`.",
            ),
        }
        None
    }

    /// Adds what the patterns under `files` match.
    pub fn globs(&mut self, node: &Node, faults: &mut Faults<'_>) -> Option<()> {
        let items = fields::sequence(node, "`files`", faults)?;
        if items.len() > GLOBS_MAX {
            let message = format!("`files` has {} patterns, but at most {GLOBS_MAX} are read.", items.len());
            faults
                .error(Code::TooMany, node.span, message)
                .hint("`scripts/**` matches everything below a folder.");
            return None;
        }
        for item in items {
            let Some(text) = fields::text(item, "A pattern under `files`", faults) else {
                continue;
            };
            let Some(glob) = glob(text, item.span, faults) else {
                continue;
            };
            let mut matched = false;
            for (path, file) in self.listing.iter().filter(|(path, _)| glob.is_match(path)) {
                matched = true;
                self.add(path, *file, item.span, faults);
            }
            if !matched {
                let told = faults.error(
                    Code::GlobWithoutMatch,
                    item.span,
                    format!("The pattern {} matches no file below the root.", quoted(text)),
                );
                let folder = format!("{}/", text.trim_start_matches("./").trim_end_matches('/'));
                if self.listing.keys().any(|path| path.starts_with(&folder)) {
                    told.hint(format!("It is a folder; write `{folder}**` for everything in it."));
                } else {
                    told.hint("Patterns begin at the root of the folder; `*` stops at `/`, `**` does not.");
                }
            }
        }
        Some(())
    }

    /// The paths, in order, if they are few and small enough to be kept with each version.
    pub fn finish(self, span: Span, faults: &mut Faults<'_>) -> Option<Vec<String>> {
        if self.paths.len() > FILES_MAX {
            let message = format!(
                "This runbook has {} files, but a version holds at most {FILES_MAX}.",
                self.paths.len()
            );
            faults.error(Code::TooManyFiles, span, message);
            return None;
        }
        let sizes = self.paths.iter().filter_map(|path| self.listing.get(*path));
        let total = sizes.fold(0u64, |sum, file| sum.saturating_add(file.size));
        if total > FILES_MAX_TOTAL {
            let message = format!(
                "The files of this runbook have {total} bytes, but a version holds at most {FILES_MAX_TOTAL} (16 MiB)."
            );
            faults.error(Code::FilesTooLarge, span, message).hint("Let a step fetch what is large.");
            return None;
        }
        Some(self.paths.into_iter().map(str::to_owned).collect())
    }

    /// Is there a file of this path, written with or without `./`?
    pub fn exists(&self, written: &str) -> bool {
        self.listing.contains_key(written.strip_prefix("./").unwrap_or(written))
    }

    fn add(&mut self, path: &'l str, file: ListedFile, span: Span, faults: &mut Faults<'_>) -> Option<()> {
        if path.contains(char::is_control) {
            faults.error(
                Code::BadPath,
                span,
                format!("The name of the file {} holds a control character.", quoted(path)),
            );
            return None;
        }
        if file.outside {
            let message = format!("The file {} is a symbolic link that leads out of the root.", quoted(path));
            faults.error(Code::FileOutside, span, message).hint("Put a copy of the file into the folder.");
            return None;
        }
        if file.size > FILE_MAX {
            let message = format!(
                "The file {} has {} bytes, but a file of a version holds at most {FILE_MAX} (4 MiB).",
                quoted(path),
                file.size
            );
            faults.error(Code::FileTooLarge, span, message).hint("Let a step fetch what is large.");
            return None;
        }
        self.paths.insert(path);
        Some(())
    }

    /// The file that was probably meant: the same name in another folder, or nearly the same path.
    fn near(&mut self, path: &str) -> Option<&'l str> {
        if self.listing.len() > SUGGEST_AMONG {
            return None;
        }
        self.suggestions_left = self.suggestions_left.checked_sub(1)?;
        let listing = self.listing;
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let wanted = name(path);
        let paths = || listing.keys().map(String::as_str);
        paths().find(|listed| name(listed) == wanted).or_else(|| suggest::nearest(path, paths()))
    }
}

/// Refuses whatever is not a plain path downwards from the root.
fn check_path(path: &str, written: &str, span: Span, faults: &mut Faults<'_>) -> Option<()> {
    let mut parts = path.split('/');
    let (message, hint) = if parts.clone().any(|part| part == "..") {
        (
            "climbs with `..`, and what a runbook uses must lie below the root",
            "Write the path from the root downwards.",
        )
    } else if path.starts_with('/') || parts.any(|part| part.is_empty() || part == ".") {
        (
            "is not in its shortest form",
            "Write it like `scripts/drain.py`: no doubled, leading or trailing `/`, and no `.` between.",
        )
    } else if path.contains(char::is_control) {
        ("holds a control character", "Rename the file.")
    } else {
        return Some(());
    };
    faults.error(Code::BadPath, span, format!("The path {} {message}.", quoted(written))).hint(hint);
    None
}

fn glob(text: &str, span: Span, faults: &mut Faults<'_>) -> Option<GlobSet> {
    let pattern = text.strip_prefix("./").unwrap_or(text);
    let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
    if text.starts_with('/') {
        let message = format!(
            "The pattern {} is an absolute path, but patterns begin at the root of the folder.",
            quoted(text)
        );
        faults.error(Code::BadGlob, span, message).hint("Leave the first `/` out.");
        return None;
    }
    check_path(pattern, text, span, faults)?;
    if pattern.len() > GLOB_MAX {
        faults.error(
            Code::BadGlob,
            span,
            format!("This pattern has {} bytes, but at most {GLOB_MAX} are read.", pattern.len()),
        );
        return None;
    }
    // A set of one: unlike a single matcher it answers, and does not panic, where the pattern is too much for it.
    let set = GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .and_then(|glob| GlobSet::builder().add(glob).build());
    match set {
        Ok(set) => Some(set),
        Err(error) => {
            faults.error(
                Code::BadGlob,
                span,
                format!("The pattern {} cannot be read: {}.", quoted(text), error.kind()),
            );
            None
        }
    }
}
