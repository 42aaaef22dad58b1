//! A cluster that answers as it once did: a trace in the place of HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::format::{Answer, Fault, Metric, RecordedPass, Trace};
use crate::flink::{FlinkError, Request, Response, Transport};
use crate::model::{Bounds, ResourceRequirements, VertexId};

/// The cluster of a trace, at one of its passes.
#[derive(Clone, Debug)]
pub(super) struct RecordedCluster {
    trace: Arc<Trace>,
    now: Arc<Mutex<Now>>,
}

#[derive(Debug, Default)]
struct Now {
    pass: usize,
    put: Option<ResourceRequirements>,
}

impl RecordedCluster {
    pub(super) fn new(trace: Arc<Trace>) -> Self {
        Self { trace, now: Arc::default() }
    }

    /// Answers as in this pass from now on.
    pub(super) fn turn_to(&self, pass: usize) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Now { pass, put: None };
    }

    /// The bounds that were asked for in this pass.
    pub(super) fn put(&self) -> Option<ResourceRequirements> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).put.clone()
    }

    fn answer(&self, request: &Request<'_>) -> Response {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pass) = self.trace.passes.get(now.pass) else { return not_found(request.path) };
        if let Some(Fault { status, words }) = pass.faults.get(request.path) {
            return refusal(*status, words);
        }
        match &request.put {
            Some(body) => match bounds(body) {
                Some(bounds) => {
                    now.put = Some(bounds);
                    Response { status: 202, body: b"{}".to_vec() }
                }
                None => refusal(400, "Request did not match expected format JobResourceRequirementsBody."),
            },
            None => get(pass, request),
        }
    }
}

#[async_trait]
impl Transport for RecordedCluster {
    fn url(&self, path: &str) -> String {
        format!("trace:{}{path}", self.trace.name)
    }

    async fn exchange(&self, request: Request<'_>) -> Result<Response, FlinkError> {
        Ok(self.answer(&request))
    }
}

fn get(pass: &RecordedPass, request: &Request<'_>) -> Response {
    match pass.answers.get(request.path) {
        Some(Answer::Body(body)) => Response { status: 200, body: body.get().as_bytes().to_vec() },
        Some(Answer::Metrics(metrics)) => Response { status: 200, body: select(metrics, request).into_bytes() },
        None => not_found(request.path),
    }
}

/// What a metrics endpoint answers: without `get` the names, else the metrics named, with `agg` only these aggregations.
/// Nothing at all when one of the names is unknown, but for the JobManager. A name of which there are no numbers was
/// known when it was listed, and no longer when it was asked for.
fn select(metrics: &[Metric], request: &Request<'_>) -> String {
    let parameter = |name: &str| request.query.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let Some(names) = parameter("get") else {
        return list(metrics.iter().map(|metric| serde_json::json!({ "id": metric.id }).to_string()));
    };
    let named = |name| metrics.iter().find(|metric| metric.id == name && metric.has_numbers);
    let wanted = names.split(',').map(named);
    let wanted: Vec<Option<&Metric>> = wanted.collect();
    if wanted.iter().any(Option::is_none) && request.path != "/jobmanager/metrics" {
        return list([]);
    }
    let wanted = wanted.into_iter().flatten();
    match parameter("agg") {
        Some(aggregations) => {
            let fields: Vec<&str> = aggregations.split(',').chain(["id"]).collect();
            list(wanted.map(|metric| only(metric, &fields)))
        }
        None => list(wanted.map(|metric| metric.text.get().to_owned())),
    }
}

/// These fields of a metric.
fn only(metric: &Metric, fields: &[&str]) -> String {
    let all: BTreeMap<String, &RawValue> = serde_json::from_str(metric.text.get()).unwrap_or_default();
    let kept = all.iter().filter(|(field, _)| fields.contains(&field.as_str()));
    let kept: Vec<String> = kept.map(|(field, value)| format!("\"{field}\":{}", value.get())).collect();
    format!("{{{}}}", kept.join(","))
}

fn list(entries: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", entries.into_iter().collect::<Vec<_>>().join(","))
}

