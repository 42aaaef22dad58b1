//! What it takes to exchange a policy: from the renaming of its file until it is in service, what that does to the
//! passes meanwhile, and what a fresh instance for every call costs.
//!
//! `cargo bench --bench swap` prints all of it; `-- instance`, `-- swap`, `-- flat` or `-- compile`
//! one part.

#![expect(clippy::print_stdout, reason = "the tables are what this program is for")]

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidegate::extension::NoExtensions;
use tidegate::metrics::Metrics;
use tidegate::model::Digest;
use tidegate::plugin::{Limits, Runtime, Source, WasmPolicy};
use tidegate::policy::Policy;
use tidegate_tests::daemon::Daemon;
use tidegate_tests::guests::hostile_policy_file;
use tidegate_tests::jobs::steady;
use tidegate_tests::simulated::SimulatedCluster;
use tidegate_tests::usage;
use tokio::runtime;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Swaps to code that was never seen, and back to code that is in the cache.
const SWAPS: u8 = 20;

/// Swaps between which memory is compared, and those before, in which it may settle.
const MANY_SWAPS: u32 = 1000;
const SETTLED: u32 = 100;

/// Jobs that are decided about meanwhile, ten vertices each; a new version rehearses on all of them.
const JOBS: u32 = 20;

/// One job, where the exchange itself is to be seen.
const ONE_JOB: u32 = 1;

/// Bytes of the component that takes long to compile: what a JavaScript policy has with its engine.
const LARGE: usize = 12 << 20;

/// Between two looks whether a version is in service.
const GLANCE: Duration = Duration::from_micros(500);

/// How long a version may take to come into service.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() -> Outcome<()> {
    let wanted: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    if is_wanted("instance") {
        instance()?;
    }
    if is_wanted("swap") {
        swap()?;
    }
    if is_wanted("flat") {
        flat()?;
    }
    if is_wanted("compile") {
        compile()?;
    }
    Ok(())
}

/// What of a call is its instance: one that only says its name, beside one that decides.
fn instance() -> Outcome<()> {
    let source = Source::Bundled("default-policy".to_owned());
    let policy =
        WasmPolicy::load("policy", &source, Limits::default(), &Runtime::new()?, Arc::new(Metrics::default()))?;
    let thread = runtime::Builder::new_current_thread().enable_all().build()?;
    let view = Arc::new(steady(100, 60, 0));
    thread.block_on(async {
        let (mut starts, mut calls) = (Vec::new(), Vec::new());
        for _ in 0..2000 {
            let began = Instant::now();
            policy.try_out().await?;
            starts.push(began.elapsed());
            let began = Instant::now();
            black_box(policy.decide(Arc::clone(&view), Arc::new(NoExtensions)).await?);
            calls.push(began.elapsed());
        }
        let (start, call) = (median(starts), median(calls));
        println!("a fresh instance for every call, the median of 2000:");
        println!("  {:.1} us to start one and ask it for its name", start.as_secs_f64() * 1e6);
        println!("  {:.1} us to start one and decide about 100 vertices x 60 samples", call.as_secs_f64() * 1e6);
        println!("  {:.1} % of the call", 100.0 * start.as_secs_f64() / call.as_secs_f64());
        Ok(())
    })
}

/// The daemon, whose policy is a file, beside a simulated cluster.
struct Bench {
    folder: TempDir,
    daemon: Daemon,
    _cluster: SimulatedCluster,
}

impl Bench {
    fn start(jobs: u32, policy: &[u8]) -> Outcome<Self> {
        let folder = TempDir::new()?;
        let cluster = SimulatedCluster::start(jobs, 10, 0, folder.path())?;
        let config = folder.path().join("tidegate.toml");
        fs::write(
            &config,
            format!(
                r#"
state-dir = "state"
[control]
interval = "100ms"
[plugins]
directory = "."
[options]
"job.autoscaler.enabled" = true
"job.autoscaler.stabilization.interval" = "0s"
"job.autoscaler.metrics.window" = "1s"
[[cluster]]
name = "simulated"
url = "{}"
[plugin.mine]
role = "policy"
source = "mine.wasm"
"#,
                cluster.url()
            ),
        )?;
        fs::write(folder.path().join("mine.wasm"), version(policy, 0))?;
        let daemon = Daemon::run(["--config".as_ref(), config.as_os_str()], folder.path())?;
        let bench = Self { folder, daemon, _cluster: cluster };
        // Until every job has a full window, and is decided about.
        thread::sleep(Duration::from_secs(5));
        Ok(bench)
    }

    /// Renames a version into place; how long it takes until that is in service.
    fn place(&self, bytes: &[u8]) -> Outcome<Duration> {
        let path = |name: &str| -> PathBuf { self.folder.path().join(name) };
        fs::write(path("mine.tmp"), bytes)?;
        let version = format!("version={:.12}", Digest::of(bytes));
        let before = self.daemon.log()?.len() as u64;
        let began = Instant::now();
        fs::rename(path("mine.tmp"), path("mine.wasm"))?;
        let is_told = |line: &str| line.contains("plugin is in service") && line.contains(&version);
        while began.elapsed() < PATIENCE {
            // To ask the daemon would take the processor from the threads that compile, which yield to everybody.
            if self.daemon.log_after(before)?.lines().any(is_told) {
                return Ok(began.elapsed());
            }
            thread::sleep(GLANCE);
        }
        Err(format!("{version} did not come into service:\n{}", self.daemon.log()?).into())
    }

