//! `tidegate demo`: the real host, scaling a simulated cluster over HTTP.

use std::collections::HashMap;
use std::env::current_dir;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tidegate_common::configuration::Configuration;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::logging::{self, LogFormat};
use crate::config::{ClusterConfig, Config, PluginConfig, Role, Span, StateStoreConfig, parse_option};
use crate::control::{DecisionRecord, Records};
use crate::daemon::Daemon;
use crate::demo::{self, DemoDecision, DemoJob, DemoOptions, DemoPolicy, DemoView};
use crate::model::{Decision, Digest, Evaluated, JobId, Verdict, VertexId};
use crate::plugin::{Registry, Source};
use crate::simulate::{Clock, Cluster, demo_jobs, demo_options};

/// How long a scaling stays on the screen before the reason to hold takes its place, in milliseconds.
const SCALING_IS_SHOWN: i64 = 8_000;

/// What one's own policy is called.
const POLICY: &str = "policy";

/// Scale a simulated cluster, and show it: no set-up, nothing outside of this process
#[derive(Clone, Debug, Args)]
pub(super) struct Demo {
    /// End after so many seconds.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,

    /// Write lines even where standard output is a terminal.
    #[arg(long)]
    plain: bool,

    /// Your policy decides, in place of the bundled one. Its file is watched: a new version is in service at once, and
    /// which one decides is shown.
    #[arg(long, value_name = "FILE.wasm")]
    policy: Option<Source>,

    /// Option of all jobs, such as one that your policy reads.
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = parse_option)]
    options: Vec<(String, String)>,
}

impl Demo {
    pub(super) fn run(self) -> Result<()> {
        // The screen belongs to the table: log lines would tear it.
        logging::start("off", LogFormat::Text)?;
        let runtime = Builder::new_multi_thread().enable_all().build().context("starting the async runtime")?;
        runtime.block_on(self.show())
    }

    async fn show(self) -> Result<()> {
        let cluster = Cluster::new(Vec::new(), Clock::system()).context("building the simulated cluster")?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listening for the simulated cluster")?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(Arc::clone(&cluster).serve(listener, std::future::pending()));

        let daemon = Daemon::start(self.config(&url)?).await?;
        // Their loads begin to move now: the host should not come late.
        for job in demo_jobs() {
            cluster.submit(job).context("submitting a job to the simulated cluster")?;
        }
        let (records, registry) = (Arc::clone(daemon.records()), Arc::clone(daemon.registry()));
        let (mut told, policy) = (HashMap::new(), self.policy.as_ref().map(ToString::to_string));
        let view = move || {
            let mut view = look(&cluster, &records, &mut told);
            view.policy = policy.as_deref().map(|source| deciding(source, &records, &registry));
            view
        };
        let options = DemoOptions { url, lasts: self.seconds.map(Duration::from_secs), plain: self.plain };
        demo::run(options, view, interrupted()?).await?;
        daemon.stop().await;
        server.abort();
        Ok(())
    }

    /// The host's configuration: its own, but for the times, which are shortened so that something happens soon.
    fn config(&self, url: &str) -> Result<Config> {
        let mut config = Config::default();
        config.control.interval = Span::seconds(1);
        config.admin.listen.set_port(0);
        config.state_store = Some(StateStoreConfig::memory());
        let mut options: Configuration = demo_options().into_iter().collect();
        for (key, value) in &self.options {
            options.set(key, value);
        }
        config.clusters.push((ClusterConfig::at("simulated", url), options));
        if let Some(source) = &self.policy {
            let plugin = PluginConfig::of(Role::Policy, source.relative_to(&current_dir()?));
            config.plugins.insert(POLICY.to_owned(), plugin);
        }
        Ok(config)
    }
}

/// Which version of one's own policy decided last, and what came of a newer one.
fn deciding(source: &str, records: &Records, registry: &Registry) -> DemoPolicy {
    let last = records.latest().into_iter().filter(|record| record.decision.is_some()).max_by_key(|record| record.at);
    let version = last.and_then(|record| record.policy_digest);
    let short = |digest: Digest| format!("{digest:.12}");
    let status = registry.status().into_iter().find(|status| status.spec.name == POLICY);
    let refused = status.and_then(|status| {
        let newest = status.versions.into_iter().next().filter(|newest| Some(newest.digest) != status.active)?;
        Some((short(newest.digest), newest.error?))
    });
    DemoPolicy { source: source.to_owned(), version: version.map(short), refused }
}

