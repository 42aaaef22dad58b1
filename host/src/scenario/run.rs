//! The loop: the real host looks at a simulated cluster, time moves on by a second, and again.

use std::sync::Arc;
use std::time::Duration;

use tidegate_common::time::Timestamp;

use super::measure::{Run, Tally};
use super::transport::InProcess;
use super::{Scenario, ScenarioError};
use crate::control::DecisionRecord;
use crate::model::JobKey;
use crate::offline::{Helpers, OfflineHost};
use crate::policy::Policy;
use crate::simulate::{Cluster, ManualClock};
use crate::zone::Zone;

/// What the cluster of a scenario is called.
const CLUSTER: &str = "simulated";

/// When every scenario begins: 2026-01-01T00:00:00Z.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Simulates a scenario with `policy` deciding, as fast as the machine goes.
///
/// The same scenario, seed and policy come to the same, to the last digit.
///
/// # Errors
/// When no job can have the scenario's shape.
pub async fn simulate(scenario: &Scenario, policy: &Arc<dyn Policy>) -> Result<Run, ScenarioError> {
    let clock = ManualClock::starting_at(START);
    let wrong = |source| ScenarioError::Shape { scenario: scenario.name.clone(), source };
    let cluster = Cluster::with_options(Vec::new(), scenario.cluster.clone(), clock.clock()).map_err(wrong)?;
    let id = cluster.submit(scenario.shape.clone()).map_err(wrong)?;
    let key = JobKey { cluster: CLUSTER.to_owned(), id };
    let way = InProcess(Arc::clone(&cluster).router());
    let mut host =
        OfflineHost::new(way, CLUSTER, policy, &Helpers::default(), scenario.options.clone(), Zone::default());
    let mut tally = Tally::new(scenario);
    let interval = scenario.interval.as_secs().max(1);
    for second in 0..scenario.lasts.as_secs() {
        let pass = second % interval == 0;
        if pass && second > 0 {
            let now = clock.now();
            host.pass(now).await;
            let record = host.record(&key).filter(|record| record.at == now);
            tally.pass(failure(record.as_deref()).as_deref());
        }
        if let Some(job) = cluster.snapshot().first() {
            tally.second(second, job, pass);
        }
        clock.advance(Duration::from_secs(1));
    }
    Ok(tally.finish())
}

/// Why a pass changed nothing that should have been able to.
fn failure(record: Option<&DecisionRecord>) -> Option<String> {
    use crate::control::Realization::{Failed, Impossible};
    match record {
        None => Some("the cluster could not be looked at".to_owned()),
        Some(record) => record.error.clone().or_else(|| match &record.realization {
            Failed { reason } | Impossible { reason } => Some(reason.clone()),
            _ => None,
        }),
    }
}
