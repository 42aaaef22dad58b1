//! What several policies made of one scenario, in figures.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Run, Scenario};

/// A scenario, and what came of it under each policy.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// What it is, in a line.
    pub title: String,
    /// What chance began with.
    pub seed: u64,
    /// One for each policy.
    pub sides: Vec<Side>,
    /// Published figures: rescales for each change of the load.
    pub published: BTreeMap<String, f64>,
}

/// One policy.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// What it was called on the command line.
    pub policy: String,
    /// Rescales for each change of the load; nothing where it changes all the time.
    pub rescales_per_change: Option<f64>,
    /// Mean of the seconds from a change until the job had settled, of those changes after which it had.
    pub settled_after_mean: Option<f64>,
    /// The longest of them.
    pub settled_after_max: Option<u64>,
    /// Changes after which it had not before the next one.
    pub never_settled: usize,
    /// Mean of the records that waited.
    pub backlog_mean: f64,
    /// Share of the time outside of the bounds of utilisation: behind, or idle.
    pub outside_bounds: f64,
    /// All that was measured.
    pub run: Run,
}

impl Report {
    /// The figures of these runs, each under its policy's name.
    pub fn new(scenario: &Scenario, runs: Vec<(String, Run)>) -> Self {
        // One change is the beginning: a load that moves all the time has no levels to settle at.
        let levels = scenario.changes.len() > 1;
        Self {
            scenario: scenario.name.clone(),
            title: scenario.title.clone(),
            seed: scenario.seed,
            sides: runs.into_iter().map(|(policy, run)| Side::new(policy, run, levels)).collect(),
            published: scenario.published.clone(),
        }
    }
}

impl Side {
    fn new(policy: String, run: Run, levels: bool) -> Self {
        let changes = if levels { run.changes.as_slice() } else { &[] };
        let settled: Vec<u64> = changes.iter().filter_map(|change| change.settled_after).collect();
        let mean = |sum: f64, count: usize| (count > 0).then(|| sum / count as f64);
        let seconds = (run.seconds as f64).max(1.0);
        Self {
            policy,
            rescales_per_change: mean(run.rescales as f64, changes.len()),
            settled_after_mean: mean(settled.iter().map(|seconds| *seconds as f64).sum(), settled.len()),
            settled_after_max: settled.iter().copied().max(),
            never_settled: changes.len() - settled.len(),
            backlog_mean: run.backlog_record_seconds / seconds,
            outside_bounds: (run.behind_seconds + run.idle_seconds) as f64 / seconds,
            run,
        }
    }
}
