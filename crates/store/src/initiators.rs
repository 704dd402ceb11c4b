//! Whoever asked for a run, as they stand now: what was allowed when they asked may be no more.

use model::{api::Role, id::PrincipalId};
use sqlx::Row;

use crate::{Store, StoreError, engine::in_read};

/// Whoever asked for a run, as they stand now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initiator {
    pub name: String,
    pub role: Role,
    /// A person has a token in force; a schedule, a probe or a collector is published.
    pub enabled: bool,
}

impl Store {
    /// How somebody stands now who asked for a run; none if they are not known.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn initiator(&self, id: PrincipalId) -> Result<Option<Initiator>, StoreError> {
        in_read!(self, |connection| async move {
            let row = sqlx::query(
                "SELECT p.name, p.role, \
                 (SELECT count(*) FROM tokens t WHERE t.principal = p.id AND t.revoked_at IS NULL) AS tokens, \
                 (SELECT count(*) FROM schedules s WHERE s.id = p.id AND s.retired = 0) AS schedules \
                 FROM principals p WHERE p.id = $1",
            )
            .bind(id.0)
            .fetch_optional(&mut *connection)
            .await?;
            let Some(row) = row else { return Ok(None) };
            let role: String = row.try_get("role")?;
            let role = Role::from_name(&role)
                .ok_or_else(|| StoreError::Corrupt(format!("a principal has the role `{role}`")))?;
            let (tokens, schedules): (i64, i64) = (row.try_get("tokens")?, row.try_get("schedules")?);
            Ok(Some(Initiator { name: row.try_get("name")?, role, enabled: tokens + schedules > 0 }))
        })
    }
}
