//! The decisions that were applied, and how long the restarts took that they led to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::options;
use tidegate_common::time::Timestamp;

use crate::history::{History, Limits};
use crate::state::{instant_map, seconds};

/// The decisions of a job by time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingTracking {
    #[serde(default, with = "instant_map")]
    scaling_records: BTreeMap<Timestamp, ScalingRecord>,
}

/// One decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScalingRecord {
    /// Milliseconds from the decision until the job was running again; negative where clocks differ.
    #[serde(default, with = "seconds::optional_span")]
    restart_duration: Option<i64>,
}

impl ScalingTracking {
    /// Adds a decision.
    pub fn add(&mut self, at: Timestamp) {
        self.scaling_records.insert(at, ScalingRecord::default());
    }

    /// Forgets what is too old at `now` or too much, but never the latest decision. Returns whether anything was.
    pub fn trim(&mut self, now: Timestamp, limits: Limits) -> bool {
        let before = self.scaling_records.len();
        let latest = self.scaling_records.last_key_value().map(|(at, record)| (*at, *record));
        self.scaling_records = self.scaling_records.split_off(&now.minus(limits.max_age));
        while self.scaling_records.len() > limits.max_count {
            self.scaling_records.pop_first();
        }
        self.scaling_records.extend(latest);
        self.scaling_records.len() != before
    }

    /// Notes how long the restart of the latest decision took, if the job, running since `running_since`, now has the
    /// parallelisms that were decided: `parallelism` tells that of a vertex. Returns whether it was noted.
    pub fn record_restart(
        &mut self,
        running_since: Timestamp,
        history: &History<'_>,
        parallelism: impl Fn(&str) -> Option<u32>,
    ) -> bool {
        let Some((at, ScalingRecord { restart_duration: None })) =
            self.scaling_records.last_key_value().map(|(at, record)| (*at, *record))
        else {
            return false;
        };
        let reached = |vertex: &str, new: i32| parallelism(vertex).is_some_and(|now| i64::from(now) == i64::from(new));
        if !history.decided_at(at).all(|(vertex, new)| reached(vertex, new)) {
            return false;
        }
        let restart_duration = Some(running_since.as_millis().saturating_sub(at.as_millis()));
        self.scaling_records.insert(at, ScalingRecord { restart_duration });
        true
    }

    /// How long a restart is expected to take, in whole seconds: the longest that was measured, if wanted, else the
    /// configured time.
    ///
    /// # Errors
    /// When an option cannot be read.
    pub fn restart_time(&self, configuration: &Configuration) -> Result<u64, InvalidValue> {
        let configured = configuration.read(&options::RESTART_TIME)?.as_secs();
        if !configuration.read(&options::PREFER_TRACKED_RESTART_TIME)? {
            return Ok(configured);
        }
        let limit = configuration.read(&options::TRACKED_RESTART_TIME_LIMIT)?.as_secs();
        let measured = self.scaling_records.values().filter_map(|record| record.restart_duration);
        let longest = measured.map(|millis| millis.div_euclid(1000)).max();
        Ok(longest.and_then(|seconds| u64::try_from(seconds).ok()).map_or(configured, |seconds| seconds.min(limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ScalingSummary;
    use crate::metric::VertexMetrics;
    use crate::testing::{cases, configuration};

    fn tracking(records: impl IntoIterator<Item = (i64, Option<i64>)>) -> ScalingTracking {
        let records = records.into_iter().map(|(seconds, restart_duration)| {
            (Timestamp::from_millis(seconds * 1000), ScalingRecord { restart_duration })
        });
        ScalingTracking { scaling_records: records.collect() }
    }

    #[test]
    fn restart_times_and_trims_are_those_of_the_reference() {
        for case in cases("oracle_scaling_tracking") {
            let records = case["records"].as_array().unwrap().iter();
            let mut tracking = tracking(records.map(|r| (r["ts"].as_i64().unwrap(), r["restartDurationMs"].as_i64())));
            let mut configuration = configuration(&case["config"]);
            let restart = tracking.restart_time(&configuration).unwrap();
            // Formulas use whole seconds; the reference keeps the milliseconds of the configured time.
            assert_eq!(restart, case["expectedRestartTimeMs"].as_u64().unwrap() / 1000, "{case}");

            configuration.set("job.autoscaler.history.max.age", format!("{} h", case["keptHours"]));
            configuration.set("job.autoscaler.history.max.count", case["keptCount"].to_string());
            let now = Timestamp::from_millis(case["now"].as_i64().unwrap() * 1000);
            let before = tracking.scaling_records.len();
            let trimmed = tracking.trim(now, Limits::read(&configuration).unwrap());
            let kept: Vec<i64> = tracking.scaling_records.keys().map(|at| at.as_millis() / 1000).collect();
            let expected: Vec<i64> =
                case["expectedTimestampsAfterTrim"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap()).collect();
            assert_eq!(kept, expected, "{case}");
            assert_eq!(trimmed, kept.len() < before, "{case}");
        }
    }

    #[test]
    fn the_restart_time_is_the_longest_measured_one_within_its_limit() {
        for case in cases("upstream_restart_time") {
            let seconds = case["recordDurationsSec"].as_array().unwrap().iter().map(|s| s.as_i64().unwrap());
            let tracking = tracking((0..).zip(seconds.map(|seconds| Some(seconds * 1000))));
            let restart = tracking.restart_time(&configuration(&case["config"])).unwrap();
            assert_eq!(restart, case["expectedRestartSec"].as_u64().unwrap(), "{case}");
        }
    }

    #[test]
    fn a_restart_is_recorded_once_the_parallelisms_are_reached() {
        let at = Timestamp::from_millis(100_000);
        let mut history = History::new(None, at, Limits::read(&Configuration::default()).unwrap());
        history.add("v", at, ScalingSummary::new(2, 4, &VertexMetrics::default()));
        let mut tracking = tracking([(100, None)]);
        let running_since = Timestamp::from_millis(162_500);
        assert!(!tracking.record_restart(running_since, &history, |_| None));
        assert!(!tracking.record_restart(running_since, &history, |_| Some(2)));
        assert!(tracking.record_restart(running_since, &history, |_| Some(4)));
        assert!(!tracking.record_restart(running_since, &history, |_| Some(4)));
        let text = r#"{"scalingRecords":{"1970-01-01T00:01:40Z":{"restartDuration":62.500000000}}}"#;
        assert_eq!(serde_json::to_string(&tracking).unwrap(), text);
        assert_eq!(serde_json::from_str::<ScalingTracking>(text).unwrap(), tracking);
    }

    #[test]
    fn a_record_without_a_duration_is_kept_as_the_java_autoscaler_keeps_it() {
        let text = r#"{"scalingRecords":{"2023-11-15T16:00:00Z":{"restartDuration":null}}}"#;
        let tracking: ScalingTracking = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&tracking).unwrap(), text);
    }
}
