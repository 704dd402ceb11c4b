//! `signalbox apply`: sends an operations repository to the server.

use std::{collections::BTreeSet, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use client::IdempotencyKey;
use definition::Reading;
use model::api::{ApplyAnswer, ApplyRequest, SourceDocument, SourceFile};

use crate::{
    commands::check,
    context::Context,
    failure::{Exit, Failure},
    faults,
    folder::{self, Document, Folder},
};

/// Publish the runbooks of a folder, or one file, with the scripts they name.
///
/// Checks first, and sends nothing that has faults. An unchanged document makes no new version; what is no longer in
/// the folder stays, unless --prune retires it. Exits 0, or 1 with faults.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  signalbox apply .\n  signalbox apply . --project shop --dry-run --prune"
)]
pub struct Args {
    /// A folder (scripts are found from here), or one file (from the nearest folder above it that holds `.git`).
    path: PathBuf,
    /// From where a single file's scripts are found [default: the nearest folder above it that holds `.git`, else its own]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Say what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Retire what the project has and the folder lacks.
    #[arg(long)]
    prune: bool,
}

pub async fn perform(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let folder = folder::read(&args.path, args.root.as_deref())?;
    if args.prune && !folder.whole {
        return Err(Failure::usage("--prune with a single file would retire everything else")
            .hint("give the folder, or leave --prune out"));
    }
    let reading = check::read(&folder);
    if faults::has_errors(&reading.faults) {
        return Ok(refuse(context, &folder, &reading.faults, "nothing was sent"));
    }
    let request = ApplyRequest { dry_run: args.dry_run, prune: args.prune, ..request(&folder, &reading)? };
    let client = context.client()?;
    match client.apply(context.project(), &request, &IdempotencyKey::random()?).await {
        Ok(answer) => {
            report(context, &folder, &answer);
            Ok(Exit::Success)
        }
        Err(error) => match error.problem() {
            Some(problem) if problem.status == 422 && !problem.faults.is_empty() => {
                Ok(refuse(context, &folder, &problem.faults, "nothing was stored"))
            }
            _ => Err(error.into()),
        },
    }
}

/// All documents, and every file that a runbook names.
pub fn request(folder: &Folder, reading: &Reading) -> Result<ApplyRequest, Failure> {
    let document = |d: &Document| SourceDocument { path: d.path.clone(), text: d.text.clone() };
    let named: BTreeSet<&String> =
        reading.definitions.iter().flat_map(|definition| &definition.files).collect();
    let file = |path: &String| -> Result<SourceFile, Failure> {
        let mode = folder.listing.get(path).map(|file| file.mode);
        let mode = mode.ok_or_else(|| Failure::usage(format!("there is no file {path}")))?;
        let content_base64 = BASE64_STANDARD.encode(folder.content(path)?);
        Ok(SourceFile { path: path.clone(), mode, content_base64 })
    };
    Ok(ApplyRequest {
        documents: folder.documents.iter().map(document).collect(),
        files: named.into_iter().map(file).collect::<Result<_, _>>()?,
        ..ApplyRequest::default()
    })
}

/// Draws what is wrong on standard error: it is why nothing came of the command.
pub fn refuse(context: &Context, folder: &Folder, faults: &[model::api::Fault], end: &str) -> Exit {
    context.printer.err(&faults::draw(faults, |path| folder.text(path), context.printer.canvas(true)));
    context.printer.err(&format!("{}; {end}", faults::summary(faults)));
    Exit::Failed
}

fn report(context: &Context, folder: &Folder, answer: &ApplyAnswer) {
    if !answer.remarks.is_empty() {
        let drawn = faults::draw(&answer.remarks, |path| folder.text(path), context.printer.canvas(true));
        context.printer.err(&drawn);
    }
    if context.printer.is_json() {
        context.printer.object(answer);
        return;
    }
    for applied in &answer.results {
        let kind = applied.kind.to_lowercase();
        let (outcome, digest) = (applied.outcome.name(), applied.digest.short());
        context.printer.out(&format!("{outcome:<9}  {kind} {}  {digest}\n", applied.name));
    }
    if answer.results.is_empty() {
        context.printer.err("there are no definitions here");
    }
    if answer.dry_run {
        context.printer.err("nothing was changed: this was a dry run");
    }
}
