//! A copy of the store while it is used, and what becomes of a store that was made from one.
//!
//! A copy says of itself when it was made. A store that says so was restored: much may have happened to the world since,
//! so nothing goes on by itself that could do again what was done already.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use model::{
    id::{RunId, Uuid},
    run::{Cause, RunEvent},
};
use sqlx::{ConnectOptions, Connection, Row, sqlite::SqliteConnectOptions};

use crate::{
    Advanced, Store, StoreError,
    engine::{Engine, in_read, in_write},
};

const BACKUP_OF: &str = "backup_of";

/// What became of a store that was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// When the backup was made.
    pub backup_of: Timestamp,
    /// Every run that moved, as it is now.
    pub runs: Vec<Advanced>,
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
            let mut copy = options.connect().await?;
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

    /// At the start of a server, before anything else: if the store was restored, every attempt that was running and every
    /// task that was queued is lost. Nobody knows whether they were performed since the backup was made, so nothing
    /// starts by itself. Locks stay with their runs, and idempotency keys stay. None if the store was not restored.
    ///
    /// It may be called again after a crash in the middle: what is left is done then.
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
        let mut runs: Vec<Advanced> = Vec::new();
        loop {
            let running = self.running_attempts().await?;
            let lost = |step, attempt| RunEvent::StepLost {
                step,
                attempt,
                cause: Cause::ServerLost,
                message: format!(
                    "the store was restored from a backup of {backup_of}: nobody knows what became of it"
                ),
            };
            let mut moved = false;
            for found in running {
                let event = lost(found.step, found.attempt);
                moved |= self.after_restore_of(&mut runs, found.run, at, event).await?;
            }
            // A task is lost too. Its start is stored first: only what began can be lost.
            for (run, step, attempt) in self.queued_tasks().await? {
                let event = RunEvent::StepStarted { step, attempt };
                moved |= self.after_restore_of(&mut runs, run, at, event).await?;
            }
            if !moved {
                break;
            }
        }
        in_write!(self, |connection| async move {
            sqlx::query("DELETE FROM marks WHERE name = $1")
                .bind(BACKUP_OF)
                .execute(&mut *connection)
                .await?;
            Ok(Some(Restored { backup_of, runs }))
        })
    }

    /// False if it moved already.
    async fn after_restore_of(
        &self,
        runs: &mut Vec<Advanced>,
        run: RunId,
        at: Timestamp,
        event: RunEvent,
    ) -> Result<bool, StoreError> {
        match self.advance(run, at, event, 0).await {
            Ok(advanced) => {
                runs.retain(|known| known.run.id != run);
                runs.push(advanced);
                Ok(true)
            }
            // Another event of the same pass was its end.
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn queued_tasks(&self) -> Result<Vec<(RunId, u32, u32)>, StoreError> {
        in_read!(self, |connection| async move {
            let rows =
                sqlx::query("SELECT run, step, attempt FROM tasks ORDER BY line, run, step LIMIT 1000")
                    .fetch_all(&mut *connection)
                    .await?;
            rows.iter()
                .map(|row| {
                    let (step, attempt): (i64, i64) = (row.try_get("step")?, row.try_get("attempt")?);
                    let (Ok(step), Ok(attempt)) = (u32::try_from(step), u32::try_from(attempt)) else {
                        return Err(StoreError::Corrupt(format!(
                            "attempt {attempt} of step {step} is queued"
                        )));
                    };
                    Ok((RunId(row.try_get("run")?), step, attempt))
                })
                .collect()
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
