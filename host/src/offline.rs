//! The host without a network and without a clock of its own: one cluster, whatever stands in for HTTP, on a time that
//! is set from outside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;

use tokio::task::JoinSet;

use crate::control::{
    Cluster, Controller, DecisionRecord, ExtensionPlugins, Pace, Pass, Policies, Readiness, Records, ShadowTurns, Watch,
};
use crate::event::{EventHandler, Events};
use crate::flink::{RestClient, Transport};
use crate::metrics::Metrics;
use crate::model::{JobKey, Observation};
use crate::policy::Policy;
use crate::state::{MemoryStateStore, StateKey, StateStore};
use crate::zone::Zone;

/// Requests at once, as towards a real cluster.
const CONCURRENCY: usize = 32;

/// How long the handlers may take over the events of one pass.
const PATIENCE: Duration = Duration::from_secs(120);

/// What takes part beside the policy.
#[derive(Clone, Default)]
pub struct Helpers {
    /// Evaluators, aligners and filters: jobs choose them by their options.
    pub extensions: ExtensionPlugins,
    /// Who is told.
    pub handlers: Vec<Arc<dyn EventHandler>>,
}

/// A host that looks at one cluster, and remembers in memory.
pub(crate) struct OfflineHost {
    cluster: String,
    pass: Arc<Pass>,
    /// One task for each handler.
    deliveries: JoinSet<()>,
    watch: Watch,
    clock: Arc<AtomicI64>,
    records: Arc<Records>,
    store: Arc<MemoryStateStore>,
}

impl OfflineHost {
    /// A host before its first pass over the cluster of this name, which lets `policy` decide.
    ///
    /// As in the Java autoscaler, the state of a job goes when the job leaves the list.
    pub(crate) fn new(
        transport: impl Transport + 'static,
        name: &str,
        policy: &Arc<dyn Policy>,
        helpers: &Helpers,
        options: Configuration,
        zone: Zone,
    ) -> Self {
        let metrics = Arc::new(Metrics::default());
        let store = Arc::new(MemoryStateStore::default());
        let records = Arc::new(Records::default());
        let clock = Arc::new(AtomicI64::new(0));
        let (events, deliveries) = Events::start(helpers.handlers.clone(), Arc::clone(&metrics));
        let shown = Arc::clone(&clock);
        let pass = Arc::new(Pass {
            policies: Policies::new(Arc::clone(policy)),
            views: Arc::default(),
            shadow_turns: ShadowTurns::default(),
            extensions: helpers.extensions.clone().into(),
            store: Arc::clone(&store) as Arc<dyn StateStore>,
            events,
            metrics,
            zone,
        });
        let controller = Controller {
            pass: Arc::clone(&pass),
            records: Arc::clone(&records),
            taps: Arc::default(),
            readiness: Arc::new(Readiness::default()),
            clock: Arc::new(move || Timestamp::from_millis(shown.load(Ordering::Acquire))),
        };
        let watched = Cluster {
            name: name.to_owned(),
            job_manager: Arc::new(RestClient::over(transport, CONCURRENCY)),
            options,
            pace: Pace { interval: Duration::ZERO, forget_after: Duration::ZERO, concurrency: 1 },
        };
        let watch = Watch::new(controller, Arc::new(watched));
        Self { cluster: name.to_owned(), pass, deliveries, watch, clock, records, store }
    }

    /// Looks at every job of the cluster at this time, and waits for all of it.
    pub(crate) async fn pass(&mut self, at: Timestamp) {
        self.clock.store(at.as_millis(), Ordering::Release);
        self.watch.look().await;
        self.watch.settle().await;
        if !self.deliveries.is_empty() {
            self.pass.events.settle(&self.cluster, PATIENCE).await;
        }
    }

    /// What the job's policy was last shown.
    pub(crate) fn view(&self) -> Option<Arc<Observation>> {
        self.pass.views.of(|_, _| true).pop()
    }

    /// The record of the last pass over a job.
    pub(crate) fn record(&self, job: &JobKey) -> Option<Arc<DecisionRecord>> {
        self.records.latest().into_iter().find(|record| record.job == *job)
    }

    /// What is remembered of the job with this name.
    pub(crate) async fn state(&self, job_name: &str) -> BTreeMap<String, String> {
        // A store in memory does not fail.
        self.store.load(&self.key(job_name)).await.unwrap_or_default()
    }

    /// Remembers this of the job with this name.
    pub(crate) async fn remember(&self, job_name: &str, state: &BTreeMap<String, String>) {
        let state = state.iter().map(|(key, text)| (key.clone(), Some(text.clone()))).collect();
        // A store in memory does not fail.
        let _ = self.store.save(&self.key(job_name), &state).await;
    }

    fn key(&self, job_name: &str) -> StateKey {
        StateKey { cluster: self.cluster.clone(), job: job_name.to_owned() }
    }
}
