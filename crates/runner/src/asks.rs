//! What a step asks to be masked: the reading end of its FIFO `$SIGNALBOX_MASK`.

use std::{
    fs::File,
    io::{self, Read},
};

use tokio::net::unix::pipe::Receiver;
use zeroize::Zeroizing;

pub(crate) struct Asks {
    receiver: Receiver,
    file: File,
}

impl Asks {
    /// Of a FIFO that does not block.
    pub fn new(file: File) -> io::Result<Self> {
        Ok(Self { receiver: Receiver::from_file(file.try_clone()?)?, file })
    }

    /// Wait until something is there.
    pub async fn readable(&self) {
        if self.receiver.readable().await.is_err() {
            std::future::pending().await
        }
    }

    /// Append all that is there, up to `most` bytes; what is beyond goes nowhere.
    pub fn read(&self, to: &mut Vec<u8>, most: usize) {
        let mut piece = Zeroizing::new([0; 4096]);
        let mut keep = |piece: &[u8]| to.extend_from_slice(&piece[..piece.len().min(most - to.len())]);
        // The runtime learns by this that nothing is left.
        while let Ok(len @ 1..) = self.receiver.try_read(&mut *piece) {
            keep(&piece[..len]);
        }
        // It may not know yet that something is there; the kernel does.
        while let Ok(len @ 1..) = (&self.file).read(&mut *piece) {
            keep(&piece[..len]);
        }
    }
}
