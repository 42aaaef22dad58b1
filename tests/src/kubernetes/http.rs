//! Requests: who asks, for what, and the form of the answer.
#![expect(clippy::indexing_slicing, reason = "in JSON, what is not there is null")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::objects::{Objects, Refusal, Request};

/// The most bytes of a request's body.
const LARGEST_BODY: usize = 3 << 20;

pub(super) type Shared = Arc<Mutex<Objects>>;

/// The API. `by_certificate`: whoever comes this far has proved who they are.
pub(super) fn router(objects: Shared, by_certificate: bool) -> Router {
    Router::new()
        .fallback(move |state, method, uri, query, headers, body| {
            answer(state, method, uri, query, headers, body, by_certificate)
        })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(objects)
}

async fn answer(
    State(objects): State<Shared>,
    method: Method,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
    by_certificate: bool,
) -> Response {
    let mut objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
    let done = carry_out(&mut objects, &method, &uri, &query, &headers, &body, by_certificate);
    let (status, answer) = match done {
        Ok(object) => (if method == Method::POST { 201 } else { 200 }, in_form(object, &headers)),
        Err(Refusal { code, reason, message }) => (
            code,
            json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                "message": message,
            }),
        ),
    };
    if let Some(requests) = &mut objects.requests {
        requests.push(Request {
            method,
            target: uri.to_string(),
            accept: text(&headers, header::ACCEPT).to_owned(),
            content_type: text(&headers, header::CONTENT_TYPE).to_owned(),
            body: body.to_vec(),
            status,
        });
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

/// What a header says, if it is there and can be read.
fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn carry_out(
    objects: &mut Objects,
    method: &Method,
    uri: &Uri,
    query: &BTreeMap<String, String>,
    headers: &HeaderMap,
    body: &Bytes,
    by_certificate: bool,
) -> Result<Value, Refusal> {
    if let Some(code) = objects.answers.pop_front().filter(|code| *code != 0) {
        return Err(Refusal::new(code, "AsTheTestSays", "as the test says"));
    }
    let token = text(headers, header::AUTHORIZATION).strip_prefix("Bearer ").unwrap_or_default();
    if !by_certificate && !objects.tokens.contains(token) {
        return Err(Refusal::new(401, "Unauthorized", "Unauthorized"));
    }
    let unknown = || Refusal::new(404, "NotFound", "the server could not find the requested resource");
    let parts: Vec<&str> = uri.path().trim_start_matches('/').split('/').collect();
    let (namespace, resource, name) = match parts.as_slice() {
        ["api", "v1", "namespaces", namespace, resource @ ("configmaps" | "events")] => (*namespace, *resource, None),
        ["api", "v1", "namespaces", namespace, resource @ ("configmaps" | "events"), name] => {
            (*namespace, *resource, Some(*name))
        }
        ["apis", "flink.apache.org", "v1beta1", "namespaces", namespace, resource @ "flinkdeployments", name]
        | ["apis", "apps", "v1", "namespaces", namespace, resource @ "deployments", name] => {
            (*namespace, *resource, Some(*name))
        }
        _ => return Err(unknown()),
    };
    let verb = match (method, name) {
        (&Method::GET, Some(_)) => "get",
        (&Method::GET, None) => "list",
        (&Method::POST, None) => "create",
        (&Method::PATCH, Some(_)) => "patch",
        (&Method::DELETE, Some(_)) => "delete",
        _ => return Err(Refusal::new(405, "MethodNotAllowed", "the method is not allowed")),
    };
    if objects.forbidden.contains(&format!("{verb} {resource}")) {
        let message = format!("{resource} is forbidden: User \"tidegate\" cannot {verb} resource \"{resource}\"");
        return Err(Refusal::new(403, "Forbidden", message));
    }
    let json = || {
        let parsed = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(body) };
        parsed.map_err(|error| Refusal::new(400, "BadRequest", error.to_string()))
    };
    match (verb, name) {
        ("get", Some(name)) => objects.get(resource, namespace, name),
        ("list", _) => objects.list(resource, namespace, query),
        ("create", _) => objects.create(resource, namespace, json()?),
        ("patch", Some(name)) => match text(headers, header::CONTENT_TYPE) {
            "application/merge-patch+json" => objects.patch(resource, namespace, name, json()?),
            other => {
                Err(Refusal::new(415, "UnsupportedMediaType", format!("`{other}` is no patch that is known here")))
            }
        },
        ("delete", Some(name)) => objects.delete(resource, namespace, name, &json()?),
        _ => Err(unknown()),
    }
}

/// The answer, or only the metadata of its objects where the client asks for that.
fn in_form(object: Value, headers: &HeaderMap) -> Value {
    let accept = text(headers, header::ACCEPT);
    let of = |object: &Value| {
        json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
        })
    };
    if object["kind"] == "Status" {
        object
    } else if accept.contains("as=PartialObjectMetadataList;g=meta.k8s.io;v=v1") {
        let items: Vec<Value> = object["items"].as_array().into_iter().flatten().map(of).collect();
        json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
            "items": items,
        })
    } else if accept.contains("as=PartialObjectMetadata;g=meta.k8s.io;v=v1") {
        of(&object)
    } else {
        object
    }
}
