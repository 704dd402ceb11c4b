//! The two engines, and how one body runs on either.

use std::{
    path::Path,
    pin::Pin,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, PgPool, SqliteConnection, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot};

use crate::{StoreError, migrations};

/// Writes that may wait for the writer before callers wait for room.
const WRITES_WAITING: usize = 4096;
/// Writes that go into one transaction at most.
const WRITES_GROUPED: usize = 64;
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 8;

/// Everything that is kept, but output.
#[derive(Clone)]
pub struct Store {
    pub(crate) engine: Engine,
    transactions: Arc<AtomicU64>,
}

#[derive(Clone)]
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(PgPool),
}

impl Store {
    /// Open or make the SQLite file at `path`, and bring its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Newer`] if a newer program wrote it.
    pub async fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // Law 4: what was acknowledged survives power loss. Costs one fsync for each group of writes.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let mut writer = options.connect().await?;
        migrations::sqlite().run(&mut writer).await.map_err(migrations::explain)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(0)
            .test_before_acquire(false)
            .connect_lazy_with(options.read_only(true).create_if_missing(false));
        let transactions = Arc::new(AtomicU64::new(0));
        let engine = Engine::Sqlite(Sqlite::start(writer, readers, transactions.clone()));
        Ok(Self { engine, transactions })
    }

    /// Connect to the PostgreSQL database at `url` (`postgres://user@host/name`), and bring its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Newer`] if a newer program wrote it.
    pub async fn open_postgres(url: &str) -> Result<Self, StoreError> {
        let options =
            PgConnectOptions::from_str(url)?.application_name("signalbox").disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).connect_with(options).await?;
        migrations::postgres().run(&pool).await.map_err(migrations::explain)?;
        Ok(Self { engine: Engine::Postgres(pool), transactions: Arc::new(AtomicU64::new(0)) })
    }

    /// `sqlite` or `postgres`.
    pub fn engine_name(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgres",
        }
    }

    /// Database transactions since the store was opened, reads included.
    pub fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    pub(crate) fn count_transaction(&self) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
    }

    /// Does the store answer?
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        in_read!(self, |connection| async move {
            sqlx::query("SELECT 1").execute(&mut *connection).await?;
            Ok(())
        })
    }

    /// Let go of every connection, after all writes that were asked for are done.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(sqlite) => {
                let (done, closed) = oneshot::channel();
                if sqlite.writes.send(Message::Close(done)).await.is_ok() {
                    let _ = closed.await;
                }
                sqlite.readers.close().await;
            }
            Engine::Postgres(pool) => pool.close().await,
        }
    }
}

/// Run a body in one transaction that writes. The body is an `async move` block that ends in `Ok` or `Err`; it is
/// expanded for either engine, so it may only use what both have.
macro_rules! in_write {
    ($store:expr, |$connection:ident| $body:expr) => {
        match &$store.engine {
            $crate::engine::Engine::Sqlite(sqlite) => {
                sqlite.write(move |$connection: &mut sqlx::SqliteConnection| Box::pin($body)).await
            }
            $crate::engine::Engine::Postgres(pool) => {
                $store.count_transaction();
                let mut transaction = pool.begin().await?;
                let answer: Result<_, $crate::StoreError> = {
                    let $connection: &mut sqlx::PgConnection = &mut transaction;
                    $body.await
                };
                match answer {
                    Ok(answer) => {
                        transaction.commit().await?;
                        Ok(answer)
                    }
                    Err(error) => {
                        // The first error is the one to tell; a failed rollback ends with the connection.
                        let _ = transaction.rollback().await;
                        Err(error)
                    }
                }
            }
        }
    };
}

/// Run a body that only reads, beside the writer.
macro_rules! in_read {
    ($store:expr, |$connection:ident| $body:expr) => {
        match &$store.engine {
            $crate::engine::Engine::Sqlite(sqlite) => {
                $store.count_transaction();
                let mut pooled = sqlite.readers.acquire().await?;
                let $connection: &mut sqlx::SqliteConnection = &mut pooled;
                let answer: Result<_, $crate::StoreError> = $body.await;
                answer
            }
            $crate::engine::Engine::Postgres(pool) => {
                $store.count_transaction();
                let mut pooled = pool.acquire().await?;
                let $connection: &mut sqlx::PgConnection = &mut pooled;
                let answer: Result<_, $crate::StoreError> = $body.await;
                answer
            }
        }
    };
}

