//! A trace through the host: the REST client, the watch over the cluster, its passes, on the trace's own clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;

use super::transport::RecordedCluster;
use super::{Outcome, Start, Trace};
use crate::control::{
    Cluster, Controller, DecisionRecord, LiveExtensions, Pace, Pass, Policies, Readiness, Records, ShadowTurns, Watch,
};
use crate::event::Events;
use crate::flink::RestClient;
use crate::metrics::Metrics;
use crate::model::JobKey;
use crate::policy::Policy;
use crate::state::{MemoryStateStore, StateKey, StateStore};
use crate::zone::Zone;

/// What the cluster of a trace is called.
const CLUSTER: &str = "trace";

/// Requests at once, as towards a real cluster.
const CONCURRENCY: usize = 32;

/// A host that looks at the cluster of a trace. What it decides changes nothing: the answers are those of the recording.
pub struct Replay {
    trace: Arc<Trace>,
    cluster: RecordedCluster,
    cluster_name: String,
    policy: Arc<dyn Policy>,
    /// The options that go over those of the trace.
    over: Configuration,
    host: Host,
    next: usize,
    /// The name that the job was last seen under.
    job_name: Option<String>,
}

/// What a start replaces.
struct Host {
    watch: Watch,
    clock: Arc<AtomicI64>,
    records: Arc<Records>,
    store: Arc<MemoryStateStore>,
}

/// One pass of a trace, and what the host did in it.
#[derive(Clone, Debug)]
pub struct ReplayedPass {
    /// The time of the pass.
    pub at: Timestamp,
    /// What was done.
    pub outcome: Outcome,
    /// What was seen and decided; nothing where the job was not looked at.
    pub record: Option<Arc<DecisionRecord>>,
    /// The state that the pass left.
    pub state: BTreeMap<String, String>,
}

impl Replay {
    /// A host before the first pass, which lets `policy` decide; `options` go over those of the trace.
    ///
    /// As in the Java autoscaler, the state of a job goes when the job leaves the list.
    pub fn new(trace: Arc<Trace>, policy: Arc<dyn Policy>, options: &Configuration) -> Self {
        let cluster = RecordedCluster::new(Arc::clone(&trace));
        let cluster_name = trace.cluster.clone().unwrap_or_else(|| CLUSTER.to_owned());
        let host = Host::new(&cluster, &cluster_name, &policy, trace.options.overlaid_with(options), Zone::default());
        let over = options.clone();
        Self { trace, cluster, cluster_name, policy, over, host, next: 0, job_name: None }
    }

    /// Runs the next pass, if there is one.
    pub async fn step(&mut self) -> Option<ReplayedPass> {
        let trace = Arc::clone(&self.trace);
        let pass = trace.passes.get(self.next)?;
        let at = pass.at;
        if let Some(start) = &pass.start {
            self.start(start).await;
        }
        self.cluster.turn_to(self.next);
        self.next += 1;
        self.host.clock.store(at.as_millis(), Ordering::Release);
        self.host.watch.look().await;
        self.host.watch.settle().await;

        let key = JobKey { cluster: self.cluster_name.clone(), id: trace.job };
        let known = self.host.records.latest().into_iter().find(|record| record.job == key);
        if let Some(record) = &known {
            self.job_name = Some(record.job_name.clone());
        }
        let state = self.state().await;
        // An older record is that of a pass before the cluster could not be reached.
        let record = known.clone().filter(|record| record.at == at);
        let outcome = match &record {
            Some(record) => Outcome::of(record, self.cluster.put().as_ref(), &state),
            None => Outcome::nothing(known.map_or(0, |record| record.samples), &state),
        };
        Some(ReplayedPass { at, outcome, record, state })
    }

    /// Begins anew, with what the recording host remembered.
    async fn start(&mut self, start: &Start) {
        let options = start.options.overlaid_with(&self.over);
        self.host = Host::new(&self.cluster, &self.cluster_name, &self.policy, options, start.zone.clone());
        self.job_name.clone_from(&start.job_name);
        if let Some(name) = &start.job_name {
            let key = StateKey { cluster: self.cluster_name.clone(), job: name.clone() };
            let state = start.state.iter().map(|(key, text)| (key.clone(), Some(text.clone()))).collect();
            // A store in memory does not fail.
            let _ = self.host.store.save(&key, &state).await;
        }
    }

    async fn state(&self) -> BTreeMap<String, String> {
        let Some(name) = &self.job_name else { return BTreeMap::new() };
        let key = StateKey { cluster: self.cluster_name.clone(), job: name.clone() };
        // A store in memory does not fail.
        self.host.store.load(&key).await.unwrap_or_default()
    }
}

impl Host {
    fn new(
        cluster: &RecordedCluster,
        name: &str,
        policy: &Arc<dyn Policy>,
        options: Configuration,
        zone: Zone,
    ) -> Self {
        let metrics = Arc::new(Metrics::default());
        let store = Arc::new(MemoryStateStore::default());
        let records = Arc::new(Records::default());
        let clock = Arc::new(AtomicI64::new(0));
        // Without a handler there is no task to deliver to: what there was to tell is in the records.
        let (events, _deliveries) = Events::start(Vec::new(), Arc::clone(&metrics));
        let shown = Arc::clone(&clock);
        let controller = Controller {
            pass: Arc::new(Pass {
                policies: Policies::new(Arc::clone(policy)),
                views: Arc::default(),
                shadow_turns: ShadowTurns::default(),
                extensions: LiveExtensions::default(),
                store: Arc::clone(&store) as Arc<dyn StateStore>,
                events,
                metrics,
                zone,
            }),
            records: Arc::clone(&records),
            taps: Arc::default(),
            readiness: Arc::new(Readiness::default()),
            clock: Arc::new(move || Timestamp::from_millis(shown.load(Ordering::Acquire))),
        };
        let watched = Cluster {
            name: name.to_owned(),
            job_manager: Arc::new(RestClient::over(cluster.clone(), CONCURRENCY)),
            options,
            pace: Pace { interval: Duration::ZERO, forget_after: Duration::ZERO, concurrency: 1 },
        };
        Self { watch: Watch::new(controller, Arc::new(watched)), clock, records, store }
    }
}
