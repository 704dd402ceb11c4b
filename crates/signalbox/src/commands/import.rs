//! `signalbox import`: definitions out of what other tools have, offline.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use definition::{Imported, ImportedDocument, SourceText, limits::DOCUMENT_MAX};
use model::api::Fault;
use serde::Serialize;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    faults, words,
};

/// Make definitions of what other tools have, without a server.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make services and teams of a `catalog-info.yaml` of Backstage.
    ///
    /// Each `Component` becomes a service, each `Group` a team. Whatever is not carried over is told on standard error, with its
    /// line. Nothing that is there is written over.
    #[command(
        after_help = "Examples:\n  signalbox import backstage catalog-info.yaml > services.yaml\n  signalbox import backstage catalog-info.yaml -o ops"
    )]
    Backstage {
        /// The catalog.
        file: PathBuf,
        /// A folder for a file for each: `services/NAME.yaml`, `teams/NAME.yaml` [default: all of them on standard output]
        #[arg(short, long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
}

#[derive(Serialize)]
struct Report<'a> {
    documents: Vec<Document<'a>>,
    faults: &'a [Fault],
}

#[derive(Serialize)]
struct Document<'a> {
    kind: &'a str,
    name: &'a str,
    text: &'a str,
}

pub fn perform(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let Command::Backstage { file, output } = &args.command;
    let text = read(file)?;
    let path = file.display().to_string();
    let imported = definition::import_backstage(&SourceText { path: &path, text: &text });
    let faulty = faults::has_errors(&imported.faults);
    if let Some(folder) = output.as_ref().filter(|_| !faulty) {
        write(folder, &imported)?;
    }
    let printer = &context.printer;
    if printer.is_json() {
        let documents = imported.documents.iter();
        let documents =
            documents.map(|it| Document { kind: it.kind.name(), name: &it.name, text: &it.text }).collect();
        printer.object(&Report { documents, faults: &imported.faults });
    } else {
        printer.err(&faults::draw(&imported.faults, |_| Some(&text), printer.canvas(true)));
        if faulty {
            printer.err(&format!("{}; nothing was made", faults::summary(&imported.faults)));
            return Ok(Exit::Failed);
        }
        if output.is_none() {
            let texts: Vec<&str> = imported.documents.iter().map(|document| document.text.as_str()).collect();
            printer.out(&texts.join("---\n"));
        }
        let made = words::count(imported.documents.len(), "definition");
        printer.err(&format!("{}; {made} made", faults::summary(&imported.faults)));
    }
    Ok(if faulty { Exit::Failed } else { Exit::Success })
}

fn read(file: &Path) -> Result<String, Failure> {
    let unreadable = |why: String| Failure::usage(format!("{} cannot be read: {why}", file.display()));
    let opened = File::open(file).map_err(|error| unreadable(error.to_string()))?;
    let mut text = String::new();
    // One byte more than is read, so that more is told as too much.
    let most = DOCUMENT_MAX as u64 + 1;
    opened.take(most).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
    Ok(text)
}

/// All or nothing is there already: what somebody wrote is never written over.
fn write(folder: &Path, imported: &Imported) -> Result<(), Failure> {
    let place = |document: &ImportedDocument| {
        let kind = format!("{}s", document.kind.name().to_lowercase());
        folder.join(kind).join(format!("{}.yaml", document.name))
    };
    if let Some(there) = imported.documents.iter().map(place).find(|path| path.symlink_metadata().is_ok()) {
        return Err(Failure::usage(format!("{} is there already, and nothing was written", there.display()))
            .hint("name another folder, or compare it with what standard output gives without `-o`"));
    }
    for document in &imported.documents {
        let path = place(document);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| File::create_new(&path))
            .and_then(|mut file| file.write_all(document.text.as_bytes()))
            .map_err(|error| Failure::usage(format!("{} cannot be written: {error}", path.display())))?;
    }
    Ok(())
}
