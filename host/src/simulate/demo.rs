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
        // Half a second off the multiples of the interval, so that no pass finds the window a hair too short.
        ("job.autoscaler.metrics.window", "9500ms"),
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

#[cfg(test)]
mod tests {
    use tidegate_common::time::Timestamp;

    use super::*;
    use crate::simulate::{Cluster, JobSnapshot, ManualClock};

    /// The demo's jobs as they are after each of these seconds, if nobody scales them.
    fn left_alone(seconds: &[u64]) -> Vec<Vec<JobSnapshot>> {
        let clock = ManualClock::starting_at(Timestamp::from_millis(0));
        let cluster = Cluster::new(demo_jobs(), clock.clock()).unwrap();
        let mut passed = 0;
        let at = |second: &u64| {
            clock.advance(s(second - passed));
            passed = *second;
            cluster.snapshot()
        };
        seconds.iter().map(at).collect()
    }

    fn lag(job: &JobSnapshot) -> f64 {
        job.vertices.iter().filter_map(|vertex| vertex.source).map(|source| source.lag).sum()
    }

    #[test]
    fn each_job_shows_its_point() {
        let moments = left_alone(&[2, 15, 30, 34, 60]);
        let lags = |job: usize| moments.iter().map(|jobs| lag(&jobs[job])).collect::<Vec<_>>();
        let (growing, spiking, daily, joining, right) = (lags(0), lags(1), lags(2), lags(3), lags(4));
        let slope = |from: usize, seconds: f64| (growing[from + 1] - growing[from]) / seconds;
        assert!(
            0.0 < slope(0, 13.0) && slope(0, 13.0) < slope(1, 15.0) && slope(1, 15.0) < slope(3, 26.0),
            "{growing:?}"
        );
        assert!(spiking[..4].iter().all(|lag| *lag < 1.0) && spiking[4] > 10_000.0, "{spiking:?}");
        assert!(daily[0] < 1.0 && daily[1] > 1000.0, "{daily:?}");
        assert!(joining[0] > 100.0 && joining[4] > joining[1], "{joining:?}");
        assert!(right.iter().all(|lag| *lag < 1.0), "{right:?}");
    }

    #[test]
    fn the_job_that_is_right_stays_within_the_default_bounds() {
        for jobs in left_alone(&[5, 60]) {
            let right = jobs.last().unwrap();
            assert!(right.vertices.iter().all(|vertex| (0.45..0.95).contains(&vertex.busy)), "{right:?}");
        }
    }
}
