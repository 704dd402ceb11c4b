//! How often something changed that every server keeps in memory. The number is written in the transaction of the change and
//! read with each request, so that what is kept is never older than the request.

use sqlx::Row;

use crate::{Store, StoreError, engine::in_read};

/// Something changed that decisions rest on: who there is, groups, grants, bindings, published policies. In the transaction of
/// the change itself.
macro_rules! rights_changed {
    ($connection:expr) => {{
        sqlx::query("UPDATE revisions SET value = value + 1 WHERE name = 'rights'")
            .execute(&mut *$connection)
            .await?;
    }};
}

pub(crate) use rights_changed;

impl Store {
    /// How often the rights of anybody have changed.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn rights_revision(&self) -> Result<i64, StoreError> {
        in_read!(self, |connection| async move {
            let row = sqlx::query("SELECT value FROM revisions WHERE name = 'rights'")
                .fetch_one(&mut *connection)
                .await?;
            Ok(row.try_get("value")?)
        })
    }
}
