//! Jobs that are switched off, or configured wrongly.

use tidegate::control::{Realization, Stage};
use tidegate_tests::host::Scenario;

use crate::short_of_three;

#[tokio::test]
async fn a_job_that_is_switched_off_is_left_alone_and_its_state_is_cleared() {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    host.passes(12).await;
    assert_eq!(host.puts("orders").len(), 1);
    let targets = host.last("orders").targets.clone();
    assert_eq!(targets.len(), 2);

    let redeploy = |enabled: &str| short_of_three("orders").configured("job.autoscaler.enabled", enabled);
    host.cluster.remove(host.job("orders")).unwrap();
    host.cluster.submit(redeploy("false")).unwrap();
    host.passes(10).await;
    assert_eq!(host.puts("orders"), []);
    let last = host.last("orders");
    assert_eq!((last.stage, &last.realization, last.targets.len()), (Stage::None, &Realization::Nothing, 0));

    host.cluster.remove(host.job("orders")).unwrap();
    host.cluster.submit(redeploy("true")).unwrap();
    host.pass().await;
    assert_eq!(host.last("orders").targets.len(), 0, "nothing is left of the first deployment");
}

#[tokio::test]
async fn wrong_options_are_told_once_in_the_validators_words_and_nothing_is_done() {
    let shape = short_of_three("orders").configured("job.autoscaler.utilization.target", "-0.3");
    let mut host = Scenario::of([shape]).start().await;
    host.passes(12).await;
    let events = host.events("orders", "AutoScaler Options Validation");
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].event.message.contains("job.autoscaler.utilization.target"), "{}", events[0].event.message);
    assert_eq!(host.puts("orders"), []);
    for record in host.records("orders") {
        assert_eq!((record.stage, record.samples), (Stage::None, 0));
        assert_eq!(record.error.as_ref(), Some(&events[0].event.message));
    }
}

#[tokio::test]
async fn the_record_of_a_pass_says_how_far_it_got_what_was_decided_and_what_came_of_it() {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    host.passes(14).await;
    let records = host.records("orders");
    let stages: Vec<Stage> = records.iter().map(|record| record.stage).collect();
    assert_eq!(
        stages[..6],
        [[Stage::TooFewSamples; 1].as_slice(), &[Stage::WindowNotFull; 4], &[Stage::Executed]].concat()
    );
    let asked = records.iter().position(|record| record.realization == Realization::Requested).unwrap();
    assert_eq!(records[asked].targets.len(), 2);
    assert!(records[..asked].iter().all(|record| record.targets.is_empty()));
    assert_eq!(records[13].realization, Realization::InPlace);
    let metrics = host.metrics();
    for line in [
        "tidegate_passes_total{cluster=\"simulated\",stage=\"executed\"}",
        "tidegate_decisions_total{cluster=\"simulated\",verdict=\"scale\"} 1",
        "tidegate_rescales_total{cluster=\"simulated\",outcome=\"requested\"} 1",
        "tidegate_events_total{cluster=\"simulated\",reason=\"Scaling\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}
