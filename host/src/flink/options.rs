//! How to reach a cluster.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, ClientBuilder, Identity, RequestBuilder, Url};
use thiserror::Error;

use super::error::innermost;

/// Everything that a [`RestClient`](super::RestClient) needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestOptions {
    /// `http://` or `https://`, host, port, and the path prefix if a reverse proxy wants one.
    pub url: String,
    /// How long one request may take, from its start to the last byte of the answer.
    pub timeout: Duration,
    /// How long the connection may take to stand, as a part of `timeout`.
    pub connect_timeout: Duration,
    /// The most requests at once; others wait for their turn. At least 1.
    pub concurrency: usize,
    /// How to prove who we are, if it needs a header.
    pub authorization: Option<Authorization>,
    /// For `https://`.
    pub tls: TlsOptions,
}

/// Credentials that go into the `Authorization` header.
#[derive(Clone, PartialEq, Eq)]
pub enum Authorization {
    /// `Bearer` and this token.
    Bearer(String),
    /// `Basic` with a user's name and password.
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: String,
    },
}

/// Files, in PEM, that TLS needs beyond what the system has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Authorities to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// Our certificate, for clusters that ask for one, and its key.
    pub identity: Option<ClientIdentity>,
}

/// A certificate and its key. One file may hold both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate, and those that lead to the authority.
    pub cert: PathBuf,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Options from which no client can be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvalidRestOptions {
    /// Not an address.
    #[error("`{url}` is not the address of a cluster: {reason}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No request would ever be allowed.
    #[error("the number of concurrent requests must be at least 1")]
    Concurrency,
    /// Characters that a header cannot carry.
    #[error("the credentials hold characters that an HTTP header cannot carry")]
    Authorization,
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file without a certificate or key in it.
    #[error("{} holds no usable {expected} in PEM", path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// TLS files for a connection without TLS: whoever wrote that expects it to be encrypted.
    #[error("`{url}` has `tls` settings, but starts with `http://`")]
    TlsWithoutHttps {
        /// What was given.
        url: String,
    },
    /// The parts do not fit together, such as a key that belongs to another certificate.
    #[error("no client can be made of the TLS settings: {reason}")]
    Tls {
        /// Why.
        reason: String,
    },
}

impl RestOptions {
    /// Options with Flink's usual time-outs: 10 s for a request, 5 s of it for the connection, 32 requests at once.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            concurrency: 32,
            authorization: None,
            tls: TlsOptions::default(),
        }
    }

    /// The address without a trailing slash.
    pub(super) fn base(&self) -> Result<Url, InvalidRestOptions> {
        let invalid = |reason: String| InvalidRestOptions::Url { url: self.url.clone(), reason };
        let mut base = Url::parse(&self.url).map_err(|error| invalid(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(invalid("it must start with `http://` or `https://`".to_owned()));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(invalid("credentials belong into `auth`".to_owned()));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(invalid("it must end with the path".to_owned()));
        }
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        Ok(base)
    }
}

impl InvalidRestOptions {
    pub(super) fn tls(error: &reqwest::Error) -> Self {
        Self::Tls { reason: innermost(error).to_string() }
    }
}

impl Authorization {
    /// The header's value, made by way of a request that is never sent.
    pub(super) fn header(&self, request: RequestBuilder) -> Result<HeaderValue, InvalidRestOptions> {
        let request = match self {
            Self::Bearer(token) => request.bearer_auth(token),
            // The name ends at the first colon.
            Self::Basic { user, .. } if user.contains(':') => return Err(InvalidRestOptions::Authorization),
            Self::Basic { user, password } => request.basic_auth(user, Some(password)),
        };
        let request = request.build().map_err(|_| InvalidRestOptions::Authorization)?;
        request.headers().get(AUTHORIZATION).cloned().ok_or(InvalidRestOptions::Authorization)
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer(..)",
            Self::Basic { .. } => "Basic(..)",
        })
    }
}

impl TlsOptions {
    pub(super) fn is_empty(&self) -> bool {
        self.ca.is_none() && self.identity.is_none()
    }

    pub(super) fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, InvalidRestOptions> {
        if let Some(path) = &self.ca {
            let invalid = || InvalidRestOptions::Pem { path: path.clone(), expected: "certificate" };
            let authorities = Certificate::from_pem_bundle(&read(path)?).map_err(|_| invalid())?;
            if authorities.is_empty() {
                return Err(invalid());
            }
            builder = builder.tls_certs_merge(authorities);
        }
        if let Some(ClientIdentity { cert, key }) = &self.identity {
            let mut pem = read(cert)?;
            if key != cert {
                pem.push(b'\n');
                pem.extend(read(key)?);
            }
            let identity = Identity::from_pem(&pem)
                .map_err(|_| InvalidRestOptions::Pem { path: cert.clone(), expected: "certificate with its key" })?;
            builder = builder.identity(identity);
        }
        Ok(builder)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, InvalidRestOptions> {
    std::fs::read(path).map_err(|source| InvalidRestOptions::File { path: path.to_owned(), source })
}
