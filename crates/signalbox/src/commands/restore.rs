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
/// A server that is started on it goes on with no run by itself: whatever may have happened since the backup was taken, a person
/// says.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  signalbox restore signalbox.backup --data-dir /var/lib/signalbox --key /safe/place/key"
)]
pub struct Args {
    /// The backup.
    file: PathBuf,
    /// A directory that is empty, or not there yet.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// A key of the server that the backup is of, as to `server --secret-key`; without it stored secrets, and secret inputs
    /// of runs that had not ended, are given up.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<server::KeySource>,
}

#[derive(Serialize)]
struct Done<'a> {
    data_dir: &'a Path,
    files: u64,
    bytes: u64,
    secrets_lost: u64,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let restored = server::restore(&args.file, &args.data_dir, &args.keys)
        .await
        .map_err(|error| Failure::new(Exit::Refused, error.to_string()).hint("nothing was restored"))?;
    let server::Restored { files, bytes, secrets_lost } = restored;
    if context.printer.is_json() {
        context.printer.object(&Done { data_dir: &args.data_dir, files, bytes, secrets_lost });
    } else {
        let files = words::count(usize::try_from(files).unwrap_or(usize::MAX), "file");
        context.printer.out(&format!("{}: {files}, {bytes} bytes\n", args.data_dir.display()));
    }
    if secrets_lost > 0 {
        let lost = words::count(usize::try_from(secrets_lost).unwrap_or(usize::MAX), "secret");
        context.printer.err("the key file is not in a backup, and none was given with --key");
        context.printer.err(&format!(
            "{lost} cannot be opened any more: set stored ones anew; runs that had not ended fail where they need one"
        ));
        context.printer.err("if you have the key file, restore again into another directory, with --key");
    }
    context.printer.err(
        "no run that had not ended goes on by itself: what ran, was queued or waited for a moment asks a person (`signalbox step resolve`)",
    );
    Ok(Exit::Success)
}
