//! `tidegate plugin`: its subcommands.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::bench::Bench;
use super::build::Build;
use super::check::Check;
use super::contracts::Contracts;
use super::inspect::Inspect;
use super::list::List;
use super::new::New;
use super::push::{Pull, Push};
use super::steer::Steer;
use super::test::Test;

/// Make, build and try plugins; show and steer those of a running daemon
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Plugin {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum PluginCommand {
    New(New),
    Build(Build),
    Check(Check),
    Inspect(Inspect),
    Test(Test),
    Bench(Bench),
    Contracts(Contracts),
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
    /// Push a plugin to a registry, and print the reference to write into a configuration
    Push(Push),
    /// Pull a plugin from a registry, and print the reference to write into a configuration
    Pull(Pull),
}

impl Plugin {
    pub(in crate::cli) fn run(self) -> Result<()> {
        match self.command {
            PluginCommand::New(new) => new.run(),
            PluginCommand::Build(build) => build.run(),
            PluginCommand::Check(check) => check.run(),
            PluginCommand::Inspect(inspect) => inspect.run(),
            PluginCommand::Test(test) => test.run(),
            PluginCommand::Bench(bench) => bench.run(),
            PluginCommand::Contracts(contracts) => contracts.run(),
            PluginCommand::List(list) => list.run(),
            PluginCommand::Show(steer) => steer.show(),
            PluginCommand::Reload(steer) => steer.act("reload"),
            PluginCommand::Rollback(steer) => steer.act("rollback"),
            PluginCommand::Suspend(steer) => steer.act("suspend"),
            PluginCommand::Resume(steer) => steer.act("resume"),
            PluginCommand::Push(push) => push.run(),
            PluginCommand::Pull(pull) => pull.run(),
        }
    }
}
