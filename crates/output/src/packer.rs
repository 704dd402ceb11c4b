//! A thread that packs and writes the blocks of a flood, while the next ones are read.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use crate::sink::{Haste, Sink};

/// Blocks that may wait. With those at either end they are all the memory that a flood takes.
const WAITING: usize = 8;

pub(crate) struct Packer {
    blocks: SyncSender<Vec<u8>>,
    /// Emptied blocks, for their memory.
    spare: Receiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    thread: JoinHandle<Sink>,
}

impl Packer {
    /// Take over the sink until the [end](Self::end). It stays where it is if there can be no thread.
    pub fn begin(sink: &mut Option<Sink>) -> io::Result<Self> {
        let (blocks, to_pack) = sync_channel::<Vec<u8>>(WAITING);
        let (done, spare) = sync_channel(WAITING + 2);
        let (give, take) = sync_channel::<Sink>(1);
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&waiting);
        let thread = std::thread::Builder::new().name("output".to_owned()).spawn(move || {
            // An error cannot be: whoever began this gives the sink at once.
            let Ok(mut sink) = take.recv() else { unreachable!("the sink is given below") };
            for mut block in to_pack {
                let behind = count.fetch_sub(1, Ordering::Relaxed) - 1;
                // What is lost is counted by the sink.
                let haste = if behind == 0 { Haste::Calm } else { Haste::Flood };
                let _ = sink.keep(&mut block, 0, haste);
                block.clear();
                let _ = done.try_send(block);
            }
            sink
        })?;
        if let Some(sink) = sink.take() {
            // Fits, and is waited for.
            let _ = give.send(sink);
        }
        Ok(Self { blocks, spare, waiting, thread })
    }

    /// Hand over a block of which nothing was shown; an empty one comes back. Waits while too many wait.
    pub fn push(&mut self, block: Vec<u8>) -> Vec<u8> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // An error means that the thread panicked: its end says so.
        let _ = self.blocks.send(block);
        self.spare.try_recv().unwrap_or_default()
    }

    /// Wait until all is written, and give the sink back; none if the thread panicked.
    pub fn end(self) -> Option<Sink> {
        drop(self.blocks);
        self.thread.join().ok()
    }
}
