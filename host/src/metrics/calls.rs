//! What is counted about calls into plugins: each plugin's counters, at hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::PluginName;

/// Counters of calls, by plugin.
pub struct CallMetrics {
    calls: Family<OutcomeLabels, Counter>,
    failures: Family<KindLabels, Counter>,
    time: Family<PluginName, Histogram, fn() -> Histogram>,
    cpu: Family<PluginName, Counter<f64, AtomicU64>>,
    memory: Family<PluginName, Gauge>,
    instances: Family<PluginName, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    plugin: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    plugin: String,
    kind: &'static str,
}

/// The counters of one plugin's calls. All of its versions share them.
pub struct Meter {
    plugin: String,
    answered: Counter,
    failed: Counter,
    failures: Family<KindLabels, Counter>,
    time: Histogram,
    cpu: Counter<f64, AtomicU64>,
    memory: Gauge,
    instances: Gauge,
}

/// What a plugin has used since the process began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PluginUse {
    /// Calls that it answered.
    pub answered: u64,
    /// Calls that ended without an answer that could be taken.
    pub failed: u64,
    /// Seconds on a processor, over all calls.
    pub cpu_seconds: f64,
    /// The most bytes of linear memory that one instance had.
    pub memory_peak: u64,
    /// Instances that are alive now.
    pub instances: u64,
}

/// An instance that is alive.
pub struct Alive(Gauge);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl CallMetrics {
    /// Everything at zero, shown by `registry`.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let all = Self {
            calls: Family::default(),
            failures: Family::default(),
            time: Family::new_with_constructor(histogram as fn() -> Histogram),
            cpu: Family::default(),
            memory: Family::default(),
            instances: Family::default(),
        };
        registry.register("plugin_calls", "Calls into plugins", all.calls.clone());
        registry.register("plugin_call_failures", "Calls without a good answer, by kind", all.failures.clone());
        registry.register_with_unit(
            "plugin_call",
            "Time of calls into plugins, fresh instance included",
            Unit::Seconds,
            all.time.clone(),
        );
        registry.register_with_unit(
            "plugin_cpu",
            "Processor time of calls into plugins, fresh instance included",
            Unit::Seconds,
            all.cpu.clone(),
        );
        registry.register_with_unit(
            "plugin_memory_peak",
            "The most linear memory that one instance had since the start",
            Unit::Bytes,
            all.memory.clone(),
        );
        registry.register("plugin_instances", "Instances that are alive", all.instances.clone());
        all
    }

    /// The counters of one plugin.
    pub fn meter(&self, plugin: &str) -> Meter {
        let outcome = |result| OutcomeLabels { plugin: plugin.to_owned(), result };
        let name = PluginName { plugin: plugin.to_owned() };
        Meter {
            plugin: plugin.to_owned(),
            answered: self.calls.get_or_create_owned(&outcome("ok")),
            failed: self.calls.get_or_create_owned(&outcome("failed")),
            failures: self.failures.clone(),
            time: self.time.get_or_create_owned(&name),
            cpu: self.cpu.get_or_create_owned(&name),
            memory: self.memory.get_or_create_owned(&name),
            instances: self.instances.get_or_create_owned(&name),
        }
    }
}

impl Meter {
    /// One call ended: how long it took, how much of that on a processor, and the kind of its failure.
    pub fn call(&self, took: Duration, cpu: Duration, failure: Option<&'static str>) {
        match failure {
            None => self.answered.inc(),
            Some(kind) => {
                self.failures.get_or_create(&KindLabels { plugin: self.plugin.clone(), kind }).inc();
                self.failed.inc()
            }
        };
        self.time.observe(took.as_secs_f64());
        self.cpu.inc_by(cpu.as_secs_f64());
    }

    /// An instance is alive, as long as the answer is.
    #[must_use]
    pub fn instance(&self) -> Alive {
        self.instances.inc();
        Alive(self.instances.clone())
    }

    /// An instance had so many bytes of linear memory.
    pub fn memory(&self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.memory.inner().fetch_max(bytes, Ordering::Relaxed);
    }

    /// What was counted.
    pub fn used(&self) -> PluginUse {
        let positive = |value: i64| u64::try_from(value).unwrap_or_default();
        PluginUse {
            answered: self.answered.get(),
            failed: self.failed.get(),
            cpu_seconds: self.cpu.get(),
            memory_peak: positive(self.memory.get()),
            instances: positive(self.instances.get()),
        }
    }
}

fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn all_versions_of_a_plugin_share_its_counters() {
        let metrics = Metrics::default();
        let (one, other) = (metrics.calls.meter("x"), metrics.calls.meter("x"));
        let alive = one.instance();
        one.memory(300);
        one.memory(200);
        let second = Duration::from_secs(1);
        one.call(second, second, None);
        other.call(second, second, Some("deadline"));
        let expected = PluginUse { answered: 1, failed: 1, cpu_seconds: 2.0, memory_peak: 300, instances: 1 };
        assert_eq!(other.used(), expected);
        drop(alive);
        assert_eq!(one.used().instances, 0);
        let mut text = String::new();
        metrics.write(&mut text).unwrap();
        assert!(text.contains("tidegate_plugin_call_failures_total{plugin=\"x\",kind=\"deadline\"} 1"), "{text}");
        assert!(text.contains("tidegate_plugin_memory_peak_bytes{plugin=\"x\"} 300"), "{text}");
    }
}
