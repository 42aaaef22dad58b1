//! The way of a version into service: found, fitted, checked, rehearsed, active. One at a time in a process.

use std::sync::Arc;
use std::time::Instant;

use tidegate_common::time::Timestamp;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tracing::{debug, info, warn};
use wildmatch::WildMatch;

use super::slot::{Service, Slot};
use super::version::Version;
use super::{Offer, Spec, SteerError, VersionState};
use crate::causes::in_one_text;
use crate::config::Role;
use crate::control::{LiveExtensions, Policies, Table, Views};
use crate::metrics::Metrics;
use crate::model::Observation;
use crate::plugin::Runtime;
use crate::plugin::kind::Kind;
use crate::plugin::load::Code;

/// Differences of one rehearsal that the log shows.
const SHOWN_DIFFERENCES: usize = 20;

/// What every way into service needs.
pub(super) struct Workshop {
    pub(super) runtime: Runtime,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(super) policies: Policies,
    pub(super) extensions: LiveExtensions,
    pub(super) views: Arc<Views>,
    /// Held by the one version that is on its way.
    pub(super) turn: Mutex<()>,
}

/// How much a version has to be new to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eagerness {
    /// Other content than was offered last.
    IfNew,
    /// Anything that is not in service.
    Always,
}

impl Workshop {
    /// Takes `code` into service, if it comes that far. Whatever happens before that leaves the version in service
    /// alone.
    pub(super) async fn offer<K: Kind>(
        &self,
        slot: &Slot<K>,
        code: Code,
        eagerness: Eagerness,
    ) -> Result<Offer, SteerError> {
        let digest = code.digest;
        let (spec, loaded) = {
            let book = slot.book();
            if eagerness == Eagerness::IfNew && book.offered == Some(digest) {
                return Ok(Offer::Unchanged);
            }
            (Arc::clone(&book.spec), book.loaded(digest))
        };
        if matches!(slot.service().as_ref(), Service::Version(version) if version.digest == digest) {
            slot.book().offered = Some(digest);
            return Ok(Offer::Unchanged);
        }
        slot.found(digest, code.source.to_string(), (self.clock)());
        let began = Instant::now();
        let version = match loaded {
            Some(version) => Ok(version),
            None => self.load(slot, &spec, code).await,
        };
        let loading = began.elapsed();
        let rehearsed = match version {
            Ok(version) => self.rehearse(slot, version).await,
            Err(error) => Err(error),
        };
        debug!(plugin = slot.name(), version = %format_args!("{digest:.12}"), ?loading,
            rehearsing = ?began.elapsed().saturating_sub(loading), "plugin came as far as it does");
        match rehearsed {
            Ok((version, differences)) => {
                slot.activate(digest, &version, differences.clone());
                Ok(Offer::Active { differences })
            }
            Err(error) => {
                self.metrics.plugins.load(slot.name(), error.stage());
                let reason = in_one_text(&error);
                slot.refused(digest, &reason);
                warn!(plugin = slot.name(), version = %format_args!("{digest:.12}"), stage = error.stage(), error = reason,
                    "plugin does not come into service: what is in service stays");
                Err(error)
            }
        }
    }

    /// Lets a version that was loaded before go the rest of the way.
    pub(super) async fn resume<K: Kind>(&self, slot: &Slot<K>) -> Result<Offer, SteerError> {
        let Some(version) = slot.suspended() else {
            return Err(SteerError::NotSuspended { plugin: slot.name().to_owned() });
        };
        let digest = version.digest;
        let (version, differences) = self.rehearse(slot, version).await?;
        slot.activate(digest, &version, differences.clone());
        Ok(Offer::Active { differences })
    }

    /// Compiles a version off the async threads, and starts it on trial.
    async fn load<K: Kind>(&self, slot: &Slot<K>, spec: &Arc<Spec>, code: Code) -> Result<Arc<Version<K>>, SteerError> {
        let digest = code.digest;
        let plugin = self.make::<K>(spec, code).await?;
        slot.reached(digest, VersionState::Fitted);
        let failed = |source| SteerError::Trial { plugin: spec.name.clone(), source };
        plugin.on_trial().await.map_err(failed)?;
        slot.reached(digest, VersionState::Checked);
        Ok(Version::new(&spec.name, plugin, digest, Arc::clone(&self.metrics)))
    }

    async fn make<K: Kind>(&self, spec: &Arc<Spec>, code: Code) -> Result<K, SteerError> {
        let (spec, runtime, metrics) = (Arc::clone(spec), self.runtime.clone(), Arc::clone(&self.metrics));
        spawn_blocking(move || {
            K::make(&spec, &code, &runtime, metrics)
                .map_err(|source| SteerError::Load { plugin: spec.name.clone(), source })
        })
        .await?
    }

    /// Loads what the host carries, to have it at hand when something fails.
    pub(super) async fn bundled<K: Kind>(&self, spec: &Spec, carried: &Spec) -> Result<Arc<Version<K>>, SteerError> {
        let failed = |source| SteerError::Load { plugin: spec.name.clone(), source };
        let code = carried.source.fetch(spec.role.name()).map_err(failed)?;
        let digest = code.digest;
        let carried = Arc::new(Spec { name: spec.name.clone(), ..carried.clone() });
        let plugin = self.make::<K>(&carried, code).await?;
        Ok(Version::new(&spec.name, plugin, digest, Arc::clone(&self.metrics)))
    }

    async fn rehearse<K: Kind>(
        &self,
        slot: &Slot<K>,
        version: Arc<Version<K>>,
    ) -> Result<(Arc<Version<K>>, Vec<crate::control::Difference>), SteerError> {
        let (plugin, spec) = (slot.name(), Arc::clone(&slot.book().spec));
        let table = self.policies.table();
        let views = self.views_of(&spec, &table);
        let rehearsal = version.plugin.rehearse(&table, &views, &self.extensions.now()).await;
        let differences = rehearsal.map_err(|source| SteerError::Rehearsal { plugin: plugin.to_owned(), source })?;
        for difference in differences.iter().take(SHOWN_DIFFERENCES) {
            let (job, name) = (&difference.job, &difference.job_name);
            let (in_service, rehearsed) = (&difference.in_service, &difference.rehearsed);
            info!(plugin, %job, name, in_service, rehearsed, "new version decides differently");
        }
        for index in 0..views.len() {
            let result = if index < differences.len() { "different" } else { "same" };
            self.metrics.plugins.rehearsal(plugin, result);
        }
        Ok((version, differences))
    }

    /// The latest views of the jobs that are a policy's, or will be.
    fn views_of(&self, spec: &Spec, table: &Table) -> Vec<Arc<Observation>> {
        if spec.role != Role::Policy {
            return Vec::new();
        }
        let patterns: Vec<WildMatch> = spec.jobs.iter().map(|pattern| WildMatch::new(pattern)).collect();
        self.views.of(|cluster, job| match patterns.as_slice() {
            [] => spec.shadow || !table.is_assigned(cluster, job),
            patterns => {
                let name = format!("{cluster}/{job}");
                patterns.iter().any(|pattern| pattern.matches(&name))
            }
        })
    }
}
