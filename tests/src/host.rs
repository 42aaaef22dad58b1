//! The real host on a simulated cluster, over HTTP, one pass at a time on a clock that is moved by hand.
#![expect(clippy::expect_used, reason = "a test whose world cannot be set up has failed")]

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
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
use tidegate::plugin::{
    Grants, Limits, LoadError, Registry, Runtime, Source, WasmAligner, WasmEvaluator, WasmEventHandler, WasmFilter,
    WasmPolicy,
};
use tidegate::policy::Policy;
use tidegate::simulate::{Cluster, ClusterOptions, JobShape, ManualClock, Rescale};
use tidegate::state::{MemoryStateStore, StateKey, StateStore};
use tidegate::zone::Zone;
use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};

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
    options: Configuration,
    cluster: ClusterOptions,
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
    watch: Watch,
    taps: Arc<Taps>,
    news: Receiver<Arc<DecisionRecord>>,
    records: Vec<Arc<DecisionRecord>>,
    store: Arc<MemoryStateStore>,
    told: Arc<Recorder>,
    metrics: Arc<Metrics>,
    /// The cluster's server and the way of the events; they end with the host.
    _tasks: (JoinSet<()>, JoinSet<()>),
}

impl Scenario {
    /// A cluster that runs these jobs, and the bundled policy.
    pub fn of(jobs: impl IntoIterator<Item = JobShape>) -> Self {
        Self {
            jobs: jobs.into_iter().collect(),
            options: OPTIONS.into_iter().collect(),
            cluster: ClusterOptions::default(),
            policies: Policies::new(bundled_policy()),
            handlers: Vec::new(),
            views: Arc::default(),
            extensions: LiveExtensions::default(),
        }
    }

    /// The option of all jobs under `key`.
    #[must_use]
    pub fn option(mut self, key: &str, value: &str) -> Self {
        self.options.set(key, value);
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
        (self.policies, self.views) = (registry.policies(), registry.views());
        self.extensions = registry.extensions();
        self
    }

    /// Another policy for the job with this name.
    #[must_use]
    pub fn policy(mut self, job_name: &str, policy: Arc<dyn Policy>) -> Self {
        self.policies.assign(&[format!("{CLUSTER}/{job_name}")], policy);
        self
    }

    /// Another one that is told of every event.
    #[must_use]
    pub fn event_handler(mut self, handler: Arc<dyn EventHandler>) -> Self {
        self.handlers.push(handler);
        self
    }

    /// Plugins that jobs may name.
    #[must_use]
    pub fn extensions(mut self, extensions: ExtensionPlugins) -> Self {
        self.extensions = LiveExtensions::from(extensions);
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

        let metrics = Arc::new(Metrics::default());
        let told = Arc::new(Recorder::default());
        let mut handlers = self.handlers;
        handlers.push(told.clone());
        let (events, deliveries) = Events::start(handlers, Arc::clone(&metrics));
        let store = Arc::new(MemoryStateStore::default());
        let records = Arc::new(Records::default());
        let news = records.subscribe();
        let taps = Arc::new(Taps::default());
        let now = clock.clone();
        let controller = Controller {
            pass: Arc::new(Pass {
                policies: self.policies,
                views: self.views,
                shadow_turns: ShadowTurns::default(),
                extensions: self.extensions,
                store: store.clone(),
                events,
                metrics: Arc::clone(&metrics),
                zone: Zone::default(),
            }),
            records,
            taps: Arc::clone(&taps),
            readiness: Arc::new(Readiness::default()),
            clock: Arc::new(move || now.now()),
        };
        let url = format!("http://{address}");
        let client = RestClient::new(&RestOptions::new(&url)).expect("a client");
        let looked_after = control::Cluster {
            name: CLUSTER.to_owned(),
            job_manager: Arc::new(client),
            options: self.options,
            pace: Pace { interval: INTERVAL, forget_after: Duration::from_secs(3600), concurrency: 100 },
        };
        let watch = Watch::new(controller, Arc::new(looked_after));
        let _tasks = (server, deliveries);
        Host { cluster, url, clock, watch, taps, news, records: Vec::new(), store, told, metrics, _tasks }
    }
}

impl Host {
    /// Moves the clock on by the interval, starts a pass of every job, and waits for all of them.
    pub async fn pass(&mut self) {
        self.begin_pass().await;
        self.watch.settle().await;
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
        self.watch.look().await;
    }

    /// Waits until all passes under way are over but `left` of them.
    pub async fn finish_all_but(&mut self, left: usize) {
        while self.watch.under_way() > left {
            self.watch.finish_one().await;
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
        self.taps.open(key).expect("few recorders")
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
        self.store.load(&key).await.expect("a store that never fails")
    }

    /// What the host counts, as Prometheus scrapes it.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        self.metrics.write(&mut text).expect("text");
        text
    }

