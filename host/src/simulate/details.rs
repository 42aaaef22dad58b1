//! The body of `/jobs/:id`: a job's graph and its I/O counters, with the keys of Flink 1.20.

use std::collections::BTreeMap;

use serde::Serialize;

use super::engine::{JobState, Phase};
use super::{JobShape, VertexShape, wire};
use crate::model::{JobId, ShipStrategy, VertexId};

/// `/jobs/:id`
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Details<'a> {
    jid: JobId,
    name: &'a str,
    #[serde(rename = "isStoppable")]
    is_stoppable: bool,
    state: &'static str,
    job_type: &'static str,
    start_time: i64,
    end_time: i64,
    duration: i64,
    #[serde(rename = "maxParallelism")]
    max_parallelism: i64,
    now: i64,
    timestamps: Timestamps,
    vertices: Vec<VertexDetails<'a>>,
    status_counts: TaskCounts,
    plan: Plan<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Timestamps {
    initializing: i64,
    created: i64,
    running: i64,
    restarting: i64,
    failing: i64,
    failed: i64,
    cancelling: i64,
    canceled: i64,
    finished: i64,
    suspended: i64,
    reconciling: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct VertexDetails<'a> {
    id: VertexId,
    #[serde(rename = "slotSharingGroupId")]
    slot_sharing_group_id: VertexId,
    name: &'a str,
    #[serde(rename = "maxParallelism")]
    max_parallelism: u32,
    parallelism: u32,
    status: &'static str,
    start_time: i64,
    end_time: i64,
    duration: i64,
    tasks: TaskCounts,
    metrics: IoMetrics,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct TaskCounts {
    created: u32,
    scheduled: u32,
    deploying: u32,
    initializing: u32,
    running: u32,
    finished: u32,
    canceling: u32,
    canceled: u32,
    failed: u32,
    reconciling: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct IoMetrics {
    read_bytes: u64,
    read_bytes_complete: bool,
    write_bytes: u64,
    write_bytes_complete: bool,
    read_records: u64,
    read_records_complete: bool,
    write_records: u64,
    write_records_complete: bool,
    accumulated_backpressured_time: u64,
    accumulated_idle_time: u64,
    accumulated_busy_time: f64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Plan<'a> {
    Graph {
        jid: JobId,
        name: &'a str,
        r#type: &'static str,
        nodes: Vec<Node>,
    },
    /// While the job waits for slots.
    Empty {},
}

#[derive(Serialize)]
struct Node {
    id: VertexId,
    parallelism: u32,
    operator: &'static str,
    operator_strategy: &'static str,
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<NodeInput>,
    optimizer_properties: BTreeMap<(), ()>,
}

#[derive(Serialize)]
struct NodeInput {
    num: usize,
    id: VertexId,
    ship_strategy: &'static str,
    exchange: &'static str,
}

impl<'a> Details<'a> {
    pub(super) fn new(id: JobId, job: &'a JobState) -> Self {
        let shape = job.shape();
        let running = job.running_since().as_millis();
        let waiting = matches!(job.phase(), Phase::Created { .. });
        let mut vertices: Vec<_> =
            (0..shape.vertices.len()).filter_map(|index| VertexDetails::new(job, index)).collect();
        // Flink lists them backwards until they have slots.
        if waiting {
            vertices.reverse();
        }
        let count = u32::try_from(vertices.len()).unwrap_or(u32::MAX);
        Self {
            jid: id,
            name: &shape.name,
            is_stoppable: false,
            state: wire::state(job),
            job_type: "STREAMING",
            start_time: job.started().as_millis(),
            end_time: -1,
            duration: job.now().as_millis() - job.started().as_millis(),
            max_parallelism: match job.phase() {
                Phase::Created { .. } => -1,
                _ => shape.vertices.iter().map(|vertex| i64::from(vertex.max_parallelism)).max().unwrap_or(-1),
            },
            now: job.now().as_millis(),
            timestamps: Timestamps {
                initializing: job.started().as_millis(),
                created: if waiting { 0 } else { job.created().as_millis() },
                running: if waiting { 0 } else { running },
                restarting: 0,
                failing: 0,
                failed: 0,
                cancelling: 0,
                canceled: 0,
                finished: 0,
                suspended: 0,
                reconciling: 0,
            },
            vertices,
            status_counts: TaskCounts::all(job, count),
            plan: if waiting {
                Plan::Empty {}
            } else {
                Plan::Graph {
                    jid: id,
                    name: &shape.name,
                    r#type: "STREAMING",
                    nodes: (0..shape.vertices.len()).filter_map(|index| Node::new(job, index)).collect(),
                }
            },
        }
    }
}

impl<'a> VertexDetails<'a> {
    fn new(job: &'a JobState, index: usize) -> Option<Self> {
        let shape = job.shape().vertices.get(index)?;
        let vertex = job.vertices().get(index)?;
        let waiting = matches!(job.phase(), Phase::Created { .. });
        let parallelism = if waiting { 1 } else { vertex.subtasks.parallelism() };
        let start = job.running_since().as_millis();
        let totals = if waiting { Default::default() } else { vertex.totals };
        let subtasks = f64::from(parallelism);
        let blocked = (subtasks * totals.blocked_ms - totals.busy_while_blocked_ms).max(0.0);
        let idle = (subtasks * job.uptime_ms() - totals.busy_ms - blocked).max(0.0);
        Some(Self {
            id: job.shape().vertex_id(index)?,
            slot_sharing_group_id: slot_sharing_group(job.shape(), shape),
            name: &shape.name,
            max_parallelism: shape.max_parallelism,
            parallelism,
            status: vertex_status(job),
            start_time: if waiting { -1 } else { start },
            end_time: -1,
            duration: if waiting { -1 } else { job.now().as_millis() - start },
            tasks: if waiting { TaskCounts::default() } else { TaskCounts::all(job, parallelism) },
            metrics: IoMetrics {
                read_bytes: 0,
                read_bytes_complete: true,
                write_bytes: 0,
                write_bytes_complete: true,
                read_records: if vertex.source.is_some() { 0 } else { totals.records_in as u64 },
                read_records_complete: true,
                write_records: totals.records_out as u64,
                write_records_complete: true,
                accumulated_backpressured_time: blocked as u64,
                accumulated_idle_time: idle as u64,
                accumulated_busy_time: totals.busy_ms.floor(),
            },
        })
    }
}

impl TaskCounts {
    /// `count` tasks, all in the state that the job's vertices are in.
    fn all(job: &JobState, count: u32) -> Self {
        match job.phase() {
            Phase::Running => Self { running: count, ..Self::default() },
            Phase::Restarting { .. } => Self { canceling: count, ..Self::default() },
            Phase::Created { .. } => Self { created: count, ..Self::default() },
        }
    }
}

impl Node {
    fn new(job: &JobState, index: usize) -> Option<Self> {
        let shape = job.shape().vertices.get(index)?;
        let inputs = shape.inputs().iter().enumerate().filter_map(|(num, input)| {
            Some(NodeInput {
                num,
                id: job.shape().vertex_id(input.from)?,
                ship_strategy: ship_strategy(input.ship),
                exchange: "pipelined_bounded",
            })
        });
        Some(Self {
            id: job.shape().vertex_id(index)?,
            parallelism: job.vertices().get(index)?.subtasks.parallelism(),
            operator: "",
            operator_strategy: "",
            description: format!("{}<br/>", shape.name),
            inputs: inputs.collect(),
            optimizer_properties: BTreeMap::new(),
        })
    }
}

fn vertex_status(job: &JobState) -> &'static str {
    match job.phase() {
        Phase::Running => "RUNNING",
        Phase::Restarting { .. } => "CANCELING",
        Phase::Created { .. } => "CREATED",
    }
}

fn slot_sharing_group(shape: &JobShape, vertex: &VertexShape) -> VertexId {
    VertexId::from_u128(super::job::digest(&[&shape.name, "group", &vertex.slot_sharing_group.to_string()]))
}

fn ship_strategy(ship: ShipStrategy) -> &'static str {
    match ship {
        ShipStrategy::Hash => "HASH",
        ShipStrategy::Rebalance => "REBALANCE",
        ShipStrategy::Rescale => "RESCALE",
        ShipStrategy::Forward => "FORWARD",
        ShipStrategy::Custom => "CUSTOM",
        ShipStrategy::Broadcast => "BROADCAST",
        ShipStrategy::Global => "GLOBAL",
        ShipStrategy::Shuffle => "SHUFFLE",
        ShipStrategy::Unknown => "UNKNOWN",
    }
}
