//! Objects and the rules for them.
#![expect(clippy::indexing_slicing, reason = "in JSON, what is not there is null")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use axum::http::Method;
use serde_json::{Value, json};

/// The most bytes of a ConfigMap's data, keys included.
const LARGEST_DATA: usize = 1 << 20;

/// What an object is known by: resource (such as `configmaps`), namespace, name.
type Id = (String, String, String);

/// Everything that the server knows.
#[derive(Debug, Default)]
pub struct Objects {
    objects: BTreeMap<Id, Value>,
    version: u64,
    /// The namespaces that there are.
    pub namespaces: BTreeSet<String>,
    /// Tokens that are accepted.
    pub tokens: BTreeSet<String>,
    /// What nobody may do, as `verb resource`.
    pub forbidden: BTreeSet<String>,
    /// Statuses of the next answers, instead of what was asked for; 0 for as usual.
    pub answers: VecDeque<u16>,
    /// What somebody else does just before the next write is looked at: a patch for the same object.
    pub meddling: VecDeque<Value>,
    /// Every write that was carried out, oldest first.
    pub writes: Vec<Write>,
    /// Every request, refused or not, oldest first, where somebody wants to send them again.
    pub requests: Option<Vec<Request>>,
}

/// A request: all that it takes to send it again, but for who asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is to be done.
    pub method: Method,
    /// With what: path and query.
    pub target: String,
    /// In what form the answer was wanted.
    pub accept: String,
    /// The form of the body.
    pub content_type: String,
    /// What was sent.
    pub body: Vec<u8>,
    /// The status of the answer.
    pub status: u16,
}

/// A write that was carried out.
#[derive(Clone, Debug)]
pub struct Write {
    /// `create`, `patch` or `delete`.
    pub verb: &'static str,
    /// The name of the object.
    pub name: String,
    /// What was sent.
    pub body: Value,
}

/// Why a request is not carried out.
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into() }
    }
}

type Answer = Result<Value, Refusal>;

impl Objects {
    /// An object as it is now.
    pub fn find(&self, resource: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&id(resource, namespace, name))
    }

    /// The names of all objects of a resource.
    pub fn names(&self, resource: &str) -> Vec<String> {
        self.objects.keys().filter(|(of, ..)| of == resource).map(|(.., name)| name.clone()).collect()
    }

    /// Puts an object there, as if somebody else had made it.
    pub fn put(&mut self, resource: &str, namespace: &str, mut object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        self.stamp(&mut object);
        object["metadata"]["uid"] = format!("uid-{}", self.version).into();
        object["metadata"]["namespace"] = namespace.into();
        self.objects.insert(id(resource, namespace, &name), object);
    }

    /// Removes an object, as if somebody else had.
    pub fn remove(&mut self, resource: &str, namespace: &str, name: &str) {
        self.objects.remove(&id(resource, namespace, name));
    }

    fn stamp(&mut self, object: &mut Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
    }

    pub(super) fn get(&self, resource: &str, namespace: &str, name: &str) -> Answer {
        self.find(resource, namespace, name).cloned().ok_or_else(|| not_found(resource, name))
    }

    pub(super) fn list(&self, resource: &str, namespace: &str, query: &BTreeMap<String, String>) -> Answer {
        let wanted: Vec<(&str, &str)> = query
            .get("labelSelector")
            .iter()
            .flat_map(|text| text.split(','))
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let limit = query.get("limit").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
        let after = query.get("continue").cloned().unwrap_or_default();
        let matches =
            |object: &Value| wanted.iter().all(|(name, value)| object["metadata"]["labels"][*name] == **value);
        let found = self.objects.iter().filter(|((of, within, name), object)| {
            of == resource && within == namespace && *name > after && matches(object)
        });
        let mut found: Vec<(&Id, &Value)> = found.collect();
        let is_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| is_more).map(|((.., name), _)| name.clone()).unwrap_or_default();
        let items: Vec<&Value> = found.into_iter().map(|(_, object)| object).collect();
        Ok(json!({ "metadata": { "resourceVersion": self.version.to_string(), "continue": next }, "items": items }))
    }

    pub(super) fn create(&mut self, resource: &str, namespace: &str, mut object: Value) -> Answer {
        let body = object.clone();
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if !self.namespaces.contains(namespace) {
            return Err(not_found("namespaces", namespace));
        }
        if let Some(patch) = self.meddling.pop_front() {
            let mut theirs = json!({ "metadata": { "name": name } });
            merge(&mut theirs, &patch);
            self.put(resource, namespace, theirs);
        }
        if self.objects.contains_key(&id(resource, namespace, &name)) {
            return Err(Refusal::new(409, "AlreadyExists", format!("{resource} \"{name}\" already exists")));
        }
        if object["metadata"]["namespace"].as_str().is_some_and(|own| own != namespace) {
            return Err(Refusal::new(400, "BadRequest", "the namespace of the object does not match the request"));
        }
        check(resource, namespace, &object)?;
        self.stamp(&mut object);
        object["metadata"]["uid"] = format!("uid-{}", self.version).into();
        object["metadata"]["namespace"] = namespace.into();
        object["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
        self.objects.insert(id(resource, namespace, &name), object.clone());
        self.writes.push(Write { verb: "create", name, body });
        Ok(object)
    }

    pub(super) fn patch(&mut self, resource: &str, namespace: &str, name: &str, patch: Value) -> Answer {
        if let Some(theirs) = self.meddling.pop_front()
            && let Some(mut object) = self.objects.get(&id(resource, namespace, name)).cloned()
        {
            merge(&mut object, &theirs);
            self.stamp(&mut object);
            self.objects.insert(id(resource, namespace, name), object);
        }
        let before = self.get(resource, namespace, name)?;
        if let Some(version) = patch["metadata"]["resourceVersion"].as_str()
            && before["metadata"]["resourceVersion"] != version
        {
            let message =
                format!("Operation cannot be fulfilled on {resource} \"{name}\": the object has been modified");
            return Err(Refusal::new(409, "Conflict", message));
        }
        let mut object = before;
        merge(&mut object, &patch);
        check(resource, namespace, &object)?;
        self.stamp(&mut object);
        self.objects.insert(id(resource, namespace, name), object.clone());
        self.writes.push(Write { verb: "patch", name: name.to_owned(), body: patch });
        Ok(object)
    }

    pub(super) fn delete(&mut self, resource: &str, namespace: &str, name: &str, options: &Value) -> Answer {
        let object = self.get(resource, namespace, name)?;
        if let Some(version) = options["preconditions"]["resourceVersion"].as_str()
            && object["metadata"]["resourceVersion"] != version
        {
            return Err(Refusal::new(409, "Conflict", "the ResourceVersion in the precondition does not match"));
        }
        self.remove(resource, namespace, name);
        self.writes.push(Write { verb: "delete", name: name.to_owned(), body: options.clone() });
        Ok(json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }))
    }
}

