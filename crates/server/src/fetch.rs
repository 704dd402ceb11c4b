//! What the server itself fetches: from hosts that the platform allows, and from nowhere else (`design/secrets.md`, 5).
//!
//! A name is resolved once, all of its addresses are checked, and the connection goes to a checked address: a name that
//! means another machine a moment later reaches nothing. Nothing that signs anybody in goes along.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use futures_util::StreamExt;
use reqwest::{
    Url,
    redirect::{Attempt, Policy},
};
use serde_json::Value;

/// From the question to the last byte of the answer.
const TIME: Duration = Duration::from_secs(5);
/// Bytes of an answer.
const ANSWER_MAX: usize = 1024 * 1024;
const REDIRECTS_MAX: usize = 3;

/// A host that may be asked: `cmdb.example.com`, or with a port, `cmdb.example.com:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    host: String,
    /// The scheme's own unless said.
    port: Option<u16>,
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // As a browser would read it, so that both sides of the comparison are written alike.
        let url = Url::parse(&format!("none://{text}/")).ok().filter(|url| {
            url.username().is_empty()
                && url.password().is_none()
                && url.path() == "/"
                && url.query().is_none()
        });
        let web = Url::parse(&format!("http://{text}/")).ok();
        let (Some(url), Some(web)) = (url, web) else {
            return Err(format!("`{text}` is not a host: it is written `HOST` or `HOST:PORT`"));
        };
        let Some(host) = web.host_str().filter(|host| !host.is_empty()) else {
            return Err(format!("`{text}` names no host"));
        };
        Ok(Self { host: host.trim_end_matches('.').to_owned(), port: url.port() })
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// Why nothing was fetched: what happened, for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("`{0}` is not an address of the web: it begins with `http://` or `https://`")]
    NotAnAddress(String),
    #[error("the host `{0}` is not among those that this platform may ask")]
    NotAllowed(String),
    #[error("the host `{0}` is not known")]
    NoHost(String),
    #[error("the host `{host}` stands for {address}, which is never asked")]
    BadAddress { host: String, address: IpAddr },
    #[error("`{host}` cannot be reached: {why}")]
    Unreachable { host: String, why: String },
    #[error("`{0}` did not answer within {seconds} seconds", seconds = TIME.as_secs())]
    Late(String),
    #[error("`{host}` answered with status {status}")]
    Status { host: String, status: u16 },
    #[error("the answer of `{0}` has more than {ANSWER_MAX} bytes")]
    TooLarge(String),
    #[error("the answer of `{host}` is not JSON: {why}")]
    NotJson { host: String, why: String },
}

impl FetchError {
    /// Nothing was even asked, and asking again will change nothing.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::NotAnAddress(_) | Self::NotAllowed(_) | Self::BadAddress { .. })
    }
}

/// Get JSON from `address`, which must be of one of `hosts`.
pub(crate) async fn json(hosts: &[AllowedHost], address: &str) -> Result<Value, FetchError> {
    let url = Url::parse(address).ok().filter(is_web);
    let Some(url) = url else { return Err(FetchError::NotAnAddress(shown(address))) };
    let host = authority(&url);
    match tokio::time::timeout(TIME, get(hosts, &url, &host)).await {
        Ok(answer) => answer,
        Err(_) => Err(FetchError::Late(host)),
    }
}

async fn get(hosts: &[AllowedHost], url: &Url, host: &str) -> Result<Value, FetchError> {
    let allowed = hosts.iter().find(|allowed| allows(allowed, url));
    let allowed = allowed.ok_or_else(|| FetchError::NotAllowed(host.to_owned()))?;
    let name = url.host_str().unwrap_or_default().to_owned();
    let addresses = addresses(&name, url.port_or_known_default().unwrap_or(80)).await?;
    for address in &addresses {
        if !may_be(address.ip(), allowed) {
            return Err(FetchError::BadAddress { host: host.to_owned(), address: address.ip() });
        }
    }
    let unreachable = |error: reqwest::Error| FetchError::Unreachable {
        host: host.to_owned(),
        why: innermost(&error.without_url()),
    };
    let client = reqwest::Client::builder()
        .user_agent(concat!("signalbox/", env!("CARGO_PKG_VERSION")))
        // A proxy would resolve the name again, by itself.
        .no_proxy()
        .resolve_to_addrs(&name, &addresses)
        .redirect(Policy::custom(same_host))
        .referer(false)
        .build()
        .map_err(unreachable)?;
    let answer = client.get(url.clone()).header("accept", "application/json").send().await;
    let answer = answer.map_err(unreachable)?;
    if !answer.status().is_success() {
        return Err(FetchError::Status { host: host.to_owned(), status: answer.status().as_u16() });
    }
    let mut bytes = Vec::new();
    let mut pieces = answer.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(unreachable)?;
        if bytes.len() + piece.len() > ANSWER_MAX {
            return Err(FetchError::TooLarge(host.to_owned()));
        }
        bytes.extend_from_slice(&piece);
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| FetchError::NotJson { host: host.to_owned(), why: error.to_string() })
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
}

