//! One body for both engines: each test here is a sentence of the contract.

mod advancing;
mod applying;
mod claiming;
mod covered;
mod events;
mod keys;
mod lists;
mod locking;
mod monitoring;
mod moving;
mod observing;
mod opening;
mod parking;
mod principals;
mod racing;
mod reading;
mod requesting;
mod restoring;
mod retention;
mod sealing;
mod secrets;
mod things;
mod timetable;
mod watching;