fn id(resource: &str, namespace: &str, name: &str) -> Id {
    (resource.to_owned(), namespace.to_owned(), name.to_owned())
}

fn not_found(resource: &str, name: &str) -> Refusal {
    Refusal::new(404, "NotFound", format!("{resource} \"{name}\" not found"))
}

/// RFC 7386.
fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    if let Value::Object(object) = object {
        for (key, value) in patch {
            if value.is_null() {
                object.remove(key);
            } else {
                merge(object.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

fn check(resource: &str, namespace: &str, object: &Value) -> Result<(), Refusal> {
    let invalid = |message: String| Refusal::new(422, "Invalid", message);
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    if name.is_empty() || name.len() > 253 || name.contains(['/', '%']) {
        return Err(invalid(format!("metadata.name: Invalid value: \"{name}\"")));
    }
    let of = |key: &str| object["metadata"][key].as_object().into_iter().flatten();
    for (key, value) in of("labels") {
        let value = value.as_str().ok_or_else(|| invalid(format!("metadata.labels: {key} is no text")))?;
        if !is_label(value) {
            return Err(invalid(format!("metadata.labels: Invalid value: \"{value}\"")));
        }
    }
    let annotations: usize = of("annotations").map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if annotations > 256 << 10 {
        return Err(invalid("metadata.annotations: Too long".to_owned()));
    }
    match resource {
        "configmaps" => {
            let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
            if !name.bytes().all(is_name) || name.starts_with(['-', '.']) || name.ends_with(['-', '.']) {
                return Err(invalid(format!(
                    "metadata.name: Invalid value: \"{name}\": a lowercase RFC 1123 subdomain"
                )));
            }
            let mut bytes = 0;
            for (key, value) in object["data"].as_object().into_iter().flatten() {
                let value = value.as_str().ok_or_else(|| invalid(format!("data[{key}] is no text")))?;
                bytes += key.len() + value.len();
                let is_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
                if key.is_empty() || key.len() > 253 || !key.bytes().all(is_key) {
                    return Err(invalid(format!("data[{key}]: Invalid value: a valid config key must consist of …")));
                }
            }
            if bytes > LARGEST_DATA {
                return Err(invalid(format!("[]: Too long: must have at most {LARGEST_DATA} bytes")));
            }
        }
        "events" => {
            if object["involvedObject"]["namespace"] != namespace {
                return Err(invalid("involvedObject.namespace: does not match event.namespace".to_owned()));
            }
            for time in ["firstTimestamp", "lastTimestamp"] {
                let text = object[time].as_str().unwrap_or_default();
                // `metav1.Time`: no fraction is kept.
                if !(text.len() == 20 && text.ends_with('Z')) {
                    return Err(Refusal::new(400, "BadRequest", format!("{time} is no time: \"{text}\"")));
                }
            }
            if !object["count"].is_u64() {
                return Err(Refusal::new(400, "BadRequest", "count is no number"));
            }
        }
        _ => {}
    }
    Ok(())
}

fn is_label(value: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = |text: &str, is_start: bool| {
        let byte = if is_start { text.bytes().next() } else { text.bytes().last() };
        byte.is_none_or(|byte| byte.is_ascii_alphanumeric())
    };
    value.len() <= 63 && value.bytes().all(is_inner) && ends(value, true) && ends(value, false)
}
