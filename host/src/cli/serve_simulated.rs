//! `tidegate serve-simulated`: a simulated cluster of many jobs of one kind, for measuring what the host costs.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::config::Span;
use crate::simulate::serve_uniform;

/// Serve a simulated Flink cluster until SIGINT
#[derive(Clone, Debug, Args)]
pub(super) struct ServeSimulated {
    /// Where to serve Flink's REST API.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,

    /// Jobs.
    #[arg(long, default_value_t = 10)]
    jobs: usize,

    /// Vertices of each job.
    #[arg(long, default_value_t = 10)]
    vertices: usize,

    /// How late every answer comes.
    #[arg(long, value_name = "DURATION")]
    latency: Option<Span>,
}

impl ServeSimulated {
    pub(super) fn run(self) -> Result<()> {
        let runtime = Builder::new_multi_thread().enable_all().build().context("starting the async runtime")?;
        let latency = self.latency.map_or(Duration::ZERO, |latency| latency.0);
        runtime.block_on(async {
            let listener =
                TcpListener::bind(self.listen).await.with_context(|| format!("listening on {}", self.listen))?;
            let interrupted = async {
                let _ = tokio::signal::ctrl_c().await;
            };
            Ok(serve_uniform(listener, self.jobs, self.vertices, latency, interrupted).await?)
        })
    }
}
