//! `tidegate record`: a live job into a file that `tidegate replay` reads.

use std::io::{Write, stderr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::Args;
use tidegate_common::configuration::Configuration;
use tidegate_common::options;
use tidegate_common::time::Timestamp;
use tidegate_common::value::{MemorySize, Value};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use super::compiled;
use super::flags::ConfigFlags;
use super::logging::{self, LogFormat};
use super::{daemon_lines, replay};
use crate::config::{ClusterConfig, Config, Span, parse_option};
use crate::control::{Cluster, Controller, LiveExtensions, Pace, Pass, Policies, Readiness, ShadowTurns, Taps, Watch};
use crate::event::Events;
use crate::flink::{JobManager, RestClient};
use crate::metrics::Metrics;
use crate::model::{Job, JobKey};
use crate::plugin::Source;
use crate::state::MemoryStateStore;
use crate::trace::{Rotation, Tape, TraceFiles};
use crate::zone::Zone;

/// Passes between two places at which a file can begin, where files have a size.
const HEADER_EVERY: usize = 20;

/// Record a live job, until SIGTERM or SIGINT, or until the job is gone
///
/// With --cluster this process looks at the job itself, decides as the daemon would, and changes nothing, whatever the
/// job's own configuration says. With --daemon a running daemon tells what it sees and does. Passwords and the like are
/// left out.
#[derive(Clone, Debug, Args)]
pub(super) struct Record {
    /// Address of the cluster's REST API, or NAME=URL, or the name of a cluster in the configuration file.
    #[arg(long, value_name = "URL")]
    cluster: Option<String>,

    /// Address of a running daemon, such as http://127.0.0.1:9180.
    #[arg(long, value_name = "URL", conflicts_with_all = ["options", "policy", "interval"])]
    daemon: Option<String>,

    /// The environment variable that holds the daemon's token.
    #[arg(long, value_name = "NAME", requires = "daemon")]
    token_env: Option<String>,

    /// Name or id of the job.
    #[arg(long, value_name = "JOB")]
    job: String,

    /// Where to; compressed where the name ends in .gz, as orders.jsonl.gz does. With rotation, more files have a number
    /// before the ending.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Begin another file when one has this size, such as 100mb; it may become somewhat larger.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    rotate: Option<u64>,

    /// Begin another file after so many passes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    passes: Option<u32>,

    /// End after so many passes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    stop_after: Option<u32>,

    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Option of the job, such as job.autoscaler.metrics.window=5m; the job's own configuration goes over it.
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = parse_option)]
    options: Vec<(String, String)>,

    /// The policy that decides, in place of the bundled one.
    #[arg(long, value_name = "FILE.wasm")]
    policy: Option<Source>,

    /// Time between two passes.
    #[arg(long, value_name = "DURATION")]
    interval: Option<Span>,

    /// Which log lines to show: trace, debug, info, warn, error, or tracing's filter syntax.
    #[arg(long, default_value = "warn", value_name = "FILTER")]
    log: String,
}

/// Why a recording ended that did not fail.
enum End {
    Asked,
    Full,
    Gone,
}

fn size(text: &str) -> Result<u64, String> {
    let size = MemorySize::parse(text).map(MemorySize::bytes);
    size.filter(|bytes| *bytes > 0)
        .ok_or_else(|| format!("`{text}` is no size: expected a number and a unit, such as 100mb"))
}

