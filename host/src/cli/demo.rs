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
            view.policy = policy.as_deref().map(|source| in_service(source, &registry));
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

/// Which version of one's own policy is in service, and what came of a newer one.
fn in_service(source: &str, registry: &Registry) -> DemoPolicy {
    let short = |digest: Digest| format!("{digest:.12}");
    let status = registry.status().into_iter().find(|status| status.spec.name == POLICY);
    let version = status.as_ref().and_then(|status| status.active);
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use tidegate_common::time::Timestamp;

    use super::*;
    use crate::control::{Realization, Stage};
    use crate::made_up::steady;
    use crate::model::{JobKey, JobStatus, Target};

    /// A pass of a job of two vertices with parallelism 4, after `seconds`.
    fn pass(seconds: i64, decision: Option<Decision>) -> DecisionRecord {
        let mut topology = steady(2, 1, 0).topology;
        for (vertex, name) in topology.vertices.iter_mut().zip(["source", "sink"]) {
            name.clone_into(&mut vertex.name);
        }
        let scaled = match decision.as_ref().map(|decision| &decision.verdict) {
            Some(Verdict::Scale(targets)) => targets.iter().map(|target| (target.vertex, target.parallelism)).collect(),
            _ => BTreeMap::new(),
        };
        DecisionRecord {
            job: JobKey { cluster: "simulated".to_owned(), id: JobId::from_u128(1) },
            job_name: "orders".to_owned(),
            status: JobStatus::Running,
            at: Timestamp::from_millis(1_000 * seconds),
            took: Duration::from_millis(1),
            stage: Stage::Executed,
            topology: Some(topology),
            excluded: BTreeSet::new(),
            samples: 1,
            policy: POLICY.to_owned(),
            policy_digest: None,
            extensions: Vec::new(),
            decision,
            targets: scaled,
            realization: Realization::Nothing,
            events: Vec::new(),
            error: None,
        }
    }

    /// To parallelism 6 of the second vertex, which these columns give the reason for.
    fn scaling(evaluated: Vec<Evaluated>) -> Option<Decision> {
        let vertex = steady(2, 1, 0).topology.vertices[1].id;
        let verdict = Verdict::Scale(vec![Target { vertex, parallelism: 6 }]);
        Some(Decision { verdict, evaluated, ..Decision::default() })
    }

    fn hold(reason: &str) -> Option<Decision> {
        Some(Decision { verdict: Verdict::Hold { reason: reason.to_owned() }, ..Decision::default() })
    }

    fn said(told: &mut Told, record: &DecisionRecord) -> (bool, String, String) {
        let DemoDecision { acted, what, why, .. } = told.decision(record).unwrap();
        (acted, what, why)
    }

    #[test]
    fn a_scaling_is_shown_for_a_while_with_the_rates_that_the_policy_tells() {
        let column = |metric: &str, current: f64, average: f64| Evaluated {
            metric: metric.to_owned(),
            current: vec![f64::NAN, current],
            average: vec![f64::NAN, average],
        };
        let rates = vec![
            column("TARGET_DATA_RATE", f64::NAN, 900.0),
            column("CATCH_UP_DATA_RATE", 50.0, f64::NAN),
            column("TRUE_PROCESSING_RATE", f64::NAN, 600.0),
        ];
        let mut told = Told::default();
        let why = "sink gets 900/s and 50/s of backlog and can do 600/s";
        let scaled = (true, "sink 4 -> 6".to_owned(), why.to_owned());
        assert_eq!(said(&mut told, &pass(0, scaling(rates))), scaled);
        assert_eq!(said(&mut told, &pass(7, hold("all is well"))), scaled);
        let held = (false, "hold".to_owned(), "all is well".to_owned());
        assert_eq!(said(&mut told, &pass(8, hold("all is well"))), held);
    }

    #[test]
    fn a_policy_that_evaluates_in_its_own_way_is_shown_to_scale_too() {
        let own = Evaluated { metric: "PRESSURE".to_owned(), current: vec![0.5, 0.9], average: Vec::new() };
        for evaluated in [Vec::new(), vec![own]] {
            let scaled = (true, "sink 4 -> 6".to_owned(), String::new());
            assert_eq!(said(&mut Told::default(), &pass(0, scaling(evaluated))), scaled);
        }
    }

    #[test]
    fn what_keeps_a_pass_from_deciding_is_shown_as_a_hold() {
        let broken = DecisionRecord { error: Some("it traps".to_owned()), ..pass(0, None) };
        let restarting = DecisionRecord { status: JobStatus::Restarting, ..pass(0, None) };
        let to_what_runs = DecisionRecord { targets: BTreeMap::new(), ..pass(0, scaling(Vec::new())) };
        for (record, why) in [
            (broken, "it traps".to_owned()),
            (restarting, format!("the job is {}", JobStatus::Restarting)),
            (to_what_runs, "every vertex has what it is to have".to_owned()),
        ] {
            assert_eq!(said(&mut Told::default(), &record), (false, "hold".to_owned(), why));
        }
    }
}
