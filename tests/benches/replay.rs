//! What deciding costs: the golden traces through the whole host, and single calls of the policy, as a component and as
//! native code in the same run.
//!
//! `cargo bench --bench replay` prints both; `-- suite` or `-- call` one of them.

#![expect(clippy::print_stdout, reason = "the tables are what this program is for")]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate::extension::NoExtensions;
use tidegate::metrics::Metrics;
use tidegate::model::Observation;
use tidegate::plugin::{Limits, Runtime, Source, WasmPolicy};
use tidegate::policy::Policy;
use tidegate::trace::{Replay, Trace};
use tidegate_common::configuration::Configuration;
use tidegate_tests::jobs::steady;
use tidegate_tests::native::NativePolicy;
use tokio::runtime;
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How often the suite is replayed by each policy; the best counts.
const ROUNDS: u32 = 3;

/// For how long each call is repeated.
const REPEAT: Duration = Duration::from_secs(2);

fn main() -> Outcome<()> {
    let wanted: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let native: Arc<dyn Policy> = Arc::new(NativePolicy);
    let component = component()?;
    if is_wanted("suite") {
        suite(&[("component", &component), ("native", &native)])?;
    }
    if is_wanted("call") {
        calls(&component, &native)?;
    }
    Ok(())
}

fn component() -> Outcome<Arc<dyn Policy>> {
    let source = Source::Bundled("default-policy".to_owned());
    let metrics = Arc::new(Metrics::default());
    Ok(Arc::new(WasmPolicy::load("component", &source, Limits::default(), &Runtime::new()?, metrics)?))
}

/// Replays every golden trace through collection, decision, guard rails and realizer, on two threads.
fn suite(policies: &[(&str, &Arc<dyn Policy>)]) -> Outcome<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
    let paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<PathBuf>, _>>()?;
    let is_trace = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "gz");
    let traces = paths.iter().filter(|path| is_trace(path)).map(|path| Trace::read(path).map(Arc::new));
    let traces: Vec<Arc<Trace>> = traces.collect::<Result<_, _>>()?;
    let passes: usize = traces.iter().map(|trace| trace.passes.len()).sum();
    let threads = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!(
        "the {} golden traces, {passes} passes, through the whole host on 2 threads, best of {ROUNDS}:",
        traces.len()
    );
    for (name, policy) in policies {
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            threads.block_on(replay_all(&traces, policy))?;
            best = best.min(started.elapsed());
        }
        println!("{name:>12} | {:>6.0} passes/s", passes as f64 / best.as_secs_f64());
    }
    Ok(())
}

async fn replay_all(traces: &[Arc<Trace>], policy: &Arc<dyn Policy>) -> Outcome<()> {
    let mut replays = JoinSet::new();
    for trace in traces {
        let mut replay = Replay::new(Arc::clone(trace), Arc::clone(policy), &Configuration::default());
        replays.spawn(async move { while replay.step().await.is_some() {} });
    }
    while let Some(ended) = replays.join_next().await {
        ended?;
    }
    Ok(())
}

/// One call after another on one thread, the component's fresh instance included.
fn calls(component: &Arc<dyn Policy>, native: &Arc<dyn Policy>) -> Outcome<()> {
    println!("\none call of the policy, a fresh instance included; the fastest and the median of many:");
    println!(
        "{:>9} | {:>9} | {:>9} {:>9} | {:>9} {:>9} | {:>6}",
        "view", "scalings", "component", "median", "native", "median", "ratio"
    );
    for (vertices, samples, history) in [(10, 60, 0), (100, 60, 0), (100, 60, 3), (200, 60, 0)] {
        let view = Arc::new(steady(vertices, samples, history));
        let (component, native) = (timed(component, &view)?, timed(native, &view)?);
        println!(
            "{:>9} | {history:>9} | {:>9} {:>9} | {:>9} {:>9} | {:>6.1}",
            format!("{vertices}x{samples}"),
            microseconds(component.0),
            microseconds(component.1),
            microseconds(native.0),
            microseconds(native.1),
            component.0.as_secs_f64() / native.0.as_secs_f64(),
        );
    }
    Ok(())
}

/// The fastest and the median call.
fn timed(policy: &Arc<dyn Policy>, view: &Arc<Observation>) -> Outcome<(Duration, Duration)> {
    let thread = runtime::Builder::new_current_thread().enable_all().build()?;
    thread.block_on(async {
        let (started, mut times) = (Instant::now(), Vec::new());
        while started.elapsed() < REPEAT {
            let began = Instant::now();
            policy.decide(Arc::clone(view), Arc::new(NoExtensions)).await?;
            times.push(began.elapsed());
        }
        times.sort_unstable();
        let at = |place: usize| times.get(place).copied().ok_or("no call was made");
        Ok((at(0)?, at(times.len() / 2)?))
    })
}

fn microseconds(duration: Duration) -> String {
    format!("{:.1} us", duration.as_secs_f64() * 1e6)
}
