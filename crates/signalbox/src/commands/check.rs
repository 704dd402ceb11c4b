//! `signalbox check`: every fault of an operations repository, offline.

use std::path::PathBuf;

use definition::{Definition, Kind, Reading};
use model::api::Fault;
use serde::Serialize;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    faults,
    folder::{self, Folder},
    words,
};

/// Check the definitions of a folder, or one file, without a server.
///
/// Shows all faults at once, each with its place and what to do. Exits 0, or 1 with faults.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  signalbox check .\n  signalbox check runbooks/restart-web.yaml --json")]
pub struct Args {
    /// A folder (scripts are found from here), or one file (from the nearest folder above it that holds `.git`).
    #[arg(default_value = ".")]
    path: PathBuf,
    /// From where a single file's scripts are found [default: the nearest folder above it that holds `.git`, else its own]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report<'a> {
    faults: &'a [Fault],
    definitions: Vec<Checked<'a>>,
}

#[derive(Serialize)]
struct Checked<'a> {
    kind: &'a str,
    name: &'a str,
    path: &'a str,
}

pub fn perform(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let folder = folder::read(&args.path, args.root.as_deref())?;
    let reading = read(&folder);
    if context.printer.is_json() {
        let definitions = reading.definitions.iter().map(Checked::of).collect();
        context.printer.object(&Report { faults: &reading.faults, definitions });
    } else {
        let drawn = faults::draw(&reading.faults, |path| folder.text(path), context.printer.canvas(false));
        context.printer.out(&drawn);
        context.printer.out(&summary(&reading));
    }
    Ok(if faults::has_errors(&reading.faults) { Exit::Failed } else { Exit::Success })
}

impl<'a> Checked<'a> {
    fn of(definition: &'a Definition) -> Self {
        Self { kind: definition.kind.name(), name: &definition.name, path: &definition.path }
    }
}

/// Reads the documents; the faults of those that could not even be read come with the others.
pub fn read(folder: &Folder) -> Reading {
    let mut reading = definition::read(&folder.sources(), &folder.listing);
    reading.faults.extend(folder.faults.iter().cloned());
    reading.faults.sort_by(|a, b| (&a.path, a.offset).cmp(&(&b.path, b.offset)));
    reading
}

fn summary(reading: &Reading) -> String {
    let good = reading.definitions.len();
    let of = |kind: Kind| reading.definitions.iter().filter(|definition| definition.kind == kind).count();
    let counted: Vec<String> = Kind::ALL
        .into_iter()
        .filter(|kind| of(*kind) > 0 || good == 0 && *kind == Kind::Runbook)
        .map(|kind| match (kind, of(kind)) {
            (Kind::Inventory, many) if many != 1 => format!("{many} inventories"),
            (kind, count) => words::count(count, &kind.name().to_lowercase()),
        })
        .collect();
    let counted = match counted.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => counted.concat(),
    };
    let verb = if good == 1 { "is" } else { "are" };
    format!("{}; {counted} {verb} good\n", faults::summary(&reading.faults))
}
