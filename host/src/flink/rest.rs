//! Flink's REST API: what is asked, and what the answers mean. One client per cluster.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::http::HttpTransport;
use super::onlooker::Onlooker;
use super::wire;
use super::{
    Aggregate, FlinkError, InvalidRestOptions, JobDetails, JobManager, Note, NotedAnswer, Notes, Request, RestOptions,
    Traffic, Transport,
};
use crate::model::{Job, JobId, ResourceRequirements, VertexId};

/// A cluster behind its REST API.
///
/// A request above the limit of concurrent ones waits for its turn; its time-out starts when its turn has come.
/// Nothing is asked twice: the next pass is the retry.
#[derive(Debug)]
pub struct RestClient {
    line: Arc<Line>,
    /// Who wants to know what is answered.
    notes: Option<Arc<Notes>>,
}

/// What a client shares with those that note its answers.
#[derive(Debug)]
struct Line {
    transport: Box<dyn Transport>,
    turns: Semaphore,
    traffic: Traffic,
}

impl RestClient {
    /// A client for the cluster at `options.url`. Reads the TLS files, opens no connection.
    ///
    /// # Errors
    /// When the address, the credentials or the TLS files are not usable.
    pub fn new(options: &RestOptions) -> Result<Self, InvalidRestOptions> {
        Ok(Self::over(transport(options)?, options.concurrency))
    }

    /// A client that sees no job but `job`, and cannot change it. What the job's own configuration says under the keys
    /// `hidden` is not shown.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn onlooking(
        options: &RestOptions,
        job: JobId,
        hidden: impl IntoIterator<Item = &'static str>,
    ) -> Result<Self, InvalidRestOptions> {
        let inner = transport(options)?;
        Ok(Self::over(Onlooker { inner, job, hidden: hidden.into_iter().collect() }, options.concurrency))
    }

    /// A client whose requests, so many at once, go over `transport`.
    pub fn over(transport: impl Transport + 'static, concurrency: usize) -> Self {
        let turns = Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS));
        let line = Line { transport: Box::new(transport), turns, traffic: Traffic::default() };
        Self { line: Arc::new(line), notes: None }
    }

    /// What this client has asked and received so far.
    pub fn traffic(&self) -> &Traffic {
        &self.line.traffic
    }

    async fn get(&self, path: &str) -> Result<Answer, FlinkError> {
        self.send(Request { path, query: &[], put: None }, None).await
    }

    async fn get_of_job(&self, job: JobId, path: &str) -> Result<Answer, FlinkError> {
        let path = format!("/jobs/{job}{path}");
        self.send(Request { path: &path, query: &[], put: None }, Some(job)).await
    }

    /// The metrics `names` at `path`; with aggregations, only those.
    async fn get_metrics(&self, path: &str, names: &str, aggregations: Option<&str>) -> Result<Answer, FlinkError> {
        let mut query = vec![("get", names)];
        query.extend(aggregations.map(|list| ("agg", list)));
        self.send(Request { path, query: &query, put: None }, None).await
    }

    async fn send(&self, request: Request<'_>, job: Option<JobId>) -> Result<Answer, FlinkError> {
        // Never closed, so that there is always a turn to come.
        let _turn = self.line.turns.acquire().await.ok();
        self.line.traffic.requested();
        let outcome = match &self.notes {
            None => self.exchange(request, job).await,
            Some(notes) => self.noted_exchange(request, job, notes).await,
        };
        if outcome.is_err() {
            self.line.traffic.failed();
        }
        outcome
    }

    async fn noted_exchange(
        &self,
        request: Request<'_>,
        job: Option<JobId>,
        notes: &Notes,
    ) -> Result<Answer, FlinkError> {
        let path = request.path.to_owned();
        let names = request.query.iter().find(|(name, _)| *name == "get").map(|(_, names)| (*names).to_owned());
        let put = request.put.clone();
        let outcome = self.exchange(request, job).await;
        let answer = match &outcome {
            Ok(answer) => NotedAnswer::Body(answer.body.clone()),
            Err(error) => error.into(),
        };
        notes.add(Note { path, names, put, answer });
        outcome
    }

    async fn exchange(&self, request: Request<'_>, job: Option<JobId>) -> Result<Answer, FlinkError> {
        let url = self.line.transport.url(request.path);
        let response = self.line.transport.exchange(request).await?;
        self.line.traffic.received(response.body.len());
        let answer = Answer { url, status: response.status, body: response.body };
        if (200..300).contains(&answer.status) { Ok(answer) } else { Err(answer.refusal(job)) }
    }
}

fn transport(options: &RestOptions) -> Result<HttpTransport, InvalidRestOptions> {
    if options.concurrency == 0 {
        return Err(InvalidRestOptions::Concurrency);
    }
    HttpTransport::new(options)
}

#[async_trait]
impl JobManager for RestClient {
    fn noting(&self, notes: &Arc<Notes>) -> Option<Box<dyn JobManager>> {
        Some(Box::new(Self { line: Arc::clone(&self.line), notes: Some(Arc::clone(notes)) }))
    }

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
        let path = format!("/jobs/{job}/resource-requirements");
        let body = serde_json::to_vec(&wire::RequirementsBody(requirements))
            .map_err(|error| FlinkError::unexpected(&self.line.transport.url(&path), error))?;
        self.send(Request { path: &path, query: &[], put: Some(body) }, Some(job)).await.map(drop)
    }
}

/// What came back, in full.
struct Answer {
    url: String,
    status: u16,
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
        FlinkError::NotFlink { url: self.url.clone(), status: self.status, start }
    }

    /// Why there is an error status, for a call that was about `job`.
    fn refusal(&self, job: Option<JobId>) -> FlinkError {
        let url = self.url.clone();
        let status = self.status;
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
