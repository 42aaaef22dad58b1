//! Flink's REST API over HTTP: one client per cluster, on kept connections.

use std::sync::Once;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::wire;
use super::{Aggregate, FlinkError, InvalidRestOptions, JobDetails, JobManager, RestOptions, Traffic};
use crate::model::{Job, JobId, ResourceRequirements, VertexId};

/// No answer of Flink's is nearly as long: the details of a job with a thousand vertices have 1 MB.
const LONGEST_ANSWER: usize = 64 << 20;

/// Shorter than what load balancers usually allow, so that we are the ones who close.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

/// A cluster behind its REST API.
///
/// A request above the limit of concurrent ones waits for its turn; its time-out starts when its turn has come.
/// Nothing is asked twice: the next pass is the retry.
#[derive(Debug)]
pub struct RestClient {
    http: Client,
    /// Without a trailing slash.
    base: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    connect_timeout: Duration,
    turns: Semaphore,
    traffic: Traffic,
}

impl RestClient {
    /// A client for the cluster at `options.url`. Reads the TLS files, opens no connection.
    ///
    /// # Errors
    /// When the address, the credentials or the TLS files are not usable.
    pub fn new(options: &RestOptions) -> Result<Self, InvalidRestOptions> {
        let base = options.base()?;
        if options.concurrency == 0 {
            return Err(InvalidRestOptions::Concurrency);
        }
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
            turns: Semaphore::new(options.concurrency.min(Semaphore::MAX_PERMITS)),
            traffic: Traffic::default(),
        })
    }

    /// What this client has asked and received so far.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    async fn get(&self, path: &str) -> Result<Answer, FlinkError> {
        let url = format!("{}{path}", self.base);
        let request = self.http.get(&url);
        self.send(request, url, None).await
    }

    async fn get_of_job(&self, job: JobId, path: &str) -> Result<Answer, FlinkError> {
        let url = format!("{}/jobs/{job}{path}", self.base);
        let request = self.http.get(&url);
        self.send(request, url, Some(job)).await
    }

    /// The metrics `names` at `path`; with aggregations, only those.
    async fn get_metrics(&self, path: &str, names: &str, aggregations: Option<&str>) -> Result<Answer, FlinkError> {
        let bare = format!("{}{path}", self.base);
        let mut url = Url::parse(&bare).map_err(|error| FlinkError::unexpected(&bare, error))?;
        // Names hold whatever an operator's name holds.
        url.query_pairs_mut().append_pair("get", names).extend_pairs(aggregations.map(|list| ("agg", list)));
        self.send(self.http.request(Method::GET, url), bare, None).await
    }

    async fn send(&self, request: RequestBuilder, url: String, job: Option<JobId>) -> Result<Answer, FlinkError> {
        let request = match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        };
        // Never closed, so that there is always a turn to come.
        let _turn = self.turns.acquire().await.ok();
        self.traffic.requested();
        let outcome = self.exchange(request, url, job).await;
        if outcome.is_err() {
            self.traffic.failed();
        }
        outcome
    }

    async fn exchange(&self, request: RequestBuilder, url: String, job: Option<JobId>) -> Result<Answer, FlinkError> {
        let broken =
            |url: &str, error: &reqwest::Error| FlinkError::transport(url, error, self.timeout, self.connect_timeout);
        let mut response = request.send().await.map_err(|error| broken(&url, &error))?;
        if response.status().is_redirection() {
            return Err(redirected(url, &response));
        }
        let mut body = Vec::with_capacity(response.content_length().map_or(0, |length| length.min(1 << 20) as usize));
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(&url, &error))? {
            self.traffic.received(chunk.len());
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(FlinkError::unexpected(&url, format!("it is longer than {LONGEST_ANSWER} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let answer = Answer { url, status: response.status(), body };
        if answer.status.is_success() { Ok(answer) } else { Err(answer.refusal(job)) }
    }
}

#[async_trait]
impl JobManager for RestClient {
    async fn version(&self) -> Result<String, FlinkError> {
        let answer = self.get("/config").await?;
        match serde_json::from_slice::<wire::ClusterConfiguration<'_>>(&answer.body) {
            Ok(configuration) => Ok(configuration.flink_version.into_owned()),
            Err(_) => Err(answer.not_flink()),
        }
    }

    async fn jobs(&self) -> Result<Vec<Job>, FlinkError> {
        let answer = self.get("/jobs/overview").await?;
        Ok(answer.read::<wire::JobsOverview<'_>>()?.into_jobs())
    }

    async fn job_configuration(&self, job: JobId) -> Result<Vec<(String, String)>, FlinkError> {
        let answer = self.get_of_job(job, "/jobmanager/config").await?;
        let entries = answer.read::<Vec<wire::ConfigurationEntry>>()?;
        Ok(entries.into_iter().filter_map(|entry| Some((entry.key, entry.value?))).collect())
    }

    async fn job_details(&self, job: JobId) -> Result<JobDetails, FlinkError> {
        let answer = self.get_of_job(job, "").await?;
        let details = answer.read::<wire::JobDetails<'_>>()?;
        details.try_into().map_err(|error| FlinkError::unexpected(&answer.url, error))
    }

    async fn metric_names(&self, job: JobId, vertex: VertexId) -> Result<Vec<String>, FlinkError> {
        let answer = self.get_of_job(job, &format!("/vertices/{vertex}/subtasks/metrics")).await?;
        Ok(answer.read::<Vec<wire::MetricName>>()?.into_iter().map(|metric| metric.id).collect())
    }

    async fn vertex_metrics(
        &self,
        job: JobId,
        vertex: VertexId,
        names: &[String],
    ) -> Result<Vec<Aggregate>, FlinkError> {
        let path = format!("/jobs/{job}/vertices/{vertex}/subtasks/metrics");
        self.get_metrics(&path, &names.join(","), None).await?.aggregates()
    }

    async fn job_manager_metrics(&self, names: &[&str]) -> Result<Vec<(String, f64)>, FlinkError> {
        let answer = self.get_metrics("/jobmanager/metrics", &names.join(","), None).await?;
        let metrics = answer.read::<Vec<wire::MetricValue>>()?;
        Ok(metrics.into_iter().filter_map(|metric| Some((metric.id, metric.value?.parse().ok()?))).collect())
    }

    async fn task_manager_metrics(&self, names: &[&str]) -> Result<Vec<Aggregate>, FlinkError> {
        self.get_metrics("/taskmanagers/metrics", &names.join(","), Some("min,max,avg")).await?.aggregates()
    }

    async fn resource_requirements(&self, job: JobId) -> Result<ResourceRequirements, FlinkError> {
        let answer = self.get_of_job(job, "/resource-requirements").await?;
        let requirements = answer.read::<wire::Requirements>()?;
        requirements.try_into().map_err(|error| FlinkError::unexpected(&answer.url, error))
    }

    async fn set_resource_requirements(
        &self,
        job: JobId,
        requirements: &ResourceRequirements,
    ) -> Result<(), FlinkError> {
        let url = format!("{}/jobs/{job}/resource-requirements", self.base);
        let body = serde_json::to_vec(&wire::RequirementsBody(requirements))
            .map_err(|error| FlinkError::unexpected(&url, error))?;
        let request = self.http.put(&url).header(CONTENT_TYPE, "application/json").body(body);
        self.send(request, url, Some(job)).await.map(drop)
    }
}

/// What came back, in full.
struct Answer {
    url: String,
    status: StatusCode,
    body: Vec<u8>,
}

impl Answer {
    fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, FlinkError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            if self.looks_like_json() { FlinkError::unexpected(&self.url, error) } else { self.not_flink() }
        })
    }

    fn aggregates(&self) -> Result<Vec<Aggregate>, FlinkError> {
        Ok(self.read::<Vec<wire::AggregatedMetric>>()?.into_iter().map(Aggregate::from).collect())
    }

    fn looks_like_json(&self) -> bool {
        matches!(self.body.trim_ascii_start().first(), Some(b'{' | b'['))
    }

    fn not_flink(&self) -> FlinkError {
        let start = String::from_utf8_lossy(&self.body).split_whitespace().collect::<Vec<_>>().join(" ");
        let start = start.chars().take(60).collect();
        FlinkError::NotFlink { url: self.url.clone(), status: self.status.as_u16(), start }
    }

    /// Why there is an error status, for a call that was about `job`.
    fn refusal(&self, job: Option<JobId>) -> FlinkError {
        let url = self.url.clone();
        let status = self.status.as_u16();
        let Ok(failure) = serde_json::from_slice::<wire::Failure<'_>>(&self.body) else {
            return match status {
                401 | 403 => FlinkError::Unauthorized { url, status },
                502..=504 => FlinkError::Unavailable { url, status },
                _ => self.not_flink(),
            };
        };
        let message = failure.reason();
        match (status, job) {
            (404 | 500, Some(job)) if failure.names("FlinkJobNotFoundException") => FlinkError::JobNotFound { job },
            (404, Some(job)) if message == format!("Job {job} not found") => FlinkError::JobNotFound { job },
            (404, Some(_)) if message.starts_with("Not found") || message.starts_with("Unable to load") => {
                FlinkError::Unsupported { url }
            }
            (500, Some(job)) if failure.names("java.lang.UnsupportedOperationException") => {
                FlinkError::NotAdaptive { job }
            }
            _ => FlinkError::Refused { url, status, message: message.to_owned() },
        }
    }
}

fn redirected(url: String, response: &Response) -> FlinkError {
    let location = response
        .headers()
        .get(LOCATION)
        .map_or_else(String::new, |location| String::from_utf8_lossy(location.as_bytes()).into_owned());
    FlinkError::Redirected { url, location }
}

/// Tells rustls whose cryptography to use, once for the process, unless somebody has.
fn install_crypto_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Fails when there is one already, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
    });
}
