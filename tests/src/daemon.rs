//! The daemon, run as a program.

use std::env;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use crate::error::HarnessError;
use crate::process::{Process, free_address, output};
use crate::wait::eventually;

const START_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// Bytes: a thousand jobs of ten vertices have 20 MB.
const LONGEST_METRICS: u64 = 256 << 20;

/// A running `tidegate run`. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    address: SocketAddr,
}

impl Daemon {
    /// Starts the daemon for a cluster, with options for every job, and waits until it serves its metrics.
    ///
    /// It looks at every job once a second, works in `folder` and logs into it.
    ///
    /// # Errors
    ///
    /// The program does not compile or does not start in time.
    pub fn start(cluster: &str, options: &[(&str, &str)], folder: &Path) -> Result<Self, HarnessError> {
        let mut arguments: Vec<String> = ["--cluster", cluster, "--interval", "1s"].map(str::to_owned).into();
        for (key, value) in options {
            arguments.extend(["--option".to_owned(), format!("{key}={value}")]);
        }
        Self::run(arguments, folder)
    }

    /// Starts the daemon with these arguments, beside the address that it listens on, and waits until it serves its
    /// metrics. It works in `folder` and logs into it.
    ///
    /// # Errors
    ///
    /// The program does not compile or does not start in time.
    pub fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>, folder: &Path) -> Result<Self, HarnessError> {
        let address = free_address()?;
        let mut tidegate = Command::new(binary()?);
        tidegate.current_dir(folder).env("STATE_DIRECTORY", folder).arg("run").args(arguments);
        tidegate.arg("--listen").arg(address.to_string());
        let daemon = Self { process: Process::start("tidegate", &mut tidegate, folder)?, address };
        eventually("the metrics of the daemon", START_WITHIN, || daemon.metrics(), |_| true)
            .inspect_err(|_| daemon.process.print_tail())?;
        Ok(daemon)
    }

    /// Records a job of its into `out`, until either of them ends. Logs into `folder`.
    ///
    /// # Errors
    ///
    /// The program does not compile or does not start.
    pub fn record(&self, job: &str, out: &Path, folder: &Path) -> Result<Process, HarnessError> {
        let mut tidegate = Command::new(binary()?);
        tidegate.args(["record", "--daemon", &format!("http://{}", self.address), "--job", job, "--out"]).arg(out);
        Process::start("record", &mut tidegate, folder)
    }

    /// The sum of all samples of a metric whose labels contain all of the texts given; 0 if there is none.
    ///
    /// # Errors
    ///
    /// The daemon does not answer.
    pub fn metric(&self, name: &str, labels: &[&str]) -> Result<f64, HarnessError> {
        Ok(sum(&self.metrics()?, name, labels))
    }

    /// Everything that it counts, in Prometheus' text format.
    ///
    /// # Errors
    ///
    /// The daemon does not answer.
    pub fn metrics(&self) -> Result<String, HarnessError> {
        let url = format!("http://{}/metrics", self.address);
        let read = |url| ureq::get(url).call()?.body_mut().with_config().limit(LONGEST_METRICS).read_to_string();
        read(&url).map_err(|source| HarnessError::Http { url, source: Box::new(source) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What it has logged so far.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn log(&self) -> Result<String, HarnessError> {
        self.process.log()
    }

    /// What it has logged after so many bytes. Costs it nothing, unlike a question that it has to answer.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn log_after(&self, bytes: u64) -> Result<String, HarnessError> {
        self.process.log_after(bytes)
    }

    /// Whether it is still there.
    ///
    /// # Errors
    ///
    /// The operating system does not tell.
    pub fn is_running(&mut self) -> Result<bool, HarnessError> {
        Ok(self.process.ended()?.is_none())
    }

    /// Ends it as a power cut would: it gets to do nothing any more.
    pub fn kill(self) {
        drop(self);
    }

    /// Asks it to end, as a service manager does, and returns how it ended.
    ///
    /// # Errors
    ///
    /// It does not end in time.
    pub fn stop(mut self) -> Result<ExitStatus, HarnessError> {
        self.process.terminate(STOP_WITHIN)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if thread::panicking() {
            self.process.print_tail();
        }
    }
}

/// What Cargo says about something that it has built.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds the program, optimised if the harness is, and returns where it is.
///
/// Cargo tells the path of a binary only to tests of the package that the binary is in, so Cargo is asked here. It has
/// nothing to do when the program is up to date.
///
/// # Errors
///
/// The program does not compile.
pub fn binary() -> Result<PathBuf, HarnessError> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    // With a test, dependencies have the features that they have for the tests: else they would be built once more.
    let with_a_test = ["--test", "invariants"];
    let mut build = [["build", "--quiet"], ["--bin", "tidegate"], with_a_test].concat();
    build.push("--message-format=json");
    if !cfg!(debug_assertions) {
        build.push("--release");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let messages = output(&cargo, &build, &root)?;
    let executable = messages.lines().find_map(|message| {
        let Message { target, executable } = serde_json::from_str(message).ok()?;
        executable.filter(|_| target.is_some_and(|target| target.name == "tidegate"))
    });
    executable.ok_or_else(HarnessError::missing("executable", messages))
}

/// Sums samples in Prometheus' text format, such as `name{label="value"} 1.5`: those of `name` whose labels contain all of `labels`.
pub fn sum(metrics: &str, name: &str, labels: &[&str]) -> f64 {
    let samples = metrics.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let of = series.split_once('{').map_or(series, |(of, _)| of);
        (of == name && labels.iter().all(|label| series.contains(label))).then(|| value.parse::<f64>().ok())?
    });
    samples.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_by_name_and_labels() {
        let metrics = "\
# TYPE passes counter
passes_total{job=\"a\",outcome=\"held\"} 2
passes_total{job=\"b\",outcome=\"held\"} 3
passes_total{job=\"b\",outcome=\"failed\"} 5
passes_total_duration 7
up 1
";
        let cases: [(&str, &[&str], f64); 5] = [
            ("passes_total", &[], 10.0),
            ("passes_total", &["outcome=\"held\""], 5.0),
            ("passes_total", &["job=\"b\"", "outcome=\"held\""], 3.0),
            ("up", &[], 1.0),
            ("down", &[], 0.0),
        ];
        for (name, labels, expected) in cases {
            assert_eq!(sum(metrics, name, labels), expected, "{name} {labels:?}");
        }
    }
}
