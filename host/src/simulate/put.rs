//! What Flink makes of the body of a PUT to `resource-requirements`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::engine::JobState;
use crate::model::{Bounds, VertexId};

/// A body that is answered with success.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Accepted {
    /// The new bounds, one per vertex.
    Bounds(Vec<Bounds>),
    /// A bound of -1, which Flink lets pass and then dies of.
    Deadly,
}

/// Reads `body`, as Flink 1.20 does for this job.
///
/// # Errors
/// The message of Flink's `RestHandlerException`, to be answered with 400.
pub(super) fn read(body: &[u8], job: &JobState) -> Result<Accepted, String> {
    const MALFORMED: &str = "Request did not match expected format JobResourceRequirementsBody.";
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    let requested: BTreeMap<VertexId, Requested> = serde_json::from_slice(body).map_err(|_| MALFORMED.to_owned())?;
    if requested.is_empty() {
        return Err("Request body does not specify resource requirements.".to_owned());
    }
    let mut wrong = Vec::new();
    let mut deadly = false;
    let mut by_vertex = BTreeMap::new();
    for (vertex, Requested { parallelism }) in &requested {
        let (Some(lower), Some(upper)) = (integer(&parallelism.lower_bound), integer(&parallelism.upper_bound)) else {
            return Err(MALFORMED.to_owned());
        };
        let shape = (0..).zip(&job.shape().vertices).find(|(index, _)| job.shape().vertex_id(*index) == Some(*vertex));
        let max = match shape {
            Some((_, shape)) => i64::from(shape.max_parallelism),
            None => {
                wrong.push(format!("Job vertex [{vertex}] was not found in the JobGraph."));
                continue;
            }
        };
        if lower == -1 || upper == -1 {
            deadly = true;
        } else if lower < 1 || upper < 1 {
            wrong.push(format!(
                "Both, the requested lower bound [{lower}] and upper bound [{upper}] for job vertex [{vertex}] must be \
                 greater than zero."
            ));
        } else if lower > upper {
            wrong.push(format!(
                "The requested lower bound [{lower}] for job vertex [{vertex}] is higher than the upper bound [{upper}]."
            ));
        } else if upper > max {
            wrong.push(format!(
                "The newly requested parallelism {upper} for the job vertex {vertex} exceeds its maximum parallelism \
                 {max}."
            ));
        } else if let Ok(bounds) = Bounds::new(lower, upper) {
            by_vertex.insert(*vertex, bounds);
        }
    }
    let ids = (0..job.shape().vertices.len()).filter_map(|index| job.shape().vertex_id(index));
    for vertex in ids.clone().filter(|vertex| !requested.contains_key(vertex)) {
        wrong.push(format!("The request is incomplete, missing job vertex [{vertex}] resource requirements."));
    }
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let bounds = ids.filter_map(|vertex| by_vertex.get(&vertex).copied()).collect();
    Ok(if deadly { Accepted::Deadly } else { Accepted::Bounds(bounds) })
}

#[derive(Deserialize)]
struct Requested {
    parallelism: Parallelism,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parallelism {
    lower_bound: Value,
    upper_bound: Value,
}

/// An integer as Jackson reads it: fractions are cut off, texts are parsed.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
