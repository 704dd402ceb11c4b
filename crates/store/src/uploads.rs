//! Uploaded files: inputs of the type `file`, and evidence. Kept by their digest, seen only in the project that got them.

use jiff::Timestamp;
use model::{
    id::{PrincipalId, ProjectId},
    name::Digest,
    run::UploadedFile,
};
use sha2::{Digest as _, Sha256};
use sqlx::Row;

use crate::{
    Store, StoreError,
    definitions::digest_of,
    engine::{in_read, in_write, to_microsecond},
};

/// Bytes that one uploaded file may have.
pub const UPLOAD_MAX: usize = 8 * 1024 * 1024;

impl Store {
    /// Keep a file for a project. The same bytes are kept once, whoever gives them.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::HasNul`] of its name.
    pub async fn upload(
        &self,
        project: ProjectId,
        name: &str,
        bytes: Vec<u8>,
        by: PrincipalId,
        at: Timestamp,
    ) -> Result<UploadedFile, StoreError> {
        if bytes.len() > UPLOAD_MAX {
            return Err(StoreError::TooLarge { size: bytes.len(), most: UPLOAD_MAX });
        }
        if name.contains('\0') {
            return Err(StoreError::HasNul);
        }
        let name = name.to_owned();
        let sha256 = Digest::from_bytes(&Sha256::digest(&bytes).into());
        let file = UploadedFile { sha256, name, size: bytes.len() as u64 };
        in_write!(self, |connection| async move {
            sqlx::query("INSERT INTO files (sha256, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(file.sha256.as_str())
                .bind(bytes)
                .execute(&mut *connection)
                .await?;
            sqlx::query(
                "INSERT INTO uploads (project, sha256, name, size, uploaded_by, uploaded_at) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            )
            .bind(project.0)
            .bind(file.sha256.as_str())
            .bind(file.name.clone())
            .bind(i64::try_from(file.size).unwrap_or(i64::MAX))
            .bind(by.0)
            .bind(jiff_sqlx::ToSqlx::to_sqlx(to_microsecond(at)))
            .execute(&mut *connection)
            .await?;
            Ok(file)
        })
    }

    /// A file that was uploaded in this project, with its bytes; under the name that it got first.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn uploaded(
        &self,
        project: ProjectId,
        sha256: &Digest,
    ) -> Result<Option<(UploadedFile, Vec<u8>)>, StoreError> {
        let sha256 = sha256.clone();
        in_read!(self, |connection| async move {
            let row = sqlx::query(
                "SELECT u.sha256, u.name, u.size, f.bytes FROM uploads u JOIN files f ON f.sha256 = u.sha256 \
                 WHERE u.project = $1 AND u.sha256 = $2 ORDER BY u.uploaded_at, u.name LIMIT 1",
            )
            .bind(project.0)
            .bind(sha256.as_str())
            .fetch_optional(&mut *connection)
            .await?;
            let Some(row) = row else { return Ok(None) };
            let file = UploadedFile {
                sha256: digest_of(row.try_get("sha256")?)?,
                name: row.try_get("name")?,
                size: u64::try_from(row.try_get::<i64, _>("size")?).unwrap_or(0),
            };
            Ok(Some((file, row.try_get("bytes")?)))
        })
    }
}
