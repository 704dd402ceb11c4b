//! Principals, their tokens and sessions. Only hashes are kept: what is stored signs nobody in.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use model::{
    api::{Role, TokenView},
    id::{PrincipalId, TokenId, Uuid},
};
use serde_json::json;
use sqlx::Row;

use crate::{
    Store, StoreError,
    dialect::dialect,
    engine::{in_read, in_write, to_microsecond},
    events::{NewEvent, insert_events},
};

/// Whose credential it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    pub principal: PrincipalId,
    pub token: TokenId,
    pub name: String,
    pub role: Role,
    /// When a session ends; tokens of this version do not.
    pub expires_at: Option<Timestamp>,
}

macro_rules! role_of {
    ($row:expr) => {{
        let role: String = $row.try_get("role")?;
        Role::from_name(&role)
            .ok_or_else(|| StoreError::Corrupt(format!("a principal has the role `{role}`")))?
    }};
}

macro_rules! token_of {
    ($row:expr) => {{
        let row = $row;
        let created_at: jiff_sqlx::Timestamp = row.try_get("created_at")?;
        let revoked_at: Option<jiff_sqlx::Timestamp> = row.try_get("revoked_at")?;
        TokenView {
            id: TokenId(row.try_get("id")?),
            name: row.try_get("name")?,
            role: role_of!(row),
            created_at: created_at.to_jiff(),
            revoked_at: revoked_at.map(|at| at.to_jiff()),
        }
    }};
}

impl Store {
    /// Make a principal and its token. `by` is nobody for the administrator of the first start.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] while a token of that name is in force.
    pub async fn create_token(
        &self,
        name: &str,
        role: Role,
        hash: &str,
        at: Timestamp,
        by: Option<PrincipalId>,
    ) -> Result<TokenView, StoreError> {
        let (name, hash, at) = (name.to_owned(), hash.to_owned(), to_microsecond(at));
        in_write!(self, |connection| async move {
            if let Some(alone) = dialect(&*connection).names_alone {
                sqlx::query(alone).execute(&mut *connection).await?;
            }
            let taken = sqlx::query(
                "SELECT p.id FROM principals p JOIN tokens t ON t.principal = p.id \
                 WHERE p.name = $1 AND t.revoked_at IS NULL",
            )
            .bind(name.clone())
            .fetch_optional(&mut *connection)
            .await?;
            if taken.is_some() {
                return Err(StoreError::NameTaken(name));
            }
            let principal = Uuid::now_v7();
            let token = Uuid::now_v7();
            sqlx::query(
                "INSERT INTO principals (id, kind, name, role, created_at) VALUES ($1, 'user', $2, $3, $4)",
            )
            .bind(principal)
            .bind(name.clone())
            .bind(role.name())
            .bind(at.to_sqlx())
            .execute(&mut *connection)
            .await?;
            sqlx::query("INSERT INTO tokens (id, principal, hash, created_at) VALUES ($1, $2, $3, $4)")
                .bind(token)
                .bind(principal)
                .bind(hash)
                .bind(at.to_sqlx())
                .execute(&mut *connection)
                .await?;
            let data = json!({"name": name, "role": role.name(), "principal": principal});
            let event = NewEvent::standalone("token.created", at, by, None, format!("token/{token}"), data);
            insert_events!(connection, vec![event]);
            Ok(TokenView { id: TokenId(token), name, role, created_at: at, revoked_at: None })
        })
    }

