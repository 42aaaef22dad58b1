//! Whose history is whose: redeploys, and jobs of one name.

use tidegate::model::ShipStrategy::Hash;
use tidegate::simulate::{JobShape, Load, VertexShape};
use tidegate_tests::host::Scenario;

use crate::log::Log;
use crate::short_of_three;

#[tokio::test]
async fn a_redeploy_under_a_new_id_keeps_history_and_targets() {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    host.passes(12).await;
    let first = host.job("orders");
    let (targets, history) =
        (host.last("orders").targets.clone(), host.state("orders").await["scalingHistory"].clone());
    let wanted = host.parallelism("orders");
    assert!(wanted[1] >= 3, "{wanted:?}");

    host.cluster.remove(first).unwrap();
    host.passes(5).await;
    host.cluster.submit(short_of_three("orders")).unwrap();
    assert_ne!(host.job("orders"), first);
    host.passes(2).await;
    assert_eq!(host.last("orders").targets, targets);
    assert_eq!(host.state("orders").await["scalingHistory"], history);
    assert_eq!(host.parallelism("orders"), wanted, "without waiting for a window to fill");
}

#[tokio::test]
async fn targets_of_a_vertex_that_is_gone_are_not_asked_for() {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    host.passes(12).await;
    let before = host.last("orders").targets.clone();
    host.cluster.remove(host.job("orders")).unwrap();
    let rewritten = JobShape::new("orders")
        .with(VertexShape::source("log", 1000.0, 16, Load::Constant(100.0)).parallelism(4))
        .with(VertexShape::operator("work anew", 1000.0).input(0, Hash, 1.0));
    let ids = [rewritten.vertex_id(0).unwrap(), rewritten.vertex_id(1).unwrap()];
    assert!(before.contains_key(&ids[0]) && !before.contains_key(&ids[1]));
    host.cluster.submit(rewritten).unwrap();
    host.passes(2).await;
    let puts = host.puts("orders");
    assert_eq!(puts.len(), 1);
    let mut all = ids.to_vec();
    all.sort_unstable();
    assert_eq!(puts[0].requirements.keys().copied().collect::<Vec<_>>(), all);
    assert_eq!(puts[0].requirements[&ids[0]].upper(), before[&ids[0]]);
    assert_eq!(puts[0].requirements[&ids[1]].upper(), 1, "the new vertex stays as it was deployed");
}

#[tokio::test]
async fn a_target_from_before_a_redeploy_is_cut_to_the_new_max_parallelism() {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    host.passes(12).await;
    host.cluster.remove(host.job("orders")).unwrap();
    let mut smaller = short_of_three("orders");
    smaller.vertices[1].max_parallelism = 2;
    host.cluster.submit(smaller).unwrap();
    host.passes(3).await;
    assert_eq!(host.parallelism("orders"), [1, 2]);
    assert_eq!(host.last("orders").error, None);
}

#[tokio::test]
async fn two_running_jobs_of_one_name_are_told_apart_with_a_warning() {
    let (log, _guard) = Log::listen();
    let steady = crate::pipeline("orders", Load::Constant(100.0));
    let mut host = Scenario::of([steady, short_of_three("orders")]).start().await;
    host.passes(14).await;
    assert_eq!(log.lines("another running job has the same name").len(), 2);
    let snapshot = host.cluster.snapshot();
    let puts: Vec<usize> = snapshot.iter().map(|job| host.cluster.rescales(job.id).unwrap().len()).collect();
    assert_eq!(puts, [0, 1], "only the one that needs it is scaled");
    assert!(host.state("orders").await.is_empty());
    assert!(!host.state(&format!("orders ({})", snapshot[1].id)).await.is_empty());
}

#[tokio::test]
async fn the_state_of_a_job_that_is_gone_for_long_is_forgotten() {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    host.passes(12).await;
    host.cluster.remove(host.job("orders")).unwrap();
    host.passes(350).await;
    assert!(!host.state("orders").await.is_empty());
    host.passes(20).await;
    assert!(host.state("orders").await.is_empty());
}
