//! Advisory mode: everything but the rescale.

use tidegate::control::Realization;
use tidegate::model::Verdict;
use tidegate_tests::host::{Scenario, hostile_policy};

use crate::short_of_three;

#[tokio::test]
async fn advisory_mode_reports_what_it_would_do_and_asks_for_nothing() {
    let mut host = Scenario::of([short_of_three("orders")])
        .option("job.autoscaler.scaling.enabled", "false")
        .option("job.autoscaler.scaling.event.interval", "30min")
        .start()
        .await;
    host.passes(30).await;
    assert_eq!(host.puts("orders"), []);
    let reports = host.events("orders", "ScalingReport");
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].event.message.contains("recommended parallelism"), "{}", reports[0].event.message);
    let decision = host.last("orders").decision.as_ref().unwrap();
    assert!(matches!(decision.verdict, Verdict::Hold { .. }));
    assert!(decision.recommended[1] >= 3, "{:?}", decision.recommended);
}

#[tokio::test]
async fn advisory_mode_does_not_depend_on_the_policy() {
    let shape = short_of_three("orders").configured("hostile.act", "scale-anyway");
    let mut host = Scenario::of([shape])
        .policy("orders", hostile_policy())
        .option("job.autoscaler.scaling.enabled", "false")
        .start()
        .await;
    host.passes(12).await;
    assert_eq!(host.puts("orders"), []);
    let error = host.last("orders").error.clone().unwrap();
    assert!(error.contains("`hostile` wants to scale although scaling is switched off"), "{error}");
    assert_eq!(host.events("orders", "AutoscalerError").len(), 1, "it is told once");
}

#[tokio::test]
async fn targets_from_before_advisory_mode_are_not_held() {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    host.passes(12).await;
    assert_eq!(host.puts("orders").len(), 1);
    host.cluster.remove(host.job("orders")).unwrap();
    let advisory = short_of_three("orders").configured("job.autoscaler.scaling.enabled", "false");
    host.cluster.submit(advisory).unwrap();
    host.passes(12).await;
    assert_eq!(host.puts("orders"), []);
    assert_eq!(host.last("orders").realization, Realization::Nothing);
    assert_eq!(host.parallelism("orders"), [1, 1]);
}
