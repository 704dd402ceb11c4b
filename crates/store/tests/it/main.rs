//! The store's contract, on SQLite always and on PostgreSQL when `SIGNALBOX_TEST_POSTGRES` holds a `postgres://` URL; and
//! what SQLite alone must answer for: files, kills, full disks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod bed;
mod contract;
mod durability;
mod full_disk;
mod migrating;
mod samples;
mod schemas;
