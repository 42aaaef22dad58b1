//! One trial: a simulated cluster, the daemon that looks after it, and what the daemon's passes cost.

use std::fs;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tidegate_tests::daemon::Daemon;
use tidegate_tests::error::HarnessError;
use tidegate_tests::simulated::SimulatedCluster;
use tidegate_tests::usage;

/// A cluster of equal jobs, and how it is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Trial {
    jobs: u32,
    vertices: u32,
    interval: u32,
    window: u32,
    passes: u32,
    latency: u32,
    connections: u32,
    first: bool,
}

/// What a pass of one job cost, and what the process needs.
pub(crate) struct Cost {
    /// Processor time of the daemon.
    pub(crate) cpu: Duration,
    /// Processor time of the policy, a fresh instance included.
    pub(crate) policy: Duration,
    /// From a pass' beginning to its end.
    pub(crate) wall: Duration,
    /// Requests to the cluster.
    pub(crate) requests: f64,
    /// Bytes of the answers' bodies.
    pub(crate) received: f64,
    /// Samples in each job's window.
    pub(crate) samples: u32,
    /// Passes that all this is the mean of.
    pub(crate) passes: u64,
    /// Bytes resident after the last pass.
    pub(crate) resident: u64,
    /// The most that ever were.
    pub(crate) peak: u64,
}

impl Trial {
    /// So many jobs of so many vertices.
    pub(crate) const fn of(jobs: u32, vertices: u32) -> Self {
        Self { jobs, vertices, interval: 1_000, window: 60, passes: 10, latency: 0, connections: 32, first: false }
    }

    /// Looked at every so many milliseconds.
    pub(crate) const fn every(self, interval: u32) -> Self {
        Self { interval, ..self }
    }

    /// Decided about over so many intervals.
    pub(crate) const fn window(self, window: u32) -> Self {
        Self { window, ..self }
    }

    /// Measured over so many intervals.
    pub(crate) const fn passes(self, passes: u32) -> Self {
        Self { passes, ..self }
    }

    /// So far away, in milliseconds.
    pub(crate) const fn latency(self, latency: u32) -> Self {
        Self { latency, ..self }
    }

    /// Asked over so many connections.
    pub(crate) const fn connections(self, connections: u32) -> Self {
        Self { connections, ..self }
    }

    /// By a daemon that has never run before, and compiles its plugins.
    pub(crate) const fn first_start(self) -> Self {
        Self { first: true, ..self }
    }

    /// Such as `100x10`.
    pub(crate) fn name(&self) -> String {
        format!("{}x{}{}", self.jobs, self.vertices, if self.first { "-first" } else { "" })
    }

    /// Time between two passes.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_millis(self.interval.into())
    }

    /// Starts both processes, waits until every pass ends in a decision, and measures from there.
    pub(crate) fn run(&self) -> Result<Cost, HarnessError> {
        let folder = TempDir::new().map_err(|source| HarnessError::File { path: std::env::temp_dir(), source })?;
        let cluster = SimulatedCluster::start(self.jobs, self.vertices, self.latency, folder.path())?;
        let config = folder.path().join("tidegate.toml");
        fs::write(&config, self.config(cluster.url()))
            .map_err(|source| HarnessError::File { path: config.clone(), source })?;
        let start = || Daemon::run(["--config".as_ref(), config.as_os_str()], folder.path());
        if !self.first {
            // What it leaves is compiled plugins.
            start()?.stop()?;
        }
        let daemon = start()?;

        // The first pass lists the names of all metrics, and decisions are made from a full window on.
        thread::sleep(self.interval() * (self.window + 3) + Duration::from_secs(1));
        let before = Counters::of(&daemon)?;
        let started = usage::cpu(daemon.process_id())?;
        thread::sleep(self.interval() * self.passes);
        let ended = usage::cpu(daemon.process_id())?;
        let after = Counters::of(&daemon)?;

        let resident = usage::memory(daemon.process_id(), "VmRSS")?;
        let peak = usage::memory(daemon.process_id(), "VmHWM")?;
        let spent = after.since(&before);
        let each = |total: f64| total / spent.passes;
        // A pass that comes late may find its window not full: it is evaluated, but not decided about.
        if spent.passes < f64::from(self.jobs) || spent.executed < 0.9 * spent.passes || spent.failures != 0.0 {
            return Err(HarnessError::Missing { what: "passes with a decision".to_owned(), text: daemon.log()? });
        }
        Ok(Cost {
            cpu: Duration::from_secs_f64(each((ended - started).as_secs_f64())),
            policy: Duration::from_secs_f64(each(spent.policy_seconds)),
            wall: Duration::from_secs_f64(each(spent.pass_seconds)),
            requests: each(spent.requests),
            received: each(spent.received),
            samples: self.window + 1,
            passes: spent.passes as u64,
            resident,
            peak,
        })
    }

    fn config(&self, url: &str) -> String {
        // Half an interval over, so that a pass that comes a little early still finds its window full.
        let (interval, window) = (self.interval, self.interval * self.window + self.interval / 2);
        format!(
            r#"
[control]
interval = "{interval}ms"

[options]
"job.autoscaler.enabled" = true
"job.autoscaler.stabilization.interval" = "0s"
"job.autoscaler.metrics.window" = "{window}ms"

[[cluster]]
name = "simulated"
url = "{url}"
connections = {}
"#,
            self.connections
        )
    }
}

/// What the daemon counts itself.
struct Counters {
    passes: f64,
    executed: f64,
    pass_seconds: f64,
    policy_seconds: f64,
    requests: f64,
    failures: f64,
    received: f64,
}

impl Counters {
    fn of(daemon: &Daemon) -> Result<Self, HarnessError> {
        let text = daemon.metrics()?;
        let sum = |name, labels: &[&str]| tidegate_tests::daemon::sum(&text, name, labels);
        Ok(Self {
            passes: sum("tidegate_passes_total", &[]),
            executed: sum("tidegate_passes_total", &["stage=\"executed\""]),
            pass_seconds: sum("tidegate_pass_seconds_sum", &[]),
            policy_seconds: sum("tidegate_plugin_cpu_seconds_total", &["plugin=\"default-policy\""]),
            requests: sum("tidegate_flink_requests_total", &[]),
            failures: sum("tidegate_flink_failures_total", &[]),
            received: sum("tidegate_flink_received_bytes_total", &[]),
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            passes: self.passes - before.passes,
            executed: self.executed - before.executed,
            pass_seconds: self.pass_seconds - before.pass_seconds,
            policy_seconds: self.policy_seconds - before.policy_seconds,
            requests: self.requests - before.requests,
            failures: self.failures - before.failures,
            received: self.received - before.received,
        }
    }
}
