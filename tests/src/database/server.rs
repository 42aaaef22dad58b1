//! The life of a server: where its files are, where it listens, its start and its end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{folder_of, run};
use crate::error::HarnessError;
use crate::process::{Process, free_address};
use crate::wait::eventually;

const START_WITHIN: Duration = Duration::from_secs(30);

/// A server. Dropping it kills it, as a power cut would.
#[derive(Debug)]
pub(super) struct Server {
    name: &'static str,
    process: Option<Process>,
    address: SocketAddr,
    data: PathBuf,
    folder: PathBuf,
}

impl Server {
    /// One that is not started yet: it keeps its data in `folder`, as `user` where the test runs as root.
    pub(super) fn new(name: &'static str, user: &str, folder: &Path) -> Result<Self, HarnessError> {
        let data = folder_of(user, folder, name)?;
        Ok(Self { name, process: None, address: free_address()?, data, folder: folder.to_owned() })
    }

    /// The folder of its data.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it with `serve`, and waits until `ask` succeeds.
    pub(super) fn start(
        &mut self,
        mut serve: Command,
        ask: impl Fn() -> Result<Command, HarnessError>,
    ) -> Result<(), HarnessError> {
        self.process = Some(Process::start(self.name, serve.current_dir(&self.data), &self.folder)?);
        eventually(self.name, START_WITHIN, || run(self.name, &mut ask()?), |()| true)
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }
}
