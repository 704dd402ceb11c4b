//! The schema's history. Applied migrations are never changed; a new one is a new file in both folders.

use std::borrow::Cow;

use sqlx::{
    SqlStr,
    migrate::{Migration, MigrationType, Migrator},
};

use crate::StoreError;

/// Version, name, SQLite's text, PostgreSQL's text.
const MIGRATIONS: &[(i64, &str, &str, &str)] = &[
    (
        1,
        "the whole path",
        include_str!("../migrations/sqlite/0001_the_whole_path.sql"),
        include_str!("../migrations/postgres/0001_the_whole_path.sql"),
    ),
    (
        2,
        "trees of steps",
        include_str!("../migrations/sqlite/0002_trees_of_steps.sql"),
        include_str!("../migrations/postgres/0002_trees_of_steps.sql"),
    ),
    (
        3,
        "ended attempts",
        include_str!("../migrations/sqlite/0003_ended_attempts.sql"),
        include_str!("../migrations/postgres/0003_ended_attempts.sql"),
    ),
    (
        4,
        "the view",
        include_str!("../migrations/sqlite/0004_the_view.sql"),
        include_str!("../migrations/postgres/0004_the_view.sql"),
    ),
    (
        5,
        "watched runs",
        include_str!("../migrations/sqlite/0005_watched_runs.sql"),
        include_str!("../migrations/postgres/0005_watched_runs.sql"),
    ),
    (
        6,
        "revisions",
        include_str!("../migrations/sqlite/0006_revisions.sql"),
        include_str!("../migrations/postgres/0006_revisions.sql"),
    ),
    (
        9,
        "stored secrets",
        include_str!("../migrations/sqlite/0009_stored_secrets.sql"),
        include_str!("../migrations/postgres/0009_stored_secrets.sql"),
    ),
    (
        12,
        "parked",
        include_str!("../migrations/sqlite/0012_parked.sql"),
        include_str!("../migrations/postgres/0012_parked.sql"),
    ),
];

/// The newest version that this program knows.
pub(crate) fn known() -> i64 {
    MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

fn migrator(pick: impl Fn(&(i64, &'static str, &'static str, &'static str)) -> &'static str) -> Migrator {
    let migration = |entry: &(i64, &'static str, &'static str, &'static str)| {
        Migration::new(
            entry.0,
            Cow::Borrowed(entry.1),
            MigrationType::Simple,
            SqlStr::from_static(pick(entry)),
            false,
        )
    };
    Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect())
}

pub(crate) fn sqlite() -> Migrator {
    migrator(|entry| entry.2)
}

pub(crate) fn postgres() -> Migrator {
    migrator(|entry| entry.3)
}

/// Say in a sentence that the schema is newer than this program.
pub(crate) fn explain(error: sqlx::migrate::MigrateError) -> StoreError {
    match error {
        sqlx::migrate::MigrateError::VersionMissing(found) => StoreError::Newer { found, known: known() },
        other => StoreError::Migrate(other),
    }
}