    /// All tokens, oldest first; never their secrets.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn tokens(&self) -> Result<Vec<TokenView>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT t.id, p.name, p.role, t.created_at, t.revoked_at FROM tokens t \
                 JOIN principals p ON p.id = t.principal ORDER BY t.id",
            )
            .fetch_all(&mut *connection)
            .await?;
            rows.iter().map(|row| Ok(token_of!(row))).collect()
        })
    }

    /// End a token and its sessions, at once. One that has ended already stays so.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn revoke_token(&self, id: TokenId, at: Timestamp, by: PrincipalId) -> Result<(), StoreError> {
        let at = to_microsecond(at);
        in_write!(self, |connection| async move {
            let revoked =
                sqlx::query("UPDATE tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
                    .bind(at.to_sqlx())
                    .bind(id.0)
                    .execute(&mut *connection)
                    .await?;
            if revoked.rows_affected() == 0 {
                let known = sqlx::query("SELECT id FROM tokens WHERE id = $1")
                    .bind(id.0)
                    .fetch_optional(&mut *connection)
                    .await?;
                return known.map(|_| ()).ok_or(StoreError::NotFound("token"));
            }
            sqlx::query("DELETE FROM sessions WHERE token = $1").bind(id.0).execute(&mut *connection).await?;
            let event =
                NewEvent::standalone("token.revoked", at, Some(by), None, format!("token/{id}"), json!({}));
            insert_events!(connection, vec![event]);
            Ok(())
        })
    }

    /// Whose token has this hash, if it is in force.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn identity_of_token(&self, hash: &str) -> Result<Option<Identity>, StoreError> {
        let hash = hash.to_owned();
        in_read!(self, |connection| async move {
            let row = sqlx::query(
                "SELECT p.id AS principal, t.id AS token, p.name, p.role FROM tokens t \
                 JOIN principals p ON p.id = t.principal WHERE t.hash = $1 AND t.revoked_at IS NULL",
            )
            .bind(hash)
            .fetch_optional(&mut *connection)
            .await?;
            row.map(|row| {
                Ok(Identity {
                    principal: PrincipalId(row.try_get("principal")?),
                    token: TokenId(row.try_get("token")?),
                    name: row.try_get("name")?,
                    role: role_of!(row),
                    expires_at: None,
                })
            })
            .transpose()
        })
    }

    /// Begin a session under a token.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn create_session(
        &self,
        hash: &str,
        identity: &Identity,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let (hash, token, by) = (hash.to_owned(), identity.token, identity.principal);
        let (at, expires_at) = (to_microsecond(at), to_microsecond(expires_at));
        in_write!(self, |connection| async move {
            sqlx::query("INSERT INTO sessions (hash, token, created_at, expires_at) VALUES ($1, $2, $3, $4)")
                .bind(hash)
                .bind(token.0)
                .bind(at.to_sqlx())
                .bind(expires_at.to_sqlx())
                .execute(&mut *connection)
                .await?;
            let event = NewEvent::standalone(
                "session.began",
                at,
                Some(by),
                None,
                format!("token/{token}"),
                json!({}),
            );
            insert_events!(connection, vec![event]);
            Ok(())
        })
    }

    /// Whose session has this hash, if neither it nor its token has ended.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn identity_of_session(
        &self,
        hash: &str,
        at: Timestamp,
    ) -> Result<Option<Identity>, StoreError> {
        let hash = hash.to_owned();
        in_read!(self, |connection| async move {
            let row = sqlx::query(
                "SELECT p.id AS principal, t.id AS token, p.name, p.role, s.expires_at FROM sessions s \
                 JOIN tokens t ON t.id = s.token JOIN principals p ON p.id = t.principal \
                 WHERE s.hash = $1 AND t.revoked_at IS NULL",
            )
            .bind(hash)
            .fetch_optional(&mut *connection)
            .await?;
            let Some(row) = row else { return Ok(None) };
            let expires_at: jiff_sqlx::Timestamp = row.try_get("expires_at")?;
            // Expiry is exclusive: a session that ends now has ended.
            if expires_at.to_jiff() <= at {
                return Ok(None);
            }
            Ok(Some(Identity {
                principal: PrincipalId(row.try_get("principal")?),
                token: TokenId(row.try_get("token")?),
                name: row.try_get("name")?,
                role: role_of!(row),
                expires_at: Some(expires_at.to_jiff()),
            }))
        })
    }

    /// End a session. One that has ended already stays so.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn end_session(&self, hash: &str, at: Timestamp, by: PrincipalId) -> Result<(), StoreError> {
        let (hash, at) = (hash.to_owned(), to_microsecond(at));
        in_write!(self, |connection| async move {
            let gone = sqlx::query("DELETE FROM sessions WHERE hash = $1")
                .bind(hash)
                .execute(&mut *connection)
                .await?;
            if gone.rows_affected() > 0 {
                let event = NewEvent::standalone(
                    "session.ended",
                    at,
                    Some(by),
                    None,
                    format!("principal/{by}"),
                    json!({}),
                );
                insert_events!(connection, vec![event]);
            }
            Ok(())
        })
    }
}
