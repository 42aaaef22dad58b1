//! `tidegate plugin test`: a plugin on recorded jobs, against what is expected of it.

use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use tokio::runtime::Builder;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::watching::at_every_save;
use crate::author::store_contract::{LARGE, keeps_to_the_contract};
use crate::author::{
    AuthorError, GuestLines, Heard, Lines, Loaded, Manifest, PluginRole, Receiver, Subject, build, loaded, trial,
};
use crate::cli::compiled;
use crate::cli::progress::Progress;
use crate::metrics::Metrics;
use crate::plugin::{Limits, Runtime};
use crate::state::StateStore;

/// Try a plugin on recorded jobs, and compare with what is expected
///
/// A policy decides on every pass of the traces. An evaluator, a filter or an aligner is asked by the bundled policy. An
/// event handler is told what the bundled policy tells, and may send requests to a receiver on loopback. A state store has
/// to keep to its contract. Exit code 1 when something else comes of it than the expectations say.
#[derive(Clone, Debug, Args)]
pub(super) struct Test {
    /// The plugin's folder, or a component.
    #[arg(value_name = "FOLDER|FILE.wasm", default_value = ".")]
    plugin: PathBuf,

    /// A recorded job, in place of those in tidegate-plugin.toml.
    #[arg(long = "trace", value_name = "TRACE")]
    traces: Vec<PathBuf>,

    /// The file of expectations, in place of that in tidegate-plugin.toml.
    #[arg(long, value_name = "FILE.json")]
    expect: Option<PathBuf>,

    /// Write the expectations anew: what comes of the plugin now is what has to.
    #[arg(long)]
    bless: bool,

    /// Show everything that comes of it, and what a policy logs.
    #[arg(long)]
    show: bool,

    /// Build and test again at every save, until it is stopped.
    #[arg(long, conflicts_with_all = ["json", "bless"])]
    watch: bool,

    /// Print what came of it as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Tested<'a> {
    name: &'a str,
    role: PluginRole,
    good: bool,
    difference: Option<&'a str>,
    lines: &'a Lines,
}

impl Test {
    pub(super) fn run(&self) -> Result<()> {
        if !self.watch {
            return self.once();
        }
        let manifest = Manifest::read(&self.plugin).context("--watch builds the plugin of a folder")?;
        at_every_save(&self.plugin, || {
            build(&self.plugin, &manifest, |step| {
                // Nobody is left to read it: the build goes on.
                let _ = writeln!(stderr(), "{}", step.title());
            })?;
            self.once()
        })
    }

    fn once(&self) -> Result<()> {
        let subject = Subject::find(&self.plugin)?;
        let heard = Heard::default();
        // Only a handler's log is what it does; that of the others is for who looks.
        let logged = if subject.role == PluginRole::EventHandler { heard.clone() } else { Heard::default() };
        let lines = self.lines(&subject, &heard, &logged)?;
        let shown = logged.take();
        if self.show {
            shown.iter().try_for_each(|line| writeln!(stderr(), "{line}"))?;
        }
        self.judge(&subject, &lines)
    }

    /// What comes of the plugin. All on one thread, so that its log is heard.
    fn lines(&self, subject: &Subject, heard: &Heard, logged: &Heard) -> Result<Lines> {
        let thread = Builder::new_current_thread().enable_all().build().context("starting the async runtime")?;
        let _listening = tracing_subscriber::registry().with(GuestLines::to(logged.clone())).set_default();
        let folder = tempfile::tempdir().context("making a folder for the plugin's files")?;
        let runtime = compiled::runtime()?;
        thread.block_on(async {
            let metrics = Arc::new(Metrics::default());
            let receiver = if subject.grant().http { Some(Receiver::start(heard.clone()).await?) } else { None };
            let load = async || {
                let grants = trial::grants(subject, receiver.as_ref(), folder.path())?;
                let limits = Limits { deadline: trial::DEADLINE, ..loaded::limits(subject.role) };
                let plugin = Loaded::load(subject, limits, grants, &runtime, &metrics)?;
                plugin.try_out().await.map_err(AuthorError::Trial)?;
                Ok::<_, AuthorError>(plugin)
            };
            let plugin = {
                let _progress = Progress::of(format!("compiling {}", subject.file.display()));
                load().await?
            };
            // What it logged when it was tried out is not about a trace.
            drop((heard.take(), logged.take()));
            let _progress = Progress::of(format!("testing {}", subject.name));
            match plugin {
                Loaded::StateStore(_) => of_store(&load).await,
                plugin => self.of_traces(subject, &plugin, &runtime, heard).await,
            }
        })
    }

