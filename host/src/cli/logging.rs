//! Where log lines go.

use std::io::{IsTerminal, stderr};

use anyhow::Result;
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Sends log lines to standard error: those of `filter`, in the syntax of tracing's `EnvFilter`. A mere level is about
/// tidegate's own lines; of its libraries only warnings are shown then.
pub(super) fn start(filter: &str, format: LogFormat) -> Result<()> {
    let own = filter.parse::<LevelFilter>().map(|level| format!("warn,tidegate={level}"));
    let filter = EnvFilter::try_new(own.as_deref().unwrap_or(filter))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