fn interrupted() -> Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// The cluster as it is, and beside it what the host decided last.
fn look(cluster: &Cluster, records: &Records, told: &mut HashMap<JobId, Told>) -> DemoView {
    let snapshots = cluster.snapshot();
    let latest = records.latest();
    let now = latest.iter().map(|record| record.at).max().unwrap_or_default();
    let jobs = snapshots
        .iter()
        .map(|snapshot| {
            let mut job = DemoJob::of(snapshot);
            if let Some(record) = latest.iter().find(|record| record.job.id == snapshot.id) {
                for (row, vertex) in job.rows.iter_mut().zip(&snapshot.vertices) {
                    row.wanted = record.targets.get(&vertex.id).copied();
                }
                job.decision = told.entry(snapshot.id).or_default().decision(record);
            }
            job
        })
        .collect();
    DemoView { now, jobs, policy: None }
}

/// What was last said about a job.
#[derive(Default)]
struct Told {
    scaling: Option<DemoDecision>,
    held: Option<DemoDecision>,
}

impl Told {
    /// The last scaling while it is news, then why the latest pass holds.
    fn decision(&mut self, record: &DecisionRecord) -> Option<DemoDecision> {
        if let Some((what, why)) = explain(record) {
            self.scaling = Some(DemoDecision { at: record.at, acted: true, what, why });
        }
        let is_news = |scaling: &&DemoDecision| record.at.as_millis() - scaling.at.as_millis() < SCALING_IS_SHOWN;
        if let Some(scaling) = self.scaling.as_ref().filter(is_news) {
            return Some(scaling.clone());
        }
        let why = match (&record.error, &record.decision) {
            (Some(error), _) => error.clone(),
            (None, Some(Decision { verdict: Verdict::Hold { reason }, .. })) => reason.clone(),
            (None, Some(Decision { verdict: Verdict::Scale(_), .. })) => {
                "every vertex has what it is to have".to_owned()
            }
            (None, _) => format!("the job is {}", record.status),
        };
        if self.held.as_ref().is_none_or(|held| held.why != why) {
            self.held = Some(DemoDecision { at: record.at, acted: false, what: "hold".to_owned(), why });
        }
        self.held.clone()
    }
}

/// What a scaling changes, and the rates that led to the largest of its changes, where the policy tells them.
fn explain(record: &DecisionRecord) -> Option<(String, String)> {
    let Verdict::Scale(_) = record.decision.as_ref()?.verdict else { return None };
    let topology = record.topology.as_ref()?;
    let target_of = |id: VertexId| record.targets.get(&id).copied();
    let changes: Vec<(usize, &str, u32, u32)> = topology
        .vertices
        .iter()
        .enumerate()
        .filter_map(|(index, vertex)| {
            let target = target_of(vertex.id)?;
            (target != vertex.parallelism).then_some((index, vertex.name.as_str(), vertex.parallelism, target))
        })
        .collect();
    let what: Vec<String> = changes.iter().map(|(_, name, now, target)| format!("{name} {now} -> {target}")).collect();
    let (index, name, ..) = changes.iter().max_by_key(|(_, _, now, target)| now.abs_diff(*target))?;
    let why = rates(&record.decision.as_ref()?.evaluated, *index);
    Some((what.join(", "), why.map(|rates| format!("{name} {rates}")).unwrap_or_default()))
}

/// What a vertex gets and can do, as the bundled policy evaluates it.
fn rates(evaluated: &[Evaluated], vertex: usize) -> Option<String> {
    let value = |metric: &str, average: bool| {
        let column = evaluated.iter().find(|column| column.metric == metric)?;
        if average { column.average.get(vertex).copied() } else { column.current.get(vertex).copied() }
    };
    let arriving = value("TARGET_DATA_RATE", true)?;
    let catching_up = value("CATCH_UP_DATA_RATE", false).filter(|rate| *rate > 0.0);
    let backlog = catching_up.map(|rate| format!(" and {rate:.0}/s of backlog")).unwrap_or_default();
    let possible = value("TRUE_PROCESSING_RATE", true)?;
    Some(format!("gets {arriving:.0}/s{backlog} and can do {possible:.0}/s"))
}
