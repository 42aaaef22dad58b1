//! One pass, from the picture of a job to the decision about it.

use tidegate_common::configuration::Configuration;
use tidegate_common::options::{FALLBACK_PREFIX, PREFIX};
use tidegate_common::validate::validate;

use crate::decision::{Decision, Event, Failure, Verdict};
use crate::evaluate::{Evaluation, EvaluationOptions, Window, evaluate};
use crate::execute::{Executor, Remembered, TaskManager};
use crate::extension::Extensions;
use crate::history::{History, Limits};
use crate::metric::Metric;
use crate::scale::DelayedScaleDown;
use crate::state::keys::{DELAYED_SCALE_DOWN, SCALING_HISTORY, SCALING_TRACKING};
use crate::state::{Change, read, write};
use crate::topology::Topology;
use crate::tracking::ScalingTracking;
use crate::view::View;

/// What the keys of the options that the policy reads start with.
const PREFIXES: [&str; 3] = [PREFIX, FALLBACK_PREFIX, "taskmanager."];

/// Decides what to do about the job that `view` shows, with the help of the `extensions` that are configured for it.
///
/// # Errors
/// When its metrics cannot be evaluated or no decision can be made of them. Nothing is remembered then.
pub fn decide(view: &dyn View, extensions: &dyn Extensions) -> Result<Decision, Failure> {
    let configuration = view.options(&PREFIXES);
    let topology = Topology::of(view)?;
    let history = view.state(SCALING_HISTORY);
    let mut recall = Recall::new(view, &configuration, history.as_deref())?;
    recall.forget_missing_vertices(&topology);
    recall.record_restart(view, &topology);

    let window = Window::new(view, topology.vertices.len());
    if window.len() < 2 {
        return recall.hold("fewer than two samples have been collected");
    }
    let restart = recall.remembered.tracking.restart_time(&configuration).map_err(collecting)?;
    let options = EvaluationOptions::read(&configuration, restart).map_err(evaluating)?;
    let mut evaluation = evaluate(&topology, &window, &options, extensions)?;
    if view.now() < view.window_full_at() {
        for row in &mut evaluation.vertices {
            row.remove(Metric::RecommendedParallelism);
        }
        let held = recall.hold("the metric window is not full yet")?;
        return Ok(with_evaluation(held, &evaluation));
    }
    let task_manager = TaskManager::read(&configuration).map_err(executing)?;
    let (topology, configuration) = (&topology, &configuration);
    let executor = Executor { view, extensions, topology, configuration, task_manager, restart };
    let mut events = Vec::new();
    let verdict = executor.execute(&mut evaluation, &mut recall.remembered, &mut events)?;
    Ok(with_evaluation(recall.decision(verdict, events)?, &evaluation))
}

/// Judges a job's options: a sentence for each that is wrong.
pub fn check_options(configuration: &Configuration) -> Vec<String> {
    validate(configuration).err().map(|error| error.to_string()).into_iter().collect()
}

/// The policy's memory, and which part of it changed.
struct Recall<'t> {
    remembered: Remembered<'t>,
    tracking_changed: bool,
    /// Texts that could not be read are forgotten.
    unreadable: Vec<Change>,
}

impl<'t> Recall<'t> {
    fn new(view: &dyn View, configuration: &Configuration, history: Option<&'t str>) -> Result<Self, Failure> {
        let limits = Limits::read(configuration).map_err(collecting)?;
        let mut unreadable = Vec::new();
        let mut tracking: ScalingTracking = recall(view, SCALING_TRACKING, &mut unreadable);
        let tracking_changed = tracking.trim(view.now(), limits);
        let delayed: DelayedScaleDown = recall(view, DELAYED_SCALE_DOWN, &mut unreadable);
        let history = History::new(history, view.now(), limits);
        Ok(Self { remembered: Remembered { history, tracking, delayed }, tracking_changed, unreadable })
    }

    fn forget_missing_vertices(&mut self, topology: &Topology) {
        self.remembered.history.retain(|id| topology.vertices.iter().any(|vertex| vertex.id == id));
    }

