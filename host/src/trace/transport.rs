//! A cluster that answers as it once did: a trace in the place of HTTP.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::format::{RecordedPass, Trace};
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
        if let Some(status) = pass.faults.get(request.path) {
            return refusal(*status, "Internal server error.");
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
    let Some(recorded) = pass.answers.get(request.path) else { return not_found(request.path) };
    let selected = request.path.ends_with("/metrics").then(|| select(recorded, request)).flatten();
    Response { status: 200, body: selected.unwrap_or_else(|| recorded.get().as_bytes().to_vec()) }
}

/// One metric, field by field.
type Metric<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// What a metrics endpoint answers: without `get` the names, else the metrics named, with `agg` only these aggregations.
/// Nothing at all when one of the names is unknown, but for the JobManager. None where the record is no list of metrics.
fn select(recorded: &RawValue, request: &Request<'_>) -> Option<Vec<u8>> {
    let metrics: Vec<Metric<'_>> = serde_json::from_str(recorded.get()).ok()?;
    let parameter = |name: &str| request.query.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let only = |metric: &Metric<'_>, fields: &[&str]| -> BTreeMap<String, Box<RawValue>> {
        let kept = metric.iter().filter(|(field, _)| fields.contains(&field.as_ref()));
        kept.map(|(field, value)| (field.clone().into_owned(), (*value).to_owned())).collect()
    };
    let Some(names) = parameter("get") else {
        let names: Vec<_> = metrics.iter().map(|metric| only(metric, &["id"])).collect();
        return serde_json::to_vec(&names).ok();
    };
    let mut by_name = BTreeMap::new();
    for metric in &metrics {
        by_name.insert(String::deserialize(*metric.get("id")?).ok()?, metric);
    }
    let wanted: Vec<Option<&&Metric<'_>>> = names.split(',').map(|name| by_name.get(name)).collect();
    if wanted.iter().any(Option::is_none) && request.path != "/jobmanager/metrics" {
        return Some(b"[]".to_vec());
    }
    let wanted = wanted.into_iter().flatten();
    match parameter("agg") {
        Some(aggregations) => {
            let mut fields: Vec<&str> = aggregations.split(',').collect();
            fields.push("id");
            serde_json::to_vec(&wanted.map(|metric| only(metric, &fields)).collect::<Vec<_>>()).ok()
        }
        None => serde_json::to_vec(&wanted.collect::<Vec<_>>()).ok(),
    }
}

/// The bounds that a body of a PUT asks for.
fn bounds(body: &[u8]) -> Option<ResourceRequirements> {
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
        let metrics = r#"[{"id":"a","min":1.0,"max":"NaN","sum":3},{"id":"b","min":2.0,"max":4.0,"sum":5}]"#;
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
            ("/taskmanagers/metrics", vec![], r#"[{"id":"a"},{"id":"b"}]"#),
            ("/taskmanagers/metrics", vec![("get", "b")], r#"[{"id":"b","max":4.0,"min":2.0,"sum":5}]"#),
            (
                "/taskmanagers/metrics",
                vec![("get", "b,a"), ("agg", "max")],
                r#"[{"id":"b","max":4.0},{"id":"a","max":"NaN"}]"#,
            ),
            ("/taskmanagers/metrics", vec![("get", "a,c")], "[]"),
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
