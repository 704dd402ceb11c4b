//! The HTTP client: resolve, look at all addresses, connect to one that was looked at.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Client, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::{Attempt, Policy},
};

use super::{ANSWER_MAX, Network};

/// Most redirects, all to the place that was asked first.
const REDIRECTS: usize = 5;
/// Clients that are kept; a runbook does not ask more ports than this.
const CLIENTS: usize = 64;
const CONNECT: Duration = Duration::from_secs(10);

impl Network {
    /// `forbidden`: where the server itself listens.
    pub fn new(forbidden: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { forbidden: forbidden.into_iter().collect(), clients: Arc::new(Mutex::default()) }
    }

    /// The client for a URL. In words why there is none.
    pub(crate) async fn client(&self, url: &Url) -> Result<Client, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}:` is not a way that requests take; use http or https", url.scheme()));
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err("the URL names no host".to_owned());
        };
        // An address in the URL needs no resolver, so it is looked at here; of a name this gives the better words.
        self.resolve(host.trim_start_matches('[').trim_end_matches(']'), port).await?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&port) {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .dns_resolver(Looking { network: self.clone(), port })
            .redirect(Policy::custom(follow))
            .no_proxy()
            .connect_timeout(CONNECT)
            .user_agent(concat!("signalbox/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no client: {}", chain(&error)))?;
        if clients.len() >= CLIENTS {
            clients.clear();
        }
        clients.insert(port, client.clone());
        Ok(client)
    }
}

/// No credentials go to another place, and no client with its port's rules either.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let place =
        |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    let same = attempt.previous().last().is_some_and(|before| place(before) == place(attempt.url()));
    if same && attempt.previous().len() <= REDIRECTS { attempt.follow() } else { attempt.stop() }
}

/// The resolver of one port's client: asked right before it connects, it gives only addresses that were looked at.
struct Looking {
    network: Network,
    port: u16,
}

impl Resolve for Looking {
    fn resolve(&self, name: Name) -> Resolving {
        let (network, port) = (self.network.clone(), self.port);
        Box::pin(async move {
            let found = network.resolve(name.as_str(), port).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The body, up to the most that is read, and whether there was more.
pub(crate) async fn body(mut answer: Response) -> reqwest::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        let room = ANSWER_MAX - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            return Ok((body, true));
        }
    }
    Ok((body, false))
}

/// An error and what is behind it. Without the URL, which may hold what nobody should read.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut behind = std::error::Error::source(error);
    while let Some(cause) = behind {
        words.push(cause.to_string());
        behind = cause.source();
    }
    match words.is_empty() {
        true => "the request failed".to_owned(),
        false => words.join(": "),
    }
}
