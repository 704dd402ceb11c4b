//! The wish that an attempt ends.

use tokio::sync::watch;

/// Asks an attempt to end. All clones are one; once asked stays asked.
#[derive(Clone, Debug)]
pub struct Stop {
    wish: watch::Sender<Wish>,
}

/// How much somebody wants the attempt to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    GoOn,
    Cancel,
    Kill,
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl Stop {
    pub fn new() -> Self {
        Self { wish: watch::Sender::new(Wish::GoOn) }
    }

    /// Somebody canceled: the processes get SIGTERM, then the grace, then SIGKILL.
    pub fn cancel(&self) {
        self.raise(Wish::Cancel);
    }

    /// The server ends: the processes get SIGKILL at once, and the attempt's end is `unknown`.
    pub fn kill_now(&self) {
        self.raise(Wish::Kill);
    }

    /// Was it canceled or killed?
    pub fn is_asked(&self) -> bool {
        self.wish() > Wish::GoOn
    }

    pub(crate) fn wish(&self) -> Wish {
        *self.wish.borrow()
    }

    /// Wait until the wish is at least this strong.
    pub(crate) async fn at_least(&self, wish: Wish) -> Wish {
        let mut wishes = self.wish.subscribe();
        // `self` holds the sender, so waiting cannot fail; if it did, nobody could wish any more.
        let reached = wishes.wait_for(|now| *now >= wish).await.map(|now| *now);
        match reached {
            Ok(now) => now,
            Err(_) => std::future::pending().await,
        }
    }

    fn raise(&self, to: Wish) {
        self.wish.send_if_modified(|now| {
            let rises = *now < to;
            *now = to.max(*now);
            rises
        });
    }
}
