//! `tidegate demo`: the real host, scaling a simulated cluster over HTTP.

use std::collections::HashMap;
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
use crate::config::{ClusterConfig, Config, Span, StateStoreConfig};
use crate::control::{DecisionRecord, Records};
use crate::daemon::Daemon;
use crate::demo::{self, DemoDecision, DemoJob, DemoOptions, DemoView};
use crate::model::{Decision, JobId, Verdict, VertexId};
use crate::simulate::{Clock, Cluster, demo_jobs, demo_options};

/// How long a scaling stays on the screen before the reason to hold takes its place, in milliseconds.
const SCALING_IS_SHOWN: i64 = 8_000;

/// Scale a simulated cluster, and show it: no set-up, nothing outside of this process
#[derive(Clone, Debug, Args)]
pub(super) struct Demo {
    /// End after so many seconds.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,

    /// Write lines even where standard output is a terminal.
    #[arg(long)]
    plain: bool,
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

        let daemon = Daemon::start(config(&url)).await?;
        // Their loads begin to move now: the host should not come late.
        for job in demo_jobs() {
            cluster.submit(job).context("submitting a job to the simulated cluster")?;
        }
        let records = Arc::clone(daemon.records());
        let mut told = HashMap::new();
        let view = move || look(&cluster, &records, &mut told);
        let options = DemoOptions { url, lasts: self.seconds.map(Duration::from_secs), plain: self.plain };
        demo::run(options, view, interrupted()?).await?;
        daemon.stop().await;
        server.abort();
        Ok(())
    }
}

/// The host's configuration: its own, but for the times, which are shortened so that something happens soon.
fn config(url: &str) -> Config {
    let mut config = Config::default();
    config.control.interval = Span::seconds(1);
    config.admin.listen.set_port(0);
    config.state_store = Some(StateStoreConfig::memory());
    let options: Configuration = demo_options().into_iter().collect();
    config.clusters.push((ClusterConfig::at("simulated", url), options));
    config
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
    DemoView { now, jobs }
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
            (None, _) => format!("the job is {}", record.status),
        };
        if self.held.as_ref().is_none_or(|held| held.why != why) {
            self.held = Some(DemoDecision { at: record.at, acted: false, what: "hold".to_owned(), why });
        }
        self.held.clone()
    }
}

/// What a scaling changes, and the rates that led to the largest of its changes.
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
    let evaluated = &record.decision.as_ref()?.evaluated;
    let value = |metric: &str, average: bool| {
        let column = evaluated.iter().find(|column| column.metric == metric)?;
        if average { column.average.get(*index).copied() } else { column.current.get(*index).copied() }
    };
    let arriving = value("TARGET_DATA_RATE", true)?;
    let catching_up = value("CATCH_UP_DATA_RATE", false).filter(|rate| *rate > 0.0);
    let backlog = catching_up.map(|rate| format!(" and {rate:.0}/s of backlog")).unwrap_or_default();
    let possible = value("TRUE_PROCESSING_RATE", true)?;
    Some((what.join(", "), format!("{name} gets {arriving:.0}/s{backlog} and can do {possible:.0}/s")))
}
