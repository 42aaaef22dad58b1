//! PostgreSQL, as Debian packages it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::server::Server;
use super::{run, unprivileged};
use crate::error::HarnessError;

/// Whom the server runs as where the test runs as root.
const USER: &str = "postgres";

/// A running server. Dropping it kills it, as a power cut would.
#[derive(Debug)]
pub struct Postgres(Server);

impl Postgres {
    /// Starts a server whose files are in `folder`.
    ///
    /// # Errors
    ///
    /// PostgreSQL is not installed, or does not start in time.
    pub fn start(folder: &Path) -> Result<Self, HarnessError> {
        let initdb = tool("initdb")?;
        let server = Server::new("postgres", USER, folder)?;
        let mut init = unprivileged(&initdb, USER);
        init.args(["--auth=trust", "--username=tidegate", "--encoding=UTF8", "--no-sync", "--pgdata"]);
        run("initdb", init.arg(server.data()).current_dir(server.data()))?;
        let mut postgres = Self(server);
        postgres.restart()?;
        Ok(postgres)
    }

    /// Kills the server, which recovers when it is started again.
    pub fn kill(&mut self) {
        self.0.kill();
    }

    /// Starts the server again, at the same address.
    ///
    /// # Errors
    ///
    /// It does not start in time.
    pub fn restart(&mut self) -> Result<(), HarnessError> {
        let port = self.0.address().port().to_string();
        let mut serve = unprivileged(&tool("postgres")?, USER);
        serve.arg("-D").arg(self.0.data()).args(["-h", "127.0.0.1", "-p", &port, "-k", ""]);
        self.0.start(serve, || {
            let mut ask = unprivileged(&tool("pg_isready")?, USER);
            ask.args(["-h", "127.0.0.1", "-p", &port]);
            Ok(ask)
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Where it is: user, address, database.
    pub fn url(&self) -> String {
        format!("postgres://tidegate@{}/postgres", self.0.address())
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
