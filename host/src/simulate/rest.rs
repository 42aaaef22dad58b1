//! The REST API of a simulated cluster.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use serde::Deserialize;
use tokio::net::TcpListener;

use super::cluster::{Entry, json};
use super::metrics::{self, Aggregated};
use super::put::{self, Accepted};
use super::wire::{self, Aggregations, MetricName, MetricNumbers, MetricText};
use super::{Cluster, Scheduler};
use crate::model::{JobId, VertexId};

impl Cluster {
    /// Answers on `listener` until `shutdown` is ready or a request kills the JobManager.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let mut dead = self.dead.subscribe();
        let end = async move {
            tokio::select! {
                () = shutdown => {}
                _ = dead.wait_for(|dead| *dead) => {}
            }
        };
        let listener = listener.tap_io(|stream| {
            // Without this, small answers wait for acknowledgements. It is not an error that anybody could act on.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, self.router()).with_graceful_shutdown(end).await
    }

    /// The routes of the API.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/config", get(config))
            .route("/overview", get(overview))
            .route("/jobs/overview", get(jobs))
            .route("/jobs/{job}", get(details))
            .route("/jobs/{job}/jobmanager/config", get(configuration))
            .route("/jobs/{job}/vertices/{vertex}/subtasks/metrics", get(vertex_metrics))
            .route("/jobs/{job}/resource-requirements", get(requirements).put(set_requirements))
            .route("/jobmanager/metrics", get(job_manager_metrics))
            .route("/taskmanagers/metrics", get(task_manager_metrics))
            .fallback(no_such_path)
            .method_not_allowed_fallback(no_such_path)
            .layer(middleware::from_fn_with_state(Arc::clone(&self), with_faults))
            .with_state(self)
    }
}

type Answer = Result<Response, Refusal>;
type Served = State<Arc<Cluster>>;

#[derive(Deserialize)]
struct MetricQuery {
    get: Option<String>,
    agg: Option<String>,
}

async fn config(State(cluster): Served) -> Response {
    body(&wire::Config {
        refresh_interval: 3000,
        timezone_name: "Coordinated Universal Time",
        timezone_offset: 0,
        flink_version: &cluster.options().flink_version,
        flink_revision: "simulated",
        features: wire::Features { web_submit: false, web_cancel: false, web_rescale: true, web_history: false },
    })
}

async fn overview(State(cluster): Served) -> Response {
    let (slots_total, slots_available) = cluster.slots();
    body(&wire::Overview {
        taskmanagers: cluster.options().task_managers,
        slots_total,
        slots_available,
        jobs_running: cluster.entries().len(),
        jobs_finished: 0,
        jobs_cancelled: 0,
        jobs_failed: 0,
        flink_version: &cluster.options().flink_version,
        flink_commit: "simulated",
    })
}

async fn jobs(State(cluster): Served) -> Response {
    let entries = cluster.entries();
    let jobs = entries.iter().map(|entry| cluster.now(entry, |job| wire::JobOverview::new(entry.id, job)));
    body(&wire::Jobs { jobs: jobs.collect() })
}

async fn details(State(cluster): Served, Path(job): Path<String>) -> Answer {
    let entry = entry(&cluster, &job)?;
    Ok(cluster.seen(&entry, |job| body(&wire::Details::new(entry.id, job))))
}

async fn configuration(State(cluster): Served, Path(job): Path<String>) -> Answer {
    Ok(ready(entry(&cluster, &job)?.configuration.clone()))
}

async fn vertex_metrics(
    State(cluster): Served,
    Path((job, vertex)): Path<(String, String)>,
    Query(query): Query<MetricQuery>,
) -> Answer {
    let job: JobId = parse("jobid", &job)?;
    let vertex: VertexId = parse("vertexid", &vertex)?;
    let aggregations = aggregations(query.agg.as_deref())?;
    let entry = cluster.entry(job);
    let index = entry.as_ref().and_then(|entry| entry.vertices.iter().position(|id| *id == vertex));
    let (Some(entry), Some(index)) = (entry, index) else { return Ok(ready(EMPTY)) };
    let Some(names) = query.get else {
        return Ok(ready(entry.metric_names.get(index).cloned().unwrap_or(EMPTY)));
    };
    Ok(cluster.seen(&entry, |job| {
        let numbers: Option<Vec<_>> =
            names.split(',').map(|name| Some((name, metrics::value(job, index, name)?))).collect();
        // One unknown name spoils the whole answer.
        let known = numbers.unwrap_or_default();
        let numbers = known.into_iter().filter_map(|(id, value)| Some(MetricNumbers::new(id, value?, aggregations)));
        body(&numbers.collect::<Vec<_>>())
    }))
}

