//! PostgreSQL, as Debian packages it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{folder_of, run, unprivileged};
use crate::error::HarnessError;
use crate::process::{Process, free_address};
use crate::wait::eventually;

/// Whom the server runs as where the test runs as root.
const USER: &str = "postgres";

const START_WITHIN: Duration = Duration::from_secs(30);

/// A running server. Dropping it kills it, as a power cut would.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    address: SocketAddr,
    data: PathBuf,
    folder: PathBuf,
}

impl Postgres {
    /// Starts a server whose files are in `folder`.
    ///
    /// # Errors
    ///
    /// PostgreSQL is not installed, or does not start in time.
    pub fn start(folder: &Path) -> Result<Self, HarnessError> {
        let data = folder_of(USER, folder, "postgres")?;
        let mut init = unprivileged(&tool("initdb")?, USER);
        init.args(["--auth=trust", "--username=tidegate", "--encoding=UTF8", "--no-sync", "--pgdata"]).arg(&data);
        run("initdb", init.current_dir(&data))?;
        let mut server = Self { process: None, address: free_address()?, data, folder: folder.to_owned() };
        server.restart()?;
        Ok(server)
    }

    /// Kills the server, which recovers when it is started again.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the server again, at the same address.
    ///
    /// # Errors
    ///
    /// It does not start in time.
    pub fn restart(&mut self) -> Result<(), HarnessError> {
        let mut postgres = unprivileged(&tool("postgres")?, USER);
        postgres.current_dir(&self.data).arg("-D").arg(&self.data);
        postgres.args(["-h", "127.0.0.1", "-p", &self.address.port().to_string(), "-k", ""]);
        self.process = Some(Process::start("postgres", &mut postgres, &self.folder)?);
        let ready = || {
            let mut ask = unprivileged(&tool("pg_isready")?, USER);
            ask.args(["-h", "127.0.0.1", "-p", &self.address.port().to_string()]);
            run("pg_isready", &mut ask)
        };
        eventually("PostgreSQL", START_WITHIN, ready, |()| true)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is: user, address, database.
    pub fn url(&self) -> String {
        format!("postgres://tidegate@{}/postgres", self.address)
    }
}

/// Debian keeps the server's programs out of the path, by major version.
fn tool(name: &str) -> Result<PathBuf, HarnessError> {
    let root = Path::new("/usr/lib/postgresql");
    let versions = fs::read_dir(root).map_err(HarnessError::file(root))?;
    let mut tools: Vec<PathBuf> =
        versions.flatten().map(|version| version.path().join("bin").join(name)).filter(|tool| tool.exists()).collect();
    tools.sort();
    tools.pop().ok_or_else(HarnessError::missing("program", name))
}
