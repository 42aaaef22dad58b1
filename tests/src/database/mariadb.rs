//! MariaDB, as Debian packages it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{folder_of, run, unprivileged};
use crate::error::HarnessError;
use crate::process::{Process, free_address};
use crate::wait::eventually;

/// Whom the server runs as where the test runs as root.
const USER: &str = "mysql";

const START_WITHIN: Duration = Duration::from_secs(30);

/// A running server. Dropping it kills it, as a power cut would.
#[derive(Debug)]
pub struct MariaDb {
    process: Option<Process>,
    address: SocketAddr,
    data: PathBuf,
    folder: PathBuf,
}

impl MariaDb {
    /// Starts a server whose files are in `folder`.
    ///
    /// # Errors
    ///
    /// MariaDB is not installed, or does not start in time.
    pub fn start(folder: &Path) -> Result<Self, HarnessError> {
        let data = folder_of(USER, folder, "mariadb")?;
        let mut install = unprivileged(Path::new("/usr/bin/mariadb-install-db"), USER);
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        install.arg(format!("--datadir={}", data.display()));
        run("mariadb-install-db", install.current_dir(&data))?;
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
        let mut mariadb = unprivileged(Path::new("/usr/sbin/mariadbd"), USER);
        let data = self.data.display();
        mariadb.current_dir(&self.data).args(["--no-defaults", "--bind-address=127.0.0.1"]);
        mariadb.args([
            format!("--datadir={data}"),
            format!("--socket={data}/socket"),
            format!("--pid-file={data}/pid"),
        ]);
        mariadb.arg(format!("--port={}", self.address.port()));
        self.process = Some(Process::start("mariadb", &mut mariadb, &self.folder)?);
        let ready = || {
            let mut make = unprivileged(Path::new("/usr/bin/mariadb"), USER);
            make.args(["--no-defaults", "--user=root", "--execute=create database if not exists tidegate"]);
            run("mariadb", make.arg(format!("--socket={data}/socket")))
        };
        eventually("MariaDB", START_WITHIN, ready, |()| true)
    }

    /// Where it is: user, address, database.
    pub fn url(&self) -> String {
        format!("mysql://root@{}/tidegate", self.address)
    }
}
