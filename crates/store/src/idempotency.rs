//! Calls that start something, once only: the first answer is kept with the effect, in its transaction.

use model::id::{PrincipalId, Uuid};

use serde::de::DeserializeOwned;
use sqlx::Row;

use crate::{
    Store, StoreError,
    engine::{in_read, in_write},
};

/// What makes a call the same call.
#[derive(Clone, Debug)]
pub struct Key {
    pub principal: PrincipalId,
    /// Method and path.
    pub route: String,
    /// What the caller sent as `Idempotency-Key`.
    pub key: String,
    /// SHA-256 of the body, in hexadecimal.
    pub body: String,
}

/// An answer, and whether it was given before.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered<T> {
    pub answer: T,
    pub replayed: bool,
}

/// Claim a key on a connection of either engine. `Some` is the answer given before, to give again; else the answer must be
/// kept with `answer_key!` in the same transaction.
macro_rules! claim_key {
    ($connection:expr, $key:expr) => {{
        let key: &$crate::Key = $key;
        loop {
            let inserted = sqlx::query(
                "INSERT INTO idempotency_keys (principal, route, key, id, body, answer) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            )
            .bind(key.principal.0)
            .bind(key.route.clone())
            .bind(key.key.clone())
            .bind(model::id::Uuid::now_v7())
            .bind(key.body.clone())
            .bind(sqlx::types::Json(serde_json::Value::Null))
            .execute(&mut *$connection)
            .await?;
            if inserted.rows_affected() == 1 {
                break None;
            }
            // Whoever came first has committed by now: an insert waits for another's that is still open.
            let row = sqlx::query(
                "SELECT body, answer FROM idempotency_keys WHERE principal = $1 AND route = $2 AND key = $3",
            )
            .bind(key.principal.0)
            .bind(key.route.clone())
            .bind(key.key.clone())
            .fetch_optional(&mut *$connection)
            .await?;
            // Forgotten in between: then this call is the first.
            let Some(row) = row else { continue };
            let body: String = row.try_get("body")?;
            if body != key.body {
                return Err($crate::StoreError::KeyReused);
            }
            let before: sqlx::types::Json<_> = row.try_get("answer")?;
            break Some(before.0);
        }
    }};
}

/// Keep the answer for a key that was claimed in this transaction.
macro_rules! answer_key {
    ($connection:expr, $key:expr, $answer:expr) => {{
        let key: &$crate::Key = $key;
        sqlx::query(
            "UPDATE idempotency_keys SET answer = $1 WHERE principal = $2 AND route = $3 AND key = $4",
        )
        .bind(sqlx::types::Json($answer))
        .bind(key.principal.0)
        .bind(key.route.clone())
        .bind(key.key.clone())
        .execute(&mut *$connection)
        .await?;
    }};
}

pub(crate) use {answer_key, claim_key};

impl Store {
    /// The answer that this call got when it came before.
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] if the key came with another body.
    pub async fn answered_before<T>(&self, key: &Key) -> Result<Option<T>, StoreError>
    where
        T: DeserializeOwned + Send + Unpin + 'static,
    {
        let key = key.clone();
        in_read!(self, |connection| async move {
            let row = sqlx::query(
                "SELECT body, answer FROM idempotency_keys WHERE principal = $1 AND route = $2 AND key = $3",
            )
            .bind(key.principal.0)
            .bind(key.route)
            .bind(key.key)
            .fetch_optional(&mut *connection)
            .await?;
            let Some(row) = row else { return Ok(None) };
            if row.try_get::<String, _>("body")? != key.body {
                return Err(StoreError::KeyReused);
            }
            let answer: sqlx::types::Json<T> = row.try_get("answer")?;
            Ok(Some(answer.0))
        })
    }

    /// Forget the keys that came before the instant of this UUIDv7.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn forget_keys_before(&self, id: Uuid) -> Result<u64, StoreError> {
        in_write!(self, |connection| async move {
            let gone = sqlx::query("DELETE FROM idempotency_keys WHERE id < $1")
                .bind(id)
                .execute(&mut *connection)
                .await?;
            Ok(gone.rows_affected())
        })
    }
}
