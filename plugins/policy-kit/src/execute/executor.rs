//! The decision about the whole job.

use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::number::{java_text, to_int};
use tidegate_common::options;
use tidegate_common::periods::{Wall, is_excluded};

use super::report::{Header, Summary, scaling_report};
use super::resources::{Quota, TaskManager};
use crate::decision::{Event, Failure, Severity, Target, Verdict};
use crate::evaluate::Evaluation;
use crate::extension::{Extensions, Ruling};
use crate::history::{History, ScalingSummary};
use crate::memory::{MemoryTuning, Usage};
use crate::metric::{EvaluatedMetric, Metric};
use crate::scale::{Change, DelayedScaleDown, ScalingOptions, VertexScaler};
use crate::topology::{Topology, Vertex};
use crate::tracking::ScalingTracking;
use crate::view::{ShipStrategy, View};

/// What the policy remembers between passes.
pub struct Remembered<'t> {
    /// Earlier scalings of the vertices.
    pub history: History<'t>,
    /// Earlier decisions.
    pub tracking: ScalingTracking,
    /// Scale-downs that wait.
    pub delayed: DelayedScaleDown,
}

/// Decides about a job whose metrics have been evaluated.
pub struct Executor<'a> {
    /// The picture of the job.
    pub view: &'a dyn View,
    /// The plugins that are configured for it.
    pub extensions: &'a dyn Extensions,
    /// Its graph.
    pub topology: &'a Topology,
    /// Its options.
    pub configuration: &'a Configuration,
    /// What a TaskManager takes.
    pub task_manager: TaskManager,
    /// How long a restart takes, whole seconds.
    pub restart: u64,
}

