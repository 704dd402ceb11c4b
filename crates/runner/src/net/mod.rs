//! Steps that need no process: requests and checks, performed in the process that asks for them.

mod address;
mod check;
mod client;
mod http;
mod note;

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::Secret;

/// What a request may take if the task does not say.
pub const HTTP_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// Most bytes of an answer.
pub const ANSWER_MAX: usize = 1 << 20;

/// Reaches what this machine reaches, but never link-local addresses nor the server itself. All clones are one.
#[derive(Clone, Debug)]
pub struct Network {
    forbidden: Arc<[SocketAddr]>,
    /// By port: what may be connected to depends on it.
    clients: Arc<Mutex<HashMap<u16, reqwest::Client>>>,
}

/// A request. All of it is rendered: no template is left in it.
#[derive(Clone, Debug, Default)]
pub struct HttpTask {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
    /// The statuses that are good, both ends included; 200 to 299 if there are none.
    pub status: Vec<(u16, u16)>,
    /// What of the answer becomes outputs.
    pub outputs: BTreeMap<String, Field>,
    /// [`HTTP_TIMEOUT_DEFAULT`] if none.
    pub timeout: Option<Duration>,
    /// Masked in log, outputs and message.
    pub mask: Vec<Secret>,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    Status,
    /// The body as text.
    Body,
    Header(String),
    /// A value of a JSON body: `/items/0/name`, or `items.0.name`.
    Json(String),
}

/// Something that is looked at again and again until it is good.
#[derive(Clone, Debug)]
pub struct CheckTask {
    pub probe: Probe,
    /// From the end of a try to the next.
    pub interval: Duration,
    /// After this no further try begins.
    pub within: Duration,
    pub mask: Vec<Secret>,
}

#[derive(Clone, Debug)]
pub enum Probe {
    Http {
        url: String,
        headers: Vec<(String, String)>,
        /// As in [`HttpTask`].
        status: Vec<(u16, u16)>,
        /// Must be in the body.
        contains: Option<String>,
    },
    /// `host:port` that accepts connections.
    Tcp { address: String },
}
