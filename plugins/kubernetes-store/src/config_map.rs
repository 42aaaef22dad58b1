//! ConfigMaps over the API: read whole, changed by patches that name the version they are meant for.
#![expect(clippy::indexing_slicing, reason = "in JSON, what is not there is null")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_kubernetes_api::{Answer, Form, Method, NoAnswer, send};
use tidegate_kubernetes_kit::name;

use crate::bindings::exports::tidegate::state_store::stores::{Failure, JobKey};
use crate::settings::Settings;

/// Whose ConfigMap it is, beside the Java autoscaler's labels: names of any form stand in annotations.
const CLUSTER: &str = "tidegate.io/cluster";
const JOB: &str = "tidegate.io/job";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// ConfigMaps in one answer of a list.
const PAGE: usize = 250;

/// A ConfigMap as it was read last.
pub(crate) struct ConfigMap {
    pub(crate) version: String,
    /// Whose it is; nobody's yet where the Java autoscaler has made it.
    pub(crate) owner: Option<(String, String)>,
    /// Its texts, as they are kept.
    pub(crate) data: BTreeMap<String, String>,
}

/// What came of a write.
pub(crate) enum Written {
    /// It is done; this is the version now.
    Done(String),
    /// Somebody else has written meanwhile, made it, or removed it.
    Overtaken(String),
}

/// The ConfigMap of this name, if there is one.
pub(crate) fn read(namespace: &str, name: &str) -> Result<Option<ConfigMap>, Failure> {
    let answer = request(&Method::Get, &path(namespace, name), Form::Whole, None)?;
    match answer.status {
        200 => {
            let Answer { body, .. } = answer;
            let metadata = &body["metadata"];
            let owner = owner(metadata);
            let texts = body["data"].as_object().into_iter().flatten();
            let data = texts.filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))).collect();
            Ok(Some(ConfigMap { version: version(metadata), owner, data }))
        }
        404 => Ok(None),
        _ => Err(failure(&answer, "the ConfigMap's read")),
    }
}

/// Makes a ConfigMap with these texts.
pub(crate) fn create(
    namespace: &str,
    name: &str,
    job: &JobKey,
    data: &BTreeMap<String, String>,
) -> Result<Written, Failure> {
    let mut metadata = marks(name, job);
    metadata["name"] = name.into();
    let body = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data });
    let path = format!("/api/v1/namespaces/{namespace}/configmaps");
    written(request(&Method::Post, &path, Form::Metadata, Some(&body))?, "the ConfigMap's creation")
}

/// Changes texts (`None`: removes) of the ConfigMap that has this version, and says whose it is.
pub(crate) fn patch(
    namespace: &str,
    name: &str,
    job: &JobKey,
    version: &str,
    data: &BTreeMap<String, Option<String>>,
) -> Result<Written, Failure> {
    let mut metadata = marks(name, job);
    metadata["resourceVersion"] = version.into();
    let body = json!({ "metadata": metadata, "data": data });
    let answer = request(&Method::Patch, &path(namespace, name), Form::Metadata, Some(&body))?;
    if answer.status == 404 {
        return Ok(Written::Overtaken(answer.told("the ConfigMap's change")));
    }
    written(answer, "the ConfigMap's change")
}

/// Removes the ConfigMap that has this version.
pub(crate) fn delete(namespace: &str, name: &str, version: &str) -> Result<Written, Failure> {
    let body = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": { "resourceVersion": version },
    });
    let answer = request(&Method::Delete, &path(namespace, name), Form::Whole, Some(&body))?;
    if answer.status == 404 {
        return Ok(Written::Done(String::new()));
    }
    written(answer, "the ConfigMap's removal")
}

/// Whose ConfigMaps there are. The Java autoscaler's are nobody's until a job takes them up.
pub(crate) fn jobs(settings: &Settings) -> Result<Vec<JobKey>, Failure> {
    let mut found = Vec::new();
    let mut next = String::new();
    loop {
        let path = format!(
            "/api/v1/namespaces/{}/configmaps?labelSelector={}%3Dtidegate&limit={PAGE}{next}",
            settings.namespace,
            MANAGED_BY.replace('/', "%2F")
        );
        let answer = request(&Method::Get, &path, Form::MetadataList, None)?;
        if answer.status != 200 {
            return Err(failure(&answer, "the list of ConfigMaps"));
        }
        let items = answer.body["items"].as_array().into_iter().flatten();
        let owners = items.filter_map(|item| owner(&item["metadata"]));
        found.extend(owners.map(|(cluster, job)| JobKey { cluster, job }));
        match answer.body["metadata"]["continue"].as_str() {
            // Tokens are in base64 of the kind for URLs.
            Some(token) if !token.is_empty() => next = format!("&continue={token}"),
            _ => return Ok(found),
        }
    }
}

/// The metadata of a job's ConfigMap: the Java autoscaler's labels, and ours.
fn marks(name: &str, job: &JobKey) -> Value {
    json!({
        "labels": { "component": "autoscaler", "app": name::app(name), MANAGED_BY: "tidegate" },
        "annotations": { CLUSTER: job.cluster, JOB: job.job },
    })
}

fn owner(metadata: &Value) -> Option<(String, String)> {
    let of = |name: &str| metadata["annotations"][name].as_str().map(str::to_owned);
    Some((of(CLUSTER)?, of(JOB)?))
}

fn version(metadata: &Value) -> String {
    metadata["resourceVersion"].as_str().unwrap_or_default().to_owned()
}

fn path(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps/{name}")
}

fn request(method: &Method, path: &str, form: Form, body: Option<&Value>) -> Result<Answer, Failure> {
    send(method, path, form, body).map_err(unanswered)
}

fn written(answer: Answer, what: &str) -> Result<Written, Failure> {
    match answer.status {
        200..=202 => Ok(Written::Done(version(&answer.body["metadata"]))),
        409 => Ok(Written::Overtaken(answer.told(what))),
        _ => Err(failure(&answer, what)),
    }
}

/// What the host can do about an answer that is none of success.
fn failure(answer: &Answer, what: &str) -> Failure {
    let told = answer.told(what);
    match answer.status {
        400 | 405 | 406 | 413 | 415 | 422 => Failure::Rejected(told),
        403 => Failure::Unavailable(format!(
            "{told}: this store needs `get`, `list`, `create`, `patch` and `delete` on `configmaps`"
        )),
        _ => Failure::Unavailable(told),
    }
}

pub(crate) fn unanswered(error: NoAnswer) -> Failure {
    match error {
        NoAnswer::Denied => Failure::Rejected(
            "the API server is not granted: this store needs `grant = { kubernetes = \"in-cluster\" }`, or \
             `{ kubernetes = { kubeconfig = \"…\" } }`"
                .to_owned(),
        ),
        NoAnswer::Unreachable(reason) => Failure::Unavailable(reason),
    }
}
