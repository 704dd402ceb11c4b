//! SQLite: one writer that commits in groups, and readers beside it. With one writer there is no `SQLITE_BUSY` among us.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use sqlx::{Connection, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use crate::{
    StoreError,
    error::{Fault, fault_of},
};

/// Writes that may wait for the writer before callers wait for room.
const WRITES_WAITING: usize = 4096;
/// Writes that go into one transaction at most.
const WRITES_GROUPED: usize = 64;

#[derive(Clone)]
pub(crate) struct Sqlite {
    writes: mpsc::Sender<Message>,
    pub(crate) readers: SqlitePool,
    /// The file, for whoever must look after its disk.
    pub(crate) place: Arc<str>,
}

type BoxFuture<'c, T> = Pin<Box<dyn Future<Output = T> + Send + 'c>>;
/// Why a group was not committed.
#[derive(Clone)]
struct Why {
    fault: Option<Fault>,
    said: String,
}

impl Why {
    fn of(error: &sqlx::Error, place: &str) -> Self {
        Self { fault: fault_of(error, place), said: error.to_string() }
    }

    fn at(self, place: &str) -> StoreError {
        match self.fault {
            Some(fault) => fault.at(place),
            None => StoreError::Commit(self.said),
        }
    }
}

/// Tells the caller, once it is known whether the group was committed.
type Tell = Box<dyn FnOnce(Result<(), Why>) + Send>;
/// Does its work on the writer, unless there is a reason why nothing can be done; says whether to keep it.
type Job =
    Box<dyn for<'c> FnOnce(Result<&'c mut SqliteConnection, Why>) -> BoxFuture<'c, (bool, Tell)> + Send>;

enum Message {
    Write(Job),
    Checkpoint(oneshot::Sender<Result<(), StoreError>>),
    Close(oneshot::Sender<()>),
}

impl Sqlite {
    pub(crate) fn start(
        writer: SqliteConnection,
        readers: SqlitePool,
        transactions: Arc<AtomicU64>,
        place: Arc<str>,
    ) -> Self {
        let (writes, received) = mpsc::channel(WRITES_WAITING);
        tokio::spawn(write_in_groups(writer, received, transactions, Arc::clone(&place)));
        Self { writes, readers, place }
    }

    pub(crate) async fn write<T, F>(&self, body: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let place = Arc::clone(&self.place);
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                let result = match connection {
                    Ok(connection) => {
                        unless_it_panics(body(connection)).await.map_err(|error| error.at(&place))
                    }
                    Err(why) => Err(why.at(&place)),
                };
                let keep = result.is_ok();
                let tell: Tell = Box::new(move |committed| {
                    let _ = answer.send(match (result, committed) {
                        (result, Ok(())) => result,
                        // What went wrong in this write itself may be why the group was not committed.
                        (
                            Err(
                                own @ (StoreError::Database(_)
                                | StoreError::Commit(_)
                                | StoreError::DiskFull { .. }
                                | StoreError::ReadOnly { .. }),
                            ),
                            Err(_),
                        ) => Err(own),
                        // Any other answer, a refusal too, may rest on what the group did before it.
                        (_, Err(why)) => Err(why.at(&place)),
                    });
                });
                (keep, tell)
            })
        });
        self.writes.send(Message::Write(job)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Fold the write-ahead log into the file, as far as no reader still looks at what would change. Waits for nobody.
    pub(crate) async fn checkpoint(&self) -> Result<(), StoreError> {
        let (done, folded) = oneshot::channel();
        self.writes.send(Message::Checkpoint(done)).await.map_err(|_| StoreError::Closed)?;
        folded.await.map_err(|_| StoreError::Closed)?
    }

    /// The readers go first: the last connection folds the write-ahead log into the file, and must be able to write.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        let (done, closed) = oneshot::channel();
        if self.writes.send(Message::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

/// A fault in one write must not take the writer, and with it all writes to come.
async fn unless_it_panics<T>(mut body: BoxFuture<'_, Result<T, StoreError>>) -> Result<T, StoreError> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context))) {
        Ok(poll) => poll,
        Err(_) => Poll::Ready(Err(StoreError::Commit("the write met a fault of the program".into()))),
    })
    .await
}

