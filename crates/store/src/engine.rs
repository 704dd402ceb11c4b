//! The two engines, and how one body runs on either.

use std::{
    path::Path,
    str::FromStr,
    sync::{
        Arc, RwLock as SyncRwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use model::evaluate::Evaluate;
use sqlx::{
    ConnectOptions, Connection, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
    },
};
use tokio::sync::RwLock;

use crate::{Keys, StoreError, cache::Cache, migrations, sqlite::Sqlite};

const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 8;
/// Bytes of the write-ahead log that stay when it starts anew.
const WAL_KEPT: &str = "16777216";

/// Everything that is kept, but output.
#[derive(Clone)]
pub struct Store {
    pub(crate) engine: Engine,
    pub(crate) context: Arc<Context>,
    transactions: Arc<AtomicU64>,
}

/// What a transition needs beside its rows.
pub(crate) struct Context {
    pub(crate) evaluate: Evaluator,
    pub(crate) cache: Cache,
    /// None until the store is unlocked.
    pub(crate) keys: SyncRwLock<Option<Arc<Keys>>>,
}

impl Context {
    fn new(evaluate: Evaluator) -> Arc<Self> {
        Arc::new(Self { evaluate, cache: Cache::default(), keys: SyncRwLock::new(None) })
    }
}

/// The expression language, for the state machine.
pub type Evaluator = Arc<dyn Evaluate + Send + Sync>;

#[derive(Clone)]
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

#[derive(Clone)]
pub(crate) struct Postgres {
    pub(crate) pool: PgPool,
    /// Held for reading by every call until it is answered, for writing by the one that closes the store.
    pub(crate) open: Arc<RwLock<()>>,
}

/// Times are kept to the microsecond, which is what PostgreSQL keeps: an answer says what a later read says.
pub(crate) fn to_microsecond(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

impl Store {
    /// Open or make the SQLite file at `path`, and bring its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Newer`] if a newer program wrote it.
    pub async fn open_sqlite(path: &Path, evaluate: Evaluator) -> Result<Self, StoreError> {
        let place: Arc<str> = path.display().to_string().into();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // Law 4: what was acknowledged survives power loss. Costs one fsync for each group of writes.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What is deleted is overwritten: a secret's sealed bytes do not stay behind in a free page.
            .pragma("secure_delete", "ON")
            // A log that once grew long is cut when it starts anew.
            .pragma("journal_size_limit", WAL_KEPT)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        // What is free goes back to the disk in small pieces. A file that was made without this gets it from a backup. It is said
        // to a new file only: to any other it would be a write, and what a newer program wrote is left as it is.
        let is_new = std::fs::metadata(path).map_or(true, |file| file.len() == 0);
        let making =
            if is_new { options.clone().auto_vacuum(SqliteAutoVacuum::Incremental) } else { options.clone() };
        let mut writer = making.connect().await.map_err(|error| StoreError::from(error).at(&place))?;
        if let Err(error) = migrations::sqlite().run(&mut writer).await {
            // Else its write-ahead log would be left beside a file that is none of ours.
            let _ = writer.close().await;
            return Err(migrations::explain(error));
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(0)
            .test_before_acquire(false)
            .connect_lazy_with(options.read_only(true).create_if_missing(false));
        let transactions = Arc::new(AtomicU64::new(0));
        let engine = Engine::Sqlite(Sqlite::start(writer, readers, transactions.clone(), place));
        Ok(Self { engine, context: Context::new(evaluate), transactions })
    }

    /// Connect to the PostgreSQL database at `url` (`postgres://user@host/name`), and bring its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Newer`] if a newer program wrote it, [`StoreError::NotDurable`] if the database acknowledges what it
    /// has not yet written.
    pub async fn open_postgres(url: &str, evaluate: Evaluator) -> Result<Self, StoreError> {
        let options =
            PgConnectOptions::from_str(url)?.application_name("signalbox").disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).connect_with(options).await?;
        let row =
            sqlx::query("SELECT current_setting('synchronous_commit') AS setting").fetch_one(&pool).await?;
        if row.try_get::<String, _>("setting")? == "off" {
            return Err(StoreError::NotDurable);
        }
        migrations::postgres().run(&pool).await.map_err(migrations::explain)?;
        let engine = Engine::Postgres(Postgres { pool, open: Arc::new(RwLock::new(())) });
        Ok(Self { engine, context: Context::new(evaluate), transactions: Arc::new(AtomicU64::new(0)) })
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

    /// Let go of every connection, after all writes that were asked for are done. A write asked for later is refused with
    /// [`StoreError::Closed`].
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(postgres) => {
                let _nobody_else = postgres.open.write().await;
                postgres.pool.close().await;
            }
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
            $crate::engine::Engine::Postgres(postgres) => {
                let _open = postgres.open.read().await;
                $store.count_transaction();
                let mut transaction = postgres.pool.begin().await?;
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
                        Err(error.at("the database"))
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
                answer.map_err(|error| error.at(&sqlite.place))
            }
            $crate::engine::Engine::Postgres(postgres) => {
                let _open = postgres.open.read().await;
                $store.count_transaction();
                let mut pooled = postgres.pool.acquire().await?;
                let $connection: &mut sqlx::PgConnection = &mut pooled;
                let answer: Result<_, $crate::StoreError> = $body.await;
                answer
            }
        }
    };
}

pub(crate) use {in_read, in_write};