/// The bounds that a body of a PUT asks for.
pub(super) fn bounds(body: &[u8]) -> Option<ResourceRequirements> {
    #[derive(Deserialize)]
    struct Vertex {
        parallelism: Parallelism,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parallelism {
        lower_bound: i64,
        upper_bound: i64,
    }
    let vertices: BTreeMap<VertexId, Vertex> = serde_json::from_slice(body).ok()?;
    let bounds = vertices.into_iter().map(|(id, Vertex { parallelism })| {
        Some((id, Bounds::new(parallelism.lower_bound, parallelism.upper_bound).ok()?))
    });
    bounds.collect()
}

/// As Flink says it of a job that it does not run, and of everything else.
fn not_found(path: &str) -> Response {
    match path.strip_prefix("/jobs/").and_then(|rest| rest.split('/').next()) {
        Some(job) => refusal(404, &format!("Job {job} not found")),
        None => refusal(404, &format!("Not found: {path}")),
    }
}

fn refusal(status: u16, message: &str) -> Response {
    Response { status, body: serde_json::json!({ "errors": [message] }).to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "0000000000000000000000000000000a";

    fn cluster() -> RecordedCluster {
        let metrics =
            r#"[{"id":"a","min":1.0,"max":"NaN","sum":3},{"id":"b","min":2.0,"max":4.0,"sum":5},{"id":"bare"}]"#;
        let manager = r#"[{"id":"a","value":"1"}]"#;
        let text = format!(
            r#"{{"trace":1,"name":"t","job_id":"{JOB}"}}
            {{"at":"2026-01-01T00:00:00Z","get":{{"/jobs/overview":{{"jobs":[]}},"/taskmanagers/metrics":{metrics},"/jobmanager/metrics":{manager}}},"faults":[["/jobs/overview",503]]}}
            {{"at":"2026-01-01T00:00:10Z","get":{{"/jobs/overview":{{"jobs": []}}}}}}"#
        );
        RecordedCluster::new(Arc::new(Trace::parse("t", text.as_bytes()).unwrap()))
    }

    fn answer(cluster: &RecordedCluster, path: &str, query: &[(&str, &str)], put: Option<&str>) -> (u16, String) {
        let answer = cluster.answer(&Request { path, query, put: put.map(|body| body.as_bytes().to_vec()) });
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    #[test]
    fn metrics_are_selected_as_flink_does() {
        let cluster = cluster();
        for (path, query, expected) in [
            ("/taskmanagers/metrics", vec![], r#"[{"id":"a"},{"id":"b"},{"id":"bare"}]"#),
            ("/taskmanagers/metrics", vec![("get", "b")], r#"[{"id":"b","min":2.0,"max":4.0,"sum":5}]"#),
            (
                "/taskmanagers/metrics",
                vec![("get", "b,a"), ("agg", "max")],
                r#"[{"id":"b","max":4.0},{"id":"a","max":"NaN"}]"#,
            ),
            ("/taskmanagers/metrics", vec![("get", "a,c")], "[]"),
            ("/taskmanagers/metrics", vec![("get", "a,bare")], "[]"),
            ("/jobmanager/metrics", vec![("get", "a,c")], r#"[{"id":"a","value":"1"}]"#),
        ] {
            assert_eq!(answer(&cluster, path, &query, None), (200, expected.to_owned()), "{query:?}");
        }
    }

    #[test]
    fn each_pass_has_its_own_answers_faults_and_put() {
        let cluster = cluster();
        let path = format!("/jobs/{JOB}/resource-requirements");
        let body = format!(r#"{{"{JOB}":{{"parallelism":{{"lowerBound":1,"upperBound":3}}}}}}"#);
        assert_eq!(answer(&cluster, "/jobs/overview", &[], None).0, 503);
        assert_eq!(answer(&cluster, &path, &[], Some("{\"x\":1}")).0, 400);
        assert_eq!(cluster.put(), None);
        assert_eq!(answer(&cluster, &path, &[], Some(&body)), (202, "{}".to_owned()));
        assert_eq!(cluster.put().unwrap()[&JOB.parse().unwrap()], Bounds::new(1, 3).unwrap());
        cluster.turn_to(1);
        assert_eq!(cluster.put(), None);
        assert_eq!(answer(&cluster, "/jobs/overview", &[], None), (200, r#"{"jobs": []}"#.to_owned()));
        let (status, said) = answer(&cluster, &path, &[], None);
        assert_eq!((status, said), (404, format!(r#"{{"errors":["Job {JOB} not found"]}}"#)));
        assert_eq!(answer(&cluster, "/jobmanager/metrics", &[], None).0, 404);
    }
}