/// Host and port, as a refusal names them.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn allows(allowed: &AllowedHost, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let own = if url.scheme() == "https" { 443 } else { 80 };
    host == allowed.host && url.port_or_known_default() == Some(allowed.port.unwrap_or(own))
}

async fn addresses(name: &str, port: u16) -> Result<Vec<SocketAddr>, FetchError> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = tokio::net::lookup_host((name, port)).await;
    let found: Vec<SocketAddr> = found.map(Iterator::collect).unwrap_or_default();
    if found.is_empty() { Err(FetchError::NoHost(name.to_owned())) } else { Ok(found) }
}

/// May this address be asked? This machine only if it was allowed by its own name; what answers on every link, as a cloud's
/// metadata, never.
fn may_be(address: IpAddr, allowed: &AllowedHost) -> bool {
    let address = v4_in(address.to_canonical());
    let itself = {
        let bare = allowed.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|named| named.to_canonical() == address)
    };
    match address {
        IpAddr::V4(v4) => {
            let never = v4.is_unspecified()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets()[0] == 0;
            !never && (!v4.is_loopback() || itself)
        }
        IpAddr::V6(v6) => {
            let never = v6.is_unspecified() || v6.is_unicast_link_local() || v6.is_multicast();
            !never && (!v6.is_loopback() || itself)
        }
    }
}

/// The IPv4 address that a translator (RFC 6052) makes of this one.
fn v4_in(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::from([a, b, c, d])
        }
        address => address,
    }
}

/// Other paths of the same host may be named, another host never.
fn same_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let first = attempt.previous().first();
    let same = first.is_some_and(|first| {
        first.scheme() == attempt.url().scheme()
            && first.host_str() == attempt.url().host_str()
            && first.port_or_known_default() == attempt.url().port_or_known_default()
    });
    if !same {
        attempt.error("it points to another host, which is not followed")
    } else if attempt.previous().len() > REDIRECTS_MAX {
        attempt.error("it points from place to place")
    } else {
        attempt.follow()
    }
}

/// The innermost of a chain of errors, which says most.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn host(text: &str) -> AllowedHost {
        text.parse().unwrap()
    }

    #[test]
    fn hosts_are_written_with_or_without_a_port() {
        for (text, shown) in [
            ("CMDB.example.com", "cmdb.example.com"),
            ("a:81", "a:81"),
            ("a:80", "a:80"),
            ("[::1]:9", "[::1]:9"),
        ] {
            assert_eq!(host(text).to_string(), shown);
        }
        for bad in ["", "a/b", "http://a", "me@a", "a:b", "a?x", "a b"] {
            assert!(bad.parse::<AllowedHost>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_allowed_on_its_own_port_alone() {
        let url = |text: &str| Url::parse(text).unwrap();
        assert!(allows(&host("a"), &url("https://a/x")) && allows(&host("a"), &url("http://A./x")));
        assert!(
            !allows(&host("a"), &url("https://a:8443/")) && allows(&host("a:8443"), &url("https://a:8443/"))
        );
        assert!(!allows(&host("a"), &url("https://b.a/")) && !allows(&host("a"), &url("https://a.b/")));
    }

    #[test]
    fn addresses_that_are_never_asked() {
        let cases = [
            ("cmdb", "10.1.2.3", true),
            ("cmdb", "93.184.216.34", true),
            ("cmdb", "127.0.0.1", false),
            ("cmdb", "::1", false),
            ("cmdb", "::ffff:127.0.0.1", false),
            ("127.0.0.1:9", "127.0.0.1", true),
            ("localhost:9", "::1", true),
            ("127.0.0.1:9", "127.0.0.2", false),
            ("cmdb", "169.254.169.254", false),
            ("169.254.169.254", "169.254.169.254", false),
            ("cmdb", "::ffff:169.254.169.254", false),
            ("cmdb", "64:ff9b::a9fe:a9fe", false),
            ("cmdb", "fe80::1", false),
            ("cmdb", "0.0.0.0", false),
            ("cmdb", "224.0.0.1", false),
        ];
        for (allowed, address, may) in cases {
            assert_eq!(may_be(address.parse().unwrap(), &host(allowed)), may, "{allowed} {address}");
        }
    }

    #[tokio::test]
    async fn what_is_not_allowed_is_not_asked() {
        for (address, refused) in [
            ("ftp://a/", true),
            ("file:///etc/passwd", true),
            ("http://me:secret@a/", true),
            ("http://b/", true),
            ("http://2130706433/", true),
            ("http://169.254.169.254/", true),
        ] {
            let hosts = [host("a"), host("169.254.169.254")];
            let error = json(&hosts, address).await.unwrap_err();
            assert_eq!(error.is_refusal(), refused, "{address}: {error}");
            assert!(!error.to_string().contains("secret") || address.starts_with("http://me"), "{error}");
        }
    }
}
