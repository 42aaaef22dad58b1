//! What of an answer may stand in a trace: what the host reads, and of that no secrets.

use serde_json::{Map, Value};
use tidegate_common::options::{FALLBACK_PREFIX, PREFIX};

use crate::model::JobId;

/// In the place of a value that nobody may read.
const HIDDEN: &str = "******";

/// Keys that a job's configuration is read by, beside those of the autoscaler.
const READ: [&str; 3] = ["jobmanager.scheduler", "scheduler-mode", "pipeline.jobvertex-parallelism-overrides"];

/// Beginnings of such keys.
const READ_PREFIXES: [&str; 3] = [PREFIX, FALLBACK_PREFIX, "taskmanager."];

/// Parts of keys whose values Flink itself hides (`GlobalConfiguration`), and more of the kind.
const SECRET: [&str; 17] = [
    "password",
    "passwd",
    "secret",
    "fs.azure.account.key",
    "apikey",
    "api-key",
    "api.key",
    "auth-params",
    "service-key",
    "token",
    "basic-auth",
    "jaas.config",
    "http-headers",
    "credential",
    "private-key",
    "access-key",
    "access.key",
];

/// Of an entry of the job list.
const OF_LISTED_JOB: [&str; 9] =
    ["jid", "name", "state", "start-time", "end-time", "duration", "last-modification", "tasks", "schedulerType"];

/// Of a job's details.
const OF_DETAILS: [&str; 10] = [
    "jid",
    "name",
    "state",
    "timestamps",
    "now",
    "start-time",
    "maxParallelism",
    "job-type",
    "schedulerType",
    "vertices",
];

/// Of a vertex in a job's details.
const OF_VERTEX: [&str; 8] =
    ["id", "name", "parallelism", "maxParallelism", "slotSharingGroupId", "status", "tasks", "metrics"];

/// Of a node of a plan: not its description, which may be the text of a query.
const OF_NODE: [&str; 3] = ["id", "parallelism", "inputs"];

/// Of an edge of a plan.
const OF_INPUT: [&str; 4] = ["id", "num", "ship_strategy", "exchange"];

/// What may be kept of `body`, the answer at `path`, in the trace of `job`.
pub(super) fn body(path: &str, mut body: Value, job: JobId) -> Value {
    if path == "/jobs/overview" {
        let mut jobs = take(&mut body, "jobs");
        if let Some(jobs) = jobs.as_array_mut() {
            jobs.retain(|listed| listed["jid"] == job.to_string());
            jobs.iter_mut().for_each(|listed| keep(listed, &OF_LISTED_JOB));
        }
        Value::Object(Map::from_iter([("jobs".to_owned(), jobs)]))
    } else if path.ends_with("/jobmanager/config") {
        configuration_entries(body)
    } else if path == format!("/jobs/{job}") {
        details(body)
    } else {
        body
    }
}

/// The options that may stand in a trace.
pub(super) fn options<'a>(options: impl Iterator<Item = (&'a str, &'a str)>) -> Map<String, Value> {
    options.filter(|(key, _)| is_read(key)).map(|(key, value)| (key.to_owned(), shown(key, value).into())).collect()
}

fn details(mut body: Value) -> Value {
    let mut plan = take(&mut body, "plan");
    keep(&mut body, &OF_DETAILS);
    each(&mut body, "vertices", |vertex| keep(vertex, &OF_VERTEX));
    keep(&mut plan, &["nodes"]);
    each(&mut plan, "nodes", |node| {
        keep(node, &OF_NODE);
        each(node, "inputs", |input| keep(input, &OF_INPUT));
    });
    if let (Some(body), false) = (body.as_object_mut(), plan.is_null()) {
        body.insert("plan".to_owned(), plan);
    }
    body
}

fn configuration_entries(mut body: Value) -> Value {
    if let Some(entries) = body.as_array_mut() {
        entries.retain(|entry| entry["key"].as_str().is_some_and(is_read));
        for entry in entries {
            keep(entry, &["key", "value"]);
            let key = entry["key"].as_str().unwrap_or_default().to_owned();
            if let Some(Value::String(value)) = entry.get_mut("value") {
                *value = shown(&key, value);
            }
        }
    }
    body
}