    async fn take_news(&mut self) {
        // On one thread, every task that can run has run before this one is back: events are where they belong.
        for _ in 0..8 {
            yield_now().await;
        }
        while let Ok(record) = self.news.try_recv() {
            self.records.push(record);
        }
    }
}

/// The bundled policy with its usual limits. Compiled once in a process.
pub fn bundled_policy() -> Arc<dyn Policy> {
    static POLICY: OnceLock<Arc<WasmPolicy>> = OnceLock::new();
    let load = || load("default-policy", &Source::Bundled("default-policy".to_owned()), Limits::default());
    POLICY.get_or_init(load).clone()
}

/// The policy that misbehaves as its job's options say. Compiled once in a process.
pub fn hostile_policy() -> Arc<dyn Policy> {
    static POLICY: OnceLock<Arc<dyn Policy>> = OnceLock::new();
    POLICY.get_or_init(|| hostile_policy_within(Duration::from_millis(500))).clone()
}

/// The policy that misbehaves, with another deadline. Compiled each time.
pub fn hostile_policy_within(deadline: Duration) -> Arc<dyn Policy> {
    let limits = Limits { deadline, ..Limits::default() };
    load("hostile", &Source::File(env!("TIDEGATE_HOSTILE_POLICY").into()), limits)
}

/// The event handler that misbehaves as its events' reasons say. Compiled each time.
pub fn hostile_handler(limits: Limits, grants: Grants) -> Arc<WasmEventHandler> {
    let source = Source::File(env!("TIDEGATE_HOSTILE_HANDLER").into());
    let handler = WasmEventHandler::load("hostile", &source, limits, grants, runtime(), Arc::default());
    Arc::new(handler.expect("a handler that fits"))
}

/// The event handler that sends requests as its events say. Compiled each time.
///
/// # Errors
/// When it is not granted any.
pub fn http_handler(limits: Limits, grants: Grants) -> Result<Arc<WasmEventHandler>, LoadError> {
    let source = Source::File(env!("TIDEGATE_HTTP_HANDLER").into());
    WasmEventHandler::load("http", &source, limits, grants, runtime(), Arc::default()).map(Arc::new)
}

/// The one runtime of the process.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("an engine"))
}

/// The evaluator, the aligner and the filter of the tests, as `forecast`, `multiples` and `cap`: what they do is said by
/// their parameters. The filter also stands before the changes of the jobs that match `filtered`. Compiled once in a
/// process, on the first call's async runtime.
pub async fn test_extensions(filtered: &[&str]) -> ExtensionPlugins {
    static PLUGINS: OnceCell<(Arc<WasmEvaluator>, Arc<WasmAligner>, Arc<WasmFilter>)> = OnceCell::const_new();
    let load = async || {
        let limits = Limits::of_extension;
        let file = |path: &str| Source::File(path.into());
        let (evaluator, aligner, filter) = (
            WasmEvaluator::load(
                "forecast",
                &file(env!("TIDEGATE_TEST_EVALUATOR")),
                limits(),
                runtime(),
                Arc::default(),
            ),
            WasmAligner::load("multiples", &file(env!("TIDEGATE_TEST_ALIGNER")), limits(), runtime(), Arc::default()),
            WasmFilter::load("cap", &file(env!("TIDEGATE_TEST_FILTER")), limits(), runtime(), Arc::default()),
        );
        let evaluator = evaluator.expect("an evaluator that fits");
        let aligner = aligner.expect("an aligner that fits");
        let filter = filter.expect("a filter that fits");
        evaluator.try_out().await.expect("an evaluator that starts");
        aligner.try_out().await.expect("an aligner that starts");
        filter.try_out().await.expect("a filter that starts");
        (Arc::new(evaluator), Arc::new(aligner), Arc::new(filter))
    };
    let (evaluator, aligner, filter) = PLUGINS.get_or_init(load).await;
    let mut extensions = ExtensionPlugins::default();
    extensions.add_evaluator(evaluator.clone());
    extensions.add_aligner(aligner.clone());
    let jobs: Vec<String> = filtered.iter().map(|job| (*job).to_owned()).collect();
    extensions.add_filter(filter.clone(), None, &jobs);
    extensions
}

fn load(name: &str, source: &Source, limits: Limits) -> Arc<WasmPolicy> {
    let policy = WasmPolicy::load(name, source, limits, runtime(), Arc::default());
    Arc::new(policy.expect("a policy that fits"))
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
