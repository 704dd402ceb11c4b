//! The typed client of `/api/v1`: one method for each route, and a follower of live runs that finds its way back.
//!
//! It knows the wire types of `model` and nothing of the rooms behind the API.

#![forbid(unsafe_code)]

mod error;
mod follow;
mod http;
mod routes;
pub mod sse;

pub use error::Error;
pub use follow::{Live, LiveEvent, apply};
pub use http::{Client, IdempotencyKey};
pub use routes::{Against, RunbooksQuery, RunsQuery, SchedulesQuery, ServicesQuery};