    fn record_restart(&mut self, view: &dyn View, topology: &Topology) {
        let parallelism = |id: &str| topology.vertices.iter().find(|vertex| vertex.id == id).map(|v| v.parallelism);
        let Remembered { history, tracking, .. } = &mut self.remembered;
        self.tracking_changed |= tracking.record_restart(view.running_since(), history, parallelism);
    }

    fn hold(self, reason: &str) -> Result<Decision, Failure> {
        self.decision(Verdict::Hold(reason.to_owned()), Vec::new())
    }

    /// The decision, with the state that changed on the way to it.
    fn decision(self, verdict: Verdict, events: Vec<Event>) -> Result<Decision, Failure> {
        let unwritable = |error: serde_json::Error| Failure::Executing(format!("cannot keep state: {error}"));
        let Remembered { history, tracking, delayed } = self.remembered;
        let mut state = self.unreadable;
        let mut keep = |change: Change| {
            state.retain(|(key, _)| *key != change.0);
            state.push(change);
        };
        if let Some(change) = history.change().map_err(unwritable)? {
            keep(change);
        }
        if self.tracking_changed || matches!(verdict, Verdict::Scale(_)) {
            keep(write(SCALING_TRACKING, Some(&tracking)).map_err(unwritable)?);
        }
        if delayed.is_updated() {
            keep(write(DELAYED_SCALE_DOWN, (!delayed.is_empty()).then_some(&delayed)).map_err(unwritable)?);
        }
        Ok(Decision {
            verdict,
            recommended: Vec::new(),
            evaluated: Vec::new(),
            evaluated_global: Vec::new(),
            events,
            state,
        })
    }
}

/// What is kept under `key`; nothing if it cannot be read.
fn recall<T: serde::de::DeserializeOwned + Default>(view: &dyn View, key: &str, unreadable: &mut Vec<Change>) -> T {
    let Some(text) = view.state(key) else {
        return T::default();
    };
    read(&text).unwrap_or_else(|| {
        unreadable.push((key.to_owned(), None));
        T::default()
    })
}

/// Adds what was evaluated, column by column.
fn with_evaluation(mut decision: Decision, evaluation: &Evaluation) -> Decision {
    let rows = &evaluation.vertices;
    decision.evaluated = evaluation.columns();
    let recommended = |row: &crate::metric::VertexMetrics| {
        let parallelism = tidegate_common::number::to_int(row.current(Metric::RecommendedParallelism));
        u32::try_from(parallelism).unwrap_or(0)
    };
    decision.recommended = rows.iter().map(recommended).collect();
    decision.evaluated_global = evaluation.global.scalars().to_vec();
    decision
}

fn collecting(error: impl std::fmt::Display) -> Failure {
    Failure::Collecting(error.to_string())
}

fn evaluating(error: impl std::fmt::Display) -> Failure {
    Failure::Evaluating(error.to_string())
}

