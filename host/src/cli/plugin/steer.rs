//! `tidegate plugin show`, and those that steer a plugin of a running daemon.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use super::card::card;
use super::list::differences;
use crate::admin::{Plugins, Steered};
use crate::cli::api::ApiFlags;
use crate::cli::table::width;

#[derive(Clone, Debug, Args)]
pub(super) struct Steer {
    /// The plugin's name in the configuration.
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    api: ApiFlags,

    /// Print what the daemon's API answers.
    #[arg(long)]
    json: bool,
}

impl Steer {
    #[expect(clippy::print_stdout, reason = "the answer of a command")]
    pub(super) fn show(self) -> Result<()> {
        let Plugins { plugins, .. } = self.api.api()?.get(&["plugins"])?;
        let Some(plugin) = plugins.iter().find(|plugin| plugin.name == self.name) else {
            let known: Vec<&str> = plugins.iter().map(|plugin| plugin.name.as_str()).collect();
            bail!("there is no plugin `{}`; there are: {}", self.name, known.join(", "));
        };
        match self.json {
            true => println!("{}", serde_json::to_string_pretty(plugin)?),
            false => println!("{}", card(plugin, width()).join("\n")),
        }
        Ok(())
    }

    #[expect(clippy::print_stdout, reason = "the answer of a command")]
    pub(super) fn act(self, action: &str) -> Result<()> {
        let api = self.api.api()?;
        let path = ["plugins", self.name.as_str(), action];
        if self.json {
            println!("{}", serde_json::to_string_pretty(&api.post::<Value>(&path)?)?);
            return Ok(());
        }
        let Steered { done, plugin } = api.post(&path)?;
        println!("{}: {done}", plugin.name);
        for version in plugin.versions.iter().filter(|version| Some(&version.digest) == plugin.active.as_ref()) {
            println!("{}", differences(version, usize::MAX, width()).join("\n"));
        }
        Ok(())
    }
}
