//! Parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use tidegate::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
