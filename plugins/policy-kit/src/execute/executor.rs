//! The decision about the whole job.

use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::number::{java_text, to_int};
use tidegate_common::options;
use tidegate_common::periods::is_excluded;

use super::report::{Header, Summary, scaling_report};
use super::resources::{Quota, TaskManager};
use crate::decision::{Event, Failure, Severity, Target, Verdict};
use crate::evaluate::Evaluation;
use crate::history::{History, ScalingSummary};
use crate::metric::{EvaluatedMetric, Metric};
use crate::scale::{Change, DelayedScaleDown, ScalingOptions, VertexScaler};
use crate::topology::{Topology, Vertex};
use crate::tracking::ScalingTracking;
use crate::view::{ShipStrategy, View};

/// What the policy remembers between passes.
pub struct Memory<'t> {
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
    /// When an option cannot be read or a vertex cannot be judged.
    pub fn execute(
        &self,
        evaluation: &mut Evaluation,
        memory: &mut Memory<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Verdict, Failure> {
        let options = ScalingOptions::read(self.configuration, self.restart).map_err(unreadable)?;
        if let Some(event) = self.memory_pressure(evaluation, &options).map_err(unreadable)? {
            let reason = event.message.clone();
            events.push(event);
            return Ok(Verdict::Hold(reason));
        }
        let changes = self.changes(evaluation, &options, memory, events)?;
        if !changes.iter().flatten().any(|change| change.outside_utilization_bound) {
            return Ok(Verdict::Hold("every vertex is within its utilisation bounds".to_owned()));
        }
        for (row, change) in evaluation.vertices.iter_mut().zip(&changes) {
            if let Some(change) = change {
                row.set(Metric::RecommendedParallelism, EvaluatedMetric::of(f64::from(change.new_parallelism)));
            }
        }
        let summaries = self.summaries(evaluation, &changes);
        if let Some(header) = self.blocked()? {
            let Header::Disabled(key, value) = &header else {
                return Err(Failure::Executing("a block has no cause".to_owned()));
            };
            let reason = format!("scaling is disabled by {key}:{value}");
            events.push(scaling_report(&header, &summaries, options.event_interval));
            return Ok(Verdict::Hold(reason));
        }
        if self.is_over_quota(&changes).map_err(unreadable)? {
            let event = quota_reached(&options);
            let reason = event.message.clone();
            events.push(event);
            return Ok(Verdict::Hold(reason));
        }
        events.push(scaling_report(&Header::Enabled, &summaries, options.event_interval));
        Ok(self.apply(&summaries, memory, &changes))
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
        memory: &mut Memory<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Vec<Option<Change>>, Failure> {
        let excluded = self.view.excluded();
        let mut scaler = VertexScaler {
            options,
            history: &memory.history,
            delayed: &mut memory.delayed,
            now: self.view.now(),
            events,
        };
        let rows = self.topology.vertices.iter().zip(&mut evaluation.vertices);
        rows.enumerate()
            .map(|(index, (vertex, row))| {
                if excluded.get(index).copied().unwrap_or(false) {
                    return Ok(None);
                }
                let inputs: Vec<ShipStrategy> = vertex.inputs.iter().map(|(_, ship)| *ship).collect();
                scaler.scale(&vertex.id, &inputs, row)
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

    /// Why nothing is applied, if an option says so. The periods are looked at in any case: one that cannot be read is
    /// an error also where scaling is disabled.
    fn blocked(&self) -> Result<Option<Header>, Failure> {
        let periods = self.configuration.read(&options::EXCLUDED_PERIODS).map_err(unreadable)?;
        let excluded = is_excluded(&periods, self.view.now()).map_err(|error| Failure::Executing(error.to_string()))?;
        if !self.configuration.read(&options::SCALING_ENABLED).map_err(unreadable)? {
            return Ok(Some(Header::Disabled(options::SCALING_ENABLED.key(), "false".to_owned())));
        }
        let list = || format!("[{}]", periods.join(", "));
        Ok(excluded.then(|| Header::Disabled(options::EXCLUDED_PERIODS.key(), list())))
    }

    /// Whether the changes need more than the quota. Not known without slot sharing groups.
    fn is_over_quota(&self, changes: &[Option<Change>]) -> Result<bool, InvalidValue> {
        let Some(quota) = Quota::read(self.configuration)? else {
            return Ok(false);
        };
        let groups = self.view.slot_sharing_groups();
        let changed =
            self.topology.vertices.iter().zip(&groups).zip(changes).filter_map(|((vertex, group), change)| {
                Some((group.as_deref()?, as_int(vertex), (*change)?.new_parallelism))
            });
        Ok(quota.is_exceeded(changed, self.task_manager))
    }

    /// Remembers the decision, and names the target of every vertex.
    fn apply(&self, summaries: &[Summary<'_>], memory: &mut Memory<'_>, changes: &[Option<Change>]) -> Verdict {
        let now = self.view.now();
        for summary in summaries {
            let kept = ScalingSummary::new(summary.current, summary.new, summary.metrics);
            memory.history.add(summary.vertex, now, kept);
        }
        memory.tracking.add(now);
        memory.delayed.clear();
        let targets = self.topology.vertices.iter().zip(changes).map(|(vertex, change)| {
            let new = change.and_then(|change| u32::try_from(change.new_parallelism).ok());
            Target { vertex: vertex.id.clone(), parallelism: new.unwrap_or(vertex.parallelism) }
        });
        Verdict::Scale(targets.collect())
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
