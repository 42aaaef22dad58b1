//! The configuration of a cluster: small, quick to answer, on 127.0.0.1 only.

use std::path::Path;

use crate::flink::distribution::Version;

/// How a cluster is to be.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Which scheduler runs the jobs.
    pub scheduler: Scheduler,
    /// Number of TaskManagers.
    pub task_managers: u32,
    /// Slots of each.
    pub slots: u32,
}

/// Flink's schedulers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduler {
    /// Rescales a running job in place.
    Adaptive,
    /// Cannot rescale a running job.
    Default,
}

/// Where a cluster listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    /// The REST API.
    pub(super) rest: u16,
    /// The JobManager, for the TaskManagers.
    pub(super) rpc: u16,
}

/// The text of `config.yaml`.
pub(super) fn config_yaml(version: Version, shape: Shape, ports: Ports, folder: &Path) -> String {
    let scheduler = match shape.scheduler {
        Scheduler::Adaptive => "jobmanager.scheduler: adaptive\n",
        // As in a cluster whose operators never thought of it.
        Scheduler::Default => "",
    };
    let Ports { rest, rpc } = ports;
    let slots = shape.slots;
    let folder = folder.display();
    let quick_rescales = quick_rescales(version);
    format!(
        "\
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
rest.bind-port: {rest}
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
cluster.registration.error-delay: 500
{scheduler}\
{quick_rescales}\
execution.checkpointing.interval: 2s
web.refresh-interval: 1000
metrics.fetcher.update-interval: 1000
jobmanager.memory.heap.size: 320m
jobmanager.memory.off-heap.size: 64m
jobmanager.memory.jvm-metaspace.size: 256m
jobmanager.memory.jvm-overhead.min: 64m
jobmanager.memory.jvm-overhead.max: 64m
taskmanager.numberOfTaskSlots: {slots}
taskmanager.cpu.cores: 1.0
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 64m
taskmanager.memory.task.heap.size: 192m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.network.min: 32m
taskmanager.memory.network.max: 32m
taskmanager.memory.managed.size: 16m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 64m
taskmanager.memory.jvm-overhead.max: 64m
io.tmp.dirs: {folder}/tmp
web.tmpdir: {folder}/tmp
web.upload.dir: {folder}/tmp
"
    )
}

/// The adaptive scheduler's pauses are minutes by default, for clusters whose machines come and go.
fn quick_rescales(version: Version) -> &'static str {
    match version {
        Version::V1_20 => {
            "\
jobmanager.adaptive-scheduler.scaling-interval.min: 1s
jobmanager.adaptive-scheduler.resource-stabilization-timeout: 1s
"
        }
        Version::V2_3 => {
            "\
jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling: 1s
jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout: 1s
jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout: 1s
"
        }
    }
}

/// The text of `log4j.properties`: everything goes to standard output, but for the hum of checkpoints.
pub(super) const LOG4J_PROPERTIES: &str = "\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = Console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1} %x - %m%n
logger.checkpoints.name = org.apache.flink.runtime.checkpoint.CheckpointCoordinator
logger.checkpoints.level = WARN
logger.sources.name = org.apache.flink.runtime.source.coordinator.SourceCoordinator
logger.sources.level = WARN
";
