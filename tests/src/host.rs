//! The real host on a simulated cluster, over HTTP, one pass at a time on a clock that is moved by hand.
#![expect(clippy::expect_used, reason = "a test whose world cannot be set up has failed")]

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate::control::{
    self, Controller, DecisionRecord, ExtensionPlugins, LiveExtensions, Pace, Pass, Policies, Readiness, Records,
    ShadowTurns, TapedPass, Taps, Views, Watch,
};
use tidegate::event::{EventHandler, Events, HandlerError};
use tidegate::flink::{RestClient, RestOptions};
use tidegate::metrics::Metrics;
use tidegate::model::{JobEvent, JobId, JobKey};
use tidegate::plugin::Registry;
use tidegate::policy::Policy;
use tidegate::simulate::{Cluster, ClusterOptions, JobShape, ManualClock, Rescale};
use tidegate::state::{MemoryStateStore, StateKey, StateStore};
use tidegate::zone::Zone;
use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};

pub use crate::guests::{
    bundled_policy, hostile_handler, hostile_policy, hostile_policy_within, http_handler, test_extensions,
};

/// The name of the simulated cluster in the host's configuration.
pub const CLUSTER: &str = "simulated";

/// Between two passes.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// The options of all jobs, unless a scenario says something else: the window is full after seven passes.
const OPTIONS: [(&str, &str); 5] = [
    ("job.autoscaler.enabled", "true"),
    ("job.autoscaler.metrics.window", "50s"),
    ("job.autoscaler.stabilization.interval", "10s"),
    ("job.autoscaler.restart.time", "10s"),
    ("job.autoscaler.catch-up.duration", "2min"),
];

/// Where the simulated clock starts; the first pass is one interval later.
pub const START: Timestamp = Timestamp::from_millis(1_795_415_000_000);

/// What a scenario begins with.
pub struct Scenario {
    jobs: Vec<JobShape>,
    cluster: ClusterOptions,
    store: Arc<dyn StateStore>,
    setting: Setting,
}

/// What a host is made of.
#[derive(Clone)]
struct Setting {
    options: Configuration,
    policies: Policies,
    handlers: Vec<Arc<dyn EventHandler>>,
    views: Arc<Views>,
    extensions: LiveExtensions,
}

/// A host that looks after one simulated cluster.
pub struct Host {
    /// The cluster, as a test changes it.
    pub cluster: Arc<Cluster>,
    url: String,
    clock: ManualClock,
    setting: Setting,
    process: Process,
    records: Vec<Arc<DecisionRecord>>,
    store: Arc<dyn StateStore>,
    told: Arc<Recorder>,
    /// The cluster's server; it ends with the host.
    _server: JoinSet<()>,
}

/// What ends when a daemon is killed.
struct Process {
    watch: Watch,
    taps: Arc<Taps>,
    news: Receiver<Arc<DecisionRecord>>,
    metrics: Arc<Metrics>,
    /// The way of the events.
    _deliveries: JoinSet<()>,
}

impl Scenario {
    /// A cluster that runs these jobs, and the bundled policy.
    pub fn of(jobs: impl IntoIterator<Item = JobShape>) -> Self {
        Self {
            jobs: jobs.into_iter().collect(),
            cluster: ClusterOptions::default(),
            store: Arc::new(MemoryStateStore::default()),
            setting: Setting {
                options: OPTIONS.into_iter().collect(),
                policies: Policies::new(bundled_policy()),
                handlers: Vec::new(),
                views: Arc::default(),
                extensions: LiveExtensions::default(),
            },
        }
    }

    /// The option of all jobs under `key`.
    #[must_use]
    pub fn option(mut self, key: &str, value: &str) -> Self {
        self.setting.options.set(key, value);
        self
    }

    /// A cluster that behaves so.
    #[must_use]
    pub fn cluster(mut self, options: ClusterOptions) -> Self {
        self.cluster = options;
        self
    }

    /// The policies of a registry, as they are in service from pass to pass.
    #[must_use]
    pub fn registry(mut self, registry: &Registry) -> Self {
        (self.setting.policies, self.setting.views) = (registry.policies(), registry.views());
        self.setting.extensions = registry.extensions();
        self
    }

    /// Another policy for the job with this name.
    #[must_use]
    pub fn policy(mut self, job_name: &str, policy: Arc<dyn Policy>) -> Self {
        self.setting.policies.assign(&[format!("{CLUSTER}/{job_name}")], policy);
        self
    }

    /// Another one that is told of every event.
    #[must_use]
    pub fn event_handler(mut self, handler: Arc<dyn EventHandler>) -> Self {
        self.setting.handlers.push(handler);
        self
    }

    /// Another place for the state of the jobs than memory.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn StateStore>) -> Self {
        self.store = store;
        self
    }

    /// Plugins that jobs may name.
    #[must_use]
    pub fn extensions(mut self, extensions: ExtensionPlugins) -> Self {
        self.setting.extensions = LiveExtensions::from(extensions);
        self
    }

    /// Starts the cluster and the host. Nothing is looked at yet.
    pub async fn start(self) -> Host {
        let clock = ManualClock::starting_at(START);
        let cluster = Cluster::with_options(self.jobs, self.cluster, clock.clock()).expect("jobs that can be");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let mut server = JoinSet::new();
        let serving = Arc::clone(&cluster);
        server.spawn(async move { serving.serve(listener, pending()).await.expect("a server") });

        let Self { store, setting, .. } = self;
        let url = format!("http://{address}");
        let told = Arc::new(Recorder::default());
        let process = setting.start(&url, &clock, &store, &told);
        Host { cluster, url, clock, setting, process, records: Vec::new(), store, told, _server: server }
    }
}

