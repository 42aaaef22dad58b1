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
use super::details::Details;
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
            .layer(middleware::from_fn_with_state(Arc::clone(&self), with_trouble))
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
    let entries = if cluster.faults.jobs_hidden() { Vec::new() } else { cluster.entries() };
    let jobs = entries.iter().map(|entry| cluster.now(entry, |job| wire::JobOverview::new(entry.id, job)));
    body(&wire::Jobs { jobs: jobs.collect() })
}

async fn details(State(cluster): Served, Path(job): Path<String>) -> Answer {
    let entry = entry(&cluster, &job)?;
    Ok(cluster.seen(&entry, |job| body(&Details::new(entry.id, job))))
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

async fn with_trouble(State(cluster): Served, request: Request, next: Next) -> Response {
    let latency = cluster.options().latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::{Duration, Instant};

    use serde_json::{Value, json};
    use tidegate_common::time::Timestamp;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::model::ShipStrategy::{Hash, Rebalance};
    use crate::simulate::{ClusterOptions, JobShape, Load, ManualClock, TaskManager, VertexShape};

    /// A cluster that runs the job that was recorded, and one under the default scheduler.
    struct Served {
        cluster: Arc<Cluster>,
        clock: ManualClock,
        address: std::net::SocketAddr,
        server: JoinHandle<io::Result<()>>,
        job: JobId,
    }

    impl Served {
        async fn start(options: ClusterOptions) -> Self {
            let job = JobShape::new("load-3v")
                .with(VertexShape::source("log", 1000.0, 4, Load::Constant(150.0)).max_parallelism(16))
                .with(VertexShape::operator("stage-1", 100.0).input(0, Hash, 1.0).max_parallelism(16))
                .with(VertexShape::operator("out: Writer", 1000.0).input(1, Rebalance, 1.0).max_parallelism(16));
            let rigid = JobShape { name: "rigid".to_owned(), scheduler: Scheduler::Default, ..job.clone() };
            let clock = ManualClock::starting_at(Timestamp::from_millis(1_795_415_000_000));
            let cluster = Cluster::with_options(vec![job, rigid], options, clock.clock()).unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = tokio::spawn(Arc::clone(&cluster).serve(listener, std::future::pending()));
            let job = cluster.job_named("load-3v").unwrap();
            Self { cluster, clock, address, server, job }
        }

        async fn call(&self, method: &str, path: &str, body: &str) -> io::Result<(u16, Value)> {
            let mut stream = TcpStream::connect(self.address).await?;
            let length = body.len();
            let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}");
            stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
            Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap()))
        }

        async fn get(&self, path: &str) -> Value {
            let (status, body) = self.call("GET", path, "").await.unwrap();
            assert_eq!(status, 200, "{path}: {body}");
            body
        }

        fn vertex(&self, index: usize) -> String {
            self.cluster.entry(self.job).unwrap().vertices[index].to_string()
        }

        fn metrics(&self, index: usize, query: &str) -> String {
            format!("/jobs/{}/vertices/{}/subtasks/metrics{query}", self.job, self.vertex(index))
        }

        fn requirements(&self, uppers: [u32; 3]) -> String {
            let bounds = |upper| json!({"parallelism": {"lowerBound": 1, "upperBound": upper}});
            let vertices = (0..3).zip(uppers).map(|(index, upper)| (self.vertex(index), bounds(upper)));
            Value::Object(vertices.collect()).to_string()
        }
    }

    fn recorded(name: &str) -> Value {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/flink/1.20.5");
        serde_json::from_str(&std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap()).unwrap()
    }

    /// `value` with every leaf replaced by the name of its type, and every list by its first element.
    fn shape(value: &Value) -> Value {
        match value {
            Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), shape(value))).collect(),
            Value::Array(items) => items.first().map(shape).into_iter().collect(),
            Value::String(_) => "string".into(),
            Value::Number(_) => "number".into(),
            Value::Bool(_) => "boolean".into(),
            Value::Null => Value::Null,
        }
    }

    /// The errors of an answer without their stacks.
    fn errors(answer: &Value) -> Vec<String> {
        let first = |error: &Value| error.as_str().unwrap().split("\n\tat ").next().unwrap().to_owned();
        answer["errors"].as_array().map(|errors| errors.iter().map(first).collect()).unwrap_or_default()
    }

    #[tokio::test]
    async fn answers_have_the_recorded_shape() {
        let served = Served::start(ClusterOptions::default()).await;
        served.clock.advance(Duration::from_secs(5));
        let job = format!("/jobs/{}", served.job);
        let numbers = "?get=busyTimeMsPerSecond,numRecordsIn,isBackPressured";
        for (path, name) in [
            ("/config".to_owned(), "config"),
            ("/overview".to_owned(), "overview"),
            ("/jobs/overview".to_owned(), "jobs_overview"),
            (job.clone(), "job_detail"),
            (format!("{job}/jobmanager/config"), "job_jobmanager_config"),
            (served.metrics(0, ""), "vertex_Source_log__subtasks_metrics_list"),
            (served.metrics(0, numbers), "vertex_Source_log__subtasks_metrics_noagg"),
            ("/jobmanager/metrics?get=taskSlotsTotal".to_owned(), "jobmanager_metrics_values"),
            (
                "/taskmanagers/metrics?get=Status.JVM.Memory.Heap.Used&agg=min,max,avg,sum".to_owned(),
                "taskmanagers_metrics_agg",
            ),
        ] {
            assert_eq!(shape(&served.get(&path).await), shape(&recorded(name)), "{path}");
        }
        let nodes = served.get(&job).await["plan"]["nodes"].clone();
        assert_eq!(shape(&nodes[1]), shape(&recorded("job_detail")["plan"]["nodes"][1]));
        let requirements = served.get(&format!("{job}/resource-requirements")).await;
        let bounds = |answer: &Value| answer.as_object().unwrap().values().map(shape).collect::<Vec<_>>();
        assert_eq!(bounds(&requirements), bounds(&recorded("resource_requirements")));
    }

    #[tokio::test]
    async fn every_recorded_metric_is_listed() {
        let served = Served::start(ClusterOptions::default()).await;
        let ids = |list: &Value| -> BTreeSet<String> {
            list.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
        };
        for (index, name) in [(0, "Source_log"), (1, "stage_1")] {
            let listed = ids(&served.get(&served.metrics(index, "")).await);
            let missing: Vec<_> =
                ids(&recorded(&format!("vertex_{name}__subtasks_metrics_list"))).difference(&listed).cloned().collect();
            assert_eq!(missing, Vec::<String>::new());
        }
    }

    #[tokio::test]
    async fn one_unknown_metric_empties_the_answer() {
        let served = Served::start(ClusterOptions::default()).await;
        let nowhere = "0".repeat(32);
        for path in [
            served.metrics(0, "?get=busyTimeMsPerSecond,noSuchMetric"),
            served.metrics(1, "?get=Source__log.pendingRecords"),
            format!("/jobs/{}/vertices/{nowhere}/subtasks/metrics", served.job),
            format!("/jobs/{nowhere}/vertices/{nowhere}/subtasks/metrics"),
            "/taskmanagers/metrics?get=Status.JVM.Memory.Heap.Used,noSuchMetric".to_owned(),
        ] {
            assert_eq!(served.get(&path).await, json!([]), "{path}");
        }
        let some = served.get("/jobmanager/metrics?get=noSuchMetric,taskSlotsTotal").await;
        assert_eq!(some, json!([{"id": "taskSlotsTotal", "value": "64"}]));
        let gc = "/taskmanagers/metrics?get=Status.JVM.GarbageCollector.All.TimeMsPerSecond&agg=max";
        assert_eq!(served.get(gc).await[0]["max"], 2.0);
        served.cluster.set_task_manager(TaskManager { gc_ms_per_second: None, ..TaskManager::default() });
        assert_eq!(served.get(gc).await, json!([]));
    }

    #[tokio::test]
    async fn only_the_wanted_aggregations_are_answered() {
        let served = Served::start(ClusterOptions::default()).await;
        served.clock.advance(Duration::from_secs(5));
        let answer = served.get(&served.metrics(1, "?get=busyTimeMsPerSecond&agg=max,avg")).await;
        assert_eq!(answer, json!([{"id": "busyTimeMsPerSecond", "max": 1000.0, "avg": 1000.0}]));
    }

    #[tokio::test]
    async fn errors_are_those_that_were_recorded() {
        let served = Served::start(ClusterOptions::default()).await;
        let nowhere = format!("/jobs/{}", "0".repeat(32));
        let rigid = format!("/jobs/{}/resource-requirements", served.cluster.job_named("rigid").unwrap());
        for (method, path, status, name) in [
            ("GET", "/nosuchpath", 404, "err_path"),
            ("GET", "/jobs/xyz", 400, "err_job_badid"),
            ("GET", &nowhere, 404, "err_job_unknown"),
            ("GET", &format!("{nowhere}/resource-requirements"), 500, "err_job_unknown_rr"),
            ("GET", &rigid, 500, "default_scheduler/GET_resource_requirements"),
            ("PUT", &rigid, 500, "default_scheduler/PUT_resource_requirements"),
            (
                "GET",
                &served.metrics(0, "?get=busyTimeMsPerSecond&agg=median"),
                400,
                "vertex_Source_log__subtasks_metrics_bad_agg",
            ),
        ] {
            let (found, answer) = served.call(method, path, "").await.unwrap();
            assert_eq!((found, errors(&answer)), (status, errors(&recorded(name))), "{path}");
        }
    }

    #[tokio::test]
    async fn every_recorded_put_is_answered_as_it_was() {
        let recorded_ids = recorded("job_detail")["vertices"].clone();
        for case in [
            "bad_vertex_id",
            "empty_object",
            "extra_field",
            "finished_job",
            "float_upper",
            "lower_0",
            "lower_and_upper_gt_maxParallelism",
            "malformed_json",
            "missing_lower",
            "missing_upper",
            "no_body",
            "noop_same_as_now",
            "only_unknown_vertex",
            "partial_only_one_vertex",
            "string_upper",
            "unknown_job",
            "unknown_vertex_added",
            "upper_0",
            "upper_gt_maxParallelism",
            "upper_lt_lower",
            "wrong_content_type",
        ] {
            let served = Served::start(ClusterOptions::default()).await;
            let ours = |text: &str| {
                let ids = (0..3).map(|index| (recorded_ids[index]["id"].as_str().unwrap(), served.vertex(index)));
                let text = text.replace("86fb5a180db845ca390893bea2b67b5c", &served.job.to_string());
                ids.fold(text, |text, (theirs, ours)| text.replace(theirs, &ours))
            };
            let put = recorded(&format!("bad_puts/{case}"));
            let path = ours(put["request"]["path"].as_str().unwrap());
            let body = ours(put["request"]["body"].as_str().unwrap());
            let (status, answer) = served.call("PUT", &path, &body).await.unwrap();
            let expected: Value = serde_json::from_str(&ours(put["response"].as_str().unwrap())).unwrap();
            assert_eq!(status, put["status"].as_u64().unwrap() as u16, "{case}: {answer}");
            // Flink names vertices in the order of a hash map.
            let lines = |answer: &Value| -> BTreeSet<String> {
                let text = errors(answer).join("\n").replace("RestHandlerException: ", "RestHandlerException:\n");
                text.lines().map(str::to_owned).collect()
            };
            assert_eq!(lines(&answer), lines(&expected), "{case}");
        }
    }

    #[tokio::test]
    async fn a_bound_of_minus_one_kills_the_job_manager() {
        let served = Served::start(ClusterOptions::default()).await;
        let body = served.requirements([1, 1, 1]).replacen("\"upperBound\":1", "\"upperBound\":-1", 1);
        let path = format!("/jobs/{}/resource-requirements", served.job);
        assert_eq!(served.call("PUT", &path, &body).await.unwrap(), (200, json!({})));
        assert!(served.cluster.is_dead());
        served.server.await.unwrap().unwrap();
        assert!(TcpStream::connect(served.address).await.is_err());
    }

    #[tokio::test]
    async fn a_rescale_is_seen_as_flink_shows_it() {
        let served = Served::start(ClusterOptions::default()).await;
        let (path, job) = (format!("/jobs/{}/resource-requirements", served.job), format!("/jobs/{}", served.job));
        served.clock.advance(Duration::from_secs(5));
        let before = served.get(&job).await;
        let put = served.call("PUT", &path, &served.requirements([1, 3, 1])).await.unwrap();
        assert_eq!(put, (200, json!({})));
        let rescales = served.cluster.rescales(served.job).unwrap();
        assert_eq!((rescales.len(), rescales[0].at), (1, served.clock.now()));
        assert_eq!(served.cluster.requirements(served.job).unwrap(), rescales[0].requirements);

        served.clock.advance(Duration::from_millis(100));
        let tasks = served.get("/jobs/overview").await["jobs"][0].clone();
        assert_eq!((&tasks["state"], &tasks["tasks"]["canceling"]), (&json!("RESTARTING"), &json!(3)));

        served.clock.advance(Duration::from_millis(1000));
        let waiting = served.get(&job).await;
        let seen = (&waiting["state"], &waiting["plan"], &waiting["timestamps"]["RUNNING"]);
        assert_eq!(seen, (&json!("CREATED"), &json!({}), &json!(0)));
        assert_eq!(shape(&waiting), shape(&recorded("job_detail_state_CREATED_waiting_for_resources")));
        assert_eq!(waiting["vertices"][0]["name"], "out: Writer");
        assert_eq!(served.get("/jobs/overview").await["jobs"][0]["tasks"]["total"], 0);

        served.clock.advance(Duration::from_secs(1));
        let after = served.get(&job).await;
        assert_eq!(after["plan"]["nodes"][1]["parallelism"], 3);
        assert!(after["timestamps"]["RUNNING"].as_i64() > before["timestamps"]["RUNNING"].as_i64());
        let read = |details: &Value| details["vertices"][1]["metrics"]["read-records"].as_i64();
        assert!(read(&after) < read(&before));
        assert_eq!(served.get("/overview").await["slots-available"], 60);
    }

    #[tokio::test]
    async fn stale_answers_lag_behind() {
        let options = ClusterOptions { stale: Duration::from_secs(3), ..ClusterOptions::default() };
        let served = Served::start(options).await;
        let now = format!("/jobs/{}", served.job);
        let first = served.get(&now).await["now"].as_i64().unwrap();
        for (seconds, expected) in [(2, 0), (1, 3000), (2, 3000), (5, 10_000)] {
            served.clock.advance(Duration::from_secs(seconds));
            assert_eq!(served.get(&now).await["now"].as_i64().unwrap() - first, expected);
        }
        assert_eq!(served.get("/jobs/overview").await["jobs"][0]["duration"], 10_000);
    }

    #[tokio::test]
    async fn faults_hit_one_path_until_they_are_healed() {
        let served = Served::start(ClusterOptions::default()).await;
        served.cluster.fail("/jobs/overview", 503);
        let (status, answer) = served.call("GET", "/jobs/overview", "").await.unwrap();
        assert_eq!((status, errors(&answer)), (503, vec!["Internal server error.".to_owned()]));
        served.get("/overview").await;
        served.cluster.heal("/jobs/overview");
        served.get("/jobs/overview").await;
        served.cluster.delay("/config", Duration::from_millis(80));
        let start = Instant::now();
        served.get("/config").await;
        assert!(start.elapsed() >= Duration::from_millis(80));
    }

    #[tokio::test]
    async fn every_answer_of_a_distant_cluster_is_late() {
        let latency = Duration::from_millis(30);
        let served = Served::start(ClusterOptions { latency, ..ClusterOptions::default() }).await;
        for path in ["/config", "/jobs/overview"] {
            let start = Instant::now();
            served.get(path).await;
            assert!(start.elapsed() >= latency, "{path}");
        }
    }

    #[tokio::test]
    async fn jobs_come_and_go() {
        let served = Served::start(ClusterOptions::default()).await;
        let names = |list: &Value| -> Vec<String> {
            list["jobs"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap().to_owned()).collect()
        };
        served.cluster.remove(served.job).unwrap();
        assert_eq!(names(&served.get("/jobs/overview").await), ["rigid"]);
        assert!(served.cluster.remove(served.job).is_err());
        let shape = JobShape::new("new").with(VertexShape::source("x", 1.0, 1, Load::Constant(1.0)));
        let job = served.cluster.submit(shape).unwrap();
        assert_eq!(names(&served.get("/jobs/overview").await), ["rigid", "new"]);
        served.cluster.set_load(job, &Load::Constant(3.0)).unwrap();
        served.clock.advance(Duration::from_secs(10));
        let source = served.cluster.snapshot()[1].vertices[0].source.unwrap();
        assert!((source.lag - 20.0).abs() < 0.1 && source.offered == 3.0, "{source:?}");
    }
}