async fn requirements(State(cluster): Served, Path(job): Path<String>) -> Answer {
    let entry = rescalable(&cluster, &job)?;
    let requirements = cluster.now(&entry, |job| entry.requirements(job.bounds()));
    let body_of_all: wire::Requirements =
        requirements.into_iter().map(|(vertex, bounds)| (vertex, bounds.into())).collect();
    Ok(body(&body_of_all))
}

async fn set_requirements(State(cluster): Served, Path(job): Path<String>, request: Bytes) -> Answer {
    let entry = rescalable(&cluster, &job)?;
    match cluster.now(&entry, |job| put::read(&request, job)) {
        Ok(Accepted::Bounds(bounds)) => cluster.require(&entry, bounds),
        Ok(Accepted::Deadly) => {
            cluster.dead.send_replace(true);
        }
        Err(message) => return Err(Refusal::handler(StatusCode::BAD_REQUEST, &message)),
    }
    Ok(ready(Bytes::from_static(b"{}")))
}

async fn job_manager_metrics(State(cluster): Served, Query(query): Query<MetricQuery>) -> Response {
    let (total, available) = cluster.slots();
    let metrics = [
        ("taskSlotsTotal", total.to_string()),
        ("taskSlotsAvailable", available.to_string()),
        ("numRegisteredTaskManagers", cluster.options().task_managers.to_string()),
        ("numRunningJobs", cluster.entries().len().to_string()),
        ("Status.JVM.CPU.Load", "0.01".to_owned()),
        ("Status.JVM.Memory.Heap.Used", "52750344".to_owned()),
        ("Status.JVM.Memory.Heap.Max", "389283840".to_owned()),
    ];
    let Some(names) = query.get else {
        return body(&metrics.iter().map(|(id, _)| MetricName { id }).collect::<Vec<_>>());
    };
    let wanted = metrics.into_iter().filter(|(id, _)| names.split(',').any(|name| name == *id));
    body(&wanted.map(|(id, value)| MetricText { id, value }).collect::<Vec<_>>())
}

async fn task_manager_metrics(State(cluster): Served, Query(query): Query<MetricQuery>) -> Answer {
    let aggregations = Aggregations { skew: false, ..aggregations(query.agg.as_deref())? };
    let count = f64::from(cluster.options().task_managers);
    let each = cluster.task_manager();
    let metrics = [
        ("Status.JVM.Memory.Heap.Used", Some(each.heap_used)),
        ("Status.JVM.Memory.Heap.Max", Some(each.heap_max)),
        ("Status.JVM.Memory.Metaspace.Used", Some(each.metaspace_used)),
        ("Status.JVM.Memory.Metaspace.Max", Some(each.metaspace_max)),
        ("Status.Flink.Memory.Managed.Used", Some(each.managed_used)),
        ("Status.Flink.Memory.Managed.Total", Some(each.managed_total)),
        ("Status.JVM.CPU.Load", Some(0.02)),
        ("Status.JVM.GarbageCollector.All.TimeMsPerSecond", each.gc_ms_per_second),
    ];
    let metrics = metrics.iter().filter_map(|(id, value)| Some((*id, (*value)?)));
    let Some(names) = query.get else {
        return Ok(body(&metrics.map(|(id, _)| MetricName { id }).collect::<Vec<_>>()));
    };
    let numbers = names.split(',').map(|name| {
        let (id, value) = metrics.clone().find(|(id, _)| *id == name)?;
        let same = Aggregated { min: value, max: value, avg: value, sum: value * count, skew: 0.0 };
        Some(MetricNumbers::new(id, same, aggregations))
    });
    Ok(body(&numbers.collect::<Option<Vec<_>>>().unwrap_or_default()))
}

