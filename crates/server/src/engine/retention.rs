//! What the view remembers goes when its time is over, or when it is too much; then the disk gets back what is free.
//!
//! Slowly and in small pieces: whoever waits for the store waits for one of them at most. An idle server looks once an hour.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{History, HistorySize, Retention, StoreError};

use super::Engine;
use crate::{clock, metrics::Turning};

/// The first look comes soon, for servers that are started often, and not at the start.
const FIRST: Duration = Duration::from_secs(60);
/// Rows that go in one transaction.
const PIECE: u32 = 500;
/// Runs that go in one transaction, each with the rows of its steps and events.
const RUNS: u32 = 25;
/// Pages that are given back in one transaction: 1 MiB.
const PAGES: u32 = 256;
/// Between two pieces.
const BREATH: Duration = Duration::from_millis(50);
/// What is too much is brought this far below the limit, in percent of it, so that it is not too much again at once.
const DOWN_TO: u64 = 90;
/// The least that is kept, however much it is.
const LEAST: SignedDuration = SignedDuration::from_hours(1);

impl Engine {
    /// Keep the view's history within its limits, as long as the engine lives.
    pub(crate) async fn keep_history(&self, retention: Retention, pause: Duration) {
        tokio::time::sleep(FIRST.min(pause)).await;
        while !self.is_draining() {
            self.0.metrics.turned(Turning::History);
            // What is old goes by the machine's clock: while that is not believed, nothing does.
            if clock::doubted().is_none()
                && let Err(error) = self.tidy_history(&retention, clock::now()).await
            {
                tracing::warn!(%error, "what the view need not remember any more could not be removed; it is tried again");
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn tidy_history(&self, retention: &Retention, now: Timestamp) -> Result<(), StoreError> {
        let gone = self.forget_older(retention, now, None).await?;
        if gone > 0 {
            tracing::info!(rows = gone, "what the view remembers longer than it should is gone");
        }
        self.keep_history_small(retention, now).await?;
        while self.0.store.give_back_pages(PAGES).await? {
            self.breathe().await?;
        }
        Ok(())
    }

    /// Remove what is too old, and whatever is older than `from`. Answers how many rows and runs that were.
    async fn forget_older(
        &self,
        retention: &Retention,
        now: Timestamp,
        from: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        let store = &self.0.store;
        let before = |kept: SignedDuration| {
            let by_age = now.checked_sub(kept).unwrap_or(Timestamp::UNIX_EPOCH);
            from.map_or(by_age, |from| by_age.max(from))
        };
        let mut gone = 0;
        loop {
            let rolled_up = store.roll_up_slices(before(retention.slices), PIECE).await?;
            gone += rolled_up;
            if rolled_up < u64::from(PIECE) {
                break;
            }
            self.breathe().await?;
        }
        for what in History::ALL {
            // Days that were rolled up are small: they stay for their whole time.
            let before = match what {
                History::SliceDays => now.checked_sub(retention.slice_days).unwrap_or(Timestamp::UNIX_EPOCH),
                _ => before(what.kept(retention)),
            };
            loop {
                let forgotten = store.forget(what, before, PIECE).await?;
                gone += forgotten;
                if forgotten < u64::from(PIECE) {
                    break;
                }
                self.breathe().await?;
            }
        }
        loop {
            let runs =
                store.observing_runs_to_forget(before(retention.runs), retention.runs_of_each, RUNS).await?;
            if runs.is_empty() {
                return Ok(gone);
            }
            gone += runs.len() as u64;
            // Their output first: a run that is still known will be forgotten later, output without a run never.
            let (outputs, ids) = (self.outputs().clone(), runs.clone());
            let removed = tokio::task::spawn_blocking(move || {
                ids.iter().try_for_each(|run| outputs.remove_run(&run.to_string()))
            });
            if let Ok(Err(error)) = removed.await {
                tracing::warn!(%error, "the output of runs that are not kept could not be removed");
                return Ok(gone);
            }
            store.forget_observing_runs(runs).await?;
            self.breathe().await?;
        }
    }

    /// If it is more than may be, the oldest goes before its time.
    async fn keep_history_small(&self, retention: &Retention, now: Timestamp) -> Result<(), StoreError> {
        let store = &self.0.store;
        let (most, enough) = (retention.most, retention.most / 100 * DOWN_TO);
        let Some(mut size) = store.history_size(most).await?.filter(|size| size.bytes > most) else {
            return Ok(());
        };
        let (before, mut from) = (size.bytes, Timestamp::UNIX_EPOCH);
        while size.bytes > enough {
            let HistorySize { bytes, oldest } = size;
            from = from.max(oldest.unwrap_or(now));
            let left = now.duration_since(from);
            if left <= LEAST {
                tracing::warn!(
                    bytes,
                    most,
                    "the view remembers more than it may, though nothing is left that is older than an hour; \
                     let it remember more (`--history-limit`), or look less often"
                );
                return Ok(());
            }
            // As if it had come evenly; what was wrong about that shows when it is measured again.
            let surplus = i64::try_from((bytes - enough) * 100 / bytes.max(1)).unwrap_or(100).clamp(12, 50);
            let step = SignedDuration::from_secs(left.as_secs() / 100 * surplus + 1);
            from = from.checked_add(step).unwrap_or(now);
            self.forget_older(retention, now, Some(from)).await?;
            let Some(measured) = store.history_size(0).await? else { return Ok(()) };
            size = measured;
        }
        tracing::warn!(
            before,
            now = size.bytes,
            most,
            older_than = %from,
            "the view remembered more than it may (`--history-limit`): what is older is gone, but for the days of its probes"
        );
        Ok(())
    }

    /// Let others have the store, and stop if the server does.
    async fn breathe(&self) -> Result<(), StoreError> {
        tokio::time::sleep(BREATH).await;
        if self.is_draining() { Err(StoreError::Closed) } else { Ok(()) }
    }
}
