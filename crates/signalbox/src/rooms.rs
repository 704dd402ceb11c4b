//! Where the program meets the rooms that do the work: the server, and the same engine without one.

use std::{collections::BTreeMap, future::Future, net::SocketAddr, path::PathBuf, time::Duration};

use client::LiveEvent;
use model::api::{ApplyRequest, Problem};

pub struct Settings {
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    pub grace: Duration,
}

pub async fn serve(
    settings: Settings,
    _ready: impl FnOnce(SocketAddr) + Send,
    _shutdown: impl Future<Output = ()> + Send,
) -> Result<(), String> {
    Err(format!(
        "no server is in this build ({}, {}, {:?})",
        settings.data_dir.display(),
        settings.listen,
        settings.grace
    ))
}

pub async fn try_local(
    _source: ApplyRequest,
    _runbook: &str,
    _inputs: BTreeMap<String, serde_json::Value>,
    _cancel: impl Future<Output = ()> + Send,
    _events: impl FnMut(LiveEvent),
) -> Result<(), Problem> {
    let detail = "no engine is in this build".to_owned();
    Err(Problem {
        kind: "/problems/unavailable".into(),
        title: "Unavailable".into(),
        status: 503,
        detail,
        hint: None,
        action: None,
        policy: None,
        faults: Vec::new(),
        request_id: None,
    })
}
