//! A cluster of simulated jobs, as a process of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::daemon::binary;
use crate::error::HarnessError;
use crate::process::{Process, free_address};
use crate::wait::eventually;

const START_WITHIN: Duration = Duration::from_secs(30);

/// A running `tidegate serve-simulated`. Dropping it kills it.
#[derive(Debug)]
pub struct SimulatedCluster {
    url: String,
    _process: Process,
}

impl SimulatedCluster {
    /// Starts a cluster of so many equal jobs, each answer so many milliseconds late. It logs into `folder`.
    ///
    /// # Errors
    ///
    /// The program does not compile or does not start in time.
    pub fn start(jobs: u32, vertices: u32, latency: u32, folder: &Path) -> Result<Self, HarnessError> {
        let address = free_address()?;
        let mut simulate = Command::new(binary()?);
        simulate.arg("serve-simulated").arg("--listen").arg(address.to_string());
        simulate.arg("--jobs").arg(jobs.to_string()).arg("--vertices").arg(vertices.to_string());
        if latency > 0 {
            simulate.arg("--latency").arg(format!("{latency}ms"));
        }
        let cluster =
            Self { url: format!("http://{address}"), _process: Process::start("cluster", &mut simulate, folder)? };
        let overview = format!("{}/overview", cluster.url);
        let look = || match ureq::get(&overview).call() {
            Ok(_) => Ok(()),
            Err(source) => Err(HarnessError::Http { url: overview.clone(), source: Box::new(source) }),
        };
        eventually("the simulated cluster", START_WITHIN, look, |()| true)?;
        Ok(cluster)
    }

    /// Its REST address.
    pub fn url(&self) -> &str {
        &self.url
    }
}
