//! What can go wrong with the store.

use std::{
    fs::{self, File},
    io::ErrorKind,
};

use model::{id::RunId, run::Refused};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("the state machine refuses it: {0}")]
    Refused(#[from] Refused),
    #[error(
        "lock `{key}` is taken, and this does not wait for it: held by run {}",
        .held_by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Busy { key: String, held_by: Vec<RunId> },
    /// There are secrets, and no key file was given to the store.
    #[error("there is no key to seal secrets with: the server opens its key file when it starts")]
    NoKey,
    /// The key file or something sealed is not what it should be.
    #[error("{0}")]
    Seal(String),
    #[error("the file has {size} bytes; at most {most} are taken")]
    TooLarge { size: usize, most: usize },
    /// Why there is no backup, and what to do.
    #[error("no backup was made: {0}")]
    Backup(String),
    /// Nothing of what was just asked for is stored.
    #[error(
        "the disk that holds {place} is full: nothing was stored. What was acknowledged before is safe, and reading goes on. \
         Make room there; work goes on by itself then ({detail})"
    )]
    DiskFull { place: String, detail: String },
    #[error(
        "{place} cannot be written: nothing was stored. What was acknowledged before is safe, and reading goes on. Let the \
         server's user write the file and its folder, or mount the file system for writing; work goes on by itself then. If \
         the kernel made it read-only, the disk may be faulty: check it, and start the machine again ({detail})"
    )]
    ReadOnly { place: String, detail: String },
    /// It is not there, or was deleted.
    #[error("there is no secret `{0}` in this project: `signalbox secrets set {0}` makes it")]
    NoSecret(String),
    #[error("the name `{0}` is taken")]
    NameTaken(String),
    #[error("this Idempotency-Key came before with another body")]
    KeyReused,
    /// The schema holds migrations that this program does not know.
    #[error(
        "the data was written by a newer version of Signalbox (schema {found}, this program knows up to {known}): \
         start that version or a newer one, or restore a backup from before the upgrade"
    )]
    Newer { found: i64, known: i64 },
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
    #[error("the store does not answer: {0}")]
    Database(#[source] sqlx::Error),
    /// Neither engine takes it, though only PostgreSQL minds (law 9).
    #[error("text with a NUL character cannot be stored")]
    HasNul,
    /// PostgreSQL would acknowledge a commit before it is on disk (law 4).
    #[error(
        "the database runs with `synchronous_commit = off`, so that what it acknowledges may be lost: \
         set it to `on` for Signalbox's role or database"
    )]
    NotDurable,
    #[error("the store could not be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The transaction that this write was grouped into did not commit.
    #[error("the store could not commit: {0}")]
    Commit(String),
    #[error("the store has been closed")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            other => Self::Database(other),
        }
    }
}

impl StoreError {
    /// The faults of the disk by name, with the place that they are of.
    pub(crate) fn at(self, place: &str) -> Self {
        match self {
            Self::Database(error) => match fault_of(&error, place) {
                Some(fault) => fault.at(place),
                None => Self::Database(error),
            },
            other => other,
        }
    }
}

/// A fault of the disk, and not of what was asked.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Full(String),
    ReadOnly(String),
}

impl Fault {
    pub(crate) fn at(self, place: &str) -> StoreError {
        let place = place.to_owned();
        match self {
            Self::Full(detail) => StoreError::DiskFull { place, detail },
            Self::ReadOnly(detail) => StoreError::ReadOnly { place, detail },
        }
    }
}

/// `place` is the file, for SQLite.
pub(crate) fn fault_of(error: &sqlx::Error, place: &str) -> Option<Fault> {
    let database = error.as_database_error()?;
    let code = database.code()?;
    let detail = database.message().to_owned();
    // SQLite's codes are numbers, of which the lowest byte says the kind; PostgreSQL's have five characters.
    if code.len() == 5 && database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return match code.as_ref() {
            "53100" => Some(Fault::Full(detail)),
            "25006" => Some(Fault::ReadOnly(detail)),
            _ => None,
        };
    }
    match code.parse::<u32>().ok()? & 0xff {
        13 => Some(Fault::Full(detail)),
        8 | 14 => Some(Fault::ReadOnly(detail)),
        10 if is_read_only(place) => Some(Fault::ReadOnly(detail)),
        _ => None,
    }
}

/// A file that is open when its file system becomes read-only gives SQLite an I/O error like any other. A new file beside
/// it says which it was; no flag of the file system does, where the kernel found it at fault.
fn is_read_only(place: &str) -> bool {
    let probe = format!("{place}-probe");
    let made = File::options().write(true).create_new(true).open(&probe);
    let read_only = made.as_ref().is_err_and(|error| error.kind() == ErrorKind::ReadOnlyFilesystem);
    if made.is_ok() {
        let _ = fs::remove_file(probe);
    }
    read_only
}
