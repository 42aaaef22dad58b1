//! Evaluated metrics of the whole job.

use super::window::{Window, average};
use crate::decision::Scalar;
use crate::metric::EvaluatedMetric;

/// The evaluated metrics of the whole job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GlobalEvaluation {
    /// Share of time in garbage collection on the worst TaskManager; latest.
    pub gc_pressure: EvaluatedMetric,
    /// Slots in use in the cluster; latest.
    pub num_task_slots_used: EvaluatedMetric,
    /// The largest heap use over the largest heap.
    pub heap_max_usage_ratio: EvaluatedMetric,
    /// Heap in use on the fullest TaskManager, bytes.
    pub heap_memory_used: EvaluatedMetric,
    /// Managed memory in use on the fullest TaskManager, bytes.
    pub managed_memory_used: EvaluatedMetric,
    /// Metaspace in use on the fullest TaskManager, bytes.
    pub metaspace_memory_used: EvaluatedMetric,
}

impl GlobalEvaluation {
    pub(super) fn of(window: &Window<'_>) -> Self {
        let latest = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
        let current = |metric| EvaluatedMetric::of(latest(&window.global(metric)));
        let both = |metric| {
            let values = window.global(metric);
            EvaluatedMetric::new(latest(&values), average(values.iter().copied(), 1))
        };
        Self {
            gc_pressure: current("GC_PRESSURE"),
            num_task_slots_used: current("NUM_TASK_SLOTS_USED"),
            heap_max_usage_ratio: both("HEAP_MAX_USAGE_RATIO"),
            heap_memory_used: both("HEAP_MEMORY_USED"),
            managed_memory_used: both("MANAGED_MEMORY_USED"),
            metaspace_memory_used: both("METASPACE_MEMORY_USED"),
        }
    }

    /// All of them by name.
    pub fn scalars(&self) -> [Scalar; 6] {
        [
            ("GC_PRESSURE", self.gc_pressure),
            ("NUM_TASK_SLOTS_USED", self.num_task_slots_used),
            ("HEAP_MAX_USAGE_RATIO", self.heap_max_usage_ratio),
            ("HEAP_MEMORY_USED", self.heap_memory_used),
            ("MANAGED_MEMORY_USED", self.managed_memory_used),
            ("METASPACE_MEMORY_USED", self.metaspace_memory_used),
        ]
        .map(|(metric, value)| Scalar { metric, current: value.current, average: value.average })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeView, cases, number, same};

    #[test]
    fn global_metrics_are_evaluated_as_upstream_does() {
        for case in cases("upstream_global_metrics") {
            let samples = case["samples"].as_array().unwrap();
            let mut view = FakeView { times: (0..samples.len() as i64).collect(), ..FakeView::default() };
            for metric in case["expected"].as_object().unwrap().keys() {
                let values = samples.iter().map(|sample| number(&sample[metric])).collect();
                view.globals.insert(metric.clone(), values);
            }
            for scalar in GlobalEvaluation::of(&Window::new(&view, 0)).scalars() {
                let expected = &case["expected"][scalar.metric];
                assert!(same(scalar.current, number(&expected["current"])), "{case} {scalar:?}");
                assert!(same(scalar.average, number(&expected["average"])), "{case} {scalar:?}");
            }
        }
    }
}
