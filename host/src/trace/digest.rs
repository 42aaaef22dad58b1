//! What a job's state says, in short: what traces tell of it. A text of another form says nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tidegate_common::time::Timestamp;

use super::{DelayedVertex, Recommended, Restart};
use crate::collect::codec::Number;
use crate::model::VertexId;
use crate::state::parse_overrides;

type State = BTreeMap<String, String>;

/// The targets that are held.
pub(super) fn overrides(state: &State) -> BTreeMap<VertexId, u32> {
    parse_overrides(state.get("parallelismOverrides").map(String::as_str).unwrap_or_default())
}

/// How many scalings of each vertex are remembered.
pub(super) fn scaling_history_len(state: &State) -> BTreeMap<VertexId, usize> {
    let history: BTreeMap<VertexId, BTreeMap<String, IgnoredAny>> = read(state, "scalingHistory");
    history.into_iter().map(|(vertex, scalings)| (vertex, scalings.len())).filter(|(_, len)| *len > 0).collect()
}

/// The rescales that are remembered, oldest first.
pub(super) fn tracking(state: &State) -> Vec<Restart> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Tracking {
        scaling_records: BTreeMap<String, Record>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Record {
        restart_duration: Option<Number>,
    }
    let tracking: Tracking = read(state, "scalingTracking");
    let records = tracking.scaling_records.into_iter();
    records.map(|(at, record)| Restart { at, restart_ms: record.restart_duration.map(millis) }).collect()
}

/// The scale-downs that wait.
pub(super) fn delayed_scale_down(state: &State) -> BTreeMap<VertexId, DelayedVertex> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Delayed {
        delayed_vertices: BTreeMap<VertexId, Vertex>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vertex {
        first_trigger_time: Number,
        recommended_parallelisms: Vec<Recommendation>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Recommendation {
        trigger_time: Number,
        parallelism: i32,
        outside_utilization_bound: bool,
    }
    let delayed: Delayed = read(state, "delayedScaleDown");
    let vertices = delayed.delayed_vertices.into_iter().map(|(id, vertex)| {
        let recommended = vertex.recommended_parallelisms.into_iter();
        let recommended =
            recommended.map(|it| Recommended(instant(it.trigger_time), it.parallelism, it.outside_utilization_bound));
        (id, DelayedVertex { first: instant(vertex.first_trigger_time), recommended: recommended.collect() })
    });
    vertices.collect()
}

fn read<T: serde::de::DeserializeOwned + Default>(state: &State, key: &str) -> T {
    state.get(key).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Milliseconds of decimal seconds.
fn millis(seconds: Number) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "it is integral, and saturates far outside of all times")]
    let millis = (seconds.0 * 1000.0).round() as i64;
    millis
}

fn instant(seconds: Number) -> String {
    Timestamp::from_millis(millis(seconds)).to_string()
}
