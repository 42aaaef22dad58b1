//! Jobs whose load changes.

use std::time::Duration;

use tidegate::control::DecisionRecord;
use tidegate::model::Verdict;
use tidegate::simulate::Load;
use tidegate_tests::host::{Host, Scenario};

use crate::pipeline;

/// Whether the operator is neither idle nor at its limit under a load of `rate` records per second.
fn is_enough(host: &Host, name: &str, rate: f64) -> bool {
    let subtasks = f64::from(host.parallelism(name)[1]);
    let busy = rate / (200.0 * subtasks);
    (0.4..0.95).contains(&busy)
}

#[tokio::test]
async fn a_growing_job_is_scaled_up_once_drains_its_backlog_and_is_left_alone() {
    let mut host = Scenario::of([pipeline("orders", Load::Constant(600.0))]).start().await;
    host.passes(5).await;
    assert_eq!(host.puts("orders"), [], "not before the window is full");
    let highest = host.lag("orders");
    assert!(highest > 1000.0, "the load is more than the job can take: {highest}");
    host.passes(40).await;
    let puts = host.puts("orders");
    assert_eq!(puts.len(), 1, "{puts:?}");
    assert!(is_enough(&host, "orders", 600.0), "{:?}", host.parallelism("orders"));
    assert!(host.lag("orders") < 200.0, "{}", host.lag("orders"));
    let scaled = host.records("orders").into_iter().filter(|record| is_scaling(record)).count();
    assert_eq!(scaled, 1);
}

fn is_scaling(record: &DecisionRecord) -> bool {
    record.decision.as_ref().is_some_and(|decision| matches!(decision.verdict, Verdict::Scale(_)))
}

#[tokio::test]
async fn a_job_with_less_to_do_is_scaled_down_when_the_interval_is_over() {
    let mut shape = pipeline("orders", Load::Constant(1000.0));
    shape.vertices[0].parallelism = 2;
    shape.vertices[1].parallelism = 8;
    let mut host = Scenario::of([shape]).option("job.autoscaler.scale-down.interval", "5min").start().await;
    host.passes(10).await;
    assert_eq!(host.puts("orders"), []);
    host.cluster.set_load(host.job("orders"), &Load::Constant(200.0)).unwrap();
    host.passes(25).await;
    assert_eq!(host.puts("orders"), [], "less to do for less than the interval");
    host.passes(25).await;
    assert_eq!(host.puts("orders").len(), 1);
    assert_eq!(host.parallelism("orders"), [1, 4], "as far as `scale-down.max-factor` lets it at once");
}

#[tokio::test]
async fn every_request_names_all_vertices_from_1_to_at_most_their_max_parallelism() {
    let days = Load::Daily { mean: 4000.0, swing: 3900.0, period: Duration::from_secs(1200) };
    let mut shape = pipeline("orders", days);
    shape.vertices[1].max_parallelism = 6;
    let most = [shape.vertices[0].max_parallelism, 6];
    let ids: Vec<_> = (0..2).map(|index| shape.vertex_id(index).unwrap()).collect();
    let mut host = Scenario::of([shape])
        .option("job.autoscaler.scale-down.interval", "1min")
        .option("job.autoscaler.scale-up.max-factor", "100000")
        .start()
        .await;
    host.passes(250).await;
    let puts = host.puts("orders");
    assert!(puts.len() > 3, "{puts:?}");
    for put in &puts {
        let named: Vec<_> = put.requirements.keys().copied().collect();
        let mut all = ids.clone();
        all.sort_unstable();
        assert_eq!(named, all);
        for (id, most) in ids.iter().zip(most) {
            let bounds = put.requirements[id];
            assert!(bounds.lower() == 1 && bounds.upper() <= most, "{bounds:?}");
        }
    }
    assert!(puts.iter().any(|put| put.requirements[&ids[1]].upper() == 6), "the load asks for more than 6");
    assert!(!host.cluster.is_dead());
}
