//! The server: routes by resource, sign-in, the engine that performs runs, server-sent events, the embedded console.
//!
//! A request goes one way: `access` says who asks and decides, a handler in `routes` reads the body, the store or the
//! engine does the work. Handlers reach store and engine only through [`access::Allowed`], the proof of a decision.

#![forbid(unsafe_code)]

mod access;
mod archive;
mod body;
mod choices;
mod clock;
mod console;
mod data_dir;
mod engine;
mod fetch;
mod metrics;
mod once;
mod planning;
mod problem;
mod routes;
mod serve;
mod source;
mod token;
mod try_local;
mod uptime;

pub use archive::{RestoreError, Restored, restore};
pub use data_dir::StartError;
pub use engine::Recovered;
pub use fetch::AllowedHost;
pub use routes::openapi;
pub use runner::Program;
pub use serve::{Ready, Settings, serve};
pub use store::{KeySource, SecretText};
pub use try_local::{TryError, TryEvent, Trying, try_local};
