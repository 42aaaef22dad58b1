//! Holding the targets, whatever others do.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate::control::Realization;
use tidegate::flink::{JobManager, RestClient, RestOptions};
use tidegate::model::Bounds;
use tidegate_tests::host::{Host, Scenario};

use crate::short_of_three;

/// A host whose job has been scaled and runs with its targets.
async fn settled() -> Host {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    host.passes(14).await;
    assert_eq!(host.last("orders").realization, Realization::InPlace);
    host
}

#[tokio::test]
async fn bounds_that_somebody_else_changed_are_restored_by_the_next_pass() {
    let mut host = settled().await;
    let wanted = host.parallelism("orders");
    let somebody = RestClient::new(&RestOptions::new(host.url())).unwrap();
    let job = host.job("orders");
    let present = somebody.resource_requirements(job).await.unwrap();
    let ones: BTreeMap<_, _> = present.keys().map(|id| (*id, Bounds::new(1, 1).unwrap())).collect();
    somebody.set_resource_requirements(job, &ones).await.unwrap();
    host.passes(3).await;
    assert_eq!(host.cluster.requirements(job).unwrap(), present);
    assert_eq!(host.puts("orders").len(), 3, "ours, theirs, and ours again");
    host.passes(2).await;
    assert_eq!(host.parallelism("orders"), wanted);
    assert_eq!(host.puts("orders").len(), 3);
    assert_eq!(host.events("orders", "Scaling").len(), 2);
}

#[tokio::test]
async fn targets_are_asserted_again_after_the_cluster_was_restarted() {
    let mut host = settled().await;
    let wanted = host.parallelism("orders");
    // A JobManager that recovers a job knows nothing of the bounds that it was given before.
    host.cluster.fail("/jobs/overview", 503);
    host.passes(3).await;
    host.cluster.remove(host.job("orders")).unwrap();
    host.cluster.submit(short_of_three("orders")).unwrap();
    host.cluster.heal("/jobs/overview");
    assert_eq!(host.parallelism("orders"), [1, 1]);
    host.passes(2).await;
    assert_eq!(host.parallelism("orders"), wanted);
}

#[tokio::test]
async fn a_restart_of_the_job_changes_no_targets() {
    let mut host = settled().await;
    let (wanted, targets) = (host.parallelism("orders"), host.last("orders").targets.clone());
    host.cluster.restart(host.job("orders")).unwrap();
    host.passes(3).await;
    assert_eq!(host.last("orders").samples, 3, "what was measured before the restart is void");
    assert_eq!((host.parallelism("orders"), &host.last("orders").targets), (wanted, &targets));
    assert_eq!(host.puts("orders").len(), 1);
}

#[tokio::test]
async fn a_request_that_is_refused_is_told_and_made_again() {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    let path = format!("/jobs/{}/resource-requirements", host.job("orders"));
    host.cluster.fail(&path, 500);
    host.passes(12).await;
    let last = host.last("orders");
    assert!(matches!(last.realization, Realization::Failed { .. }), "{}", last.realization);
    assert_eq!(host.events("orders", "AutoscalerError").len(), 1);
    host.cluster.heal(&path);
    host.passes(2).await;
    assert!(host.parallelism("orders")[1] >= 3);
    assert_eq!(host.last("orders").error, None);
}

#[tokio::test]
async fn requirements_that_are_slow_to_come_hold_up_no_other_job() {
    let mut host = Scenario::of([short_of_three("slow"), short_of_three("orders")]).start().await;
    let path = format!("/jobs/{}/resource-requirements", host.job("slow"));
    host.cluster.delay(&path, Duration::from_secs(2));
    host.passes(6).await;
    for _ in 0..6 {
        host.begin_pass().await;
        host.finish_all_but(1).await;
    }
    assert_eq!(host.puts("orders").len(), 1);
    assert_eq!(host.records("orders").len(), 12);
    host.cluster.heal(&path);
    host.finish_all_but(0).await;
    assert_eq!(host.puts("slow").len(), 1);
}
