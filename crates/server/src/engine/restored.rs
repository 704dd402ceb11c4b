//! A store that was restored from a backup: what was due by time since then.
//!
//! Whoever had the store until now may have performed it, and nobody here knows. So none of it is, and each has its record.

use jiff::SignedDuration;
use model::{
    firing::{FiringState, TimedKind},
    schedule::CatchUp,
};
use schedule::Window;
use store::{NoRun, ScheduleRow, StoreError};

use super::{
    Engine,
    timetable::{decided, missed, next_of},
};
use crate::clock;

const WHY: &str =
    "The store was restored from a backup that was made before; what became of it is not known.";

impl Engine {
    /// See to every instant of every schedule up to now, and perform none.
    pub(crate) async fn pass_over_restored(&self) -> Result<(), StoreError> {
        let store = &self.0.store;
        for project in store.projects().await? {
            let Some(id) = store.project(&project.name).await? else { continue };
            for row in store.schedules(id).await? {
                if row.kind == TimedKind::Schedule && row.paused.is_none() {
                    self.pass_over(&row).await?;
                }
            }
        }
        Ok(())
    }

    async fn pass_over(&self, row: &ScheduleRow) -> Result<(), StoreError> {
        let Some(rule) = self.rule_of(row).await? else { return Ok(()) };
        let now = clock::now();
        // What is due in this very moment is not of the past: it is left to the timetable.
        let until = now.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(now);
        let window = Window { on_time: SignedDuration::ZERO, ..Window::default() };
        let due = schedule::due(row.seen_to, until, &rule.timing, CatchUp::None, window);
        let mut records = missed(&due.missed);
        let (state, reason) = (FiringState::Missed, String::new());
        records.extend(row.waiting.map(|due_at| NoRun { due_at, state, reason, after: None, count: 1 }));
        records.iter_mut().for_each(|record| WHY.clone_into(&mut record.reason));
        if records.is_empty() && due.cursor <= row.seen_to {
            return Ok(());
        }
        let next_at = next_of(&rule.timing, due.cursor, &row.name, rule.jitter_s);
        self.0.store.fire(decided(row, due.cursor, next_at, None, records, None), now).await?;
        Ok(())
    }
}
