//! Scale-downs that wait for an interval, so that the largest parallelism needed in it is the one that counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_common::time::Timestamp;

use crate::state::seconds;

/// The scale-downs of a job that wait.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DelayedScaleDown {
    #[serde(default)]
    delayed_vertices: BTreeMap<String, VertexDelayedScaleDown>,
    #[serde(skip)]
    updated: bool,
}

/// The scale-downs of a vertex that wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VertexDelayedScaleDown {
    #[serde(with = "seconds")]
    first_trigger_time: Timestamp,
    /// By time. Their parallelisms decrease: a later, larger one has removed those before it.
    recommended_parallelisms: Vec<Recommendation>,
}

/// A parallelism that was once found to be enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// When.
    #[serde(with = "seconds")]
    pub trigger_time: Timestamp,
    /// Which.
    pub parallelism: i32,
    /// Whether the vertex was outside of its utilisation bounds then.
    pub outside_utilization_bound: bool,
}

impl DelayedScaleDown {
    /// Adds what was found for `vertex`.
    pub fn trigger(&mut self, vertex: &str, recommendation: Recommendation) {
        self.updated = true;
        let delayed = self.delayed_vertices.entry(vertex.to_owned()).or_insert_with(|| VertexDelayedScaleDown {
            first_trigger_time: recommendation.trigger_time,
            recommended_parallelisms: Vec::new(),
        });
        let list = &mut delayed.recommended_parallelisms;
        while list.last().is_some_and(|last| last.parallelism <= recommendation.parallelism) {
            list.pop();
        }
        list.push(recommendation);
    }

    /// The largest parallelism found for `vertex` since `window_start`. What is older is dropped.
    pub fn max_since(&mut self, vertex: &str, window_start: Timestamp) -> Option<Recommendation> {
        let delayed = self.delayed_vertices.get_mut(vertex)?;
        delayed.recommended_parallelisms.retain(|recommendation| recommendation.trigger_time >= window_start);
        delayed.recommended_parallelisms.first().copied()
    }

    /// Drops what waits for `vertex`.
    pub fn clear_vertex(&mut self, vertex: &str) {
        self.updated |= self.delayed_vertices.remove(vertex).is_some();
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.updated |= !self.delayed_vertices.is_empty();
        self.delayed_vertices.clear();
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.delayed_vertices.is_empty()
    }

    /// Whether anything was added or dropped since this was read.
    pub fn is_updated(&self) -> bool {
        self.updated
    }

    /// When `vertex` was first found to be too large, and what was found since.
    pub fn waiting(&self, vertex: &str) -> Option<(Timestamp, &[Recommendation])> {
        let delayed = self.delayed_vertices.get(vertex)?;
        Some((delayed.first_trigger_time, &delayed.recommended_parallelisms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::cases;

    fn recommendation(triple: &serde_json::Value) -> Recommendation {
        Recommendation {
            trigger_time: Timestamp::from_millis(triple[0].as_i64().unwrap() * 1000),
            parallelism: triple[1].as_i64().unwrap() as i32,
            outside_utilization_bound: triple[2].as_bool().unwrap(),
        }
    }

    #[test]
    fn the_largest_recommendation_of_the_window_counts() {
        for case in cases("upstream_delayed_scale_down") {
            let mut delayed = DelayedScaleDown::default();
            let steps = ["triggers", "queries", "interleaved"].map(|field| case[field].as_array().cloned());
            for step in steps.into_iter().flatten().flatten() {
                let trigger = step.get("trigger").unwrap_or(&step);
                if trigger.is_array() {
                    delayed.trigger("v", recommendation(trigger));
                }
                match step.get("clear").and_then(|clear| clear.as_str()) {
                    Some("all") => delayed.clear(),
                    Some(_) => delayed.clear_vertex("v"),
                    None => {}
                }
                if let Some(start) = step.get("windowStart").and_then(|start| start.as_i64()) {
                    let expected = step["expected"].is_array().then(|| recommendation(&step["expected"]));
                    assert_eq!(delayed.max_since("v", Timestamp::from_millis(start * 1000)), expected, "{case}");
                }
                if let Some(first) = step.get("expectedFirstTrigger").and_then(|first| first.as_i64()) {
                    assert_eq!(delayed.waiting("v").unwrap().0, Timestamp::from_millis(first * 1000), "{case}");
                }
            }
            if let Some(first) = case["expectedFirstTrigger"].as_i64() {
                assert_eq!(delayed.waiting("v").unwrap().0, Timestamp::from_millis(first * 1000), "{case}");
            }
        }
    }

    #[test]
    fn what_waits_is_kept_as_the_java_autoscaler_keeps_it() {
        let text = concat!(
            r#"{"delayedVertices":{"0a448493b4782967b150582570326227":{"firstTriggerTime":1700000000.123000000,"#,
            r#""recommendedParallelisms":[{"triggerTime":1700000060.000000000,"parallelism":4,"#,
            r#""outsideUtilizationBound":true}]}}}"#
        );
        let read: DelayedScaleDown = serde_json::from_str(text).unwrap();
        assert_eq!(
            read.waiting("0a448493b4782967b150582570326227").unwrap().0,
            Timestamp::from_millis(1_700_000_000_123)
        );
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
