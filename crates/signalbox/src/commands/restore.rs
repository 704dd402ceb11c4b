//! `signalbox restore`: a data directory from a backup.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    words,
};

/// Make a data directory from a backup, without a server.
///
/// A server started on it starts nothing that was running when the backup was taken: how those steps ended is unknown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  signalbox restore signalbox.backup --data-dir /var/lib/signalbox")]
pub struct Args {
    /// The backup.
    file: PathBuf,
    /// A directory that is empty, or not there yet.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

#[derive(Serialize)]
struct Done<'a> {
    data_dir: &'a Path,
    files: u64,
    bytes: u64,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let restored = server::restore(&args.file, &args.data_dir)
        .await
        .map_err(|error| Failure::new(Exit::Refused, error.to_string()).hint("nothing was restored"))?;
    let (files, bytes) = (restored.files, restored.bytes);
    if context.printer.is_json() {
        context.printer.object(&Done { data_dir: &args.data_dir, files, bytes });
    } else {
        let files = words::count(usize::try_from(files).unwrap_or(usize::MAX), "file");
        context.printer.out(&format!("{}: {files}, {bytes} bytes\n", args.data_dir.display()));
    }
    let key = args.data_dir.join("key");
    context.printer.err(&format!(
        "the key file is not in a backup: put your copy at {} before the first start, readable by its owner only",
        key.display()
    ));
    context.printer.err("without it the secret inputs of runs that had not ended cannot be opened");
    context.printer.err("steps that were running when the backup was taken will be unknown; nothing of them starts again");
    Ok(Exit::Success)
}