impl Setting {
    fn start(&self, url: &str, clock: &ManualClock, store: &Arc<dyn StateStore>, told: &Arc<Recorder>) -> Process {
        let metrics = Arc::new(Metrics::default());
        let mut handlers = self.handlers.clone();
        handlers.push(Arc::clone(told) as Arc<dyn EventHandler>);
        let (events, _deliveries) = Events::start(handlers, Arc::clone(&metrics));
        let records = Arc::new(Records::default());
        let news = records.subscribe();
        let taps = Arc::new(Taps::default());
        let now = clock.clone();
        let controller = Controller {
            pass: Arc::new(Pass {
                policies: self.policies.clone(),
                views: Arc::clone(&self.views),
                shadow_turns: ShadowTurns::default(),
                extensions: self.extensions.clone(),
                store: Arc::clone(store),
                events,
                metrics: Arc::clone(&metrics),
                zone: Zone::default(),
            }),
            records,
            taps: Arc::clone(&taps),
            readiness: Arc::new(Readiness::default()),
            clock: Arc::new(move || now.now()),
        };
        let client = RestClient::new(&RestOptions::new(url)).expect("a client");
        let looked_after = control::Cluster {
            name: CLUSTER.to_owned(),
            job_manager: Arc::new(client),
            options: self.options.clone(),
            pace: Pace { interval: INTERVAL, forget_after: Duration::from_secs(3600), concurrency: 100 },
        };
        let watch = Watch::new(controller, Arc::new(looked_after));
        Process { watch, taps, news, metrics, _deliveries }
    }
}

impl Host {
    /// Ends the host as a kill does, and starts it again: it knows no more than what is stored. Events that were told,
    /// and the records of passes, are still known to the test.
    pub fn restart(&mut self) {
        self.process = self.setting.start(&self.url, &self.clock, &self.store, &self.told);
    }

    /// Moves the clock on by the interval, starts a pass of every job, and waits for all of them.
    pub async fn pass(&mut self) {
        self.begin_pass().await;
        self.process.watch.settle().await;
        self.take_news().await;
    }

    /// So many passes.
    pub async fn passes(&mut self, passes: usize) {
        for _ in 0..passes {
            self.pass().await;
        }
    }

    /// Moves the clock on by the interval, and starts a pass of every job that has none under way.
    pub async fn begin_pass(&mut self) {
        self.clock.advance(INTERVAL);
        self.process.watch.look().await;
    }

    /// Waits until all passes under way are over but `left` of them.
    pub async fn finish_all_but(&mut self, left: usize) {
        while self.process.watch.under_way() > left {
            self.process.watch.finish_one().await;
        }
        self.take_news().await;
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where the cluster's REST API is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The id of the job with this name; the last one submitted if there are several.
    pub fn job(&self, name: &str) -> JobId {
        self.cluster.job_named(name).expect("a job of this name")
    }

    /// Records the job with this name from its next pass on.
    pub fn record(&self, name: &str) -> mpsc::Receiver<Arc<TapedPass>> {
        let key = JobKey { cluster: CLUSTER.to_owned(), id: self.job(name) };
        self.process.taps.open(key).expect("few recorders")
    }

    /// The records of all passes over jobs of this name, the oldest first.
    pub fn records(&self, name: &str) -> Vec<&DecisionRecord> {
        self.records.iter().map(Arc::as_ref).filter(|record| record.job_name == name).collect()
    }

    /// The record of the last pass over a job of this name.
    pub fn last(&self, name: &str) -> &DecisionRecord {
        self.records(name).last().expect("a pass over this job")
    }

    /// The events of jobs of this name with this reason, the oldest first.
    pub fn events(&self, name: &str, reason: &str) -> Vec<JobEvent> {
        let events = self.told.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().filter(|event| event.job_name == name && event.event.reason == reason).cloned().collect()
    }

    /// What the cluster was asked for the running job of this name.
    pub fn puts(&self, name: &str) -> Vec<Rescale> {
        self.cluster.rescales(self.job(name)).expect("a job of this name")
    }

    /// The parallelism of each vertex of the running job of this name, as it really is.
    pub fn parallelism(&self, name: &str) -> Vec<u32> {
        let job = self.job(name);
        let snapshot = self.cluster.snapshot().into_iter().find(|snapshot| snapshot.id == job);
        snapshot.expect("a snapshot of every job").vertices.iter().map(|vertex| vertex.parallelism).collect()
    }

    /// Records that wait at the sources of the running job of this name.
    pub fn lag(&self, name: &str) -> f64 {
        let job = self.job(name);
        let snapshot = self.cluster.snapshot().into_iter().find(|snapshot| snapshot.id == job);
        let vertices = snapshot.expect("a snapshot of every job").vertices;
        vertices.iter().filter_map(|vertex| vertex.source).map(|source| source.lag).sum()
    }

    /// What the host remembers under a job's name.
    pub async fn state(&self, job: &str) -> BTreeMap<String, String> {
        let key = StateKey { cluster: CLUSTER.to_owned(), job: job.to_owned() };
        self.store.load(&key).await.expect("a store that answers")
    }

    /// What the host counts, as Prometheus scrapes it.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        self.process.metrics.write(&mut text).expect("text");
        text
    }

    async fn take_news(&mut self) {
        // On one thread, every task that can run has run before this one is back: events are where they belong.
        for _ in 0..8 {
            yield_now().await;
        }
        while let Ok(record) = self.process.news.try_recv() {
            self.records.push(record);
        }
    }
}

/// Takes down every event.
#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<JobEvent>>,
}

#[async_trait]
impl EventHandler for Recorder {
    fn name(&self) -> &str {
        "recorder"
    }

    async fn handle(&self, events: &[JobEvent]) -> Result<(), HandlerError> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(events);
        Ok(())
    }
}
