//! The client against recorded answers, over real HTTP.

mod server;
mod tls;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use self::server::{Server, recorded};
use super::*;
use crate::model::{Bounds, JobId, JobStatus, ResourceRequirements, ShipStrategy, VertexId};

const VERSIONS: [&str; 3] = ["1.18.1", "1.20.5", "2.3.0"];
const JOB: JobId = JobId::from_u128(0xeabd38449479dcf5cf9feab39b8c3bc0);
const SOURCE: VertexId = VertexId::from_u128(0x80457b66b428dad5692a99319fdb7723);
const STAGE: VertexId = VertexId::from_u128(0x594a021f0825c632a7f2a4022c6da5c2);
const SINK: VertexId = VertexId::from_u128(0x4d648856f35492026b8f75b0a6ec795e);

fn client(server: &Server) -> RestClient {
    RestClient::new(&RestOptions::new(server.url())).unwrap()
}

fn requirements(upper: i64) -> ResourceRequirements {
    BTreeMap::from([(STAGE, Bounds::new(1, upper).unwrap()), (SOURCE, Bounds::new(1, 1).unwrap())])
}

/// The server's part of a recorded exchange.
fn recorded_exchange(path: &str) -> (u16, String) {
    let exchange: serde_json::Value = serde_json::from_str(&recorded(path)).unwrap();
    (exchange["status"].as_u64().unwrap() as u16, exchange["response"].as_str().unwrap().to_owned())
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn every_version_says_which_it_is() {
    for version in VERSIONS {
        let server = Server::always(200, recorded(&format!("{version}/config.json"))).await;
        assert_eq!(client(&server).version().await.unwrap(), version);
    }
}

#[tokio::test]
async fn jobs_are_listed_with_their_effective_status() {
    for (version, expected) in [
        ("1.18.1", vec![("dead", JobStatus::Canceled), ("load-3v", JobStatus::Running)]),
        ("1.20.5", vec![("load-3v", JobStatus::Running)]),
        ("2.3.0", vec![("load-3v", JobStatus::Running)]),
    ] {
        let server = Server::always(200, recorded(&format!("{version}/jobs_overview.json"))).await;
        let jobs = client(&server).jobs().await.unwrap();
        let listed: Vec<_> = jobs.iter().map(|job| (job.name.as_str(), job.status)).collect();
        assert_eq!(listed, expected, "{version}");
        assert_eq!(server.arrived()[0].uri.path(), "/jobs/overview");
    }
}

#[tokio::test]
async fn a_jobs_configuration_is_what_somebody_set() {
    for version in VERSIONS {
        let server = Server::always(200, recorded(&format!("{version}/job_jobmanager_config.json"))).await;
        let configuration = client(&server).job_configuration(JOB).await.unwrap();
        let value = |key: &str| configuration.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        assert_eq!(value("jobmanager.scheduler"), Some("adaptive"), "{version}");
        assert_eq!(server.arrived()[0].uri.path(), format!("/jobs/{JOB}/jobmanager/config"));
    }
}

#[tokio::test]
async fn the_graph_of_every_version_is_read() {
    for (version, running_since, source_out, source_busy, grouped) in [
        ("1.18.1", 1_795_417_609_095, 12_800.0, 498.0, false),
        ("1.20.5", 1_795_415_370_461, 61_696.0, 1615.0, true),
        ("2.3.0", 1_795_416_372_118, 27_504.0, 968.0, true),
    ] {
        let server = Server::always(200, recorded(&format!("{version}/job_detail.json"))).await;
        let details = client(&server).job_details(JOB).await.unwrap();
        assert_eq!(details.running_since.unwrap().as_millis(), running_since);
        let topology = details.topology;
        assert_eq!(topology.vertices.iter().map(|vertex| vertex.id).collect::<Vec<_>>(), [SOURCE, STAGE, SINK]);
        let edges: Vec<_> = topology.edges.iter().map(|edge| (edge.from, edge.to, edge.ship)).collect();
        assert_eq!(edges, [(0, 1, ShipStrategy::Hash), (1, 2, ShipStrategy::Rebalance)]);
        let source = &topology.vertices[0];
        assert_eq!((source.name.as_str(), source.parallelism, source.max_parallelism), ("Source: log", 1, 16));
        assert_eq!((source.io.records_in, source.io.records_out), (0.0, source_out));
        assert_eq!(source.io.accumulated_busy_time, source_busy);
        assert_eq!(source.slot_sharing_group.is_some(), grouped, "{version}");
        assert!(!source.finished);
    }
}

#[tokio::test]
async fn two_sources_and_a_forward_edge_are_read() {
    let server = Server::always(200, recorded("1.20.5/job_detail_rich_2sources_ssg_forward.json")).await;
    let topology = client(&server).job_details(JOB).await.unwrap().topology;
    let names: Vec<_> = topology.vertices.iter().map(|vertex| vertex.name.as_str()).collect();
    assert_eq!(names, ["Source: log-1", "Source: log-2", "stage-1", "stage-2", "stage-3", "out: Writer"]);
    assert_eq!(
        (0..6).map(|index| topology.is_source(index)).collect::<Vec<_>>(),
        [true, true, false, false, false, false]
    );
    assert_eq!(topology.edges.last().unwrap().ship, ShipStrategy::Forward);
    assert_ne!(topology.vertices[0].slot_sharing_group, topology.vertices[3].slot_sharing_group);
}

#[tokio::test]
async fn a_job_that_waits_for_resources_has_no_vertices_and_is_not_running() {
    let server = Server::always(200, recorded("1.20.5/job_detail_state_CREATED_waiting_for_resources.json")).await;
    let details = client(&server).job_details(JOB).await.unwrap();
    assert_eq!(details.running_since, None);
    assert!(details.topology.vertices.is_empty());
}

#[tokio::test]
async fn metric_names_are_listed() {
    for version in VERSIONS {
        let body = recorded(&format!("{version}/vertex_Source_log__subtasks_metrics_list.json"));
        let server = Server::always(200, body).await;
        let names = client(&server).metric_names(JOB, SOURCE).await.unwrap();
        for name in ["busyTimeMsPerSecond", "Source__log.pendingRecords", "Source__log.numRecordsIn"] {
            assert!(names.iter().any(|listed| listed == name), "{version} {name}");
        }
        assert_eq!(server.arrived()[0].uri.to_string(), format!("/jobs/{JOB}/vertices/{SOURCE}/subtasks/metrics"));
    }
}

#[tokio::test]
async fn aggregates_are_read_with_and_without_skew() {
    for (version, busy) in [("1.18.1", 0.0), ("1.20.5", 18.0), ("2.3.0", 20.0)] {
        let body = recorded(&format!("{version}/vertex_Source_log__subtasks_metrics_noagg.json"));
        let server = Server::always(200, body).await;
        let names = ["busyTimeMsPerSecond".to_owned(), "a & b, c.pendingRecords".to_owned()];
        let metrics = client(&server).vertex_metrics(JOB, SOURCE, &names).await.unwrap();
        let expected = Aggregate { id: "busyTimeMsPerSecond".into(), min: busy, max: busy, avg: busy, sum: busy };
        assert_eq!(metrics[0], expected, "{version}");
        let query = server.arrived()[0].uri.query().unwrap().to_owned();
        assert_eq!(query, "get=busyTimeMsPerSecond%2Ca+%26+b%2C+c.pendingRecords");
    }
}

#[tokio::test]
async fn one_unknown_metric_leaves_nothing() {
    for version in VERSIONS {
        let body = recorded(&format!("{version}/vertex_Source_log__subtasks_metrics_one_unknown_gives_empty.json"));
        let server = Server::always(200, body).await;
        assert_eq!(client(&server).vertex_metrics(JOB, SOURCE, &["noSuchMetric".into()]).await.unwrap(), []);
    }
}

#[tokio::test]
async fn numbers_may_be_texts() {
    let body = r#"[{"id":"busyTimeMsPerSecond","min":"NaN","max":"Infinity","avg":"12.5"}]"#;
    let server = Server::always(200, body).await;
    let metric = client(&server).vertex_metrics(JOB, SOURCE, &["busyTimeMsPerSecond".into()]).await.unwrap().remove(0);
    assert!(metric.min.is_nan() && metric.sum.is_nan());
    assert_eq!((metric.max, metric.avg), (f64::INFINITY, 12.5));
}

#[tokio::test]
async fn the_job_managers_metrics_are_texts() {
    for version in VERSIONS {
        let server = Server::always(200, recorded(&format!("{version}/jobmanager_metrics_values.json"))).await;
        let metrics = client(&server).job_manager_metrics(&["taskSlotsTotal", "taskSlotsAvailable"]).await.unwrap();
        assert!(metrics.contains(&("taskSlotsTotal".into(), 8.0)), "{version}");
        assert!(metrics.contains(&("taskSlotsAvailable".into(), 7.0)), "{version}");
        let uri = server.arrived()[0].uri.to_string();
        assert_eq!(uri, "/jobmanager/metrics?get=taskSlotsTotal%2CtaskSlotsAvailable");
    }
    let server = Server::always(200, r#"[{"id":"a","value":"fast"},{"id":"b"},{"id":"c","value":"1"}]"#).await;
    assert_eq!(client(&server).job_manager_metrics(&["a"]).await.unwrap(), [("c".to_owned(), 1.0)]);
}

#[tokio::test]
async fn task_managers_without_the_metric_leave_nothing() {
    for (version, count) in [("1.18.1", 0), ("1.20.5", 8), ("2.3.0", 8)] {
        let server = Server::always(200, recorded(&format!("{version}/taskmanagers_metrics_agg.json"))).await;
        let metrics = client(&server).task_manager_metrics(&["Status.JVM.Memory.Heap.Used"]).await.unwrap();
        assert_eq!(metrics.len(), count, "{version}");
        assert!(metrics.iter().all(|metric| metric.max >= metric.min), "{version}");
        assert_eq!(server.arrived()[0].uri.query(), Some("get=Status.JVM.Memory.Heap.Used&agg=min%2Cmax%2Cavg"));
    }
}

#[tokio::test]
async fn requirements_are_read_and_written() {
    for version in VERSIONS {
        let recorded = recorded(&format!("{version}/resource_requirements.json"));
        let server = Server::start(move |request| match request.method.as_str() {
            "PUT" => (200, "{}".to_owned()),
            _ => (200, recorded.clone()),
        })
        .await;
        let client = client(&server);
        let held = client.resource_requirements(JOB).await.unwrap();
        assert_eq!(held.keys().copied().collect::<Vec<_>>(), [SINK, STAGE, SOURCE]);
        assert!(held.values().all(|bounds| (bounds.lower(), bounds.upper()) == (1, 1)));

        client.set_resource_requirements(JOB, &requirements(7)).await.unwrap();
        let put = &server.arrived()[1];
        assert_eq!(put.uri.path(), format!("/jobs/{JOB}/resource-requirements"));
        assert_eq!(put.headers["content-type"], "application/json");
        let body = format!(
            r#"{{"{STAGE}":{{"parallelism":{{"lowerBound":1,"upperBound":7}}}},"{SOURCE}":{{"parallelism":{{"lowerBound":1,"upperBound":1}}}}}}"#
        );
        assert_eq!(put.body, body);
    }
}

#[tokio::test]
async fn bounds_that_no_cluster_should_hold_are_an_error() {
    for (lower, upper) in [("0", "1"), ("1", "-1"), ("3", "2"), ("1", "2147483648"), ("1", "2.7"), ("1", "\"2\"")] {
        let body = format!(r#"{{"{STAGE}":{{"parallelism":{{"lowerBound":{lower},"upperBound":{upper}}}}}}}"#);
        let server = Server::always(200, body).await;
        let error = client(&server).resource_requirements(JOB).await.unwrap_err();
        assert!(matches!(error, FlinkError::Unexpected { .. }), "{lower} {upper}: {error:?}");
        assert!(chain(&error).contains("resource-requirements: "), "{}", chain(&error));
    }
}

#[tokio::test]
async fn a_job_that_is_not_there_is_told_apart() {
    for version in VERSIONS {
        let job: JobId = "00000000000000000000000000000000".parse().unwrap();
        let server = Server::always(404, recorded(&format!("{version}/err_job_unknown.json"))).await;
        let error = client(&server).job_details(job).await.unwrap_err();
        assert!(matches!(error, FlinkError::JobNotFound { job: named } if named == job), "{version}: {error:?}");

        let server = Server::always(500, recorded(&format!("{version}/err_job_unknown_rr.json"))).await;
        let error = client(&server).resource_requirements(job).await.unwrap_err();
        assert!(matches!(error, FlinkError::JobNotFound { .. }), "{version}: {error:?}");

        for exchange in ["unknown_job", "finished_job"] {
            let (status, body) = recorded_exchange(&format!("{version}/bad_puts/{exchange}.json"));
            let server = Server::always(status, body).await;
            let error = client(&server).set_resource_requirements(job, &requirements(2)).await.unwrap_err();
            assert!(matches!(error, FlinkError::JobNotFound { .. }), "{version}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_gives_flinks_reason_in_one_line() {
    for version in VERSIONS {
        let (status, body) = recorded_exchange(&format!("{version}/bad_puts/upper_gt_maxParallelism.json"));
        let server = Server::always(status, body).await;
        let error = client(&server).set_resource_requirements(JOB, &requirements(17)).await.unwrap_err();
        let FlinkError::Refused { status: 400, message, .. } = error else { panic!("{version}: {error:?}") };
        let expected = format!(
            "The newly requested parallelism 17 for the job vertex {STAGE} exceeds its maximum parallelism 16."
        );
        assert_eq!(message, expected, "{version}");
    }
}

#[tokio::test]
async fn the_default_scheduler_is_told_apart() {
    let server = Server::start(|request| {
        (500, recorded(&format!("1.20.5/default_scheduler/{}_resource_requirements.json", request.method)))
    })
    .await;
    let client = client(&server);
    let read = client.resource_requirements(JOB).await.unwrap_err();
    let written = client.set_resource_requirements(JOB, &requirements(2)).await.unwrap_err();
    for error in [read, written] {
        assert!(matches!(error, FlinkError::NotAdaptive { job: JOB }), "{error:?}");
        assert!(error.to_string().contains("jobmanager.scheduler: adaptive"));
    }
}

#[tokio::test]
async fn a_path_that_a_version_lacks_is_told_apart() {
    for version in VERSIONS {
        let server = Server::always(404, recorded(&format!("{version}/rescales.json"))).await;
        let error = client(&server).resource_requirements(JOB).await.unwrap_err();
        assert!(matches!(error, FlinkError::Unsupported { .. }), "{version}: {error:?}");
    }
}

#[tokio::test]
async fn what_is_not_flink_is_told_apart() {
    for (status, body) in [
        (200, "<html><title>Welcome</title></html>"),
        (404, "<html>\n <title>Not here</title></html>"),
        (404, r#"{"message":"no route"}"#),
        (200, r#"{"name":"elasticsearch"}"#),
        (200, ""),
    ] {
        let server = Server::always(status, body).await;
        let error = client(&server).version().await.unwrap_err();
        let FlinkError::NotFlink { url, status: told, start } = error else { panic!("{body}: {error:?}") };
        assert_eq!((url, told), (format!("{}/config", server.url()), status));
        assert!(body.split_whitespace().collect::<Vec<_>>().join(" ").starts_with(&start), "{start}");
    }
    let server = Server::always(200, "<html>a log-in page</html>").await;
    assert!(matches!(client(&server).jobs().await.unwrap_err(), FlinkError::NotFlink { .. }));
    let server = Server::always(200, r#"{"jobs":7}"#).await;
    assert!(matches!(client(&server).jobs().await.unwrap_err(), FlinkError::Unexpected { .. }));
}

#[tokio::test]
async fn what_stands_before_flink_is_told_apart() {
    for status in [401, 403] {
        let error = client(&Server::always(status, "denied").await).jobs().await.unwrap_err();
        assert!(matches!(error, FlinkError::Unauthorized { status: told, .. } if told == status), "{error:?}");
    }
    for status in [502, 503, 504] {
        let error = client(&Server::always(status, "<html>Bad Gateway</html>").await).jobs().await.unwrap_err();
        assert!(matches!(error, FlinkError::Unavailable { status: told, .. } if told == status), "{error:?}");
    }
    let leaderless =
        r#"{"errors":["Service temporarily unavailable due to an ongoing leader election. Please refresh."]}"#;
    let error = client(&Server::always(503, leaderless).await).jobs().await.unwrap_err();
    assert!(error.to_string().ends_with("an ongoing leader election. Please refresh."), "{error}");
    let error = client(&Server::always(302, "").await).jobs().await.unwrap_err();
    assert!(matches!(error, FlinkError::Redirected { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let address = Server::always(200, "").await.address;
    for url in [format!("http://{address}"), "http://no-such-host.invalid:8081".to_owned()] {
        let error = RestClient::new(&RestOptions::new(&url)).unwrap().jobs().await.unwrap_err();
        assert!(matches!(error, FlinkError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains(&url));
        assert!(error.source().is_some_and(|cause| cause.source().is_none()), "{}", chain(&error));
    }
}

#[tokio::test]
async fn silence_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = RestOptions {
        timeout: Duration::from_millis(50),
        ..RestOptions::new(format!("http://{}", listener.local_addr().unwrap()))
    };
    let error = RestClient::new(&options).unwrap().jobs().await.unwrap_err();
    assert!(matches!(error, FlinkError::TimedOut { after, .. } if after == options.timeout), "{error:?}");
}

#[tokio::test]
async fn tls_with_what_speaks_plain_http_is_told_apart() {
    let server = Server::always(200, "").await;
    let url = format!("https://{}", server.address);
    let error = RestClient::new(&RestOptions::new(url)).unwrap().jobs().await.unwrap_err();
    assert!(matches!(error, FlinkError::Tls { .. }), "{}", chain(&error));
}

#[tokio::test]
async fn an_address_may_have_a_prefix_and_a_trailing_slash() {
    let server = Server::always(200, recorded("1.20.5/jobs_overview.json")).await;
    for (suffix, expected) in
        [("", "/jobs/overview"), ("/", "/jobs/overview"), ("/proxy/orders/", "/proxy/orders/jobs/overview")]
    {
        let client = RestClient::new(&RestOptions::new(format!("{}{suffix}", server.url()))).unwrap();
        client.jobs().await.unwrap();
        assert_eq!(server.arrived().last().unwrap().uri.path(), expected);
    }
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let server = Server::always(200, r#"{"jobs":[]}"#).await;
    for (authorization, expected) in [
        (Authorization::Bearer("s3cret".into()), "Bearer s3cret"),
        (Authorization::Basic { user: "gate".into(), password: "s3cret".into() }, "Basic Z2F0ZTpzM2NyZXQ="),
    ] {
        let options = RestOptions { authorization: Some(authorization), ..RestOptions::new(server.url()) };
        let client = RestClient::new(&options).unwrap();
        client.jobs().await.unwrap();
        assert_eq!(server.arrived().last().unwrap().headers["authorization"], expected);
        assert!(!format!("{options:?} {client:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn traffic_is_counted() {
    let server = Server::start(|request| match request.uri.path() {
        "/config" => (404, "gone".to_owned()),
        _ => (200, r#"{"jobs":[]}"#.to_owned()),
    })
    .await;
    let client = client(&server);
    client.jobs().await.unwrap();
    client.jobs().await.unwrap();
    client.version().await.unwrap_err();
    let traffic = client.traffic();
    assert_eq!((traffic.requests(), traffic.failures(), traffic.received_bytes()), (3, 1, 26));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_more_requests_than_allowed_run_at_once() {
    for concurrency in [1, 3] {
        let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let counted = Arc::clone(&counts);
        let server = Server::start(move |_| {
            let (running, most) = &*counted;
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            running.fetch_sub(1, Ordering::SeqCst);
            (200, r#"{"jobs":[]}"#.to_owned())
        })
        .await;
        let options = RestOptions { concurrency, ..RestOptions::new(server.url()) };
        let client = RestClient::new(&options).unwrap();
        futures::future::try_join_all((0..9).map(|_| client.jobs())).await.unwrap();
        assert_eq!(counts.1.load(Ordering::SeqCst), concurrency);
    }
}

#[test]
fn options_that_cannot_work_are_refused() {
    for url in ["", "flink:8081", "ftp://flink", "http://user:word@flink", "http://flink?job=1"] {
        let error = RestClient::new(&RestOptions::new(url)).unwrap_err();
        assert!(matches!(error, InvalidRestOptions::Url { .. }), "{url}: {error:?}");
    }
    let base = RestOptions::new("https://flink");
    let error = RestClient::new(&RestOptions { concurrency: 0, ..base.clone() }).unwrap_err();
    assert!(matches!(error, InvalidRestOptions::Concurrency));
    for authorization in [
        Authorization::Bearer("two\nlines".into()),
        Authorization::Basic { user: "a:b".into(), password: String::new() },
    ] {
        let error = RestClient::new(&RestOptions { authorization: Some(authorization), ..base.clone() }).unwrap_err();
        assert!(matches!(error, InvalidRestOptions::Authorization), "{error:?}");
    }
    let missing = TlsOptions { ca: Some("no-such-file.pem".into()), identity: None };
    let error = RestClient::new(&RestOptions { tls: missing, ..base.clone() }).unwrap_err();
    assert!(error.to_string().contains("no-such-file.pem"), "{error}");
    let plain = TlsOptions { ca: Some("ca.pem".into()), identity: None };
    let error = RestClient::new(&RestOptions { tls: plain, ..RestOptions::new("http://flink") }).unwrap_err();
    assert!(matches!(error, InvalidRestOptions::TlsWithoutHttps { .. }), "{error:?}");
    let empty = tempfile::NamedTempFile::new().unwrap();
    let ca = TlsOptions { ca: Some(empty.path().to_owned()), identity: None };
    let identity = ClientIdentity { cert: empty.path().to_owned(), key: empty.path().to_owned() };
    for tls in [ca, TlsOptions { ca: None, identity: Some(identity) }] {
        let error = RestClient::new(&RestOptions { tls, ..base.clone() }).unwrap_err();
        assert!(matches!(error, InvalidRestOptions::Pem { .. }), "{error:?}");
    }
}
