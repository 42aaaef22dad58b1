//! The parallelism that one vertex needs.

use tidegate_common::number::{java_text, min, to_int};
use tidegate_common::time::Timestamp;

use super::alignment::{AlignmentMode, Applicant, align};
use super::coefficient::{RATE, scaling_coefficient};
use super::delayed::{DelayedScaleDown, Recommendation};
use super::effectiveness::last_gain;
use super::options::ScalingOptions;
use crate::decision::{Event, Failure, Severity};
use crate::evaluate::Demand;
use crate::extension::{Alignment, Extensions};
use crate::history::History;
use crate::metric::{EvaluatedMetric, Metric, VertexMetrics};
use crate::view::ShipStrategy;

/// A parallelism that a vertex should change to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The parallelism; not that of now.
    pub new_parallelism: i32,
    /// Whether the vertex is outside of its utilisation bounds, so that the job is worth a rescale.
    pub outside_utilization_bound: bool,
}

/// How the Java autoscaler fails at a scalability that is no number.
const NOT_A_DECIMAL: &str =
    "Character N is neither a decimal digit number, decimal point, nor \"e\" notation exponential mark.";

/// How the Java autoscaler fails at a parallelism that cannot be.
fn not_positive() -> Failure {
    Failure::Executing("The parallelism should be greater than 0.".to_owned())
}

/// Scales the vertices of a job, one by one.
pub struct VertexScaler<'a> {
    /// The options.
    pub options: &'a ScalingOptions,
    /// Earlier scalings.
    pub history: &'a History<'a>,
    /// The scale-downs that wait.
    pub delayed: &'a mut DelayedScaleDown,
    /// The time of the pass.
    pub now: Timestamp,
    /// Where events go.
    pub events: &'a mut Vec<Event>,
    /// Where the aligner is, if there is one.
    pub extensions: &'a dyn Extensions,
}