/// Take whatever waits, up to a bound, into one transaction; each write behind a savepoint, so that one that fails takes
/// nothing with it. Callers hear of success only after the commit.
async fn write_in_groups(
    mut writer: SqliteConnection,
    mut received: mpsc::Receiver<Message>,
    transactions: Arc<AtomicU64>,
    place: Arc<str>,
) {
    let mut messages = Vec::with_capacity(WRITES_GROUPED);
    while received.recv_many(&mut messages, WRITES_GROUPED).await > 0 {
        let mut jobs = Vec::with_capacity(messages.len());
        let (mut close, mut fold) = (None, Vec::new());
        for message in messages.drain(..) {
            match message {
                Message::Write(job) => jobs.push(job),
                Message::Checkpoint(done) => fold.push(done),
                Message::Close(done) => close = Some(done),
            }
        }
        if !jobs.is_empty() {
            transactions.fetch_add(1, Ordering::Relaxed);
            let mut jobs = jobs.into_iter();
            let mut tell = Vec::with_capacity(jobs.len());
            let committed =
                perform(&mut writer, &mut jobs, &mut tell).await.map_err(|error| Why::of(&error, &place));
            if let Err(error) = &committed {
                tracing::error!(error = error.said, "a group of writes was not committed");
                // Fails where SQLite has rolled back already, which is as good.
                let _ = sqlx::query("ROLLBACK").execute(&mut writer).await;
                for job in jobs {
                    tell.push(job(Err(error.clone())).await.1);
                }
            }
            for tell in tell {
                tell(committed.clone());
            }
        }
        for done in fold {
            let folded = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_all(&mut writer).await;
            let _ = done.send(folded.map(drop).map_err(|error| StoreError::from(error).at(&place)));
        }
        if let Some(done) = close {
            let _ = writer.close().await;
            let _ = done.send(());
            return;
        }
    }
}

/// One transaction. On an error, `jobs` still has those that were not reached.
///
/// Each statement is a hand-over to the connection's thread, so what lies between two writes goes in one.
async fn perform(
    writer: &mut SqliteConnection,
    jobs: &mut std::vec::IntoIter<Job>,
    tell: &mut Vec<Tell>,
) -> Result<(), sqlx::Error> {
    let alone = jobs.len() == 1;
    let begin = if alone { "BEGIN IMMEDIATE" } else { "BEGIN IMMEDIATE; SAVEPOINT one" };
    sqlx::raw_sql(begin).execute(&mut *writer).await?;
    while let Some(job) = jobs.next() {
        let (keep, told) = job(Ok(writer)).await;
        tell.push(told);
        let then = match (alone, keep, jobs.len() > 0) {
            (true, true, _) => "COMMIT",
            (true, false, _) => "ROLLBACK",
            (false, true, true) => "RELEASE one; SAVEPOINT one",
            // Rolling back leaves the savepoint open, for the next.
            (false, false, true) => "ROLLBACK TO one",
            (false, true, false) => "RELEASE one; COMMIT",
            (false, false, false) => "ROLLBACK TO one; RELEASE one; COMMIT",
        };
        sqlx::raw_sql(then).execute(&mut *writer).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::api::Role;

    use super::*;
    use std::collections::BTreeMap;

    use model::{
        evaluate::Evaluate,
        runbook::{Expression, Input, InputValues, Template},
    };

    use crate::{Store, engine::Engine};

    /// There is nothing to evaluate here.
    struct Nothing;

    impl Evaluate for Nothing {
        fn steps(&self, _: &str) -> Vec<String> {
            Vec::new()
        }

        fn mentions(&self, _: &str, _: &str) -> bool {
            false
        }

        fn value(&self, _: &Expression, _: &serde_json::Value) -> Result<serde_json::Value, String> {
            Err("nothing".into())
        }

        fn text(&self, _: &Template, _: &serde_json::Value) -> Result<String, String> {
            Err("nothing".into())
        }

        fn inputs(
            &self,
            _: &[Input],
            _: &BTreeMap<String, serde_json::Value>,
        ) -> Result<InputValues, String> {
            Err("nothing".into())
        }
    }

    #[tokio::test]
    async fn a_write_that_panics_is_answered_and_the_writer_lives_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_sqlite(&folder.path().join("signalbox.db"), Arc::new(Nothing)).await.unwrap();
        let Engine::Sqlite(sqlite) = &store.engine else { panic!() };
        let at = jiff::Timestamp::UNIX_EPOCH;
        let faulty = || {
            sqlite.write::<(), _>(|connection| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM tokens").execute(&mut *connection).await?;
                    panic!("a fault of the program");
                })
            })
        };
        store.create_token("before", Role::Member, "1", at, None).await.unwrap();
        assert!(matches!(faulty().await, Err(StoreError::Commit(_))), "alone");
        let beside = store.create_token("beside", Role::Member, "2", at, None);
        let (one, other, beside) = tokio::join!(faulty(), faulty(), beside);
        assert!(matches!((one, other), (Err(StoreError::Commit(_)), Err(StoreError::Commit(_)))));
        beside.unwrap();
        assert_eq!(store.tokens().await.unwrap().len(), 2, "what it did is undone");
        store.close().await;
    }
}
