//! Files of documents become definitions and faults.

use std::collections::HashMap;

use model::{
    api::{Fault, Severity},
    definition::Compiled,
    inventory::Inventory,
    name::is_name,
    runbook::Runbook,
    schedule::Schedule,
};
use serde_json::Value;

use crate::{
    fault::{Code, Faults, quoted},
    fields,
    files::Listing,
    inventory,
    limits::DOCUMENTS_MAX,
    parse::{self, Document, DocumentContent},
    places::Places,
    references::{self, Known},
    runbook, schedule, service,
    source::{Source, Span},
    suggest,
    tree::{Content, Node},
};

/// One YAML file.
#[derive(Clone, Copy, Debug)]
pub struct SourceText<'a> {
    /// From the root, with `/`.
    pub path: &'a str,
    pub text: &'a str,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Those without an error, in the order of the files.
    pub definitions: Vec<Definition>,
    /// Errors and remarks, by path, line and column.
    pub faults: Vec<Fault>,
}

impl Reading {
    pub fn has_errors(&self) -> bool {
        self.faults.iter().any(|fault| fault.severity == Severity::Error)
    }
}

/// A definition, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub kind: Kind,
    pub name: String,
    /// The file in which it was written.
    pub path: String,
    /// The line of its first key.
    pub line: usize,
    /// Its own text, byte for byte, without the other documents of the file.
    pub text: String,
    /// As written: defaults are not filled in.
    pub document: Value,
    pub compiled: Compiled,
    /// The script files and what the patterns under `files` match, in order, each once.
    pub files: Vec<String>,
}

impl Definition {
    /// The runbook, if it is one.
    pub fn runbook(&self) -> Option<&Runbook> {
        self.compiled.as_runbook()
    }

    /// The inventory, if it is one.
    pub fn inventory(&self) -> Option<&Inventory> {
        self.compiled.as_inventory()
    }

    /// The schedule, if it is one.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.compiled.as_schedule()
    }
}

/// The kinds of definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Runbook,
    Inventory,
    Team,
    Service,
    Schedule,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Runbook, Self::Inventory, Self::Team, Self::Service, Self::Schedule];

    pub fn name(self) -> &'static str {
        match self {
            Self::Runbook => "Runbook",
            Self::Inventory => "Inventory",
            Self::Team => "Team",
            Self::Service => "Service",
            Self::Schedule => "Schedule",
        }
    }
}

/// Kinds that are designed, and not there yet.
const LATER: [&str; 4] = ["Slo", "DataSource", "Calendar", "Channel"];

