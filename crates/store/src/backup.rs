//! A copy of the store while it is used, and what becomes of a store that was made from one.
//!
//! A copy says of itself when it was made. A store that says so was restored: much may have happened to the world since,
//! so nothing goes on by itself.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use model::{id::Uuid, run::RunEvent};
use sqlx::{
    ConnectOptions, Connection, Row,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions},
};

use crate::{
    Store, StoreError,
    engine::{Engine, in_read, in_write},
};

const BACKUP_OF: &str = "backup_of";

/// Runs that are looked at together.
const RUNS_AT_ONCE: u32 = 500;

/// What became of a store that was restored.
#[derive(Clone, Copy, Debug)]
pub struct Restored {
    /// When the backup was made.
    pub backup_of: Timestamp,
    /// Runs that had not ended: people say how they go on.
    pub runs: u64,
}

impl Store {
    /// Write a whole copy of the store to a new file that only its owner can read (0600), while the store goes on. The key
    /// file is not in it: without that, a restored store has everything but the secret inputs of runs that have not ended.
    ///
    /// # Errors
    /// [`StoreError::Backup`] if the file is there already, cannot be written, or the store is on PostgreSQL.
    pub async fn backup_to(&self, path: &Path, at: Timestamp) -> Result<(), StoreError> {
        let Engine::Sqlite(sqlite) = &self.engine else {
            return Err(StoreError::Backup(
                "the store is a PostgreSQL database: use `pg_dump --format=custom`, or its continuous archiving".into(),
            ));
        };
        let place = path.display();
        if path.exists() {
            return Err(StoreError::Backup(format!("{place} is there already: name a new file")));
        }
        let wrong =
            |error: &dyn std::fmt::Display| StoreError::Backup(format!("{place} cannot be written: {error}"));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = folder.join(format!(".backup-{}", Uuid::now_v7().simple()));
        let _gone = Gone(beside.clone());
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .map_err(|error| wrong(&error))?;
        self.count_transaction();
        let mut reader = sqlite.readers.acquire().await?;
        let name = beside.to_str().ok_or_else(|| wrong(&"its name is not UTF-8"))?;
        sqlx::query("VACUUM INTO $1")
            .bind(name)
            .execute(&mut *reader)
            .await
            .map_err(|error| wrong(&error))?;
        drop(reader);
        let marked: Result<(), sqlx::Error> = async {
            let options = SqliteConnectOptions::new().filename(&beside).disable_statement_logging();
            let mut copy = options.auto_vacuum(SqliteAutoVacuum::Incremental).connect().await?;
            let row = sqlx::query("PRAGMA auto_vacuum").fetch_one(&mut copy).await?;
            if row.try_get::<i64, _>(0)? == 0 {
                // A store from before files gave back what is free: its copy does.
                sqlx::query("VACUUM").execute(&mut copy).await?;
            }
            sqlx::query("INSERT INTO marks (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
                .bind(BACKUP_OF)
                .bind(at.to_string())
                .execute(&mut copy)
                .await?;
            copy.close().await
        }
        .await;
        marked.map_err(|error| wrong(&error))?;
        let kept = || {
            fs::File::open(&beside)?.sync_all()?;
            // A name that another took meanwhile is not taken from it.
            fs::hard_link(&beside, path)?;
            fs::File::open(folder)?.sync_all()
        };
        kept().map_err(|error: std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists => {
                StoreError::Backup(format!("{place} is there already: name a new file"))
            }
            _ => wrong(&error),
        })
    }

    /// Say of this store that it was restored from a copy of that moment; copies of [`Store::backup_to`] say it already.
    /// For PostgreSQL: after `pg_restore`, before the first server starts.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn mark_restored(&self, backup_of: Timestamp) -> Result<(), StoreError> {
        in_write!(self, |connection| async move {
            sqlx::query(
                "INSERT INTO marks (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )
            .bind(BACKUP_OF)
            .bind(backup_of.to_string())
            .execute(&mut *connection)
            .await?;
            Ok(())
        })
    }

    /// At the start of a server, before anything else: if the store was restored, nothing of the runs that had not ended
    /// goes on without a person's word ([`RunEvent::Restored`]). Nobody knows what happened since the backup was made.
    /// Locks stay with their runs, and idempotency keys stay. None if the store was not restored.
    ///
    /// It may be called again after a crash in the middle: what is left is done then. So it is until [`Self::restore_is_over`].
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn after_restore(&self, at: Timestamp) -> Result<Option<Restored>, StoreError> {
        let mark: Option<String> = in_read!(self, |connection| async move {
            let row = sqlx::query("SELECT value FROM marks WHERE name = $1")
                .bind(BACKUP_OF)
                .fetch_optional(&mut *connection)
                .await?;
            Ok(row.map(|row| row.try_get("value")).transpose()?)
        })?;
        let Some(mark) = mark else { return Ok(None) };
        let backup_of: Timestamp = mark
            .parse()
            .map_err(|_| StoreError::Corrupt(format!("the backup was made at `{mark}`, which is no time")))?;
        let mut restored = Restored { backup_of, runs: 0 };
        let mut after = None;
        loop {
            let runs = self.unfinished_runs(after, RUNS_AT_ONCE).await?;
            let Some(last) = runs.last() else { break };
            after = Some(last.id);
            for run in runs {
                match self.advance(run.id, at, RunEvent::Restored { backup_of }, 0).await {
                    Ok(_) => restored.runs += 1,
                    // It was done before the last server went away.
                    Err(StoreError::Refused(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Some(restored))
    }

    /// All that follows from a restore has been seen to.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn restore_is_over(&self) -> Result<(), StoreError> {
        in_write!(self, |connection| async move {
            sqlx::query("DELETE FROM marks WHERE name = $1")
                .bind(BACKUP_OF)
                .execute(&mut *connection)
                .await?;
            Ok(())
        })
    }
}

/// A file that goes when whoever wrote it is done with it.
struct Gone(PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
