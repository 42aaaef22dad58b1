//! `tidegate run`: the daemon.

use anyhow::{Context, Result};
use clap::Args;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::flags::ConfigFlags;
use super::logging::{self, LogFormat};
use crate::daemon::{Daemon, ReloadCause};

/// Look after clusters until SIGTERM or SIGINT
///
/// Without a configuration file, name a cluster: tidegate run --cluster http://localhost:8081
#[derive(Clone, Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    flags: ConfigFlags,

    /// Which log lines to show: trace, debug, info, warn, error, or tracing's filter syntax.
    #[arg(long, default_value = "info", value_name = "FILTER")]
    log: String,

    /// How log lines look.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

impl Run {
    pub(super) fn run(self) -> Result<()> {
        logging::start(&self.log, self.log_format).context("--log")?;
        let config = self.flags.config()?;
        let runtime = Builder::new_multi_thread().enable_all().build().context("starting the async runtime")?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut hangup = signal(SignalKind::hangup())?;
            let mut daemon = tokio::select! {
                daemon = Daemon::start(config) => daemon?,
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
            };
            let mut last = None;
            let reloads = async {
                loop {
                    tokio::select! {
                        Some(()) = hangup.recv() => {
                            info!(signal = "SIGHUP", "asked to reload the configuration");
                            last = self.flags.digest();
                        }
                        due = daemon.reload_due() => match due {
                            // It may be what was read because of a signal.
                            ReloadCause::Changed(digest) if last.replace(digest) == Some(digest) => continue,
                            ReloadCause::Changed(_) => info!("the configuration's file has changed"),
                            ReloadCause::Again => info!("trying the configuration again"),
                        }
                    }
                    match self.flags.config() {
                        Ok(config) => daemon.reload(config).await,
                        Err(error) => daemon.refuse(&format!("{error:#}")),
                    }
                }
            };
            tokio::select! {
                () = reloads => {}
                _ = terminate.recv() => info!(signal = "SIGTERM", "asked to stop"),
                _ = interrupt.recv() => info!(signal = "SIGINT", "asked to stop"),
            }
            tokio::select! {
                () = daemon.stop() => {}
                _ = interrupt.recv() => info!(signal = "SIGINT", "asked twice: not waiting"),
            }
            Ok(())
        })
    }
}
