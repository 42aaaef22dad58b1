//! What happened during the demo, in all.

use std::fmt;

use super::DemoView;
use super::view::grouped;

/// What happened to each job, counted from the views that were shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// In the order in which the jobs were first seen.
    pub jobs: Vec<JobTally>,
}

/// What happened to one job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobTally {
    /// Its name.
    pub name: String,
    /// Rescales after which at least one vertex had more subtasks.
    pub ups: u32,
    /// Rescales after which no vertex had more and at least one had fewer.
    pub downs: u32,
    /// Records that waited when it was first seen.
    pub first_lag: f64,
    /// The most that ever waited.
    pub highest_lag: f64,
    /// Records that waited when it was last seen.
    pub last_lag: f64,
    parallelism: Vec<u32>,
}

impl Tally {
    /// Takes note of what is shown.
    pub fn observe(&mut self, view: &DemoView) {
        for job in &view.jobs {
            let lag = job.lag();
            let parallelism: Vec<u32> = job.rows.iter().map(|row| row.parallelism).collect();
            let Some(tally) = self.jobs.iter_mut().find(|tally| tally.name == job.name) else {
                self.jobs.push(JobTally {
                    name: job.name.clone(),
                    ups: 0,
                    downs: 0,
                    first_lag: lag,
                    highest_lag: lag,
                    last_lag: lag,
                    parallelism,
                });
                continue;
            };
            tally.last_lag = lag;
            tally.highest_lag = tally.highest_lag.max(lag);
            if !job.is_running() {
                continue;
            }
            let mut changes = tally.parallelism.iter().zip(&parallelism);
            if changes.clone().any(|(before, now)| now > before) {
                tally.ups += 1;
            } else if changes.any(|(before, now)| now < before) {
                tally.downs += 1;
            }
            tally.parallelism = parallelism;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.jobs.iter().map(|job| job.name.chars().count()).max().unwrap_or(0).max(3);
        write!(
            f,
            "{:width$}  {:>3}  {:>4}  {:>11}  {:>11}  {:>11}",
            "job", "up", "down", "lag: first", "highest", "last"
        )?;
        for job in &self.jobs {
            let [first, highest, last] = [job.first_lag, job.highest_lag, job.last_lag].map(grouped);
            write!(
                f,
                "\n{:width$}  {:>3}  {:>4}  {first:>11}  {highest:>11}  {last:>11}",
                job.name, job.ups, job.downs
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::{at, job};
    use super::*;

    #[test]
    fn rescales_are_counted_when_the_job_runs_again() {
        let mut tally = Tally::default();
        for (state, lag, parallelism) in [
            ("RUNNING", 5.0, 1),
            ("RESTARTING", 700.0, 1),
            ("CREATED", 900.0, 1),
            ("RUNNING", 800.0, 4),
            ("RUNNING", 0.0, 4),
            ("RUNNING", 0.0, 2),
        ] {
            let mut job = job("orders", lag, parallelism, 4);
            job.state = state.to_owned();
            tally.observe(&DemoView { now: at(0), jobs: vec![job], policy: None });
        }
        let found = &tally.jobs[0];
        assert_eq!((found.ups, found.downs), (1, 1));
        assert_eq!((found.first_lag, found.highest_lag, found.last_lag), (5.0, 900.0, 0.0));
        let expected = [
            "job      up  down   lag: first      highest         last",
            "orders    1     1            5          900            0",
        ];
        assert_eq!(tally.to_string().lines().collect::<Vec<_>>(), expected);
    }
}
