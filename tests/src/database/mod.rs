//! Database servers of a test's own: in a folder of its own, on a free port of this machine, ended with the test.

mod mariadb;
mod postgres;
mod server;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub use mariadb::MariaDb;
pub use postgres::Postgres;

use crate::error::HarnessError;

/// A running server, where it does not matter of which kind. Dropping it kills it, as a power cut would.
pub struct AnyServer {
    /// Where it is: user, address, database.
    pub url: String,
    _server: Box<dyn Send>,
}

/// Starts a server of every kind, whose files are in `folder`; an error for each that is not installed, or does not start
/// in time.
pub fn every(folder: &Path) -> [(&'static str, Result<AnyServer, HarnessError>); 2] {
    let postgres = Postgres::start(folder);
    let mariadb = MariaDb::start(folder);
    [
        ("PostgreSQL", postgres.map(|server| AnyServer { url: server.url(), _server: Box::new(server) })),
        ("MariaDB", mariadb.map(|server| AnyServer { url: server.url(), _server: Box::new(server) })),
    ]
}

/// A command that runs as somebody else where the test runs as root: servers refuse that.
fn unprivileged(program: &Path, user: &str) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups", "--"]).arg(program);
    command
}

/// A new folder in `parent` that belongs to `user` where the test runs as root.
fn folder_of(user: &str, parent: &Path, name: &str) -> Result<std::path::PathBuf, HarnessError> {
    let folder = parent.join(name);
    fs::create_dir_all(&folder).map_err(HarnessError::file(&folder))?;
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(parent, Permissions::from_mode(0o755)).map_err(HarnessError::file(parent))?;
        run("chown", Command::new("chown").arg(format!("{user}:")).arg(&folder))?;
    }
    Ok(folder)
}

fn run(name: &str, command: &mut Command) -> Result<(), HarnessError> {
    let ran = command.output().map_err(HarnessError::run(name))?;
    if ran.status.success() {
        return Ok(());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Err(HarnessError::Failed { program: name.to_owned(), output: text(&ran.stdout) + &text(&ran.stderr) })
}
