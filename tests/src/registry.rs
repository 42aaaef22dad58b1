//! A real registry, which Debian calls docker-registry.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::HarnessError;
use crate::process::{Process, free_address};
use crate::wait::eventually;

const PROGRAM: &str = "docker-registry";

const START_WITHIN: Duration = Duration::from_secs(30);

/// A password file with the one user `tide`, whose password is `gate`, made with `htpasswd -B`: the registry takes no
/// other kind.
const USERS: &str = "tide:$2y$05$iAD7lFblq8UqcZPaUJRlgOaVVyW4M8x7xafHaDxQ//CTybZCCYaFG\n";

/// What Docker's configuration holds after `docker login` as that user: `tide:gate` in base64.
const LOGIN: &str = "dGlkZTpnYXRl";

/// A running registry. Dropping it ends it; what was pushed stays in its folder.
#[derive(Debug)]
pub struct Registry {
    process: Option<Process>,
    address: SocketAddr,
    folder: PathBuf,
    asks_for_login: bool,
}

impl Registry {
    /// Starts a registry that serves everybody, whose files are in `folder`.
    ///
    /// # Errors
    ///
    /// It is not installed, or does not start in time.
    pub fn start(folder: &Path) -> Result<Self, HarnessError> {
        Self::of(folder, false)
    }

    /// The same, for the user `tide` only.
    ///
    /// # Errors
    ///
    /// It is not installed, or does not start in time.
    pub fn start_with_login(folder: &Path) -> Result<Self, HarnessError> {
        Self::of(folder, true)
    }

    fn of(folder: &Path, asks_for_login: bool) -> Result<Self, HarnessError> {
        let folder = folder.to_owned();
        let mut registry = Self { process: None, address: free_address()?, folder, asks_for_login };
        registry.restart()?;
        Ok(registry)
    }

    /// Ends it: nothing answers at its address.
    pub fn end(&mut self) {
        self.process = None;
    }

    /// Starts it again at the same address, with everything that was pushed.
    ///
    /// # Errors
    ///
    /// It does not start in time.
    pub fn restart(&mut self) -> Result<(), HarnessError> {
        let (users, config) = (self.folder.join("users"), self.folder.join("registry.yml"));
        fs::write(&users, USERS).map_err(HarnessError::file(&users))?;
        let auth = match self.asks_for_login {
            true => format!("auth:\n  htpasswd:\n    realm: tidegate\n    path: {}\n", users.display()),
            false => String::new(),
        };
        let (address, files) = (self.address, self.folder.join("registry"));
        let text = format!(
            "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: \
             {address}\n{auth}",
            files.display()
        );
        fs::write(&config, text).map_err(HarnessError::file(&config))?;
        let mut program = Command::new(PROGRAM);
        program.arg("serve").arg(&config);
        self.process = Some(Process::start(PROGRAM, &mut program, &self.folder)?);
        let url = format!("http://{address}/");
        let look = || match ureq::get(&url).call() {
            Ok(_) => Ok(()),
            Err(source) => Err(HarnessError::Http { url: url.clone(), source: Box::new(source) }),
        };
        eventually("the registry", START_WITHIN, look, |()| true)
    }

    /// Where it listens: the host and port of references.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes what `docker login` writes down for this registry, into a folder for `DOCKER_CONFIG`.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn log_in(&self, folder: &Path) -> Result<(), HarnessError> {
        let file = folder.join("config.json");
        let config = format!("{{\"auths\":{{\"{}\":{{\"auth\":\"{LOGIN}\"}}}}}}", self.address);
        fs::write(&file, config).map_err(HarnessError::file(&file))
    }
}