fn executing(error: impl std::fmt::Display) -> Failure {
    Failure::Executing(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use tidegate_common::number::round_metric;
    use tidegate_common::options;

    use super::*;
    use crate::extension::{CustomMetric, NoExtensions, Ruling};
    use crate::testing::{FakeExtensions, FakeView, cases, configuration, number};

    const VERTICES: [&str; 3] = ["src", "map", "sink"];

    /// A job, and the least of a host around it: it collects, keeps state and counts.
    struct Loop {
        view: FakeView,
        samples: Vec<(i64, BTreeMap<&'static str, [f64; 3]>)>,
        overrides: BTreeMap<String, String>,
        scalings: u64,
        balanced: u64,
    }

    impl Loop {
        fn new(case: &Value) -> Self {
            let mut view = FakeView::of_topology(&case["topology"]);
            view.configuration = configuration(&case["config"]);
            Self { view, samples: Vec::new(), overrides: BTreeMap::new(), scalings: 0, balanced: 0 }
        }

        fn millis(&self, option: &tidegate_common::configuration::ConfigOption<std::time::Duration>) -> i64 {
            self.view.configuration.read(option).unwrap().as_millis() as i64
        }

        /// One pass; the reasons of its events.
        fn pass(&mut self, step: &Value) -> Vec<&'static str> {
            let now = step["now"].as_i64().unwrap() * 1000;
            self.view.now = now;
            self.view.running_since = step["jobRunningTs"].as_i64().unwrap() * 1000;
            self.view.parallelism = VERTICES.map(|id| step["parallelism"][id].as_u64().unwrap() as u32).to_vec();
            if self.samples.first().is_some_and(|(at, _)| self.view.running_since > *at) {
                self.samples.clear();
            }
            let stable = self.view.running_since + self.millis(&options::STABILIZATION_INTERVAL);
            let window = self.millis(&options::METRICS_WINDOW);
            let oldest = self.samples.iter().map(|(at, _)| *at).find(|at| *at >= stable);
            self.view.window_full_at = oldest.unwrap_or(now) + window;
            self.samples.push((now, self.collect(step)));
            if now >= self.view.window_full_at {
                self.samples.retain(|(at, _)| *at >= now - window);
            }
            self.show_samples();

            let decision = decide(&self.view, &NoExtensions).unwrap();
            for (key, text) in decision.state {
                match text {
                    Some(text) => self.view.state.insert(key, text),
                    None => self.view.state.remove(&key),
                };
            }
            match decision.verdict {
                Verdict::Scale(targets) => {
                    self.scalings += 1;
                    self.overrides =
                        targets.into_iter().map(|target| (target.vertex, target.parallelism.to_string())).collect();
                }
                Verdict::Hold(_) if self.samples.len() >= 2 && now >= self.view.window_full_at => self.balanced += 1,
                Verdict::Hold(_) => assert!(decision.events.is_empty()),
            }
            decision.events.iter().map(|event| event.reason).collect()
        }

        fn collect(&self, step: &Value) -> BTreeMap<&'static str, [f64; 3]> {
            let nan = f64::NAN;
            let [source_in, sink_in, lag] =
                ["srcRecordsIn", "sinkRecordsIn", "srcPending"].map(|field| number(&step[field]));
            let load = |index: usize| number(&step["busyMax"][index]) / 1000.0;
            let observed = self.observed(lag, number(&step["srcRatePerSec"]), number(&step["srcBackpressureAvg"]));
            let sample = BTreeMap::from([
                ("LAG", [lag, nan, nan]),
                ("LOAD", [load(0), load(1), load(2)]),
                ("NUM_RECORDS_IN", [source_in, source_in, sink_in]),
                ("NUM_RECORDS_OUT", [source_in, sink_in, 0.0]),
                ("OBSERVED_TPR", [observed, nan, nan]),
            ]);
            sample.into_iter().map(|(metric, values)| (metric, values.map(round_metric))).collect()
        }

        fn observed(&self, lag: f64, rate: f64, backpressure: f64) -> f64 {
            if rate == 0.0 {
                return f64::INFINITY;
            }
            let threshold = self.millis(&options::OBSERVED_TRUE_PROCESSING_RATE_LAG_THRESHOLD) / 1000;
            if lag >= threshold as f64 * rate && backpressure < 1000.0 {
                return rate / (1.0 - backpressure / 1000.0);
            }
            let earlier = || self.samples.iter().map(|(_, sample)| sample["OBSERVED_TPR"][0]);
            let finite: Vec<f64> = earlier().filter(|value| value.is_finite()).collect();
            match finite.len() {
                0 if earlier().any(f64::is_infinite) => f64::INFINITY,
                0 | 1 => f64::NAN,
                len => finite.iter().sum::<f64>() / len as f64,
            }
        }

        fn show_samples(&mut self) {
            self.view.times = self.samples.iter().map(|(at, _)| *at).collect();
            for metric in ["LAG", "LOAD", "NUM_RECORDS_IN", "NUM_RECORDS_OUT", "OBSERVED_TPR"] {
                let values = self.samples.iter().flat_map(|(_, sample)| sample[metric]).collect();
                self.view.metrics.insert(metric.to_owned(), values);
            }
        }
    }

    #[test]
    fn whole_runs_are_those_of_the_reference() {
        for case in cases("oracle_end_to_end") {
            let mut job = Loop::new(&case);
            for step in case["steps"].as_array().unwrap() {
                let running = step["jobStatus"] == "RUNNING";
                let reasons = if running { job.pass(step) } else { Vec::new() };
                let expected = &step["expected"];
                assert_eq!(json!(reasons), expected["eventReasons"], "{step} of {}", case["config"]);
                assert_eq!(json!(job.overrides), expected["overrides"], "{step} of {}", case["config"]);
                assert_eq!(json!(job.scalings), expected["scalings"], "{step}");
                assert_eq!(json!(job.balanced), expected["balanced"], "{step}");
                if running {
                    assert_eq!(json!(job.samples.len()), expected["collected"], "{step}");
                }
            }
        }
    }

    /// A source that reads 1000 records a second and is `busy` ms of each.
    fn source(busy: f64) -> FakeView {
        let vertex =
            json!([{"id": "v", "inputs": {}, "parallelism": 2, "maxParallelism": 128, "numSourcePartitions": 0}]);
        let mut view = FakeView::of_topology(&vertex);
        view.times = vec![0, 60_000];
        view.now = 60_000;
        view.metrics.insert("LAG".to_owned(), vec![0.0, 0.0]);
        view.metrics.insert("LOAD".to_owned(), vec![busy / 1000.0; 2]);
        view.metrics.insert("NUM_RECORDS_IN".to_owned(), vec![0.0, 60_000.0]);
        view.configuration.set("job.autoscaler.catch-up.duration", "0s");
        view.configuration.set("job.autoscaler.utilization.max", "0.9");
        view
    }

    #[test]
    fn a_busy_source_is_scaled_up_and_all_of_it_is_remembered() {
        let decision = decide(&source(1000.0), &NoExtensions).unwrap();
        let Verdict::Scale(targets) = decision.verdict else {
            panic!("{:?}", decision.verdict);
        };
        assert_eq!((targets.len(), targets[0].parallelism), (1, 3));
        assert_eq!(decision.recommended, [3]);
        let keys: Vec<&str> = decision.state.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, [SCALING_HISTORY, SCALING_TRACKING]);
    }

    #[test]
    fn a_job_within_its_bounds_is_left_alone_and_nothing_is_written() {
        let decision = decide(&source(700.0), &NoExtensions).unwrap();
        assert_eq!(decision.verdict, Verdict::Hold("every vertex is within its utilisation bounds".to_owned()));
        assert!(decision.state.is_empty() && decision.events.is_empty());
        assert_eq!(decision.recommended, [2]);
    }

    #[test]
    fn a_window_that_is_not_full_is_evaluated_but_held() {
        let mut view = source(1000.0);
        view.window_full_at = 60_001;
        let decision = decide(&view, &NoExtensions).unwrap();
        assert_eq!(decision.verdict, Verdict::Hold("the metric window is not full yet".to_owned()));
        assert_eq!(decision.recommended, [0]);
        assert!(decision.evaluated.iter().any(|column| column.metric == "TRUE_PROCESSING_RATE"));
    }

    #[test]
    fn a_single_sample_is_not_evaluated() {
        let mut view = source(1000.0);
        view.times.pop();
        let decision = decide(&view, &NoExtensions).unwrap();
        assert!(matches!(decision.verdict, Verdict::Hold(_)) && decision.evaluated.is_empty());
    }

    #[test]
    fn a_decision_is_the_same_every_time() {
        let view = source(1000.0);
        assert_eq!(format!("{:?}", decide(&view, &NoExtensions)), format!("{:?}", decide(&view, &NoExtensions)));
    }

    #[test]
    fn state_that_cannot_be_read_is_forgotten() {
        let mut view = source(700.0);
        for key in [SCALING_HISTORY, SCALING_TRACKING, DELAYED_SCALE_DOWN] {
            view.state.insert(key.to_owned(), "?".to_owned());
        }
        let mut state = decide(&view, &NoExtensions).unwrap().state;
        state.sort();
        let forgotten = [DELAYED_SCALE_DOWN, SCALING_HISTORY, SCALING_TRACKING].map(|key| (key.to_owned(), None));
        assert_eq!(state, forgotten);
    }

    #[test]
    fn scaling_that_is_disabled_is_reported_only() {
        let mut view = source(1000.0);
        view.configuration.set("job.autoscaler.scaling.enabled", "false");
        let decision = decide(&view, &NoExtensions).unwrap();
        assert!(matches!(decision.verdict, Verdict::Hold(_)) && decision.state.is_empty());
        assert_eq!(decision.recommended, [3]);
        let start = "Scaling execution disabled by config job.autoscaler.scaling.enabled:false, recommended parallelism \
                     change:{ Vertex ID v | Parallelism 2 -> 3 | Processing capacity 1000.00 -> 1500.00 | Target data \
                     rate 1000.00}";
        assert_eq!(decision.events[0].message, start);
    }

    #[test]
    fn nothing_is_applied_in_an_excluded_period() {
        let mut view = source(1000.0);
        view.configuration.set("job.autoscaler.excluded.periods", "0:00-0:02;* * 9 * * ?");
        let decision = decide(&view, &NoExtensions).unwrap();
        assert!(matches!(decision.verdict, Verdict::Hold(_)) && decision.state.is_empty());
        let start = "Scaling execution disabled by config job.autoscaler.excluded.periods:[0:00-0:02, * * 9 * * ?], ";
        assert!(decision.events[0].message.starts_with(start), "{:?}", decision.events);
        view.now += 120_001;
        assert!(matches!(decide(&view, &NoExtensions).unwrap().verdict, Verdict::Scale(_)));
    }

    #[test]
    fn periods_are_meant_in_local_time() {
        // Two minutes after midnight in UTC.
        for (offset, periods, is_excluded) in [
            (0, "0:00-0:05", true),
            (3600, "0:00-0:05", false),
            (3600, "1:00-1:05", true),
            (3600, "* * 1 * * ?", true),
            (-1800, "23:00-23:59", true),
            (-1800, "0:00-0:05", false),
            (i32::MIN, "0:00-0:05", false),
        ] {
            let mut view = source(1000.0);
            view.utc_offset = offset;
            view.configuration.set("job.autoscaler.excluded.periods", periods);
            let verdict = decide(&view, &NoExtensions).unwrap().verdict;
            assert_eq!(matches!(verdict, Verdict::Hold(_)), is_excluded, "{offset} {periods}");
        }
    }

    #[test]
    fn a_period_that_cannot_be_read_fails_also_where_scaling_is_disabled() {
        let mut view = source(1000.0);
        view.configuration.set("job.autoscaler.scaling.enabled", "false");
        view.configuration.set("job.autoscaler.excluded.periods", "always");
        assert!(matches!(decide(&view, &NoExtensions), Err(Failure::Executing(_))));
    }

    #[test]
    fn an_excluded_vertex_is_left_alone_and_keeps_its_target() {
        let mut view = source(1000.0);
        view.excluded = vec![true];
        assert!(matches!(decide(&view, &NoExtensions).unwrap().verdict, Verdict::Hold(_)));
        view.excluded = Vec::new();
        assert!(matches!(decide(&view, &NoExtensions), Err(Failure::Executing(_))));
    }

    #[test]
    fn memory_is_recommended_before_the_quota_is_checked() {
        let mut view = source(1000.0);
        view.slot_sharing_groups = vec![Some("group".to_owned())];
        view.configuration.set("taskmanager.memory.process.size", "2g");
        view.configuration.set("job.autoscaler.quota.memory", "5g");
        for metric in ["HEAP_MEMORY_USED", "MANAGED_MEMORY_USED", "METASPACE_MEMORY_USED"] {
            view.globals.insert(metric.to_owned(), vec![f64::from(64 << 20); 2]);
        }
        view.globals.insert("NUM_TASK_SLOTS_USED".to_owned(), vec![2.0; 2]);
        let reasons = |view: &FakeView| -> Vec<&str> {
            decide(view, &NoExtensions).unwrap().events.iter().map(|event| event.reason).collect()
        };
        assert_eq!(reasons(&view), ["Configuration recommendation", "ResourceQuotaReached"]);
        // With tuning enabled the quota counts the memory that is recommended.
        view.configuration.set("job.autoscaler.memory.tuning.enabled", "true");
        assert_eq!(reasons(&view), ["Configuration recommendation", "ScalingReport"]);
    }

    #[test]
    fn an_option_that_cannot_be_read_fails_the_pass() {
        for (key, failure) in [
            ("history.max.age", "collecting"),
            ("restart.time", "collecting"),
            ("catch-up.duration", "evaluating"),
            ("scale-up.max-factor", "executing"),
        ] {
            let mut view = source(1000.0);
            view.configuration.set(format!("job.autoscaler.{key}"), "soon");
            let found = match decide(&view, &NoExtensions) {
                Err(Failure::Collecting(_)) => "collecting",
                Err(Failure::Evaluating(_)) => "evaluating",
                Err(Failure::Executing(_)) => "executing",
                Ok(decision) => panic!("{decision:?}"),
            };
            assert_eq!(found, failure);
        }
    }

    /// The upstream test of a custom evaluator: it says that 100 000 records a second come in.
    #[test]
    fn an_evaluator_moves_the_targets_as_upstream_does() {
        for case in cases("upstream_custom_evaluator_e2e") {
            let mut view = FakeView::of_topology(&case["topology"]);
            view.configuration = configuration(&case["config"]);
            let steps = case["steps"].as_array().unwrap();
            view.times = steps.iter().map(|step| step["now"].as_i64().unwrap() * 1000).collect();
            view.now = view.times[steps.len() - 1];
            view.window_full_at = view.times[0] + 1000;
            let columns = [
                ("LAG", ["srcPending", "?"], 1.0),
                ("LOAD", ["srcBusyMax", "sinkBusyMax"], 1000.0),
                ("NUM_RECORDS_IN", ["srcIn", "sinkIn"], 1.0),
                ("NUM_RECORDS_OUT", ["srcOut", "?"], 1.0),
            ];
            for (metric, fields, unit) in columns {
                let values = steps.iter().flat_map(|step| fields.map(|field| number(&step[field]) / unit));
                view.metrics.insert(metric.to_owned(), values.collect());
            }
            let custom = CustomMetric { name: "TARGET_DATA_RATE".to_owned(), current: f64::NAN, average: 100_000.0 };
            let stranger = CustomMetric { name: "WIND".to_owned(), current: 1.0, average: 1.0 };
            let extensions = FakeExtensions {
                evaluated: BTreeMap::from([(0, vec![stranger, custom])]),
                ..FakeExtensions::default()
            };
            let Verdict::Scale(targets) = decide(&view, &extensions).unwrap().verdict else { panic!("{case}") };
            let targets: BTreeMap<String, u32> =
                targets.into_iter().map(|target| (target.vertex, target.parallelism)).collect();
            assert_eq!(json!(targets), case["expectedOverrides"]);
        }
    }

    #[test]
    fn a_metric_of_an_evaluators_own_name_is_told_to_the_others_and_recorded_but_not_remembered() {
        let custom = |name: &str, current, average| CustomMetric { name: name.to_owned(), current, average };
        let nan = f64::NAN;
        let mut said = vec![custom("WIND", 7.12345, nan), custom("NOTHING", nan, nan), custom("WIND", nan, 8.0)];
        said.extend((0..200).map(|number| custom(&format!("M{number}"), f64::from(number), nan)));
        let extensions = FakeExtensions {
            evaluated: BTreeMap::from([(0, said)]),
            aligner: Some("tens".to_owned()),
            aligned: Some(Ok(Some(10))),
            ruling: Some(Ok(Ruling::Accepted(vec![(0, 10)]))),
            ..FakeExtensions::default()
        };
        let mut view = source(1000.0);
        view.configuration.set("job.autoscaler.scaling.parallelism-alignment.mode", "tens");
        let decision = decide(&view, &extensions).unwrap();

        let row = extensions.row.borrow();
        let wind = row.by_name("WIND").unwrap();
        assert_eq!((wind.current, wind.average), (7.123, 8.0), "rounded, and value by value");
        assert_eq!(row.by_name("NOTHING"), None);
        assert_eq!((row.own().count(), row.by_name("M98").is_some()), (100, true), "and no more names");
        let without = FakeExtensions {
            aligner: extensions.aligner.clone(),
            aligned: extensions.aligned.clone(),
            ruling: extensions.ruling.clone(),
            ..FakeExtensions::default()
        };
        let plain = decide(&view, &without).unwrap();
        for columns in [&decision.evaluated, &*extensions.columns.borrow()] {
            let (known, own) = columns.split_at(plain.evaluated.len());
            assert_eq!(format!("{known:?}"), format!("{:?}", plain.evaluated), "those of the policy stay as they are");
            let wind = &own[0];
            assert_eq!((&*wind.metric, &wind.current[..], &wind.average[..]), ("WIND", &[7.123][..], &[8.0][..]));
            assert_eq!((own.len(), &own[99].current[..], &own[99].average[..]), (100, &[98.0][..], &[][..]));
        }
        assert_eq!(decision.state, plain.state, "the Java autoscaler knows no such names");
    }

    #[test]
    fn a_filter_has_the_last_word_before_anything_is_told_or_kept() {
        let mut extensions = FakeExtensions { ruling: Some(Ok(Ruling::Accepted(vec![(0, 7)]))), ..Default::default() };
        let decision = decide(&source(1000.0), &extensions).unwrap();
        let Verdict::Scale(targets) = &decision.verdict else { panic!("{decision:?}") };
        assert_eq!(targets[0].parallelism, 7);
        assert_eq!(*extensions.asked.borrow(), [[(0, 3)]]);
        assert!(decision.events[0].message.contains("Parallelism 2 -> 7 |"), "{:?}", decision.events);
        assert!(decision.state[0].1.as_ref().unwrap().contains("\"newParallelism\":7"), "{:?}", decision.state);
        assert_eq!(decision.recommended, [3], "what was recommended stays");

        extensions.ruling = Some(Ok(Ruling::Vetoed { by: "night".to_owned(), reason: "not now".to_owned() }));
        let decision = decide(&source(1000.0), &extensions).unwrap();
        assert_eq!(decision.verdict, Verdict::Hold("Scaling vetoed by night: not now".to_owned()));
        let [event] = &decision.events[..] else { panic!("{:?}", decision.events) };
        assert_eq!((event.reason, event.message_key.as_deref()), ("ScalingVetoed", Some("ScalingVetoed:night")));
        assert_eq!(decision.state, []);

        extensions.ruling = Some(Err("no idea".to_owned()));
        assert_eq!(decide(&source(1000.0), &extensions), Err(Failure::Executing("no idea".to_owned())));

        let asked = extensions.asked.borrow().len();
        decide(&source(700.0), &extensions).unwrap();
        assert_eq!(extensions.asked.borrow().len(), asked, "nothing to filter");
    }

    #[test]
    fn an_aligner_chooses_the_parallelism() {
        let mut view = source(1000.0);
        view.configuration.set("job.autoscaler.scaling.parallelism-alignment.mode", "tens");
        for (aligned, expected) in [
            (Ok(Some(10)), Ok(Some(10))),
            (Ok(Some(2)), Ok(None)),
            (Ok(None), Ok(Some(3))),
            (Ok(Some(0)), Err("The parallelism should be greater than 0.")),
            (Ok(Some(u32::MAX)), Err("the parallelism of v cannot be aligned: 4294967295 is no parallelism")),
            (Err("lost".to_owned()), Err("the parallelism of v cannot be aligned: lost")),
        ] {
            let extensions = FakeExtensions {
                aligner: Some("tens".to_owned()),
                aligned: Some(aligned.clone()),
                ..FakeExtensions::default()
            };
            let found = decide(&view, &extensions).map(|decision| match decision.verdict {
                Verdict::Scale(targets) => Some(targets[0].parallelism),
                Verdict::Hold(_) => None,
            });
            assert_eq!(found, expected.map_err(|error| Failure::Executing(error.to_owned())), "{aligned:?}");
        }
    }

    #[test]
    fn options_are_judged_by_name() {
        let options =
            Configuration::from_iter([("job.autoscaler.enabled", "true"), ("job.autoscaler.utilization.target", "7")]);
        let [sentence] = check_options(&options).try_into().unwrap();
        assert!(sentence.contains("job.autoscaler.utilization.target"), "{sentence}");
        assert!(check_options(&Configuration::default()).is_empty());
    }
}
