//! `tidegate check`: the configuration and every plugin, without touching a cluster.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use tokio::runtime::Builder;

use super::flags::ConfigFlags;
use crate::daemon::registry;
use crate::metrics::Metrics;
use crate::plugin::{Strictness, specs};
use crate::stores;

/// Check a configuration and load every plugin, without touching a cluster
#[derive(Clone, Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    flags: ConfigFlags,
}

impl Check {
    #[expect(clippy::print_stdout, reason = "the answer of a command")]
    pub(super) fn run(self) -> Result<()> {
        let config = self.flags.config()?;
        config.check()?;
        config.admin.token(&config.folder)?;
        for (cluster, _) in &config.clusters {
            cluster.rest_options(&config.folder)?;
        }
        let runtime = Builder::new_multi_thread().enable_all().build().context("starting the async runtime")?;
        let metrics = Arc::new(Metrics::default());
        let registry = registry(&config, Arc::clone(&metrics))?;
        runtime.block_on(async {
            registry.prepare(specs(&config)?, Strictness::All).await?;
            stores::try_out(&config, registry.runtime(), &metrics).await?;
            anyhow::Ok(())
        })?;
        let (clusters, plugins) = (config.clusters.len(), config.plugins.len());
        println!("ok: {clusters} cluster(s), {plugins} plugin(s) beside the bundled ones");
        Ok(())
    }
}
