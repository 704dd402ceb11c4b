//! The connection between server and shim: frames of JSON, each behind its length.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};
use zeroize::Zeroizing;

/// Most bytes of a frame: a task with its files.
const FRAME_MAX: usize = 512 << 20;
/// A frame is written into memory of this size at first: what grows leaves copies behind.
const ROOM: usize = 16 * 1024;

pub(crate) struct Line {
    stream: UnixStream,
    /// What was read and is not a whole frame yet.
    read: Zeroizing<Vec<u8>>,
}

impl Line {
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, read: Zeroizing::new(Vec::with_capacity(ROOM)) }
    }

    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::new(UnixStream::from_std(stream)?))
    }

    pub async fn send(&mut self, frame: &impl Serialize) -> io::Result<()> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
        bytes.extend_from_slice(&[0; 4]);
        serde_json::to_writer(&mut *bytes, frame)?;
        let len = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        self.stream.write_all(&bytes).await
    }

    /// The next frame; none if the other side is gone. May be dropped and begun again at any time.
    pub async fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            if let Some((len, rest)) = self.read.split_first_chunk::<4>() {
                let len = u32::from_le_bytes(*len) as usize;
                if len > FRAME_MAX {
                    return Err(io::Error::other("a frame longer than any that is sent"));
                }
                if let Some(frame) = rest.get(..len) {
                    let frame = serde_json::from_slice(frame).map_err(io::Error::from);
                    zeroize::Zeroize::zeroize(&mut self.read[..4 + len]);
                    self.read.drain(..4 + len);
                    return frame.map(Some);
                }
            }
            if self.stream.read_buf(&mut *self.read).await? == 0 {
                return Ok(None);
            }
        }
    }
}

/// The socket in a shim's folder, by a path that is short enough for the kernel.
pub(crate) fn with_socket<T>(folder: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = folder.join("socket");
    // The kernel takes 107 bytes.
    if path.as_os_str().as_bytes().len() < 100 {
        return act(&path);
    }
    let open = File::open(folder)?;
    act(&PathBuf::from(format!("/proc/self/fd/{}/socket", open.as_raw_fd())))
}
