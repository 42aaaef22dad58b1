//! One place that requests may go to: scheme, host and port.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};
use thiserror::Error;

/// `host:port` over TLS, or `http://host:port` without. The host is a name or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    secure: bool,
    /// In lower case, an IPv6 address without brackets.
    host: String,
    port: u16,
}

/// A text that names no place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is no place for requests: expected \"host:port\", or \"http://host:port\" for one without TLS")]
pub struct EndpointError {
    text: String,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let (secure, rest) = match text.split_once("://") {
            None => (true, text),
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err(EndpointError { text: text.to_owned() }),
        };
        let wrong = || EndpointError { text: text.to_owned() };
        let authority: Authority = rest.parse().map_err(|_| wrong())?;
        let port = authority.port_u16().filter(|port| *port > 0).ok_or_else(wrong)?;
        let host = bare(authority.host());
        if host.is_empty() || host.contains('*') || rest.contains('@') {
            return Err(wrong());
        }
        Ok(Self { secure, host, port })
    }
}

impl Endpoint {
    /// The place that `uri` is for; `None` if it names none, or a user beside it.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if secure => 443,
            None => 80,
        };
        Some(Self { secure, host: bare(authority.host()), port })
    }

    /// Whether connections to it are encrypted.
    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The address that it is, if it is no name.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// A host in lower case and without brackets.
fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "" } else { "http://" };
        if self.host.contains(':') {
            write!(f, "{scheme}[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_host_and_a_port() {
        for (text, shown) in [
            ("hooks.internal:443", "hooks.internal:443"),
            ("https://Hooks.Internal:8443", "hooks.internal:8443"),
            ("http://127.0.0.1:80", "http://127.0.0.1:80"),
            ("[::1]:443", "[::1]:443"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), shown);
        }
        for wrong in ["", "hooks", "hooks:0", "hooks:99999", "ftp://x:1", "me@x:1", "*.x:443", "x:1/path", "*:443"] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_request_is_for_one_place() {
        for (uri, place) in [
            ("https://a/x?y", Some("a:443")),
            ("http://A", Some("http://a:80")),
            ("http://a:8080/", Some("http://a:8080")),
            ("https://[::1]/", Some("[::1]:443")),
            ("https://granted:443@evil/", None),
            ("/only/a/path", None),
            ("ftp://a/", None),
        ] {
            let found = Endpoint::of(&uri.parse().unwrap()).map(|place| place.to_string());
            assert_eq!(found.as_deref(), place, "{uri}");
        }
    }
}