    /// Passes, those of them that failed, and the seconds that all took.
    fn passes(&self) -> Outcome<(f64, f64, f64)> {
        let text = self.daemon.metrics()?;
        let sum = |name: &str, labels: &[&str]| tidegate_tests::daemon::sum(&text, name, labels);
        let failed = sum("tidegate_passes_total", &["stage=\"none\""]) + sum("tidegate_plugin_failures_total", &[]);
        Ok((sum("tidegate_passes_total", &[]), failed, sum("tidegate_pass_seconds_sum", &[])))
    }
}

/// From the renaming of a file until it is in service.
fn swap() -> Outcome<()> {
    let small = fs::read(hostile_policy_file())?;
    println!("\nfrom the renaming of a policy's file until it is in service, rehearsal included, {SWAPS} times each:");
    println!("{:>24} | {:>5} | {:>23} | {:>23}", "", "", "never seen (bar 250 ms)", "compiled (bar 10 ms)");
    println!(
        "{:>24} | {:>5} | {:>11} {:>11} | {:>11} {:>11}",
        "policy", "jobs", "median", "longest", "median", "longest"
    );
    for (name, policy) in [("in Rust", small.as_slice()), ("bundled", tidegate_bundled::DEFAULT_POLICY)] {
        for jobs in [ONE_JOB, JOBS] {
            let bench = Bench::start(jobs, policy)?;
            let place_all = || (1..=SWAPS).map(|number| bench.place(&version(policy, number))).collect();
            let (cold, cached): (Outcome<Vec<Duration>>, Outcome<Vec<Duration>>) = (place_all(), place_all());
            let shown = |times: Vec<Duration>| {
                let longest = times.iter().max().copied().unwrap_or_default();
                format!("{:>11} {:>11}", milliseconds(median(times)), milliseconds(longest))
            };
            let name = format!("{name}, {:.0} kB", policy.len() as f64 / 1e3);
            println!("{name:>24} | {jobs:>5} | {} | {}", shown(cold?), shown(cached?));
        }
    }
    Ok(())
}

/// Memory, before and after many swaps.
fn flat() -> Outcome<()> {
    let bench = Bench::start(JOBS, tidegate_bundled::DEFAULT_POLICY)?;
    let mut resident = 0;
    let (mut began, mut before) = (Instant::now(), (0.0, 0.0, 0.0));
    for number in 0..SETTLED + MANY_SWAPS {
        if number == SETTLED {
            resident = usage::memory(bench.daemon.process_id(), "VmRSS")?;
            (began, before) = (Instant::now(), bench.passes()?);
        }
        bench.place(&version(tidegate_bundled::DEFAULT_POLICY, 1 + u8::try_from(number % 2)?))?;
    }
    let (took, after) = (began.elapsed(), bench.passes()?);
    let now = usage::memory(bench.daemon.process_id(), "VmRSS")?;
    println!("\n{MANY_SWAPS} swaps between two files in {:.1} s, beside {JOBS} jobs:", took.as_secs_f64());
    println!("  {:.0} passes meanwhile, {:.0} of them failed", after.0 - before.0, after.1 - before.1);
    println!(
        "  {:.1} MB resident before, {:.1} MB after: {:.2} times",
        resident as f64 / 1e6,
        now as f64 / 1e6,
        now as f64 / resident as f64
    );
    Ok(())
}

/// Passes while a large component is compiled, and before.
fn compile() -> Outcome<()> {
    let bench = Bench::start(JOBS, tidegate_bundled::DEFAULT_POLICY)?;
    let large = large()?;
    let before = bench.passes()?;
    let quiet = Duration::from_secs(10);
    thread::sleep(quiet);
    let between = bench.passes()?;
    let took = bench.place(&large)?;
    let after = bench.passes()?;
    let rate = |from: (f64, f64, f64), to: (f64, f64, f64), time: Duration| (to.0 - from.0) / time.as_secs_f64();
    let (without, with) = (rate(before, between, quiet), rate(between, after, took));
    let mean = |from: (f64, f64, f64), to: (f64, f64, f64)| Duration::from_secs_f64((to.2 - from.2) / (to.0 - from.0));
    println!(
        "\na component of {:.1} MB is in service after {:.1} s, beside {JOBS} jobs:",
        large.len() as f64 / 1e6,
        took.as_secs_f64()
    );
    println!("  {without:.0} passes/s without it, {} each", milliseconds(mean(before, between)));
    println!(
        "  {with:.0} passes/s while it is compiled, {} each, {:.0} of them failed",
        milliseconds(mean(between, after)),
        after.1 - between.1
    );
    println!("  {:.2} times as many", with / without);
    Ok(())
}

/// A policy in other bytes: a custom section more.
fn version(policy: &[u8], number: u8) -> Vec<u8> {
    [policy, &[0, 2, 1, number]].concat()
}

/// The bundled policy with a core module more, which is compiled and never started.
fn large() -> Outcome<Vec<u8>> {
    let mut text = String::from("(module (memory 1)");
    let body = "(i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (i32.mul (local.get 1) (i32.const 77))))
        (if (i32.gt_s (i32.load offset=8 (local.get 0)) (local.get 1)) (then (local.set 1 (i32.load offset=4 (local.get 0)))))";
    for _ in 0..LARGE / 1400 {
        write!(text, "(func (param i32 i32) {})", body.repeat(40))?;
    }
    text.push(')');
    let module = wat::parse_str(&text)?;
    let mut size = Vec::new();
    let mut left = module.len();
    loop {
        let byte = u8::try_from(left & 0x7f)?;
        left >>= 7;
        size.push(if left == 0 { byte } else { byte | 0x80 });
        if left == 0 {
            break;
        }
    }
    Ok([tidegate_bundled::DEFAULT_POLICY, &[1], &size, &module].concat())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