    async fn of_traces(&self, subject: &Subject, plugin: &Loaded, runtime: &Runtime, heard: &Heard) -> Result<Lines> {
        let traces = match &subject.manifest {
            _ if !self.traces.is_empty() => {
                let paths: Vec<String> = self.traces.iter().map(|path| path.display().to_string()).collect();
                trial::traces(&PathBuf::new(), &paths)?
            }
            Some((folder, manifest)) => trial::traces(folder, &manifest.test.traces)?,
            None => return Err(AuthorError::NoTraces.into()),
        };
        Ok(trial::on_traces(subject, plugin, &traces, runtime, heard).await?)
    }

    fn judge(&self, subject: &Subject, lines: &Lines) -> Result<()> {
        let (name, role) = (subject.name.as_str(), subject.role);
        let path = match (&self.expect, &subject.manifest) {
            (Some(path), _) => Some(path.clone()),
            (None, Some((folder, manifest))) => manifest.test.expect.as_ref().map(|path| folder.join(path)),
            (None, None) => None,
        };
        if self.bless {
            let path = path.context("say with --expect where the expectations are to be written")?;
            lines.write(&path)?;
            writeln!(stdout(), "{name}: wrote {}: read its difference before you commit it", path.display())?;
            return Ok(());
        }
        let expected = path.as_deref().map(Lines::read).transpose()?.flatten();
        let difference = expected.as_ref().and_then(|expected| expected.difference(lines));
        let is_compared = expected.is_some() || role == PluginRole::StateStore;
        let good = is_compared && difference.is_none();
        if self.json {
            let tested = Tested { name, role, good, difference: difference.as_deref(), lines };
            writeln!(stdout(), "{}", serde_json::to_string_pretty(&tested)?)?;
        } else {
            for (trace, lines) in &lines.0 {
                if self.show || !is_compared {
                    writeln!(stdout(), "{trace}:")?;
                    lines.iter().try_for_each(|line| writeln!(stdout(), "  {line}"))?;
                } else {
                    writeln!(stdout(), "{trace}: {} lines", lines.len())?;
                }
            }
            if let Some(difference) = &difference {
                writeln!(stdout(), "{difference}")?;
            }
            if good {
                writeln!(stdout(), "{name}: as expected")?;
            }
        }
        if !is_compared {
            bail!("there is nothing to compare with: if this is what it has to do, write it down with --bless");
        }
        if !good {
            bail!("{name} does something else than is expected; if that is meant, --bless writes it down");
        }
        Ok(())
    }
}

/// The rules that a state store keeps.
async fn of_store(load: &impl AsyncFn() -> Result<Loaded, AuthorError>) -> Result<Lines> {
    let mut rules = Vec::new();
    let open = || -> futures::future::LocalBoxFuture<'_, _> { Box::pin(opened(load)) };
    keeps_to_the_contract(&open, LARGE, |rule| rules.push(format!("ok: {rule}"))).await?;
    Ok(Lines([("contract".to_owned(), rules)].into()))
}

async fn opened(load: &impl AsyncFn() -> Result<Loaded, AuthorError>) -> Result<Arc<dyn StateStore>, AuthorError> {
    match load().await? {
        Loaded::StateStore(store) => Ok(store),
        _ => Err(AuthorError::NoTraces),
    }
}
