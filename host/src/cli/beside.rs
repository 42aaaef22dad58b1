//! `--plugin NAME=FILE`: who helps the policy to decide in a replay.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::task::spawn_blocking;

use crate::author::{Loaded, PluginRole, Subject};
use crate::metrics::Metrics;
use crate::plugin::{Grants, Limits, Runtime};
use crate::trace::{Helpers, ReplayedPass};

/// A plugin that jobs can choose by their options, and what it is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beside {
    name: String,
    path: PathBuf,
}

impl FromStr for Beside {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(Self { name: name.to_owned(), path: path.into() })
            }
            _ => Err(format!("`{text}` is no plugin: expected NAME=FILE, such as forecast=forecast.wasm")),
        }
    }
}

/// Loads the evaluators, aligners and filters among `plugins`, with `limits`, into `runtime`.
///
/// # Errors
/// When one cannot be loaded, is something else, or has the name of another.
pub(super) async fn load(plugins: &[Beside], limits: &Limits, runtime: &Runtime) -> Result<Helpers> {
    let mut helpers = Helpers::default();
    let mut names = BTreeSet::new();
    for Beside { name, path } in plugins {
        if !names.insert(name) {
            bail!("--plugin: there are two plugins called `{name}`");
        }
        let subject = Subject { name: name.clone(), ..Subject::find(path).with_context(|| wrong(name))? };
        match subject.role {
            PluginRole::Evaluator | PluginRole::Aligner | PluginRole::Filter => {}
            PluginRole::Policy => bail!("--plugin: `{name}` is a policy: give it with --policy or --against"),
            PluginRole::EventHandler | PluginRole::StateStore => {
                let role = subject.role.with_article();
                bail!("--plugin: `{name}` is {role}: evaluators, aligners and filters take part in a replay")
            }
        }
        let (limits, runtime) = (limits.clone(), runtime.clone());
        let compiling = spawn_blocking(move || {
            Loaded::load(&subject, limits, Grants::default(), &runtime, &Arc::new(Metrics::default()))
        });
        let plugin = compiling.await?.with_context(|| wrong(name))?;
        plugin.try_out().await.with_context(|| format!("--plugin: `{name}` failed its trial"))?;
        match plugin {
            Loaded::Evaluator(evaluator) => helpers.extensions.add_evaluator(evaluator),
            Loaded::Aligner(aligner) => helpers.extensions.add_aligner(aligner),
            Loaded::Filter(filter) => helpers.extensions.add_filter(filter, None, &[]),
            Loaded::Policy(_) | Loaded::EventHandler(_) | Loaded::StateStore(_) => {}
        }
    }
    Ok(helpers)
}

/// The names of those of `plugins` that no job has chosen: `chosen` are the names of those that were.
pub(super) fn idle<'p>(plugins: &'p [Beside], chosen: &BTreeSet<String>) -> Vec<&'p str> {
    plugins.iter().map(|plugin| plugin.name.as_str()).filter(|name| !chosen.contains(*name)).collect()
}

/// Who took part in a pass.
pub(super) fn chosen(pass: &ReplayedPass) -> impl Iterator<Item = String> + '_ {
    pass.record.iter().flat_map(|record| &record.extensions).map(|used| used.plugin.clone())
}

fn wrong(name: &str) -> String {
    format!("--plugin: `{name}` cannot be loaded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_has_a_name_and_a_file() {
        let plugin = |name: &str, path: &str| Beside { name: name.to_owned(), path: path.into() };
        assert_eq!("a=b.wasm".parse(), Ok(plugin("a", "b.wasm")));
        assert_eq!("com.example.A=x=y.wasm".parse(), Ok(plugin("com.example.A", "x=y.wasm")));
        for wrong in ["b.wasm", "=b.wasm", "a=", ""] {
            assert!(wrong.parse::<Beside>().is_err_and(|said| said.contains("expected NAME=FILE")), "{wrong}");
        }
    }

    #[test]
    fn who_was_not_chosen_is_named() {
        let plugins: Vec<Beside> = ["a=1", "b=2"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(idle(&plugins, &BTreeSet::from(["b".to_owned(), "c".to_owned()])), ["a"]);
    }
}
