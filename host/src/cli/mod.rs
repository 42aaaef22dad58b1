//! The command line: one file per subcommand.

mod api;
mod beside;
mod check;
mod compiled;
mod daemon_lines;
mod demo;
mod explain;
mod flags;
mod logging;
mod plugin;
mod progress;
mod record;
mod replay;
mod run;
mod serve_simulated;
mod simulate;
mod table;
mod versus;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Keeps Apache Flink jobs at the parallelism that they need.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Demo(demo::Demo),
    Check(check::Check),
    Explain(explain::Explain),
    Plugin(plugin::Plugin),
    Record(record::Record),
    Replay(replay::Replay),
    Simulate(simulate::Simulate),
    #[command(hide = true)]
    ServeSimulated(serve_simulated::ServeSimulated),
}

impl Cli {
    /// Does what was asked; what went wrong is on standard error.
    pub fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Run(run) => run.run(),
            Command::Demo(demo) => demo.run(),
            Command::Check(check) => check.run(),
            Command::Explain(explain) => explain.run(),
            Command::Plugin(plugin) => plugin.run(),
            Command::Record(record) => record.run(),
            Command::Replay(replay) => replay.run(),
            Command::Simulate(simulate) => simulate.run(),
            Command::ServeSimulated(serve) => serve.run(),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                report(&error);
                ExitCode::FAILURE
            }
        }
    }
}

/// Says on standard error what went wrong, and what that was caused by.
#[expect(clippy::print_stderr, reason = "this is the command line's own voice")]
fn report(error: &anyhow::Error) {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
}
