//! `tidegate replay`: recorded jobs through the host again, as fast as the machine allows.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write, stderr, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use futures::{StreamExt, stream};
use serde::Serialize;
use tidegate_common::configuration::Configuration;
use tokio::runtime::Builder;

use super::beside::{self, Beside};
use super::compiled;
use super::logging::{self, LogFormat};
use super::versus;
use crate::config::parse_option;
use crate::metrics::Metrics;
use crate::plugin::{Limits, Runtime, Source, WasmPolicy};
use crate::policy::Policy;
use crate::trace::{Helpers, Outcome, Replay as Replaying, ReplayedPass, Summary, Trace, Versus, compare, describe};

/// A replay is not about how fast a policy is.
const DEADLINE: Duration = Duration::from_secs(60);

/// Drive the host with recorded jobs, on the recorded clock
///
/// The answers are those of the recording: what a policy decides does not change what comes next.
///
/// Exit code: 0, also where two policies differ; 1 when --check finds a difference, or a trace or a policy cannot be used.
#[derive(Clone, Debug, Args)]
pub(super) struct Replay {
    /// Traces: JSON lines, plain or gzip'd.
    #[arg(required = true, value_name = "TRACE")]
    traces: Vec<PathBuf>,

    /// The policy that decides, in place of the bundled one.
    #[arg(long, value_name = "FILE.wasm")]
    policy: Option<Source>,

    /// Another policy, to be shown side by side with the first one: where they decide differently, and their totals.
    #[arg(long, value_name = "FILE.wasm")]
    against: Option<Source>,

    /// An evaluator, an aligner or a filter that takes part where the job's options choose it by this name, as they do in
    /// a daemon. Can be given several times.
    #[arg(long = "plugin", value_name = "NAME=FILE.wasm")]
    plugins: Vec<Beside>,

    /// Option over those of the trace, such as job.autoscaler.metrics.window=5m; a job's own configuration goes over it.
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = parse_option)]
    options: Vec<(String, String)>,

    /// Write one JSON object per pass.
    #[arg(long)]
    json: bool,

    /// Compare with what the traces expect, else with what was decided when they were recorded, and fail where it
    /// differs, or where a trace is cut off. With --against fail where the two policies differ.
    #[arg(long)]
    check: bool,

    /// Which log lines to show: trace, debug, info, warn, error, or tracing's filter syntax.
    #[arg(long, default_value = "off", value_name = "FILTER")]
    log: String,
}

/// One trace, replayed.
#[derive(Default)]
struct Replayed {
    text: String,
    differences: String,
    summary: Summary,
    /// The plugins beside the policy that took part.
    chosen: BTreeSet<String>,
    compared: usize,
    /// Those of them that were compared with what was decided when they were recorded.
    by_record: usize,
    differing: usize,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    trace: &'a str,
    at: String,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

impl Replay {
    pub(super) fn run(self) -> Result<()> {
        logging::start(&self.log, LogFormat::Text).context("--log")?;
        // Wrong traces are told before anything is compiled.
        let traces: Vec<Arc<Trace>> =
            self.traces.iter().map(|path| Ok(Arc::new(Trace::read(path)?))).collect::<Result<_>>()?;
        let cut = self.say_cut(&traces)?;
        let mut passes = traces.iter().flat_map(|trace| &trace.passes);
        let is_comparable = passes.any(|pass| pass.expected.is_some() || pass.decided.is_some());
        if self.check && self.against.is_none() && !is_comparable {
            bail!("there is nothing to compare with: the traces do not say what is expected, nor what was decided");
        }
        let this = self.clone();
        let runtime = Builder::new_multi_thread().enable_all().build().context("starting the async runtime")?;
        let replaying = async move {
            match this.against.clone() {
                Some(against) => this.side_by_side(traces, against).await,
                None => this.replay(traces).await,
            }
        };
        match runtime.block_on(replaying) {
            // Whoever reads has seen enough.
            Err(error) if error.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == ErrorKind::BrokenPipe) => {
                Ok(())
            }
            Ok(()) if self.check && cut > 0 => {
                bail!("{cut} of the traces are cut off: what is missing is not compared")
            }
            done => done,
        }
    }

    /// Warns of traces that end in the middle of a line, and counts them: the passes before are replayed.
    fn say_cut(&self, traces: &[Arc<Trace>]) -> Result<usize> {
        let mut cut = 0;
        for (path, trace) in self.traces.iter().zip(traces) {
            let Some(line) = trace.cut else { continue };
            let (path, passes) = (path.display(), trace.passes.len());
            writeln!(
                stderr(),
                "warning: {path}:{line}: the file ends in the middle of this line, as when a recording is killed: the \
                 {passes} passes before it are replayed, the rest is left out"
            )?;
            cut += 1;
        }
        Ok(cut)
    }