async fn no_such_path(uri: Uri) -> Refusal {
    Refusal { status: StatusCode::NOT_FOUND, errors: vec![format!("Unable to load requested file {}.", uri.path())] }
}

async fn with_faults(State(cluster): Served, request: Request, next: Next) -> Response {
    let Some(fault) = cluster.faults.at(request.uri().path()) else { return next.run(request).await };
    tokio::time::sleep(fault.delay).await;
    match fault.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        Some(status) => Refusal { status, errors: vec!["Internal server error.".to_owned()] }.into_response(),
        None => next.run(request).await,
    }
}

/// An error as Flink answers it.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    errors: Vec<String>,
}

impl Refusal {
    fn handler(status: StatusCode, message: &str) -> Self {
        Self::thrown(status, "org.apache.flink.runtime.rest.handler.RestHandlerException", message)
    }

    fn thrown(status: StatusCode, class: &str, message: &str) -> Self {
        // Real answers go on for kilobytes of stack; two frames show what there is to cut off.
        let frame = "\n\tat org.apache.flink.runtime.rest.handler.AbstractHandler.respondAsLeader";
        let end = "\n\tat java.base/java.lang.Thread.run(Thread.java:840)\n";
        Self { status, errors: vec![format!("{class}: {message}{frame}(AbstractHandler.java:196){end}")] }
    }

    /// What a rescale request gets that the JobMaster itself refuses.
    fn server(exception: &str) -> Self {
        let frame = "\n\tat org.apache.flink.runtime.dispatcher.Dispatcher.getJobMasterGateway(Dispatcher.java:1498)";
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            errors: vec![
                "Internal server error.".to_owned(),
                format!("<Exception on server side:\n{exception}{frame}\n\nEnd of exception on server side>"),
            ],
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, body(&wire::Errors { errors: self.errors })).into_response()
    }
}

const EMPTY: Bytes = Bytes::from_static(b"[]");

fn entry(cluster: &Cluster, job: &str) -> Result<Arc<Entry>, Refusal> {
    let id: JobId = parse("jobid", job)?;
    cluster.entry(id).ok_or_else(|| {
        let message = format!("Job {id} not found");
        Refusal::thrown(StatusCode::NOT_FOUND, "org.apache.flink.runtime.rest.NotFoundException", &message)
    })
}

fn rescalable(cluster: &Cluster, job: &str) -> Result<Arc<Entry>, Refusal> {
    let id: JobId = parse("jobid", job)?;
    let entry = cluster.entry(id).ok_or_else(|| {
        Refusal::server(&format!(
            "org.apache.flink.runtime.messages.FlinkJobNotFoundException: Could not find Flink job ({id})"
        ))
    })?;
    match entry.scheduler {
        Scheduler::Adaptive => Ok(entry),
        Scheduler::Default => Err(Refusal::server(
            "java.lang.UnsupportedOperationException: The DefaultScheduler does not support changing the parallelism \
             without a job restart. This feature is currently only expected to work with the AdaptiveScheduler.",
        )),
    }
}

fn parse<T: std::str::FromStr>(parameter: &str, text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|_| {
        let message =
            format!("Bad request, could not parse parameters: Cannot resolve path parameter ({parameter}) from value \"{text}\".");
        Refusal::handler(StatusCode::BAD_REQUEST, &message)
    })
}

fn aggregations(agg: Option<&str>) -> Result<Aggregations, Refusal> {
    let Some(agg) = agg else {
        return Ok(Aggregations { min: true, max: true, avg: true, sum: true, skew: true });
    };
    let mut wanted = Aggregations { min: false, max: false, avg: false, sum: false, skew: false };
    for name in agg.split(',') {
        match name.to_ascii_lowercase().as_str() {
            "min" => wanted.min = true,
            "max" => wanted.max = true,
            "avg" => wanted.avg = true,
            "sum" => wanted.sum = true,
            "skew" => wanted.skew = true,
            _ => {
                let message = format!(
                    "Bad request, could not parse parameters: Cannot resolve query parameter (agg) from value \"{name}\"."
                );
                return Err(Refusal::handler(StatusCode::BAD_REQUEST, &message));
            }
        }
    }
    Ok(wanted)
}

fn body(value: &impl serde::Serialize) -> Response {
    ready(json(value))
}

fn ready(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], body).into_response()
}
