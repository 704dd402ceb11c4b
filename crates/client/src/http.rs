//! One request and its answer: address, token, idempotency key, problem documents.

use std::{fmt, time::Duration};

use model::api::Problem;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::{Serialize, de::DeserializeOwned};

use crate::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence, on an answer or in the middle of one.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Before the second and last try of a call whose connection broke.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Most of an error's body that is read and quoted.
const QUOTED: usize = 200;

/// A server and who asks it. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
    pub(crate) patience: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// Names one act, so that asking twice does it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A new one, of 128 random bits.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::unexpected("this machine", format!("no random bytes: {e}")))?;
        Ok(Self(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for IdempotencyKey {
    fn from(key: String) -> Self {
        Self(key)
    }
}

impl Client {
    /// A client of the server at `url`, as `http://127.0.0.1:8480`. Connects to nothing yet.
    pub fn new(url: &str, token: Option<String>) -> Result<Self, Error> {
        let mut base: Url = url.parse().map_err(|e| Error::unexpected(url, format!("not a URL: {e}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(Error::unexpected(url, "an address begins with http:// or https://"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(Error::unexpected(
                base.host_str().unwrap_or(""),
                "an address holds no user name or password",
            ));
        }
        base.set_query(None);
        base.set_fragment(None);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("signalbox/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT);
        if base.scheme() == "http" {
            // Nothing to verify, so the system's certificates are not even looked for.
            builder = builder.tls_certs_only([]);
        }
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|e| Error::unexpected(url, format!("no connection can be set up: {e}")))?;
        Ok(Self { http, base, token, patience: Duration::from_secs(60) })
    }

    /// How long [`Client::follow`] looks for a lost server; a minute unless said.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The server's address.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The address of a route, each segment escaped.
    fn address(&self, path: &[&str], query: &[(&str, String)]) -> Result<Url, Error> {
        let mut url = self.base.clone();
        // The standard for URLs takes these for steps in the tree, escaped or not.
        if path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(Error::unexpected(self.url(), "an empty name, `.` and `..` cannot be asked for"));
        }
        match url.path_segments_mut() {
            Ok(mut segments) => segments.pop_if_empty().extend(path),
            Err(()) => {
                return Err(Error::unexpected(self.url(), "not an address that routes can be added to"));
            }
        };
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<RequestBuilder, Error> {
        let request = self.http.request(method, self.address(path, query)?);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    /// Sends, and turns every answer but a good one into an error.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await.map_err(|e| self.lost(e))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, Error> {
        let response = self.send(self.request(Method::GET, path, query)?).await?;
        self.read(response).await
    }

    /// Posts; asks once more under the same key if the connection broke on the way.
    pub(crate) async fn post<B: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: Option<&B>,
        key: &IdempotencyKey,
    ) -> Result<T, Error> {
        let once = || async {
            let mut request = self.request(Method::POST, path, &[])?.header("idempotency-key", key.as_str());
            if let Some(body) = body {
                request = request.json(body);
            }
            let response = self.send(request).await?;
            self.read(response).await
        };
        match once().await {
            Err(error @ Error::Unreachable { .. }) if !error.is_unheard() => {
                tokio::time::sleep(RETRY_PAUSE).await;
                once().await
            }
            answer => answer,
        }
    }

    /// Posts a question: asking again changes nothing, so it needs no key.
    pub(crate) async fn ask<B: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &B,
    ) -> Result<T, Error> {
        self.send_json(Method::POST, path, body).await
    }

    pub(crate) async fn send_json<B: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &B,
    ) -> Result<T, Error> {
        let response = self.send(self.request(method, path, &[])?.json(body)).await?;
        self.read(response).await
    }

    pub(crate) async fn delete(&self, path: &[&str]) -> Result<(), Error> {
        let key = IdempotencyKey::random()?;
        let request = self.request(Method::DELETE, path, &[])?.header("idempotency-key", key.as_str());
        self.send(request).await.map(drop)
    }

    pub(crate) async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
        let bytes = response.bytes().await.map_err(|e| self.lost(e))?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::unexpected(self.url(), format!("not what the API says: {e}")))
    }

    pub(crate) fn lost(&self, error: reqwest::Error) -> Error {
        if error.is_builder() {
            return Error::unexpected(self.url(), error.without_url().to_string());
        }
        Error::unreachable(self.url(), error.without_url())
    }

    async fn refusal(&self, response: Response) -> Error {
        let status = response.status();
        let bytes = match response.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => return self.lost(error),
        };
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Error::Problem(Box::new(problem)),
            Err(_) => {
                let start = String::from_utf8_lossy(&bytes[..bytes.len().min(QUOTED)]).trim().to_owned();
                let what = if start.is_empty() {
                    format!("status {status}")
                } else {
                    format!("status {status}: {start}")
                };
                Error::unexpected(self.url(), what)
            }
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_their_prefix_and_escape_every_segment() {
        let client = Client::new("http://127.0.0.1:8480/box/", None).unwrap();
        let url = client.address(&["api", "v1", "a/b c", "é?#"], &[("after", "x&y=1".into())]).unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:8480/box/api/v1/a%2Fb%20c/%C3%A9%3F%23?after=x%26y%3D1");
        for climbing in ["..", ".", ""] {
            assert!(client.address(&["api", climbing], &[]).is_err());
        }
    }

    #[test]
    fn only_plain_web_addresses_are_taken() {
        for bad in ["", "127.0.0.1:8480", "ftp://host", "file:///etc", "http://", "http://me:secret@host"] {
            let error = Client::new(bad, None).unwrap_err();
            assert!(matches!(error, Error::Unexpected { .. }), "{bad}");
            assert!(!error.to_string().contains("secret"));
        }
        assert!(Client::new("https://signalbox.example", None).is_ok());
    }

    #[test]
    fn a_token_is_never_shown() {
        let client = Client::new("http://localhost:1", Some("sbx_secret".into())).unwrap();
        assert!(!format!("{client:?}").contains("secret"));
    }

    #[test]
    fn loopback_is_known_in_all_its_forms() {
        for (url, yes) in [
            ("http://localhost:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:8480", true),
            ("http://10.0.0.1", false),
            ("https://example.com", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), yes, "{url}");
        }
    }
}
