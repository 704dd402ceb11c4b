//! KEEP and QUEUE: every table, on SQLite and on PostgreSQL, behind one [`Store`].
//!
//! One code path (`docs/decisions/0002-store.md`): each statement is written once, with `$1` placeholders, in a body that
//! `in_write!` and `in_read!` expand for either engine; the few statements that differ stand in [`dialect`].
//! One transition, one transaction: [`Store::advance`] writes run, events and tasks together.

#![forbid(unsafe_code)]

mod apply;
mod attempts;
mod backup;
mod cache;
mod definitions;
mod dialect;
mod engine;
mod error;
mod events;
mod facts;
mod health;
mod idempotency;
mod initiators;
mod inventories;
mod keys;
mod lists;
mod locks;
mod migrations;
mod monitored;
mod moving;
mod observing;
mod parked;
mod presets;
mod principals;
mod projects;
mod published;
mod restored;
mod retention;
mod revisions;
mod runs;
mod schedules;
mod seal;
mod secrets;
mod snapshots;
mod sqlite;
mod tasks;
mod uploads;
mod waits;
mod watching;

pub use apply::{Apply, NewDefinition};
pub use attempts::EndedAttempt;
pub use backup::Restored;
pub use definitions::{
    InventoryRow, LoadedVersion, Publication, Rollback, RunbookRow, VersionBytes, VersionSource,
};
pub use engine::{Evaluator, Store};
pub use error::StoreError;
pub use facts::{CollectorRow, FactChange, FactChangeFilter, FactsExpire};
pub use health::{HealthChange, HealthChangeFilter, HealthRow, ProbeRow, SliceSpan};
pub use idempotency::{Answered, Key};
pub use initiators::Initiator;
pub use keys::{KeyFile, KeySource, Keys};
pub use lists::{LOOKED_AT_MAX, RunFilter, RunPage};
pub use locks::LockHolders;
pub use monitored::{
    Monitored, MonitoredCollector, MonitoredFact, MonitoredProbe, MonitoredService, Whereabouts,
};
pub use moving::Advanced;
pub use observing::{HealthChanged, TakenIn, Watch};
pub use presets::NewPreset;
pub use principals::Identity;
pub use published::Published;
pub use retention::{History, HistorySize, Retention, StoreSize};
pub use runs::{NewRun, RunningAttempt};
pub use schedules::{Decided, Fired, NoRun, ScheduleRow, Start, WantedSchedule};
pub use seal::{SecretText, Secrets};
pub use secrets::{NewSecret, RetiredSecret, SecretUse, UsedSecret};
pub use snapshots::{Moment, Snapshots};
pub use uploads::UPLOAD_MAX;
