//! Many jobs of one kind, for measuring what a host costs.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::net::TcpListener;

use super::{Clock, Cluster, ClusterOptions, JobShape, Load, VertexShape};
use crate::model::ShipStrategy::{Hash, Rebalance};

/// Serves `jobs` jobs of `vertices` vertices each on `listener`, every answer `latency` late, until `shutdown` is ready.
///
/// # Errors
/// When the listener fails, or a job would have no vertices.
pub async fn serve_uniform(
    listener: TcpListener,
    jobs: usize,
    vertices: usize,
    latency: Duration,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let shapes = uniform_jobs(jobs, vertices);
    let task_managers = u32::try_from(jobs).unwrap_or(u32::MAX).saturating_add(1);
    let options = ClusterOptions { task_managers, slots_per_task_manager: 4, latency, ..ClusterOptions::default() };
    let cluster = Cluster::with_options(shapes, options, Clock::system()).map_err(io::Error::other)?;
    cluster.serve(listener, shutdown).await
}

/// Jobs in a chain, every vertex with two subtasks that are busy for 60 % of their time: nothing there to rescale.
pub fn uniform_jobs(jobs: usize, vertices: usize) -> Vec<JobShape> {
    const RATE: f64 = 1200.0;
    const CAPACITY: f64 = 1000.0;
    let job = |number: usize| {
        let mut job = JobShape::new(format!("uniform-{number:04}"));
        for index in 0..vertices {
            let vertex = match index.checked_sub(1) {
                None => VertexShape::source("events", CAPACITY, 16, Load::Constant(RATE)),
                // A hash over 128 key groups is even over two subtasks.
                Some(from) => {
                    let ship = if from % 2 == 0 { Hash } else { Rebalance };
                    VertexShape::operator(format!("step-{index}"), CAPACITY).input(from, ship, 1.0)
                }
            };
            job = job.with(vertex.parallelism(2));
        }
        job
    };
    (1..=jobs).map(job).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_common::time::Timestamp;

    use super::*;
    use crate::simulate::ManualClock;

    #[test]
    fn uniform_jobs_stay_as_they_are() {
        let clock = ManualClock::starting_at(Timestamp::from_millis(0));
        let cluster = Cluster::new(uniform_jobs(3, 10), clock.clock()).unwrap();
        clock.advance(Duration::from_secs(600));
        let jobs = cluster.snapshot();
        assert_eq!((jobs.len(), jobs[2].vertices.len()), (3, 10));
        for vertex in jobs.iter().flat_map(|job| &job.vertices) {
            assert!((vertex.busy - 0.6).abs() < 1e-6 && vertex.source.is_none_or(|source| source.lag < 1e-6));
        }
    }
}
