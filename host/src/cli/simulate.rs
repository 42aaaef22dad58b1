//! `tidegate simulate`: what would become of a job under a policy, in a simulated cluster and a time of its own.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write, stdout};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures::{StreamExt, stream};
use tokio::runtime::Builder;

use super::compiled;
use super::logging::{self, LogFormat};
use super::replay::load;
use super::table;
use crate::config::parse_option;
use crate::plugin::{Source, SourceError};
use crate::policy::Policy;
use crate::scenario::{Ds2, Report, Scenario, about, chart, columns, named, page, shipped, simulate};

/// Try policies on a simulated job, in simulated time
///
/// The host is the real one, from the REST client up; only the cluster and the time are simulated. The same scenario,
/// seed and policy come to the same figures.
#[derive(Clone, Debug, Args)]
pub(super) struct Simulate {
    /// Scenarios: files, or names of those that come with tidegate (--list).
    #[arg(required_unless_present_any = ["list", "print"], value_name = "SCENARIO")]
    scenarios: Vec<String>,

    /// The policy that decides, in place of the bundled one: a component, or `ds2` for plain DS2.
    #[arg(long, value_name = "FILE.wasm", default_value = "bundled:default-policy")]
    policy: Tried,

    /// Another policy, to be shown beside the first one; can be given several times.
    #[arg(long, value_name = "FILE.wasm")]
    against: Vec<Tried>,

    /// Option over those of the scenarios, such as job.autoscaler.metrics.window=5m.
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = parse_option)]
    options: Vec<(String, String)>,

    /// What chance begins with, in place of the scenarios' own.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Write one JSON object per scenario.
    #[arg(long)]
    json: bool,

    /// Draw a picture too: .svg of one scenario, or .html of any number, with their tables.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,

    /// List the scenarios that come with tidegate.
    #[arg(long)]
    list: bool,

    /// Print the file of a scenario that comes with tidegate, to begin another one with.
    #[arg(long, value_name = "NAME")]
    print: Option<String>,

    /// Which log lines to show: trace, debug, info, warn, error, or tracing's filter syntax.
    #[arg(long, default_value = "off", value_name = "FILTER")]
    log: String,
}

/// A policy to try.
#[derive(Clone, Debug)]
enum Tried {
    /// Plain DS2.
    Ds2,
    /// A component.
    Component(Source),
}

impl FromStr for Tried {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if text == "ds2" { Ok(Self::Ds2) } else { text.parse().map(Self::Component) }
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ds2 => f.write_str("ds2"),
            Self::Component(source) => source.fmt(f),
        }
    }
}

/// What the picture is drawn as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Svg,
    Html,
}

impl Simulate {
    pub(super) fn run(self) -> Result<()> {
        let done = self.run_or_print();
        match done {
            // Whoever reads has seen enough.
            Err(error) if error.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == ErrorKind::BrokenPipe) => {
                Ok(())
            }
            done => done,
        }
    }

    fn run_or_print(self) -> Result<()> {
        if self.list {
            return list();
        }
        if let Some(name) = &self.print {
            let Some((_, text)) = shipped().find(|(known, _)| known == name) else {
                bail!("no scenario `{name}` comes with tidegate: --list shows those that do");
            };
            return Ok(stdout().write_all(text.as_bytes())?);
        }
        logging::start(&self.log, LogFormat::Text).context("--log")?;
        // What is wrong with files is told before anything is compiled.
        let format = self.format()?;
        let mut scenarios = Vec::new();
        for name in &self.scenarios {
            let mut scenario = named(name, self.seed)?;
            for (key, value) in &self.options {
                scenario.options.set(key, value);
            }
            scenarios.push(Arc::new(scenario));
        }
        let runtime = Builder::new_multi_thread().enable_all().build().context("starting the async runtime")?;
        let reports = runtime.block_on(self.simulate_all(scenarios))?;
        if let (Some(path), Some(format)) = (&self.chart, format) {
            let picture = match (format, reports.as_slice()) {
                (Format::Svg, [report]) => chart(report),
                _ => page(&reports),
            };
            fs::write(path, picture).with_context(|| format!("writing `{}`", path.display()))?;
        }
        Ok(())
    }

    async fn simulate_all(&self, scenarios: Vec<Arc<Scenario>>) -> Result<Vec<Report>> {
        let tried: Vec<&Tried> = std::iter::once(&self.policy).chain(&self.against).collect();
        let mut policies: Vec<(String, Arc<dyn Policy>)> = Vec::new();
        let runtime = compiled::runtime()?;
        for tried in tried {
            let policy: Arc<dyn Policy> = match tried {
                Tried::Ds2 => Arc::new(Ds2),
                Tried::Component(source) => {
                    load(source.clone(), runtime.clone()).await.with_context(|| tried.to_string())?
                }
            };
            policies.push((tried.to_string(), policy));
        }
        let at_once = available_parallelism().map_or(1, usize::from);
        let pairs = scenarios.iter().flat_map(|scenario| policies.iter().map(move |policy| (scenario, policy)));
        let mut runs = stream::iter(pairs)
            .map(|(scenario, (name, policy))| {
                let (scenario, name, policy) = (Arc::clone(scenario), name.clone(), Arc::clone(policy));
                tokio::spawn(async move { simulate(&scenario, &policy).await.map(|run| (name, run)) })
            })
            .buffered(at_once);
        let mut reports = Vec::new();
        for scenario in &scenarios {
            let mut sides = Vec::new();
            while sides.len() < policies.len() {
                let Some(run) = runs.next().await else { break };
                sides.push(run.context("simulating")??);
            }
            let report = Report::new(scenario, sides);
            self.show(scenario, &report)?;
            reports.push(report);
        }
        Ok(reports)
    }

    fn show(&self, scenario: &Scenario, report: &Report) -> Result<()> {
        let mut out = stdout().lock();
        if self.json {
            return Ok(writeln!(out, "{}", serde_json::to_string(report)?)?);
        }
        let (name, hours) = (&report.scenario, scenario.lasts.as_secs_f64() / 3600.0);
        writeln!(out, "{name}: {} ({hours:.1} h, seed {})", report.title, report.seed)?;
        for line in table::columns(&columns(report), table::width()) {
            writeln!(out, "  {line}")?;
        }
        for line in about(report) {
            writeln!(out, "  {line}")?;
        }
        Ok(())
    }

    /// What to draw, by the file's ending.
    fn format(&self) -> Result<Option<Format>> {
        let Some(path) = &self.chart else { return Ok(None) };
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") if self.scenarios.len() > 1 => {
                bail!("--chart: an .svg holds one scenario, these are {}: name an .html file", self.scenarios.len())
            }
            Some("svg") => Ok(Some(Format::Svg)),
            Some("html") => Ok(Some(Format::Html)),
            _ => bail!("--chart `{}`: the file's name must end in .svg or .html", path.display()),
        }
    }
}

fn list() -> Result<()> {
    let mut rows = Vec::new();
    for (name, _) in shipped() {
        rows.push(vec![name.to_owned(), named(name, None)?.title]);
    }
    for line in table::columns(&rows, table::width()) {
        writeln!(stdout(), "{line}")?;
    }
    Ok(())
}