/// Reads all documents and finds every fault in them; none hides another, but a syntax error, which ends its own file.
pub fn read(documents: &[SourceText<'_>], listing: &Listing) -> Reading {
    let mut reading = Reading::default();
    let mut names = Names::default();
    if let Some(first_left) = documents.get(DOCUMENTS_MAX) {
        let source = Source::new(first_left.path, "");
        let mut faults = Faults::new(&source);
        let message = format!(
            "There are {} YAML files, but at most {DOCUMENTS_MAX} are read together.",
            documents.len()
        );
        faults.error(Code::TooManyDocuments, Span { start: 0, end: 0 }, message);
        reading.faults.extend(faults.finish());
    }
    let sources: Vec<Source<'_>> =
        documents.iter().take(DOCUMENTS_MAX).map(|file| Source::new(file.path, file.text)).collect();
    let mut files: Vec<(Faults<'_>, Vec<Drafted>)> = sources
        .iter()
        .map(|source| {
            let mut faults = Faults::new(source);
            let drafted = read_file(listing, &mut names, &mut faults);
            (faults, drafted)
        })
        .collect();
    // What documents say of each other is known once all are read.
    let mut known = Known::default();
    for drafted in files.iter().flat_map(|(_, drafted)| drafted) {
        known.add(&drafted.definition.compiled);
    }
    for (faults, drafted) in &mut files {
        for drafted in drafted {
            let told_before = faults.count();
            references::check(&drafted.definition.compiled, &drafted.places, drafted.root, &known, faults);
            drafted.sound &= !faults.errors_since(told_before);
        }
    }
    for (faults, drafted) in files {
        reading.definitions.extend(
            drafted
                .into_iter()
                .filter(|drafted| drafted.sound && drafted.whole)
                .map(|drafted| drafted.definition),
        );
        reading.faults.extend(faults.finish());
    }
    reading.faults.sort_by(|a, b| (&a.path, a.offset).cmp(&(&b.path, b.offset)));
    reading
}

/// A definition whose references have not been checked.
struct Drafted {
    definition: Definition,
    places: Places,
    root: Span,
    /// Nothing is wrong with it so far.
    sound: bool,
    /// Its file was read to the end.
    whole: bool,
}

/// Which names are taken: by kind and name, the path and line of the first.
type Names = HashMap<(Kind, String), (String, usize)>;

fn read_file(listing: &Listing, names: &mut Names, faults: &mut Faults<'_>) -> Vec<Drafted> {
    let documents = parse::parse(faults);
    let mut drafted: Vec<Drafted> = documents
        .list
        .iter()
        .filter_map(|document| read_document(document, listing, names, faults))
        .collect();
    // Of a file that breaks off nobody knows where its last document would have ended.
    for drafted in &mut drafted {
        drafted.whole = documents.whole;
    }
    drafted
}

fn read_document(
    document: &Document,
    listing: &Listing,
    names: &mut Names,
    faults: &mut Faults<'_>,
) -> Option<Drafted> {
    let (root, sound) = match &document.content {
        DocumentContent::Empty => return None,
        DocumentContent::Foreign(key) => {
            faults
                .remark(
                    Code::ForeignDocument,
                    *key,
                    "This document is passed over: `apiVersion` says that it belongs to another tool.",
                )
                .hint("Documents of Signalbox have a `kind` and no `apiVersion`.");
            return None;
        }
        DocumentContent::Tree { root, sound } => (root, *sound),
    };
    let told_before = faults.count();
    let kind = read_kind(root, faults)?;
    let named = take_name(kind, root, names, faults);
    let (compiled, files, places) = match kind {
        Kind::Runbook => {
            let read = runbook::read_runbook(root, listing, faults)?;
            (Compiled::Runbook(read.runbook), read.files, read.places)
        }
        Kind::Inventory => {
            (Compiled::Inventory(inventory::read_inventory(root, faults)?), Vec::new(), Places::default())
        }
        Kind::Team => (Compiled::Team(service::read_team(root, faults)?), Vec::new(), Places::default()),
        Kind::Service => {
            let (service, places) = service::read_service(root, faults)?;
            (Compiled::Service(service), Vec::new(), places)
        }
        Kind::Schedule => {
            let (schedule, places) = schedule::read_schedule(root, faults)?;
            (Compiled::Schedule(schedule), Vec::new(), places)
        }
    };
    let definition = Definition {
        kind,
        name: compiled.name().to_owned(),
        path: faults.source.path.to_owned(),
        line: faults.source.place(root.span.start).0,
        text: faults.source.slice(document.text).to_owned(),
        document: root.to_json(),
        compiled,
        files,
    };
    let sound = sound && named && !faults.errors_since(told_before);
    Some(Drafted { definition, places, root: root.span, sound, whole: true })
}

fn read_kind(root: &Node, faults: &mut Faults<'_>) -> Option<Kind> {
    let entries = match &root.content {
        Content::Mapping(entries) => entries,
        Content::Told => return None,
        _ => {
            let message = format!(
                "A definition must be a mapping that begins with its `kind`, but this document is {}.",
                root.what()
            );
            faults
                .error(Code::NotAMapping, root.span, message)
                .hint("Keep the YAML files of other tools in another folder.");
            return None;
        }
    };
    let Some(entry) = entries.iter().find(|entry| entry.key.text == "kind") else {
        let near = entries.iter().find(|entry| suggest::nearest(&entry.key.text, ["kind"]).is_some());
        let told = faults.error(
            Code::MissingKind,
            near.map_or(root.span, |entry| entry.key.span),
            "This document does not say its `kind`.",
        );
        match near {
            Some(entry) => told.hint(format!("Did you mean `kind` by {}?", quoted(&entry.key.text))),
            None => told
                .hint("Begin it with `kind: Runbook`; keep the YAML files of other tools in another folder."),
        }
        return None;
    };
    let text = fields::text(&entry.value, "`kind`", faults)?;
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == text);
    if found.is_none() {
        let hint = if LATER.contains(&text) {
            format!("`{text}` comes with a later version of Signalbox.")
        } else {
            suggest::hint(text, &Kind::ALL.map(Kind::name))
        };
        faults
            .error(Code::UnknownKind, entry.value.span, format!("There is no kind {}.", quoted(text)))
            .hint(hint);
    }
    found
}

/// Tells if this name was taken before; what else is wrong with a document does not hide that.
fn take_name(kind: Kind, root: &Node, names: &mut Names, faults: &mut Faults<'_>) -> bool {
    let Content::Mapping(entries) = &root.content else {
        return true;
    };
    let Some(value) = entries.iter().find(|entry| entry.key.text == "name").map(|entry| &entry.value) else {
        return true;
    };
    let Content::Text(name) = &value.content else {
        return true;
    };
    if !is_name(name) {
        return true;
    }
    let (line, _) = faults.source.place(value.span.start);
    let Some((path, first)) = names.get(&(kind, name.clone())) else {
        names.insert((kind, name.clone()), (faults.source.path.to_owned(), line));
        return true;
    };
    let message = format!(
        "The name {} is taken: {} and {}:{line} are both a {} of that name.",
        quoted(name),
        format_args!("{path}:{first}"),
        faults.source.path,
        kind.name()
    );
    faults
        .error(Code::DuplicateDefinition, value.span, message)
        .hint("Rename one of them; a name is unique within its kind.");
    false
}