    async fn replay(self, traces: Vec<Arc<Trace>>) -> Result<()> {
        let runtime = compiled::runtime()?;
        let policy = self.policy.clone().unwrap_or(Source::Bundled("default-policy".to_owned()));
        let policy = load(policy, runtime.clone()).await?;
        let helpers = beside::load(&self.plugins, &limits(), &runtime).await?;
        let started = Instant::now();
        let (several, check, this) = (traces.len() > 1, self.check, Arc::new(self));
        let at_once = available_parallelism().map_or(1, usize::from);
        let mut replays = stream::iter(traces)
            .map(|trace| tokio::spawn(Arc::clone(&this).replay_one(trace, Arc::clone(&policy), helpers.clone())))
            .buffered(at_once);
        let mut all = Summary::default();
        let (mut compared, mut by_record, mut differing, mut chosen) = (0, 0, 0, BTreeSet::new());
        while let Some(replayed) = replays.next().await {
            let replayed = replayed.context("replaying")??;
            stdout().write_all(replayed.text.as_bytes())?;
            stderr().write_all(replayed.differences.as_bytes())?;
            all.add(&replayed.summary);
            compared += replayed.compared;
            by_record += replayed.by_record;
            differing += replayed.differing;
            chosen.extend(replayed.chosen);
        }
        this.say_idle(&chosen)?;
        all.took = started.elapsed();
        if several && !this.json {
            writeln!(stdout(), "all: {all}")?;
        }
        if check {
            let what = match by_record {
                0 => "what the traces expect",
                _ if by_record == compared => "what was decided when they were recorded",
                _ => "what the traces expect, or what was decided when they were recorded",
            };
            if differing > 0 {
                bail!("{differing} of {compared} passes differ from {what}");
            }
            if !this.json {
                writeln!(stdout(), "{compared} passes compared with {what}, no differences")?;
            }
        }
        Ok(())
    }

    async fn replay_one(
        self: Arc<Self>,
        trace: Arc<Trace>,
        policy: Arc<dyn Policy>,
        helpers: Helpers,
    ) -> Result<Replayed> {
        let options: Configuration = self.options.iter().cloned().collect();
        let started = Instant::now();
        let mut replay = Replaying::with_helpers(Arc::clone(&trace), policy, helpers, &options);
        let mut done = Replayed::default();
        for recorded in &trace.passes {
            let Some(pass) = replay.step().await else { break };
            done.summary.count(&pass);
            done.chosen.extend(beside::chosen(&pass));
            done.text.push_str(&self.shown(&trace, &pass)?);
            if self.check
                && let Some(differences) = compare(recorded, &pass.outcome)
            {
                done.compared += 1;
                done.by_record += usize::from(recorded.expected.is_none());
                done.differing += usize::from(!differences.is_empty());
                for difference in differences {
                    let (trace, line, at) = (&trace.name, recorded.line, pass.at);
                    writeln!(done.differences, "{trace}: pass of {at} (line {line}): {difference}")?;
                }
            }
        }
        done.summary.took = started.elapsed();
        if !self.json {
            writeln!(done.text, "{}: {}", trace.name, done.summary)?;
        }
        Ok(done)
    }

    /// Both policies on every trace, pass beside pass.
    async fn side_by_side(self, traces: Vec<Arc<Trace>>, against: Source) -> Result<()> {
        let one = self.policy.clone().unwrap_or(Source::Bundled("default-policy".to_owned()));
        let names = [&one, &against].map(ToString::to_string);
        let runtime = compiled::runtime()?;
        let helpers = beside::load(&self.plugins, &limits(), &runtime).await?;
        let policies = [load(one, runtime.clone()).await?, load(against, runtime).await.context("--against")?];
        let options: Configuration = self.options.iter().cloned().collect();
        let (several, mut all, mut chosen) = (traces.len() > 1, Versus::default(), BTreeSet::new());
        for trace in traces {
            let [mut one, mut other] = policies
                .clone()
                .map(|policy| Replaying::with_helpers(Arc::clone(&trace), policy, helpers.clone(), &options));
            let (mut text, mut versus) = (String::new(), Versus::default());
            while let (Some(one), Some(other)) = (one.step().await, other.step().await) {
                chosen.extend(beside::chosen(&one).chain(beside::chosen(&other)));
                let differences = versus.count(&one, &other);
                versus::pass(&mut text, self.json, &trace, (&one, &other), &differences)?;
            }
            versus.finish();
            versus::totals(&mut text, self.json, Some(&trace.name), &names, &versus)?;
            stdout().write_all(text.as_bytes())?;
            all.add(&versus);
        }
        self.say_idle(&chosen)?;
        if several {
            let mut text = String::new();
            versus::totals(&mut text, self.json, None, &names, &all)?;
            stdout().write_all(text.as_bytes())?;
        }
        if self.check && all.differing > 0 {
            bail!("the policies decide differently in {} of {} passes", all.differing, all.passes);
        }
        Ok(())
    }

    /// Warns of plugins that took part in no pass.
    fn say_idle(&self, chosen: &BTreeSet<String>) -> Result<()> {
        for name in beside::idle(&self.plugins, chosen) {
            writeln!(
                stderr(),
                "warning: no job has chosen the plugin `{name}`: its options do, such as --option \
                 job.autoscaler.scaling.custom-executors=x --option job.autoscaler.scaling.custom-executor.x.class={name}"
            )?;
        }
        Ok(())
    }

    fn shown(&self, trace: &Trace, pass: &ReplayedPass) -> Result<String> {
        if self.json {
            let line = Line { trace: &trace.name, at: pass.at.to_string(), outcome: &pass.outcome };
            Ok(serde_json::to_string(&line)? + "\n")
        } else if self.check {
            Ok(String::new())
        } else {
            Ok(describe(pass))
        }
    }
}

fn limits() -> Limits {
    Limits { deadline: DEADLINE, ..Limits::default() }
}

pub(super) async fn load(source: Source, runtime: Runtime) -> Result<Arc<dyn Policy>> {
    let compiling = tokio::task::spawn_blocking(move || {
        WasmPolicy::load("policy", &source, limits(), &runtime, Arc::new(Metrics::default()))
    });
    let policy = compiling.await?.context("the policy cannot be loaded")?;
    policy.try_out().await.context("the policy failed its trial")?;
    Ok(Arc::new(policy))
}
