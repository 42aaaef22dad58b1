//! What the daemon counts about itself, in Prometheus' words.

mod calls;
mod plugins;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

pub use calls::{Alive, CallMetrics, Meter, PluginUse};
pub use plugins::PluginMetrics;

/// Reasons of events that are told apart: policies make them up, and each is a series of its own.
const MOST_REASONS: usize = 100;

/// Counters of the whole process. Cheap to share; every method only counts.
pub struct Metrics {
    /// What is counted about calls into plugins.
    pub calls: CallMetrics,
    /// What is counted about plugins' lives.
    pub plugins: PluginMetrics,
    registry: Registry,
    passes: Family<PassLabels, Counter>,
    pass_time: Histogram,
    decisions: Family<DecisionLabels, Counter>,
    rescales: Family<RescaleLabels, Counter>,
    events: Family<EventLabels, Counter>,
    reasons: Mutex<BTreeSet<String>>,
    events_dropped: Family<PluginName, Counter>,
    list_errors: Family<ClusterLabels, Counter>,
    config_reloads: Family<ReloadLabels, Counter>,
    config_successful: Gauge,
    state_store: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    cluster: String,
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    cluster: String,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RescaleLabels {
    cluster: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginName {
    plugin: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    cluster: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClusterLabels {
    cluster: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tidegate");
        let plugins = PluginMetrics::register(&mut registry);
        let passes = Family::default();
        registry.register("passes", "Looks at one job, by how far they got", passes.clone());
        let pass_time = Histogram::new(exponential_buckets(0.001, 2.0, 14));
        registry.register_with_unit("pass", "Time of one pass of a running job", Unit::Seconds, pass_time.clone());
        let decisions = Family::default();
        registry.register("decisions", "What policies said", decisions.clone());
        let rescales = Family::default();
        registry.register("rescales", "What came of asking Flink for other bounds", rescales.clone());
        let calls = CallMetrics::register(&mut registry);
        let events = Family::default();
        registry.register("events", "Events handed to the handlers, after de-duplication", events.clone());
        let events_dropped = Family::default();
        registry.register("events_dropped", "Events that a slow handler never got", events_dropped.clone());
        let list_errors = Family::default();
        registry.register("job_list_errors", "Failed looks at a cluster's job list", list_errors.clone());
        let config_reloads = Family::default();
        registry.register("config_reloads", "Attempts to put a new configuration in force", config_reloads.clone());
        let config_successful = Gauge::default();
        registry.register(
            "config_last_reload_successful",
            "Whether the configuration as it was read last is in force",
            config_successful.clone(),
        );
        let state_store = Gauge::default();
        registry.register(
            "state_store_up",
            "Whether the state store answered when it was asked last",
            state_store.clone(),
        );
        Self {
            calls,
            plugins,
            registry,
            passes,
            pass_time,
            decisions,
            rescales,
            events,
            reasons: Mutex::default(),
            events_dropped,
            list_errors,
            config_reloads,
            config_successful,
            state_store,
        }
    }
}

impl Metrics {
    /// Appends everything in the text format that Prometheus scrapes, without the mark of its end.
    ///
    /// # Errors
    /// Never, as far as `String` is concerned; the format's own word.
    pub fn write(&self, text: &mut String) -> std::fmt::Result {
        encode_registry(text, &self.registry)
    }

    /// One pass ended at `stage`.
    pub fn pass(&self, cluster: &str, stage: &'static str, took: Duration) {
        self.passes.get_or_create(&PassLabels { cluster: cluster.to_owned(), stage }).inc();
        self.pass_time.observe(took.as_secs_f64());
    }

    /// A policy decided.
    pub fn decision(&self, cluster: &str, verdict: &'static str) {
        self.decisions.get_or_create(&DecisionLabels { cluster: cluster.to_owned(), verdict }).inc();
    }

    /// Flink was asked for other bounds.
    pub fn rescale(&self, cluster: &str, outcome: &'static str) {
        self.rescales.get_or_create(&RescaleLabels { cluster: cluster.to_owned(), outcome }).inc();
    }

    /// The state store is in reach, or is not.
    pub fn state_store(&self, up: bool) {
        self.state_store.set(i64::from(up));
    }

    /// An event is handed to the handlers. Its reason is `other` where there are too many already.
    pub fn event(&self, cluster: &str, reason: &str) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        if reasons.len() < MOST_REASONS && !reasons.contains(reason) {
            reasons.insert(reason.to_owned());
        }
        let reason = if reasons.contains(reason) { reason } else { "other" };
        self.events.get_or_create(&EventLabels { cluster: cluster.to_owned(), reason: reason.to_owned() }).inc();
    }

    /// A handler's queue was full.
    pub fn event_dropped(&self, handler: &str) {
        self.events_dropped.get_or_create(&PluginName { plugin: handler.to_owned() }).inc();
    }

    /// A cluster's job list could not be had.
    pub fn list_error(&self, cluster: &str) {
        self.list_errors.get_or_create(&ClusterLabels { cluster: cluster.to_owned() }).inc();
    }

    /// The configuration that the daemon begins with is in force.
    pub fn config_in_force(&self) {
        self.config_successful.set(1);
    }

    /// A new configuration was put in force, or refused.
    pub fn config_reload(&self, taken: bool) {
        let result = if taken { "taken" } else { "refused" };
        self.config_reloads.get_or_create(&ReloadLabels { result }).inc();
        self.config_successful.set(i64::from(taken));
    }
}