impl Executor<'_> {
    /// Decides what to do, and remembers it.
    ///
    /// Adds to the evaluated metrics what is recommended and what is expected of it, and to `events` what there is to
    /// tell.
    ///
    /// # Errors
    /// When an option cannot be read, a vertex cannot be judged or a filter has no answer.
    pub fn execute(
        &self,
        evaluation: &mut Evaluation,
        remembered: &mut Remembered<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Verdict, Failure> {
        let mut options = ScalingOptions::read(self.configuration, self.restart).map_err(unreadable)?;
        options.alignment = options.alignment.among(self.extensions);
        if let Some(event) = self.memory_pressure(evaluation, &options).map_err(unreadable)? {
            let reason = event.message.clone();
            events.push(event);
            return Ok(Verdict::Hold(reason));
        }
        let changes = self.changes(evaluation, &options, remembered, events)?;
        if !changes.iter().flatten().any(|change| change.outside_utilization_bound) {
            return Ok(Verdict::Hold("every vertex is within its utilisation bounds".to_owned()));
        }
        for (row, change) in evaluation.vertices.iter_mut().zip(&changes) {
            if let Some(change) = change {
                row.set(Metric::RecommendedParallelism, EvaluatedMetric::of(f64::from(change.new_parallelism)));
            }
        }
        let summaries = self.summaries(evaluation, &changes);
        if let Some((key, value)) = self.blocked()? {
            let reason = format!("scaling is disabled by {key}:{value}");
            events.push(scaling_report(&Header::Disabled(key, value), &summaries, options.event_interval));
            return Ok(Verdict::Hold(reason));
        }
        let tuned = self.tune_memory(evaluation, &changes, &options, events).map_err(unreadable)?;
        if self.is_over_quota(&changes, tuned).map_err(unreadable)? {
            let event = quota_reached(&options);
            let reason = event.message.clone();
            events.push(event);
            return Ok(Verdict::Hold(reason));
        }
        let summaries = match self.filtered(evaluation, summaries)? {
            Filtered::Accepted(summaries) => summaries,
            Filtered::Vetoed { by, reason } => {
                let event = vetoed(&by, &reason, &options);
                let reason = event.message.clone();
                events.push(event);
                return Ok(Verdict::Hold(reason));
            }
        };
        events.push(scaling_report(&Header::Enabled, &summaries, options.event_interval));
        Ok(self.apply(&summaries, remembered))
    }

    /// The event of too little memory, if nothing must be scaled because of it.
    fn memory_pressure(
        &self,
        evaluation: &Evaluation,
        options: &ScalingOptions,
    ) -> Result<Option<Event>, InvalidValue> {
        let event = |what: &str, value: f64, key: &str| Event {
            severity: Severity::Normal,
            reason: "MemoryPressure",
            message: format!(
                "{what} {} is above the allowed limit for scaling operations. Please adjust the available memory manually.",
                java_text(value)
            ),
            message_key: Some(key.to_owned()),
            interval: Some(options.event_interval),
        };
        let gc_pressure = evaluation.global.gc_pressure.current;
        if gc_pressure > self.configuration.read(&options::GC_PRESSURE_THRESHOLD)? {
            return Ok(Some(event("GC Pressure", gc_pressure, "gcPressure")));
        }
        let heap_usage = evaluation.global.heap_max_usage_ratio.average;
        if heap_usage > self.configuration.read(&options::HEAP_USAGE_THRESHOLD)? {
            return Ok(Some(event("Heap Usage", heap_usage, "heapUsage")));
        }
        Ok(None)
    }

    /// What each vertex should change to.
    fn changes(
        &self,
        evaluation: &mut Evaluation,
        options: &ScalingOptions,
        remembered: &mut Remembered<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Vec<Option<Change>>, Failure> {
        let excluded = self.view.excluded();
        if excluded.len() != self.topology.vertices.len() {
            return Err(Failure::Executing("it is not known of every vertex whether it is excluded".to_owned()));
        }
        let mut scaler = VertexScaler {
            options,
            history: &remembered.history,
            delayed: &mut remembered.delayed,
            now: self.view.now(),
            events,
            extensions: self.extensions,
        };
        let rows = self.topology.vertices.iter().zip(&mut evaluation.vertices);
        rows.zip(excluded)
            .enumerate()
            .map(|(index, ((vertex, row), excluded))| {
                if excluded {
                    return Ok(None);
                }
                let inputs: Vec<ShipStrategy> = vertex.inputs.iter().map(|(_, ship)| *ship).collect();
                scaler.scale((index, &vertex.id), &inputs, row)
            })
            .collect()
    }

    fn summaries<'e>(&'e self, evaluation: &'e Evaluation, changes: &[Option<Change>]) -> Vec<Summary<'e>> {
        let vertices = self.topology.vertices.iter().zip(&evaluation.vertices).zip(changes);
        vertices
            .filter_map(|((vertex, metrics), change)| {
                let new = (*change)?.new_parallelism;
                let current = to_int(metrics.current(Metric::Parallelism));
                Some(Summary { vertex: &vertex.id, current, new, metrics })
            })
            .collect()
    }

    /// The option, and its value, because of which nothing is applied. The periods are looked at in any case: one that cannot be read is
    /// an error also where scaling is disabled.
    fn blocked(&self) -> Result<Option<(&'static str, String)>, Failure> {
        let periods = self.configuration.read(&options::EXCLUDED_PERIODS).map_err(unreadable)?;
        let ahead = |at| self.view.utc_offset(at);
        let excluded = is_excluded(&periods, self.view.now(), Wall::new(&ahead))
            .map_err(|error| Failure::Executing(error.to_string()))?;
        if !self.configuration.read(&options::SCALING_ENABLED).map_err(unreadable)? {
            return Ok(Some((options::SCALING_ENABLED.key(), "false".to_owned())));
        }
        Ok(excluded.then(|| (options::EXCLUDED_PERIODS.key(), format!("[{}]", periods.join(", ")))))
    }

    /// Tells what memory a TaskManager would need after the changes. That memory, in bytes, if it is meant to be applied.
    fn tune_memory(
        &self,
        evaluation: &Evaluation,
        changes: &[Option<Change>],
        options: &ScalingOptions,
        events: &mut Vec<Event>,
    ) -> Result<Option<u64>, InvalidValue> {
        let Some(tuning) = MemoryTuning::read(self.configuration)? else {
            return Ok(None);
        };
        let current: Vec<u64> = self.topology.vertices.iter().map(|vertex| u64::from(vertex.parallelism)).collect();
        let new: Vec<u64> = changes
            .iter()
            .zip(&current)
            .map(|(change, current)| {
                change.and_then(|change| u64::try_from(change.new_parallelism).ok()).unwrap_or(*current)
            })
            .collect();
        let global = &evaluation.global;
        let usage = Usage {
            heap: global.heap_memory_used.average,
            managed: global.managed_memory_used.average,
            metaspace: global.metaspace_memory_used.average,
            slots: u64::try_from(to_int(global.num_task_slots_used.current)).unwrap_or(0),
        };
        let Some(recommendation) = tuning.recommend(self.topology, &current, &new, usage) else {
            return Ok(None);
        };
        events.push(recommendation.event(tuning.is_enabled(), options.event_interval));
        Ok(tuning.is_enabled().then_some(recommendation.total))
    }

    /// Whether the changes need more than the quota, with TaskManagers of `tuned` bytes if that is given. Not known
    /// without slot sharing groups.
    fn is_over_quota(&self, changes: &[Option<Change>], tuned: Option<u64>) -> Result<bool, InvalidValue> {
        let Some(quota) = Quota::read(self.configuration)? else {
            return Ok(false);
        };
        let groups = self.view.slot_sharing_groups();
        let changed =
            self.topology.vertices.iter().zip(&groups).zip(changes).filter_map(|((vertex, group), change)| {
                Some((group.as_deref()?, as_int(vertex), (*change)?.new_parallelism))
            });
        let memory = tuned.unwrap_or(self.task_manager.memory);
        Ok(quota.is_exceeded(changed, TaskManager { memory, ..self.task_manager }))
    }

    /// What the filters leave of the changes. The metrics stay as they are.
    fn filtered<'e>(
        &'e self,
        evaluation: &'e Evaluation,
        summaries: Vec<Summary<'e>>,
    ) -> Result<Filtered<'e>, Failure> {
        if self.extensions.filters().is_empty() {
            return Ok(Filtered::Accepted(summaries));
        }
        let place = |id: &str| self.topology.vertices.iter().position(|vertex| vertex.id == id);
        let asked = summaries.iter().filter_map(|it| Some((place(it.vertex)?, u32::try_from(it.new).ok()?)));
        let ruling = self.extensions.filter(asked.collect(), evaluation.columns());
        let left = match ruling.map_err(Failure::Executing)? {
            Ruling::Vetoed { by, reason } => return Ok(Filtered::Vetoed { by, reason }),
            Ruling::Accepted(left) => left,
        };
        let summary = |(index, parallelism): (usize, u32)| {
            let stranger = || Failure::Executing(format!("a filter answered about vertex {index}, which there is not"));
            let vertex = self.topology.vertices.get(index).ok_or_else(stranger)?;
            let metrics = evaluation.vertices.get(index).ok_or_else(stranger)?;
            let new = i32::try_from(parallelism).unwrap_or(i32::MAX);
            Ok(Summary { vertex: &vertex.id, current: to_int(metrics.current(Metric::Parallelism)), new, metrics })
        };
        Ok(Filtered::Accepted(left.into_iter().map(summary).collect::<Result<_, _>>()?))
    }

    /// Remembers the decision, and names the target of every vertex.
    fn apply(&self, summaries: &[Summary<'_>], remembered: &mut Remembered<'_>) -> Verdict {
        let now = self.view.now();
        for summary in summaries {
            let kept = ScalingSummary::new(summary.current, summary.new, summary.metrics);
            remembered.history.add(summary.vertex, now, kept);
        }
        remembered.tracking.add(now);
        remembered.delayed.clear();
        let targets = self.topology.vertices.iter().map(|vertex| {
            let change = summaries.iter().find(|summary| summary.vertex == vertex.id);
            let new = change.and_then(|summary| u32::try_from(summary.new).ok());
            Target { vertex: vertex.id.clone(), parallelism: new.unwrap_or(vertex.parallelism) }
        });
        Verdict::Scale(targets.collect())
    }
}

