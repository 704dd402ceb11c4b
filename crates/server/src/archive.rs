//! Backups: one file with everything but the key file, and back again.
//!
//! A tar archive (POSIX ustar, so that `zstd -dc FILE | tar t` shows it) compressed with Zstandard. What it may hold is little,
//! so it is written and read here: plain files under a few names, no links, no devices, no folders. Its last entry says that
//! it is whole.

mod read;
mod write;

pub use read::{RestoreError, Restored, restore};
pub(crate) use write::{Backup, write};

/// Bytes of a tar block.
const BLOCK: usize = 512;
const README: &str = "README.txt";
const DATABASE: &str = "signalbox.db";
/// In the data directory, and in no backup.
const KEY: &str = "key";
/// The folder of what steps wrote.
const OUTPUT: &str = "output";
/// The last entry: how many there are before it.
const COMPLETE: &str = "COMPLETE";

const README_TEXT: &str = "\
A backup of a Signalbox server: its store (signalbox.db: definitions, their files, runs, events) and what the
steps wrote (output/). To use it:

    signalbox restore FILE --data-dir DIR --key KEYFILE

The key file (`key` in the data directory) is NOT in here, and is never to lie beside a backup. Secret inputs of runs
that had not ended are sealed under it: without --key they cannot be opened, and those runs fail where they need one.

A restored server goes on with no run by itself: nobody knows what happened since the backup was taken, so whatever ran,
was queued or waited for a moment asks a person.
";

#[cfg(test)]
mod tests;
