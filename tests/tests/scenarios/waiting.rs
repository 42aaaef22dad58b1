//! Jobs that do not run yet, or not for the moment.

use std::time::Duration;

use tidegate::control::{DecisionRecord, Realization, Stage};
use tidegate::model::{JobStatus, Verdict};
use tidegate::simulate::ClusterOptions;
use tidegate_tests::host::Scenario;

use crate::log::Log;
use crate::short_of_three;

#[tokio::test]
async fn a_job_that_waits_for_slots_is_no_error_is_not_touched_and_is_scaled_once_it_runs() {
    let slow = ClusterOptions { downtime: Duration::from_secs(100), ..ClusterOptions::default() };
    let mut host = Scenario::of([short_of_three("orders")]).cluster(slow).start().await;
    host.cluster.restart(host.job("orders")).unwrap();
    host.passes(9).await;
    let records = host.records("orders");
    assert_eq!(records.iter().map(|record| &record.error).collect::<Vec<_>>(), [&None; 9]);
    for status in [JobStatus::Restarting, JobStatus::Created] {
        let seen = records.iter().filter(|record| record.status == status).count();
        assert!(seen >= 3, "{status}: {seen}");
    }
    assert!(records.iter().all(|record| record.stage == Stage::None && record.decision.is_none()));
    assert!(records.iter().all(|record| record.realization == Realization::Nothing));
    assert_eq!(host.puts("orders"), []);
    host.passes(12).await;
    assert_eq!(host.puts("orders").len(), 1);
}

#[tokio::test]
async fn slots_that_are_missing_are_shown_as_pending_and_taken_when_they_come() {
    let small = ClusterOptions { task_managers: 1, slots_per_task_manager: 2, ..ClusterOptions::default() };
    let mut host = Scenario::of([short_of_three("orders")]).cluster(small).start().await;
    host.passes(12).await;
    assert_eq!(host.parallelism("orders")[1], 2);
    assert_eq!(host.last("orders").realization, Realization::Pending);
    let asked = host.puts("orders").len();
    host.cluster.add_slots(30);
    host.passes(3).await;
    assert_eq!(host.last("orders").realization, Realization::InPlace, "{:?}", host.parallelism("orders"));
    assert_eq!(host.puts("orders").len(), asked, "Flink remembers what it was asked for");
}

#[tokio::test]
async fn a_decision_that_cannot_be_carried_out_for_long_is_not_told_in_every_pass() {
    let (log, _guard) = Log::listen();
    let small = ClusterOptions { task_managers: 1, slots_per_task_manager: 2, ..ClusterOptions::default() };
    let mut host = Scenario::of([short_of_three("orders")]).cluster(small).start().await;
    host.passes(60).await;
    let scaling = |record: &&DecisionRecord| {
        record.decision.as_ref().is_some_and(|decision| matches!(decision.verdict, Verdict::Scale(_)))
    };
    let decided = host.records("orders").into_iter().filter(scaling).count();
    assert!(decided > 20, "the policy wants the same in every pass: {decided}");
    let asked = host.puts("orders").len();
    assert!(asked <= 3, "{asked}");
    assert_eq!(log.lines("scaling decided").len(), asked);
    let told = host.events("orders", "ScalingReport").len();
    assert!(told <= asked + 1, "{told}");
}
