//! A backup of everything but the key file, as it is written.

use std::io::{self, Write};

use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use model::{api::Problem, id::Uuid};
use policy::PlatformBackup;
use tokio::sync::mpsc;

use crate::{
    access::Allowed,
    archive::{self, Backup},
    clock,
    problem::ApiError,
};

/// Bytes sent at once, about.
const PIECE: usize = 128 * 1024;
/// Pieces that wait for a slow reader.
const AHEAD: usize = 8;

/// A backup, while the server goes on: the store of one moment, and what steps wrote. The key file is not in it.
#[utoipa::path(get, path = "/api/v1/platform/backup", operation_id = "backup", tag = "platform", responses(
    (status = 200, description = "A tar archive under Zstandard; whole if its last entry is `COMPLETE`", body = Vec<u8>, content_type = "application/zstd"),
    (status = 403, description = "Not for this principal", body = Problem),
    (status = 409, description = "The store is a database of its own, which has its own ways", body = Problem),
))]
pub(super) async fn backup(allowed: Allowed<PlatformBackup>) -> Result<Response, ApiError> {
    let data_dir = allowed.data_dir();
    let database = data_dir.join(format!("backup-{}.db", Uuid::now_v7()));
    let backup = Backup { database: database.clone(), output: data_dir.join("output") };
    // From here on the copy goes with `backup`, whatever happens.
    allowed.store().backup_to(&database, clock::now()).await?;
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces { held: Vec::with_capacity(PIECE), sender };
        let written = archive::write(&backup, &mut pieces).and_then(|()| pieces.flush());
        if let Err(error) = written {
            tracing::warn!(%error, "a backup was not finished");
            // Cuts the answer, so that nobody takes it for whole.
            let _ = pieces.sender.blocking_send(Err(error));
        }
    });
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    });
    let name =
        format!("attachment; filename=\"signalbox-{}.backup\"", clock::now().strftime("%Y%m%dT%H%M%SZ"));
    let headers = [
        (header::CONTENT_TYPE, "application/zstd".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        // It is packed already.
        (header::CONTENT_ENCODING, "identity".to_owned()),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Hands on what is written, in pieces.
struct Pieces {
    held: Vec<u8>,
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.held, Vec::with_capacity(PIECE));
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "whoever asked for it is gone");
        self.sender.blocking_send(Ok(piece.into())).map_err(gone)
    }
}
