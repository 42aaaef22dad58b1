//! `tidegate plugin bench`: how fast a plugin answers.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use tokio::runtime::Builder;

use crate::author::Subject;
use crate::author::bench::{Benched, bench, bench_bundled};
use crate::cli::compiled;
use crate::cli::progress::Progress;
use crate::cli::table::{columns, width};
use crate::config::Span;
use crate::plugin::ByteSize;

/// Measure how fast a plugin answers, beside the bundled one of its role
///
/// Every call has a fresh instance, as in a daemon, unless it says otherwise. Jobs of 10 and of 100 vertices are shown.
#[derive(Clone, Debug, Args)]
pub(super) struct Bench {
    /// The plugin's folder, or a component.
    #[arg(value_name = "FOLDER|FILE.wasm", default_value = ".")]
    plugin: PathBuf,

    /// How long each kind of call is repeated.
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    time: Span,

    /// Print what was measured as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Sides<'a> {
    plugin: &'a Benched,
    bundled: Option<&'a Benched>,
}

impl Bench {
    pub(super) fn run(&self) -> Result<()> {
        let subject = Subject::find(&self.plugin)?;
        let thread = Builder::new_current_thread().enable_all().build().context("starting the async runtime")?;
        let (time, runtime): (Duration, _) = (self.time.0, compiled::runtime()?);
        let (plugin, bundled) = {
            let _progress = Progress::of(format!("measuring {}", subject.name));
            let plugin = thread.block_on(bench(&subject, time, &runtime))?;
            (plugin, thread.block_on(bench_bundled(subject.role, time, &runtime))?)
        };
        if self.json {
            let sides = Sides { plugin: &plugin, bundled: bundled.as_ref() };
            writeln!(stdout(), "{}", serde_json::to_string_pretty(&sides)?)?;
        } else {
            writeln!(stdout(), "{}", lines(&plugin, bundled.as_ref()).join("\n"))?;
        }
        Ok(())
    }
}

fn lines(plugin: &Benched, bundled: Option<&Benched>) -> Vec<String> {
    let mut lines: Vec<String> = [Some(plugin), bundled].into_iter().flatten().map(summary).collect();
    let head = ["CALL", "CALLS", "MIN us", "P50 us", "P90 us", "P99 us", "P50 / BUNDLED"].map(str::to_owned).to_vec();
    let mut rows = vec![head];
    for calls in &plugin.calls {
        let other = bundled.and_then(|bundled| bundled.calls.iter().find(|other| other.what == calls.what));
        let ratio = other.map_or_else(|| "-".to_owned(), |other| format!("{:.2}", calls.p50_us / other.p50_us));
        let times = [calls.min_us, calls.p50_us, calls.p90_us, calls.p99_us].map(|time| format!("{time:.1}"));
        let mut row = vec![calls.what.clone(), calls.count.to_string()];
        row.extend(times);
        row.push(ratio);
        rows.push(row);
    }
    lines.extend(columns(&rows, width()));
    lines
}

fn summary(benched: &Benched) -> String {
    let Benched { name, bytes, readied, memory, .. } = benched;
    let memory = ByteSize(usize::try_from(*memory).unwrap_or(usize::MAX));
    format!("{name}: {bytes} bytes, {readied}, at most {memory} in one instance")
}
