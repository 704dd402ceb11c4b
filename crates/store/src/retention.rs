//! What the view remembers goes after a time, or when it is too much: in small transactions, so that nobody waits long for the
//! writer. What people and their runs did is not among it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use model::{
    id::{RunId, Uuid},
    uptime::{Counts, Day, midnight_before, share},
};
use sqlx::Row;

use crate::{
    Store, StoreError,
    dialect::dialect,
    engine::{Engine, in_read, in_write},
    lists::lowest_id,
    moving::micros,
    observing::delete_run,
    schedules::instant,
};

/// Changes of one fact that are kept, beside a tenth that may gather before they are removed together.
pub(crate) const CHANGES_OF_A_FACT: i64 = 1000;
/// What a kept run of a probe takes in the store, with its steps and events; rather more than that, as a test measures.
const RUN_BYTES: i64 = 8 * 1024;
/// A page of a SQLite file, which has the default size.
const PAGE: u64 = 4096;
/// Free bytes that a SQLite file keeps for what comes next.
const SPARE: u64 = 1024 * 1024;
/// And of a larger one, this part of it.
const SPARE_PART: u64 = 20;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How long the view remembers, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Slices one by one; then so many of each day.
    pub slices: SignedDuration,
    pub slice_days: SignedDuration,
    pub health_changes: SignedDuration,
    pub fact_changes: SignedDuration,
    /// Facts that were seen once and are not any more.
    pub gone_facts: SignedDuration,
    pub firings: SignedDuration,
    /// Runs of probes and collectors that told something.
    pub runs: SignedDuration,
    /// And of each probe or collector so many.
    pub runs_of_each: u32,
    /// All of it together, in bytes: beyond that, the oldest goes before its time.
    pub most: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            slices: DAY * 14,
            slice_days: DAY * 400,
            health_changes: DAY * 400,
            fact_changes: DAY * 400,
            gone_facts: DAY * 90,
            firings: DAY * 90,
            runs: DAY * 30,
            runs_of_each: 50,
            most: 1024 * 1024 * 1024,
        }
    }
}

/// A kind of what the view remembers, as rows that go by their age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    SliceDays,
    HealthChanges,
    FactChanges,
    GoneFacts,
    Firings,
    /// What was said of all of these.
    Events,
}

impl History {
    pub const ALL: [Self; 6] = [
        Self::SliceDays,
        Self::HealthChanges,
        Self::FactChanges,
        Self::GoneFacts,
        Self::Firings,
        Self::Events,
    ];

    /// How long it is kept.
    pub fn kept(self, retention: &Retention) -> SignedDuration {
        match self {
            Self::SliceDays => retention.slice_days,
            Self::HealthChanges | Self::Events => retention.health_changes,
            Self::FactChanges => retention.fact_changes,
            Self::GoneFacts => retention.gone_facts,
            Self::Firings => retention.firings,
        }
    }

    /// Takes `$1`, what it is older than, and `$2`, how many go at most.
    fn delete(self) -> &'static str {
        match self {
            Self::SliceDays => {
                "DELETE FROM slice_days WHERE (schedule, day) IN (SELECT d.schedule, d.day FROM schedules s \
                 CROSS JOIN slice_days d WHERE d.schedule = s.id AND d.day < $1 LIMIT $2)"
            }
            Self::HealthChanges => {
                "DELETE FROM health_changes WHERE (project, service, environment, at) IN \
                 (SELECT project, service, environment, at FROM health_changes WHERE at < $1 ORDER BY at LIMIT $2)"
            }
            // How the facts were at any later moment is still known: of each, the last change before it stays.
            Self::FactChanges => {
                "DELETE FROM fact_changes WHERE (project, service, environment, target, key, at) IN \
                 (SELECT project, service, environment, target, key, at FROM fact_changes f WHERE at < $1 AND \
                 (EXISTS (SELECT 1 FROM fact_changes l WHERE l.project = f.project AND l.service = f.service \
                 AND l.environment = f.environment AND l.target = f.target AND l.key = f.key AND l.at > f.at AND l.at <= $1) \
                 OR (value IS NULL AND NOT EXISTS (SELECT 1 FROM fact_changes l WHERE l.project = f.project \
                 AND l.service = f.service AND l.environment = f.environment AND l.target = f.target AND l.key = f.key \
                 AND l.at < f.at))) ORDER BY at LIMIT $2)"
            }
            Self::GoneFacts => {
                "DELETE FROM facts WHERE (schedule, target, key) IN \
                 (SELECT schedule, target, key FROM facts WHERE gone = 1 AND changed_at < $1 LIMIT $2)"
            }
            Self::Firings => {
                "DELETE FROM firings WHERE (schedule, generation, due_at) IN (SELECT f.schedule, f.generation, f.due_at \
                 FROM schedules s CROSS JOIN firings f WHERE f.schedule = s.id AND f.due_at < $1 LIMIT $2)"
            }
            Self::Events => {
                "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 \
                 AND type IN ('health.changed', 'fact.changed', 'schedule.missed', 'schedule.skipped') ORDER BY id LIMIT $2)"
            }
        }
    }
}