impl Record {
    pub(super) fn run(self) -> Result<()> {
        logging::start(&self.log, LogFormat::Text).context("--log")?;
        let runtime = Builder::new_multi_thread().enable_all().build().context("starting the async runtime")?;
        let done = runtime.block_on(async {
            let stop =
                Stop { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
            match &self.daemon {
                Some(url) => self.over_daemon(url, stop).await,
                None => self.beside_cluster(stop).await,
            }
        });
        // A thread that waits for the daemon's next line need not be waited for.
        runtime.shutdown_background();
        done
    }

    fn rotation(&self) -> Rotation {
        Rotation { bytes: self.rotate, passes: self.passes.map(|passes| passes as usize) }
    }

    fn header_every(&self) -> usize {
        match self.rotation() {
            Rotation { passes: Some(passes), .. } => passes.min(HEADER_EVERY),
            Rotation { bytes: Some(_), .. } => HEADER_EVERY,
            _ => usize::MAX,
        }
    }

    fn is_full(&self, files: &TraceFiles) -> bool {
        self.stop_after.is_some_and(|passes| files.passes() >= passes as usize)
    }

    fn begin(&self, what: &str) -> Result<TraceFiles> {
        let files = TraceFiles::create(&self.out, self.rotation())?;
        writeln!(stderr(), "recording {what} into {}; Ctrl-C ends it", self.out.display())?;
        Ok(files)
    }

    fn end(&self, files: &TraceFiles, end: &End) -> Result<()> {
        let why = match end {
            End::Asked | End::Full => "",
            End::Gone if self.daemon.is_some() => "the job is gone, or the daemon stops: ",
            End::Gone => "the job is gone: ",
        };
        writeln!(stderr(), "{why}{} passes in {} file(s)", files.passes(), files.files())?;
        if files.passes() == 0 {
            bail!("there was no pass to record: `{}` is empty", self.out.display());
        }
        Ok(())
    }

    async fn over_daemon(&self, url: &str, mut stop: Stop) -> Result<()> {
        let token = match &self.token_env {
            Some(name) => Some(std::env::var(name).with_context(|| format!("--token-env: reading `{name}`"))?),
            None => match &self.config {
                Some(path) => {
                    let config = Config::read(path)?;
                    config.admin.token(&config.folder)?.map(|token| token.reveal().to_owned())
                }
                None => None,
            },
        };
        let query = daemon_lines::Query {
            job: self.job.clone(),
            cluster: self.cluster.clone(),
            header_every: self.header_every(),
        };
        let mut lines = daemon_lines::open(url, token, query).await?;
        let mut files = self.begin(&self.job)?;
        let end = loop {
            tokio::select! {
                biased;
                () = stop.asked() => break End::Asked,
                line = lines.recv() => match line {
                    Some(line) => files.write(&line?)?,
                    None => break End::Gone,
                }
            }
            if self.is_full(&files) {
                break End::Full;
            }
        };
        self.end(&files, &end)
    }

    async fn beside_cluster(&self, mut stop: Stop) -> Result<()> {
        let config = self.cluster_config()?;
        config.check()?;
        let [(cluster, own)] = config.clusters.as_slice() else {
            bail!("the configuration has several clusters: choose one with --cluster NAME");
        };
        let rest = cluster.rest_options(&config.folder)?;
        let job = find(&RestClient::new(&rest)?.jobs().await?, &self.job, cluster)?;
        let policy = self.policy.clone().unwrap_or(Source::Bundled("default-policy".to_owned()));
        let policy = replay::load(policy, compiled::runtime()?).await?;

        let mut options = config.options.overlaid_with(own);
        options.set(options::ENABLED.key(), "true");
        options.set(options::SCALING_ENABLED.key(), "false");
        // What the job itself says of these would go over that.
        let hidden = options::ENABLED.keys().chain(options::SCALING_ENABLED.keys());
        let client = RestClient::onlooking(&rest, job.id, hidden)?;
        let (mut watch, taps) = watch(&config, cluster, options, client, policy);
        let mut passes =
            taps.open(JobKey { cluster: cluster.name.clone(), id: job.id }).context("starting to record")?;
        let mut tape = Tape::new(self.header_every());
        let mut files = self.begin(&format!("{} ({})", job.name, job.id))?;
        let mut ticks = interval(config.control.interval.0);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = 'recording: loop {
            tokio::select! {
                biased;
                () = stop.asked() => break End::Asked,
                () = async {
                    ticks.tick().await;
                    watch.look().await;
                    watch.settle().await;
                } => {}
            }
            loop {
                match passes.try_recv() {
                    Ok(pass) => {
                        let lines = tape.lines(&pass)?;
                        for line in lines.header.iter().chain([&lines.pass]) {
                            files.write(line)?;
                        }
                    }
                    Err(tokio::sync::mpsc::error::TryRecvError::Empty) => break,
                    Err(tokio::sync::mpsc::error::TryRecvError::Disconnected) => break 'recording End::Gone,
                }
                if self.is_full(&files) {
                    break 'recording End::Full;
                }
            }
        };
        self.end(&files, &end)
    }

    /// The configuration, with just the clusters that can be meant.
    fn cluster_config(&self) -> Result<Config> {
        let flags = ConfigFlags {
            config: self.config.clone(),
            options: self.options.clone(),
            interval: self.interval,
            ..ConfigFlags::default()
        };
        let mut config = flags.config()?;
        if let Some(named) = &self.cluster {
            if config.clusters.iter().any(|(cluster, _)| cluster.name == *named) {
                config.clusters.retain(|(cluster, _)| cluster.name == *named);
            } else {
                let flags = ConfigFlags { cluster: vec![named.clone()], config: None, ..flags };
                config.clusters = flags.config()?.clusters;
            }
        }
        Ok(config)
    }
}

/// Signals that end a recording.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The one job that is meant.
fn find(jobs: &[Job], wanted: &str, cluster: &ClusterConfig) -> Result<Job> {
    let living = || jobs.iter().filter(|job| !job.status.is_ending());
    let meant: Vec<&Job> = living().filter(|job| job.name == wanted || job.id.to_string() == wanted).collect();
    match meant.as_slice() {
        [job] => Ok((*job).clone()),
        [] => {
            let names: Vec<&str> = living().map(|job| job.name.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            bail!("cluster `{}` runs no job `{wanted}`; it runs: {names}", cluster.name)
        }
        several => {
            let ids: Vec<String> = several.iter().map(|job| job.id.to_string()).collect();
            bail!("{} jobs are called `{wanted}`: name one by its id: {}", several.len(), ids.join(", "))
        }
    }
}

/// A host that looks at one job.
fn watch(
    config: &Config,
    cluster: &ClusterConfig,
    options: Configuration,
    client: RestClient,
    policy: Arc<dyn crate::policy::Policy>,
) -> (Watch, Arc<Taps>) {
    let metrics = Arc::new(Metrics::default());
    // Nobody is told of what is not done.
    let (events, _deliveries) = Events::start(Vec::new(), Arc::clone(&metrics));
    let taps = Arc::new(Taps::default());
    let controller = Controller {
        pass: Arc::new(Pass {
            policies: Policies::new(policy),
            views: Arc::default(),
            shadow_turns: ShadowTurns::default(),
            extensions: LiveExtensions::default(),
            store: Arc::new(MemoryStateStore::default()),
            events,
            metrics,
            zone: Zone::here(),
        }),
        records: Arc::default(),
        taps: Arc::clone(&taps),
        readiness: Arc::new(Readiness::default()),
        clock: Arc::new(now),
    };
    let watched = Cluster {
        name: cluster.name.clone(),
        job_manager: Arc::new(client),
        options,
        pace: Pace { interval: config.control.interval.0, forget_after: config.control.forget_after.0, concurrency: 1 },
    };
    (Watch::new(controller, Arc::new(watched)), taps)
}

fn now() -> Timestamp {
    Timestamp::default().plus(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