impl VertexScaler<'_> {
    /// What `vertex`, with its index, should change to; none if it should stay, at least for now.
    ///
    /// Adds the expected processing rate to its metrics.
    ///
    /// # Errors
    /// When its observed scalability cannot be computed, the aligner has no answer, or the new parallelism is not
    /// positive.
    pub fn scale(
        &mut self,
        (index, vertex): (usize, &str),
        inputs: &[ShipStrategy],
        metrics: &mut VertexMetrics,
    ) -> Result<Option<Change>, Failure> {
        let rate = metrics.average(Metric::TrueProcessingRate);
        let demand = Demand {
            target_data_rate: metrics.average(Metric::TargetDataRate),
            catch_up_data_rate: metrics.current(Metric::CatchUpDataRate),
        };
        let options = self.options;
        let capacity = demand.capacity(options.utilization_target, true, options.catch_up, options.restart);
        if rate.is_nan() || capacity.is_nan() {
            return Ok(None);
        }
        let factor = self.limit(capacity / rate / self.coefficient(vertex)?);

        let parallelism = to_int(metrics.current(Metric::Parallelism));
        let new_parallelism = self.new_parallelism((index, vertex), inputs, metrics, factor)?;
        if new_parallelism == parallelism {
            self.delayed.clear_vertex(vertex);
            return Ok(None);
        }
        let expected = rate / f64::from(parallelism) * f64::from(new_parallelism);
        metrics.set(Metric::ExpectedProcessingRate, EvaluatedMetric::of(expected));

        let outside_utilization_bound = rate < metrics.current(Metric::ScaleUpRateThreshold)
            || rate > metrics.current(Metric::ScaleDownRateThreshold);
        let change = Change { new_parallelism, outside_utilization_bound };
        let change = if new_parallelism < parallelism {
            self.delay(vertex, parallelism, change)
        } else {
            self.delayed.clear_vertex(vertex);
            let blocked = self.is_ineffective(vertex, parallelism, rate) && options.block_ineffective;
            (!blocked).then_some(change)
        };
        if change.is_some_and(|change| change.new_parallelism < 1) {
            return Err(not_positive());
        }
        Ok(change)
    }

    /// How well the vertex scaled in the past; 1 if that is not looked at.
    fn coefficient(&self, vertex: &str) -> Result<f64, Failure> {
        let Some(options) = self.options.observed_scalability else {
            return Ok(1.0);
        };
        let history: Vec<(i32, f64)> =
            self.history.of(vertex).map(|(_, summary)| (summary.current_parallelism, summary.average(RATE))).collect();
        scaling_coefficient(&history, options).ok_or_else(|| Failure::Executing(NOT_A_DECIMAL.to_owned()))
    }

    /// Keeps a factor within what one scaling may do; NaN passes.
    fn limit(&self, factor: f64) -> f64 {
        let (least, most) = (1.0 - self.options.max_scale_down_factor, 1.0 + self.options.max_scale_up_factor);
        if factor < least {
            least
        } else if factor > most {
            most
        } else {
            factor
        }
    }

    /// The parallelism that `factor` leads to, within the limits and aligned.
    fn new_parallelism(
        &mut self,
        (index, vertex): (usize, &str),
        inputs: &[ShipStrategy],
        metrics: &VertexMetrics,
        factor: f64,
    ) -> Result<i32, Failure> {
        let int = |metric| to_int(metrics.current(metric));
        let (current, max_parallelism) = (int(Metric::Parallelism), int(Metric::MaxParallelism));
        let applicant = Applicant {
            current,
            target: current,
            source_partitions: int(Metric::NumSourcePartitions),
            max_parallelism,
            lower_limit: current.min(self.options.min_parallelism),
            upper_limit: current.max(self.options.max_parallelism),
            has_hash_input: inputs.contains(&ShipStrategy::Hash),
        };
        self.aligned((index, vertex), factor, applicant, inputs, metrics)
    }

    fn aligned(
        &mut self,
        (index, vertex): (usize, &str),
        factor: f64,
        mut applicant: Applicant,
        inputs: &[ShipStrategy],
        evaluated: &VertexMetrics,
    ) -> Result<i32, Failure> {
        let current = applicant.current;
        let raw = to_int(min((factor * f64::from(current)).ceil(), f64::from(i32::MAX)));
        let target = applicant.lower_limit.max(raw).min(applicant.upper_bound());
        if target == current {
            return Ok(current);
        }
        applicant.target = target;
        if self.options.alignment == AlignmentMode::Custom {
            return self.ask_aligner(vertex, &Alignment { vertex: index, applicant: &applicant, inputs, evaluated });
        }
        let aligned = align(self.options.alignment, &applicant).ok_or_else(not_positive)?;
        if aligned.limited {
            self.events.push(self.limited_event(vertex, &applicant, aligned.parallelism));
        }
        Ok(aligned.parallelism)
    }

    /// The aligner's parallelism. It is taken as it is: who may scale beyond the limits is for the host to say.
    fn ask_aligner(&self, vertex: &str, question: &Alignment<'_>) -> Result<i32, Failure> {
        let failed = |reason| Failure::Executing(format!("the parallelism of {vertex} cannot be aligned: {reason}"));
        match self.extensions.align(question).map_err(failed)? {
            None => Ok(question.applicant.target),
            Some(0) => Err(not_positive()),
            Some(parallelism) => {
                i32::try_from(parallelism).map_err(|_| failed(format!("{parallelism} is no parallelism")))
            }
        }
    }

    /// Lets a scale-down wait; the largest one of the interval comes through.
    fn delay(&mut self, vertex: &str, parallelism: i32, change: Change) -> Option<Change> {
        let interval = self.options.scale_down_interval;
        if interval.as_millis() == 0 {
            return Some(change);
        }
        let recommendation = Recommendation {
            trigger_time: self.now,
            parallelism: change.new_parallelism,
            outside_utilization_bound: change.outside_utilization_bound,
        };
        self.delayed.trigger(vertex, recommendation);
        let window_start = self.now.minus(interval);
        let (first_trigger, _) = self.delayed.waiting(vertex)?;
        if window_start < first_trigger {
            return None;
        }
        let max = self.delayed.max_since(vertex, window_start)?;
        (max.parallelism != parallelism).then_some(Change {
            new_parallelism: max.parallelism,
            outside_utilization_bound: max.outside_utilization_bound,
        })
    }

    /// Whether the scale-up that led to the parallelism of now brought too little; tells so.
    fn is_ineffective(&mut self, vertex: &str, parallelism: i32, rate: f64) -> bool {
        let last = self.history.of(vertex).next_back();
        let Some(gain) = last.and_then(|(_, summary)| last_gain(summary, parallelism, rate)) else {
            return false;
        };
        if gain.is_effective(self.options.effectiveness_threshold) {
            return false;
        }
        let (expected, actual) = (java_text(gain.expected), java_text(gain.actual));
        let blocking = if self.options.block_ineffective { "enabled" } else { "disabled" };
        self.events.push(Event {
            severity: Severity::Normal,
            reason: "IneffectiveScaling",
            message: format!(
                "Ineffective scaling detected for {vertex} (expected increase: {expected}, actual increase {actual}). \
                 Blocking of ineffective scaling decisions is {blocking}"
            ),
            message_key: Some(format!("ineffective{vertex}{expected}")),
            interval: Some(self.options.event_interval),
        });
        true
    }

    fn limited_event(&self, vertex: &str, applicant: &Applicant, actual: i32) -> Event {
        Event {
            severity: Severity::Warning,
            reason: "ScalingLimited",
            message: format!(
                "Scaling limited detected for {vertex} (expected parallelism: {}, actual parallelism {actual}). Scaling \
                 limited due to numKeyGroupsOrPartitions : {}，upperBoundForAlignment(maxParallelism or \
                 parallelismUpperLimit): {}, parallelismLowerLimit: {}.",
                applicant.target,
                applicant.key_groups_or_partitions(),
                applicant.upper_bound(),
                applicant.lower_limit,
            ),
            message_key: Some(format!("ScalingLimited{vertex}")),
            interval: Some(self.options.event_interval),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tidegate_common::configuration::Configuration;

    use super::*;
    use crate::extension::NoExtensions;
    use crate::history::{Limits, ScalingSummary};
    use crate::testing::{cases, close, configuration, number, same, ship_strategy};

    /// A vertex and its surroundings, as the vectors give them.
    struct Scene {
        vertex: String,
        inputs: Vec<ShipStrategy>,
        metrics: VertexMetrics,
        history: History<'static>,
        delayed: DelayedScaleDown,
        options: ScalingOptions,
        events: Vec<Event>,
    }

    impl Scene {
        fn new(configuration: &Configuration, restart: u64, inputs: &Value) -> Self {
            let limits = Limits { max_count: 100, max_age: std::time::Duration::from_secs(1 << 40) };
            Self {
                vertex: "<v>".to_owned(),
                inputs: inputs.as_array().unwrap().iter().map(ship_strategy).collect(),
                metrics: VertexMetrics::default(),
                history: History::new(None, Timestamp::default(), limits),
                delayed: DelayedScaleDown::default(),
                options: ScalingOptions::read(configuration, restart).unwrap(),
                events: Vec::new(),
            }
        }

        fn with_metrics(mut self, metrics: &Value) -> Self {
            for metric in Metric::ALL {
                if let Some(value) = metrics.get(metric.name()) {
                    let (current, average) = (number(&value["current"]), number(&value["average"]));
                    self.metrics.set(metric, EvaluatedMetric::new(current, average));
                }
            }
            self
        }

        fn remember(&mut self, at: Timestamp, (current, new): (&Value, &Value), rate: &Value, expected: &Value) {
            let mut metrics = VertexMetrics::default();
            metrics.set(Metric::TrueProcessingRate, EvaluatedMetric::avg(number(rate)));
            metrics.set(Metric::ExpectedProcessingRate, EvaluatedMetric::of(number(expected)));
            let int = |value: &Value| value.as_i64().unwrap() as i32;
            let vertex = self.vertex.clone();
            self.history.add(&vertex, at, ScalingSummary::new(int(current), int(new), &metrics));
        }

        fn scaler(&mut self, now: Timestamp) -> VertexScaler<'_> {
            VertexScaler {
                options: &self.options,
                history: &self.history,
                delayed: &mut self.delayed,
                now,
                events: &mut self.events,
                extensions: &NoExtensions,
            }
        }

        fn scale(&mut self, now: Timestamp) -> Result<Option<Change>, Failure> {
            let (vertex, inputs, mut metrics) = (self.vertex.clone(), self.inputs.clone(), self.metrics.clone());
            let change = self.scaler(now).scale((0, &vertex), &inputs, &mut metrics);
            self.metrics = metrics;
            change
        }

        /// Sets thresholds as evaluation would without a backlog.
        fn derive_thresholds(&mut self, configuration: &Configuration) {
            let demand = Demand {
                target_data_rate: self.metrics.average(Metric::TargetDataRate),
                catch_up_data_rate: self.metrics.current(Metric::CatchUpDataRate),
            };
            let read = |option| configuration.read(option).unwrap();
            let target = read(&tidegate_common::options::UTILIZATION_TARGET);
            let boundary = read(&tidegate_common::options::TARGET_UTILIZATION_BOUNDARY);
            let max = configuration.read(&tidegate_common::options::UTILIZATION_MAX).unwrap();
            let min = configuration.read(&tidegate_common::options::UTILIZATION_MIN).unwrap();
            let (catch_up, restart) = (self.options.catch_up, self.options.restart);
            let up = demand.capacity(max.unwrap_or(target + boundary), false, catch_up, restart);
            let down = demand.capacity(min.unwrap_or(target - boundary), true, catch_up, restart);
            self.metrics.set(Metric::ScaleUpRateThreshold, EvaluatedMetric::of(up));
            self.metrics.set(Metric::ScaleDownRateThreshold, EvaluatedMetric::of(down));
        }
    }

    fn check(expected: &Value, parallelism: i32, change: Option<Change>) {
        let new = change.map_or(parallelism, |change| change.new_parallelism);
        assert_eq!(json!(new), expected["newParallelism"]);
        assert_eq!(json!(change.is_none()), expected["noChange"]);
        if let (Some(change), Some(outside)) = (change, expected["outsideUtilizationBound"].as_bool()) {
            assert_eq!(change.outside_utilization_bound, outside);
        }
    }

    fn check_events(found: &[Event], expected: &Value) {
        let found: Vec<Value> = found
            .iter()
            .map(|event| {
                json!({
                    "type": format!("{:?}", event.severity),
                    "reason": event.reason,
                    "message": event.message,
                    "messageKey": event.message_key,
                    "intervalMs": event.interval.map(|interval| interval.as_millis() as u64),
                })
            })
            .collect();
        assert_eq!(json!(found), *expected);
    }

    #[test]
    fn targets_are_those_of_the_reference() {
        for case in cases("oracle_vertex_target") {
            let configuration = configuration(&case["config"]);
            let restart = case["restartTimeMs"].as_u64().unwrap() / 1000;
            let mut scene =
                Scene::new(&configuration, restart, &case["inputShipStrategies"]).with_metrics(&case["vertexMetrics"]);
            for entry in case["history"].as_array().unwrap() {
                let parallelisms = (&entry["currentParallelism"], &entry["newParallelism"]);
                let at = entry["ts"].as_str().unwrap().parse().unwrap();
                scene.remember(at, parallelisms, &entry["trueProcessingRateAvg"], &entry["expectedProcessingRate"]);
            }
            let parallelism = to_int(scene.metrics.current(Metric::Parallelism));
            let change = scene.scale(Timestamp::from_millis(1_000_000)).unwrap();
            check(&case["expected"], parallelism, change);
            let expected = scene.metrics.current(Metric::ExpectedProcessingRate);
            assert!(same(expected, number(&case["expectedProcessingRate"])), "{case} {expected}");
            check_events(&scene.events, &case["expectedEvents"]);
        }
    }

    #[test]
    fn the_facts_of_the_upstream_tests_hold() {
        for case in cases("upstream_vertex_target") {
            let configuration = configuration(&case["config"]);
            let restart = case["restartTimeMs"].as_u64().unwrap() / 1000;
            let vertex = &case["vertex"];
            let mut scene = Scene::new(&configuration, restart, &case["inputShipStrategies"]).with_metrics(&json!({
                "PARALLELISM": {"current": vertex["parallelism"]},
                "MAX_PARALLELISM": {"current": vertex["maxParallelism"]},
                "NUM_SOURCE_PARTITIONS": {"current": vertex["numSourcePartitions"]},
                "TARGET_DATA_RATE": {"average": vertex["targetDataRate"]},
                "CATCH_UP_DATA_RATE": {"current": vertex["catchUpDataRate"]},
                "TRUE_PROCESSING_RATE": {"average": vertex["trueProcessingRate"]},
            }));
            scene.derive_thresholds(&configuration);
            for (index, entry) in case["history"].as_array().unwrap().iter().enumerate() {
                let parallelisms = (&entry["currentParallelism"], &entry["newParallelism"]);
                let at = Timestamp::from_millis(index as i64);
                scene.remember(at, parallelisms, &entry["trueProcessingRateAvg"], &entry["expectedProcessingRate"]);
            }
            let parallelism = vertex["parallelism"].as_i64().unwrap() as i32;
            let change = scene.scale(Timestamp::from_millis(1_000_000)).unwrap();
            check(&case["expected"], parallelism, change);
            if !case["expectedProcessingRate"].is_null() {
                let expected = scene.metrics.current(Metric::ExpectedProcessingRate);
                assert!(same(expected, number(&case["expectedProcessingRate"])), "{case} {expected}");
            }
            if let Some(reason) = case["expectedEventReason"].as_str() {
                assert_eq!(scene.events.iter().map(|event| event.reason).collect::<Vec<_>>(), [reason], "{case}");
            }
        }
    }

    #[test]
    fn factors_become_parallelisms_as_in_the_reference() {
        for file in ["upstream_scale", "oracle_scale"] {
            for case in cases(file) {
                let mut configuration = Configuration::default();
                match case["mode"].as_str().unwrap() {
                    "DEFAULT" => {}
                    mode => match mode.strip_prefix("LEGACY_") {
                        Some(mode) => {
                            configuration.set("job.autoscaler.scaling.key-group.partitions.adjust.mode", mode);
                        }
                        None => configuration.set("job.autoscaler.scaling.parallelism-alignment.mode", mode),
                    },
                }
                let int = |field: &str| i32::try_from(case[field].as_i64().unwrap()).unwrap();
                let mut scene = Scene::new(&configuration, 300, &case["inputShipStrategies"]);
                let applicant = Applicant {
                    current: int("currentParallelism"),
                    target: int("currentParallelism"),
                    source_partitions: int("numSourcePartitions"),
                    max_parallelism: int("maxParallelism"),
                    lower_limit: int("parallelismLowerLimit"),
                    upper_limit: int("parallelismUpperLimit"),
                    has_hash_input: scene.inputs.contains(&ShipStrategy::Hash),
                };
                let factor = number(&case["scaleFactor"]);
                let parallelism = scene
                    .scaler(Timestamp::default())
                    .aligned((0, "<v>"), factor, applicant, &[], &VertexMetrics::default())
                    .unwrap();
                assert_eq!(parallelism, int("expected"), "{case}");
                if case.get("expectedEvents").is_some() {
                    check_events(&scene.events, &case["expectedEvents"]);
                }
            }
        }
    }

    #[test]
    fn decisions_are_those_of_the_java_autoscaler() {
        for case in cases("peer_parallelism") {
            let (given, expected) = (&case["in"], &case["out"]);
            let restart = given["restart_time_s"].as_u64().unwrap();
            let mut scene = Scene::new(&configuration(&given["options"]), restart, &given["ship_strategies"])
                .with_metrics(&given["metrics"]);
            scene.vertex = given["vertex"].as_str().unwrap().to_owned();
            let instant = |text: &Value| text.as_str().unwrap().parse::<Timestamp>().unwrap();
            for entry in given["history"].as_array().unwrap() {
                let metrics = &entry["metrics"];
                let rate = &metrics["TRUE_PROCESSING_RATE"]["average"];
                let promised = &metrics["EXPECTED_PROCESSING_RATE"]["current"];
                scene.remember(instant(&entry["at"]), (&entry["current"], &entry["new"]), rate, promised);
            }
            for waiting in given["delayed_before"].as_array().unwrap() {
                let recommendation = Recommendation {
                    trigger_time: instant(&waiting[0]),
                    parallelism: waiting[1].as_i64().unwrap() as i32,
                    outside_utilization_bound: waiting[2].as_bool().unwrap(),
                };
                let vertex = scene.vertex.clone();
                scene.delayed.trigger(&vertex, recommendation);
            }
            let change = scene.scale(instant(&given["now"])).unwrap();
            let new = change.map(|change| change.new_parallelism);
            assert_eq!(json!(new.is_none()), expected["no_change"], "{case}");
            assert_eq!(
                json!(new.unwrap_or(to_int(scene.metrics.current(Metric::Parallelism)))),
                expected["new"],
                "{case}"
            );
            if let (Some(change), Some(outside)) = (change, expected["outside_bound"].as_bool()) {
                assert_eq!(change.outside_utilization_bound, outside, "{case}");
            }
            let rate = scene.metrics.current(Metric::ExpectedProcessingRate);
            assert!(close(rate, number(&expected["expected_processing_rate"])), "{case}");
            let events: Vec<Value> = scene
                .events
                .iter()
                .map(|event| {
                    json!({
                        "type": format!("{:?}", event.severity),
                        "reason": event.reason,
                        "message_key": event.message_key,
                        "interval_s": event.interval.map(|interval| interval.as_secs()),
                        "message": event.message,
                    })
                })
                .collect();
            assert_eq!(json!(events), expected["events"], "{case}");
            let waiting = scene.delayed.waiting(&scene.vertex).map_or(Value::Null, |(first, list)| {
                let list: Vec<Value> = list
                    .iter()
                    .map(|r| json!([r.trigger_time.to_string(), r.parallelism, r.outside_utilization_bound]))
                    .collect();
                json!({"first": first.to_string(), "recommended": list})
            });
            assert_eq!(waiting, expected["delayed_after"], "{case}");
        }
    }

    #[test]
    fn scale_downs_wait_as_in_the_reference() {
        for file in ["oracle_delayed_scale_down_sequences", "upstream_delayed_sequences"] {
            for case in cases(file) {
                let configuration = configuration(&case["config"]);
                let mut scene = Scene::new(&configuration, 300, &case["inputShipStrategies"]);
                let parallelism = case["currentParallelism"].as_i64().unwrap() as i32;
                for step in case["steps"].as_array().unwrap() {
                    scene = scene.with_metrics(&json!({
                        "PARALLELISM": {"current": parallelism},
                        "MAX_PARALLELISM": {"current": case["maxParallelism"]},
                        "NUM_SOURCE_PARTITIONS": {"current": 0},
                        "TARGET_DATA_RATE": {"average": step["targetDataRate"]},
                        "CATCH_UP_DATA_RATE": {"current": 0},
                        "TRUE_PROCESSING_RATE": {"average": step["trueProcessingRate"]},
                    }));
                    scene.derive_thresholds(&configuration);
                    let change = scene.scale(Timestamp::from_millis(step["t"].as_i64().unwrap() * 1000)).unwrap();
                    let waiting = scene.delayed.waiting("<v>");
                    if let Some(new) = step["expectedNewParallelism"].as_i64() {
                        let found = change.map_or(parallelism, |change| change.new_parallelism);
                        assert_eq!(i64::from(found), new, "{step}");
                        assert_eq!(waiting.is_none(), step["expectedDelayedEmpty"].as_bool().unwrap(), "{step}");
                        continue;
                    }
                    check(&step["expected"], parallelism, change);
                    let waiting = waiting.map_or(Value::Null, |(first, list)| {
                        let list: Vec<Value> = list
                            .iter()
                            .map(|r| {
                                let t = r.trigger_time.as_millis() / 1000;
                                json!({"t": t, "p": r.parallelism, "outside": r.outside_utilization_bound})
                            })
                            .collect();
                        json!({"firstTriggerTime": first.as_millis() / 1000, "recommendedParallelisms": list})
                    });
                    assert_eq!(waiting, step["expectedDelayedState"], "{step}");
                }
            }
        }
    }
}
