//! Made-up jobs, of any size: what plugins are tried and measured on that nobody runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;

use crate::model::{
    Applicant, Edge, GlobalMetric, GlobalMetrics, IoMetrics, JobId, Observation, Sample, ScalingMetric, ShipStrategy,
    Topology, Vertex, VertexId, VertexMetrics, Window,
};
use crate::zone::Zone;

/// Between two samples, milliseconds.
const STEP: i64 = 10_000;

/// How busy the vertices of a made-up job are.
#[derive(Clone, Copy)]
struct Pace {
    /// The share of their time.
    busy: f64,
    /// Records that wait at the source, and by how many more each second.
    lag: (f64, f64),
}

/// A busy share of 0.7 is what the default policy aims at.
const STEADY: Pace = Pace { busy: 0.7, lag: (12.0, 0.0) };
const PRESSED: Pace = Pace { busy: 1.0, lag: (10_000.0, 500.0) };
const IDLE: Pace = Pace { busy: 0.05, lag: (0.0, 0.0) };

/// A chain of `vertices`, one a source that keeps up, over a full window of `samples`: the quiet pass that a daemon
/// sees most often. With `history`, every vertex has been scaled that many times.
pub fn steady(vertices: u32, samples: u32, history: u32) -> Observation {
    made_up(vertices, samples, history, STEADY)
}

/// Small jobs in all situations that a policy meets, and what each of them is in.
pub(crate) fn situations() -> [(&'static str, Observation); 4] {
    let job = |pace| named(made_up(3, 30, 0, pace));
    let first = named(made_up(3, 1, 0, PRESSED));
    let full_later = Timestamp::from_millis(first.now.as_millis() + 60 * STEP);
    [
        ("a job that keeps up", job(STEADY)),
        ("a job that falls behind", job(PRESSED)),
        ("a job that idles", job(IDLE)),
        ("a job that was just seen first", Observation { window_full_at: full_later, ..first }),
    ]
}

/// More subtasks for the source of a made-up job, of 12 partitions.
pub(crate) fn applicant() -> Applicant {
    Applicant {
        vertex: 0,
        current: 4,
        target: 5,
        source_partitions: 12,
        max_parallelism: 720,
        lower_limit: 1,
        upper_limit: 200,
        inputs: Vec::new(),
    }
}

/// Its vertices, called so that they can be told of.
fn named(mut job: Observation) -> Observation {
    for (vertex, name) in job.topology.vertices.iter_mut().zip(["source", "work", "sink"]) {
        name.clone_into(&mut vertex.name);
    }
    job
}

fn made_up(vertices: u32, samples: u32, history: u32, pace: Pace) -> Observation {
    let now = Timestamp::from_millis(1_700_000_000_000);
    let ids: Vec<VertexId> = (0..u128::from(vertices)).map(|n| VertexId::from_u128((n << 64) + 0xabcd)).collect();
    let mut window = Window::default();
    for sample in 0..samples {
        let seconds = f64::from(sample) * 10.0;
        window.push(Sample {
            at: Timestamp::from_millis(now.as_millis() - i64::from(samples - 1 - sample) * STEP),
            vertices: ids.iter().enumerate().map(|(index, id)| (*id, metrics(index, seconds, pace))).collect(),
            global: global(),
        });
    }
    let vertex = |id: &VertexId| Vertex {
        id: *id,
        name: format!("vertex {id}"),
        parallelism: 4,
        max_parallelism: 720,
        source_partitions: 0,
        slot_sharing_group: Some("6f0a1d2b3c4d5e6f708192a3b4c5d6e7".to_owned()),
        finished: false,
        io: IoMetrics::default(),
    };
    let edge = |to: usize| Edge { from: to - 1, to, ship: ShipStrategy::Hash };
    Observation {
        cluster: "bench".to_owned(),
        job: JobId::from_u128(1),
        job_name: "steady".to_owned(),
        now,
        zone: Zone::default(),
        running_since: Timestamp::from_millis(now.as_millis() - 86_400_000),
        window_full_at: now,
        configuration: Arc::new(configuration()),
        topology: Topology { vertices: ids.iter().map(vertex).collect(), edges: (1..ids.len()).map(edge).collect() },
        excluded: vec![false; ids.len()],
        window,
        state: Arc::new(state(&ids, now, history)),
    }
}

/// 1000 records a second by 4 subtasks.
fn metrics(index: usize, seconds: f64, pace: Pace) -> VertexMetrics {
    let Pace { busy, lag: (lag, growth) } = pace;
    let mut row = VertexMetrics::default();
    if index == 0 {
        row.set(ScalingMetric::Lag, lag + growth * seconds);
        row.set(ScalingMetric::ObservedTpr, f64::INFINITY);
    } else {
        row.set(ScalingMetric::NumRecordsInPerSecond, 1_000.125);
    }
    row.set(ScalingMetric::Load, (busy + f64::from((index % 7) as u8) / 1000.0).min(1.0));
    row.set(ScalingMetric::AccumulatedBusyTime, seconds * 4_000.0 * busy);
    row.set(ScalingMetric::NumRecordsIn, seconds * 1_000.125);
    row.set(ScalingMetric::NumRecordsOut, seconds * 1_000.125);
    row
}

fn global() -> GlobalMetrics {
    let mut row = GlobalMetrics::default();
    for metric in GlobalMetric::ALL {
        row.set(*metric, 0.25);
    }
    row
}

/// What a job brings along with Flink's defaults and some of its own.
fn configuration() -> Configuration {
    let mut options: Configuration = (0..40).map(|n| (format!("some.other.option-{n}"), "value".to_owned())).collect();
    options.set("job.autoscaler.enabled", "true");
    options.set("job.autoscaler.metrics.window", "10 min");
    options.set("taskmanager.numberOfTaskSlots", "4");
    options.set("taskmanager.memory.process.size", "4 gb");
    options
}

fn state(ids: &[VertexId], now: Timestamp, history: u32) -> BTreeMap<String, String> {
    if history == 0 {
        return BTreeMap::new();
    }
    let summary = r#"{"currentParallelism":2,"newParallelism":4,"metrics":{"TRUE_PROCESSING_RATE":{"current":"NaN","average":2857.143},"TARGET_DATA_RATE":{"current":"NaN","average":1000.125},"CATCH_UP_DATA_RATE":{"current":0.0,"average":"NaN"},"LOAD":{"current":"NaN","average":0.7},"PARALLELISM":{"current":2.0,"average":"NaN"},"MAX_PARALLELISM":{"current":720.0,"average":"NaN"},"SCALE_UP_RATE_THRESHOLD":{"current":1429.0,"average":"NaN"},"SCALE_DOWN_RATE_THRESHOLD":{"current":2500.0,"average":"NaN"},"EXPECTED_PROCESSING_RATE":{"current":2857.143,"average":"NaN"}}}"#;
    let hours_ago = |hours: u32| Timestamp::from_millis(now.as_millis() - i64::from(hours) * 3_600_000);
    let summaries: Vec<String> = (1..=history).map(|n| format!("\"{}\":{summary}", hours_ago(n))).collect();
    let summaries = summaries.join(",");
    let vertices: Vec<String> = ids.iter().map(|id| format!("\"{id}\":{{{summaries}}}")).collect();
    BTreeMap::from([("scalingHistory".to_owned(), format!("{{{}}}", vertices.join(",")))])
}
