//! A cluster of one JobManager and some TaskManagers.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;

use crate::error::HarnessError;
use crate::flink::config::{LOG4J_PROPERTIES, Ports, Shape, config_yaml};
use crate::flink::distribution::{Distribution, Version};
use crate::flink::job::{Job, JobOptions, build_jar};
use crate::flink::rest::Rest;
use crate::process::{Process, free_address};
use crate::wait::eventually;

/// What Flink needs opened in the JDK: `env.java.opts.all` of the configuration that it ships.
const OPENED: [&str; 15] = [
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.net=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
    "--add-opens=java.base/java.text=ALL-UNNAMED",
    "--add-opens=java.base/java.time=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent.locks=ALL-UNNAMED",
];

/// A small heap, one compiler and one collector: the processes share a small machine with the test.
const FRUGAL: [&str; 5] =
    ["-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MaxMetaspaceSize=256m"];

const JOB_MANAGER: &str = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint";
const TASK_MANAGER: &str = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner";

const START_WITHIN: Duration = Duration::from_secs(120);

static ALONE: Mutex<()> = Mutex::new(());

/// A running cluster. Dropping it ends its processes and removes its folder.
///
/// A test program has one cluster at a time: two would slow each other down, and what is tested is a matter of time.
/// When a test panics, the ends of the logs are printed and the folder stays for a closer look.
#[derive(Debug)]
pub struct Cluster {
    distribution: Distribution,
    rest: Rest,
    // Fields are dropped in order: the processes end before the folder that they use goes.
    processes: Vec<Process>,
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Starts a cluster and waits until all its slots are there; before that, until other tests' clusters have ended.
    ///
    /// # Errors
    ///
    /// Flink cannot be installed, does not start, or does not offer its slots in time.
    pub fn start(version: Version, shape: Shape) -> Result<Self, HarnessError> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let distribution = Distribution::install(version)?;
        let folder = TempDir::with_prefix("tidegate-flink-").map_err(HarnessError::file(Path::new("a new folder")))?;
        let ports = Ports { rest: free_address()?.port(), rpc: free_address()?.port() };
        write(folder.path(), "config.yaml", &config_yaml(version, shape, ports, folder.path()))?;
        write(folder.path(), "log4j.properties", LOG4J_PROPERTIES)?;
        let tmp = folder.path().join("tmp");
        fs::create_dir(&tmp).map_err(HarnessError::file(&tmp))?;

        let start = |name: &str, class: &str, arguments: &[&str]| {
            let mut java = Command::new("java");
            java.args(FRUGAL).args(OPENED);
            java.arg(format!("-Dlog4j.configurationFile={}", folder.path().join("log4j.properties").display()));
            java.arg("-cp").arg(distribution.class_path());
            java.arg(class).arg("--configDir").arg(folder.path()).args(arguments);
            Process::start(name, &mut java, folder.path())
        };
        let mut processes = vec![start("jobmanager", JOB_MANAGER, &[])?];
        for number in 1..=shape.task_managers {
            let name = format!("taskmanager-{number}");
            processes.push(start(&name, TASK_MANAGER, &["-D", &format!("taskmanager.resource-id={name}")])?);
        }

        let rest = Rest::new(format!("http://127.0.0.1:{}", ports.rest));
        let cluster = Self { distribution, rest, processes, folder, _alone: alone };
        // The TaskManagers are counted a moment before their slots are.
        let slots = || cluster.rest.get("/overview").map(|overview: Overview| overview.slots_total);
        let all = shape.task_managers * shape.slots;
        eventually("the slots of the cluster", START_WITHIN, slots, |slots| *slots == all)
            .inspect_err(|_| cluster.print_tails())?;
        Ok(cluster)
    }

    /// Where the REST API is.
    #[must_use]
    pub fn url(&self) -> &str {
        self.rest.url()
    }

    /// A folder that lives as long as the cluster, for what belongs to the same test.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Builds the example job, submits it and waits until all its tasks run.
    ///
    /// # Errors
    ///
    /// The job does not compile, is refused, or does not run in time.
    pub fn submit(&self, options: &JobOptions) -> Result<Job, HarnessError> {
        let jar = build_jar(&self.distribution, self.folder.path())?;
        Job::submit(&self.rest, &jar, options, self.folder.path())
    }

    fn print_tails(&self) {
        self.processes.iter().for_each(Process::print_tail);
    }
}

#[derive(Deserialize)]
struct Overview {
    #[serde(rename = "slots-total")]
    slots_total: u32,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            self.print_tails();
            self.folder.disable_cleanup(true);
        }
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), HarnessError> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(HarnessError::file(&path))
}
