//! Five jobs that each show an operator one thing.

use std::time::Duration;

use super::{JobShape, Load, VertexShape};
use crate::model::ShipStrategy::{Forward, Hash, Rebalance};

/// The jobs of the demo: one that grows, one with spikes, one with days of two minutes, one that joins two sources and
/// was deployed badly, and one that is right as it is.
pub fn demo_jobs() -> Vec<JobShape> {
    vec![growing(), spiking(), daily(), joining(), right()]
}

/// The options under which the demo's jobs show their point in about a minute.
pub fn demo_options() -> [(&'static str, &'static str); 6] {
    [
        ("job.autoscaler.enabled", "true"),
        ("job.autoscaler.metrics.window", "10s"),
        ("job.autoscaler.stabilization.interval", "3s"),
        ("job.autoscaler.restart.time", "3s"),
        ("job.autoscaler.catch-up.duration", "20s"),
        ("job.autoscaler.scale-down.interval", "15s"),
    ]
}

fn growing() -> JobShape {
    let load = Load::Ramp { from: 900.0, to: 6000.0, over: s(90) };
    JobShape::new("clickstream-growing")
        .with(VertexShape::source("clicks", 5000.0, 12, load))
        .with(VertexShape::operator("sessionize", 1000.0).input(0, Hash, 1.0))
        .with(VertexShape::operator("out: Writer", 2500.0).input(1, Rebalance, 0.5))
}

fn spiking() -> JobShape {
    let load = Load::Spikes { base: 600.0, peak: 2400.0, every: s(60), width: s(25) };
    JobShape::new("payments-spiking")
        .with(VertexShape::source("payments", 8000.0, 8, load))
        .with(VertexShape::operator("score", 450.0).input(0, Hash, 1.0).parallelism(2))
        .with(VertexShape::operator("alerts: Writer", 2000.0).input(1, Hash, 0.05))
}

fn daily() -> JobShape {
    let load = Load::Daily { mean: 2000.0, swing: 1500.0, period: s(120) };
    JobShape::new("traffic-daily")
        .with(VertexShape::source("requests", 2500.0, 12, load))
        .with(VertexShape::operator("count by region", 800.0).input(0, Hash, 1.0).parallelism(3))
        .with(VertexShape::operator("dashboard: Writer", 3000.0).input(1, Hash, 0.1))
}

fn joining() -> JobShape {
    JobShape::new("orders-join-shipments")
        .with(VertexShape::source("orders", 4000.0, 6, Load::Constant(1400.0)))
        .with(VertexShape::source("shipments", 4000.0, 4, Load::Constant(900.0)))
        .with(VertexShape::operator("join", 700.0).input(0, Hash, 1.0).input(1, Hash, 1.0).parallelism(3))
        .with(VertexShape::operator("out: Writer", 1000.0).input(2, Rebalance, 0.4).parallelism(8))
}

fn right() -> JobShape {
    JobShape::new("invoices-steady")
        .with(VertexShape::source("invoices", 1000.0, 8, Load::Constant(1300.0)).parallelism(2))
        .with(VertexShape::operator("validate", 1000.0).input(0, Forward, 1.0).parallelism(2))
        .with(VertexShape::operator("archive: Writer", 500.0).input(1, Hash, 1.0).parallelism(4))
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
