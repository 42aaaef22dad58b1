//! What goes wrong with one job stays with it.

use std::time::Duration;

use tidegate::control::Stage;
use tidegate_tests::host::{Host, Scenario};

use crate::short_of_three;

fn details(host: &Host, name: &str) -> String {
    format!("/jobs/{}", host.job(name))
}

#[tokio::test]
async fn a_job_whose_details_fail_harms_no_other_and_is_scaled_when_they_are_back() {
    let mut host = Scenario::of([short_of_three("broken"), short_of_three("orders")]).start().await;
    let path = details(&host, "broken");
    host.cluster.fail(&path, 500);
    host.passes(10).await;
    assert_eq!(host.puts("orders").len(), 1);
    assert_eq!(host.puts("broken"), []);
    let last = host.last("broken");
    assert_eq!(last.stage, Stage::Collecting);
    assert!(last.error.as_ref().unwrap().contains("500"), "{:?}", last.error);
    assert_eq!(host.events("broken", "AutoscalerError").len(), 1, "it is told once, not in every pass");
    assert!(host.records("orders").iter().all(|record| record.error.is_none()));
    host.cluster.heal(&path);
    host.passes(12).await;
    assert_eq!(host.puts("broken").len(), 1);
}

#[tokio::test]
async fn a_slow_job_delays_no_other_and_never_has_two_passes_at_once() {
    let mut host = Scenario::of([short_of_three("slow"), short_of_three("orders")]).start().await;
    let path = details(&host, "slow");
    host.cluster.delay(&path, Duration::from_secs(2));
    for _ in 0..8 {
        host.begin_pass().await;
        host.finish_all_but(1).await;
    }
    assert_eq!(host.records("orders").len(), 8, "the others keep their pace");
    assert_eq!(host.records("slow").len(), 0, "its first pass is still under way");
    host.cluster.heal(&path);
    host.finish_all_but(0).await;
    assert_eq!(host.records("slow").len(), 1, "no second one was begun");
    host.passes(2).await;
    assert_eq!(host.records("slow").len(), 3);
}

#[tokio::test]
async fn a_job_that_comes_back_while_its_pass_is_under_way_gets_no_second_one() {
    let mut host = Scenario::of([short_of_three("slow")]).start().await;
    let path = details(&host, "slow");
    host.cluster.delay(&path, Duration::from_secs(2));
    host.begin_pass().await;
    // A JobManager that has just been elected lists no jobs, and then all of them.
    host.cluster.hide_jobs(true);
    host.begin_pass().await;
    host.cluster.hide_jobs(false);
    host.begin_pass().await;
    host.begin_pass().await;
    host.cluster.heal(&path);
    host.finish_all_but(0).await;
    assert_eq!(host.records("slow").len(), 1);
}

#[tokio::test]
async fn a_redeploy_waits_for_the_last_pass_over_its_predecessor() {
    let mut host = Scenario::of([short_of_three("slow")]).start().await;
    let (first, path) = (host.job("slow"), details(&host, "slow"));
    host.cluster.delay(&path, Duration::from_secs(2));
    host.begin_pass().await;
    host.cluster.remove(first).unwrap();
    host.cluster.submit(short_of_three("slow")).unwrap();
    host.begin_pass().await;
    host.finish_all_but(0).await;
    let seen = |host: &Host| host.records("slow").iter().map(|record| record.job.id).collect::<Vec<_>>();
    assert_eq!(seen(&host), [first], "two passes that write the same state are never under way at once");
    host.pass().await;
    assert_eq!(seen(&host), [first, host.job("slow")]);
}
