//! What is counted about plugins beside their calls: what is in service, and how it came and went.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::PluginName;
use crate::model::Digest;

/// Counters of plugins' lives.
#[derive(Default)]
pub struct PluginMetrics {
    failures: Family<KindLabels, Counter>,
    loads: Family<ResultLabels, Counter>,
    swaps: Family<PluginName, Counter>,
    suspensions: Family<PluginName, Counter>,
    rehearsals: Family<ResultLabels, Counter>,
    active: Family<VersionLabels, Gauge>,
    versions: Family<PluginName, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    plugin: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    plugin: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabels {
    plugin: String,
    digest: String,
}

fn named(plugin: &str) -> PluginName {
    PluginName { plugin: plugin.to_owned() }
}

impl PluginMetrics {
    /// Everything at zero, shown by `registry`.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register("plugin_failures", "Failures of plugins in service, by kind", all.failures.clone());
        registry.register("plugin_loads", "Versions that were found, by what came of them", all.loads.clone());
        registry.register("plugin_swaps", "Versions that went into service", all.swaps.clone());
        registry.register("plugin_suspensions", "Versions that failed too often", all.suspensions.clone());
        registry.register("plugin_rehearsals", "Decisions beside the policy in service", all.rehearsals.clone());
        registry.register("plugin_active", "1 for the version in service", all.active.clone());
        registry.register("plugin_versions", "Versions in memory", all.versions.clone());
        all
    }

    /// A version in service failed; `kind` as in the configuration's `on-failure`.
    pub fn failure(&self, plugin: &str, kind: &'static str) {
        self.failures.get_or_create(&KindLabels { plugin: plugin.to_owned(), kind }).inc();
    }

    /// A version was found: it is `active`, or where it stopped.
    pub fn load(&self, plugin: &str, result: &'static str) {
        self.loads.get_or_create(&ResultLabels { plugin: plugin.to_owned(), result }).inc();
    }

    /// Another version is in service, or none.
    pub fn swap(&self, plugin: &str, before: Option<Digest>, now: Option<Digest>) {
        let labels = |digest: Digest| VersionLabels { plugin: plugin.to_owned(), digest: digest.to_string() };
        if let Some(labels) = before.map(labels) {
            // For a moment two places of one plugin can have the same version in service.
            let others = self.active.get_or_create(&labels).dec() > 1;
            if !others {
                self.active.remove(&labels);
            }
        }
        if let Some(now) = now {
            self.active.get_or_create(&labels(now)).inc();
            self.swaps.get_or_create(&named(plugin)).inc();
        }
    }

    /// A version failed too often.
    pub fn suspension(&self, plugin: &str) {
        self.suspensions.get_or_create(&named(plugin)).inc();
    }

    /// A policy decided beside the one in service: the `same`, `different`, `failed`, or it was `skipped`.
    pub fn rehearsal(&self, plugin: &str, result: &'static str) {
        self.rehearsals.get_or_create(&ResultLabels { plugin: plugin.to_owned(), result }).inc();
    }

    /// So many versions in memory more, or fewer.
    pub fn versions(&self, plugin: &str, change: i64) {
        self.versions.get_or_create(&named(plugin)).inc_by(change);
    }
}
