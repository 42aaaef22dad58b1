//! A trace through the host: the REST client, the watch over the cluster, its passes, on the trace's own clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;

use super::transport::RecordedCluster;
use super::{Outcome, Start, Trace};
use crate::control::DecisionRecord;
use crate::model::{JobKey, Observation};
use crate::offline::{Helpers, OfflineHost};
use crate::policy::Policy;
use crate::state::TOLD_EVENTS;
use crate::zone::Zone;

/// What the cluster of a trace is called.
const CLUSTER: &str = "trace";

/// A host that looks at the cluster of a trace. What it decides changes nothing: the answers are those of the recording.
pub struct Replay {
    trace: Arc<Trace>,
    cluster: RecordedCluster,
    cluster_name: String,
    policy: Arc<dyn Policy>,
    helpers: Helpers,
    /// The options that go over those of the trace.
    over: Configuration,
    host: OfflineHost,
    next: usize,
    /// The name that the job was last seen under.
    job_name: Option<String>,
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
    /// The state that the pass left, without what the host keeps of events: that names the process.
    pub state: BTreeMap<String, String>,
}

impl Replay {
    /// A host before the first pass, which lets `policy` decide; `options` go over those of the trace.
    ///
    /// As in the Java autoscaler, the state of a job goes when the job leaves the list.
    pub fn new(trace: Arc<Trace>, policy: Arc<dyn Policy>, options: &Configuration) -> Self {
        Self::with_helpers(trace, policy, Helpers::default(), options)
    }

    /// The same with others that take part. After each pass its events have been handled.
    pub fn with_helpers(trace: Arc<Trace>, policy: Arc<dyn Policy>, helpers: Helpers, options: &Configuration) -> Self {
        let cluster = RecordedCluster::new(Arc::clone(&trace));
        let cluster_name = trace.cluster.clone().unwrap_or_else(|| CLUSTER.to_owned());
        let host = OfflineHost::new(
            cluster.clone(),
            &cluster_name,
            &policy,
            &helpers,
            trace.options.overlaid_with(options),
            Zone::default(),
        );
        let over = options.clone();
        Self { trace, cluster, cluster_name, policy, helpers, over, host, next: 0, job_name: None }
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
        self.host.pass(at).await;

        let key = JobKey { cluster: self.cluster_name.clone(), id: trace.job };
        let known = self.host.record(&key);
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

    /// What the policy was last shown of the job; nothing where it has not been asked yet.
    pub fn view(&self) -> Option<Arc<Observation>> {
        self.host.view()
    }

    /// Begins anew, with what the recording host remembered.
    async fn start(&mut self, start: &Start) {
        let options = start.options.overlaid_with(&self.over);
        let (cluster, name) = (self.cluster.clone(), &self.cluster_name);
        self.host = OfflineHost::new(cluster, name, &self.policy, &self.helpers, options, start.zone.clone());
        self.job_name.clone_from(&start.job_name);
        if let Some(name) = &start.job_name {
            self.host.remember(name, &start.state).await;
        }
    }

    async fn state(&self) -> BTreeMap<String, String> {
        let Some(name) = &self.job_name else { return BTreeMap::new() };
        let mut state = self.host.state(name).await;
        state.remove(TOLD_EVENTS);
        state
    }
}