/// What the filters leave of a job's changes.
enum Filtered<'e> {
    Accepted(Vec<Summary<'e>>),
    Vetoed { by: String, reason: String },
}

fn vetoed(by: &str, reason: &str, options: &ScalingOptions) -> Event {
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    Event {
        severity: Severity::Warning,
        reason: "ScalingVetoed",
        message: format!("Scaling vetoed by {by}{why}"),
        message_key: Some(format!("ScalingVetoed:{by}")),
        interval: Some(options.event_interval),
    }
}

fn as_int(vertex: &Vertex) -> i32 {
    i32::try_from(vertex.parallelism).unwrap_or(i32::MAX)
}

fn unreadable(error: InvalidValue) -> Failure {
    Failure::Executing(error.to_string())
}

fn quota_reached(options: &ScalingOptions) -> Event {
    Event {
        severity: Severity::Warning,
        reason: "ResourceQuotaReached",
        message: "Resource usage is above the allowed limit for scaling operations. Please adjust the resource quota \
                  manually."
            .to_owned(),
        message_key: None,
        interval: Some(options.event_interval),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use tidegate_common::time::Timestamp;

    use super::*;
    use crate::evaluate::GlobalEvaluation;
    use crate::extension::NoExtensions;
    use crate::history::Limits;
    use crate::metric::VertexMetrics;
    use crate::testing::{FakeView, cases, configuration, number};

    fn metric(metrics: &Value, name: &str) -> EvaluatedMetric {
        EvaluatedMetric::new(number(&metrics[name]["current"]), number(&metrics[name]["average"]))
    }

    fn evaluation(case: &Value, view: &FakeView) -> Evaluation {
        let rows = view.ids.iter().map(|id| {
            let mut row = VertexMetrics::default();
            for known in Metric::ALL {
                if case["vertexMetrics"][id].get(known.name()).is_some() {
                    row.set(known, metric(&case["vertexMetrics"][id], known.name()));
                }
            }
            row
        });
        let global = |name| metric(&case["globalMetrics"], name);
        Evaluation {
            vertices: rows.collect(),
            global: GlobalEvaluation {
                gc_pressure: global("GC_PRESSURE"),
                num_task_slots_used: global("NUM_TASK_SLOTS_USED"),
                heap_max_usage_ratio: global("HEAP_MAX_USAGE_RATIO"),
                heap_memory_used: global("HEAP_MEMORY_USED"),
                managed_memory_used: global("MANAGED_MEMORY_USED"),
                metaspace_memory_used: global("METASPACE_MEMORY_USED"),
            },
            processing_backlog: false,
        }
    }

    fn view(case: &Value) -> FakeView {
        let mut view = FakeView::of_topology(&case["topology"]);
        view.configuration = configuration(&case["config"]);
        let group = |id: &String| case["slotSharingGroups"][id].as_str().map(str::to_owned);
        view.slot_sharing_groups = view.ids.iter().map(group).collect();
        let excluded = view.configuration.read(&options::VERTEX_EXCLUDE_IDS).unwrap();
        view.excluded = view.ids.iter().map(|id| excluded.contains(&format!("<{id}>"))).collect();
        view.now = 1_700_000_000_000;
        view
    }

    #[test]
    fn decisions_about_jobs_are_those_of_the_reference() {
        for case in cases("oracle_executor") {
            let view = view(&case);
            let topology = Topology::of(&view).unwrap();
            let limits = Limits::read(&view.configuration).unwrap();
            let mut remembered = Remembered {
                history: History::new(None, Timestamp::from_millis(view.now), limits),
                tracking: ScalingTracking::default(),
                delayed: DelayedScaleDown::default(),
            };
            let executor = Executor {
                view: &view,
                extensions: &NoExtensions,
                topology: &topology,
                configuration: &view.configuration,
                task_manager: TaskManager {
                    cpu: case["taskManagerCpu"].as_f64().unwrap_or(0.0),
                    memory: case["taskManagerMemoryBytes"].as_u64().unwrap_or(0),
                },
                restart: case["restartTimeMs"].as_u64().unwrap() / 1000,
            };
            let mut evaluation = evaluation(&case, &view);
            let mut events = Vec::new();
            let verdict = executor.execute(&mut evaluation, &mut remembered, &mut events).unwrap();

            let overrides: BTreeMap<String, String> = match &verdict {
                Verdict::Hold(_) => BTreeMap::new(),
                Verdict::Scale(targets) => {
                    targets.iter().map(|target| (target.vertex.clone(), target.parallelism.to_string())).collect()
                }
            };
            assert_eq!(json!(overrides), case["expectedOverrides"], "{case}");
            assert_eq!(json!(matches!(verdict, Verdict::Scale(_))), case["expectedScaled"], "{case}");
            let tracked = serde_json::to_value(&remembered.tracking).unwrap()["scalingRecords"].clone();
            let records = usize::from(matches!(verdict, Verdict::Scale(_)));
            assert_eq!(tracked.as_object().unwrap().len(), records, "{case}");
            for (id, row) in view.ids.iter().zip(&evaluation.vertices) {
                let expected = number(&case["expectedRecommendedParallelism"][id]);
                let found = row.current(Metric::RecommendedParallelism);
                assert!(found == expected || found.is_nan() && expected.is_nan(), "{id} {case}");
            }
            let found: Vec<Value> = events
                .iter()
                .map(|event| {
                    json!({
                        "type": format!("{:?}", event.severity),
                        "reason": event.reason,
                        "messageKey": event.message_key,
                        "intervalMs": event.interval.map(|interval| interval.as_millis() as u64),
                    })
                })
                .collect();
            assert_eq!(json!(found), case["expectedEvents"], "{case}");
            let waiting: Vec<&String> = view.ids.iter().filter(|id| remembered.delayed.waiting(id).is_some()).collect();
            assert_eq!(json!(waiting), case["expectedDelayedVertices"], "{case}");
        }
    }
}
