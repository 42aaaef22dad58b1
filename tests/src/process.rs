//! A program that runs beside a test and never outlives it.

use std::env;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::error::HarnessError;
use crate::wait::eventually;

const TAIL_LINES: usize = 40;

/// A running program whose output goes to a log file.
///
/// Dropping it kills it by its process id.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program, with `<name>.log` in a folder taking its output.
    ///
    /// # Errors
    ///
    /// The log cannot be created or the program cannot be started.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Result<Self, HarnessError> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).map_err(HarnessError::file(&log))?;
        let errors = output.try_clone().map_err(HarnessError::file(&log))?;
        let child =
            command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().map_err(HarnessError::run(name))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that the program has written so far.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn log(&self) -> Result<String, HarnessError> {
        let bytes = fs::read(&self.log).map_err(HarnessError::file(&self.log))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What the program has written after so many bytes.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn log_after(&self, bytes: u64) -> Result<String, HarnessError> {
        let mut rest = Vec::new();
        let read = |rest: &mut Vec<u8>| {
            let mut file = File::open(&self.log)?;
            file.seek(SeekFrom::Start(bytes))?;
            file.read_to_end(rest)
        };
        read(&mut rest).map_err(HarnessError::file(&self.log))?;
        Ok(String::from_utf8_lossy(&rest).into_owned())
    }

    /// Prints the end of its log. It is the owner who calls this when a test fails, while everything still runs: what
    /// is said about the end of other processes would only hide what led to it.
    #[expect(clippy::print_stderr, reason = "a failing test shows what its programs said")]
    pub(crate) fn print_tail(&self) {
        let log = self.log().unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default();
        eprintln!("the end of {}:\n{}\n", self.log.display(), tail.join("\n"));
    }

    /// Its exit status, if it has ended.
    ///
    /// # Errors
    ///
    /// The operating system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.child.try_wait().map_err(HarnessError::run(&self.name))
    }

    /// Asks the program to end, as a service manager does, and waits until it has.
    ///
    /// # Errors
    ///
    /// It still runs after `within`.
    pub fn terminate(&mut self, within: Duration) -> Result<ExitStatus, HarnessError> {
        if self.ended()?.is_none() {
            let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            let id = id.ok_or_else(HarnessError::missing("process id", self.child.id()))?;
            kill_process(id, Signal::TERM).map_err(|error| HarnessError::run(&self.name)(error.into()))?;
        }
        let what = format!("the end of {}", self.name);
        let status = eventually(&what, within, || self.ended(), Option::is_some)?;
        status.ok_or_else(HarnessError::missing("exit status", what))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the program has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end in a folder and returns its standard output.
///
/// # Errors
///
/// It cannot be started or fails; the error holds what it wrote.
pub(crate) fn output(program: &str, arguments: &[&str], folder: &Path) -> Result<String, HarnessError> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    // What Cargo says about the harness is not about this program: build scripts that look at it, as ring's does, would
    // run again, and whatever needs what they make would be built again.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text == "OUT_DIR" || text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let ran = command.output().map_err(HarnessError::run(program))?;
    let stdout = String::from_utf8_lossy(&ran.stdout);
    if !ran.status.success() {
        let stderr = String::from_utf8_lossy(&ran.stderr);
        let program = format!("{program} {}", arguments.join(" "));
        return Err(HarnessError::Failed { program, output: format!("{stdout}{stderr}") });
    }
    Ok(stdout.into_owned())
}

/// Below those that a system gives to whoever asks for any port (on Linux from 32768 on): a server that takes seconds to
/// listen, as Flink's do, would now and then find a socket there, even one of its own.
const PORTS: Range<u16> = 10_000..32_000;

/// An address of this machine on which nothing listens now. No other call in this process gives the same one soon.
///
/// # Errors
///
/// The machine has none left.
pub fn free_address() -> Result<SocketAddr, HarnessError> {
    static TRIED: AtomicUsize = AtomicUsize::new(0);
    // Processes that run at the same time have ids that are close to each other, and begin far from each other.
    let first = usize::try_from(process::id()).unwrap_or_default().wrapping_mul(1_009);
    for _ in PORTS {
        let mut ports = PORTS;
        let nth = first.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % ports.len();
        let Some(port) = ports.nth(nth) else { break };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(HarnessError::run("a server on 127.0.0.1")(error)),
        }
    }
    Err(HarnessError::run("a server on 127.0.0.1")(ErrorKind::AddrInUse.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_address_is_none_that_the_system_gives_away_and_nobody_has() {
        let first = free_address().unwrap();
        let taken = TcpListener::bind(first).unwrap();
        let others: Vec<SocketAddr> = (0..PORTS.len()).map(|_| free_address().unwrap()).collect();
        assert!(others.iter().all(|other| *other != first && PORTS.contains(&other.port())));
        drop(taken);
    }
}
