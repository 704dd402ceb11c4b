//! A store that was restored without its key file.

use crate::{
    Store, StoreError,
    engine::{in_write, to_microsecond},
};

impl Store {
    /// Give up the secret inputs of all runs that have not ended and the values of all stored secrets, and the keys that they
    /// are sealed under: the next start begins with a new key. Answers how many there were.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn give_up_secrets(&self) -> Result<u64, StoreError> {
        let at = to_microsecond(jiff::Timestamp::now());
        in_write!(self, |connection| async move {
            let gone = sqlx::query("DELETE FROM sealed").execute(&mut *connection).await?;
            let destroyed = sqlx::query(
                "UPDATE secret_versions SET sealed = NULL, destroyed_at = $1 WHERE sealed IS NOT NULL",
            )
            .bind(jiff_sqlx::ToSqlx::to_sqlx(at))
            .execute(&mut *connection)
            .await?;
            sqlx::query("DELETE FROM seal_keys").execute(&mut *connection).await?;
            Ok(gone.rows_affected() + destroyed.rows_affected())
        })
    }
}
