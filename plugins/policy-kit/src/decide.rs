//! One pass, from the picture of a job to the decision about it.

use tidegate_common::configuration::Configuration;
use tidegate_common::options::{FALLBACK_PREFIX, PREFIX};
use tidegate_common::validate::validate;

use crate::decision::{Column, Decision, Event, Failure, Verdict};
use crate::evaluate::{Evaluation, EvaluationOptions, Window, evaluate};
use crate::execute::{Executor, Memory, TaskManager};
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

/// Decides what to do about the job that `view` shows.
///
/// # Errors
/// When its metrics cannot be evaluated or no decision can be made of them. Nothing is remembered then.
pub fn decide(view: &dyn View) -> Result<Decision, Failure> {
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
    let restart = recall.memory.tracking.restart_time(&configuration).map_err(evaluating)?;
    let options = EvaluationOptions::read(&configuration, restart).map_err(evaluating)?;
    let mut evaluation = evaluate(&topology, &window, &options)?;
    if view.now() < view.window_full_at() {
        for row in &mut evaluation.vertices {
            row.remove(Metric::RecommendedParallelism);
        }
        let held = recall.hold("the metric window is not full yet")?;
        return Ok(with_evaluation(held, &evaluation));
    }
    let task_manager = TaskManager::read(&configuration).map_err(executing)?;
    let executor = Executor { view, topology: &topology, configuration: &configuration, task_manager, restart };
    let mut events = Vec::new();
    let verdict = executor.execute(&mut evaluation, &mut recall.memory, &mut events)?;
    Ok(with_evaluation(recall.decision(verdict, events)?, &evaluation))
}

/// Judges a job's options: a sentence for each that is wrong.
pub fn check_options(configuration: &Configuration) -> Vec<String> {
    validate(configuration).err().map(|error| error.to_string()).into_iter().collect()
}

/// The policy's memory, and which part of it changed.
struct Recall<'t> {
    memory: Memory<'t>,
    tracking_changed: bool,
    /// Texts that could not be read are forgotten.
    unreadable: Vec<Change>,
}

impl<'t> Recall<'t> {
    fn new(view: &dyn View, configuration: &Configuration, history: Option<&'t str>) -> Result<Self, Failure> {
        let limits = Limits::read(configuration).map_err(evaluating)?;
        let mut unreadable = Vec::new();
        let mut tracking: ScalingTracking = recall(view, SCALING_TRACKING, &mut unreadable);
        tracking.trim(view.now(), limits);
        let delayed: DelayedScaleDown = recall(view, DELAYED_SCALE_DOWN, &mut unreadable);
        let history = History::new(history, view.now(), limits);
        Ok(Self { memory: Memory { history, tracking, delayed }, tracking_changed: false, unreadable })
    }

    fn forget_missing_vertices(&mut self, topology: &Topology) {
        self.memory.history.retain(|id| topology.vertices.iter().any(|vertex| vertex.id == id));
    }

    fn record_restart(&mut self, view: &dyn View, topology: &Topology) {
        let parallelism = |id: &str| topology.vertices.iter().find(|vertex| vertex.id == id).map(|v| v.parallelism);
        let Memory { history, tracking, .. } = &mut self.memory;
        self.tracking_changed = tracking.record_restart(view.running_since(), history, parallelism);
    }

    fn hold(self, reason: &str) -> Result<Decision, Failure> {
        self.decision(Verdict::Hold(reason.to_owned()), Vec::new())
    }

    /// The decision, with the state that changed on the way to it.
    fn decision(self, verdict: Verdict, events: Vec<Event>) -> Result<Decision, Failure> {
        let unwritable = |error: serde_json::Error| Failure::Executing(format!("cannot keep state: {error}"));
        let Memory { history, tracking, delayed } = self.memory;
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
    let column = |value: &dyn Fn(usize) -> f64| {
        let values: Vec<f64> = (0..rows.len()).map(value).collect();
        if values.iter().all(|value| value.is_nan()) { Vec::new() } else { values }
    };
    for metric in Metric::ALL {
        let current = column(&|index| rows.get(index).map_or(f64::NAN, |row| row.current(metric)));
        let average = column(&|index| rows.get(index).map_or(f64::NAN, |row| row.average(metric)));
        if !(current.is_empty() && average.is_empty()) {
            decision.evaluated.push(Column { metric: metric.name(), current, average });
        }
    }
    let recommended = |row: &crate::metric::VertexMetrics| {
        let parallelism = tidegate_common::number::to_int(row.current(Metric::RecommendedParallelism));
        u32::try_from(parallelism).unwrap_or(0)
    };
    decision.recommended = rows.iter().map(recommended).collect();
    decision.evaluated_global = evaluation.global.scalars().to_vec();
    decision
}

fn evaluating(error: impl std::fmt::Display) -> Failure {
    Failure::Evaluating(error.to_string())
}

fn executing(error: impl std::fmt::Display) -> Failure {
    Failure::Executing(error.to_string())
}
