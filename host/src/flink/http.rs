//! The way to a cluster over HTTP, on kept connections.

use std::sync::Once;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use super::{FlinkError, InvalidRestOptions, Request, Response, RestOptions, Transport};

/// No answer of Flink's is nearly as long: the details of a job with a thousand vertices have 1 MB.
const LONGEST_ANSWER: usize = 64 << 20;

/// Shorter than what load balancers usually allow, so that we are the ones who close.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

/// One address, and the connections to it.
#[derive(Debug)]
pub(super) struct HttpTransport {
    http: Client,
    /// Without a trailing slash.
    base: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    connect_timeout: Duration,
}

impl HttpTransport {
    /// Reads the TLS files, opens no connection.
    pub(super) fn new(options: &RestOptions) -> Result<Self, InvalidRestOptions> {
        let base = options.base()?;
        let mut builder = Client::builder()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .timeout(options.timeout)
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(options.concurrency)
            .tcp_nodelay(true);
        install_crypto_provider();
        builder = if base.scheme() == "https" {
            options.tls.apply(builder)?
        } else if !options.tls.is_empty() {
            return Err(InvalidRestOptions::TlsWithoutHttps { url: options.url.clone() });
        } else {
            // Spares a plain client the system's authorities, and the need for any to be there.
            builder.tls_certs_only([])
        };
        let http = builder.build().map_err(|error| InvalidRestOptions::tls(&error))?;
        let authorization = options.authorization.as_ref().map(|it| it.header(http.get(base.clone()))).transpose()?;
        Ok(Self {
            http,
            base: base.as_str().trim_end_matches('/').to_owned(),
            authorization,
            timeout: options.timeout,
            connect_timeout: options.connect_timeout,
        })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn exchange(&self, request: Request<'_>) -> Result<Response, FlinkError> {
        let bare = self.url(request.path);
        let mut url = Url::parse(&bare).map_err(|error| FlinkError::unexpected(&bare, error))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        let mut http = match request.put {
            Some(body) => self.http.put(url).header(CONTENT_TYPE, "application/json").body(body),
            None => self.http.get(url),
        };
        if let Some(value) = &self.authorization {
            http = http.header(AUTHORIZATION, value.clone());
        }
        let broken = |error: &reqwest::Error| FlinkError::transport(&bare, error, self.timeout, self.connect_timeout);
        let mut response = http.send().await.map_err(|error| broken(&error))?;
        if response.status().is_redirection() {
            return Err(redirected(&bare, &response));
        }
        let mut body = Vec::with_capacity(response.content_length().map_or(0, |length| length.min(1 << 20) as usize));
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(FlinkError::unexpected(&bare, format!("it is longer than {LONGEST_ANSWER} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status: response.status().as_u16(), body })
    }
}

fn redirected(url: &str, response: &reqwest::Response) -> FlinkError {
    let location = response
        .headers()
        .get(LOCATION)
        .map_or_else(String::new, |location| String::from_utf8_lossy(location.as_bytes()).into_owned());
    FlinkError::Redirected { url: url.to_owned(), location }
}

/// Tells rustls whose cryptography to use, once for the process, unless somebody has.
fn install_crypto_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Fails when there is one already, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
    });
}
