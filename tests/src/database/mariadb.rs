//! MariaDB, as Debian packages it.

use std::path::Path;

use super::server::Server;
use super::{folder_of, run, unprivileged};
use crate::error::HarnessError;

/// Whom the server runs as where the test runs as root.
const USER: &str = "mysql";

/// Beside the folder of its data.
const TEMPORARY: &str = "mariadb-tmp";

/// A running server. Dropping it kills it, as a power cut would.
#[derive(Debug)]
pub struct MariaDb(Server);

impl MariaDb {
    /// Starts a server whose files are in `folder`.
    ///
    /// # Errors
    ///
    /// MariaDB is not installed, or does not start in time.
    pub fn start(folder: &Path) -> Result<Self, HarnessError> {
        let server = Server::new("mariadb", USER, folder)?;
        let mut install = unprivileged(Path::new("/usr/bin/mariadb-install-db"), USER);
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        install.arg(format!("--datadir={}", server.data().display()));
        // A server that starts removes what others have in the folder of temporary tables, so each has one of its own.
        install.env("TMPDIR", folder_of(USER, folder, TEMPORARY)?);
        run("mariadb-install-db", install.current_dir(server.data()))?;
        let mut mariadb = Self(server);
        mariadb.restart()?;
        Ok(mariadb)
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
        let data = self.0.data().display().to_string();
        let mut serve = unprivileged(Path::new("/usr/sbin/mariadbd"), USER);
        serve.args(["--no-defaults", "--bind-address=127.0.0.1"]);
        serve.args([
            format!("--datadir={data}"),
            format!("--socket={data}/socket"),
            format!("--pid-file={data}/pid"),
            format!("--port={}", self.0.address().port()),
        ]);
        serve.env("TMPDIR", self.0.data().with_file_name(TEMPORARY));
        self.0.start(serve, || {
            let mut make = unprivileged(Path::new("/usr/bin/mariadb"), USER);
            make.args(["--no-defaults", "--user=root", "--execute=create database if not exists tidegate"]);
            make.arg(format!("--socket={data}/socket"));
            Ok(make)
        })
    }

    /// Where it is: user, address, database.
    pub fn url(&self) -> String {
        format!("mysql://root@{}/tidegate", self.0.address())
    }
}
