//! `signalbox backup`: everything but the key file, in one file.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use client::Client;
use futures_util::TryStreamExt;
use serde::Serialize;

use crate::{
    context::Context,
    failure::{Exit, Failure},
};

/// Take a backup of the server while it goes on.
///
/// The store, the definitions' files and what steps wrote, of one moment. The key file of secret inputs (`key` in the data
/// directory) is not in it: keep that elsewhere. `signalbox restore` makes a data directory of it again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  signalbox backup signalbox-$(date +%F).backup")]
pub struct Args {
    /// Where to write it; a file that is there is never overwritten.
    file: PathBuf,
}

#[derive(Serialize)]
struct Written<'a> {
    file: &'a Path,
    bytes: u64,
}

pub async fn perform(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let path = &args.file;
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(format!("{} is there already", path.display()))
            .hint("a backup overwrites nothing: choose another name"),
        _ => Failure::usage(format!("{} cannot be written: {error}", path.display())),
    })?;
    let written = tokio::select! {
        written = write(&client, &mut file, path) => written,
        _ = tokio::signal::ctrl_c() => {
            remove(context, path);
            return Ok(Exit::Interrupted);
        }
    };
    let bytes = match written {
        Ok(bytes) => bytes,
        Err(failure) => {
            remove(context, path);
            return Err(failure);
        }
    };
    if context.printer.is_json() {
        context.printer.object(&Written { file: path, bytes });
    } else {
        context.printer.out(&format!("{} ({bytes} bytes)\n", path.display()));
    }
    context.printer.err(
        "the server's key file (`key` in its data directory) is not in it: keep a copy of that elsewhere",
    );
    Ok(Exit::Success)
}

async fn write(client: &Client, file: &mut File, path: &Path) -> Result<u64, Failure> {
    let full = |error: io::Error| {
        Failure::new(Exit::Failed, format!("{} cannot be written: {error}", path.display()))
    };
    let mut pieces = client.backup().await?;
    let mut bytes = 0;
    while let Some(piece) = pieces.try_next().await? {
        file.write_all(&piece).map_err(full)?;
        bytes += piece.len() as u64;
    }
    file.sync_all().map_err(full)?;
    Ok(bytes)
}

/// Half a backup is none.
fn remove(context: &Context, path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        context.printer.err(&format!("{} is not whole, and cannot be removed: {error}", path.display()));
    }
}