fn is_read(key: &str) -> bool {
    READ.contains(&key) || READ_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

fn shown(key: &str, value: &str) -> String {
    let key = key.to_ascii_lowercase();
    if SECRET.iter().any(|secret| key.contains(secret)) { HIDDEN } else { value }.to_owned()
}

fn take(body: &mut Value, field: &str) -> Value {
    body.get_mut(field).map(Value::take).unwrap_or_default()
}

fn keep(body: &mut Value, fields: &[&str]) {
    if let Some(body) = body.as_object_mut() {
        body.retain(|field, _| fields.contains(&field.as_str()));
    }
}

fn each(body: &mut Value, field: &str, of_entry: impl FnMut(&mut Value)) {
    if let Some(entries) = body.get_mut(field).and_then(Value::as_array_mut) {
        entries.iter_mut().for_each(of_entry);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const JOB: JobId = JobId::from_u128(10);

    #[test]
    fn of_the_configuration_only_what_is_read_is_kept_and_no_secret() {
        let entries = json!([
            {"key": "job.autoscaler.enabled", "value": "true"},
            {"key": "kubernetes.operator.job.autoscaler.metrics.window", "value": "5m"},
            {"key": "jobmanager.scheduler", "value": "adaptive"},
            {"key": "taskmanager.memory.process.size", "value": "2g", "origin": "hunter2"},
            {"key": "taskmanager.env.DB_PASSWORD", "value": "hunter2"},
            {"key": "job.autoscaler.plugin.Api-Key", "value": "hunter2"},
            {"key": "s3.access-key", "value": "hunter2"},
            {"key": "$internal.application.program-args", "value": "--password hunter2"},
        ]);
        let kept = body(&format!("/jobs/{JOB}/jobmanager/config"), entries, JOB);
        assert_eq!(
            kept,
            json!([
                {"key": "job.autoscaler.enabled", "value": "true"},
                {"key": "kubernetes.operator.job.autoscaler.metrics.window", "value": "5m"},
                {"key": "jobmanager.scheduler", "value": "adaptive"},
                {"key": "taskmanager.memory.process.size", "value": "2g"},
                {"key": "taskmanager.env.DB_PASSWORD", "value": HIDDEN},
                {"key": "job.autoscaler.plugin.Api-Key", "value": HIDDEN},
            ])
        );
        let given = [("job.autoscaler.enabled", "true"), ("execution.target", "x"), ("taskmanager.token", "hunter2")];
        let kept = Value::Object(options(given.into_iter()));
        assert_eq!(kept, json!({"job.autoscaler.enabled": "true", "taskmanager.token": HIDDEN}));
    }

    #[test]
    fn of_a_graph_only_what_is_read_is_kept() {
        let graph = json!({
            "jid": JOB.to_string(), "state": "RUNNING", "timestamps": {"RUNNING": 5}, "application-id": "hunter2",
            "vertices": [{"id": "a", "name": "n", "parallelism": 1, "metrics": {"read-records": 1}, "x": "hunter2"}],
            "plan": {"jid": "a", "type": "hunter2", "nodes": [
                {"id": "a", "parallelism": 1, "description": "CREATE TABLE … 'password' = 'hunter2'",
                 "operator": "", "optimizer_properties": {}, "inputs": [{"id": "b", "ship_strategy": "HASH", "y": 1}]}
            ]}
        });
        let kept = body(&format!("/jobs/{JOB}"), graph, JOB);
        assert!(!kept.to_string().contains("hunter2"), "{kept}");
        assert_eq!(kept["plan"]["nodes"][0]["inputs"], json!([{"id": "b", "ship_strategy": "HASH"}]));
        assert_eq!(kept["vertices"][0]["metrics"], json!({"read-records": 1}));
    }

    #[test]
    fn other_jobs_are_left_out_of_the_list() {
        let other = JobId::from_u128(11).to_string();
        let list = json!({"jobs": [{"jid": JOB.to_string(), "tasks": {"total": 1}, "x": 1}, {"jid": other}]});
        let kept = json!({"jobs": [{"jid": JOB.to_string(), "tasks": {"total": 1}}]});
        assert_eq!(body("/jobs/overview", list, JOB), kept);
        assert_eq!(
            body("/taskmanagers/metrics", json!([{"id": "a", "min": 0.1}]), JOB),
            json!([{"id": "a", "min": 0.1}])
        );
    }
}