/// How much the view remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistorySize {
    pub bytes: u64,
    /// The oldest of what would go next.
    pub oldest: Option<Timestamp>,
}

/// What the store takes of the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// The file, or the database, as far as it is in use.
    pub used: u64,
    /// Free within the file.
    pub free: u64,
    /// SQLite's write-ahead log.
    pub wal: u64,
    /// May the file become smaller? Of those that were made before this could be said, a copy may: a backup that is restored.
    pub shrinks: bool,
}

impl Store {
    /// Put slices that are older than this together to so many of each day, at most this many stretches at once: those of whole
    /// days, and of each probe not the newest, which may still grow. Answers how many were.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn roll_up_slices(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        let before = micros(midnight_before(before, SignedDuration::ZERO));
        in_write!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT s.schedule, s.from_at, s.to_at, s.outcome, s.count FROM schedules c CROSS JOIN slices s \
                 WHERE s.schedule = c.id AND s.from_at < $1 AND s.to_at < $1 AND EXISTS \
                 (SELECT 1 FROM slices l WHERE l.schedule = s.schedule AND l.from_at > s.from_at) LIMIT $2",
            )
            .bind(before)
            .bind(i64::from(most))
            .fetch_all(&mut *connection)
            .await?;
            let mut days: BTreeMap<(Uuid, Day), Counts> = BTreeMap::new();
            for row in &rows {
                let (schedule, from): (Uuid, i64) = (row.try_get("schedule")?, row.try_get("from_at")?);
                let outcome: String = row.try_get("outcome")?;
                let count = u64::try_from(row.try_get::<i64, _>("count")?).unwrap_or(0);
                for (day, count) in share(instant(from)?, instant(row.try_get("to_at")?)?, count) {
                    days.entry((schedule, day)).or_default().add(Counts::of(&outcome, count));
                }
                sqlx::query("DELETE FROM slices WHERE schedule = $1 AND from_at = $2")
                    .bind(schedule)
                    .bind(from)
                    .execute(&mut *connection)
                    .await?;
            }
            let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            for ((schedule, day), counts) in days {
                sqlx::query(
                    "INSERT INTO slice_days (schedule, day, good, bad, no_sample) VALUES ($1, $2, $3, $4, $5) \
                     ON CONFLICT (schedule, day) DO UPDATE SET good = slice_days.good + excluded.good, \
                     bad = slice_days.bad + excluded.bad, no_sample = slice_days.no_sample + excluded.no_sample",
                )
                .bind(schedule)
                .bind(day.0)
                .bind(number(counts.good))
                .bind(number(counts.bad))
                .bind(number(counts.no_sample))
                .execute(&mut *connection)
                .await?;
            }
            Ok(rows.len() as u64)
        })
    }

    /// Remove what is older than this, at most so many. Answers how many were.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn forget(&self, what: History, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        in_write!(self, |connection| async move {
            let delete = sqlx::query(what.delete());
            let delete = match what {
                History::SliceDays => delete.bind(Day::of(before).0),
                History::Events => delete.bind(lowest_id(before)),
                _ => delete.bind(micros(before)),
            };
            Ok(delete.bind(i64::from(most)).execute(&mut *connection).await?.rows_affected())
        })
    }

    /// Ended runs of probes and collectors that are older than this, or more than so many of one of them; of each the newest
    /// stays. Whoever removes their output then forgets them.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn observing_runs_to_forget(
        &self,
        before: Timestamp,
        of_each: u32,
        most: u32,
    ) -> Result<Vec<RunId>, StoreError> {
        in_read!(self, |connection| async move {
            let rows = sqlx::query(
                "SELECT r.id FROM (SELECT s.project, s.runbook, \
                 (SELECT n.id FROM runs n WHERE n.project = s.project AND n.runbook = s.runbook AND n.background = 1 \
                 ORDER BY n.id DESC LIMIT 1) AS newest, \
                 (SELECT n.id FROM runs n WHERE n.project = s.project AND n.runbook = s.runbook AND n.background = 1 \
                 ORDER BY n.id DESC LIMIT 1 OFFSET $1) AS beyond \
                 FROM schedules s WHERE s.kind <> 'schedule') AS k \
                 CROSS JOIN runs r WHERE r.project = k.project AND r.runbook = k.runbook AND r.background = 1 \
                 AND r.id < k.newest AND (r.id < $2 OR r.id <= k.beyond) AND r.finished_at IS NOT NULL \
                 AND NOT EXISTS (SELECT 1 FROM observing o WHERE o.run = r.id) LIMIT $3",
            )
            .bind(i64::from(of_each.max(1)))
            .bind(lowest_id(before))
            .bind(i64::from(most))
            .fetch_all(&mut *connection)
            .await?;
            rows.iter().map(|row| Ok(RunId(row.try_get("id")?))).collect()
        })
    }

    /// Which of these runs are still there.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn runs_kept(&self, runs: &[RunId]) -> Result<BTreeSet<RunId>, StoreError> {
        if runs.is_empty() {
            return Ok(BTreeSet::new());
        }
        let runs = runs.to_vec();
        in_read!(self, |connection| async move {
            let mut select = sqlx::QueryBuilder::new("SELECT id FROM runs WHERE id IN (");
            let mut several = select.separated(", ");
            for run in runs {
                several.push_bind(run.0);
            }
            let rows = select.push(")").build().fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok(RunId(row.try_get("id")?))).collect()
        })
    }

    /// Remove runs of probes and collectors, all but their output.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn forget_observing_runs(&self, runs: Vec<RunId>) -> Result<(), StoreError> {
        let context = Arc::clone(&self.context);
        in_write!(self, |connection| async move {
            let context = &*context;
            for run in runs {
                delete_run!(context, connection, run.0);
            }
            Ok(())
        })
    }

    /// How much the view remembers; none as long as the whole store takes less than `unless_less`, which is asked in no time.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn history_size(&self, unless_less: u64) -> Result<Option<HistorySize>, StoreError> {
        let whole = self.size().await?;
        if whole.used < unless_less {
            return Ok(None);
        }
        in_read!(self, |connection| async move {
            let words = dialect(&*connection);
            let mut bytes = 0_i64;
            for query in words.history_bytes {
                let row = sqlx::query(*query).fetch_one(&mut *connection).await?;
                bytes = bytes.saturating_add(row.try_get("bytes")?);
            }
            let row = sqlx::query("SELECT count(*) AS runs FROM runs WHERE background = 1")
                .fetch_one(&mut *connection)
                .await?;
            let runs: i64 = row.try_get("runs")?;
            bytes = bytes.saturating_add(runs.saturating_mul(RUN_BYTES));
            // Days that were rolled up are small and stay; the oldest change of a fact may stay too.
            let row = sqlx::query(
                "SELECT min(at) AS oldest FROM (SELECT min(at) AS at FROM health_changes UNION ALL \
                 SELECT min(at) FROM fact_changes UNION ALL SELECT min(from_at) FROM slices UNION ALL \
                 SELECT min(due_at) FROM firings) AS o",
            )
            .fetch_one(&mut *connection)
            .await?;
            let oldest = row.try_get::<Option<i64>, _>("oldest")?.map(instant).transpose()?;
            Ok(Some(HistorySize { bytes: u64::try_from(bytes).unwrap_or(0), oldest }))
        })
    }

    /// What the store takes of the disk.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn size(&self) -> Result<StoreSize, StoreError> {
        let (used, free, shrinks) = in_read!(self, |connection| async move {
            let row = sqlx::query(dialect(&*connection).size).fetch_one(&mut *connection).await?;
            let (used, free, shrinks): (i64, i64, i64) =
                (row.try_get("used")?, row.try_get("free")?, row.try_get("shrinks")?);
            Ok((used, free, shrinks))
        })?;
        let wal = match &self.engine {
            Engine::Sqlite(sqlite) => {
                std::fs::metadata(format!("{}-wal", sqlite.place)).map_or(0, |file| file.len())
            }
            Engine::Postgres(_) => 0,
        };
        let bytes = |bytes| u64::try_from(bytes).unwrap_or(0);
        Ok(StoreSize { used: bytes(used), free: bytes(free), wal, shrinks: shrinks != 0 })
    }

    /// Give free pages of a SQLite file back to the disk, at most so many; a few are kept for what comes next. Answers whether
    /// there are more. PostgreSQL does so by itself.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn give_back_pages(&self, most: u32) -> Result<bool, StoreError> {
        let Engine::Sqlite(sqlite) = &self.engine else { return Ok(false) };
        let StoreSize { used, free, shrinks, .. } = self.size().await?;
        let surplus = free.saturating_sub(SPARE.max((used + free) / SPARE_PART)) / PAGE;
        if !shrinks || surplus == 0 {
            return Ok(false);
        }
        let give = surplus.min(u64::from(most));
        sqlite
            .write(move |connection| {
                Box::pin(async move {
                    let vacuum = sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({give})"));
                    // It gives back one page for each row that is read.
                    sqlx::query(vacuum).fetch_all(&mut *connection).await?;
                    Ok(())
                })
            })
            .await?;
        if give < surplus {
            return Ok(true);
        }
        // The file itself becomes shorter when the write-ahead log is folded into it.
        sqlite.checkpoint().await?;
        Ok(false)
    }
}
