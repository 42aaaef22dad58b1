//! When a window is void, when it is full, what it has lost, and the average over it.

use std::time::Duration;

use tidegate_common::time::Timestamp;

use crate::model::{Sample, ScalingMetric, VertexId, Window};

/// Whether the job was started again since the oldest sample, so that the samples say nothing about it any more.
pub(super) fn is_of_an_earlier_run(window: &Window, running_since: Timestamp) -> bool {
    window.oldest().is_some_and(|oldest| running_since > oldest.at)
}

/// When a window of length `length` is, or was, full: counted from the first sample that is not older than
/// `stable_since`, or from `now` if there is none. The sample of this pass must not be in the window yet.
pub(super) fn full_at(window: &Window, stable_since: Timestamp, now: Timestamp, length: Duration) -> Timestamp {
    let first = window.iter().map(|sample| sample.at).find(|at| *at >= stable_since);
    first.unwrap_or(now).plus(length)
}

/// Adds the sample of this pass. A full window then ends with it, and loses everything older than `length`.
pub(super) fn add(window: &mut Window, sample: Sample, full_at: Timestamp, length: Duration) {
    let now = sample.at;
    window.push(sample);
    if now >= full_at {
        window.drop_before(now.minus(length));
    }
}

/// The latest sample that lacks one of `vertices`, which are ordered, and the vertex that it lacks.
pub(super) fn lacking(window: &Window, vertices: &[VertexId]) -> Option<(Timestamp, VertexId)> {
    window.iter().rev().find_map(|sample| {
        let mut held = sample.vertices.iter().map(|(id, _)| *id).peekable();
        let mut is_missing = |vertex: &VertexId| {
            while held.next_if(|id| id < vertex).is_some() {}
            held.peek() != Some(vertex)
        };
        vertices.iter().copied().find(&mut is_missing).map(|vertex| (sample.at, vertex))
    })
}

/// The mean of a vertex' metric over the window: NaN with fewer than `min_observations` finite values, and infinite
/// where there are none but infinite ones.
pub(super) fn average(window: &Window, vertex: VertexId, metric: ScalingMetric, min_observations: i32) -> f64 {
    let (mut sum, mut finite, mut any_infinite) = (0.0, 0, false);
    for value in window.iter().filter_map(|sample| sample.vertex(vertex)?.get(metric)) {
        if value.is_infinite() {
            any_infinite = true;
        } else if !value.is_nan() {
            sum += value;
            finite += 1;
        }
    }
    if finite == 0 {
        if any_infinite { f64::INFINITY } else { f64::NAN }
    } else if finite < min_observations {
        f64::NAN
    } else {
        sum / f64::from(finite)
    }
}
