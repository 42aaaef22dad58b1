//! `tidegate plugin`: its subcommands.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::list::List;
use super::steer::Steer;

/// Show and steer the plugins of a running daemon
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Plugin {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum PluginCommand {
    /// List plugins: what is in service, what is not, and why
    List(List),
    /// Show one plugin in full: what it asks for, is granted and has used, its limits, and all its versions
    Show(Steer),
    /// Take what is in a plugin's source now into service
    Reload(Steer),
    /// Put the version before the one in service back into it
    Rollback(Steer),
    /// Take a plugin out of service: jobs of a policy stay as they are
    Suspend(Steer),
    /// Put the version that was suspended last back into service
    Resume(Steer),
}

impl Plugin {
    pub(in crate::cli) fn run(self) -> Result<()> {
        match self.command {
            PluginCommand::List(list) => list.run(),
            PluginCommand::Show(steer) => steer.show(),
            PluginCommand::Reload(steer) => steer.act("reload"),
            PluginCommand::Rollback(steer) => steer.act("rollback"),
            PluginCommand::Suspend(steer) => steer.act("suspend"),
            PluginCommand::Resume(steer) => steer.act("resume"),
        }
    }
}