pub(crate) use {in_read, in_write};

/// SQLite: one writer that commits in groups, and readers beside it. With one writer there is no `SQLITE_BUSY`.
#[derive(Clone)]
pub(crate) struct Sqlite {
    writes: mpsc::Sender<Message>,
    pub(crate) readers: SqlitePool,
}

type BoxFuture<'c, T> = Pin<Box<dyn Future<Output = T> + Send + 'c>>;
/// Tells the caller, once it is known whether the group was committed.
type Tell = Box<dyn FnOnce(Result<(), String>) + Send>;
/// Does its work on the writer; says whether to keep it.
type Job = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, (bool, Tell)> + Send>;

enum Message {
    Write(Job),
    Close(oneshot::Sender<()>),
}

impl Sqlite {
    fn start(writer: SqliteConnection, readers: SqlitePool, transactions: Arc<AtomicU64>) -> Self {
        let (writes, received) = mpsc::channel(WRITES_WAITING);
        tokio::spawn(write_in_groups(writer, received, transactions));
        Self { writes, readers }
    }

    pub(crate) async fn write<T, F>(&self, body: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                let result = body(connection).await;
                let keep = result.is_ok();
                let tell: Tell = Box::new(move |committed| {
                    let result = match committed {
                        Ok(()) => result,
                        Err(error) => result.and(Err(StoreError::Commit(error))),
                    };
                    let _ = answer.send(result);
                });
                (keep, tell)
            })
        });
        self.writes.send(Message::Write(job)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

/// Take whatever waits, up to a bound, into one transaction; each write behind a savepoint, so that one that fails takes
/// nothing with it. Callers hear of success only after the commit.
async fn write_in_groups(
    mut writer: SqliteConnection,
    mut received: mpsc::Receiver<Message>,
    transactions: Arc<AtomicU64>,
) {
    let mut messages = Vec::with_capacity(WRITES_GROUPED);
    while received.recv_many(&mut messages, WRITES_GROUPED).await > 0 {
        let mut jobs = Vec::with_capacity(messages.len());
        let mut close = None;
        for message in messages.drain(..) {
            match message {
                Message::Write(job) => jobs.push(job),
                Message::Close(done) => close = Some(done),
            }
        }
        if !jobs.is_empty() {
            transactions.fetch_add(1, Ordering::Relaxed);
            let mut tell = Vec::with_capacity(jobs.len());
            let committed = perform(&mut writer, jobs, &mut tell).await;
            if let Err(error) = &committed {
                tracing::error!(%error, "a group of writes was not committed");
                // Fails where SQLite has rolled back already, which is as good.
                let _ = sqlx::query("ROLLBACK").execute(&mut writer).await;
            }
            for tell in tell {
                tell(committed.as_ref().map(|_| ()).map_err(ToString::to_string));
            }
        }
        if let Some(done) = close {
            let _ = writer.close().await;
            let _ = done.send(());
            return;
        }
    }
}

async fn perform(
    writer: &mut SqliteConnection,
    jobs: Vec<Job>,
    tell: &mut Vec<Tell>,
) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *writer).await?;
    let alone = jobs.len() == 1;
    for job in jobs {
        if !alone {
            sqlx::query("SAVEPOINT one").execute(&mut *writer).await?;
        }
        let (keep, told) = job(writer).await;
        tell.push(told);
        match (alone, keep) {
            (true, true) => {}
            (true, false) => {
                sqlx::query("ROLLBACK").execute(&mut *writer).await?;
                return Ok(());
            }
            (false, true) => {
                sqlx::query("RELEASE one").execute(&mut *writer).await?;
            }
            (false, false) => {
                sqlx::query("ROLLBACK TO one").execute(&mut *writer).await?;
                sqlx::query("RELEASE one").execute(&mut *writer).await?;
            }
        }
    }
    sqlx::query("COMMIT").execute(&mut *writer).await?;
    Ok(())
}
